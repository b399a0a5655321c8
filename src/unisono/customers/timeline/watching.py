"""Waiting for the log to grow without asking it all the time.

One watch a process: it sleeps on PostgreSQL's notification, looks by itself every second, and wakes whoever waits
for a position. Rows above the snapshot horizon (an older transaction has not ended) are looked at again soon,
and less and less often. It may watch other logs beside that of the events: all are looked at over one connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import structlog

from unisono.customers.timeline.model import BEGINNING, Position
from unisono.customers.timeline.service import CHANGED
from unisono.kit.database import AWAY, Connection, Pool, raise_if_cancelled
from unisono.kit.sql import load

log = structlog.get_logger("unisono.timeline")

_sql = load("unisono.customers.timeline")

EVERY = 1.0
"""Seconds between two looks when nothing is told."""

LINGER = 0.01
"""Seconds between two looks at the least: many commits make one look."""

SOON = 0.02
"""Seconds to the next look when events wait for an older transaction; doubled each time, up to ``EVERY``."""


LogEnd = Callable[[Connection], Awaitable[tuple[Position, bool]]]
"""Reads the last settled position of a log, and whether rows above it wait for an older transaction."""


def as_end(row: asyncpg.Record) -> tuple[Position, bool]:
    """A row with ``txid``, ``id`` and ``pending`` as the end of a log."""
    return BEGINNING if row["txid"] is None else Position(row["txid"], row["id"]), row["pending"]


async def log_end(conn: Connection) -> tuple[Position, bool]:
    """The last settled position, and whether events above it wait for an older transaction."""
    return as_end(await _sql.log_end(conn))


def is_gone(conn: Connection) -> bool:
    """Whether the connection is lost; asyncpg takes a lost one from its holder and then refuses even to say so."""
    try:
        return conn.is_closed()
    except asyncpg.InterfaceError:
        return True


class Watched:
    """Where one log ends; whoever waits for a position is woken."""

    def __init__(self, read_end: LogEnd) -> None:
        self.read_end = read_end
        self.end = BEGINNING
        self._moved = asyncio.Event()

    def publish(self, end: Position) -> None:
        """The log ends here now."""
        if end > self.end:
            self.end = end
            # Whoever waits holds this event; those who come later wait for the next one.
            self._moved.set()
            self._moved = asyncio.Event()

    async def beyond(self, position: Position, within: float) -> bool:
        """Wait until the log ends after ``position``, at most ``within`` seconds; whether it does."""
        try:
            async with asyncio.timeout(within):
                while self.end <= position:
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True


class LogWatch:
    """Knows where the log ends, and tells."""

    def __init__(self, pool: Pool, *, every: float = EVERY) -> None:
        self._pool = pool
        self._every = every
        self._told = asyncio.Event()
        self.log = Watched(log_end)
        """The log of events."""
        self._watched = [self.log]
        self.looks = 0

    @property
    def end(self) -> Position:
        """Where the log of events ends."""
        return self.log.end

    async def beyond(self, position: Position, within: float) -> bool:
        """As `Watched.beyond`, of the log of events."""
        return await self.log.beyond(position, within)

    def watch(self, read_end: LogEnd) -> Watched:
        """Watch another log beside."""
        watched = Watched(read_end)
        self._watched.append(watched)
        self._told.set()
        return watched

    async def run(self) -> None:
        """Watch until cancelled, through restarts of the database; each outage is logged once."""
        away = False
        while True:
            try:
                async with self._pool.acquire(timeout=10) as conn:
                    away = False
                    await self._watch(conn)
            except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
                raise_if_cancelled()
                if not away:
                    log.warning("watch.database_away", error=f"{type(error).__name__}: {error}")
                away = True
                await asyncio.sleep(self._every / 2)

    async def _watch(self, conn: Connection) -> None:
        def told(*_: object) -> None:
            self._told.set()

        await conn.add_listener(CHANGED, told)
        conn.add_termination_listener(told)
        try:
            soon = SOON
            while True:
                self._told.clear()
                pending = await self._look(conn)
                soon = min(soon * 2, self._every) if pending else SOON
                await self._sleep(soon if pending else self._every)
        finally:
            if not is_gone(conn):
                conn.remove_termination_listener(told)
                await conn.remove_listener(CHANGED, told)

    async def _look(self, conn: Connection) -> bool:
        """Look at every log; whether any has rows that wait for an older transaction."""
        any_pending = False
        for watched in list(self._watched):
            end, pending = await watched.read_end(conn)
            watched.publish(end)
            any_pending = any_pending or pending
        self.looks += 1
        return any_pending

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(LINGER)
        try:
            async with asyncio.timeout(seconds):
                await self._told.wait()
        except TimeoutError:
            return
