"""From a segment to messages: the audience is fixed at one instant, then each of it gets a message, portion by portion.

A portion is one transaction: rows of the audience are taken out and messages put in. So a planner that dies leaves
either, two planners in the same second share the rows, and nobody gets two (RULES R5). Before each portion the status
is read under a lock that a press of a button waits for: after a stop has been answered nothing is planned any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import asyncpg
import msgspec
import structlog

from unisono.customers.segments.compiling import compile_rule, rows_of
from unisono.customers.segments.model import decode_json
from unisono.customers.segments.standing import present_world
from unisono.customers.timers.model import LongHandler, Timer
from unisono.engagement.broadcasts.model import BroadcastSchedule
from unisono.engagement.broadcasts.service import DRIVE
from unisono.engagement.delivery import reasons
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.model import NewMessage
from unisono.engagement.messages import service as messages
from unisono.engagement.policy import service as policies
from unisono.engagement.policy.model import LocalTime
from unisono.engagement.templates import service as templates
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection, Pool, transaction
from unisono.kit.settings import Settings
from unisono.kit.sql import load

log = structlog.get_logger("unisono.broadcasts")

_sql = load("unisono.engagement.broadcasts")

PORTION: Final = 2000
"""Messages planned in one transaction: a press of a button waits no longer than that takes."""

CANCELLED: Final = 5000
"""Messages cancelled in one transaction."""

_schedule = msgspec.json.Decoder(BroadcastSchedule).decode
_decode = msgspec.json.Decoder().decode


class BroadcastDriver(LongHandler):
    """Does what the status of a broadcast asks for, whenever a button was pressed or its time has come."""

    kind: ClassVar[str] = DRIVE
    repeats: ClassVar[bool] = True

    def __init__(self, settings: Settings, clock: Clock = system_clock, portion: int = PORTION) -> None:
        self._settings = settings
        self._clock = clock
        self._portion = portion

    async def work(self, pool: Pool, timer: Timer) -> None:
        """Plan, wake, or cancel, in transactions of their own; begun anew it goes on where it was."""
        await drive(pool, int(timer.key), settings=self._settings, clock=self._clock, portion=self._portion)

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Nothing is left to do."""
        row = await _sql.lock_broadcast_by_id(conn, id=int(timer.key))
        return "there is no such broadcast" if row is None else f"as it stands: {row['status']}"


async def drive(
    pool: Pool, broadcast_id: int, *, settings: Settings, clock: Clock = system_clock, portion: int = PORTION
) -> None:
    """Do what the status of a broadcast asks for, until it asks for nothing more."""
    while True:
        async with transaction(pool) as conn:
            row = await _sql.find_for_snapshot(conn, id=broadcast_id)
        status = None if row is None else row["status"]
        if status == "scheduled" and row["starts_at"] <= clock():
            await _snapshot(pool, broadcast_id, row, settings, clock)
        elif status == "planning":
            if not await _portion(pool, broadcast_id, portion, clock()):
                await _end(pool, broadcast_id, clock())
        elif status == "running":
            async with transaction(pool) as conn:
                await delivery.resume_broadcast(conn, broadcast_id, now=clock())
            return
        elif status == "stopped":
            await _cancel(pool, broadcast_id, clock)
            return
        else:
            return


# The audience ----------------------------------------------------------------------------------------------


async def _snapshot(pool: Pool, broadcast_id: int, row: asyncpg.Record, settings: Settings, clock: Clock) -> None:
    """Fix who is in, in one transaction; whoever else did it meanwhile was first."""
    persons = await _members(pool, row, settings, clock())
    async with transaction(pool) as conn:
        present = await _sql.lock_broadcast_by_id(conn, id=broadcast_id)
        if present is None or present["status"] != "scheduled":
            return
        await _sql.fix_audience(conn, id=broadcast_id, persons=persons)
        await _sql.begin_planning(conn, id=broadcast_id, now=clock())
        crash_point("broadcasts.before_snapshot_commit")
    crash_point("broadcasts.after_snapshot")
    log.info("broadcasts.snapshot", broadcast=broadcast_id, people=len(persons))


