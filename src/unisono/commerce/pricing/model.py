"""Lists, prices and reductions as they are stored, asked for and answered. Amounts are minor units, times UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

Rule = Literal["strict", "progressive", "young", "exempt"]
"""By which rule a prior price was found; `unisono.commerce.pricing.honest` says what each means."""

Refused = Literal["no_prior_price", "not_below_prior"]
"""Why a reduction may not be announced: nobody was asked any price before, or one as low."""


class PriceList(msgspec.Struct, frozen=True, kw_only=True):
    """Prices for some customers: where None stands, the list serves every channel, store or person."""

    id: int
    code: str
    name: str
    currency: str
    tax_included: bool
    channel: str | None = None
    store_id: str | None = None
    audience: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    priority: int = 0
    disabled_at: datetime | None = None

    @property
    def over_at(self) -> datetime | None:
        """From when on it serves nobody: its end, or when it was switched off."""
        if self.ends_at is None or self.disabled_at is None:
            return self.ends_at or self.disabled_at
        return min(self.ends_at, self.disabled_at)


class Fact(msgspec.Struct, frozen=True):
    """What a list asks for a variant in a period; None: from then on the list has no price for it. Never changed."""

    id: int
    price_list_id: int
    variant_id: int
    amount_minor: int | None
    starts_at: datetime
    ends_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether the period has the instant in it: from its beginning up to, without, its end."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


class Reduction(msgspec.Struct, frozen=True):
    """What may be shown beside a reduced price."""

    prior_minor: int
    percent_bp: int
    """Hundredths of a percent, rounded down; 0 when the reduction is smaller than that."""
    rule: Rule
    ends_at: datetime | None

    @property
    def percent(self) -> int:
        """Whole percent to show: never more than the reduction is."""
        return self.percent_bp // 100


class Announced(msgspec.Struct, frozen=True):
    """A reduction as it was announced in a list, with the prior price it is measured on."""

    id: int
    price_list_id: int
    variant_id: int
    new_minor: int
    prior_minor: int
    percent_bp: int
    rule: Rule
    starts_at: datetime
    ends_at: datetime | None = None
    withdrawn_at: datetime | None = None
    campaign: str | None = None

    @property
    def over_at(self) -> datetime | None:
        """From when on it is not shown: its end, or when it was withdrawn."""
        if self.ends_at is None or self.withdrawn_at is None:
            return self.ends_at or self.withdrawn_at
        return min(self.ends_at, self.withdrawn_at)

    def live(self, at: datetime) -> bool:
        """Whether it is shown at an instant."""
        over = self.over_at
        return self.starts_at <= at and (over is None or at < over)

    @property
    def reduction(self) -> Reduction:
        """What is shown of it."""
        return Reduction(self.prior_minor, self.percent_bp, self.rule, self.ends_at)


class PriceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a variant costs at a place and an instant, and until when that is known to hold."""

    variant_id: int
    amount_minor: int
    currency: str
    tax_included: bool
    tax_rate_bp: int
    price_list: str
    reduction: Reduction | None = None
    next_change_at: datetime | None = None
    """The first instant after the one asked for at which the answer may be another; None: none is planned."""


class NewPrice(msgspec.Struct, frozen=True):
    """A price to be set. Without ``starts_at`` it begins now; ``currency`` is only checked against the list's."""

    sku: str
    amount_minor: int | None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    currency: str | None = None


class NewPriceList(msgspec.Struct, frozen=True, kw_only=True):
    """A price list to be: whom it serves, in which currency, and how strongly."""

    code: str
    name: str
    currency: str
    tax_included: bool = True
    channel: str | None = None
    store_id: str | None = None
    audience: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    priority: int = 0


class SetReport(msgspec.Struct, frozen=True):
    """What setting prices did: facts written, and prices that were already so."""

    price_list: str
    written: int
    unchanged: int


class Observation(msgspec.Struct, frozen=True):
    """What was seen to be asked, where and when; without ``until`` at one instant."""

    id: int
    variant_id: int
    channel: str | None
    store_id: str | None
    amount_minor: int
    currency: str
    observed_at: datetime
    until: datetime | None
    origin: str


class Window(msgspec.Struct, frozen=True):
    """The days whose prices count, first and last, in a time zone; and the instants they begin and end at."""

    first_day: date
    last_day: date
    starts_at: datetime
    ends_at: datetime
    timezone: str


class Asked(msgspec.Struct, frozen=True):
    """A price asked at a place in an interval; without an end it was seen at one instant.

    ``source`` is ``list:<code>`` or ``observation:<origin>``, with the observation's id.
    """

    amount_minor: int
    channel: str | None
    store_id: str | None
    starts_at: datetime
    ends_at: datetime | None
    source: str
    observation_id: int | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Why a reduction may be announced, or may not: the prior price, the rule, and every price that was looked at."""

    sku: str
    price_list: str
    channel: str | None
    store_id: str | None
    currency: str
    tax_included: bool
    new_minor: int
    prior_minor: int | None
    percent_bp: int | None
    rule: Rule
    refused: Refused | None
    """None: it may be announced."""
    starts_at: datetime
    campaign: str | None
    based_on: int | None
    """The announcement whose prior price a growing reduction keeps."""
    window: Window
    lowest: Asked | None
    intervals: list[Asked]


class NewObservation(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen to be asked: on a shelf, on a page, on receipts before any coupon. Tax is in it."""

    sku: str
    amount_minor: int
    currency: str
    observed_at: datetime
    until: datetime | None = None
    channel: str | None = None
    store_id: str | None = None
    origin: Literal["receipt", "channel", "import"] = "channel"


class NewDiscount(msgspec.Struct, frozen=True):
    """A sku and the reduced price to be announced for it; ``currency`` is only checked against the list's."""

    sku: str
    new_minor: int
    currency: str | None = None


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """When a reduction begins (now, when missing) and ends, and the campaign it belongs to."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    campaign: str | None = None


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """A reduction as it was announced. What it rests on: `unisono.commerce.pricing.service.evidence`."""

    id: int
    sku: str
    price_list: str
    channel: str | None
    store_id: str | None
    currency: str
    new_minor: int
    prior_minor: int
    percent_bp: int
    rule: Rule
    starts_at: datetime
    ends_at: datetime | None
    campaign: str | None
    announced_at: datetime
    announced_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_for: str | None
