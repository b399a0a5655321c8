"""Which events are answered with a message, pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from unisono.customers.record import OURS
from unisono.customers.timeline.model import Event

MAX_AGE: Final = timedelta(hours=1)
"""What is older is history: nobody is told (RULES R8, R9)."""

USEFUL: Final = timedelta(hours=24)
"""So long after the event its notice is sent at the latest."""

CONSENT: Final = "Consent Updated"
CONFIRM: Final = "confirm-opt-in"
"""The template by which somebody is asked whether an address is his."""

NOT_HIS_DOING: Final = ("merge", "definition")
"""Reasons of comings and goings of segments that are none of what a person did (RULES R9)."""


def fresh(event: Event, now: datetime) -> bool:
    """Whether it happened a short while ago."""
    return event.type == "track" and now - event.occurred_at <= MAX_AGE


def answered(event: Event, trusted: Collection[int], now: datetime) -> bool:
    """Whether a notice may answer it: it is fresh, it is a person's doing, and nobody on the street can have made it
    up. Whoever reads a browser's key could have somebody told that his order is ready."""
    if not fresh(event, now):
        return False
    if event.name in ("Segment Entered", "Segment Left") and event.properties.get("reason") in NOT_HIS_DOING:
        return False
    return event.message_id.startswith(OURS) or event.source_id in trusted


def asks_to_confirm(event: Event, now: datetime) -> bool:
    """Whether it is a consent that waits for the owner of the address to confirm it."""
    said = event.properties
    return (
        event.name == CONSENT
        and event.message_id.startswith(OURS)
        and fresh(event, now)
        and said.get("status") == "requested"
        and isinstance(said.get("entry"), int)
        and isinstance(said.get("channel"), str)
    )


def data_of(event: Event) -> dict[str, Any]:
    """What its notice may name: the event's properties, the store it happened in, the code at the counter."""
    data = dict(event.properties)
    if event.store_id is not None:
        data.setdefault("store_id", event.store_id)
    if isinstance(data.get("pickup_code"), str):
        data.setdefault("code", data["pickup_code"])
    return data


def text_named(said: Mapping[str, Any]) -> tuple[str, int, str] | None:
    """The text somebody agrees to, from ``newsletter/3/it``."""
    written = said.get("text_version")
    parts = written.split("/") if isinstance(written, str) else []
    if len(parts) != 3 or not parts[1].isdecimal():
        return None
    return parts[0], int(parts[1]), parts[2]
