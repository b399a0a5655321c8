"""Writing changes directly, for tests about those who follow them."""

from __future__ import annotations

import itertools
from typing import Any

from unisono.commerce.changes.model import Kind, NewChange
from unisono.commerce.changes.service import record_changes
from unisono.kit.database import Connection, Pool

_numbers = itertools.count(1)


def new_change(subject: str | None = None, sequence: int = 1, node: int | None = None, **data: Any) -> NewChange:
    """A change, by default of a price nobody changed before."""
    subject = subject or f"price:SKU-{next(_numbers)}"
    kind: Kind = subject.partition(":")[0]  # type: ignore[assignment]
    return NewChange(kind, subject, sequence, data, node)


async def change(conn: Connection | Pool, *changes: NewChange) -> None:
    """Write changes in a transaction of their own and tell those who follow."""
    if isinstance(conn, Pool):
        async with conn.acquire() as own:
            await change(own, *changes)
        return
    async with conn.transaction():
        await record_changes(conn, changes)
    await conn.execute("notify unisono_log")
