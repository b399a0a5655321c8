"""One lane of one reader: take the next events in, and try again what is parked."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from unisono.customers.timeline import parking
from unisono.customers.timeline.model import Event, Position
from unisono.customers.timeline.parking import Parked
from unisono.customers.timeline.readers import LogReader, lock_all_lanes, read_lane, replace_lanes
from unisono.customers.timeline.service import announce, as_event
from unisono.customers.timeline.watching import is_gone
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import AWAY, RETRY_AFTER, TRANSIENT, Connection, Pool, raise_if_cancelled
from unisono.kit.errors import Unavailable
from unisono.kit.sql import load

log = structlog.get_logger("unisono.timeline")

_sql = load("unisono.customers.timeline")

RACES = 5
"""Times a batch that lost a race is tried again whole before its events are tried one by one."""

STALE = 10_000
"""Transactions a lane without events of its own lags before its position is moved up, to keep its look cheap."""

RETRIED_AT_ONCE = 100
"""Parked persons, and parked events of a person, tried in one go."""

_SERVER_TROUBLE = ("08", "53", "58")
"""SQLSTATE classes that say nothing about the event: connection, resources, system."""
_SERVER_TROUBLES = ("25006", "57P01", "57P02", "57P03", "57P05")
"""Read-only server, and servers that are going away or coming up."""


class LanesChanged(Exception):
    """Somebody gave this reader another number of lanes."""


class Outcome(NamedTuple):
    """What a turn found."""

    taken: int = 0
    more: bool = False
    """There is more to take in at once."""
    busy: bool = False
    """Another worker works this lane."""


def blames_database(conn: Connection, error: BaseException) -> bool:
    """Whether the database is in trouble, rather than the events at fault."""
    if is_gone(conn):
        return True
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(_SERVER_TROUBLE) or state in _SERVER_TROUBLES
    return False


@asynccontextmanager
async def guarded(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction; raises Unavailable when the database is in trouble, else what was raised inside."""
    try:
        conn = await pool.acquire(timeout=10)
    except (TimeoutError, asyncpg.PostgresError, *AWAY) as error:
        raise_if_cancelled()
        raise Unavailable("The database cannot be reached.", retry_after=RETRY_AFTER) from error
    try:
        try:
            async with conn.transaction():
                yield conn
        except Exception as error:
            if blames_database(conn, error):
                raise_if_cancelled()
                raise Unavailable("The database went away.", retry_after=RETRY_AFTER) from error
            raise
    finally:
        await _release(pool, conn)


async def _release(pool: Pool, conn: PoolConnectionProxy[asyncpg.Record]) -> None:
    try:
        await pool.release(conn)
    except (asyncpg.PostgresError, *AWAY) as error:
        raise_if_cancelled()
        log.info("reader.connection_lost", error=type(error).__name__)


Handover = Callable[[Connection, Sequence[Event]], Awaitable[list[Parked]]]


