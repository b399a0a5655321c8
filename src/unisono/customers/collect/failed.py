"""Failed events: what could not be written, why, and trying again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from unisono.access.keys import KeyKind, Sender
from unisono.customers.collect import pipeline
from unisono.customers.collect.model import Limits
from unisono.customers.collect.reading import Reader
from unisono.customers.identity.rulebook import read_rulebook
from unisono.kit.database import Connection
from unisono.kit.secret import Secret
from unisono.kit.sql import load

_sql = load("unisono.customers.collect")

REPLAY_AT_ONCE = 1000

SHOWN_BYTES = 4000
"""Bytes of the raw item shown in a list."""


class FailedEvent(msgspec.Struct, frozen=True):
    """An item that was not accepted, with the reason."""

    id: int
    received_at: datetime
    source: str | None
    code: str
    detail: str
    message_id: str | None
    name: str | None
    raw: str
    replayed_at: datetime | None
    outcome: str | None


class ReplayReport(msgspec.Struct):
    """What became of failed events that were tried again."""

    accepted: int = 0
    duplicates: int = 0
    failed_again: int = 0
    skipped: int = 0
    """Handled already, or being handled by somebody else."""


async def list_failed(
    conn: Connection,
    *,
    open_only: bool | None = True,
    code: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[FailedEvent]:
    """Failed events, newest first. ``open_only``: not yet replayed or discarded; None gives all."""
    rows = await _sql.list_failures(conn, open=open_only, code=code, before=before, limit=limit)
    return [
        FailedEvent(
            row["id"],
            row["received_at"],
            row["source_name"],
            row["code"],
            row["detail"],
            row["message_id"],
            row["name"],
            bytes(row["raw"])[:SHOWN_BYTES].decode("utf-8", "replace"),
            row["replayed_at"],
            row["outcome"],
        )
        for row in rows
    ]


async def count_failed(conn: Connection) -> list[tuple[str, int, datetime]]:
    """Open failed events by code: (code, how many, the last), most first."""
    return [(row["code"], row["count"], row["last_at"]) for row in await _sql.count_open_failures(conn)]


async def open_ids(conn: Connection, *, code: str | None = None) -> list[int]:
    """Ids of open failed events, oldest first, at most ``REPLAY_AT_ONCE``."""
    rows = await _sql.open_failure_ids(conn, code=code, limit=REPLAY_AT_ONCE)
    return [row["id"] for row in rows]


async def replay(
    conn: Connection,
    ids: Sequence[int],
    *,
    limits: Limits,
    country: str = "IT",
    actor: str,
    secret: Secret,
) -> ReplayReport:
    """Try failed events again by the rules of now, inside the caller's transaction.

    An event that fails again stays as it is, with the new reason in ``outcome`` left open for another try.
    """
    report = ReplayReport()
    rulebook = await read_rulebook(conn, country)
    rows = await _sql.failures_for_replay(conn, ids=list(ids)[:REPLAY_AT_ONCE])
    report.skipped = len(ids) - len(rows)
    for row in rows:
        context: dict[str, Any] = msgspec.json.decode(row["context"])
        sender = await _sender(conn, row["source_id"], context.get("sender", {}))
        if sender is None:
            report.failed_again += 1
            continue
        reader = Reader(sender, row["received_at"], rulebook, limits, sent_at=context.get("sent_at"))
        reader.read(bytes(row["raw"]), context.get("kind"))
        if not reader.incoming:
            report.failed_again += 1
            continue
        written = await pipeline.write_without_refused(conn, reader.incoming, [], rulebook, secret)
        report.accepted += written.accepted
        report.duplicates += written.duplicates
        report.failed_again += written.failed
        if not written.failed:
            outcome = "accepted" if written.accepted else "duplicate"
            await _sql.mark_failure(conn, id=row["id"], outcome=f"{outcome} ({actor})")
    return report


async def discard(conn: Connection, ids: Sequence[int], *, actor: str) -> int:
    """Set failed events aside for good; they stay readable. Returns how many were open."""
    rows = await _sql.failures_for_replay(conn, ids=list(ids)[:REPLAY_AT_ONCE])
    for row in rows:
        await _sql.mark_failure(conn, id=row["id"], outcome=f"discarded ({actor})")
    return len(rows)


async def _sender(conn: Connection, source_id: int | None, said: dict[str, Any]) -> Sender | None:
    """The sender as he was believed then: a replay makes no hint a proof."""
    row = await _sql.source_sender(conn, id=source_id) if source_id is not None else None
    if row is None:
        return None
    kind: KeyKind = said.get("key_kind") or ("write" if row["kind"] in ("browser", "app") else "secret")
    return Sender(
        source_id=row["id"],
        source_name=row["name"],
        source_kind=row["kind"],
        key_id=int(said.get("key_id") or 0),
        key_kind=kind,
        scopes=frozenset({"events:write"}),
        store_id=row["store_id"],
        till_id=row["till_id"],
    )
