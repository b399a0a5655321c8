"""The door of changes: every room writes what changed through it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

import asyncpg
import msgspec

from unisono.commerce.changes.model import Change, NewChange
from unisono.commerce.changes.propagation import percentile
from unisono.kit.database import Connection
from unisono.kit.errors import NotFound
from unisono.kit.sql import load

_sql = load("unisono.commerce.changes")


async def record_changes(conn: Connection, changes: Sequence[NewChange]) -> None:
    """Write changes inside the caller's transaction, with the state they tell of: one statement."""
    if changes:
        await _sql.insert_changes(
            conn,
            kinds=[change.kind for change in changes],
            subjects=[change.subject for change in changes],
            sequences=[change.sequence for change in changes],
            nodes=[change.node_id for change in changes],
            data=[msgspec.json.encode(change.data).decode() for change in changes],
        )


def as_change(row: asyncpg.Record) -> Change:
    """A row of the log of changes as a change."""
    return Change(
        txid=row["txid"],
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        sequence=row["sequence"],
        at=row["at"],
        node_id=row["node_id"],
        data=msgspec.json.decode(row["data"]),
    )


async def present(conn: Connection, subject: str) -> Change:
    """The last change of a subject: its sequence is the present one. Raises NotFound when it never changed."""
    # No subject of ours holds a NUL, and the driver would refuse it.
    row = await _sql.present_change(conn, subject=subject.replace("\x00", ""))
    if row is None:
        raise NotFound(f"Nothing has changed under {subject[:200]!r}.", code="subject_unknown")
    return as_change(row)


class Forgotten(msgspec.Struct, frozen=True):
    """What `forget` did, and where it is to go on; ``txid`` and ``id`` are 0 when it has come to the recent ones."""

    gone: int
    txid: int
    id: int


async def forget(conn: Connection, before: datetime, *, txid: int, id_: int, many: int) -> Forgotten:
    """Of the next so many changes after a position, forget those that were overtaken before an instant.

    The last change of every subject before it stays: what was known at any time after it can be told.
    """
    row = await _sql.forget_changes(conn, before=before, txid=str(txid), id=id_, many=many)
    if row is None:
        return Forgotten(0, 0, 0)
    if not row["old"]:
        return Forgotten(row["gone"], 0, 0)
    return Forgotten(row["gone"], row["txid"], row["id"])


class Propagation(msgspec.Struct, frozen=True):
    """How long changes took until a channel had them, in milliseconds; each figure is the bound it stayed within."""

    kind: str | None
    """None: of all kinds."""
    channel: str | None
    """``stream/<who>`` or ``webhook/<name>``; None: in all channels."""
    seen: int
    p50_ms: int
    p95_ms: int
    p99_ms: int


async def propagation(conn: Connection, since: datetime) -> list[Propagation]:
    """How fast changes reached their subscribers since an instant (UTC): all first, then by channel, then by kind."""
    rows = await _sql.propagation_since(conn, since=since)
    found = []
    for (channel, kind), group in groupby(rows, key=lambda row: (row["channel"], row["kind"])):
        counts = [(row["bucket"], row["seen"]) for row in group]
        found.append(
            Propagation(
                kind,
                channel,
                sum(seen for _, seen in counts),
                *(percentile(counts, percent) for percent in (50, 95, 99)),
            )
        )
    return found
