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


GOODS = [c.Goods(quantity=2, name="Trail jacket, M", sku="TJ-M", href="/x"), c.Goods(quantity=1, name="Cap", sku="CAP")]
OPEN, PAID = c.Badge(text="open"), c.Badge(text="paid", tone="good")
READY = c.Badge(text="ready", tone="good")
ORDER_TABS = [c.Chip(label="Orders", href="?view=all", selected=True), c.Chip(label="At the counter", href="/x")]
OFFERS = [
    c.OfferRow(name="Welcome", counted=True, href="/x", amount=euro(2000), coupon="WELCOME"),
    c.OfferRow(name="Three for two", counted=False, missing=euro(410), because=["One more is missing."]),
]


def order_rows() -> list[c.OrderRow]:
    return [
        c.OrderRow(number="U-100042", href=links.order("U-100042"), placed_at=ago(hours=3), line="web", channel="Web",
                   badge=OPEN, payment=PAID, total=euro(24800), goods=GOODS, more_goods=2, person=MARIO),
        c.OrderRow(number="U-100041", href=links.order("U-100041"), placed_at=ago(days=1), line="store",
                   channel="Store", badge=c.Badge(text="completed", tone="good"), payment=PAID, total=euro(1900),
                   refunded=euro(1900), store="Milano Brera", buyer="Rossi S.r.l."),
    ]  # fmt: skip


def order(problem: c.Problem) -> c.Order:
    lines = [
        c.OrderLineRow(line_id=1, sku="TJ-M", name="Trail jacket, M", href="/x", quantity=2, unit=euro(12900),
                       total=euro(23800), discount=euro(2000), tax_rate_bp=2200, handed_over=1, can_cancel=1,
                       can_return=1),
        c.OrderLineRow(line_id=2, sku="CAP", name="Cap", href="", quantity=3, unit=euro(1000), total=euro(3000),
                       cancelled=1, returned=1),
    ]  # fmt: skip
    parcels = [
        c.ParcelRow(parcel_id=5, kind="Pick-up", badge=READY, goods=GOODS, place="Milano Brera", ready_at=ago(hours=1),
                    collect_by=ahead(days=2), counter_href="/x", slip_href="/y"),
        c.ParcelRow(parcel_id=6, kind="Shipment", badge=c.Badge(text="to prepare", tone="warning"), goods=GOODS[:1],
                    place="Warehouse", promised_at=ahead(days=1), can_ship=True),
        c.ParcelRow(parcel_id=7, kind="Shipment", badge=c.Badge(text="sent"), goods=GOODS[:1], tracking="1Z",
                    over_at=ago(hours=2), can_deliver=True),
    ]  # fmt: skip
    payments = [
        c.PaymentRow(payment_id="p1", provider="Card terminal", badge=c.Badge(text="taken", tone="good"),
                     amount=euro(24800), captured=euro(12000), refunded=euro(900), reference="881",
                     entries=[(ago(hours=3), "reserved", euro(24800))]),
        c.PaymentRow(payment_id="p2", provider="Transfer", badge=c.Badge(text="waited for", tone="warning"),
                     amount=euro(100), waits=True),
    ]  # fmt: skip
    return c.Order(
        number="U-100042", placed_at=ago(hours=3), line="web", channel="Web", badge=OPEN, payment=PAID, lines=lines,
        total=euro(26800), subtotal=euro(28800), discount=euro(2000), shipping=euro(490), tax=euro(4800),
        refunded=euro(900), source="WEB-77", store="Milano Brera", person=MARIO, coupons=["WELCOME"], offers=OFFERS,
        payments=payments, parcels=parcels, receipt_href="/api/orders/U-100042/receipt",
        history=[c.HistoryRow(at=ago(hours=1), what="ready for pick-up", actor="anna@alpestre.example"),
                 c.HistoryRow(at=ago(hours=2), what="refunded", actor="x", reason="late", amount=euro(900))],
        returns=[c.ReturnRow(number="R-100003", at=ago(minutes=9), reason="too small", refund=euro(1000),
                             refund_to="cash", actor="anna@alpestre.example", goods=[(GOODS[1], "damaged")],
                             place="Roma")],
        can_cancel=True, can_return=True, capturable=euro(12800), refundable=euro(11100), can_write=True,
        stores=PLACES, refund_to=[c.Choice(value="cash", label="cash")], part="return", drafts={"return-1": "9"},
        problem=problem,
    )  # fmt: skip


