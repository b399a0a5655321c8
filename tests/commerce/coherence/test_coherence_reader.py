"""Coherence on a real database: incidents open, gather, close; what is right, unknown or excused opens none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from tests.commerce.promotions.test_promotions_service import active
from tests.support.log import ManualClock, make_nodes, new_event, write
from tests.support.pricing import make_list, make_variants, put
from tests.support.promotions import percent
from tests.support.serving import serving
from tests.support.stocked import Stocked, stocked
from unisono.access.keys import create_source
from unisono.commerce.changes.model import Wanted
from unisono.commerce.changes.service import present
from unisono.commerce.changes.webhooks import service as webhooks
from unisono.commerce.coherence import measures, service
from unisono.commerce.coherence.model import Incident
from unisono.commerce.coherence.reader import CloseWhenQuiet, CoherenceReader
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location, StockLine
from unisono.commerce.inventory.service import Why
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import NewCoupons
from unisono.customers.timeline.model import Event, NewEvent
from unisono.customers.timeline.worker import Worker
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Connection, Pool
from unisono.kit.errors import Conflict

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    """A connection to write with."""
    async with pool.acquire() as connection:
        yield connection


@pytest.fixture
async def node(conn: Connection) -> int:
    """Somebody."""
    return (await make_nodes(conn, 1))[0]


class Shop:
    """Two products with prices, one without, and the reader at work."""

    def __init__(self, pool: Pool, conn: Connection, node: int) -> None:
        self.pool = pool
        self.conn = conn
        self.node = node
        self.clock = ManualClock(NOW)

    def viewed(self, sku: str, price: Any = None, ago: timedelta = timedelta(), **more: Any) -> NewEvent:
        """Somebody saw a product at a price."""
        if price is not None:
            more["price"] = price
        return new_event(more.pop("node", self.node), at=self.clock.now - ago, sku=sku, **more)

    async def sees(self, *events: NewEvent) -> list[Incident]:
        """These events are read; all incidents afterwards, the oldest first."""
        await write(self.conn, events)
        await Worker(self.pool, [CoherenceReader("EUR", clock=self.clock)], clock=self.clock).drain()
        assert await self.conn.fetchval("select count(*) from parked_event") == 0
        return sorted(await service.incidents(self.conn), key=lambda one: one.id)

    async def counted(self) -> tuple[int, int, int]:
        """Compared, differing, unknown."""
        rows = await service.counts(self.conn, (NOW - timedelta(days=40)).date())
        return sum(one.compared for one in rows), sum(one.differing for one in rows), sum(one.unknown for one in rows)


@pytest.fixture
async def shop(pool: Pool, conn: Connection, node: int) -> Shop:
    """A costs 100.00 and since an hour ago 80.00; B costs 5.00, in Milano 4.00; C has no price."""
    await make_variants(conn, ["A", "B", "C"])
    await inventory.save_location(conn, Location(code="milano", name="Milano", kind="store", timezone="Europe/Rome"))
    await make_list(conn)
    await make_list(conn, "milano", store_id="milano", priority=5)
    for sku, amount, begun, where in (
        ("A", 10_000, 20 * HOUR, "base"),
        ("A", 8_000, HOUR, "base"),
        ("B", 500, 20 * HOUR, "base"),
        ("B", 400, 20 * HOUR, "milano"),
    ):
        await put(conn, sku, amount, to=where, now=NOW - begun)
    return Shop(pool, conn, node)


async def test_a_wrong_price_opens_one_incident_that_gathers_and_alerts_once(shop: Shop) -> None:
    """By sku, channel and store; with first and last seen, what was shown, what was true, and to how many persons."""
    other, twin = await make_nodes(shop.conn, 2)
    await shop.conn.execute("update node set person_id = $1 where id = $2", other, twin)
    minute = timedelta(minutes=1)
    (one,) = await shop.sees(
        shop.viewed("A", 80), shop.viewed("A", "99.00", 5 * minute), shop.viewed("A", 98, minute, node=other)
    )
    assert (one.kind, one.sku, one.channel, one.store_id) == ("price", "A", "web", None)
    assert (one.occurrences, one.people) == (2, 2)
    assert one.shown == {"amount_minor": 9800, "currency": "EUR"}
    assert one.truth == {"amount_minor": 8000, "currency": "EUR"}
    assert (one.first_at, one.last_at) == (NOW - 5 * minute, NOW - minute)
    again, till = await shop.sees(
        shop.viewed("A", 97, node=twin), new_event(shop.node, channel="store", store="milano", at=NOW, sku="B", price=5)
    )
    assert (again.id, again.occurrences, again.people, again.last_at) == (one.id, 3, 2, NOW)
    assert (till.sku, till.channel, till.store_id, till.truth["amount_minor"]) == ("B", "store", "milano", 400)
    alert = await present(shop.conn, f"incident:{one.id}")
    assert (alert.sequence, alert.data["state"], alert.sku, alert.data["shown"]) == (1, "open", "A", one.shown)
    assert (await present(shop.conn, f"incident:{till.id}")).location == "milano"
    assert await shop.counted() == (5, 4, 0)


async def test_what_was_true_at_that_instant_is_no_incident(shop: Shop) -> None:
    """The old price before the change, either within two seconds of it, the store's own price, our own events."""
    second = timedelta(seconds=1)
    right = [
        shop.viewed("A", 100, 2 * HOUR),
        shop.viewed("A", 80, HOUR - 5 * second),
        shop.viewed("A", 100, HOUR - second),
        shop.viewed("A", 80, HOUR + second),
        new_event(shop.node, channel="store", store="milano", at=NOW, sku="B", price=4),
        shop.viewed("A", 1)._replace(message_id="unisono:order:1"),
    ]
    assert await shop.sees(*right) == []
    assert await shop.counted() == (5, 0, 0)
    late = await shop.sees(shop.viewed("A", 100, HOUR - 3 * second))
    assert [one.truth["amount_minor"] for one in late] == [8000]


