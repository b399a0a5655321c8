"""The language promotions are written in: which lines, which conditions, which effects.

Every part is a struct with a ``kind`` that names it, so that a promotion reads the same as JSON and as YAML. The
names are stable. Amounts are minor units of the promotion's currency, percentages hundredths of a percent (4000 is
40 %). What a field does not say does not count.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MAX_AMOUNT = 10**15
"""Minor units: far beyond any basket, far within a bigint."""

Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT, description="Minor units.")]
Positive = Annotated[int, Meta(ge=1, le=MAX_AMOUNT, description="Minor units.")]
Units = Annotated[int, Meta(ge=1, le=1_000_000)]
Counted = Annotated[int, Meta(ge=0, le=1_000_000)]
Percent = Annotated[int, Meta(ge=1, le=10_000, description="Hundredths of a percent: 4000 is 40 %.")]
Days = Annotated[int, Meta(ge=0, le=180)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Names = Annotated[frozenset[Name], Meta(max_length=10_000)]
SomeNames = Annotated[frozenset[Name], Meta(min_length=1, max_length=10_000)]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM, of 24 hours.")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Level = Literal["catalogue", "order"]


class Lines(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Which lines of a basket: every field that is given must fit, any of its values will do; none means all lines."""

    skus: Names = frozenset()
    products: Names = frozenset()
    """Product codes."""
    categories: Names = frozenset()
    """Category codes; what lies below them counts too."""
    brands: Names = frozenset()
    tags: Names = frozenset()
    reduced: bool | None = None
    """True: only goods whose price is reduced already; false: only those whose price is not."""
    unit_at_least_minor: Amount | None = None
    unit_at_most_minor: Amount | None = None
    but_not: Lines | None = None
    """Lines that these describe are left out."""


# Conditions -----------------------------------------------------------------------------------------------


class _Condition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, tag_field="kind"
):
    """What all of them share."""


class AllOf(_Condition, frozen=True, tag="all"):
    """Every one of these."""

    of: tuple[Condition, ...]


class AnyOf(_Condition, frozen=True, tag="any"):
    """At least one of these."""

    of: Annotated[tuple[Condition, ...], Meta(min_length=1)]


class NotThis(_Condition, frozen=True, tag="not"):
    """This must not hold."""

    of: Condition


class SubtotalOf(_Condition, frozen=True, tag="subtotal"):
    """What the basket, or its matching lines, comes to before promotions."""

    at_least_minor: Amount | None = None
    at_most_minor: Amount | None = None
    lines: Lines | None = None


class UnitsOf(_Condition, frozen=True, tag="quantity"):
    """How many units the basket, or its matching lines, has; one at least when nothing is said."""

    at_least: Counted | None = None
    at_most: Counted | None = None
    lines: Lines | None = None


class DistinctOf(_Condition, frozen=True, tag="distinct"):
    """How many different skus the basket, or its matching lines, has."""

    at_least: Counted | None = None
    at_most: Counted | None = None
    lines: Lines | None = None


class InSegment(_Condition, frozen=True, tag="segment"):
    """The person is in one of these segments."""

    any_of: SomeNames


class InTier(_Condition, frozen=True, tag="tier"):
    """The person has one of these loyalty tiers."""

    any_of: SomeNames


class InAudience(_Condition, frozen=True, tag="audience"):
    """The person belongs to one of these audiences of price lists."""

    any_of: SomeNames


class HasTrait(_Condition, frozen=True, tag="trait"):
    """A trait of the person has one of these values."""

    name: Name
    any_of: Annotated[tuple[str | int | bool, ...], Meta(min_length=1, max_length=1000)]


class IsFirstOrder(_Condition, frozen=True, tag="first_order"):
    """A person we know who has never ordered, under any of his identifiers."""


class OrdersBefore(_Condition, frozen=True, tag="orders_before"):
    """How often the person has ordered before."""

    at_least: Counted | None = None
    at_most: Counted | None = None


class NearBirthday(_Condition, frozen=True, tag="birthday"):
    """The person's birthday is at most so many days ahead, or behind, in the time zone of the basket."""

    days_before: Days = 0
    days_after: Days = 0


class IsKnown(_Condition, frozen=True, tag="known"):
    """We know who it is."""


class OnChannel(_Condition, frozen=True, tag="channel"):
    """The basket is in one of these channels."""

    any_of: SomeNames