def waiting() -> list[c.WaitingRow]:
    return [
        c.WaitingRow(kind="Pick-up", href="/x", badge=c.Badge(text="to prepare", tone="warning"), goods=GOODS,
                     since=ago(hours=3), person=MARIO, number="U-100042", promised_at=ahead(hours=2),
                     due=euro(2400), step=(links.pickup_step(5), "ready", "It is ready")),
        c.WaitingRow(kind="Reservation", href="/y", badge=c.Badge(text="kept"), goods=GOODS[:1], since=ago(hours=2),
                     buyer="Rossi S.r.l.", until=ahead(hours=4)),
    ]  # fmt: skip


def counter(problem: c.Problem) -> c.Counter:
    return c.Counter(
        tabs=ORDER_TABS, store="brera", store_name="Milano Brera", places=PLACES, code="AB", prepare=waiting()[:1],
        ready=waiting()[1:], kept=waiting()[1:], problem=problem, day=NOW.date(), day_before="?day=1",
        day_after="?day=2", can_write=True,
        gone=[c.GoneRow(kind="Reservation", what="1 × Cap", at=ago(days=1), href="/x", person=MARIO,
                        score="does not come for 50 % of what is kept for them")],
        appointments=[c.AppointmentRow(appointment_id="a1", starts_at=ahead(hours=1), ends_at=ahead(hours=2),
                                       badge=c.Badge(text="booked"), what="Boot fitting", with_whom="Luca",
                                       person=MARIO, note="bring the old ones",
                                       steps=[("kept", "Came"), ("missed", "Did not come")])],
    )  # fmt: skip


def hand_over(kind: str = "pickup", **more: object) -> c.HandOver:
    return c.HandOver(
        kind=kind, title="Pick-up U-100042", badge=READY, goods=GOODS, action="/x", back_href="/y",
        store="Milano Brera", since=ago(hours=5), open=True, person=MARIO, number="U-100042", order_href="/z",
        until=ahead(days=1), slip_href="/s", calendar_href="/c", steps=[("ready", "It is ready")], can_write=True,
        **more,
    )  # type: ignore[arg-type]  # fmt: skip


def cart_box() -> c.CartBox:
    lines = [
        c.CartLineRow(sku="TJ-M", name="Trail jacket, M", href="/x", quantity=2, seen=euro(13900), seen_in="App",
                      unit=euro(12900), prior=euro(16900), total=euro(23800), discount=euro(2000), available=7,
                      notices=["The price fell from €139.00 to €129.00."], note="a gift"),
        c.CartLineRow(sku="OLD", name="Old cap", href="/y", quantity=1, seen=euro(900), seen_in="Web", total=euro(0),
                      notices=["It is not sold any more."]),
    ]  # fmt: skip
    return c.CartBox(
        name="c1", code="ABCD-2345", badge=c.Badge(text="open", tone="good"), lines=lines, total=euro(23800),
        subtotal=euro(25800), discount=euro(2000), shipping=euro(490),
        coupons=[("WELCOME", False, "It has been used.")],
        offers=OFFERS, notices=["Two products are not to be had together."], updated_at=ago(minutes=7), can_write=True,
        merges=[c.MergeRow(merge_id=3, at=ago(hours=1), rule="units added up", actor="system",
                           notices=["Trail jacket: 1 and 1 are 2."])],
    )  # fmt: skip


def person_shop() -> c.PersonShop:
    time = counter(c.Problem(what="x")).appointments
    return c.PersonShop(cart=cart_box(), cart_href="/c", orders=order_rows(), more_orders_href="/o", waiting=waiting(),
                        appointments=time, score="does not come for 50 % of what is kept for them")  # fmt: skip


