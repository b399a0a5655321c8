"""Follows the log and keeps balances: each event counts once, since its effect commits with the reader's position."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import structlog

from unisono.access.keys import public_sources
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.kit.database import Connection
from unisono.kit.sql import load

log = structlog.get_logger("unisono.points")

_sql = load("unisono.commerce.points")

SIGNS: Final = {
    "Points Earned": 1,
    "Points Redeemed": -1,
    "Points Expired": -1,
    "Points Reversed": -1,
    "Points Given": -1,
}
"""What an event does to the balance of whom it happened to."""

MOST: Final = 10**12
"""Points of one event at the most: a larger number is a mistake of the sender."""


def movement(name: str, properties: dict[str, Any]) -> int:
    """What an event adds to a balance: whole points, signed by its name; 0 for what cannot be read."""
    points = properties.get("points")
    if isinstance(points, str) and points.strip().isascii() and points.strip().isdigit() and len(points) < 16:
        points = int(points)
    if isinstance(points, float) and points.is_integer():
        points = int(points)
    if isinstance(points, bool) or not isinstance(points, int) or not 0 < points <= MOST:
        return 0
    return SIGNS[name] * points


class PointsReader(LogReader):
    """Keeps `points_balance` and tells channels of it."""

    name: ClassVar[str] = "points"
    linger: ClassVar[float] = 0.3
    batch_size: ClassVar[int] = 5000
    wakes: ClassVar[bool] = True

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Sum the batch up by node: two statements, none when nothing is about points. What pages and apps say of them
        is not believed."""
        events = [event for event in events if event.name in SIGNS]
        if not events:
            return
        sources = {event.source_id for event in events if event.source_id is not None}
        public = await public_sources(conn, sources)
        sums: dict[int, tuple[int, datetime]] = {}
        for event in events:
            if event.source_id in public:
                # A key everybody can read: whoever has it could give himself points. The event stays on the timeline.
                log.warning("points.not_believed", event_id=event.id, source_id=event.source_id)
                continue
            moved = movement(event.name, event.properties)
            before = sums.get(event.node_id)
            if moved:
                at = max(before[1], event.occurred_at) if before else event.occurred_at
                sums[event.node_id] = ((before[0] if before else 0) + moved, at)
        if sums:
            nodes = sorted(sums)
            await _sql.move_points(
                conn,
                nodes=nodes,
                points=[sums[node][0] for node in nodes],
                ats=[sums[node][1] for node in nodes],
            )
