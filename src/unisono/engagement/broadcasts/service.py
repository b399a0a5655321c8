"""The door of broadcasts: write, launch, pause, resume, stop, look.

A press of a button sets the status, in the caller's transaction; from that instant the claims obey. What else it takes
(the audience, the cancelling of thousands) is done by the driver (`planning`), which a timer wakes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from unisono.customers.identity.rulebook import Rulebook
from unisono.customers.segments import service as segments
from unisono.customers.segments.model import decode_json
from unisono.customers.segments.needs import needs_of
from unisono.customers.segments.ports import Use
from unisono.customers.segments.standing import present_world, references
from unisono.customers.timers import service as timers
from unisono.engagement.broadcasts.errors import BadBroadcast, BroadcastConflict
from unisono.engagement.broadcasts.keeping import get, locked, page, remove, save
from unisono.engagement.broadcasts.model import Broadcast, BroadcastSchedule
from unisono.engagement.delivery import sending
from unisono.engagement.messages import service as messages
from unisono.engagement.messages import trying
from unisono.engagement.policy import service as policies
from unisono.engagement.policy.model import LocalTime
from unisono.engagement.templates import service as templates
from unisono.engagement.templates.model import UsedBy
from unisono.kit.database import Connection
from unisono.kit.localtime import instant_of
from unisono.kit.settings import Settings
from unisono.kit.sql import load

__all__ = [
    "DRIVE",
    "get",
    "launch",
    "page",
    "pause",
    "remove",
    "resume",
    "save",
    "segment_users",
    "send_test",
    "stop",
    "template_users",
    "unschedule",
]

_sql = load("unisono.engagement.broadcasts")

DRIVE: Final = "broadcasts"
"""Of the timer that does what a broadcast's status asks for; its key is the broadcast's id."""

FIRST_ZONE: Final = ZoneInfo("Pacific/Kiritimati")
LAST_ZONE: Final = ZoneInfo("Etc/GMT+12")
"""Where a time of the clock is first, and last."""

LATE: Final = timedelta(minutes=5)
"""An instant so little past is now: somebody was reading the review page."""


async def launch(
    conn: Connection,
    code: str,
    *,
    actor: str,
    now: datetime,
    settings: Settings,
    schedule: BroadcastSchedule | None = None,
    expected_version: int | None = None,
) -> Broadcast:
    """Let a draft go, at once or at its time; the segment's and the template's version are frozen.

    Launching twice is launching once. Raises BroadcastNotFound, BroadcastConflict, BadBroadcast, SegmentUnknown,
    TemplateNotFound, ContentMissing.
    """
    row = await locked(conn, code)
    found = await get(conn, code)
    if row["status"] in ("scheduled", "planning", "running"):
        return found
    if expected_version is not None and row["version"] != expected_version:
        raise BroadcastConflict(f"{code} has been changed by somebody else.", code="version_conflict")
    if row["status"] != "draft":
        raise _senseless(found, "launched")
    schedule = schedule or found.schedule
    starts_at = start_of(schedule, found.not_after_seconds, now)
    segment = await _segment(conn, found)
    version = await _template(conn, found)
    profiled = found.profiled if found.profiled is not None else await by_behaviour(conn, segment.rule, settings)
    await _sql.launch_broadcast(
        conn,
        id=found.id,
        schedule=msgspec.json.encode(schedule).decode(),
        starts_at=starts_at,
        segment_version=segment.version,
        template_version=version,
        profiled=profiled,
        now=now,
    )
    await timers.set_timer(conn, DRIVE, str(found.id), starts_at)
    return await get(conn, code)


def start_of(schedule: BroadcastSchedule, not_after_seconds: int, now: datetime) -> datetime:
    """When the audience is fixed and the first may get it. Raises BadBroadcast for a time that is over."""
    if schedule.at is not None and schedule.local is not None:
        raise BadBroadcast("It begins at one instant or at a local time, not at both.", code="scheduled_twice")
    messages.check_times(now, schedule.at)
    if schedule.local is not None:
        first, last = span_of(schedule.local)
        if last + timedelta(seconds=not_after_seconds) < now:
            raise BadBroadcast("That time is over everywhere.", code="time_over")
        return max(first, now)
    if schedule.at is not None and schedule.at < now - LATE:
        raise BadBroadcast("That time is over.", code="time_over")
    return max(schedule.at or now, now)


def span_of(local: LocalTime) -> tuple[datetime, datetime]:
    """The first and the last instant at which it is that time somewhere."""
    if not date(1970, 1, 2) <= local.date <= date(9000, 1, 1):
        raise BadBroadcast("That is more than ten years away.", code="bad_time")
    first, last = (instant_of(local.date, local.time, zone) for zone in (FIRST_ZONE, LAST_ZONE))
    return first.astimezone(UTC), last.astimezone(UTC)


async def _segment(conn: Connection, found: Broadcast) -> segments.Segment:
    if found.segment is None:
        raise BroadcastConflict("Say to whom: it has no segment.", code="segment_missing")
    segment = await segments.find(conn, found.segment)
    if segment.status == "archived":
        raise BroadcastConflict(f"The segment {segment.code} is out of use.", code="segment_archived")
    if segment.status != "live" and found.require_member:
        raise BroadcastConflict(
            f"Who leaves {segment.code} is known only when it is live.",
            code="segment_not_live",
            hint="Publish the segment.",
        )
    return segment


async def _template(conn: Connection, found: Broadcast) -> int:
    """The version that is sent; it is known to say something on the channels."""
    version = await messages.published(conn, found.template)
    said = await templates.version(conn, found.template, version)
    messages.purpose_of(said.purpose, found.purpose)
    messages.speaking(said.content, found.channels, (await policies.current(conn)).policy)
    return version


async def by_behaviour(conn: Connection, rule: dict[str, Any], settings: Settings) -> bool:
    """Whether a rule, or one of the segments it asks about, looks at what people did."""
    world = await present_world(conn, settings)
    seen: set[str] = set()
    waiting = [decode_json(msgspec.json.encode(rule))]
    while waiting:
        one = waiting.pop()
        needs = needs_of(one, world)
        if needs.events or needs.computed:
            return True
        for code in sorted(references(one) - seen):
            seen.add(code)
            waiting.append(decode_json(msgspec.json.encode((await segments.find(conn, code)).rule)))
    return False


def _senseless(found: Broadcast, deed: str) -> BroadcastConflict:
    return BroadcastConflict(f"{found.code} is {found.phase}: it cannot be {deed}.", code="broadcast_state")


Step = Callable[[asyncpg.Record, bool], str | None]
"""From how it stands, and whether some of its audience has no message yet, to the next status; None: no sense."""


async def _press(
    conn: Connection, code: str, deed: str, step: Step, *, now: datetime, fresh: bool = False
) -> Broadcast:
    """One press of a button. Raises BroadcastNotFound, BroadcastConflict (``broadcast_state``)."""
    row = await locked(conn, code)
    left = bool(await _sql.audience_left(conn, id=row["id"]))
    status = step(row, left)
    found = await get(conn, code)
    if status == row["status"]:
        return found
    if status is None or (found.phase == "finished" and deed != "resumed"):
        raise _senseless(found, deed)
    begins = now if row["snapshot_at"] is None and status == "scheduled" else None
    if status in ("paused", "stopped"):
        # A hand-over that has not seen it would leave after we have said that nothing does.
        await sending.hold_off(conn)
    await _sql.set_status(conn, id=row["id"], status=status, fresh=fresh, begins=begins, now=now)
    if fresh or status == "paused":
        await timers.cancel_timer(conn, DRIVE, str(row["id"]), reason=deed)
    else:
        due = max(row["starts_at"], now) if status == "scheduled" else now
        await timers.set_timer(conn, DRIVE, str(row["id"]), due)
    return await get(conn, code)


async def pause(conn: Connection, code: str, *, now: datetime) -> Broadcast:
    """From now on nothing of it is handed over, until it is resumed; pausing twice is pausing once.

    What it was of use for goes on running out. Raises BroadcastNotFound, BroadcastConflict (``broadcast_state``).
    """
    known = ("scheduled", "planning", "running", "paused")
    return await _press(conn, code, "paused", lambda row, left: "paused" if row["status"] in known else None, now=now)


async def resume(conn: Connection, code: str, *, now: datetime) -> Broadcast:
    """Go on where it was paused. Raises BroadcastNotFound, BroadcastConflict (``broadcast_state``)."""

    def step(row: asyncpg.Record, left: bool) -> str | None:
        if row["status"] != "paused":
            return row["status"] if row["status"] in ("scheduled", "planning", "running") else None
        if row["snapshot_at"] is None:
            return "scheduled"
        return "planning" if left else "running"

    return await _press(conn, code, "resumed", step, now=now)


async def stop(conn: Connection, code: str, *, now: datetime) -> Broadcast:
    """Nothing more of it is handed over, ever; stopping twice is stopping once.

    What is planned or claimed is cancelled within seconds. Raises BroadcastNotFound, BroadcastConflict
    (``broadcast_state``) for a draft and for what is finished.
    """
    return await _press(
        conn, code, "stopped", lambda row, left: None if row["status"] == "draft" else "stopped", now=now
    )


async def unschedule(conn: Connection, code: str, *, now: datetime) -> Broadcast:
    """Take back what has not begun: it is a draft again. Raises BroadcastNotFound, BroadcastConflict."""

    def step(row: asyncpg.Record, left: bool) -> str | None:
        early = row["status"] == "draft" or (row["status"] in ("scheduled", "paused") and row["snapshot_at"] is None)
        return "draft" if early else None

    return await _press(conn, code, "taken back", step, now=now, fresh=True)


async def send_test(
    conn: Connection, code: str, *, to: str, channel: str, actor: str, key: str, now: datetime, rulebook: Rulebook
) -> int:
    """Send it to one person who asked for it, as a service message; the message's id.

    Raises BroadcastNotFound, TemplateNotFound, PersonNotFound, ContentMissing, BadMessage.
    """
    found = await get(conn, code)
    version = found.template_version
    if version is None:
        version = await messages.published(conn, found.template)
    return await trying.try_template(
        conn,
        found.template,
        version,
        trying.Trial(to=to, channel=channel, data=found.data, actor=actor, key=key, now=now),
        rulebook,
    )


# What is in force ------------------------------------------------------------------------------------------


async def segment_users(conn: Connection, codes: Collection[str]) -> list[tuple[str, Use]]:
    """Broadcasts that will still look at one of these segments."""
    rows = await _sql.in_force(conn, segments=list(codes), template=None)
    return [(row["segment"], Use("broadcast", row["code"], row["name"])) for row in rows]


async def template_users(conn: Connection, code: str) -> list[UsedBy]:
    """Broadcasts that will still write with a template."""
    rows = await _sql.in_force(conn, segments=[], template=code)
    return [UsedBy(kind="broadcast", code=row["code"], name=row["name"]) for row in rows]
