"""The worker of timers: sleeps until the next one is due, fires it once, tries again what fails.

Many workers share: each leases a few due timers in one short transaction that passes over what others hold, then
fires each in a transaction of its own. That transaction ends with the settlement, which holds only if the timer is
still as it was leased: whoever moved, cancelled or took it meanwhile wins, and the effects go with the settlement.
No lock on a timer is held while its handler works, so a handler may lock what the setter of the timer locks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec
import structlog

from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.lanes import guarded
from unisono.customers.timeline.parking import error_text, pause_after
from unisono.customers.timeline.watching import is_gone
from unisono.customers.timers.model import NewTimer, Timer, TimerHandler
from unisono.customers.timers.service import CHANGED, LOOK, Firing, as_timer, firing
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import AWAY, Connection, Pool
from unisono.kit.errors import Unavailable
from unisono.kit.sql import load

log = structlog.get_logger("unisono.timers")

_sql = load("unisono.customers.timers")

LEASE = timedelta(seconds=30)
"""How long a leased timer is left to its worker: a worker killed with timers in hand delays them by this much."""

BATCH = 32
"""Timers leased in one go."""

AT_ONCE = 4
"""Timers fired at the same time by one worker: as many connections it uses."""

RETRY = 1.0
"""Seconds between two attempts to reach a database that is away."""


class Moved(Exception):
    """The timer was moved, cancelled or taken over while it was fired: nothing of the firing stands."""


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
        self._pool = pool
        self._handlers = {handler.kind: handler for handler in handlers}
        if len(self._handlers) != len(handlers):
            raise ValueError("two handlers of one kind")
        self._clock = clock
        self._lease = lease
        self._room = asyncio.Semaphore(at_once)
        self._told = asyncio.Event()

    async def run(self) -> None:
        """Fire what is due until cancelled, through restarts of the database."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="timers-listen")
            tasks.create_task(self._work(), name="timers-work")

    async def drain(self, now: datetime | None = None) -> int:
        """Fire all that is due at ``now`` (default: the clock's present), in order; returns how many were settled."""
        clock = self._clock if now is None else lambda: now
        settled = 0
        while batch := await self._claim(clock()):
            for timer in batch:
                settled += await self._fire(timer, clock)
            await self._announce()
        return settled

    async def _work(self) -> None:
        away = False
        while True:
            try:
                self._told.clear()
                batch = await self._claim(self._clock())
                async with asyncio.TaskGroup() as tasks:
                    for timer in batch:
                        tasks.create_task(self._fire_in_turn(timer))
                away = False
                if batch:
                    await self._announce()
                else:
                    await self._sleep(await self._until_next())
            except* Unavailable as gone:
                if not away:
                    log.warning("timers.database_away", error=str(gone.exceptions[0].__cause__))
                away = True
                await asyncio.sleep(RETRY)

    async def _claim(self, now: datetime) -> list[Timer]:
        """Lease the next due timers, soonest first. Raises Unavailable."""
        async with guarded(self._pool) as conn:
            rows = await _sql.claim_due(
                conn, now=now, kinds=list(self._handlers), many=BATCH, lease_until=now + self._lease
            )
        crash_point("timers.after_claim")
        timers = [as_timer(row, fired_at=now) for row in rows]
        return sorted(timers, key=lambda timer: (timer.due_at, timer.id))

    async def _fire_in_turn(self, timer: Timer) -> None:
        async with self._room:
            await self._fire(timer, self._clock)

    async def _fire(self, timer: Timer, clock: Clock) -> bool:
        """Fire one leased timer; whether it is settled now. Raises Unavailable when the database is away."""
        own = Firing(timer.kind, timer.key)
        token = firing.set(own)
        try:
            async with guarded(self._pool) as conn:
                state, outcome = await self._effects(conn, timer, clock())
                await self._settle(conn, timer, state, outcome, own.again, clock())
                crash_point("timers.before_commit")
        except Moved:
            log.info("timers.moved", kind=timer.kind, key=timer.key)
            return False
        except Unavailable:
            raise
        except Exception as error:
            # The boundary of RULES R17: a handler may raise anything; it is logged and kept with its timer.
            log.exception("timers.failed", kind=timer.kind, key=timer.key, attempts=timer.attempts)
            await self._postpone(timer, error, clock())
            return False
        finally:
            firing.reset(token)
        crash_point("timers.after_commit")
        return True

    async def _effects(self, conn: Connection, timer: Timer, now: datetime) -> tuple[str, str]:
        """What the firing does: (state, outcome)."""
        if timer.not_after is not None and now > timer.not_after:
            log.warning("timers.skipped", kind=timer.kind, key=timer.key, due_at=timer.due_at.isoformat())
            because = f"; the last error was {timer.error}" if timer.error else ""
            return "skipped", f"too late: not after {timer.not_after.isoformat()}, it was {now.isoformat()}{because}"
        return "fired", await self._handlers[timer.kind].fire(conn, timer)

    async def _settle(
        self, conn: Connection, timer: Timer, state: str, outcome: str, again: NewTimer | None, now: datetime
    ) -> None:
        if again is None:
            done = await _sql.settle(conn, id=timer.id, attempts=timer.attempts, state=state, outcome=outcome, now=now)
        else:
            done = await _sql.fire_again(
                conn,
                id=timer.id,
                attempts=timer.attempts,
                due_at=again.due_at,
                not_after=again.not_after,
                payload=msgspec.json.encode(again.payload).decode(),
                outcome=outcome,
            )
        if not done:
            raise Moved

    async def _postpone(self, timer: Timer, error: Exception, now: datetime) -> None:
        async with guarded(self._pool) as conn:
            await _sql.postpone(
                conn,
                id=timer.id,
                attempts=timer.attempts,
                try_at=now + pause_after(timer.attempts),
                error=error_text(error),
            )

    async def _announce(self) -> None:
        # The firings stand, also when the server goes away right after: readers look by themselves each second.
        with contextlib.suppress(TimeoutError, asyncpg.PostgresError, *AWAY):
            await timeline.announce(self._pool)

    async def _until_next(self) -> float:
        """Seconds to sleep: until the next timer, and no longer than until the next look."""
        async with guarded(self._pool) as conn:
            due: datetime | None = await _sql.next_due(conn, kinds=list(self._handlers))
        if due is None:
            return LOOK
        return min(LOOK, max(0.001, (due - self._clock()).total_seconds()))

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()

    async def _listen(self) -> None:
        """Be told of timers due soon; a lost connection is only a matter of looking by oneself meanwhile."""
        while True:
            try:
                async with self._pool.acquire(timeout=10) as conn:
                    await self._heed(conn)
            except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
                log.info("timers.not_listening", error=error_text(error))
                await asyncio.sleep(RETRY)

    async def _heed(self, conn: Connection) -> None:
        lost = asyncio.Event()

        def told(*_: object) -> None:
            self._told.set()

        def ended(*_: object) -> None:
            lost.set()

        await conn.add_listener(CHANGED, told)
        conn.add_termination_listener(ended)
        # What was set before the listening began.
        self._told.set()
        try:
            await lost.wait()
        finally:
            if not is_gone(conn):
                conn.remove_termination_listener(ended)
                await conn.remove_listener(CHANGED, told)
