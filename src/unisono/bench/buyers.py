"""A process of buyers for the row ``oversell``: ``python -m unisono.bench.buyers DSN GOOD BUYERS SECONDS``.

It imports little, so that many of them start soon. It says ``ready``, waits for a line, says ``held`` with each hold
while it buys out (seconds 0), and at its end ``told`` with what it did.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from unisono.bench.model import BenchError
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.holds.model import Ask, Grant, HoldRequest
from unisono.commerce.holds.taker import Taker
from unisono.customers.web import unit
from unisono.kit.database import TRANSIENT, Pool, connection, open_pool

LIFETIME: Final = timedelta(seconds=1)
"""Of a hold: what a killed process held is free again after it."""

PAYING: Final = 0.05
"""Seconds between hold and commit."""


class Told(msgspec.Struct):
    """What a process of buyers tells at its end."""

    committed: int = 0
    attempts: int = 0
    seconds: float = 0.0
    latencies: list[float] = []


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def _buy(pool: Pool, taker: Taker, good: int, told: Told) -> None:
    """One buyer: hold a unit, pay, commit, and again, until all are sold."""
    while True:
        now = datetime.now(UTC)
        request = HoldRequest(key=f"bench:{uuid.uuid4()}", asks=(Ask(good, 1),), expires_at=now + LIFETIME)
        told.attempts += 1
        answer = await taker.take(request)
        if isinstance(answer, Grant):
            _say("held")
            await asyncio.sleep(PAYING)
            told.committed += await _pay(pool, answer)
            continue
        async with connection(pool) as conn:
            state = (await holds.goods(conn, [good], now=datetime.now(UTC)))[good]
        if state.committed >= state.capacity:
            return
        await asyncio.sleep(0.02)


async def _pay(pool: Pool, grant: Grant) -> int:
    """Make the hold firm; 0 when it died on the way."""
    while True:
        try:
            async with unit(pool) as conn:
                await holds.commit(conn, [hold.id for hold in grant.holds], now=datetime.now(UTC))
        except HoldDead:
            return 0
        except TRANSIENT:
            continue
        return 1


async def _take_on(taker: Taker, good: int, until: float, told: Told) -> None:
    """One buyer of the hot sku: a hold after another, never given back."""
    while time.perf_counter() < until:
        expires = datetime.now(UTC) + timedelta(minutes=15)
        request = HoldRequest(key=f"bench:{uuid.uuid4()}", asks=(Ask(good, 1),), expires_at=expires)
        asked = time.perf_counter()
        answer = await taker.take(request)
        told.latencies.append(time.perf_counter() - asked)
        told.attempts += 1
        if not isinstance(answer, Grant):
            raise BenchError("The hot sku ran out: the figure would count refusals.")


async def _process(dsn: str, good: int, buyers: int, seconds: float) -> None:
    """What a child process does: seconds 0 buys out, else it takes for so long. Waits for a line before it starts."""
    pool = await open_pool(dsn, 6)
    taker, told = Taker(pool), Told()
    async with connection(pool) as conn:
        await conn.fetchval("select 1")
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    began = time.perf_counter()
    if seconds:
        await asyncio.gather(*(_take_on(taker, good, began + seconds, told) for _ in range(buyers)))
    else:
        await asyncio.gather(*(_buy(pool, taker, good, told) for _ in range(buyers)))
    told.seconds = time.perf_counter() - began
    _say(f"told {msgspec.json.encode(told).decode()}")
    await pool.close()


if __name__ == "__main__":
    asyncio.run(_process(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
