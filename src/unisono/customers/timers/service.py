"""The door of timers: set, move, cancel, look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import msgspec

from unisono.customers.timers.model import NewTimer, Timer
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.timers")

CHANGED = "unisono_timers"
"""Postgres notification for timers due before the workers look by themselves."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

LOOK = 5.0
"""Seconds between two looks of a worker at the most; what is due later needs no notification."""


class Instant(NamedTuple):
    """One of the instants a timer waits for the earliest of; None: no longer."""

    kind: str
    key: str
    part: str
    due_at: datetime | None


def micros(at: datetime) -> int:
    """An instant as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant(micros: int) -> datetime:
    """Microseconds since 1970 as an instant."""
    return _EPOCH + micros * _MICROSECOND


class Firing:
    """The timers a worker is firing in this task. What their own handler says of one is part of the firing: cancelling
    it is settling it, setting it again is firing it again later."""

    def __init__(self, timers: Iterable[Timer]) -> None:
        self.leased = {(timer.kind, timer.key): timer for timer in timers}
        self.again: dict[tuple[str, str], NewTimer] = {}

    def set_instants(self, instants: Sequence[Instant]) -> None:
        """As the service's, for timers that are being fired."""
        for kind, key, part, due_at in instants:
            name = (kind, key)
            before = self.again[name].payload if name in self.again else self.leased[name].payload
            parts = {**before, part: None if due_at is None else micros(due_at)}
            parts = {part: due for part, due in parts.items() if due is not None}
            self.again.pop(name, None)
            if parts:
                self.again[name] = NewTimer(kind=kind, key=key, due_at=instant(min(parts.values())), payload=parts)


firing: ContextVar[Firing | None] = ContextVar("firing", default=None)


def as_timer(row: asyncpg.Record, *, fired_at: datetime | None = None) -> Timer:
    """A row as a timer."""
    fields: dict[str, Any] = dict(row)
    fields["payload"] = msgspec.json.decode(fields["payload"])
    return Timer(**fields, fired_at=fired_at)


async def set_timers(conn: Connection, timers: Sequence[NewTimer]) -> set[tuple[str, str]]:
    """Set timers inside the caller's transaction, one statement for all; returns the (kind, key) that will fire.

    Setting again moves what is pending and revives what was cancelled; what has fired or was skipped is over. A
    handler that sets the very timer it fires has it fire again, at the new instant.
    Several of one (kind, key): the last counts.
    """
    by_name = {(timer.kind, timer.key): timer for timer in timers}
    own = firing.get()
    again = {name: by_name.pop(name) for name in own.leased.keys() & by_name.keys()} if own else {}
    if own:
        own.again |= again
    wanted = list(by_name.values())
    if not wanted:
        return set(again)
    rows = await _sql.set_timers(
        conn,
        kinds=[timer.kind for timer in wanted],
        keys=[timer.key for timer in wanted],
        due_ats=[timer.due_at for timer in wanted],
        not_afters=[timer.not_after for timer in wanted],
        payloads=[msgspec.json.encode(timer.payload).decode() for timer in wanted],
        channel=CHANGED,
        within=LOOK,
    )
    return {(row["kind"], row["key"]) for row in rows} | set(again)


async def set_timer(
    conn: Connection,
    kind: str,
    key: str,
    due_at: datetime,
    *,
    payload: Mapping[str, Any] | None = None,
    not_after: datetime | None = None,
) -> bool:
    """As `set_timers` for one; whether it will fire (False: it has fired or was skipped already)."""
    timer = NewTimer(kind=kind, key=key, due_at=due_at, payload=payload or {}, not_after=not_after)
    return bool(await set_timers(conn, [timer]))


async def set_instants(conn: Connection, kind: str, instants: Sequence[Instant]) -> None:
    """Let timers of one kind wait for the earliest of several named instants, one statement for all.

    The payload holds them, ``{part: microseconds since 1970}``; parts that are not named stay. A timer without parts
    left rests. Whoever sets parts of the same timer at the same time loses nothing: they are merged in the database.
    A handler that sets parts of the timer it fires has it fire again at the earliest that remains. The handler's kind
    must repeat.
    """
    own = firing.get()
    mine = [new for new in instants if own and (new.kind, new.key) in own.leased]
    if own and mine:
        own.set_instants(mine)
        instants = [new for new in instants if (new.kind, new.key) not in own.leased]
    # Of several of one part the last counts; the database would refuse two.
    wanted = list({(new.key, new.part): new for new in instants}.values())
    if not wanted:
        return
    await _sql.set_instants(
        conn,
        kind=kind,
        keys=[new.key for new in wanted],
        parts=[new.part for new in wanted],
        micros=[None if new.due_at is None else micros(new.due_at) for new in wanted],
        channel=CHANGED,
        within=LOOK,
    )


async def cancel_timers(
    conn: Connection, timers: Sequence[tuple[str, str]], *, reason: str = "no longer needed"
) -> set[tuple[str, str]]:
    """Cancel these (kind, key) inside the caller's transaction; returns those that were pending."""
    own = firing.get()
    if own:
        for name in timers:
            own.again.pop(name, None)
        timers = [name for name in timers if name not in own.leased]
    if not timers:
        return set()
    rows = await _sql.cancel_timers(
        conn, kinds=[kind for kind, _ in timers], keys=[key for _, key in timers], outcome=reason
    )
    return {(row["kind"], row["key"]) for row in rows}


async def cancel_timer(conn: Connection, kind: str, key: str, *, reason: str = "no longer needed") -> bool:
    """Cancel one; whether it was pending."""
    return bool(await cancel_timers(conn, [(kind, key)], reason=reason))


async def find_timer(conn: Connection, kind: str, key: str) -> Timer | None:
    """A timer as it stands; None when it was never set."""
    row = await _sql.find_timer(conn, kind=kind, key=key)
    return None if row is None else as_timer(row)


async def instants_of(conn: Connection, kind: str, part: str) -> dict[str, int]:
    """The instants set under one name, by key, in microseconds since 1970; one statement."""
    return {row["key"]: row["due"] for row in await _sql.instants_of(conn, kind=kind, part=part)}


class TimerCount(msgspec.Struct, frozen=True):
    """The pending timers of a kind."""

    kind: str
    pending: int
    late: int
    """Due and not fired yet."""
    failing: int
    """Tried in vain, waiting for another try."""
    next_due: datetime


async def timer_counts(conn: Connection, *, now: datetime) -> list[TimerCount]:
    """How the timers are doing, by kind."""
    return [msgspec.convert(dict(row), TimerCount) for row in await _sql.timer_counts(conn, now=now)]
