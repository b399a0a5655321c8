"""Rules of slots, what is offered of them, appointments."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from unisono.commerce.holds.model import Ask
from unisono.kit.reasons import Reason

SlotKind = Literal["ahead", "pickup", "appointment"]
"""``ahead``: minutes of work for orders made to be ready then; ``pickup``: places at the counter; ``appointment``."""

AppointmentStatus = Literal["pending", "booked", "kept", "missed", "cancelled"]


class SlotRule(msgspec.Struct, frozen=True, kw_only=True):
    """How a place cuts its opening hours into slots of one kind, for one resource (an associate, a room; '' is the
    place as a whole)."""

    store_id: str
    kind: SlotKind
    resource: str = ""
    slot_minutes: int
    capacity: int
    """Minutes of work in a slot (two people in a slot of 15 minutes: 30), or places."""
    lead_minutes: int = 0
    """A slot is offered until so many minutes before it begins."""
    days_ahead: int = 7


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A time somebody can have."""

    resource: str
    starts_at: datetime
    ends_at: datetime
    ready_at: datetime
    """Ordered ahead: when it is ready, the end of the slot. Else the beginning."""
    left: int
    """Minutes of work, or places, left in its tightest slot."""


class Offers(msgspec.Struct, frozen=True, kw_only=True):
    """What a place offers on a day, soonest first; when it is nothing, why."""

    store_id: str
    kind: SlotKind
    timezone: str
    needs: int
    """Minutes of work, or places, that were asked for."""
    offers: list[Offer]
    reasons: list[Reason] = []


class SlotAsk(NamedTuple):
    """The part of a slot somebody asks for, ready to be put into a request for holds."""

    asks: tuple[Ask, ...]
    slot_id: int
    """The slot the customer chose: the last one, where several share the work."""
    starts_at: datetime
    ends_at: datetime
    ready_at: datetime


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """Time given to somebody."""

    id: str
    code: str
    node_id: int
    person_id: int
    store_id: str
    store_name: str
    timezone: str
    resource: str
    service: str | None
    starts_at: datetime
    ends_at: datetime
    state: AppointmentStatus
    channel: str
    note: str | None
    confirm_by: datetime | None
    created_at: datetime
    settled_at: datetime | None
    settled_by: str | None
    reason: str | None
    version: int


class NewAppointment(msgspec.Struct, frozen=True, kw_only=True):
    """An appointment somebody asks for. With ``confirm_minutes`` it is pending that long, and then free again."""

    node_id: int
    store_id: str
    starts_at: datetime
    minutes: int
    resource: str = ""
    service: str | None = None
    channel: str = "store"
    note: str | None = None
    confirm_minutes: int | None = None
    key: str | None = None
    """Asking again with it gives the same appointment."""
