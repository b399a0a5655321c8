"""What is to come for a person, read from what has been announced: pick-ups, reservations, appointments.

Until orders and appointments have rooms of their own, their events carry the dates; the item disappears when the
event that settles it arrives.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.profiles")
_decode = msgspec.json.Decoder().decode

MOST_ANNOUNCED = 200
"""Announcements and settlements looked at, newest first: years of them for anybody."""


class Announcement(NamedTuple):
    """An event that announces something: which property dates it, which identifies it, what settles it."""

    title: str
    due: tuple[str, ...]
    identity: tuple[str, ...]
    settled_by: frozenset[str]


ANNOUNCEMENTS: dict[str, Announcement] = {
    "Product Reserved": Announcement(
        "Reservation ends",
        ("expires_at", "until", "deadline"),
        ("reservation_id",),
        frozenset({"Reservation Collected", "Reservation Expired", "Reservation Cancelled"}),
    ),
    "Order Ready for Pickup": Announcement(
        "Pick-up",
        ("pickup_by", "expires_at", "until"),
        ("order_id",),
        frozenset({"Order Collected", "Order Cancelled"}),
    ),
    "Appointment Booked": Announcement(
        "Appointment",
        ("starts_at", "start_at", "at"),
        ("appointment_id",),
        frozenset({"Appointment Kept", "Appointment Missed", "Appointment Cancelled"}),
    ),
}


class Upcoming(msgspec.Struct, frozen=True):
    """Something to come."""

    id: int
    at: datetime
    name: str
    type: str
    channel: str
    store_id: str | None
    properties: dict[str, Any]


def _first(properties: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((properties[name] for name in names if properties.get(name)), None)


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


async def upcoming_items(
    conn: Connection, nodes: Collection[int], *, limit: int, now: datetime | None = None
) -> list[Upcoming]:
    """The announced and unsettled, soonest first."""
    now = now or datetime.now(UTC)
    settled: set[tuple[str, Any]] = set()
    items = []
    rows = await _sql.announcements_of_nodes(conn, nodes=list(nodes), limit=MOST_ANNOUNCED)
    for row in rows:  # newest first: what settles comes before what it settles
        properties: dict[str, Any] = _decode(row["properties"]) if row["properties"] else {}
        for name, announcement in ANNOUNCEMENTS.items():
            if row["name"] in announcement.settled_by:
                settled.add((name, str(_first(properties, announcement.identity))))
        found = ANNOUNCEMENTS.get(row["name"])
        if found is None:
            continue
        key = (row["name"], str(_first(properties, found.identity)))
        due = _instant(_first(properties, found.due))
        if due is not None and due > now and key not in settled:
            settled.add(key)
            items.append(Upcoming(row["id"], due, found.title, "upcoming", row["channel"], row["store_id"], properties))
    return sorted(items, key=lambda item: item.at)[:limit]
