"""Orders that arrive as events: one order however told, set-wise, nobody's figures lost."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.log import make_nodes, new_event
from unisono.commerce.orders.arriving import folding, reading
from unisono.commerce.orders.arriving.reader import OrdersReader
from unisono.customers.timeline.lanes import Lane
from unisono.customers.timeline.model import Event, NewEvent
from unisono.customers.timeline.readers import start_lanes
from unisono.customers.timeline.service import append
from unisono.kit.database import Connection, Pool

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=minutes)


async def take_in(pool: Pool, batches: Sequence[Sequence[NewEvent]]) -> None:
    """Write each batch to the log and let the reader take it in."""
    for batch in batches:
        async with pool.acquire() as conn, conn.transaction():
            await append(conn, batch)
        async with pool.acquire() as conn, conn.transaction():
            await start_lanes(conn, "orders", 1)
        lane = Lane(pool, OrdersReader(), 0, 1)
        while (await lane.turn()).more:
            pass


async def orders(conn: Connection) -> list[asyncpg.Record]:
    """All orders with their lines' skus and units."""
    return await conn.fetch(
        "select sales_order.*, (select array_agg(sku || ' x' || quantity order by position) from order_line"
        " where order_id = sales_order.id) as lines from sales_order order by id"
    )


def receipt(node: int, number: str, minutes: float = 0, **more: Any) -> NewEvent:
    """A receipt of two lines."""
    properties: dict[str, Any] = {
        "receipt_id": number,
        "store_id": "milano",
        "till_id": "1",
        "currency": "EUR",
        "total": 24.97,
        "discount": 5.0,
        "products": [
            {"sku": "shoe", "name": "Trail shoe", "quantity": 1, "price": 25.0, "value": 20.0, "discount": 5.0},
            {"sku": "sock", "name": "Sock", "quantity": 3, "price": 1.66, "value": 4.97},
        ],
    }
    message = more.pop("message_id", f"receipt:milano:1:{number}")
    return new_event(
        node,
        "Receipt Issued",
        at=at(minutes),
        channel="store",
        store="milano",
        message_id=message,
        **(properties | more),
    )


def told(node: int, name: str, minutes: float = 0, **properties: Any) -> NewEvent:
    """An event about order 1204 of a shop elsewhere."""
    return new_event(node, name, at=at(minutes), **({"order_id": "1204", "currency": "EUR"} | properties))


LINES = [{"sku": "shoe", "quantity": 2, "price": 50.0}]
OTHER_LINES = [{"sku": "shoe", "quantity": 1, "price": 50.0}, {"sku": "hat", "quantity": 1, "price": 20.0}]


async def test_a_receipt_becomes_an_order(pool: Pool) -> None:
    """Known by store, till and the till's number; paid, completed, its lines as the till told them."""
    async with pool.acquire() as conn:
        [node] = await make_nodes(conn, 1)
        await take_in(pool, [[receipt(node, "77")]])
        [order] = await orders(conn)
        assert (order["source"], order["source_order_id"]) == ("till:milano:1", "77")
        assert (order["kind"], order["status"], order["payment_status"]) == ("receipt", "completed", "paid")
        assert (order["total_minor"], order["discount_minor"], order["node_id"]) == (2497, 500, node)
        assert order["lines"] == ["shoe x1", "sock x3"]
        lines = await conn.fetch("select * from order_line order by position")
        assert [(line["unit_minor"], line["discount_minor"], line["total_minor"]) for line in lines] == [
            (2500, 500, 2000),
            (166, 1, 497),
        ]
        change = await conn.fetchrow("select * from change where kind = 'order'")
        assert change is not None
        assert (change["subject"], change["sequence"], change["node_id"]) == (f"order:{order['number']}", 1, node)