async def test_what_is_not_known_is_counted_apart(shop: Shop) -> None:
    """Unknown skus, another currency, no price, history older than thirty days; a store nobody has is no place."""
    events = [
        shop.viewed("NOBODY", 1),
        shop.viewed("A", 80, currency="USD"),
        shop.viewed("C", 3),
        shop.viewed("A", 1, timedelta(days=31)),
        new_event(shop.node, channel="web", store="atlantis", at=NOW, sku="B", price=5),
    ]
    assert await shop.sees(*events) == []
    assert await shop.counted() == (1, 0, 3)
    assert {row.store_id for row in await service.counts(shop.conn, NOW.date())} == {None}


async def test_receipts_are_compared_by_their_list_price_with_a_tolerance(shop: Shop) -> None:
    """A minor unit more or less is the till's rounding; the discount of a line is no other price."""

    def receipt(price: float, **more: Any) -> NewEvent:
        line = {"sku": "B", "price": price, "quantity": 3, **more}
        return new_event(shop.node, "Receipt Issued", channel="store", store="milano", at=NOW, products=[line])

    assert await shop.sees(receipt(4.0), receipt(3.99), receipt(4.01, discount=3)) == []
    assert len(await shop.sees(receipt(3.98))) == 1


async def test_a_price_some_audience_has_is_excused(shop: Shop) -> None:
    """Whoever saw it may belong to it."""
    await make_list(shop.conn, "gold", audience="gold", priority=9)
    await put(shop.conn, "A", 7_000, to="gold", now=NOW - 20 * HOUR)
    assert await shop.sees(shop.viewed("A", 70)) == []
    assert [one.shown["amount_minor"] for one in await shop.sees(shop.viewed("A", 71))] == [7100]


async def test_offers_that_are_not_live_are_incidents(shop: Shop) -> None:
    """A paused promotion, an expired coupon; live ones and banners that are no promotion of ours are none."""
    await active(shop.conn, "ten", percent(1000), needs_coupon=True)
    await active(shop.conn, "old", percent(1000))
    batch = NewCoupons(kind="generic", code="FIVE", expires_at=NOW + HOUR)
    await promotions.make_coupons(shop.conn, "ten", batch, actor="test", now=NOW)
    moment = datetime.now(UTC) + timedelta(seconds=1)
    shop.clock.now = moment

    def banner(code: str) -> NewEvent:
        return new_event(shop.node, "Promotion Viewed", at=shop.clock.now, promotion_id=code)

    assert await shop.sees(banner("ten"), banner("old"), banner("hero-1"), shop.viewed("A", coupon="five")) == []
    async with shop.conn.transaction():
        await promotions.set_status(shop.conn, "old", "paused", actor="test", now=NOW)
    shop.clock.now = moment + timedelta(seconds=10)
    (paused,) = await shop.sees(banner("ten"), banner("old"))
    assert (paused.kind, paused.sku, paused.truth) == ("offer", "old", {"promotion": "old", "live": False})
    shop.clock.now = NOW + 2 * HOUR
    assert [one.sku for one in await shop.sees(shop.viewed("A", coupon="FIVE"))] == ["old", "FIVE"]
    assert (await shop.counted())[2] == 1


