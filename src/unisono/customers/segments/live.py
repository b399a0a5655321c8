"""Segments in real time: a reader of the log that judges whom events concern."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

import structlog

from unisono.customers.consent.reader import ConsentReader
from unisono.customers.profiles.computed import ComputedTraitsReader
from unisono.customers.record import OURS
from unisono.customers.segments.judging import KIND, Asked, judge, persons_in
from unisono.customers.segments.needs import CONSENT_EVENTS
from unisono.customers.segments.nights import plan
from unisono.customers.segments.standing import Live, Register
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timers import service as timers
from unisono.customers.timers.service import Instant
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.settings import Settings
from unisono.kit.sql import load

log = structlog.get_logger("unisono.segments")

_sql = load("unisono.customers.segments")

PATIENCE = 5.0
"""Seconds a batch waits for computed traits and the ledger of consents to take its events in."""
PAUSE = 0.02
ACQUAINTED = 500_000
"""Persons a process remembers, about 50 MB; the others are judged once more."""

LATER = timedelta(seconds=30)
"""After which persons are looked at again whose traits or consents did not follow in time."""


class Acquaintances:
    """Persons this process has judged by the segments that somebody is in of whom nothing is known.

    Each with the event at which that was: when its batch is handed over again, the first time did not count.
    """

    def __init__(self) -> None:
        self._since: dict[int, int] = {}

    def is_new(self, event: Event) -> bool:
        """Whether nobody has judged the person of an event before it; remembers him."""
        known = self._since.get(event.person_id)
        if known is not None and event.id > known:
            return False
        if len(self._since) >= ACQUAINTED:
            self._since.clear()
        self._since[event.person_id] = event.id
        return True


def asked_by(
    live: Live, events: Sequence[Event], acquaintances: Acquaintances, of_anybody: frozenset[int]
) -> dict[int, Asked]:
    """Which segments these events have judged, for whom."""
    asked: dict[int, Asked] = {}
    for event in events:
        segments = live.touched(event)
        if of_anybody and acquaintances.is_new(event):
            segments |= of_anybody
        if not segments:
            continue
        merge = event.type == "identity"
        for person in persons_in(event.person_id, event.properties if merge else {}):
            before = asked.get(person)
            asked[person] = Asked(
                segments if before is None else before.segments | segments,
                "merge" if merge or (before is not None and before.cause == "merge") else "event",
                f"e{event.id}",
            )
    return asked


def _heard(event: Event) -> bool:
    """Whether the ledger of consents learns something from an event; our own tell what it has already."""
    return event.name in CONSENT_EVENTS and not event.message_id.startswith(OURS)


class SegmentsReader(LogReader):
    """Keeps memberships as events come in."""

    name = "segments"
    batch_size: ClassVar[int] = 500
    wakes: ClassVar[bool] = True

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._register = Register(settings)
        self._clock = clock
        self._acquaintances = Acquaintances()

    async def prepare(self, conn: Connection, *, first: bool) -> None:
        """See to it that the members are proved each night."""
        await plan(conn, self._settings, now=self._clock())

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Judge the persons these events concern, by the segments that look at such events."""
        await _sql.use_memberships(conn)
        live = await self._register.current(conn)
        if not live.segments:
            return
        now = self._clock()
        asked = asked_by(live, events, self._acquaintances, live.of_anybody(now))
        if not asked:
            return
        followed = await self._followed(conn, live, asked, events)
        now = self._clock()
        judged = await judge(conn, live, asked, now=now)
        if not followed:
            again = [
                Instant(KIND, str(person), str(id_), now + LATER)
                for person, one in asked.items()
                for id_ in one.segments
                if live.by_id[id_].needs.computed or live.by_id[id_].needs.consents
            ]
            await timers.set_instants(conn, KIND, again)
        if judged.moves:
            crash_point("segments.before_commit")

    async def _followed(self, conn: Connection, live: Live, asked: dict[int, Asked], events: Sequence[Event]) -> bool:
        """Wait until what the rules look at has taken these events in too: computed traits, and the ledger of consents
        where one of them tells it something. Whether it has."""
        ids = frozenset().union(*(one.segments for one in asked.values()))
        needs, last = live.needs_of(live.with_dependents(ids)), events[-1]
        readers = [ComputedTraitsReader.name] if needs.computed else []
        if needs.consents and any(map(_heard, events)):
            readers.append(ConsentReader.name)
        waited = 0.0
        for reader in readers:
            while await _sql.reader_behind(conn, reader=reader, txid=str(last.txid), id=last.id):
                if waited >= PATIENCE:
                    log.warning("segments.facts_behind", reader=reader, event_id=last.id)
                    return False
                await asyncio.sleep(PAUSE)
                waited += PAUSE
        return True
