"""The door of changes: every room writes what changed through it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unisono.commerce.changes.model import NewChange
from unisono.kit.database import Connection
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