async def _members(pool: Pool, row: asyncpg.Record, settings: Settings, now: datetime) -> list[int]:
    """The persons in the segment as it was when the broadcast was launched: those kept, or counted now."""
    async with transaction(pool) as conn:
        if row["kept"]:
            kept: list[int] | None = await _sql.members_now(conn, segment_id=row["segment_id"])
            return kept or []
        world = await present_world(conn, settings)
        judged = await rows_of(conn, compile_rule(decode_json(row["definition"]), now, world))
        return [one["person_id"] for one in judged if one["member"]]


# The messages ----------------------------------------------------------------------------------------------


async def _portion(pool: Pool, broadcast_id: int, many: int, now: datetime) -> int:
    """Plan some; how many of the audience it took: 0 when none is left, or the status asks for something else."""
    async with transaction(pool) as conn:
        row = await _sql.share_broadcast(conn, id=broadcast_id)
        if row["status"] != "planning":
            return 0
        taken = await _sql.take_audience(conn, id=broadcast_id, many=many)
        persons = sorted(one["person_id"] for one in taken if one["person_id"])
        await delivery.plan(conn, await _messages(conn, row, persons), now=now)
        crash_point("broadcasts.before_portion_commit")
    crash_point("broadcasts.after_portion")
    return sum(one["taken"] for one in taken)


async def _messages(conn: Connection, row: asyncpg.Record, persons: Sequence[int]) -> list[NewMessage]:
    if not persons:
        return []
    said = await templates.version(conn, row["template"], row["template_version"])
    channels = messages.speaking(said.content, row["channels"], (await policies.current(conn)).policy)
    due_at: datetime = row["starts_at"]
    local = _schedule(row["schedule"]).local
    useful: int = row["not_after_seconds"]
    fields: dict[str, Any] = {
        "origin": "broadcast",
        "purpose": row["purpose"],
        "channels": channels,
        "due_at": due_at,
        "created_by": row["created_by"],
        "broadcast_id": row["id"],
        "template": row["template"],
        "template_version": row["template_version"],
        "data": _decode(row["data"]),
        "priority": row["priority"],
        "profiled": bool(row["profiled"]),
        "category": row["category"],
    }
    if local is None:
        fields["not_after"] = due_at + timedelta(seconds=useful)
    else:
        # When that is, and when it ends, is told by the person's zone as it is when his message is decided.
        fields["local_time"] = LocalTime(date=local.date, time=local.time, within_seconds=useful)
    return [NewMessage(key=f"broadcast:{row['id']}:{person}", node_id=person, **fields) for person in persons]


async def _end(pool: Pool, broadcast_id: int, now: datetime) -> None:
    """Everybody has a message: it runs. Another planner's last portion is waited for."""
    async with transaction(pool) as conn:
        row = await _sql.lock_broadcast_by_id(conn, id=broadcast_id)
        if row["status"] == "planning" and not await _sql.audience_left(conn, id=broadcast_id):
            await _sql.end_planning(conn, id=broadcast_id, now=now)
            crash_point("broadcasts.before_end_commit")


async def _cancel(pool: Pool, broadcast_id: int, clock: Clock) -> None:
    """It was stopped: nobody more gets a message, and what was not handed over is cancelled."""
    while True:
        async with transaction(pool) as conn:
            dropped = await _sql.drop_audience(conn, id=broadcast_id, many=CANCELLED)
            ids = [row["id"] for row in await _sql.not_handed_over(conn, id=broadcast_id, many=CANCELLED)]
            if ids:
                await delivery.cancel(conn, ids, reason=reasons.BROADCAST_STOPPED.code, now=clock())
            crash_point("broadcasts.before_cancel_commit")
        if not dropped and not ids:
            return
