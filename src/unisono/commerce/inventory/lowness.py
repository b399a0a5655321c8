"""Looks now and then for stock that has become low, or is no longer, without anybody having moved it."""

from __future__ import annotations

import asyncio

import structlog

from unisono.commerce.inventory import service
from unisono.customers.web import unit
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import TRANSIENT, Pool
from unisono.kit.errors import Unavailable

log = structlog.get_logger("unisono.inventory")

EVERY = 30.0
"""Seconds between two looks: holds that die or come back through other rooms are noted that late at the most."""


class LowWatch:
    """Runs `service.refresh_low`. Any number of them may run."""

    def __init__(self, pool: Pool, *, clock: Clock = system_clock) -> None:
        self._pool = pool
        self._clock = clock

    async def run(self) -> None:
        """Look until cancelled; a database that is away is waited for."""
        while True:
            try:
                async with unit(self._pool) as conn:
                    await service.refresh_low(conn, now=self._clock())
            except (Unavailable, *TRANSIENT) as error:
                log.info("inventory.look_later", error=type(error).__name__)
            await asyncio.sleep(EVERY)