async def test_availability_is_compared_while_it_is_fresh(pool: Pool, conn: Connection, node: int) -> None:
    """Sold out shown as there, and there shown as sold out; old events and stock that just moved are not judged."""
    shop = Shop(pool, conn, node)
    stock: Stocked = await stocked(conn, now=NOW)
    await stock.receive("shoe", "milano", 5)
    await stock.receive("sock", "milano", 1)
    async with conn.transaction():
        line = StockLine(stock["sock"], "milano", -1)
        await inventory.adjust(conn, [line], Why("test", "count"), now=NOW)
    just = [shop.viewed("shoe", in_stock=False), shop.viewed("sock", in_stock=True)]
    assert await shop.sees(*just) == []
    shop.clock.now = datetime.now(UTC) + timedelta(minutes=5)
    old = [shop.viewed("shoe", None, timedelta(seconds=61), in_stock=False)]
    assert await shop.sees(*old) == []
    assert (await shop.counted())[2] == 3
    right = [shop.viewed("shoe", availability="https://schema.org/InStock"), shop.viewed("sock", in_stock=False)]
    assert await shop.sees(*right) == []
    wrong = [
        shop.viewed("sock", availability="in stock"),
        new_event(node, channel="app", store="milano", at=shop.clock.now, sku="shoe", in_stock=False),
    ]
    found = {(one.sku, one.channel, one.store_id): one.truth for one in await shop.sees(*wrong)}
    assert found == {("sock", "web", None): {"available": 0}, ("shoe", "app", "milano"): {"available": 5}}


async def test_an_incident_closes_a_day_after_it_was_mended(shop: Shop, pool: Pool) -> None:
    """Not before a day without recurrence, not without having been shown rightly since; a recurrence opens another."""
    timers = TimerWorker(pool, [CloseWhenQuiet()], clock=shop.clock)

    async def after(time_passed: timedelta, *prices: int) -> list[bool]:
        shop.clock.now += time_passed
        await timers.drain(shop.clock.now)
        found = await shop.sees(*(shop.viewed("A", price) for price in prices))
        return [one.closed_at is not None for one in found]

    assert await after(timedelta(), 99) == [False]
    assert await after(23 * HOUR, 99) == [False]
    assert await after(2 * HOUR) == [False], "it recurred"
    assert await after(24 * HOUR, 80) == [False], "it had not been shown rightly"
    assert await after(25 * HOUR) == [True]
    (closed,) = await service.incidents(shop.conn)
    assert closed.closed_by == "system"
    told = await present(shop.conn, f"incident:{closed.id}")
    assert (told.sequence, told.data["state"], told.data["occurrences"]) == (2, "closed", 2)
    assert await after(HOUR, 99) == [True, False]
    assert Wanted(nodes=frozenset()).takes(told) is False, "no customer hears of it"


async def test_two_readers_report_the_same_incident_at_once(shop: Shop, pool: Pool) -> None:
    """Two workers, many persons, one incident that counts everybody once."""
    nodes = await make_nodes(shop.conn, 40)
    await write(shop.conn, [shop.viewed(sku, 1, node=node) for node in nodes for sku in ("A", "B")])
    reader = CoherenceReader("EUR", clock=shop.clock)
    await asyncio.gather(*(Worker(pool, [reader], lanes=4).drain() for _ in range(2)))
    found = await service.incidents(shop.conn)
    assert sorted((one.sku, one.occurrences, one.people) for one in found) == [("A", 40, 40), ("B", 40, 40)]


async def test_a_batch_takes_one_look_up_a_place_and_unknown_skus_next_to_nothing(shop: Shop) -> None:
    """Statements do not grow with events; 5,000 events a second of skus nobody has are read with ease."""
    seen: list[str] = []

    def as_read(events: Sequence[NewEvent]) -> list[Event]:
        return [
            Event(1, n, one.node_id, one.node_id, "track", one.name, one.channel, one.store_id, None, one.message_id,
                  one.occurred_at, one.received_at, msgspec.json.decode(one.properties or "{}"))
            for n, one in enumerate(events)
        ]  # fmt: skip

    reader = CoherenceReader("EUR", clock=shop.clock)
    known = as_read([shop.viewed(sku, 80 if sku == "A" else 5) for _ in range(300) for sku in ("A", "B")])
    strange = as_read([shop.viewed(f"X{n}", 1) for n in range(1000)])
    async with shop.conn.transaction():
        await reader.handle(shop.conn, known[:2])
    shop.conn.add_query_logger(lambda query: seen.append(query.query))
    async with shop.conn.transaction():
        await reader.handle(shop.conn, known)
    assert len([query for query in seen if "price_list list" in query]) == 1
    assert len(seen) <= 8, seen
    best = 60.0
    for _ in range(5):
        began = time.perf_counter()
        async with shop.conn.transaction():
            await reader.handle(shop.conn, strange)
        best = min(best, time.perf_counter() - began)
    print(f"{len(strange) / best:.0f} events of unknown skus a second")
    assert len(strange) / best > 5000


