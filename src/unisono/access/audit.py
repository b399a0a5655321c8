"""The audit: who looked at or changed what.

Entries are only ever added. Reads of people are entries too, so "who has seen my data?" has an answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from unisono.kit.database import Connection, Pool
from unisono.kit.sql import load

_sql = load("unisono.access")


class AuditEntry(msgspec.Struct, frozen=True):
    """One deed. ``actor`` is an account's e-mail address, ``key:<id>`` or ``system``."""

    id: int
    at: datetime
    actor: str
    action: str
    """``<thing>.<deed>``: person.read, people.search, key.rotate, account.role."""
    person_id: int | None
    detail: dict[str, Any]


async def record(
    conn: Connection | Pool,
    *,
    actor: str,
    action: str,
    person_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
    wait: bool = True,
) -> None:
    """Write an entry; within the caller's transaction when there is one, so deed and entry stand or fall together.

    ``wait=False`` is for reads: the transaction does not wait for the disk, the entry follows within a fraction of a
    second.
    """
    insert = _sql.insert_audit if wait else _sql.insert_audit_soon
    await insert(
        conn,
        actor=actor,
        action=action,
        person_id=person_id,
        detail=msgspec.json.encode(detail or {}).decode(),
    )


async def entries(
    conn: Connection | Pool,
    *,
    person_ids: Collection[int] | None = None,
    actor: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """Entries, newest first, below the id ``before``.

    ``person_ids`` narrows to one person: give all ids it was ever known under, that is those of its identifiers.
    """
    rows = await _sql.audit_entries(
        conn,
        person_ids=None if person_ids is None else list(person_ids),
        actor=actor,
        before=before,
        limit=limit,
    )
    return [
        AuditEntry(
            row["id"], row["at"], row["actor"], row["action"], row["person_id"], msgspec.json.decode(row["detail"])
        )
        for row in rows
    ]
