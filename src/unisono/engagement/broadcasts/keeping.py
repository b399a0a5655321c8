"""Broadcasts as they are kept: written as drafts, read, listed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from unisono.customers.segments import service as segments
from unisono.engagement.broadcasts.errors import BadBroadcast, BroadcastConflict, BroadcastNotFound
from unisono.engagement.broadcasts.model import Broadcast, BroadcastInput, BroadcastSchedule, Phase
from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.messages import service as messages
from unisono.engagement.messages.model import ANY
from unisono.engagement.templates import service as templates
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.engagement.broadcasts")

MOST_BYTES: Final = 64 * 1024
"""Of the data of a broadcast."""

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

_schedule = msgspec.json.Decoder(BroadcastSchedule).decode
_decode = msgspec.json.Decoder().decode


def as_broadcast(row: asyncpg.Record) -> Broadcast:
    """A row as a broadcast."""
    fields: dict[str, Any] = {name: row[name] for name in Broadcast.__struct_fields__ if name != "phase"}
    return Broadcast(
        **{
            **fields,
            "phase": _phase(row),
            "channels": tuple(row["channels"]),
            "schedule": _schedule(row["schedule"]),
            "data": _decode(row["data"]),
        }
    )


def _phase(row: asyncpg.Record) -> Phase:
    over = row["status"] in ("running", "paused") and row["snapshot_at"] is not None and not row["waiting"]
    status: Phase = row["status"]
    return "finished" if over else status


async def get(conn: Connection, code: str) -> Broadcast:
    """A broadcast as it stands. Raises BroadcastNotFound."""
    row = await _sql.find_broadcast(conn, code=_plain(code))
    if row is None:
        raise _unknown(code)
    return as_broadcast(row)


async def page(
    conn: Connection, *, status: str | None = None, before: int | None = None, limit: int = 20
) -> list[Broadcast]:
    """Broadcasts, newest first; ``before`` is the id of the last one seen."""
    rows = await _sql.list_broadcasts(conn, status=status, before=before, many=limit)
    return [as_broadcast(row) for row in rows]


async def locked(conn: Connection, code: str, *, expected_version: int | None = None) -> asyncpg.Record:
    """A broadcast under a lock. Raises BroadcastNotFound, BroadcastConflict (``version_conflict``)."""
    row = await _sql.lock_broadcast(conn, code=_plain(code))
    if row is None:
        raise _unknown(code)
    if expected_version is not None and row["version"] != expected_version:
        raise BroadcastConflict(f"{code} has been changed by somebody else.", code="version_conflict")
    found: asyncpg.Record = row
    return found


def _plain(code: str) -> str:
    return code.replace("\x00", "")


def _unknown(code: str) -> BroadcastNotFound:
    return BroadcastNotFound(f"There is no broadcast {code[:63]!r}.")


async def save(
    conn: Connection,
    code: str,
    said: BroadcastInput,
    *,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> Broadcast:
    """Make a draft, or change one, inside the caller's transaction.

    Raises BadBroadcast, BroadcastConflict (``broadcast_started``, ``version_conflict``), SegmentUnknown,
    TemplateNotFound.
    """
    if not _CODE.fullmatch(code):
        raise BadBroadcast("A code is 1 to 63 small letters, digits, - and _.", code="bad_code")
    await check(conn, said, now)
    fields = {
        "name": said.name,
        "segment": said.segment,
        "template": said.template,
        "channels": list(said.channels),
        "purpose": said.purpose,
        "priority": said.priority,
        "category": said.category,
        "profiled": said.profiled,
        "require_member": said.require_member,
        "not_after_seconds": said.not_after_seconds,
        "schedule": msgspec.json.encode(said.schedule).decode(),
        "data": msgspec.json.encode(said.data).decode(),
        "now": now,
    }
    made = None
    if expected_version is None:
        made = await _sql.insert_broadcast(conn, code=code, actor=actor, **fields)
    if made is None:
        row = await locked(conn, code, expected_version=expected_version)
        _need_draft(row, code)
        await _sql.update_broadcast(conn, id=row["id"], **fields)
    return await get(conn, code)


def _need_draft(row: asyncpg.Record, code: str) -> None:
    if row["status"] != "draft":
        raise BroadcastConflict(
            f"{code} was launched: only a draft is changed.",
            code="broadcast_started",
            hint="Take it back first, if it has not begun.",
        )


async def check(conn: Connection, said: BroadcastInput, now: datetime) -> None:
    """What the shape alone does not say. Raises BadBroadcast, SegmentUnknown, TemplateNotFound."""
    if not said.name.isprintable() or not (said.category or "").isprintable():
        raise BadBroadcast("A name and a category are plain text.", code="bad_text")
    unknown = [channel[:40] for channel in said.channels if channel not in (*CHANNELS, ANY)]
    if unknown:
        raise BadBroadcast(f"There is no channel {unknown[0]}.", code="channel_unknown")
    data = msgspec.json.encode(said.data)
    if len(data) > MOST_BYTES or b"\\u0000" in data:
        raise BadBroadcast(f"Its data may have {MOST_BYTES} bytes, without NUL.", code="bad_data")
    if said.schedule.at is not None and said.schedule.local is not None:
        raise BadBroadcast("It begins at one instant or at a local time, not at both.", code="scheduled_twice")
    local = said.schedule.local
    messages.check_times(now, said.schedule.at)
    if local is not None and abs(local.date - now.date()) > messages.YEARS:
        raise BadBroadcast("That is more than ten years away.", code="bad_time")
    if said.segment is not None:
        await segments.find(conn, said.segment)
    await templates.get(conn, said.template)


async def remove(conn: Connection, code: str) -> None:
    """Throw a draft away. Raises BroadcastNotFound, BroadcastConflict (``broadcast_started``)."""
    row = await locked(conn, code)
    _need_draft(row, code)
    await _sql.delete_broadcast(conn, id=row["id"])