async def test_coherence_over_the_api(dsn: str, shop: Shop) -> None:
    """Listed, filtered, paged, counted; closed by hand once, by who may write prices."""
    await shop.sees(shop.viewed("A", 99), shop.viewed("B", 99), shop.viewed("NOBODY", 1))

    async def headers(*scopes: str) -> dict[str, str]:
        made = await create_source(shop.conn, name="-".join(scopes), kind="server", actor="t", scopes=frozenset(scopes))
        return {"authorization": f"Bearer {made.key}"}

    reader = await headers("commerce:read")
    writer = await headers("commerce:read", "commerce:write")
    with serving(dsn) as (web,):
        async with httpx.AsyncClient(base_url=f"{web.url}/api/coherence", headers=reader) as client:
            page = (await client.get("/incidents?limit=1&open_only=true")).json()
            rest = (await client.get("/incidents", params={"before": page["next"]})).json()
            found = page["incidents"] + rest["incidents"]
            assert {(one["sku"], one["people"]) for one in found} == {("A", 1), ("B", 1)}
            assert [one["sku"] for one in (await client.get("/incidents?sku=A")).json()["incidents"]] == ["A"]
            for bad in ("kind=odd", "before=x", "limit=0"):
                assert (await client.get(f"/incidents?{bad}")).status_code == 400, bad
            assert (await client.get("/incidents?sku=%00&channel=%00")).json()["incidents"] == []
            assert (await client.get("/incidents/999")).json()["code"] == "incident_not_found"
            path = f"/incidents/{found[0]['id']}/close"
            assert (await client.post(path)).status_code == 403
            closed = (await client.post(path, headers=writer)).json()
            assert closed["closed_by"].startswith("key:")
            assert (await client.post(path, headers=writer)).json()["code"] == "incident_closed"
            assert len((await client.get("/incidents?open_only=false")).json()["incidents"]) == 1
            (count,) = (await client.get("/counts?days=2")).json()
            assert (count["compared"], count["differing"], count["unknown"]) == (2, 2, 1)
            assert (await client.get("/propagation?minutes=5")).json() == []
            assert (await client.get("/propagation?minutes=0")).status_code == 400
    with pytest.raises(Conflict):
        await service.close(shop.conn, found[0]["id"], actor="test", now=NOW)
    assert await service.open_by_kind(shop.conn) == {"price": 1}


async def test_whoever_follows_changes_is_woken_when_an_incident_opens(shop: Shop) -> None:
    """The reader writes changes, so the worker tells after its batch; nobody waits for the next look."""
    told: list[str] = []
    await write(shop.conn, [shop.viewed("A", 1)])
    await shop.conn.add_listener("unisono_log", lambda *_: told.append("woken"))
    await Worker(shop.pool, [CoherenceReader("EUR", clock=shop.clock)]).drain()
    async with asyncio.timeout(5):
        while not told:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await shop.conn.reset()


async def test_prometheus_is_told_of_incidents_propagation_and_webhooks(shop: Shop) -> None:
    """Counts and times alone; each as it stands in the database."""
    await shop.sees(shop.viewed("A", 1))
    now = datetime.now(UTC)
    made = await webhooks.create(
        shop.conn, name="shop", url="https://hooks.example/", private=False, actor="test", now=now
    )
    await shop.conn.execute(
        "insert into propagation values ($1, 'price', 'stream/shop', 50, 95), ($1, 'price', 'stream/shop', 500, 5)",
        now.replace(second=0, microsecond=0),
    )
    found = {(one.measure.name, one.labels): one.value for one in await measures.readings(shop.conn)}
    assert found["unisono_incidents_open", ("price",)] == 1
    assert found["unisono_incidents_open", ("offer",)] == 0
    assert found["unisono_propagation_seconds", ("stream/shop", "0.95")] == 0.05
    assert found["unisono_propagation_seconds", ("all", "0.99")] == 0.5
    assert found["unisono_propagated_changes", ("stream/shop",)] == 100
    assert found["unisono_webhook_up", (str(made.id),)] == 1
    assert found["unisono_webhook_pending", (str(made.id),)] == 0
