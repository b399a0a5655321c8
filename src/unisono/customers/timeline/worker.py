"""The worker: every reader, every lane, woken when the log grows, asleep otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from unisono.customers.timeline.lanes import Lane, LanesChanged, change_lanes, guarded
from unisono.customers.timeline.readers import LogReader, lanes_of, start_lanes
from unisono.customers.timeline.watching import LogWatch
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Pool
from unisono.kit.errors import Unavailable

log = structlog.get_logger("unisono.timeline")

BUSY_LOOK = 1.0
"""Seconds until a lane that another worker works is asked for again: how soon its death is noticed."""

RETRY_LOOK = 10.0
"""Seconds at the most between two looks for parked events that are due."""


class Worker:
    """Works readers until cancelled. Any number of workers share the lanes of the same readers."""

    def __init__(
        self, pool: Pool, readers: Sequence[LogReader], lanes: int = 2, *, clock: Clock = system_clock
    ) -> None:
        self._pool = pool
        self._readers = list(readers)
        self._lanes = lanes
        self._clock = clock
        self.watch = LogWatch(pool)

    async def run(self) -> None:
        """Work until cancelled, through restarts of the database."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.watch.run(), name="log-watch")
            for reader in self._readers:
                tasks.create_task(self._reader(reader), name=f"reader-{reader.name}")

    async def drain(self) -> int:
        """Take in all there is now, due parked events included; returns how many events were taken."""
        taken = 0
        for reader in self._readers:
            lanes = await self._prepare(reader)
            for lane in lanes:
                while (outcome := await lane.turn()).more or outcome.busy:
                    taken += outcome.taken
                    await asyncio.sleep(0.01 if outcome.busy else 0)
                taken += outcome.taken
                await lane.retry_parked()
        return taken

    async def _prepare(self, reader: LogReader) -> list[Lane]:
        """The reader's lanes, as many as this worker is told to have."""
        async with guarded(self._pool) as conn:
            first = await start_lanes(conn, reader.name, self._lanes)
            await reader.prepare(conn, first=first)
        await change_lanes(self._pool, reader, self._lanes, clock=self._clock)
        return self._make(reader, self._lanes)

    def _make(self, reader: LogReader, lanes: int) -> list[Lane]:
        return [Lane(self._pool, reader, number, lanes, clock=self._clock) for number in range(lanes)]

    async def _reader(self, reader: LogReader) -> None:
        lanes: list[Lane] = []
        while True:
            try:
                lanes = await self._adopt(reader) if lanes else await self._prepare(reader)
                async with asyncio.TaskGroup() as tasks:
                    for lane in lanes:
                        tasks.create_task(self._work(lane), name=f"reader-{reader.name}-{lane.number}")
            except* LanesChanged:
                log.info("reader.lanes_changed_elsewhere", reader=reader.name)
            except* Unavailable as away:
                log.warning("reader.database_away", reader=reader.name, error=str(away.exceptions[0].__cause__))
                await asyncio.sleep(BUSY_LOOK)

    async def _adopt(self, reader: LogReader) -> list[Lane]:
        """The lanes as somebody else may have changed them: a running worker follows, it does not change back."""
        async with guarded(self._pool) as conn:
            present = await lanes_of(conn, reader.name)
        return self._make(reader, present) if present else await self._prepare(reader)

    async def _work(self, lane: Lane) -> None:
        next_retry: datetime | None = None
        looked_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            seen = self.watch.end
            outcome = await lane.turn()
            due = next_retry is not None and next_retry <= self._clock()
            if due or loop.time() - looked_at > RETRY_LOOK:
                next_retry = await lane.retry_parked()
                looked_at = loop.time()
            if outcome.more:
                continue
            if outcome.taken:
                await asyncio.sleep(lane.reader.linger)
            await self.watch.beyond(seen, BUSY_LOOK if outcome.busy else self._until(next_retry))

    def _until(self, next_retry: datetime | None) -> float:
        if next_retry is None:
            return RETRY_LOOK
        return min(RETRY_LOOK, max(0.05, (next_retry - self._clock()).total_seconds()))
