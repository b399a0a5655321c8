"""A cart, its lines, what became of it, and how a channel sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from unisono.commerce.promotions.model import Quote
from unisono.kit.reasons import Reason

MAX_QUANTITY: Final = 9999
MAX_LINES: Final = 200
MAX_COUPONS: Final = 10
MAX_NOTE: Final = 500

Status = Literal["active", "checkout", "ordered", "merged", "discarded"]
Rule = Literal["sum", "max"]
Trouble = Literal["payment_failed", "payment_slow"]
Left = Literal["payment_failed", "payment_slow", "left"]


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """Who touches a cart, where and when: what they see is what counts there."""

    channel: str
    now: datetime
    store_id: str | None = None
    node_id: int | None = None
    """The identifier it happens under; None: the cart's own."""
    language: str = "en"
    timezone: str = "Europe/Rome"
    """The installation's; a store's own comes before it."""
    actor: str = "customer"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of a variant, with what its channel showed for one of them."""

    variant_id: int
    sku: str
    quantity: int
    channel: str
    store_id: str | None
    seen_minor: int
    """Unit price its channel showed when it was added or last looked at, in the cart's currency."""
    seen_at: datetime
    node_id: int | None
    """The identifier that put it in."""
    note: str | None
    added_at: datetime


class MergeShown(msgspec.Struct, frozen=True, kw_only=True):
    """A merge that can be undone."""

    id: int
    other_id: UUID
    rule: Rule
    at: datetime
    actor: str
    notices: tuple[Reason, ...]


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """A cart as it is kept; with every change its version goes up by one."""

    id: UUID
    code: str
    node_id: int | None
    status: Status
    channel: str
    store_id: str | None
    currency: str
    coupons: tuple[str, ...]
    shared: bool
    order_id: int | None
    paying_until: datetime | None
    paying_for: str | None = None
    """The checkout it is being paid in, as its holds and uses name it."""
    trouble: Trouble | None
    left_as: Left | None
    left_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int
    idle_timer: int | None = None
    person_id: int | None = None
    """Whose it is now; not part of what is kept."""
    lines: tuple[Line, ...] = ()
    merges: tuple[MergeShown, ...] = ()

    def line(self, variant_id: int) -> Line | None:
        """Its line of this variant."""
        return next((line for line in self.lines if line.variant_id == variant_id), None)


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two carts before they were merged."""

    lines: tuple[Line, ...]
    coupons: tuple[str, ...]


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """Two carts before their merge: ``own`` is the one that went on."""

    own: Side
    other: Side
    gained: dict[int, int]
    """Variant id to the units the merge brought into the cart that went on."""


class CartItem(msgspec.Struct, frozen=True, kw_only=True):
    """What is to go into a cart; ``sku`` may be any barcode of it."""

    sku: str
    quantity: int = 1
    note: str | None = None


class CartLineView(msgspec.Struct, frozen=True, kw_only=True):
    """A line as one channel sees it at one instant; amounts in minor units of the cart's currency."""

    sku: str
    name: str
    quantity: int
    unit_minor: int | None
    """One unit here and now; None when it cannot be bought here."""
    prior_minor: int | None
    """The price its announced reduction is measured on."""
    seen_minor: int
    seen_channel: str
    seen_at: datetime
    available: int | None
    """Units that can be promised here; None where nobody counts them."""
    notices: tuple[Reason, ...]
    """What has changed since the line was looked at."""
    discount_minor: int
    total_minor: int
    """After all promotions."""
    note: str | None


class CartView(msgspec.Struct, frozen=True, kw_only=True):
    """A cart as one channel sees it at one instant: prices, stock and promotions of now, what changed since."""

    id: UUID
    code: str
    node_id: int | None
    person_id: int | None
    status: Status
    version: int
    currency: str
    coupons: tuple[str, ...]
    shared: bool
    lines: tuple[CartLineView, ...]
    quote: Quote | None
    """None for a cart in which nothing can be bought."""
    notices: tuple[Reason, ...]
    merges: tuple[MergeShown, ...]
    """Merges that can be undone, newest first."""
    updated_at: datetime


class SharedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of somebody else's cart."""

    sku: str
    name: str
    quantity: int
    unit_minor: int | None
    available: int | None


class SharedCart(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's cart as the holder of its link sees it: what is in it, not whose it is."""

    currency: str
    lines: tuple[SharedLine, ...]
    total_minor: int
    """Of what can be bought, before promotions: those are the buyer's own."""


class ShareLink(msgspec.Struct, frozen=True, kw_only=True):
    """The token of a shared cart: whoever has it sees the cart. It is told once and kept nowhere."""

    token: str


class CartSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How carts behave in this installation."""

    idle_minutes: int = 60
    """Nothing done to a cart for so long: it counts as abandoned."""
    merge_rule: Rule = "sum"