class InStore(_Condition, frozen=True, tag="store"):
    """The basket is in one of these stores."""

    any_of: SomeNames


class BetweenDates(_Condition, frozen=True, tag="dates", rename={"first": "from", "last": "to"}):
    """From one day to another, both counting, in the time zone of the basket."""

    first: dt.date | None = None
    last: dt.date | None = None


class OnWeekdays(_Condition, frozen=True, tag="weekdays"):
    """On these days of the week, in the time zone of the basket."""

    any_of: Annotated[frozenset[Weekday], Meta(min_length=1)]


class AtHours(_Condition, frozen=True, tag="hours", rename={"first": "from", "last": "to"}):
    """From one time of day until before another, in the time zone of the basket; past midnight when it ends earlier."""

    first: TimeOfDay
    last: TimeOfDay


class WithCoupon(_Condition, frozen=True, tag="coupon"):
    """One of these codes was entered and stands."""

    any_of: SomeNames


Condition = (
    AllOf
    | AnyOf
    | NotThis
    | SubtotalOf
    | UnitsOf
    | DistinctOf
    | InSegment
    | InTier
    | InAudience
    | HasTrait
    | IsFirstOrder
    | OrdersBefore
    | NearBirthday
    | IsKnown
    | OnChannel
    | InStore
    | BetweenDates
    | OnWeekdays
    | AtHours
    | WithCoupon
)
"""Any condition, told by its ``kind``."""


# Effects --------------------------------------------------------------------------------------------------


class _Effect(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, tag_field="kind"
):
    """What all of them share."""


class PercentOff(_Effect, frozen=True, tag="percent_off"):
    """A percentage of what is left. At catalogue level of each unit's price; at order level of the sum."""

    percent_bp: Percent
    lines: Lines | None = None
    level: Level = "order"
    cap_minor: Positive | None = None


class AmountOff(_Effect, frozen=True, tag="amount_off"):
    """An amount off. At catalogue level off each unit's price; at order level once, shared over the lines."""

    amount_minor: Positive
    lines: Lines | None = None
    level: Level = "order"


class FixedPrice(_Effect, frozen=True, tag="fixed_price"):
    """Each matching unit costs this, where it would cost more."""

    price_minor: Amount
    lines: Lines


class BuyGet(_Effect, frozen=True, tag="buy_get"):
    """Buy some, get some cheaper: the cheapest are reduced, wholly when no percentage is said; again and again."""

    buy_quantity: Units
    get_quantity: Units
    buy: Lines | None = None
    get: Lines | None = None
    """The same lines as ``buy`` when missing: 3 for 2 is buy 2, get 1."""
    percent_bp: Percent = 10_000
    max_times: Units | None = None


class BundleItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """So many units of these lines."""

    lines: Lines
    quantity: Units = 1


class Bundle(_Effect, frozen=True, tag="bundle"):
    """Units of several kinds together cost this; again and again, the dearest first."""

    items: Annotated[tuple[BundleItem, ...], Meta(min_length=1, max_length=6)]
    price_minor: Amount
    max_times: Units | None = None


class Gift(_Effect, frozen=True, tag="gift"):
    """Something on top, free of charge; it is named in the quote and is no line of the basket."""

    sku: Name
    quantity: Units = 1


class ShippingOff(_Effect, frozen=True, tag="shipping_off"):
    """Shipping for nothing, or for less by an amount."""

    amount_minor: Positive | None = None


class MorePoints(_Effect, frozen=True, tag="points"):
    """Loyalty points multiplied (20000 doubles them), and points on top."""

    factor_bp: Annotated[int, Meta(ge=10_000, le=1_000_000)] = 10_000
    bonus: Counted = 0


Effect = PercentOff | AmountOff | FixedPrice | BuyGet | Bundle | Gift | ShippingOff | MorePoints
"""Any effect, told by its ``kind``."""

CATALOGUE_EFFECTS = (FixedPrice, BuyGet, Bundle)
"""Effects that always are at catalogue level: they look at single units."""


def level_of(effect: Effect) -> Level | None:
    """Whether an effect comes before (``catalogue``) or with (``order``) those on the whole; None when it is on
    no price of goods."""
    if isinstance(effect, CATALOGUE_EFFECTS):
        return "catalogue"
    if isinstance(effect, PercentOff | AmountOff):
        return effect.level
    return None
