"""A new or changed live segment: everybody is judged at once, then those who moved meanwhile, then it is in force.

The place of the log is noted first; judging everybody writes nothing, so nobody waits for it. What it found is written
in portions; until the last one readers and timers leave the segment alone. Then whoever moved since that place is
judged by what is known of him by then, the last few in one short transaction that keeps everybody else out and puts
the segment in force. Killed anywhere it begins anew and finds done what was done. The timeline does not hear of the
members found, but of those who moved meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import structlog

from unisono.customers.segments.counting import Counted, everybody, portions
from unisono.customers.segments.judging import KIND, Asked, Cause, judge, persons_in
from unisono.customers.segments.model import decode_json
from unisono.customers.segments.service import FILL, count_soon
from unisono.customers.segments.standing import Live, LiveSegment, present_world, read_segment, references
from unisono.customers.timeline.model import BEGINNING, Position
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import LongHandler, Timer
from unisono.customers.timers.service import Instant, instant
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.settings import Settings
from unisono.kit.sql import load

log = structlog.get_logger("unisono.segments")

_sql = load("unisono.customers.segments")

PORTION = 20_000
"""Members written in one transaction: others who follow the log wait no longer than that takes."""

JUDGED = 500
"""Persons judged again in one transaction."""

FEW = 500
"""So many who moved meanwhile may be judged while everybody else is kept out."""


class Filling(NamedTuple):
    """A segment that is being counted."""

    segment: LiveSegment
    live: Live
    """It alone, in the world of now."""
    reached: Position
    """Whoever moved after this place of the log is still to be judged."""


async def log_end(conn: Connection) -> Position:
    """The last place of the log below which nothing more is written."""
    row = await _sql.log_end(conn)
    return BEGINNING if row is None else Position(row["txid"], row["id"])


async def read_one(conn: Connection, segment_id: int, settings: Settings) -> tuple[LiveSegment, Live, bool] | None:
    """A live segment alone in its world, and whether it has been counted; None when it does not live."""
    rows = await _sql.live_definitions(conn)
    row = next((row for row in rows if row["id"] == segment_id), None)
    if row is None:
        return None
    world = await present_world(conn, settings)
    segment = read_segment(row, world)
    if segment is None:
        return None
    live = Live([segment], world, {row["id"]: row["code"] for row in rows})
    return segment, live, row["filled_version"] == row["version"]


class SegmentFill(LongHandler):
    """Counts the members of a segment that was published or changed."""

    kind: ClassVar[str] = FILL
    repeats: ClassVar[bool] = True

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._clock = clock
        self._filling: dict[str, Filling] = {}

    async def work(self, pool: Pool, timer: Timer) -> None:
        """Judge everybody, write it, judge who moved meanwhile."""
        self._filling.pop(timer.key, None)
        segment_id = int(timer.key)
        async with transaction(pool) as conn:
            # Whoever judges by the version before has written by now; from here on nobody does.
            await _sql.replace_memberships(conn)
            found = await read_one(conn, segment_id, self._settings)
            start = await log_end(conn)
        if found is None or found[2]:
            return
        segment, live, _ = found
        now = self._clock()
        async with transaction(pool) as conn:
            counted = await everybody(conn, segment.rule, now, live.world)
        await _write(pool, segment, counted, now)
        self._filling[timer.key] = Filling(segment, live, await self._follow(pool, segment, live, start))

    async def _follow(self, pool: Pool, segment: LiveSegment, live: Live, reached: Position) -> Position:
        """Judge who moved since, until they are few; those after the place returned are still to be judged."""
        while True:
            async with connection(pool) as conn:
                end = await log_end(conn)
                moved = await moved_since(conn, segment, reached)
            if len(moved) <= FEW:
                return reached
            for some in portions(sorted(moved), JUDGED):
                async with transaction(pool) as conn:
                    await _sql.use_memberships(conn)
                    await judge(conn, live, {person: moved[person] for person in some}, now=self._clock())
            reached = end

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Judge the last who moved, and put the segment in force."""
        filling = self._filling.pop(timer.key, None)
        if filling is None:
            return "nothing to count"
        await _sql.replace_memberships(conn)
        segment = filling.segment
        now = self._clock()
        if not await _sql.still_counting(conn, id=segment.id, version=segment.version):
            # Changed again meanwhile: whoever changed it set this timer, unless it rests.
            return "changed meanwhile"
        moved = await moved_since(conn, segment, filling.reached)
        await judge(conn, filling.live, moved, now=now)
        await _sql.mark_filled(conn, id=segment.id, version=segment.version)
        day = now.astimezone(ZoneInfo(filling.live.world.timezone)).date()
        await _sql.set_members(conn, segment_id=segment.id, day=day)
        await _count_dependents(conn, segment.code, now)
        crash_point("segments.before_filled")
        members = int(await _sql.count_members(conn, segment_id=segment.id))
        log.info("segments.filled", segment=segment.code, version=segment.version, members=members)
        return f"{members} members"


async def _write(pool: Pool, segment: LiveSegment, counted: Counted, now: datetime) -> None:
    """Make the members those that were counted, and set when to look again."""
    async with connection(pool) as conn:
        kept = set(await _sql.members_of_segment(conn, segment_id=segment.id) or ())
    wanted = set(counted.members)
    for some in portions(sorted(wanted - kept), PORTION):
        async with transaction(pool) as conn:
            if not await _sql.still_counting(conn, id=segment.id, version=segment.version):
                return
            await _sql.enter(conn, segments=[segment.id] * len(some), persons=list(some), sinces=[now] * len(some))
        crash_point("segments.fill_portion")
    for some in portions(sorted(kept - wanted), PORTION):
        async with transaction(pool) as conn:
            if not await _sql.still_counting(conn, id=segment.id, version=segment.version):
                return
            await _sql.leave(conn, segments=[segment.id] * len(some), persons=list(some))
    part = str(segment.id)
    for timed in portions(sorted(counted.instants.items()), PORTION):
        async with transaction(pool) as conn:
            instants = [Instant(KIND, str(person), part, instant(due)) for person, due in timed]
            await timers.set_instants(conn, KIND, instants)
        crash_point("segments.fill_timers")


async def moved_since(conn: Connection, segment: LiveSegment, place: Position) -> dict[int, Asked]:
    """Whoever something happened to after a place of the log, whatever it was."""
    asked: dict[int, Asked] = {}
    for row in await _sql.moved_since(conn, txid=str(place.txid), id=place.id):
        merge = row["type"] == "identity"
        properties: dict[str, Any] = msgspec.json.decode(row["properties"]) if merge and row["properties"] else {}
        for person in persons_in(row["person_id"], properties):
            before = asked.get(person)
            cause: Cause = "merge" if merge or (before is not None and before.cause == "merge") else "event"
            asked[person] = Asked(frozenset({segment.id}), cause, f"f{segment.version}.{place.txid}-{row['id']}")
    return asked


async def _count_dependents(conn: Connection, code: str, now: datetime) -> None:
    """Who is in a segment has changed without events: those that ask about it are counted again."""
    for row in await _sql.live_definitions(conn):
        if code in references(decode_json(row["definition"])):
            await _sql.count_again(conn, id=row["id"])
            await count_soon(conn, row["id"], now=now)
