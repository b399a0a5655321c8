"""What a reader could not take in: parked with back-off, buried when hopeless, raised again by hand.

RULES R10: a failing event parks its person for that reader alone; what comes later of that person queues behind it
in order; everybody else goes on. Nothing is given up before 3 attempts and 180 minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from unisono.customers.timeline.model import Event
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.timeline")

FIRST_PAUSE = 10.0
"""Seconds to the second attempt; doubled after each failure."""

LONGEST_PAUSE = 300.0
"""Seconds between two attempts at the most."""

LEAST_ATTEMPTS = 3
LEAST_AGE = timedelta(minutes=180)

MAX_ERROR = 2000
"""Characters of an error that are kept."""

QUEUED = "waits behind an earlier event of the same person"


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts: 10 s, 20 s, 40 s, ... 300 s."""
    return timedelta(seconds=min(FIRST_PAUSE * 2 ** min(attempts - 1, 10), LONGEST_PAUSE))


def hopeless(attempts: int, first_failure: datetime, now: datetime) -> bool:
    """Whether to give up after so many failed attempts."""
    return attempts >= LEAST_ATTEMPTS and now - first_failure >= LEAST_AGE


def error_text(error: BaseException) -> str:
    """An error in words PostgreSQL can store."""
    return f"{type(error).__name__}: {error}".replace("\x00", "�").encode("utf-8", "replace").decode()[:MAX_ERROR]


class Parked(NamedTuple):
    """An event a reader must take in later: it failed, or (no error) queues behind one that did."""

    event: Event
    error: BaseException | None = None


async def park(conn: Connection, reader: str, late: Sequence[Parked], now: datetime) -> None:
    """Set events aside; those that failed are tried again after the first pause."""
    if not late:
        return
    await _sql.park_events(
        conn,
        reader=reader,
        now=now,
        persons=[item.event.person_id for item in late],
        txids=[item.event.txid for item in late],
        ids=[item.event.id for item in late],
        attempts=[1 if item.error else 0 for item in late],
        next_tries=[now + pause_after(1) if item.error else now for item in late],
        errors=[error_text(item.error) if item.error else QUEUED for item in late],
    )


async def waiting(conn: Connection, reader: str, events: Iterable[Event]) -> set[int]:
    """Of the persons of these events, those who are parked."""
    persons = {event.person_id for event in events}
    return {row["person_id"] for row in await _sql.parked_persons(conn, reader=reader, persons=list(persons))}


async def failed_again(
    conn: Connection, reader: str, event: Event, error: BaseException, attempts: int, first_at: datetime, now: datetime
) -> bool:
    """Note another failure of a parked event; whether it was given up. ``attempts`` are those before this one."""
    where = {"reader": reader, "txid": str(event.txid), "event_id": event.id}
    if hopeless(attempts + 1, first_at if attempts else now, now):
        await _sql.bury(conn, **where, now=now, error=error_text(error))
        return True
    await _sql.postpone(conn, **where, now=now, next_try_at=now + pause_after(attempts + 1), error=error_text(error))
    return False


async def unpark(conn: Connection, reader: str, event: Event) -> None:
    """It went well after all."""
    await _sql.unpark(conn, reader=reader, txid=str(event.txid), event_id=event.id)


class ParkedEvent(msgspec.Struct, frozen=True):
    """An event that waits."""

    reader: str
    person_id: int
    event_id: int
    name: str
    occurred_at: datetime
    attempts: int
    """0 for one that only queues behind another."""
    first_at: datetime
    next_try_at: datetime
    error: str


class DeadLetter(msgspec.Struct, frozen=True):
    """An event a reader gave up on; name and time are None when the event was erased since."""

    id: int
    reader: str
    person_id: int
    event_id: int
    attempts: int
    first_at: datetime
    died_at: datetime
    error: str
    name: str | None
    occurred_at: datetime | None


async def parked(conn: Connection, *, limit: int = 100) -> list[ParkedEvent]:
    """What waits, in log order."""
    return [msgspec.convert(dict(row), ParkedEvent) for row in await _sql.parked(conn, limit=limit)]


async def dead_letters(
    conn: Connection, *, reader: str | None = None, before: int | None = None, limit: int = 100
) -> list[DeadLetter]:
    """What was given up and not raised since, newest first; ``before`` is the id to go on from."""
    rows = await _sql.dead_letters(conn, reader=reader, before=before, limit=limit)
    return [msgspec.convert(dict(row), DeadLetter) for row in rows]


async def replay_dead(conn: Connection, ids: Sequence[int], actor: str, *, clock: Clock = system_clock) -> list[int]:
    """Raise these dead letters: their readers try them at once. Returns those that were dead."""
    note = f"replayed by {actor} at {clock():%Y-%m-%d %H:%M:%S} UTC"
    return [row["id"] for row in await _sql.replay_dead(conn, ids=list(ids), note=note)]
