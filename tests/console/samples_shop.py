"""Stock, orders and carts with invented goods of an outdoor shop."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from unisono.console import contexts as c
from unisono.console import links

NOW = datetime(2026, 11, 22, 13, 32, tzinfo=UTC)

Page = Callable[..., c.Shell]


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def ahead(**parts: float) -> datetime:
    return NOW + timedelta(**parts)


def euro(cents: int) -> c.Amount:
    return c.Amount(minor=cents, currency="EUR")


MARIO = c.PersonLink(person_id=1042, name="Mario Rossi")
PLACES = [c.Choice(value="brera", label="Milano Brera", selected=True), c.Choice(value="roma", label="Roma")]
TABS = [
    c.Chip(label="On the shelves", href=links.STOCK, selected=True),
    c.Chip(label="At risk", href=links.STOCK_RISKS, count=2),
]


def stock_lines() -> list[c.StockLine]:
    return [
        c.StockLine(sku="TJ-M", name="Trail jacket, M", href=links.stock_of("TJ-M"), place="brera",
                    place_name="Milano Brera", on_hand=12, held=2, committed=1, at_risk=0, free=9, online=7, safety=2,
                    incoming=6, incoming_at=ahead(days=3), counted_at=ago(days=8)),
        c.StockLine(sku="MERINO-40", name="Merino socks, 40", href=links.stock_of("MERINO-40"), place="roma",
                    place_name="Roma", on_hand=1, held=0, committed=2, at_risk=1, free=0, online=0, safety=0,
                    damaged=1, low_at=3, low_since=ago(hours=5), own=False),
    ]  # fmt: skip


def movements() -> list[c.MovementRow]:
    return [
        c.MovementRow(at=ago(minutes=4), sku="TJ-M", href=links.stock_of("TJ-M"), place="Milano Brera",
                      state="on hand", quantity=-1, reason="handed over", actor="anna@alpestre.example",
                      reference="order U-100042", reference_href=links.order("U-100042")),
        c.MovementRow(at=ago(days=1), sku="TJ-M", href=links.stock_of("TJ-M"), place="Milano Brera",
                      state="on the way", quantity=6, reason="delivery", actor="key:3", note="two boxes"),
    ]  # fmt: skip


def promises() -> list[c.PromiseRow]:
    return [
        c.PromiseRow(sku="TJ-M", href=links.stock_of("TJ-M"), place="Milano Brera", quantity=2,
                     badge=c.Badge(text="held"), reason="reservation", taken_at=ago(hours=2),
                     expires_at=ahead(hours=5), reference="reservation", reference_href="/x", person=MARIO),
        c.PromiseRow(sku="TJ-M", href=links.stock_of("TJ-M"), place="Milano Brera", quantity=1,
                     badge=c.Badge(text="firm", tone="good"), reason="order", taken_at=ago(days=2)),
    ]  # fmt: skip


def risks() -> list[c.RiskRow]:
    return [
        c.RiskRow(risk_id=7, at=ago(hours=1), sku="MERINO-40", name="Merino socks, 40", href="/x", place="Roma",
                  quantity=2, still=1, reason="sold at the till", actor="till:roma/1", reference="order U-100043",
                  reference_href=links.order("U-100043"), can_settle=True),
        c.RiskRow(risk_id=6, at=ago(days=1), sku="TJ-M", name="Trail jacket, M", href="/x", place="Roma", quantity=1,
                  still=0, reason="count", actor="anna@alpestre.example", settled_at=ago(hours=20),
                  settled_by="unisono", outcome="covered by stock"),
    ]  # fmt: skip


def place_cards(problem: c.Problem) -> list[c.PlaceCard]:
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    week = [(day, "09:00–13:00, 15:30–19:30" if day != "Sun" else "closed") for day in days]
    return [
        c.PlaceCard(code="brera", name="Milano Brera", kind="Store", badge=c.Badge(text="open", tone="good"),
                    stock_href="/x", counter_href="/y", closes_at=ahead(hours=3), address="Via Brera 1, Milano",
                    zone="Europe/Rome", week=week, special=[("25 Dec 2026", "closed")], does=["ships"],
                    hours="mon 09:00-13:00", can_write=True, problem=problem),
        c.PlaceCard(code="roma", name="Roma", kind="Store", badge=c.Badge(text="closed"), stock_href="/x",
                    opens_at=ahead(hours=16), can_write=True, week=week),
    ]  # fmt: skip


def stock_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Stock in all its states."""
    none = c.Paging(shown=0)
    yield (
        "stock",
        page("Stock", "stock"),
        c.Stock(rows=stock_lines(), paging=c.Paging(shown=2, next_href="?after=9"), tabs=TABS, places=PLACES,
                chips=[c.Chip(label="Everything", href="?", selected=True)], can_write=True),
    )  # fmt: skip
    yield "stock_first", page("Stock", "stock"), c.Stock(rows=[], paging=none, any_stock=False)
    yield (
        "stock_none",
        page("Stock", "stock"),
        c.Stock(rows=[], paging=none, query="zz", low=True, filter_sentence="running low"),
    )
    yield (
        "stock_sku",
        page("Trail jacket, M", "stock"),
        c.StockSku(
            sku="TJ-M", name="Trail jacket, M", product_href="/x", lines=stock_lines(), movements=movements(),
            channels=[c.ChannelStock(label="Web", line="web", units=16, places=2),
                      c.ChannelStock(label="Store", line="store", units=18, places=2)],
            movements_href="/y", promises=promises(), own=PLACES, places=PLACES, part="adjust", overrule=True,
            reasons=[c.Choice(value="lost", label="lost or stolen")], drafts={"units": "-3"}, can_write=True,
            problem=c.Problem(what="Promised to somebody", field="units"),
        ),
    )  # fmt: skip
    yield (
        "stock_kit",
        page("Winter bundle", "stock"),
        c.StockSku(sku="KIT", name="Winter bundle", product_href="/x",
                   parts=[c.StockPart(sku="TJ-M", name="Trail jacket, M", quantity=1, href="/y")]),
    )  # fmt: skip
    own = c.StockSku(sku="N", name="New", product_href="/x", own=PLACES[:1], places=PLACES, can_write=True)
    yield "stock_sku_first", page("New", "stock"), own
    moves = c.StockMovements(rows=movements(), paging=c.Paging(shown=2), tabs=TABS, places=PLACES)
    yield "stock_movements", page("Movements", "stock"), moves
    yield "stock_movements_first", page("Movements", "stock"), c.StockMovements(rows=[], paging=none)
    yield (
        "stock_movements_none",
        page("Movements", "stock"),
        c.StockMovements(rows=[], paging=none, narrowed=True, filter_sentence="in Roma"),
    )
    kept = c.StockPromises(rows=promises(), paging=c.Paging(shown=2), tabs=TABS, places=PLACES)
    yield "stock_promises", page("Promises", "stock"), kept
    yield "stock_promises_first", page("Promises", "stock"), c.StockPromises(rows=[], paging=none)
    yield (
        "stock_risks",
        page("At risk", "stock"),
        c.StockRisks(rows=risks(), paging=c.Paging(shown=2), tabs=TABS, chips=TABS, problem=problem),
    )
    yield "stock_risks_first", page("At risk", "stock"), c.StockRisks(rows=[], paging=none)
    yield "locations", page("Places", "stock"), c.Locations(rows=place_cards(problem), tabs=TABS)
    yield "locations_first", page("Places", "stock"), c.Locations(rows=[])


def screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Every screen of stock, orders and carts, and every designed state."""
    yield from stock_screens(page, problem)
