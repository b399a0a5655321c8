"""``cart-add``, ``cart-statements``, ``checkout``, ``price-lookup``: into a cart, and out of it.

What: one more unit into a cart of nine lines, by ``carts.put_into`` in a transaction of its own, answered with the
whole cart: prices, stock and 20 live promotions of here and now, two of them limited, and a coupon. 200 people with
2 identifiers, the last 150 measured, 2,000 products with 6 prices and stock in 5 places, one connection. Wanted: the
95th percentile under 30 ms, and 10 statements at most, counted where they leave the driver (begin and commit apart).
Then each cart is bought: checkout begun, paid with the test provider, order placed; the 95th percentile under 60 ms.
Beside it ``pricing.prices`` of 50 skus: the 99th percentile under 15 ms.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import asyncpg
import msgspec

from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, milliseconds, percentile
from unisono.bench.scratch import Scratch
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.model import CartItem, Touch
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import ProductInput, VariantInput
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location, StockLine
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.model import CheckoutRequest, PayRequest
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import NewPrice, NewPriceList
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Definition, NewCoupons
from unisono.kit.database import Connection, Pool

ADD = Wanted("under", 30.0)
STATEMENTS = Wanted("under", 11)
CHECKOUT = Wanted("under", 60.0)
LOOKUP = Wanted("under", 15.0)

PRODUCTS: Final = 2_000
PEOPLE: Final = 200
WARM: Final = 50
"""People before those who are measured."""
LINES: Final = 9
SKUS: Final = 50
PORTION: Final = 500
COUPON: Final = "SPRING"
NOW: Final = datetime(2026, 5, 13, 10, 0, tzinfo=UTC)
PLACES: Final = ("milano", "torino", "roma", "bologna", "centrale")
LISTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("base", {}),
    ("app", {"channel": "app", "priority": 1}),
    ("milano", {"store_id": "milano", "priority": 2}),
    ("club", {"audience": "club", "priority": 3}),
    ("spring", {"channel": "web", "starts_at": NOW - timedelta(days=9), "priority": 4}),
    ("messages", {"channel": "messages", "priority": 5}),
)


def sku(number: int) -> str:
    """A product of the bench."""
    return f"sku-{number:05}"


async def fill(conn: Connection) -> None:
    """Products, prices, stock, promotions, people."""
    for first in range(0, PRODUCTS, PORTION):
        some = range(first, min(first + PORTION, PRODUCTS))
        products = [
            ProductInput(code=f"p-{number}", name=f"Product {number}", variants=[VariantInput(sku=sku(number))])
            for number in some
        ]
        await catalog.save_products(conn, products, "bench", offered_at=NOW - timedelta(days=90))
    for code, more in LISTS:
        await pricing.create_list(conn, NewPriceList(code=code, name=code, currency="EUR", **more))
        for first in range(0, PRODUCTS, PORTION):
            prices = [NewPrice(sku(number), 1000 + number) for number in range(first, first + PORTION)]
            await pricing.set_prices(conn, code, prices, actor="bench", now=NOW - timedelta(days=5))
    await _stock(conn)
    for number in range(20):
        await promotions.save_promotion(conn, promotion(number), actor="bench", now=NOW, status="active")
    coupon = NewCoupons(kind="generic", code=COUPON)
    await promotions.make_coupons(conn, "promotion-19", coupon, actor="bench", now=NOW)
    await _people(conn)
    await conn.execute("vacuum analyze")


async def _stock(conn: Connection) -> None:
    variants = await catalog.variants(conn, skus=[sku(number) for number in range(PRODUCTS)])
    for place in PLACES:
        kind: Any = "warehouse" if place == "centrale" else "store"
        await inventory.save_location(
            conn, Location(code=place, name=place.title(), kind=kind, timezone="Europe/Rome", ships=True)
        )
        lines = [StockLine(variant.id, place, 40) for variant in variants.values()]
        for first in range(0, PRODUCTS, PORTION):
            why = inventory.Why("bench", "delivery")
            await inventory.receive(conn, lines[first : first + PORTION], why, now=NOW)


def promotion(number: int) -> Definition:
    """One of twenty: sums, skus, channels, people; some apply, some are limited, some a person may use once."""
    conditions: list[dict[str, Any]] = [
        {"kind": "subtotal", "at_least_minor": 1000 * (number + 1)},
        {"kind": "quantity", "at_least": 1 + number % 4, "lines": {"skus": [sku(n) for n in range(number, 60, 20)]}},
        {"kind": "channel", "any_of": ["web", "app"]},
        {"kind": "segment", "any_of": [f"segment-{number}"]},
    ]
    return msgspec.convert(
        {
            "code": f"promotion-{number}",
            "name": f"Promotion {number}",
            "currency": "EUR",
            "priority": number,
            "conditions": {"kind": "all", "of": [conditions[0], conditions[1 + number % 3]]},
            "effects": [{"kind": "percent_off", "percent_bp": 100 + number}],
            **({"max_uses": 1_000_000, "per_person": 3} if number % 10 == 0 else {}),
        },
        Definition,
    )


async def _people(conn: Connection) -> None:
    """Everybody has a browser and an account, segments and an audience."""
    await conn.execute(
        """insert into node (id, namespace, value, person_id, cluster_id)
           select n * 2 + half, case half when 0 then 'user_id' else 'anonymous_id' end, 'bench-' || n, n * 2, n * 2
           from generate_series(1, $1) n, generate_series(0, 1) half""",
        PEOPLE,
    )
    await conn.execute(
        """insert into trait (node_id, name, source_id, value, occurred_at)
           select n * 2, name, 1, value::jsonb, $2 from generate_series(1, $1) n,
           (values ('segments', '["segment-3", "segment-7"]'), ('audiences', '["club"]'), ('tier', '"gold"'),
                   ('birthday', '"1980-05-14"'), ('firstName', '"Anna"'), ('city', '"Milano"')) said (name, value)""",
        PEOPLE,
        NOW,
    )


class Counted(asyncpg.Connection[asyncpg.Record] if TYPE_CHECKING else asyncpg.Connection):  # type: ignore[misc]
    """A connection that counts the statements it sends, COPY included; begin, commit and the like apart."""

    __slots__ = ("count",)

    def begin_counting(self) -> None:
        """From nought."""
        self.count = 0
        self.add_query_logger(self.note)

    def note(self, record: Any) -> None:
        """One more, as the driver tells it."""
        if not record.query.rstrip(";").upper().startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            self.count += 1

    async def counted(self) -> int:
        """How many since it was asked last. The driver tells of a statement when the loop has its turn."""
        await asyncio.sleep(0)
        count, self.count = self.count, 0
        return count

    async def copy_records_to_table(self, *arguments: Any, **more: Any) -> str:
        """Not told by the driver."""
        self.count += 1
        return str(await super().copy_records_to_table(*arguments, **more))


async def add(conn: Connection, person: int, wanted: str, at: datetime) -> int:
    """One more unit, in a transaction of its own; how many lines the cart has."""
    node = person * 2 + 1
    touch = Touch(channel="web", node_id=node, now=at)
    async with conn.transaction():
        view = await carts.put_into(conn, node, [CartItem(sku=wanted)], touch, currency="EUR")
    if len(view.lines) == LINES and (view.quote is None or not view.quote.applied):
        raise BenchError("A cart was answered without its promotions.")
    return len(view.lines)


async def check_out(pool: Pool, conn: Counted, person: int) -> float:
    """Begin the checkout of a person's cart, pay, place the order; the seconds it took."""
    cart_id = await conn.fetchval("select id from cart where node_id = $1 and status = 'active'", person * 2 + 1)
    asked = time.perf_counter()
    async with conn.transaction():
        begun = await orders.begin(conn, cart_id, CheckoutRequest(shipping_minor=490), channel="web", now=NOW)
    order = await orders.pay(pool, UUID(begun.id), PayRequest(provider="test", token="tok_approve"), clock=lambda: NOW)
    took = time.perf_counter() - asked
    if order.payment_status != "authorised" or len(order.lines) != LINES:
        raise BenchError(f"Order {order.number} is {order.payment_status} with {len(order.lines)} lines.")
    return took


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    async with bench.database() as database:
        async with database.pool.acquire() as filling:
            await fill(filling)
        conn = await asyncpg.connect(database.dsn, server_settings={"timezone": "UTC"}, connection_class=Counted)
        try:
            return await _measured(database.pool, conn, load)
        finally:
            await conn.close()


