"""Ends dead holds in good time, so that channels hear of units that are free again. Correctness never waits for it."""

from __future__ import annotations

import asyncio

import structlog

from unisono.commerce.holds import service
from unisono.customers.web import unit
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import TRANSIENT, Pool, connection
from unisono.kit.errors import Unavailable

log = structlog.get_logger("unisono.holds")

LONGEST = 5.0
"""Seconds between two looks at the most: a hold taken meanwhile may die sooner than the next one known of."""

SHORTEST = 0.05
"""Seconds between two looks at the least, so that many deaths share a transaction."""


class Sweeper:
    """Sleeps until the next hold dies. Any number of them may run."""

    def __init__(self, pool: Pool, *, clock: Clock = system_clock) -> None:
        self._pool = pool
        self._clock = clock

    async def run(self) -> None:
        """Sweep until cancelled; a database that is away is waited for."""
        while True:
            try:
                await self.sweep()
                wait = await self._until_next()
            except (Unavailable, *TRANSIENT) as error:
                log.info("holds.sweep_later", error=type(error).__name__)
                wait = LONGEST
            await asyncio.sleep(wait)

    async def sweep(self) -> int:
        """End what is dead now; how many goods were freed."""
        freed = 0
        while True:
            async with unit(self._pool) as conn:
                swept = await service.sweep(conn, now=self._clock())
            freed += swept
            if not swept:
                return freed

    async def _until_next(self) -> float:
        now = self._clock()
        async with connection(self._pool) as conn:
            due = await service.next_expiry(conn, now=now)
        return LONGEST if due is None else min(LONGEST, max(SHORTEST, (due - now).total_seconds()))
