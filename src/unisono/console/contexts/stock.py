"""Stock: by place and by sku, movements, living promises, promises at risk, places."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from unisono.console.contexts.shared import Badge, Chip, Choice, Paging, PersonLink, Problem, Struct
from unisono.console.staff import Dot


class StockLine(Struct, frozen=True, kw_only=True):
    """A sku in a place, in units. ``free`` is what the place itself can sell, ``online`` what remote channels can
    promise: less, where safety stock is kept back."""

    sku: str
    name: str
    href: str
    place: str
    place_name: str
    on_hand: int
    held: int
    committed: int
    at_risk: int
    free: int
    online: int
    safety: int
    incoming: int = 0
    incoming_at: datetime | None = None
    damaged: int = 0
    low_at: int | None = None
    low_since: datetime | None = None
    counted_at: datetime | None = None
    own: bool = True
    """Whether the reader may change it."""


class Stock(Struct, frozen=True, kw_only=True):
    """``/console/stock``."""

    TEMPLATE: ClassVar[str] = "stock.html"

    rows: Sequence[StockLine]
    paging: Paging
    tabs: Sequence[Chip] = ()
    query: str = ""
    place: str = ""
    places: Sequence[Choice] = ()
    low: bool = False
    chips: Sequence[Chip] = ()
    any_stock: bool = True
    filter_sentence: str = ""
    clear_href: str = "?"
    can_write: bool = False


class ChannelStock(Struct, frozen=True, kw_only=True):
    """What a channel can promise of a sku in all its places, now."""

    label: str
    line: Dot
    units: int
    places: int


class MovementRow(Struct, frozen=True, kw_only=True):
    """Why units came or went. ``state`` and ``reason`` are translated where they are ours."""

    at: datetime
    sku: str
    href: str
    place: str
    state: str
    quantity: int
    reason: str
    actor: str
    reference: str = ""
    reference_href: str | None = None
    note: str = ""


class PromiseRow(Struct, frozen=True, kw_only=True):
    """Units promised to somebody: held until an instant, or firm."""

    sku: str
    href: str
    place: str
    quantity: int
    badge: Badge
    reason: str
    taken_at: datetime
    expires_at: datetime | None = None
    reference: str = ""
    reference_href: str | None = None
    person: PersonLink | None = None


class StockPart(Struct, frozen=True, kw_only=True):
    """What is in a kit."""

    sku: str
    name: str
    quantity: int
    href: str


class StockSku(Struct, frozen=True, kw_only=True):
    """``/console/stock/{sku}``. ``own`` are the places whose stock the reader may change, ``places`` all of them."""

    TEMPLATE: ClassVar[str] = "stock_sku.html"

    sku: str
    name: str
    product_href: str
    lines: Sequence[StockLine] = ()
    parts: Sequence[StockPart] = ()
    limitless: bool = False
    """No stock is kept of it anywhere: any channel may sell it."""
    channels: Sequence[ChannelStock] = ()
    movements: Sequence[MovementRow] = ()
    movements_href: str = ""
    promises: Sequence[PromiseRow] = ()
    own: Sequence[Choice] = ()
    places: Sequence[Choice] = ()
    reasons: Sequence[Choice] = ()
    part: str = "count"
    """The form that is open."""
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None
    overrule: bool = False
    """What was asked breaks promises: it needs a reason of its own."""
    can_write: bool = False


class StockMovements(Struct, frozen=True, kw_only=True):
    """``/console/stock-movements``."""

    TEMPLATE: ClassVar[str] = "stock_movements.html"

    rows: Sequence[MovementRow]
    paging: Paging
    tabs: Sequence[Chip] = ()
    query: str = ""
    place: str = ""
    places: Sequence[Choice] = ()
    narrowed: bool = False
    filter_sentence: str = ""
    clear_href: str = "?"


class StockPromises(Struct, frozen=True, kw_only=True):
    """``/console/stock-promises``."""

    TEMPLATE: ClassVar[str] = "stock_promises.html"

    rows: Sequence[PromiseRow]
    paging: Paging
    tabs: Sequence[Chip] = ()
    query: str = ""
    place: str = ""
    places: Sequence[Choice] = ()
    narrowed: bool = False
    filter_sentence: str = ""
    clear_href: str = "?"


class RiskRow(Struct, frozen=True, kw_only=True):
    """Promises the shop itself put in danger; ``still`` units of them are not there now."""

    risk_id: int
    at: datetime
    sku: str
    name: str
    href: str
    place: str
    quantity: int
    still: int
    reason: str
    actor: str
    reference: str = ""
    reference_href: str | None = None
    settled_at: datetime | None = None
    settled_by: str = ""
    outcome: str = ""
    can_settle: bool = False


class StockRisks(Struct, frozen=True, kw_only=True):
    """``/console/stock-risks``."""

    TEMPLATE: ClassVar[str] = "stock_risks.html"

    rows: Sequence[RiskRow]
    paging: Paging
    tabs: Sequence[Chip] = ()
    chips: Sequence[Chip] = ()
    settled: bool = False
    problem: Problem | None = None


class PlaceCard(Struct, frozen=True, kw_only=True):
    """A place. ``week`` pairs days with their spans, ``special`` dates that differ; texts are ready to read."""

    code: str
    name: str
    kind: str
    badge: Badge
    stock_href: str
    counter_href: str | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    address: str = ""
    zone: str = ""
    week: Sequence[tuple[str, str]] = ()
    special: Sequence[tuple[str, str]] = ()
    does: Sequence[str] = ()
    hours: str = ""
    """The same as text, a line a day, for its form."""
    can_write: bool = False
    problem: Problem | None = None


class Locations(Struct, frozen=True, kw_only=True):
    """``/console/locations``."""

    TEMPLATE: ClassVar[str] = "locations.html"

    rows: Sequence[PlaceCard]
    tabs: Sequence[Chip] = ()
