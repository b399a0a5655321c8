"""The nightly proof: the members kept against everybody counted afresh; what drifted is told of and repaired.

The count and the members kept are read in one snapshot. Whoever differs may only have moved a moment ago: the proof
waits until the reader has taken in what the snapshot had, and then judges those persons again. Who moves by that had
drifted.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar
from zoneinfo import ZoneInfo

import structlog

from unisono.customers.segments.counting import everybody, portions
from unisono.customers.segments.filling import JUDGED, PORTION, log_end, read_one
from unisono.customers.segments.judging import KIND, Asked, judge
from unisono.customers.segments.live import SegmentsReader
from unisono.customers.segments.nights import CHECK, NIGHTLY, next_night
from unisono.customers.segments.service import Check
from unisono.customers.segments.standing import Live, LiveSegment
from unisono.customers.timeline.model import Position
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import LongHandler, Timer
from unisono.customers.timers.service import Instant, instant
from unisono.kit.arrays import int_list
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.settings import Settings
from unisono.kit.sql import load

log = structlog.get_logger("unisono.segments")

_sql = load("unisono.customers.segments")

PATIENCE = 60.0
"""Seconds the proof waits for the reader before it calls a difference a drift."""


class SegmentsCheck(LongHandler):
    """Proves every live segment, each night."""

    kind: ClassVar[str] = CHECK
    repeats: ClassVar[bool] = True

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._clock = clock

    async def work(self, pool: Pool, timer: Timer) -> None:
        """One segment after the other."""
        async with connection(pool) as conn:
            ids = [row["id"] for row in await _sql.live_marks(conn)]
        for segment_id in ids:
            await check(pool, segment_id, self._settings, clock=self._clock)

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Again tomorrow."""
        await timers.set_timer(conn, CHECK, NIGHTLY, next_night(timer.now, self._settings.timezone))
        return "proved"


async def check(
    pool: Pool, segment_id: int, settings: Settings, *, clock: Clock = system_clock, patience: float = PATIENCE
) -> Check | None:
    """Prove one segment and repair it; None when it does not live or is being counted. ``patience`` in seconds."""
    async with connection(pool) as conn:
        found = await read_one(conn, segment_id, settings)
    if found is None or not found[2]:
        return None
    segment, live, _ = found
    now = clock()
    async with connection(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        kept = set(await _sql.members_of_segment(conn, segment_id=segment_id) or ())
        end = await log_end(conn)
        counted = await everybody(conn, segment.rule, now, live.world)
    different = kept ^ set(counted.members)
    if different:
        await _reader_passed(pool, end, patience)
    missing, extra = await _repair(pool, segment, live, different, clock)
    await _repair_instants(pool, segment, counted.instants)
    async with transaction(pool) as conn:
        await _sql.write_check(
            conn, segment_id=segment_id, now=now, members=len(counted.members), missing=missing, extra=extra
        )
        day = now.astimezone(ZoneInfo(settings.timezone)).date()
        await _sql.set_members(conn, segment_id=segment_id, day=day)
    if missing or extra:
        log.warning("segments.drift", segment=segment.code, missing=missing, extra=extra)
    return Check(now, len(counted.members), missing, extra)


async def _reader_passed(pool: Pool, end: Position, patience: float) -> None:
    waited = 0.0
    while waited < patience:
        async with connection(pool) as conn:
            if not await _sql.reader_behind(conn, reader=SegmentsReader.name, txid=str(end.txid), id=end.id):
                return
        await asyncio.sleep(0.2)
        waited += 0.2
    log.warning("segments.check_reader_behind", seconds=patience)


async def _repair(pool: Pool, segment: LiveSegment, live: Live, different: set[int], clock: Clock) -> tuple[int, int]:
    """Judge those who differ again; how many were missing, how many too many."""
    moved = []
    for some in portions(sorted(different), JUDGED):
        async with transaction(pool) as conn:
            await _sql.use_memberships(conn)
            now = clock()
            mark = f"c{now:%Y%m%dT%H%M%S%f}"
            asked = {person: Asked(frozenset({segment.id}), "check", mark) for person in some}
            judged = await judge(conn, live, asked, now=now)
            moved += [move for move in judged.moves if move.told]
            # Members who are nobody any more, or somebody else, and whom no join or split was heard of.
            present = {row["id"] for row in await _sql.persons_named(conn, ids=int_list(some))}
            gone = [person for person in some if person not in present]
            await _sql.leave(conn, segments=[segment.id] * len(gone), persons=gone)
    entered = sum(1 for move in moved if move.entered)
    return entered, len(moved) - entered


async def _repair_instants(pool: Pool, segment: LiveSegment, wanted: dict[int, int]) -> None:
    """Let each wait for what the count says, where he waits for nothing or for something later."""
    if not segment.clocked:
        return
    async with connection(pool) as conn:
        kept = await timers.instants_of(conn, KIND, str(segment.id))
    late = [(person, due) for person, due in sorted(wanted.items()) if kept.get(str(person), due + 1) > due]
    for some in portions(late, PORTION):
        async with transaction(pool) as conn:
            instants = [Instant(KIND, str(person), str(segment.id), instant(due)) for person, due in some]
            await timers.set_instants(conn, KIND, instants)
