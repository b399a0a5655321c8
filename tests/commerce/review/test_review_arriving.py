"""What tills send in the wrong sequence: goods brought back before the reader has heard that they were sold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.log import make_nodes, new_event
from tests.support.ordering import open_till
from unisono.commerce.orders.arriving.reader import OrdersReader
from unisono.customers.timeline.lanes import Lane
from unisono.customers.timeline.model import NewEvent
from unisono.customers.timeline.readers import start_lanes
from unisono.customers.timeline.service import append
from unisono.kit.database import Pool

SOLD = datetime(2026, 5, 13, 10, 30, tzinfo=UTC)
BACK = datetime(2026, 5, 13, 11, 30, tzinfo=UTC)


async def take_in(pool: Pool, *events: NewEvent) -> None:
    """Write events to the log and let the reader take them in."""
    async with pool.acquire() as conn, conn.transaction():
        await append(conn, list(events))
        await start_lanes(conn, "orders", 1)
    lane = Lane(pool, OrdersReader(), 0, 1)
    while (await lane.turn()).more:
        pass


def said(node: int, name: str, at: datetime, message: str, store: str, till: str, **more: Any) -> NewEvent:
    """What a till tells of receipt 77."""
    properties = {"receipt_id": "77", "store_id": store, "till_id": till, "currency": "EUR", **more}
    return new_event(node, name, at=at, channel="store", store=store, message_id=message, **properties)


def receipt(node: int) -> NewEvent:
    """Three of A and one of B in Milano."""
    products = [{"sku": "A", "quantity": 3, "price": 10.0, "value": 30.0}, {"sku": "B", "quantity": 1, "price": 5.0}]
    return said(node, "Receipt Issued", SOLD, "m-sold", "milano", "1", total=35.0, products=products)


def back(node: int, store: str, till: str) -> NewEvent:
    """Two of A brought back."""
    products = [{"sku": "A", "quantity": 2}]
    return said(node, "Return Made", BACK, "m-back", store, till, return_id="R1", total=20.0, products=products)


@pytest.mark.parametrize("place", [("milano", "1"), ("roma", "9")])
@pytest.mark.parametrize("first", ["sale", "return", "together"])
async def test_goods_brought_back_before_their_receipt_is_known(pool: Pool, place: tuple[str, str], first: str) -> None:
    """Whichever comes first, at the same till or at another: one order with its lines, two units of it back, its
    units off the shelf once."""
    till = await open_till(pool, A=10, B=10)
    [node] = await make_nodes(pool, 1)
    batches = {
        "sale": [[receipt(node)], [back(node, *place)]],
        "return": [[back(node, *place)], [receipt(node)]],
        "together": [[back(node, *place), receipt(node)]],
    }[first]
    for batch in batches:
        await take_in(pool, *batch)
    [order] = await pool.fetch("select * from sales_order")
    lines = await pool.fetch("select sku, quantity, handed_over, returned from order_line order by position")
    assert [tuple(line) for line in lines] == [("A", 3, 3, 2), ("B", 1, 1, 0)]
    assert (order["source"], order["total_minor"], order["refunded_minor"]) == ("till:milano:1", 3500, 2000)
    assert (order["payment_status"], order["placed_at"]) == ("partly_refunded", SOLD)
    made = await pool.fetch(
        "select return_case.refund_minor, quantity from return_case join return_line on return_id = id"
    )
    assert [tuple(row) for row in made] == [(2000, 2)]
    assert [(await till.good(sku))["capacity"] for sku in "AB"] == [7, 9]
