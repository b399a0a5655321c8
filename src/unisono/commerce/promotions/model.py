"""What promotions see (a basket), what they are, and what comes of it (a quote).

Amounts are minor units of the basket's currency; instants are aware and UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from unisono.commerce.promotions.language import Amount, Condition, Effect, Level, Name, Units, level_of
from unisono.kit.reasons import Reason

Status = Literal["draft", "active", "paused", "ended"]


# A basket -------------------------------------------------------------------------------------------------


class BasketLine(msgspec.Struct, frozen=True, kw_only=True):
    """Goods of one kind in a basket."""

    line_id: str
    sku: str
    quantity: int
    unit_minor: int
    product_code: str = ""
    category_codes: tuple[str, ...] = ()
    """From the root to the leaf."""
    brand: str | None = None
    tags: tuple[str, ...] = ()
    prior_minor: int | None = None
    """The prior price when the unit price is a reduced one."""
    tax_rate_bp: int = 0


class PersonFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What promotions may ask about a person."""

    person_id: int | None = None
    identified: bool = True
    """False for a visitor of whom we have but a device: he has an id and is nobody we know."""
    segments: frozenset[str] = frozenset()
    tier: str | None = None
    audiences: frozenset[str] = frozenset()
    orders_before: int = 0
    birthday: date | None = None
    uses: Mapping[str, int] = {}
    """How often he has used a promotion, by its code, over all his identifiers."""
    traits: Mapping[str, Any] = {}

    @property
    def known(self) -> bool:
        """Whether we know who it is."""
        return self.person_id is not None and self.identified


NOBODY = PersonFacts()
"""Somebody we know nothing of."""


class Basket(msgspec.Struct, frozen=True, kw_only=True):
    """Goods at their prices, and everything else a promotion may ask: where, when, who, with which coupons."""

    currency: str
    channel: str
    at: datetime
    lines: tuple[BasketLine, ...]
    tax_included: bool = True
    store_id: str | None = None
    timezone: str = "Europe/Rome"
    """IANA name: of the store, else of the installation."""
    person: PersonFacts = NOBODY
    coupons: tuple[str, ...] = ()
    shipping_minor: int = 0
    shipping_tax_rate_bp: int = 0


# A promotion ----------------------------------------------------------------------------------------------

Code = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$", description="Small letters, digits, . _ -")]


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A promotion as people write it."""

    code: Code
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    effects: Annotated[tuple[Effect, ...], Meta(min_length=1, max_length=10)]
    conditions: Condition | None = None
    texts: dict[Annotated[str, Meta(max_length=20)], Annotated[str, Meta(max_length=2000)]] = {}
    """Language to what customers read."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    exclusive_group: Name | None = None
    """Of a group only one applies: the one of the highest priority, among equals the best for the customer."""
    combinable: bool = True
    combines_with: Annotated[frozenset[Name], Meta(max_length=1000)] | None = None
    """Codes of the only promotions it may stand beside; any when missing."""
    needs_coupon: bool = False
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    """Needed when the definition speaks of amounts; the promotion is for baskets in it alone."""
    budget_minor: Amount | None = None
    """What all its discounts may come to, in ``currency``."""
    max_uses: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    per_person: Units | None = None
    """How often one person may use it, over all his identifiers."""


