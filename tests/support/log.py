"""Writing to the log directly, for tests about those who read it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from unisono.customers.timeline.model import LANES, NewEvent
from unisono.customers.timeline.service import append
from unisono.kit.database import Connection

START = datetime(2026, 1, 1, tzinfo=UTC)


async def make_nodes(conn: Connection, count: int, namespace: str = "user_id") -> list[int]:
    """Some identifiers, each its own person."""
    rows = await conn.fetch(
        "with made as (select nextval(pg_get_serial_sequence('node', 'id')) as id from generate_series(1, $1))"
        " insert into node (id, namespace, value, person_id, cluster_id)"
        " select id, $2, 'v' || id, id, id from made returning id",
        count,
        namespace,
    )
    return [row["id"] for row in rows]


def new_event(
    node: int,
    name: str = "Product Viewed",
    *,
    person: int | None = None,
    at: datetime | None = None,
    channel: str = "web",
    kind: str = "track",
    store: str | None = None,
    message_id: str | None = None,
    **properties: Any,
) -> NewEvent:
    """An event of a node, ready to be appended."""
    now = at or datetime.now(UTC)
    return NewEvent(
        (person or node) % LANES,
        node,
        kind,
        name,
        channel,
        store,
        None,
        message_id or f"test:{uuid.uuid4()}",
        now,
        now,
        properties=msgspec.json.encode(properties).decode() if properties else None,
    )


async def write(conn: Connection, events: Sequence[NewEvent]) -> None:
    """Append events in a transaction of their own and tell the readers."""
    async with conn.transaction():
        await append(conn, events)
    await conn.execute("notify unisono_log")


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        self.now += timedelta(**amount)
