"""Receipts from real tills, through the collector: offline, sent twice, older than the count, of known skus."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.books import check_books
from tests.support.carts import STORE
from tests.support.forking import Program
from tests.support.log import ManualClock, new_event
from tests.support.ordering import Till, open_till
from tests.support.shop import TILL, open_shop
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import StockLine
from unisono.commerce.orders.arriving.reader import OrdersReader
from unisono.customers.timeline.lanes import Lane
from unisono.customers.timeline.readers import start_lanes
from unisono.customers.timeline.service import append
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool, open_pool, transaction


def receipt(number: int) -> dict[str, Any]:
    """What the till wrote down while it was offline."""
    line = {"sku": "A", "name": "A", "quantity": 1, "price": 9.9}
    properties = {"receipt_id": str(number), "store_id": "milano", "till_id": TILL, "total": 9.9, "currency": "EUR"}
    return {
        "type": "track",
        "event": "Receipt Issued",
        "anonymousId": f"till-customer-{number % 7}",
        "timestamp": f"2026-05-13T10:{number % 60:02d}:00Z",
        "properties": properties | {"products": [line]},
    }


async def until(conn: asyncpg.Connection[asyncpg.Record], query: str, wanted: int) -> int:
    """Wait for a count, and a moment longer for any too many."""
    for _ in range(200):
        if await conn.fetchval(query) >= wanted:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    return int(await conn.fetchval(query))


async def test_an_offline_till_reconnects(server_dsn: str, template_dsn: str) -> None:
    """Fifty receipts, sent from two tabs and by a request nobody waited the answer of: fifty orders, fifty events."""
    async with open_shop(server_dsn, processes=2) as shop:
        receipts = [receipt(number) for number in range(50)]

        async def tab(web: int, items: Sequence[dict[str, Any]], patience: float = 60) -> None:
            headers = {"authorization": f"Bearer {shop.keys.till}"}
            for at in range(0, len(items), 10):
                body = {"batch": list(items[at : at + 10]), "writeKey": shop.keys.till}
                await shop.client.post(f"{shop.webs[web].url}/v1/batch", json=body, headers=headers, timeout=patience)

        async def impatient() -> None:
            with pytest.raises(httpx.TimeoutException):
                await tab(1, receipts, patience=0.0001)

        pool = await open_pool(shop.dsn, 4)
        reading = asyncio.create_task(Worker(pool, [OrdersReader()], lanes=2).run())
        await asyncio.gather(tab(0, receipts), tab(1, receipts[::-1]), impatient())
        try:
            events = "select count(*) from event where name = 'Receipt Issued'"
            assert await until(shop.conn, events, 50) == 50
            assert await until(shop.conn, "select count(*) from sales_order", 50) == 50
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await pool.close()
        sources = await shop.conn.fetch("select distinct source from sales_order")
        assert [row["source"] for row in sources] == [f"till:milano:{TILL}"]
        assert await shop.conn.fetchval("select sum(total_minor) from sales_order") == 50 * 990


async def take_in(till: Till, clock: ManualClock, *, lanes: int = 1) -> None:
    """Let the reader take in what there is."""
    async with till.pool.acquire() as conn, conn.transaction():
        await start_lanes(conn, "orders", lanes)
    for number in range(lanes):
        lane = Lane(till.pool, OrdersReader(clock=clock), number, lanes)
        while (await lane.turn()).more:
            pass


async def sell(till: Till, node: int, number: str, units: int, *, minutes: float = 0, sku: str = "A") -> None:
    """A receipt on the log."""
    event = new_event(
        node,
        "Receipt Issued",
        at=till.now + timedelta(minutes=minutes),
        channel="store",
        store=STORE,
        receipt_id=number,
        till_id="1",
        currency="EUR",
        products=[{"sku": sku, "quantity": units, "price": 10, "value": 10 * units}],
    )
    async with transaction(till.pool) as conn:
        await append(conn, [event])


async def test_receipts_take_their_units_off_the_shelf(pool: Pool) -> None:
    """Those after the last count do, once; those before it do not; unknown skus keep their text; promises of others
    are put at risk, for it has happened."""
    till = await open_till(pool, A=5)
    clock = ManualClock(till.now + timedelta(hours=1))
    node = await till.node()
    await sell(till, node, "1", 2, minutes=1)
    await sell(till, node, "1", 2, minutes=1)
    await sell(till, node, "2", 3, minutes=2, sku="from another catalogue")
    await take_in(till, clock)
    assert (await till.good("A"))["capacity"] == 3
    unknown = await pool.fetchrow("select variant_id, sku from order_line where sku like 'from%'")
    assert unknown is not None
    assert tuple(unknown) == (None, "from another catalogue")
    async with transaction(pool) as conn:
        counted = till.now + timedelta(minutes=10)
        line = StockLine(till.variants["A"], STORE, 3)
        await inventory.count(conn, [line], inventory.Why("anna", "count"), now=counted, counted_at=counted)
    await sell(till, node, "3", 1, minutes=5)
    await take_in(till, clock)
    assert (await till.good("A"))["capacity"] == 3
    till.later(minutes=11)
    order = await till.buy(await till.node(), ("A", 3))
    await sell(till, node, "4", 1, minutes=1)
    await take_in(till, clock)
    good = await till.good("A")
    assert (good["capacity"], good["committed"], good["at_risk"]) == (2, 3, 1)
    assert order.status == "open"
    async with pool.acquire() as conn:
        await check_books(conn)


async def test_one_order_told_under_two_identifiers_in_two_lanes(pool: Pool) -> None:
    """Completed under a browser's id, changed under the customer's, read by two lanes at the same time: one order."""
    till = await open_till(pool)
    clock = ManualClock(till.now + timedelta(hours=1))
    nodes = [await till.node() for _ in range(2)]
    for number in range(40):
        events = [
            new_event(nodes[0], "Order Completed", at=till.now, order_id=f"o{number}", total=10, currency="EUR"),
            new_event(
                nodes[1],
                "Order Updated",
                at=till.now + timedelta(minutes=1),
                order_id=f"o{number}",
                total=8,
                currency="EUR",
            ),
        ]
        async with transaction(pool) as conn:
            await append(conn, events)
    async with pool.acquire() as conn, conn.transaction():
        await start_lanes(conn, "orders", 2)
    lanes = [Lane(pool, OrdersReader(clock=clock), number, 2) for number in range(2)]
    while any(outcome.taken for outcome in await asyncio.gather(*(lane.turn() for lane in lanes))):
        pass
    assert await pool.fetchval("select count(*) from parked_event") == 0
    totals = await pool.fetch("select total_minor, payment_status, node_id, count(*) from sales_order group by 1, 2, 3")
    assert [tuple(row) for row in totals] == [(800, "paid", nodes[0], 40)]


@pytest.mark.parametrize("after", [0, 1])
async def test_killed_while_it_writes_it_writes_each_order_once(dsn: str, pool: Pool, after: int) -> None:
    """A worker ends as by kill -9 between two writes; the next one takes the same events in: each order once."""
    till = await open_till(pool, A=500)
    node = await till.node()
    till.now = datetime.now(UTC) - timedelta(hours=1)
    for number in range(20):
        await sell(till, node, str(number), 1)
    program = "tests.support.worker_process"
    crashing = {"UNISONO_CRASH_POINT": "arriving.after_lines", "UNISONO_CRASH_AFTER": str(after)}
    doomed = Program(program, dsn, env={**os.environ, **crashing})
    number = 20
    while doomed.poll() is None and number < 300:
        await asyncio.sleep(0.3)
        await sell(till, node, str(number), 1)
        await pool.execute("notify unisono_log")
        number += 1
    assert await asyncio.to_thread(doomed.wait, 60) == 137
    alive = Program(program, dsn)
    async with pool.acquire() as conn:
        assert await until(conn, "select count(*) from sales_order", number) == number
    alive.end()
    await asyncio.to_thread(alive.wait)
    assert await pool.fetchval("select count(*) from order_line") == number
    assert (await till.good("A"))["capacity"] == 500 - number
    async with pool.acquire() as conn:
        await check_books(conn)