class Promotion(Definition, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A promotion as it stands."""

    id: int = 0
    status: Status = "active"
    version: int = 1

    @property
    def level(self) -> Level:
        """Catalogue promotions come before those on the order."""
        return "catalogue" if any(level_of(effect) == "catalogue" for effect in self.effects) else "order"


class PromotionState(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion with what has been used of its limits (None: not limited)."""

    promotion: Promotion
    updated_at: datetime
    budget_used_minor: int | None
    times_used: int | None


class PromotionVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a promotion was from an instant on, and who made it so."""

    version: int
    at: datetime
    actor: str
    definition: Definition


class CouponState(msgspec.Struct, frozen=True, kw_only=True):
    """What a code that was entered is: of which promotion, and why it does not stand if it does not."""

    promotion: str | None
    """The promotion's code; None when nobody knows the coupon."""
    refused: Reason | None = None


class UseState(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of limited promotions, by code; what is not named has no limit."""

    uses_left: Mapping[str, int] = {}
    budget_left_minor: Mapping[str, int] = {}
    coupons: Mapping[str, CouponState] = {}
    """By the code as `coupon_code` writes it."""
    out_of_stock: frozenset[str] = frozenset()
    """Skus that cannot be given as gifts at present."""


UNLIMITED = UseState()
"""Nothing is used, nothing is limited, no coupon is known."""


def coupon_code(text: str) -> str:
    """A coupon as it is kept, whatever case and blanks it was typed with."""
    return "".join(text.split()).upper()


# A quote --------------------------------------------------------------------------------------------------


class Share(msgspec.Struct, frozen=True):
    """What one promotion takes off a line."""

    code: str
    amount_minor: int


class QuotedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line after promotions: ``total_minor`` is gross less discount, with tax inside when prices include it."""

    line_id: str
    unit_minor: int
    quantity: int
    gross_minor: int
    discount_minor: int
    total_minor: int
    tax_minor: int
    shares: tuple[Share, ...] = ()


class GivenGift(msgspec.Struct, frozen=True):
    """Goods that come with the basket for nothing."""

    sku: str
    quantity: int


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion that counts: what it saves (shipping included) and why it does."""

    code: str
    name: str
    amount_minor: int
    coupon: str | None = None
    gifts: tuple[GivenGift, ...] = ()
    points_factor: int = 10_000
    """Hundredths of a percent: 20000 doubles the points."""
    points_bonus: int = 0
    shipping_minor: int = 0
    """The part of the amount that is off shipping."""
    reasons: tuple[Reason, ...] = ()
    promotion_id: int = 0


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion that does not count, every reason why, and the amount that is missing if an amount is."""

    code: str
    name: str
    reasons: tuple[Reason, ...]
    missing_minor: int | None = None


class CouponAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a code that was entered."""

    coupon: str
    accepted: bool
    promotion: str | None = None
    reasons: tuple[Reason, ...] = ()


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a basket costs.

    ``subtotal`` is the goods before, ``discount`` what promotions take off the goods; ``shipping`` is what is left of
    it after ``shipping_discount``. ``total`` is subtotal - discount + shipping, and + tax when prices are without it.
    """

    currency: str
    tax_included: bool
    lines: tuple[QuotedLine, ...]
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    shipping_discount_minor: int
    tax_minor: int
    total_minor: int
    applied: tuple[Applied, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    coupons: tuple[CouponAnswer, ...] = ()


# Coupons --------------------------------------------------------------------------------------------------

UNLIMITED_USES = 10**12
"""The capacity of a coupon anybody may use as often as its promotion lets him: nothing is put aside for it."""


class NewCoupons(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Coupons to make: unique ones, many at once, or one generic code."""

    kind: Literal["unique", "generic"] = "unique"
    count: Annotated[int, Meta(ge=1, le=50_000)] = 1
    """Of unique ones, how many; with ``people`` one each."""
    code: Annotated[str, Meta(min_length=3, max_length=40)] | None = None
    """Of a generic one, what people type."""
    prefix: Annotated[str, Meta(max_length=20)] = ""
    length: Annotated[int, Meta(ge=8, le=24)] = 10
    """Letters after the prefix: 10 are 50 bits nobody guesses."""
    max_uses: Annotated[int, Meta(ge=1, le=10**9)] | None = None
    """Of a generic one; None: no limit of its own."""
    people: Annotated[tuple[Annotated[str, Meta(max_length=300)], ...], Meta(max_length=50_000)] = ()
    """Whose they are, each by an identifier as ``email:anna@example.it`` or a person's number; he may use it under
    any of his identifiers."""
    batch: Name | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None


class CouponBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Coupons that were made, in the order of ``people`` when they were given to some."""

    promotion: str
    batch: str | None
    coupons: tuple[str, ...]


class CouponUse(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a coupon: put aside, used, or given back."""

    reference: str
    order_number: str | None
    state: Literal["held", "expired", "committed", "released"]
    amount_minor: int
    currency: str
    at: datetime
    expires_at: datetime | None
    channel: str
    store_id: str | None


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon, whether it can be used at this instant and if not why not."""

    coupon: str
    kind: Literal["unique", "generic"]
    promotion: str
    promotion_name: str
    batch: str | None
    person_id: int | None
    """Whose it is now; None: anybody's."""
    starts_at: datetime | None
    expires_at: datetime | None
    created_at: datetime
    created_by: str
    disabled_at: datetime | None
    usable: bool
    reasons: tuple[Reason, ...]
    max_uses: int | None
    used: int
    held: int
    uses: tuple[CouponUse, ...]
    """The latest twenty, newest first."""
