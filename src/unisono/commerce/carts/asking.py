"""What the API of carts is asked, and what it answers beside carts."""

from __future__ import annotations

from uuid import UUID

import msgspec

from unisono.commerce.carts.model import CartItem


class NewCart(msgspec.Struct, frozen=True, kw_only=True):
    """A cart to be: of a person, or nobody's yet. Without a currency the company's."""

    person_id: int | None = None
    currency: str | None = None


class LinesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Products to add; the quantity adds to what there is. All or none."""

    lines: list[CartItem]
    expected_version: int | None = None
    currency: str | None = None
    """Of a cart made by this; the company's when missing."""


class QuantityRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How many there shall be, 1 to 9999."""

    quantity: int
    note: str | None = None
    expected_version: int | None = None


class CouponsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All coupons that are entered."""

    coupons: list[str]
    expected_version: int | None = None


class ShareRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How the link is sent on, as ``email``."""

    via: str | None = None


class CopyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The token of a shared cart."""

    token: str
    currency: str | None = None


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whose the cart is."""

    person_id: int


class CartState(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a cart."""

    id: UUID
    status: str
    version: int
