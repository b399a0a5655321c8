"""A page's key is known to everybody: what it sends makes no receipt, no points, no refund."""

from __future__ import annotations

from typing import Any

from tests.support.market import opened
from unisono.commerce.orders.arriving.reader import OrdersReader
from unisono.commerce.points.reader import PointsReader
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import open_pool

RECEIPT: dict[str, Any] = {
    "receipt_id": "66",
    "store_id": "milano",
    "till_id": "cassa-1",
    "total": 1,
    "currency": "EUR",
    "products": [{"sku": "SHOE-42", "quantity": 3, "price": 1}],
}


async def test_a_visitor_cannot_empty_a_shelf_nor_give_himself_points(server_dsn: str, template_dsn: str) -> None:
    """Receipt, return, refund and points of a public key change nothing and wait as dead letters with the reason; the
    till's own receipt of the same number is taken in as ever."""
    async with opened(server_dsn) as market:
        shop = market.shop
        pool = await open_pool(shop.dsn, 3)
        readers = Worker(pool, [OrdersReader(), PointsReader()])

        async def send(key: str, name: str, **properties: Any) -> None:
            event = {"anonymousId": "eve", "event": name, "properties": properties, "messageId": f"{key[:5]}:{name}"}
            assert (await shop.send("/v1/track", event, key=key)).status_code == 200
            await readers.drain()

        async def shelf() -> int:
            return int(await shop.conn.fetchval("select capacity from good where key = 'SHOE-42@milano'"))

        await send(shop.keys.write, "Receipt Issued", **RECEIPT)
        await send(shop.keys.write, "Points Earned", points=100_000)
        await send(shop.keys.write, "Return Made", **RECEIPT, return_id="1")
        await send(shop.keys.write, "Order Refunded", order_id="7", total=1)
        assert await shelf() == 3
        assert await shop.conn.fetchval("select count(*) from sales_order") == 0
        assert await shop.conn.fetchval("select count(*) from points_balance") == 0
        errors = await shop.conn.fetch("select error from dead_letter order by error")
        assert len(errors) == 3
        assert all("tills and servers" in row["error"] for row in errors)
        await send(shop.keys.write, "Order Completed", order_id="7", total=80, currency="EUR")
        assert await shop.conn.fetchval("select count(*) from sales_order") == 1
        await send(shop.keys.till, "Receipt Issued", **RECEIPT)
        assert await shelf() == 0
        await send(shop.keys.secret, "Points Earned", points=10)
        assert await shop.conn.fetchval("select sum(points) from points_balance") == 10
        await pool.close()


async def test_a_visitor_cannot_take_the_place_of_an_order(server_dsn: str, template_dsn: str) -> None:
    """The message ids of our own events can be guessed: sent with a public key or a till's they are others, and the
    orders to come are placed and told."""
    async with opened(server_dsn) as market:
        shop = market.shop
        guessed = [f"unisono:order:U-{100_000 + number}:completed" for number in range(1, 20)]
        for key in (shop.keys.write, shop.keys.till):
            batch = [
                {"type": "track", "userId": "eve", "event": "Order Completed", "messageId": one, "properties": {}}
                for one in guessed
            ]
            assert (await shop.send("/v1/batch", {"batch": batch}, key=key)).status_code == 200
        order = {"source": "erp", "source_order_id": "1", "channel": "web", "lines": [{"sku": "SHOE-42"}]}
        made = await market.call(
            "POST", "/api/orders", order | {"identifier": "user_id:ida"}, status=201, **market.server
        )
        assert f"unisono:order:{made['number']}:completed" in guessed
        told = await shop.event(f"unisono:order:{made['number']}:completed")
        assert told["value"] == "ida"
