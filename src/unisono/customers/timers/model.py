"""A timer as it is set, as a worker fires it, and what fires it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from unisono.kit.database import Connection, Pool


class NewTimer(msgspec.Struct, frozen=True, kw_only=True):
    """A timer to be. ``kind`` and ``key`` name what it waits for: it fires once for them, however often it is set."""

    kind: str
    key: str
    due_at: datetime
    """The absolute instant (aware); whoever knows the local rule computes it, and sets it again when that changes."""
    payload: Mapping[str, Any] = {}
    not_after: datetime | None = None
    """Past this instant it is skipped with a reason, never fired late; None: late is better than never."""


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A timer in the hands of a worker, or as somebody looks at it."""

    id: int
    kind: str
    key: str
    due_at: datetime
    not_after: datetime | None
    payload: dict[str, Any]
    state: str
    attempts: int
    """How often a worker has taken it, this time included."""
    try_at: datetime
    outcome: str | None = None
    error: str | None = None
    fired_at: datetime | None = None
    """The present as the worker's clock has it; None for a timer nobody is firing."""

    @property
    def now(self) -> datetime:
        """The present instant for a handler's effects: the firing's, or the due instant when there is none."""
        return self.fired_at or self.due_at


class TimerHandler(ABC):
    """What happens when timers of one kind are due."""

    kind: ClassVar[str]
    """Stable for ever: the rows carry it."""
    repeats: ClassVar[bool] = False
    """Whether a timer that fired may be set again later, by anybody: it then rests as cancelled. Otherwise what has
    fired is over."""

    @abstractmethod
    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Do it, inside the transaction that settles the timer; returns the outcome in a few words.

        Look at the state first: it may have moved since the timer was set. Whatever is raised undoes all of it, is
        kept with the timer, and tried again after a pause.
        """


class ManyHandler(TimerHandler):
    """Timers of which many fall due together, fired together: one transaction for all of a portion."""

    many: ClassVar[int] = 250
    """Timers in one portion at the most."""

    @abstractmethod
    async def fire_many(self, conn: Connection, timers: Sequence[Timer]) -> Sequence[str]:
        """As `fire` for all of these, soonest first; returns an outcome for each. When it raises, they are fired one
        by one, so that only those at fault wait."""

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """One alone."""
        return (await self.fire_many(conn, [timer]))[0]


class LongHandler(TimerHandler):
    """Something that takes longer than a transaction may: first the work, then `fire` in the settling transaction."""

    @abstractmethod
    async def work(self, pool: Pool, timer: Timer) -> None:
        """Do it in transactions of its own. The lease is renewed meanwhile; a worker that dies leaves it to another
        one, which begins anew: what was done must be found done. Others may move the timer: then it is cancelled."""