def order_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Orders, the counter and carts in all their states."""
    none = c.Paging(shown=0)
    payments = [c.Choice(value="paid", label="paid")]
    yield (
        "orders",
        page("Orders", "orders"),
        c.Orders(rows=order_rows(), paging=c.Paging(shown=2, next_href="?after=x"), tabs=ORDER_TABS, places=PLACES,
                 chips=ORDER_TABS, channels=payments, payments=payments),
    )  # fmt: skip
    yield "orders_first", page("Orders", "orders"), c.Orders(rows=[], paging=none, any_orders=False)
    found_none = c.Orders(rows=[], paging=none, query="zz", status="open", filter_sentence="open")
    yield "orders_none", page("Orders", "orders"), found_none
    yield "order", page("Order U-100042", "orders"), order(problem)
    bare = c.Order(number="U-1", placed_at=ago(days=1), line="store", channel="Store", badge=OPEN, payment=PAID,
                   lines=[], total=euro(0), subtotal=euro(0), arrived=True, source="T1", problem=problem)  # fmt: skip
    yield "order_bare", page("Order U-1", "orders"), bare
    yield "counter", page("Milano Brera", "orders"), counter(problem)
    yield "counter_idle", page("Roma", "orders"), c.Counter(store="roma", store_name="Roma", day=NOW.date())
    stores = [c.Chip(label="Milano Brera", href="?store=brera", count=3), c.Chip(label="Roma", href="?store=roma")]
    yield "counter_stores", page("At the counter", "orders"), c.Counter(stores=stores, tabs=ORDER_TABS)
    yield "counter_first", page("At the counter", "orders"), c.Counter()
    yield "hand_over", page("Pick-up", "orders"), hand_over(due=euro(2400), must_pay=True, code="AB", code_right=True)
    wrong = hand_over("reservation", due=euro(2400), code="AB", code_right=False, problem=problem, score="often comes",
                      can_extend=True, can_cancel=True, note="a gift")  # fmt: skip
    yield "hand_over_wrong", page("Reservation", "orders"), wrong
    over = c.HandOver(kind="pickup", title="Pick-up", badge=READY, goods=GOODS, action="/x", back_href="/y",
                      store="Roma", since=ago(days=2), over_at=ago(days=1), over_by="anna", reason="sold",
                      buyer="Rossi")  # fmt: skip
    yield "hand_over_over", page("Pick-up", "orders"), over
    rows = [
        c.CartRow(code="ABCD2345", href="/x", lines=2, units=3, amount=euro(27800), line="app", channel="App",
                  updated_at=ago(minutes=7), person=MARIO, badge=c.Badge(text="left", tone="warning"), store="Roma"),
        c.CartRow(code="FGHJ2345", href="/y", lines=1, units=1, amount=euro(900), line="web", channel="Web",
                  updated_at=ago(days=7)),
    ]  # fmt: skip
    yield (
        "carts",
        page("Open carts", "orders"),
        c.Carts(rows=rows, paging=c.Paging(shown=2), tabs=ORDER_TABS, chips=ORDER_TABS, code="zz", problem=problem),
    )
    yield "carts_first", page("Open carts", "orders"), c.Carts(rows=[], paging=none)
    no_carts = c.Carts(rows=[], paging=none, narrowed=True, filter_sentence="left")
    yield "carts_none", page("Open carts", "orders"), no_carts
    draft = {"part": "add", "sku": "nope"}
    cart = c.Cart(cart=cart_box(), person=MARIO, seen_in="Store", part="add", drafts=draft, problem=problem)
    yield "cart", page("Cart", "orders"), cart
    empty = c.CartBox(name="c2", code="FGHJ-2345", badge=c.Badge(text="ordered", tone="off"), lines=[])
    yield "cart_over", page("Cart", "orders"), c.Cart(cart=empty)


def screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Every screen of stock, orders and carts, and every designed state."""
    yield from stock_screens(page, problem)
    yield from order_screens(page, problem)
