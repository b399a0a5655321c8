"""What channels forget every night: what providers told us too long ago to be told again, and the browsers and phones
that they told us long ago are gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from unisono.customers.segments.nights import NIGHTLY, next_night
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import LongHandler, Timer
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection, Pool, transaction
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.engagement.channels")

KIND: Final = "channels.night"

PORTION: Final = 10_000
"""Rows deleted in one transaction."""


class ChannelsNight(LongHandler):
    """Forgets what providers told us, every night."""

    kind: ClassVar[str] = KIND
    repeats: ClassVar[bool] = True

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._clock = clock

    async def work(self, pool: Pool, timer: Timer) -> None:
        """A portion after the other, each in a transaction of its own."""
        before = self._clock() - timedelta(days=self._settings.provider_call_days)
        for forget in (_sql.forget_calls, _sql.forget_push_addresses):
            gone = PORTION
            while gone == PORTION:
                async with transaction(pool) as conn:
                    gone = int(await forget(conn, before=before, many=PORTION))

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Again tomorrow."""
        await timers.set_timer(conn, KIND, NIGHTLY, next_night(timer.now, self._settings.timezone))
        return "forgotten"


async def plan(conn: Connection, settings: Settings, *, now: datetime) -> None:
    """See to it that it is done each night; once is enough for ever."""
    if await timers.find_timer(conn, KIND, NIGHTLY) is None:
        await timers.set_timer(conn, KIND, NIGHTLY, next_night(now, settings.timezone))