async def test_one_order_however_often_it_is_told(pool: Pool) -> None:
    """`Order Completed` three times, in one batch or in several, is one order and one change."""
    for batches in ([3], [1, 1, 1], [2, 1]):
        async with pool.acquire() as conn:
            await conn.execute("truncate sales_order, order_line, order_history, change cascade")
            [node] = await make_nodes(conn, 1, f"n{len(batches)}")
            events = [told(node, "Order Completed", total=100.0, products=LINES) for _ in range(3)]
            cut = itertools.pairwise([0, *itertools.accumulate(batches)])
            await take_in(pool, [events[first:end] for first, end in cut])
            [order] = await orders(conn)
            assert (order["total_minor"], order["lines"], order["version"]) == (10000, ["shoe x2"], 1)
            assert await conn.fetchval("select count(*) from change") == 1


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("first", ["Order Updated", "Order Completed"])
async def test_an_update_before_its_order(pool: Pool, first: str, apart: bool) -> None:
    """`Order Updated` before or after `Order Created`: one order, what happened last counts, nothing is lost."""
    async with pool.acquire() as conn:
        [node] = await make_nodes(conn, 1)
        updated = told(node, "Order Updated", 5, total=70.0, products=OTHER_LINES)
        created = told(node, "Order Completed", 0, total=100.0, coupon="WELCOME", products=LINES, shipping=4.9)
        events = [updated, created] if first == "Order Updated" else [created, updated]
        await take_in(pool, [[one] for one in events] if apart else [events])
        [order] = await orders(conn)
        assert (order["total_minor"], order["lines"]) == (7000, ["shoe x1", "hat x1"])
        assert (order["payment_status"], order["status"]) == ("paid", "completed")
        assert (order["placed_at"], order["source_updated_at"]) == (at(0), at(5))
        assert order["shipping_minor"] == 490


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(5)))
def test_the_sequence_of_events_does_not_matter(sequence: list[int]) -> None:
    """Any sequence of what a shop says of an order gives the same order."""
    events = [
        told(1, "Order Completed", 0, total=100.0, products=LINES),
        told(1, "Order Completed", 0, total=100.0, products=LINES),
        told(1, "Order Updated", 3, total=90.0, products=OTHER_LINES),
        told(1, "Order Updated", 5, shipping=4.9),
        told(1, "Order Cancelled", 9),
    ]
    read = [reading.read(as_read(events[number]), None, "EUR") for number in sequence]
    [arrival] = folding.fold([one for one in read if one], {})
    assert arrival.status == "cancelled"
    assert arrival.amounts() == (7000, 0, 490, 0, 9000)
    assert [line.sku for line in arrival.lines or ()] == ["shoe", "hat"]
    assert (arrival.placed_at, arrival.told_at) == (at(0), at(5))


@pytest.mark.parametrize("sequence", [(3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2)])
async def test_nor_do_the_batches_they_come_in(pool: Pool, sequence: Sequence[int]) -> None:
    """The same one by one: what an older event says that no later one said is taken over, the rest is not."""
    async with pool.acquire() as conn:
        [node] = await make_nodes(conn, 1)
        events = [
            told(node, "Order Completed", 0, total=100.0, coupon="WELCOME", products=LINES),
            told(node, "Order Updated", 3, total=90.0, products=OTHER_LINES),
            told(node, "Order Updated", 5, shipping=4.9),
            told(node, "Order Updated", 7, total=80.0),
        ]
        await take_in(pool, [[events[number]] for number in sequence])
        [order] = await orders(conn)
        assert (order["total_minor"], order["shipping_minor"], order["coupons"]) == (8000, 490, ["WELCOME"])
        assert order["lines"] == ["shoe x1", "hat x1"]
        assert (order["placed_at"], order["source_updated_at"], order["payment_status"]) == (at(0), at(7), "paid")


def as_read(event: NewEvent) -> Event:
    """An event as readers get it."""
    return Event(
        1,
        1,
        event.node_id,
        event.node_id,
        event.type,
        event.name,
        event.channel,
        event.store_id,
        None,
        event.message_id,
        event.occurred_at,
        event.received_at,
        msgspec.json.decode(event.properties or "{}"),
    )


async def test_cancelled_and_refunded_elsewhere(pool: Pool) -> None:
    """A cancellation ends it; refunds add up, told twice they count once, and never exceed the total."""
    async with pool.acquire() as conn:
        [node] = await make_nodes(conn, 1)
        await take_in(
            pool,
            [
                [told(node, "Order Refunded", 20, total=30.0)],
                [told(node, "Order Completed", 0, total=100.0, products=LINES)],
                [told(node, "Order Refunded", 20, total=30.0), told(node, "Order Refunded", 30, total=20.0)],
            ],
        )
        [order] = await orders(conn)
        assert (order["refunded_minor"], order["payment_status"], order["total_minor"]) == (
            5000,
            "partly_refunded",
            10000,
        )
        await take_in(pool, [[told(node, "Order Refunded", 40, total=80.0)], [told(node, "Order Cancelled", 50)]])
        [order] = await orders(conn)
        assert (order["refunded_minor"], order["status"]) == (10000, "cancelled")
        sequences = await conn.fetch("select sequence from change where kind = 'order' order by sequence")
        assert [row["sequence"] for row in sequences] == list(range(1, order["version"] + 1))


async def test_goods_brought_back_at_another_till(pool: Pool) -> None:
    """`Return Made` finds the receipt by its number; the lines count what came back, the refund is as told."""
    async with pool.acquire() as conn:
        [node] = await make_nodes(conn, 1)
        back = new_event(
            node,
            "Return Made",
            at=at(60),
            channel="store",
            store="roma",
            return_id="R1",
            receipt_id="77",
            till_id="9",
            total=4.97,
            currency="EUR",
            products=[{"sku": "sock", "quantity": 3}],
        )
        await take_in(pool, [[receipt(node, "77")], [back]])
        [order] = await orders(conn)
        assert (order["refunded_minor"], order["payment_status"]) == (497, "partly_refunded")
        assert await conn.fetchval("select returned from order_line where sku = 'sock'") == 3
        made = await conn.fetchrow("select * from return_case")
        assert made is not None
        assert (made["refund_minor"], made["store_id"]) == (497, "roma")


