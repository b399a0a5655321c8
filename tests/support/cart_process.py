"""A process of its own that fills a cart: ``python -m tests.support.cart_process DSN NODE SKU TIMES``."""

from __future__ import annotations

import asyncio
import sys

from tests.support.carts import NOW
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.model import CartItem, Touch
from unisono.kit.database import TRANSIENT, open_pool, transaction


async def fill(dsn: str, node: int, sku: str, times: int) -> None:
    """One unit at a time, each in a transaction of its own, four at once."""
    pool = await open_pool(dsn, 4)
    touch = Touch(channel="app", node_id=node, now=NOW)

    async def one() -> None:
        while True:
            try:
                async with transaction(pool) as conn:
                    await carts.put_into(conn, node, [CartItem(sku=sku)], touch, currency="EUR")
            except TRANSIENT:
                continue  # as the API does: a merge at that very moment may have won
            return

    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(times // 4):
        await asyncio.gather(*(one() for _ in range(4)))
    await pool.close()


if __name__ == "__main__":
    asyncio.run(fill(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
