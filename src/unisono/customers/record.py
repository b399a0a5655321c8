"""What our own rooms do, onto the timeline: events written in the transaction of the state they tell of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from unisono.customers.identity import service as identity
from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.model import NewEvent
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection

OURS = "unisono:"
"""How the message ids of our own events begin: readers that turn events into state leave these alone."""


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """An event to be: whose node it happened to, what, where. ``key`` makes its message id, so it must be derived
    from the fact (``order:1204:completed``): the same fact is one event."""

    node_id: int
    name: str
    key: str
    channel: str
    store_id: str | None = None
    at: datetime | None = None
    """When it happened (UTC); the present when missing."""
    properties: Mapping[str, Any] = {}


async def record(
    conn: Connection, happenings: Sequence[Happening], *, clock: Clock = system_clock, person_id: int | None = None
) -> None:
    """Write events inside the caller's transaction: two statements, whatever their number; one for who knows that all
    are of ``person_id``.

    Raises asyncpg.UniqueViolationError when one of the facts is on the timeline already.
    """
    if not happenings:
        return
    nodes = {happening.node_id for happening in happenings}
    persons = await identity.persons_of(conn, nodes) if person_id is None else dict.fromkeys(nodes, person_id)
    now = clock()
    await timeline.append(
        conn,
        [
            NewEvent(
                timeline.lane_of(persons[happening.node_id]),
                happening.node_id,
                "track",
                happening.name,
                happening.channel,
                happening.store_id,
                None,
                f"{OURS}{happening.key}",
                happening.at or now,
                now,
                properties=msgspec.json.encode(happening.properties).decode(),
            )
            for happening in happenings
        ],
    )