async def _measured(pool: Pool, conn: Counted, load: Load) -> list[Measured]:
    chance = random.Random(7)
    conn.begin_counting()
    adding: list[float] = []
    paying: list[float] = []
    statements = 0
    for person in range(1, PEOPLE + 1):
        if person == WARM:
            # A database left running does so by itself within a minute; plans made for empty tables end with it.
            await conn.execute("vacuum analyze")
            adding.clear()
            paying.clear()
        chosen = [sku(number) for number in chance.sample(range(PRODUCTS), LINES)]
        for wanted in chosen:
            await add(conn, person, wanted, NOW)
        await _enter_coupon(conn, person)
        for again in range(max(1, load.profile_calls // PEOPLE)):
            await conn.counted()
            asked = time.perf_counter()
            lines = await add(conn, person, chosen[again % LINES], NOW)
            adding.append(time.perf_counter() - asked)
            statements = max(statements, await conn.counted())
            if lines != LINES:
                raise BenchError(f"The cart has {lines} lines, not {LINES}.")
        paying.append(await check_out(pool, conn, person))
    looking = await _look_up(conn, load, chance)
    about = f"{LINES} lines, 20 promotions, a coupon"
    return [
        _time("cart-add", percentile(adding, 95), ADD, f"{about}: {milliseconds(adding)}"),
        Measured(row="cart-statements", value=statements, unit="", wanted=STATEMENTS, note="the most of any add"),
        _time("checkout", percentile(paying, 95), CHECKOUT, f"begin, pay, place; {about}: {milliseconds(paying)}"),
        _time(
            "price-lookup",
            percentile(looking, 99),
            LOOKUP,
            f"{SKUS} skus, {len(LISTS)} lists: {milliseconds(looking)}",
        ),
    ]


def _time(row: str, seconds: float, wanted: Wanted, note: str) -> Measured:
    return Measured(row=row, value=seconds * 1000, unit="ms", wanted=wanted, note=note)


async def _enter_coupon(conn: Counted, person: int) -> None:
    async with conn.transaction():
        cart = await carts.active_cart(conn, person * 2 + 1, channel="web", currency="EUR", now=NOW)
        if cart is None:
            raise BenchError("The cart is gone.")
        await carts.set_coupons(conn, cart.id, [COUPON], Touch(channel="web", now=NOW))


async def _look_up(conn: Connection, load: Load, chance: random.Random) -> list[float]:
    """What fifty skus cost, often."""
    ids = [row["id"] for row in await conn.fetch("select id from variant")]
    looking = []
    for _ in range(load.profile_calls):
        some = chance.sample(ids, SKUS)
        asked = time.perf_counter()
        found = await pricing.prices(
            conn, some, channel="web", store_id="milano", audiences={"club"}, currency="EUR", at=NOW
        )
        looking.append(time.perf_counter() - asked)
        if len(found) != SKUS:
            raise BenchError(f"{len(found)} of {SKUS} skus have a price.")
    return looking


ROW = Row("cart", measure)
