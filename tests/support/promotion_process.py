"""A process of buyers who all try to use the same promotions at once; for tests of their limits.

Run as a script: ``promotion_process.py DSN NAME TRIES COUPON NODE...``. Each try quotes a basket, puts the uses aside
in a transaction, and commits most of them, gives others back. Prints what became of the tries.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

from tests.support.promotions import basket, line
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.errors import CouponTaken, PromotionUsedUp
from unisono.commerce.promotions.model import Basket, PersonFacts, Quote
from unisono.kit.database import Pool, open_pool, transaction


async def buy(pool: Pool, quote: Quote, asked: Basket, reference: str, node: int, give_back: bool) -> str:
    """One try, with a quote from before anybody had anything: the worst case."""
    now = datetime.now(UTC)
    try:
        async with transaction(pool) as conn:
            await promotions.hold_uses(
                conn, quote, asked, reference=reference, node_id=node, expires_at=now + timedelta(hours=1), now=now
            )
        async with transaction(pool) as conn:
            if give_back:
                await promotions.release_uses(conn, reference, now=now)
                return "given back"
            await promotions.commit_uses(conn, reference, order_number=reference, now=now)
    except (CouponTaken, PromotionUsedUp):
        return "refused"
    return "used"


async def main(dsn: str, name: str, tries: int, coupon: str, nodes: list[int]) -> None:
    pool = await open_pool(dsn, 8)
    baskets = [
        basket(line(unit=10_00), at=datetime.now(UTC), coupons=(coupon,), person=PersonFacts(person_id=node))
        for node in nodes
    ]
    async with pool.acquire() as conn:
        quotes = [await promotions.quote(conn, asked, now=asked.at) for asked in baskets]
    print(json.dumps([one.code for one in quotes[0].applied]), flush=True)
    sys.stdin.readline()
    outcomes = await asyncio.gather(
        *(
            buy(
                pool,
                quotes[number % len(nodes)],
                baskets[number % len(nodes)],
                f"{name}-{number}",
                nodes[number % len(nodes)],
                number % 10 == 9,
            )
            for number in range(tries)
        )
    )
    print(json.dumps(Counter(outcomes)), flush=True)
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], [int(node) for node in sys.argv[5:]]))
