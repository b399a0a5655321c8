"""The small shop of the carts with a checkout: begin, pay, place, and what must hold after anything."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tests.support.books import check_books
from tests.support.carts import STORE, Bench, open_bench
from tests.support.secret import TEST_SECRET
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location, StockLine
from unisono.commerce.orders import duties
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.model import Checkout, CheckoutRequest, NewOrder, Order, OrderDetail, PayRequest
from unisono.commerce.orders.money import Changed
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Pool, transaction

APPROVE = PayRequest(provider="test", token="tok_approve")


class Till(Bench):
    """The shop, and the shortest way to buy in it."""

    async def location(self, code: str, **more: Any) -> None:
        """Another place."""
        place = {"name": code.title(), "kind": "store", "timezone": "Europe/Rome", "ships": True} | more
        async with transaction(self.pool) as conn:
            await inventory.save_location(conn, Location(code=code, **place))

    async def receive(self, code: str, **units: int) -> None:
        """Units arrive in a place."""
        lines = [StockLine(self.variants[sku], code, quantity) for sku, quantity in units.items()]
        async with transaction(self.pool) as conn:
            await inventory.receive(conn, lines, inventory.Why("test", "delivery"), now=self.now)

    async def begin(self, node: int, *items: tuple[str, int], channel: str = "web", **request: Any) -> Checkout:
        """Products into a person's cart, and the checkout of it."""
        view = await self.add(node, *items, channel=channel)
        return await self.begin_cart(view.id, channel=channel, **request)

    async def begin_cart(self, cart_id: UUID, *, channel: str = "web", **request: Any) -> Checkout:
        """The checkout of a cart."""
        async with transaction(self.pool) as conn:
            return await orders.begin(conn, cart_id, CheckoutRequest(**request), channel=channel, now=self.now)

    async def pay(self, checkout: Checkout, request: PayRequest = APPROVE, *, pool: Pool | None = None) -> Order:
        """Pay for it and place it."""
        return await orders.pay(pool or self.pool, UUID(checkout.id), request, clock=lambda: self.now)

    async def buy(self, node: int, *items: tuple[str, int], **request: Any) -> Order:
        """All of it."""
        return await self.pay(await self.begin(node, *items, **request))

    async def direct(self, **asked: Any) -> Order:
        """An order of another system."""
        async with transaction(self.pool) as conn:
            made = await orders.place_direct(conn, NewOrder(**asked), secret=TEST_SECRET, actor="test", now=self.now)
        return made.order

    async def change(self, changed: Changed) -> Order:
        """Make the calls a change left over; the order after them."""
        await orders.finish_all(self.pool, changed.calls, clock=lambda: self.now)
        return (await self.detail(changed.order.number)).order

    async def detail(self, number: str) -> OrderDetail:
        """An order with everything."""
        async with self.pool.acquire() as conn:
            return await orders.detail(conn, number)

    async def fire(self, at: datetime | None = None) -> int:
        """Whatever is due."""
        return await TimerWorker(self.pool, duties.timer_handlers()).drain(at or self.now)

    async def value(self, query: str, *arguments: Any) -> Any:
        """One value."""
        return await self.pool.fetchval(query, *arguments)

    async def good(self, sku: str, code: str = STORE) -> asyncpg.Record:
        """The stock of a sku in a place."""
        row = await self.pool.fetchrow("select * from good where key = $1", f"{sku}@{code}")
        assert row is not None
        return row

    async def check(self) -> None:
        """The books are right, and there is neither an order without its payment nor a payment without its order."""
        async with self.pool.acquire() as conn:
            await check_books(conn)
        astray = await self.pool.fetch(
            "select id, state, provider from payment where order_id is null"
            " and state in ('authorised', 'captured', 'pending', 'unknown')"
        )
        assert [dict(row) for row in astray] == []
        unpaid = await self.pool.fetch(
            "select number from sales_order where cart_id is not null and status <> 'cancelled' and not exists"
            " (select from payment where order_id = sales_order.id and state <> 'declined')"
        )
        assert [dict(row) for row in unpaid] == []
        stuck = await self.pool.fetch(
            "select hold.* from hold join checkout on hold.reference = 'checkout:' || checkout.id"
            " where checkout.state in ('expired', 'failed') and hold.state in ('held', 'committed')"
        )
        assert [dict(row) for row in stuck] == []
        gaps = await self.pool.fetch(
            "select number from sales_order join change on subject = 'order:' || number"
            " group by number, version having version <> count(*) or version <> max(sequence)"
        )
        assert [dict(row) for row in gaps] == []


async def open_till(pool: Pool, **stock: int) -> Till:
    """The shop with so many units in its store."""
    bench = await open_bench(pool)
    till = Till(pool, bench.variants)
    if stock:
        await till.stock(**stock)
    return till
