"""Pick-ups, shipments and what waits at a counter."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

FulfilmentState = Literal[
    "planned", "picking", "ready", "shipped", "handed_over", "delivered", "cancelled", "not_collected"
]

WAITING: tuple[FulfilmentState, ...] = ("planned", "picking", "ready")


class ParcelLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of an order line in a parcel."""

    order_line_id: int
    sku: str
    name: str
    quantity: int


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What leaves from one place together: a pick-up or a shipment."""

    id: int
    order_id: int
    order_number: str
    node_id: int | None
    person_id: int | None
    kind: Literal["ship", "pickup", "carry"]
    state: FulfilmentState
    store_id: str | None
    store_name: str | None
    timezone: str | None
    channel: str
    placed_at: datetime
    promised_at: datetime | None
    ready_at: datetime | None
    collect_by: datetime | None
    handed_at: datetime | None
    handed_by: str | None
    carrier: str | None
    tracking: str | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    currency: str
    payment_status: str
    due_minor: int
    """To be paid when it is handed over."""
    customer: dict[str, object]
    lines: list[ParcelLine]


class CounterPayment(msgspec.Struct, frozen=True, kw_only=True):
    """How the customer pays at the counter: cash, or the card terminal with the number on its slip."""

    provider: Literal["cash", "terminal"] = "cash"
    reference: str | None = None
    tendered_minor: int | None = None


class Done(msgspec.Struct, frozen=True):
    """The parcel after a step, and the calls to payment providers to be made after the commit."""

    parcel: Parcel
    calls: tuple[int, ...] = ()


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Something to hand over or to prepare at a counter, for the list of the store."""

    kind: Literal["pickup", "reservation"]
    id: str
    number: str | None
    """The order's number; a reservation has none."""
    store_id: str
    person_id: int | None
    state: str
    since: datetime
    until: datetime | None
    """Until when it waits."""
    ready_at: datetime | None
    due_minor: int
    currency: str | None
    lines: list[ParcelLine]
