"""Firing leased timers: one, many together, or one whose work takes long; each ends with its settlement.

The transaction of a firing ends with the settlement, which holds only if the timers are still as they were leased:
whoever moved, cancelled or took one meanwhile wins, and the effects go with the settlement. No lock on a timer is held
while its handler works, so a handler may lock what the setter of the timer locks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from unisono.customers.timeline.lanes import guarded
from unisono.customers.timeline.parking import error_text, pause_after
from unisono.customers.timers.model import LongHandler, ManyHandler, Timer, TimerHandler
from unisono.customers.timers.service import Firing, firing
from unisono.kit.clock import Clock
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection, Pool
from unisono.kit.errors import Unavailable
from unisono.kit.sql import load

log = structlog.get_logger("unisono.timers")

_sql = load("unisono.customers.timers")


class Moved(Exception):
    """A timer was moved, cancelled or taken over while it was fired: nothing of the firing stands."""


async def fire(pool: Pool, handler: TimerHandler, leased: Sequence[Timer], clock: Clock, lease: timedelta) -> int:
    """Fire leased timers of one handler; how many are settled now. Raises Unavailable when the database is away."""
    if isinstance(handler, LongHandler):
        return sum([await _fire_long(pool, handler, timer, clock, lease) for timer in leased])
    if isinstance(handler, ManyHandler):
        return await _fire_many(pool, handler, leased, clock)
    return sum([await _fire_together(pool, handler, [timer], clock) for timer in leased])


async def _fire_many(pool: Pool, handler: ManyHandler, leased: Sequence[Timer], clock: Clock) -> int:
    """All in one transaction; without those that others moved, if there are any; one by one if that fails."""
    try:
        return await _together(pool, handler, leased, clock)
    except Moved:
        async with guarded(pool) as conn:
            rows = await _sql.still_leased(
                conn, ids=[timer.id for timer in leased], attempts=[timer.attempts for timer in leased]
            )
        kept = {row["id"] for row in rows}
        remaining = [timer for timer in leased if timer.id in kept]
        log.info("timers.moved", kind=handler.kind, moved=len(leased) - len(remaining))
        if len(remaining) < len(leased):
            return await _fire_many(pool, handler, remaining, clock) if remaining else 0
    except Unavailable:
        raise
    except Exception:
        # The boundary of RULES R17: a handler may raise anything; those at fault are found one by one.
        log.exception("timers.portion_failed", kind=handler.kind, timers=len(leased))
    return sum([await _fire_together(pool, handler, [timer], clock) for timer in leased])


async def _fire_together(pool: Pool, handler: TimerHandler, leased: Sequence[Timer], clock: Clock) -> int:
    """As `_together`; what fails is kept with its timers, which wait."""
    try:
        return await _together(pool, handler, leased, clock)
    except Moved:
        log.info("timers.moved", kind=handler.kind, key=leased[0].key)
    except Unavailable:
        raise
    except Exception as error:
        # The boundary of RULES R17: a handler may raise anything; it is logged and kept with its timer.
        log.exception("timers.failed", kind=handler.kind, key=leased[0].key, attempts=leased[0].attempts)
        for timer in leased:
            await _postpone(pool, timer, error, clock())
    return 0


async def _together(pool: Pool, handler: TimerHandler, leased: Sequence[Timer], clock: Clock) -> int:
    """One transaction: the effects, then the settlement. Raises what the handler does, Moved, Unavailable."""
    own = Firing(leased)
    token = firing.set(own)
    try:
        async with guarded(pool) as conn:
            now = clock()
            alive, late = _sorted_out(leased, now)
            outcomes = await _effects(conn, handler, alive)
            done = [(timer, "skipped", _too_late(timer, now)) for timer in late]
            settled = "cancelled" if handler.repeats else "fired"
            done += [(timer, settled, outcome) for timer, outcome in zip(alive, outcomes, strict=True)]
            await _settle(conn, own, done, clock())
            crash_point("timers.before_commit")
    finally:
        firing.reset(token)
    crash_point("timers.after_commit")
    return len(leased)


def _sorted_out(leased: Sequence[Timer], now: datetime) -> tuple[list[Timer], list[Timer]]:
    """(to be fired, past their last instant)."""
    alive: list[Timer] = []
    late: list[Timer] = []
    for timer in leased:
        (late if timer.not_after is not None and now > timer.not_after else alive).append(timer)
    return alive, late


async def _effects(conn: Connection, handler: TimerHandler, alive: Sequence[Timer]) -> Sequence[str]:
    """What the firing does; an outcome for each."""
    if not alive:
        return []
    if isinstance(handler, ManyHandler):
        return await handler.fire_many(conn, alive)
    return [await handler.fire(conn, timer) for timer in alive]


def _too_late(timer: Timer, now: datetime) -> str:
    assert timer.not_after is not None
    log.warning("timers.skipped", kind=timer.kind, key=timer.key, due_at=timer.due_at.isoformat())
    because = f"; the last error was {timer.error}" if timer.error else ""
    return f"too late: not after {timer.not_after.isoformat()}, it was {now.isoformat()}{because}"


async def _settle(conn: Connection, own: Firing, done: Sequence[tuple[Timer, str, str]], now: datetime) -> None:
    """Settle them, or let them wait for the instant their handler set. Raises Moved."""
    over = [(timer, state, outcome) for timer, state, outcome in done if (timer.kind, timer.key) not in own.again]
    touched = await _sql.settle(
        conn,
        ids=[timer.id for timer, _, _ in over],
        attempts=[timer.attempts for timer, _, _ in over],
        states=[state for _, state, _ in over],
        outcomes=[outcome for _, _, outcome in over],
        now=now,
    )
    if own.again:
        waiting = [
            (timer, own.again[timer.kind, timer.key], outcome)
            for timer, _, outcome in done
            if (timer.kind, timer.key) in own.again
        ]
        touched += await _sql.fire_again(
            conn,
            ids=[timer.id for timer, _, _ in waiting],
            attempts=[timer.attempts for timer, _, _ in waiting],
            due_ats=[again.due_at for _, again, _ in waiting],
            not_afters=[again.not_after for _, again, _ in waiting],
            payloads=[msgspec.json.encode(again.payload).decode() for _, again, _ in waiting],
            outcomes=[outcome for _, _, outcome in waiting],
        )
    if touched != len(done):
        raise Moved


async def _fire_long(pool: Pool, handler: LongHandler, timer: Timer, clock: Clock, lease: timedelta) -> int:
    """The work under a lease that is renewed, then the settlement."""
    if timer.not_after is None or clock() <= timer.not_after:
        work = asyncio.ensure_future(handler.work(pool, timer))
        keeper = asyncio.create_task(_keep_lease(pool, timer, work, clock, lease))
        try:
            await work
        except asyncio.CancelledError:
            if not keeper.done() or keeper.cancelled():
                work.cancel()
                raise
            log.info("timers.moved", kind=timer.kind, key=timer.key)
            return 0
        except Unavailable:
            raise
        except Exception as error:
            # The boundary of RULES R17, as above.
            log.exception("timers.failed", kind=timer.kind, key=timer.key, attempts=timer.attempts)
            await _postpone(pool, timer, error, clock())
            return 0
        finally:
            keeper.cancel()
    return await _fire_together(pool, handler, [timer], clock)


async def _keep_lease(pool: Pool, timer: Timer, work: asyncio.Future[None], clock: Clock, lease: timedelta) -> None:
    """Renew the lease while the work goes on; cancel the work when the timer is somebody else's."""
    while True:
        await asyncio.sleep(lease.total_seconds() / 3)
        try:
            async with guarded(pool) as conn:
                mine = await _sql.renew(conn, id=timer.id, attempts=timer.attempts, lease_until=clock() + lease)
        except Unavailable:
            # The work meets the same trouble, and what becomes of the lease is seen at the next look.
            continue
        if not mine:
            work.cancel()
            return


async def _postpone(pool: Pool, timer: Timer, error: Exception, now: datetime) -> None:
    async with guarded(pool) as conn:
        await _sql.postpone(
            conn,
            id=timer.id,
            attempts=timer.attempts,
            try_at=now + pause_after(timer.attempts),
            error=error_text(error),
        )
