"""Prices and discounts: lists, a sku over time, reductions with the evidence they rest on."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import ClassVar

from unisono.console.contexts.shared import Amount, Badge, Chip, Choice, Paging, Problem, Struct


class Step(Struct, frozen=True, kw_only=True):
    """A price asked in an interval; without an end it was seen at one instant. ``lane`` tells places apart."""

    start: datetime
    end: datetime | None
    minor: int
    lane: str = ""
    lowest: bool = False


class Steps(Struct, frozen=True, kw_only=True):
    """What `unisono.console.steps` draws: prices between two instants, and the window of a prior price if there is
    one."""

    start: datetime
    end: datetime
    currency: str
    steps: Sequence[Step]
    window: tuple[datetime, datetime] | None = None
    prior_minor: int | None = None
    new_minor: int | None = None
    now: datetime | None = None


class AskedRow(Struct, frozen=True, kw_only=True):
    """A price that was asked, where and by whose word (``source``, translated)."""

    amount: Amount
    start: datetime
    end: datetime | None
    where: str
    source: str
    source_href: str | None = None
    lowest: bool = False


class EvidenceCard(Struct, frozen=True, kw_only=True):
    """Whether a reduction may be announced and why; ``rule`` is a translated sentence."""

    sku: str
    list_code: str
    new: Amount
    prior: Amount | None
    percent: float | None
    rule: str
    refused: str | None
    first_day: date
    last_day: date
    chart: Steps
    lowest: AskedRow | None = None
    rows: Sequence[AskedRow] = ()


class DiscountRow(Struct, frozen=True, kw_only=True):
    """A reduction that was announced."""

    announcement_id: int
    href: str
    sku: str
    sku_href: str
    list_code: str
    new: Amount
    prior: Amount
    percent: float
    rule: str
    badge: Badge
    starts_at: datetime
    ends_at: datetime | None = None
    campaign: str = ""
    announced_at: datetime | None = None
    announced_by: str = ""
    withdrawn_at: datetime | None = None
    withdrawn_by: str = ""
    withdrawn_for: str = ""
    can_withdraw: bool = False


class PriceListRow(Struct, frozen=True, kw_only=True):
    """A price list; ``serves`` says in words for whom it is."""

    code: str
    name: str
    href: str
    currency: str
    serves: str
    tax_included: bool = True
    priority: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    disabled_at: datetime | None = None


class Prices(Struct, frozen=True, kw_only=True):
    """``/console/prices``: every list, and the discounts shown now or ever."""

    TEMPLATE: ClassVar[str] = "prices.html"

    lists: Sequence[PriceListRow]
    discounts: Sequence[DiscountRow] = ()
    chips: Sequence[Chip] = ()
    paging: Paging | None = None
    query: str = ""
    filtered: bool = False
    channels: Sequence[Choice] = ()
    stores: Sequence[Choice] = ()
    currency: str = "EUR"
    can_write: bool = False
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None


class ListedPrice(Struct, frozen=True, kw_only=True):
    """What a list asks for a sku now; ``amount`` None: nothing any more."""

    sku: str
    name: str
    href: str
    amount: Amount | None
    starts_at: datetime
    ends_at: datetime | None = None


class PriceListPage(Struct, frozen=True, kw_only=True):
    """``/console/price-lists/{code}``."""

    TEMPLATE: ClassVar[str] = "price_list.html"

    head: PriceListRow
    rows: Sequence[ListedPrice]
    paging: Paging
    can_write: bool = False


class PriceFact(Struct, frozen=True, kw_only=True):
    """A price somebody set; ``state`` is whether it holds now, is to come or is past."""

    list_code: str
    list_href: str
    amount: Amount | None
    starts_at: datetime
    badge: Badge
    ends_at: datetime | None = None
    by: str = ""
    at: datetime | None = None


class PriceOf(Struct, frozen=True, kw_only=True):
    """``/console/prices/{sku}``: what it costs at a place, what it cost, and the forms that change that."""

    TEMPLATE: ClassVar[str] = "price_of.html"

    sku: str
    name: str
    product_href: str
    currency: str
    days: int
    price: Amount | None = None
    prior: Amount | None = None
    percent: float = 0
    list_code: str = ""
    tax_included: bool = True
    net: Amount | None = None
    tax: Amount | None = None
    tax_rate: float = 0
    next_change_at: datetime | None = None
    chart: Steps | None = None
    rows: Sequence[AskedRow] = ()
    facts: Sequence[PriceFact] = ()
    discounts: Sequence[DiscountRow] = ()
    channels: Sequence[Choice] = ()
    stores: Sequence[Choice] = ()
    store: str = ""
    spans: Sequence[Choice] = ()
    lists: Sequence[Choice] = ()
    evidence: EvidenceCard | None = None
    can_write: bool = False
    part: str = ""
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None


class DiscountPage(Struct, frozen=True, kw_only=True):
    """``/console/discounts/{id}``: a reduction and what it was based on, as it was known then."""

    TEMPLATE: ClassVar[str] = "discount.html"

    row: DiscountRow
    evidence: EvidenceCard
    problem: Problem | None = None
