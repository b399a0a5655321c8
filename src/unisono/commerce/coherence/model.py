"""What was shown, what was true, and the incident when they differ."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import msgspec

IncidentKind = Literal["price", "offer", "availability"]


class Place(NamedTuple):
    """Where something was shown; ``store_id`` is empty outside of stores."""

    channel: str
    store_id: str

    @property
    def store(self) -> str | None:
        """The store, None outside of stores."""
        return self.store_id or None


class Key(NamedTuple):
    """What an incident is about: one is open for it at the most."""

    kind: IncidentKind
    sku: str
    """For an offer the code of the promotion or coupon."""
    place: Place


class Showing(NamedTuple):
    """Something a channel showed to somebody."""

    key: Key
    at: datetime
    shown: Any
    """Price: minor units. Offer: ``promotion`` or ``coupon``. Availability: whether there is some."""
    currency: str
    tolerance: int
    """Minor units the price may differ by."""
    node_id: int
    event_id: int


class Judged(NamedTuple):
    """A showing and what is known of it."""

    showing: Showing
    correct: bool | None
    """None: there is no truth to compare it with."""
    truth: dict[str, Any]


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that shows something else than the truth. Amounts are minor units."""

    id: int
    kind: IncidentKind
    sku: str
    channel: str
    store_id: str | None
    shown: dict[str, Any]
    """What was shown last."""
    truth: dict[str, Any]
    """What was true at that instant."""
    first_at: datetime
    last_at: datetime
    occurrences: int
    people: int
    """Persons it was shown to, as they are now."""
    event_id: int
    """The event that showed it last."""
    correct_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None


class Count(msgspec.Struct, frozen=True):
    """What was compared on a day in a place."""

    day: date
    channel: str
    store_id: str | None
    compared: int
    differing: int
    unknown: int
