"""The door of the ledger: plan, cancel, look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from unisono.access import audit
from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.delivery import reasons, settling
from unisono.engagement.delivery.model import (
    Attempt,
    Counts,
    Filters,
    MessageRow,
    MessageStatus,
    NewMessage,
    Page,
    Planned,
    State,
    Verdict,
)
from unisono.engagement.policy import service as policy
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest, Conflict, NotFound
from unisono.kit.sql import load

_sql = load("unisono.engagement.delivery")

PLANNED: Final = "unisono_messages"
"""Postgres notification for messages due before the workers look by themselves."""

LOOK: Final = 5.0
"""Seconds between two looks of a worker at the most."""

ANY: Final = "any"

MOST_BYTES: Final = 256 * 1024
"""Of the data or the content of one message."""

_decode = msgspec.json.Decoder().decode


async def plan(conn: Connection, messages: Sequence[NewMessage], *, now: datetime) -> list[Planned]:
    """Plan messages inside the caller's transaction, two statements whatever their number.

    A key that was planned before is answered with the message it made. Messages to identifiers that do not exist (any
    more) are left out of the answer. Raises BadRequest.
    """
    for message in messages:
        _check(message)
    wanted = {message.key: message for message in messages}
    if not wanted:
        return []
    made = {row["key"]: row["id"] for row in await _insert(conn, list(wanted.values()), now)}
    others = [key for key in wanted if key not in made]
    known = {row["key"]: row["id"] for row in await _sql.known_messages(conn, keys=others)} if others else {}
    return [Planned(made.get(key) or known[key], key, key in made) for key in wanted if key in made or key in known]


def _check(message: NewMessage) -> None:
    """Raises BadRequest for what could never be sent."""
    if not message.channels:
        raise BadRequest("A message needs a channel.", code="no_channel")
    unknown = [channel for channel in message.channels if channel not in CHANNELS and channel != ANY]
    if unknown:
        raise BadRequest(
            f"There is no channel {unknown[0][:40]!r}.", code="unknown_channel", hint=f"Channels: {', '.join(CHANNELS)}"
        )
    if message.template is None and not message.content:
        raise BadRequest("A message needs a template or a content.", code="no_content")
    if message.not_after is not None and message.not_after < message.due_at:
        raise BadRequest("The message would be too late before it is due.", code="bad_not_after")


def _json(value: Any) -> str:
    text = msgspec.json.encode(value)
    if len(text) > MOST_BYTES:
        raise BadRequest(f"The data of one message may have {MOST_BYTES} bytes.", code="message_too_large")
    if b"\\u0000" in text:
        raise BadRequest("A text with a NUL character cannot be kept.", code="bad_text")
    return text.decode()


async def _insert(conn: Connection, messages: Sequence[NewMessage], now: datetime) -> list[Any]:
    rows: list[Any] = await _sql.insert_messages(
        conn,
        keys=[one.key for one in messages],
        nodes=[one.node_id for one in messages],
        broadcasts=[one.broadcast_id for one in messages],
        origins=[one.origin for one in messages],
        purposes=[one.purpose for one in messages],
        profiled=[one.profiled for one in messages],
        categories=[one.category for one in messages],
        templates=[one.template for one in messages],
        versions=[one.template_version for one in messages],
        contents=[None if one.content is None else _json(one.content) for one in messages],
        datas=[_json(one.data) for one in messages],
        channels=[",".join(one.channels) for one in messages],
        languages=[one.language for one in messages],
        priorities=[one.priority for one in messages],
        local_times=[None if one.local_time is None else _json(one.local_time) for one in messages],
        due_ats=[one.due_at for one in messages],
        not_afters=[one.not_after for one in messages],
        actors=[one.created_by for one in messages],
        now=now,
        soon=now + timedelta(seconds=LOOK),
    )
    return rows


async def cancel(
    conn: Connection,
    ids: Sequence[int] = (),
    *,
    broadcast_id: int | None = None,
    reason: str = "cancelled",
    now: datetime,
) -> list[int]:
    """Cancel messages that were not handed over yet; returns those it stopped. They weigh nothing any more, but for
    those that may have left in an earlier try."""
    rows = await _sql.cancel_messages(conn, ids=list(ids), broadcast_id=broadcast_id, reason=reason, now=now)
    stopped = [row["id"] for row in rows]
    await policy.release(conn, [row["id"] for row in rows if row["state"] == "cancelled"], now=now)
    return stopped


async def settle_unknown(
    conn: Connection, message_id: int, verdict: Verdict, *, why: str, actor: str, now: datetime
) -> MessageRow:
    """Say what became of a message nobody knows of, inside the caller's transaction; it stands in the audit.

    ``arrived``: it counts as accepted. ``lost``: it counts as refused and weighs nothing. ``again``: it is sent once
    more by the same account, with the id the first try had: the person may get it twice. Raises NotFound, Conflict
    (``message_not_unknown``, ``message_too_late``).
    """
    row, why = await _one(conn, message_id), " ".join(why.replace("\x00", " ").split())[:300]
    if verdict == "again" and row.not_after is not None and row.not_after < now:
        raise Conflict("It was of use until a time that is over.", code="message_too_late")
    states: dict[Verdict, State] = {"arrived": "accepted", "lost": "refused", "again": "planned"}
    reason = reasons.by_hand(verdict, actor, why)
    done = await _sql.settle_by_hand(
        conn,
        id=message_id,
        state=states[verdict],
        reason=None if verdict == "arrived" else reason.code,
        found=msgspec.json.encode(reason).decode(),
        now=now,
    )
    if done is None:
        state_words = row.state.replace("_", " ")
        raise Conflict(f"What became of it is known: {state_words}.", code="message_not_unknown")
    if verdict == "arrived":
        said = {"message_id": message_id}
        left = done["handed_over_at"] or now
        await settling.tell(conn, settling.sent_events(message_id, done["address_node"], done["channel"], left, said))
    else:
        # What goes once more is counted again when it is decided.
        await policy.release(conn, [message_id], now=now)
    detail = {"message": message_id, "verdict": verdict, "reason": why}
    await audit.record(conn, actor=actor, action="message.settle", person_id=row.person_id, detail=detail)
    return await _one(conn, message_id)


async def _one(conn: Connection, message_id: int) -> MessageRow:
    found = await rows(conn, [message_id])
    if not found:
        raise NotFound(f"There is no message {message_id}.", code="message_not_found")
    return found[0]


async def resume_broadcast(conn: Connection, broadcast_id: int, *, now: datetime) -> int:
    """Its messages wait no longer; how many did. In the transaction that sets the broadcast running again."""
    count: int = await _sql.release_broadcast(conn, broadcast_id=broadcast_id, now=now)
    return count


# Looking ------------------------------------------------------------------------------------------------


def _row(row: Any) -> MessageRow:
    return msgspec.convert({**row, "channels": tuple(row["channels"])}, MessageRow)


async def page(conn: Connection, filters: Filters, *, before: int | None = None, limit: int = 50) -> Page:
    """Messages, newest first; ``before`` is the ``next`` of the page before."""
    rows = await _sql.message_rows(conn, **_asked(filters), ids=None, before=before, limit=limit + 1)
    found = [_row(row) for row in rows[:limit]]
    return Page(found, found[-1].id if len(rows) > limit else None)


def _asked(filters: Filters) -> dict[str, Any]:
    asked = msgspec.structs.asdict(filters)
    asked["nodes"] = None if filters.nodes is None else list(filters.nodes)
    return asked


async def rows(conn: Connection, ids: Sequence[int]) -> list[MessageRow]:
    """These messages as they stand, newest first."""
    found = await _sql.message_rows(conn, **_asked(Filters()), ids=list(ids), before=None, limit=len(ids))
    return [_row(row) for row in found]


async def status(conn: Connection, message_id: int) -> MessageStatus:
    """One message with its decision, its attempts and what was said. Raises NotFound."""
    row = await _one(conn, message_id)
    kept = await _sql.decision_of(conn, id=message_id)
    attempts = await _sql.attempts_of(conn, id=message_id)
    return MessageStatus(
        message=row,
        decision=_decode(kept["decision"]) if kept and kept["decision"] else None,
        attempts=[msgspec.convert(dict(row), Attempt) for row in attempts],
        content=_decode(kept["rendered"]) if kept and kept["rendered"] else None,
    )


async def counts(conn: Connection, broadcast_id: int) -> Counts:
    """How far a broadcast is: a question to its messages, never a counter."""
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for row in await _sql.count_states(conn, broadcast_id=broadcast_id):
        states[row["state"]] += row["messages"]
        if row["reason"]:
            reasons[row["reason"]] += row["messages"]
        for name in ("delivered", "opened", "clicked", "failed", "cost_minor"):
            sums[name] += row[name]
    return Counts(
        dict(states),
        dict(reasons),
        sums["delivered"],
        sums["opened"],
        sums["clicked"],
        sums["failed"],
        sums["cost_minor"],
    )