class Lane:
    """One reader's share of the log: events whose lane leaves ``number`` modulo ``lanes``."""

    def __init__(self, pool: Pool, reader: LogReader, number: int, lanes: int, *, clock: Clock = system_clock) -> None:
        self._pool = pool
        self.reader = reader
        self.number = number
        self.lanes = lanes
        self._clock = clock

    async def turn(self) -> Outcome:
        """Take in the next batch, if there is one and nobody else works this lane.

        Raises Unavailable when the database is away, LanesChanged when this is no lane any more.
        """
        for _ in range(RACES):
            try:
                return await self._batch(self._hand_over)
            except TRANSIENT as error:
                log.info("reader.lost_race", reader=self.reader.name, error=type(error).__name__)
            except (Unavailable, LanesChanged):
                raise
            except Exception:
                # The boundary of RULES R17: a reader may raise anything; it is logged and held against its events.
                log.exception("reader.batch_failed", reader=self.reader.name, lane=self.number)
                break
        return await self._batch(self._hand_over_carefully)

    async def _batch(self, hand_over: Handover) -> Outcome:
        async with guarded(self._pool) as conn:
            if not await _sql.lock_lane(conn, reader=self.reader.name, lane=self.number):
                return Outcome(busy=True)
            where = await _sql.lane_position(conn, reader=self.reader.name, lane=self.number, lanes=self.lanes)
            if where is None:
                raise LanesChanged
            start, horizon = Position(where["txid"], where["event_id"]), where["horizon"]
            outcome = await self._take(conn, start, Position(horizon, 0), hand_over)
            crash_point("readers.before_commit")
        if outcome.taken:
            crash_point("readers.after_commit")
            if self.reader.wakes:
                await self._wake()
        return outcome

    async def _wake(self) -> None:
        # What was committed stands, also when the server goes away right after: others look by themselves each second.
        with contextlib.suppress(TimeoutError, *AWAY):
            await announce(self._pool)
        raise_if_cancelled()

    async def _take(self, conn: Connection, start: Position, until: Position, hand_over: Handover) -> Outcome:
        """Hand the next events up to ``until`` over and move the position."""
        size = self.reader.batch_size
        events = await read_lane(conn, start, until, lane=self.number, lanes=self.lanes, limit=size)
        more = len(events) == size
        if events:
            await self._set_aside_or(conn, events, hand_over)
        if events or until.txid - start.txid > STALE:
            reached = events[-1].position if more else max(start, until)
            await self._advance(conn, reached, len(events))
        return Outcome(len(events), more)

    async def take_until(self, conn: Connection, start: Position, until: Position) -> None:
        """Take in one batch of what lies between two positions; the caller holds this lane's lock."""
        outcome = await self._take(conn, start, until, self._hand_over_carefully)
        if not outcome.taken:
            await self._advance(conn, until, 0)

    async def _set_aside_or(self, conn: Connection, events: Sequence[Event], hand_over: Handover) -> None:
        """Events of parked persons queue; the others are handed over; those that fail are parked."""
        waiting = await parking.waiting(conn, self.reader.name, events)
        late = [Parked(event) for event in events if event.person_id in waiting]
        ready = [event for event in events if event.person_id not in waiting] if waiting else events
        if ready:
            late += await hand_over(conn, ready)
        await parking.park(conn, self.reader.name, late, self._clock())

    async def _hand_over(self, conn: Connection, events: Sequence[Event]) -> list[Parked]:
        await self.reader.handle(conn, events)
        return []

    async def _hand_over_carefully(self, conn: Connection, events: Sequence[Event]) -> list[Parked]:
        """Under savepoints, halving until those at fault are found: what else is in the batch takes effect."""
        try:
            async with conn.transaction():
                await self.reader.handle(conn, events)
        except Exception as error:
            if blames_database(conn, error):
                raise
            if len(events) == 1:
                log.warning(
                    "reader.parked",
                    reader=self.reader.name,
                    event_id=events[0].id,
                    person_id=events[0].person_id,
                    error=parking.error_text(error),
                )
                return [Parked(events[0], error)]
        else:
            return []
        half = len(events) // 2
        late = await self._hand_over_carefully(conn, events[:half])
        stopped = {item.event.person_id for item in late}
        rest = []
        for event in events[half:]:
            if event.person_id in stopped:
                late.append(Parked(event))
            else:
                rest.append(event)
        if rest:
            late += await self._hand_over_carefully(conn, rest)
        return late

    async def _advance(self, conn: Connection, to: Position, processed: int) -> None:
        await _sql.advance_reader(
            conn,
            reader=self.reader.name,
            lane=self.number,
            txid=str(to.txid),
            event_id=to.id,
            processed=processed,
        )

    async def retry_parked(self) -> datetime | None:
        """Try the parked persons that are due; returns when the next one is, None when nobody is parked.

        Raises Unavailable when the database is away.
        """
        for person in await self._due():
            async with guarded(self._pool) as conn:
                if await _sql.lock_lane(conn, reader=self.reader.name, lane=self.number):
                    await self._retry_person(conn, person)
        async with guarded(self._pool) as conn:
            rows = await self._oldest(conn, 1)
        return rows[0]["next_try_at"] if rows else None

    async def _oldest(self, conn: Connection, limit: int) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await _sql.oldest_parked(
            conn, reader=self.reader.name, lanes=self.lanes, lane=self.number, limit=limit
        )
        return rows

    async def _due(self) -> list[int]:
        async with guarded(self._pool) as conn:
            rows = await self._oldest(conn, RETRIED_AT_ONCE)
        now = self._clock()
        return [row["person_id"] for row in rows if row["next_try_at"] <= now]

    async def _retry_person(self, conn: Connection, person: int) -> None:
        """A parked person's events in order, up to the first that fails again."""
        rows = await _sql.lock_parked(conn, reader=self.reader.name, person_id=person, limit=RETRIED_AT_ONCE)
        for row in rows:
            event = as_event(row)
            if row["next_try_at"] > self._clock():
                return
            try:
                async with conn.transaction():
                    await self.reader.handle(conn, [event])
            except Exception as error:
                if blames_database(conn, error):
                    raise
                log.warning(
                    "reader.failed_again", reader=self.reader.name, event_id=event.id, attempts=row["attempts"] + 1
                )
                given_up = await parking.failed_again(
                    conn, self.reader.name, event, error, row["attempts"], row["first_at"], self._clock()
                )
                if not given_up:
                    return
            else:
                await parking.unpark(conn, self.reader.name, event)


async def change_lanes(pool: Pool, reader: LogReader, lanes: int, *, clock: Clock = system_clock) -> None:
    """Give a reader another number of lanes: first the old ones are brought to where the foremost is.

    Batch by batch, each under the locks of all lanes, so whoever works them meanwhile loses and repeats nothing.
    """
    while not await _step(pool, reader, lanes, clock):
        pass


async def _step(pool: Pool, reader: LogReader, lanes: int, clock: Clock) -> bool:
    """One batch of the lane furthest behind, or the change itself; whether the lanes are as wanted."""
    async with guarded(pool) as conn:
        old = await lock_all_lanes(conn, reader.name)
        if not old or old[0][1] == lanes:
            return True
        front = max(position for _, _, position, _ in old)
        number, count, position, _ = min(old, key=lambda row: row[2])
        if position == front:
            await replace_lanes(conn, reader.name, lanes, front, sum(row[3] for row in old))
            log.info("reader.lanes_changed", reader=reader.name, lanes=lanes)
            return True
        lane = Lane(pool, reader, number, count, clock=clock)
        await lane.take_until(conn, position, front)
        return False
