"""A process of its own that takes holds: ``python -m tests.support.taking_process DSN GOOD PREFIX TIMES``.

Eight buyers share a taker; each key is told on a line ``granted KEY`` or ``refused KEY`` once it has been answered.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from unisono.commerce.holds.model import Ask, Grant, HoldRequest
from unisono.commerce.holds.taker import Taker
from unisono.kit.database import open_pool


async def take(dsn: str, good: int, prefix: str, times: int) -> None:
    """Take one unit after another under keys of this prefix."""
    pool = await open_pool(dsn, 4)
    taker = Taker(pool)
    numbers = iter(range(times))

    async def buyer() -> None:
        for number in numbers:
            key = f"{prefix}{number}"
            expires = datetime.now(UTC) + timedelta(minutes=15)
            answer = await taker.take(HoldRequest(key=key, asks=(Ask(good, 1),), expires_at=expires))
            print("granted" if isinstance(answer, Grant) else "refused", key, flush=True)

    await asyncio.gather(*(buyer() for _ in range(8)))
    await pool.close()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