async def test_what_is_weighed_brought_back_or_without_price(pool: Pool) -> None:
    """0.345 kg is one line of its amount with the measure beside it; a negative line is no unit; the sum holds."""
    async with pool.acquire() as conn:
        [node] = await make_nodes(conn, 1)
        products = [
            {"sku": "ham", "name": "Ham", "quantity": 0.345, "value": 6.90},
            {"sku": "can", "quantity": -1, "price": 2.0, "value": -2.0},
            {"sku": "bag", "quantity": 0, "value": 0.1},
            {"name": "Something", "quantity": "2", "price": "1.50"},
            {"sku": "odd", "price": {"no": "price"}, "quantity": None},
            "no line",
        ]
        await take_in(pool, [[receipt(node, "78", total=8.0, products=products)]])
        lines = await conn.fetch("select * from order_line order by position")
        assert [(line["sku"], line["quantity"], line["total_minor"], line["handed_over"]) for line in lines] == [
            ("ham", 1, 690, 1),
            ("can", 1, -200, 0),
            ("bag", 1, 10, 0),
            ("?", 2, 300, 2),
            ("odd", 1, 0, 1),
        ]
        assert lines[0]["detail"] == '{"quantity": 0.345}'


async def test_what_cannot_be_read_waits_as_a_dead_letter(pool: Pool) -> None:
    """An unknown currency or an endless amount refuses that event, with the reason, and holds up nobody."""
    async with pool.acquire() as conn:
        [node] = await make_nodes(conn, 1)
        await take_in(
            pool,
            [
                [
                    receipt(node, "1", currency="ZZZ"),
                    receipt(node, "2", total="1e400"),
                    receipt(node, "3"),
                    told(node, "Order Updated", order_id=None),
                ]
            ],
        )
        assert [order["source_order_id"] for order in await orders(conn)] == ["3"]
        dead = await conn.fetch("select reader, error from dead_letter order by event_id")
        assert [row["reader"] for row in dead] == ["orders", "orders"]
        assert "ZZZ" in dead[0]["error"]


async def test_our_own_orders_are_left_alone(pool: Pool) -> None:
    """What we wrote ourselves makes no second order, and neither does a page that tells of one of ours."""
    async with pool.acquire() as conn:
        [node] = await make_nodes(conn, 1)
        await conn.execute(
            "insert into sales_order (number, source, source_order_id, channel, status, payment_status, currency,"
            " subtotal_minor, total_minor, placed_at) values ('U-100500', 'web', 'w1', 'web', 'open', 'paid', 'EUR', 1,"
            " 1, now())"
        )
        events = [
            told(node, "Order Completed", total=1, message_id="unisono:order:U-1:completed"),
            told(node, "Order Completed", total=999, order_id="U-100500"),
            told(node, "Order Cancelled", order_id="U-100500"),
        ]
        await take_in(pool, [events])
        [order] = await orders(conn)
        assert (order["number"], order["status"], order["total_minor"]) == ("U-100500", "open", 1)


async def test_a_fronts_own_id_told_by_its_pages_makes_no_second_order(pool: Pool) -> None:
    """The same person's order under the front's id is the one placed here; somebody else's with that id is his own."""
    async with pool.acquire() as conn:
        mine, other = await make_nodes(conn, 2)
        await conn.execute(
            "insert into sales_order (number, source, source_order_id, node_id, channel, status, payment_status,"
            " currency, subtotal_minor, total_minor, placed_at) values ('U-100501', 'web', 'w-77', $1, 'web', 'open',"
            " 'paid', 'EUR', 1, 1, now())",
            mine,
        )
        events = [told(node, "Order Completed", total=5, order_id="w-77") for node in (mine, other)]
        await take_in(pool, [events])
        found = await conn.fetch("select node_id, arrived from sales_order order by id")
        assert [tuple(row) for row in found] == [(mine, False), (other, True)]


async def test_three_thousand_receipts_a_second(pool: Pool) -> None:
    """Receipts of ten lines go in at a rate a year's receipts can be read at; told again they change nothing."""
    products = [{"sku": f"s{n}", "name": f"Product {n}", "quantity": 1, "price": 1.5, "value": 1.5} for n in range(10)]
    async with pool.acquire() as conn:
        nodes = await make_nodes(conn, 500)
        count = 3000
        events = [receipt(nodes[n % 500], str(n), total=15, products=products) for n in range(count)]
        async with conn.transaction():
            await append(conn, events)
            await start_lanes(conn, "orders", 1)
        lane = Lane(pool, OrdersReader(), 0, 1)
        begun = time.perf_counter()
        while (await lane.turn()).more:
            pass
        seconds = time.perf_counter() - begun
        print(f"{count / seconds:.0f} receipts/s")
        assert await conn.fetchval("select count(*) from sales_order") == count
        assert await conn.fetchval("select count(*) from order_line") == count * 10
        assert seconds < 6, f"{count / seconds:.0f} receipts/s"
