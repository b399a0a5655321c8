"""How long a change takes until a channel has it, measured at every one, all the time.

From ``change.at``, which the database's clock gives as the row is written, until it was handed to a subscriber of the
stream or a webhook was answered 2xx. Each process counts by upper bound, in milliseconds, and adds its counts to
``propagation`` every few seconds; so any percentile of any window comes out, whichever process measured.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import structlog

from unisono.commerce.changes.model import Change
from unisono.kit.database import AWAY, Connection, Pool, raise_if_cancelled
from unisono.kit.sql import load

log = structlog.get_logger("unisono.changes")

_sql = load("unisono.commerce.changes")

BOUNDS = (
    1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 200, 250, 300, 400, 500, 750,
    1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000, 2_147_483_647,
)  # fmt: skip
"""Milliseconds. 250 is what is promised; what took longer than an hour is counted as for ever."""

FLUSHED_EVERY = 3.0
"""Seconds between two times a process adds its counts."""

CLOCK_SET_EVERY = 60.0
"""Seconds after which an idle process looks at the database's clock again."""

KEPT = timedelta(days=90)
"""How long counts are kept."""


def percentile(counts: Sequence[tuple[int, int]], percent: float) -> int:
    """The bound (ms) that so many of a hundred stayed within, of counts in the order of their bounds."""
    left = sum(seen for _, seen in counts) * percent / 100
    for bound, seen in counts:
        left -= seen
        if left <= 0:
            return bound
    return counts[-1][0] if counts else 0


class Meter:
    """What one process has measured and not yet written down."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._counts: Counter[tuple[datetime, str, str, int]] = Counter()
        self._ahead = 0.0
        """Seconds the database's clock is ahead of ours."""
        self._clock_set = float("-inf")
        self._forgotten = 0.0

    def saw(self, changes: Sequence[Change], channel: str) -> None:
        """These changes have just reached a channel."""
        now = datetime.fromtimestamp(time.time() + self._ahead, UTC)
        minute = now.replace(second=0, microsecond=0)
        for change in changes:
            late = max(0.0, (now - change.at).total_seconds() * 1000)
            self._counts[minute, change.kind, channel, BOUNDS[min(bisect_left(BOUNDS, late), len(BOUNDS) - 1)]] += 1

    async def run(self) -> None:
        """Write down every few seconds until cancelled; through restarts of the database nothing is lost."""
        while True:
            await self.flush()
            await asyncio.sleep(FLUSHED_EVERY)

    async def flush(self) -> None:
        """Write down what there is; kept for the next time when the database is away."""
        if not self._counts and time.monotonic() - self._clock_set < CLOCK_SET_EVERY:
            return
        counts, self._counts = self._counts, Counter()
        try:
            async with self._pool.acquire(timeout=10) as conn:
                await self._set_clock(conn)
                await self._write(conn, counts)
        except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
            raise_if_cancelled()
            log.warning("propagation.database_away", error=f"{type(error).__name__}: {error}")
            self._counts.update(counts)

    async def _set_clock(self, conn: Connection) -> None:
        before = time.time()
        there: datetime = await _sql.database_time(conn)
        self._ahead = there.timestamp() - (before + time.time()) / 2
        self._clock_set = time.monotonic()

    async def _write(self, conn: Connection, counts: Counter[tuple[datetime, str, str, int]]) -> None:
        if counts:
            minutes, kinds, channels, buckets = zip(*counts, strict=True)
            await _sql.add_propagation(
                conn,
                minutes=list(minutes),
                kinds=list(kinds),
                channels=list(channels),
                buckets=list(buckets),
                seen=list(counts.values()),
            )
        now = time.monotonic()
        if now - self._forgotten > 3600:
            self._forgotten = now
            await _sql.forget_propagation(conn, before=datetime.now(UTC) - KEPT)
