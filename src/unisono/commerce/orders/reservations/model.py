"""Reservations as they are asked for, kept and told."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

ReservationStatus = Literal["held", "ready", "collected", "expired", "cancelled"]

OPEN: tuple[ReservationStatus, ...] = ("held", "ready")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is granted to whom; the first two are settings of the installation."""

    days: int = 1
    """A reservation lasts until the store closes on the so many-th day of opening after the present one."""
    most_open: int = 5
    """Open reservations a person may have, over all stores and identifiers."""
    most_open_unreliable: int = 1
    """As many as that for somebody who often does not come."""
    unreliable_percent: int = 50
    """From this no-show score on."""
    floor: int = 3
    """Reservations that were collected or expired before there is a score at all: two are no habit."""
    longest_days: int = 14
    """How far ahead a deadline may be asked for."""
    most_units: int = 20
    reminder_hours: int = 2
    """Hours of opening before the deadline at which the person is reminded."""


class NewReservation(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants kept for him. ``code`` is a sku or a barcode."""

    node_id: int
    code: str
    store_id: str
    quantity: int = 1
    channel: str = "web"
    until: datetime | None = None
    """The deadline; by default the policy's."""
    note: str | None = None


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation as it stands at an instant: one past its deadline is expired, whoever has noticed."""

    id: str
    code: str
    """What the customer shows at the counter."""
    node_id: int
    person_id: int
    variant_id: int
    sku: str
    name: str
    product_code: str
    quantity: int
    store_id: str
    store_name: str
    timezone: str
    state: ReservationStatus
    channel: str
    unit_minor: int | None
    currency: str | None
    """The price of a unit as it was when it was reserved; what is paid is the price of the day."""
    deadline: datetime
    extended_at: datetime | None
    note: str | None
    created_at: datetime
    ready_at: datetime | None
    settled_at: datetime | None
    settled_by: str | None
    reason: str | None
    order_number: str | None
    receipt: str | None
    version: int


class ReceiptReference(msgspec.Struct, frozen=True, kw_only=True):
    """The till's receipt the units were, or will be, sold with."""

    till_id: str
    receipt_id: str


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """How a person's reservations ended, over all identifiers that are his."""

    open: int = 0
    collected: int = 0
    expired: int = 0
    cancelled: int = 0


class NoShow(msgspec.Struct, frozen=True, kw_only=True):
    """How often somebody does not come for what he reserved."""

    score: int | None
    """Percent of the reservations that were not called off and that nobody came for; None: too few to tell."""
    track: Track
    allowed_open: int
    """Open reservations granted to him."""
