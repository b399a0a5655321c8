"""A small shop for tests about carts: four products, a price list, a store with some stock, people with identifiers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from tests.support.log import make_nodes
from tests.support.pricing import make_list, make_variants, put
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.model import Cart, CartItem, CartView, Touch
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location, StockLine
from unisono.customers.identity import service as identity
from unisono.kit.database import Connection, Pool, transaction

NOW = datetime(2026, 5, 13, 10, 0, tzinfo=UTC)
"""A Wednesday; noon in Rome."""
STORE = "milano"
GOODS = ("A", "B", "C", "D")


class Bench:
    """The shop, its clock, and the shortest way to do things in it: each in a transaction of its own."""

    def __init__(self, pool: Pool, variants: Mapping[str, int]) -> None:
        self.pool = pool
        self.variants = variants
        self.now = NOW

    def later(self, **amount: float) -> datetime:
        """Move the clock on."""
        self.now += timedelta(**amount)
        return self.now

    def touch(self, channel: str = "web", **more: Any) -> Touch:
        """Somebody touches a cart, now."""
        return Touch(channel=channel, now=self.now, **more)

    async def node(self, namespace: str = "user_id") -> int:
        """A new identifier, its own person."""
        async with transaction(self.pool) as conn:
            return (await make_nodes(conn, 1, namespace))[0]

    async def join(self, one: int, other: int) -> None:
        """Say that two are one."""
        async with transaction(self.pool) as conn:
            await identity.join(conn, one, other, actor="test", reason="same")

    async def split(self, person: int, *nodes: int) -> None:
        """Say that these identifiers are somebody else."""
        async with transaction(self.pool) as conn:
            await identity.split(conn, person, nodes, actor="test", reason="not the same")

    async def add(self, node: int, *items: tuple[str, int], channel: str = "web", **more: Any) -> CartView:
        """Products into the cart of a node's person."""
        touch = self.touch(channel, node_id=node, **more)
        async with transaction(self.pool) as conn:
            wanted = [CartItem(sku=sku, quantity=quantity) for sku, quantity in items]
            return await carts.put_into(conn, node, wanted, touch, currency="EUR")

    async def cart(self, node: int, **more: Any) -> Cart | None:
        """The cart of a node's person."""
        async with transaction(self.pool) as conn:
            return await carts.active_cart(conn, node, channel="web", currency="EUR", now=self.now, **more)

    async def view(self, cart_id: UUID, channel: str = "web", **more: Any) -> CartView:
        """A cart as a channel sees it."""
        async with self.pool.acquire() as conn:
            return await carts.view(conn, cart_id, channel=channel, now=self.now, **more)

    async def price(self, sku: str, amount: int | None) -> None:
        """Another price from now on."""
        async with transaction(self.pool) as conn:
            await put(conn, sku, amount, now=self.now)

    async def stock(self, **units: int) -> None:
        """Units arrive in the store."""
        why = inventory.Why("test", "delivery")
        lines = [StockLine(self.variants[sku], STORE, quantity) for sku, quantity in units.items()]
        async with transaction(self.pool) as conn:
            await inventory.receive(conn, lines, why, now=self.now)

    async def events(self, *names: str) -> list[asyncpg.Record]:
        """Events of these names, oldest first, ``said`` being their properties."""
        return await self.pool.fetch(
            "select node_id, name, channel, message_id, properties from event where name = any($1) order by id", names
        )

    async def changes(self, cart_id: UUID) -> list[int]:
        """The sequence of the changes told of a cart."""
        rows = await self.pool.fetch(
            "select sequence from change where kind = 'cart' and subject = $1 order by id", f"cart:{cart_id}"
        )
        return [row["sequence"] for row in rows]


def said(event: asyncpg.Record) -> dict[str, Any]:
    """The properties of an event."""
    return dict(msgspec.json.decode(event["properties"]))


def units(cart: Cart | CartView | None) -> dict[str, int]:
    """Sku to quantity."""
    assert cart is not None
    return {line.sku: line.quantity for line in cart.lines}


async def open_bench(pool: Pool, *, goods: tuple[str, ...] = GOODS, amount: int = 1000) -> Bench:
    """The shop with everything at one price."""
    async with transaction(pool) as conn:
        variants = await make_variants(conn, goods)
        await make_list(conn)
        for sku in goods:
            await put(conn, sku, amount, now=NOW)
        await inventory.save_location(
            conn, Location(code=STORE, name="Milano", kind="store", timezone="Europe/Rome", ships=True)
        )
    return Bench(pool, variants)


async def everything(conn: Connection | Pool) -> list[str]:
    """Every row of the room, its changes and the log: to see that nothing has changed."""
    tables = ("cart", "cart_line", "cart_merge", "change", "event", "timer")
    return [str(row[0]) for table in tables for row in await conn.fetch(f"select t::text from {table} t order by 1")]
