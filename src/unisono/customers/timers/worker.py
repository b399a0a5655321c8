"""The worker of timers: sleeps until the next one is due, fires it once, tries again what fails.

Many workers share: each leases a few due timers in one short transaction that passes over what others hold, then
fires them as `firing` has it. Kinds that are fired many together, and kinds whose work takes long, are worked beside
the others, so that neither waits for the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import structlog

from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.lanes import guarded
from unisono.customers.timeline.parking import error_text
from unisono.customers.timeline.watching import is_gone
from unisono.customers.timers.firing import fire
from unisono.customers.timers.model import LongHandler, ManyHandler, Timer, TimerHandler
from unisono.customers.timers.service import CHANGED, LOOK, as_timer
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import AWAY, Connection, Pool, raise_if_cancelled
from unisono.kit.errors import Unavailable
from unisono.kit.sql import load

log = structlog.get_logger("unisono.timers")

_sql = load("unisono.customers.timers")

LEASE = timedelta(seconds=30)
"""How long a leased timer is left to its worker: a worker killed with timers in hand delays them by this much."""

BATCH = 32
"""Timers of ordinary kinds leased in one go."""

AT_ONCE = 4
"""Timers fired at the same time by one worker: as many connections it uses."""

LINGER = 0.1
"""Seconds between two portions of timers that are fired together: what is due meanwhile is one portion, and whoever
follows the log is woken for that."""

RETRY = 1.0
"""Seconds between two attempts to reach a database that is away."""


class Share:
    """Handlers that are worked in turn: the ordinary ones together, each of the others by itself."""

    def __init__(self, handlers: Sequence[TimerHandler], many: int) -> None:
        self.handlers = {handler.kind: handler for handler in handlers}
        self.many = many
        self.told = asyncio.Event()

    @property
    def kinds(self) -> list[str]:
        """What it fires."""
        return list(self.handlers)

    @property
    def together(self) -> bool:
        """Whether its timers are fired together."""
        return isinstance(next(iter(self.handlers.values())), ManyHandler)

    def portions(self, leased: Sequence[Timer]) -> list[tuple[TimerHandler, list[Timer]]]:
        """What is fired in one go: all of a kind that is fired together, else each alone."""
        if self.together:
            return [(next(iter(self.handlers.values())), list(leased))] if leased else []
        return [(self.handlers[timer.kind], [timer]) for timer in leased]


def shares_of(handlers: Sequence[TimerHandler]) -> list[Share]:
    """The handlers as a worker shares its time among them."""
    ordinary = [handler for handler in handlers if not isinstance(handler, ManyHandler | LongHandler)]
    shares = [Share(ordinary, BATCH)] if ordinary else []
    for handler in handlers:
        if isinstance(handler, ManyHandler):
            shares.append(Share([handler], handler.many))
        elif isinstance(handler, LongHandler):
            shares.append(Share([handler], 1))
    return shares


class TimerWorker:
    """Fires timers of the kinds it has handlers for. Any number of workers share the timers."""

    def __init__(
        self,
        pool: Pool,
        handlers: Sequence[TimerHandler],
        clock: Clock = system_clock,
        *,
        lease: timedelta = LEASE,
        at_once: int = AT_ONCE,
    ) -> None:
        if len({handler.kind for handler in handlers}) != len(handlers):
            raise ValueError("two handlers of one kind")
        self._pool = pool
        self._shares = shares_of(handlers)
        self._clock = clock
        self._lease = lease
        self._room = asyncio.Semaphore(at_once)

    async def run(self) -> None:
        """Fire what is due until cancelled, through restarts of the database."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="timers-listen")
            for share in self._shares:
                tasks.create_task(self._work(share), name=f"timers-{share.kinds[0]}")

    async def drain(self, now: datetime | None = None) -> int:
        """Fire all that is due at ``now`` (default: the clock's present), in order; returns how many were settled."""
        clock = self._clock if now is None else lambda: now
        settled = 0
        again = True
        while again:
            again = False
            for share in self._shares:
                while leased := await self._claim(share, clock()):
                    again = True
                    for handler, portion in share.portions(leased):
                        settled += await fire(self._pool, handler, portion, clock, self._lease)
                    await self._announce()
        return settled

    async def _work(self, share: Share) -> None:
        away = False
        while True:
            try:
                share.told.clear()
                leased = await self._claim(share, self._clock())
                async with asyncio.TaskGroup() as tasks:
                    for handler, portion in share.portions(leased):
                        tasks.create_task(self._fire_in_turn(handler, portion))
                away = False
                if leased:
                    await self._announce()
                    if share.together and len(leased) < share.many:
                        await asyncio.sleep(LINGER)
                else:
                    await self._sleep(share)
            except* Unavailable as gone:
                if not away:
                    log.warning("timers.database_away", error=str(gone.exceptions[0].__cause__))
                away = True
                await asyncio.sleep(RETRY)

    async def _claim(self, share: Share, now: datetime) -> list[Timer]:
        """Lease the next due timers, soonest first. Raises Unavailable."""
        async with guarded(self._pool) as conn:
            rows = await _sql.claim_due(
                conn, now=now, kinds=share.kinds, many=share.many, lease_until=now + self._lease
            )
        crash_point("timers.after_claim")
        timers = [as_timer(row, fired_at=now) for row in rows]
        return sorted(timers, key=lambda timer: (timer.due_at, timer.id))

    async def _fire_in_turn(self, handler: TimerHandler, portion: Sequence[Timer]) -> None:
        if isinstance(handler, LongHandler):
            # Long work would keep a place from the others for as long as it takes.
            await fire(self._pool, handler, portion, self._clock, self._lease)
            return
        async with self._room:
            await fire(self._pool, handler, portion, self._clock, self._lease)

    async def _announce(self) -> None:
        # The firings stand, also when the server goes away right after: readers look by themselves each second.
        with contextlib.suppress(TimeoutError, asyncpg.PostgresError, *AWAY):
            await timeline.announce(self._pool)
        raise_if_cancelled()

    async def _sleep(self, share: Share) -> None:
        """Until the next timer, until told, and no longer than until the next look. Raises Unavailable."""
        async with guarded(self._pool) as conn:
            due: datetime | None = await _sql.next_due(conn, kinds=share.kinds)
        seconds = LOOK if due is None else min(LOOK, max(0.001, (due - self._clock()).total_seconds()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await share.told.wait()

    def _tell(self) -> None:
        for share in self._shares:
            share.told.set()

    async def _listen(self) -> None:
        """Be told of timers due soon; a lost connection is only a matter of looking by oneself meanwhile."""
        while True:
            try:
                async with self._pool.acquire(timeout=10) as conn:
                    await self._heed(conn)
            except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
                raise_if_cancelled()
                log.info("timers.not_listening", error=error_text(error))
                await asyncio.sleep(RETRY)

    async def _heed(self, conn: Connection) -> None:
        lost = asyncio.Event()

        def told(*_: object) -> None:
            self._tell()

        def ended(*_: object) -> None:
            lost.set()

        await conn.add_listener(CHANGED, told)
        conn.add_termination_listener(ended)
        # What was set before the listening began.
        self._tell()
        try:
            await lost.wait()
        finally:
            if not is_gone(conn):
                conn.remove_termination_listener(ended)
                await conn.remove_listener(CHANGED, told)
