"""Calendar entries (RFC 5545) of what somebody shall come for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from icalendar import Alarm, Calendar, Event

from unisono.commerce.orders.documents.papers import place_of
from unisono.commerce.orders.documents.rendering import place_lines
from unisono.commerce.orders.documents.words import say
from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.pickup.errors import PickupState
from unisono.commerce.orders.pickup.model import WAITING
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.model import OPEN
from unisono.commerce.orders.slots import appointments
from unisono.kit.database import Connection

LAST_CALL: Final = timedelta(hours=1)
"""A deadline is shown as the hour before it: an entry without length is overlooked."""
REMIND: Final = timedelta(hours=2)
AT_THE_COUNTER: Final = timedelta(minutes=15)


class Entry(NamedTuple):
    """One entry of a calendar; ``uid`` stays the same when it moves, ``sequence`` grows."""

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str
    location: str
    cancelled: bool


def _bytes(entry: Entry, *, now: datetime) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Unisono//Unisono//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if entry.cancelled else "PUBLISH")
    event = Event()
    event.add("uid", f"{entry.uid}@unisono")
    event.add("dtstamp", now)
    event.add("sequence", entry.sequence)
    event.add("dtstart", entry.starts_at)
    event.add("dtend", entry.ends_at)
    event.add("summary", entry.summary)
    event.add("description", entry.description)
    event.add("location", entry.location)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    if not entry.cancelled:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", entry.summary)
        alarm.add("trigger", -REMIND)
        event.add_component(alarm)
    calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


async def _where(conn: Connection, store_id: str | None) -> str:
    place = place_lines(await place_of(conn, store_id))
    return "" if place is None else ", ".join((place.name, *place.lines))


async def of_reservation(conn: Connection, reservation_id: str, *, language: str, now: datetime) -> bytes:
    """The last hour in which a reservation can be collected. Raises ReservationNotFound."""
    found = await reservations.get(conn, reservation_id, now=now)
    entry = Entry(
        uid=f"reservation-{found.id}",
        sequence=found.version,
        starts_at=found.deadline - LAST_CALL,
        ends_at=found.deadline,
        summary=say("Reserved: {what}", language, what=f"{found.quantity} x {found.name}"),
        description=say("Code: {code}", language, code=found.code),
        location=await _where(conn, found.store_id),
        cancelled=found.state not in OPEN,
    )
    return _bytes(entry, now=now)


async def of_pickup(conn: Connection, parcel_id: int, *, language: str, now: datetime) -> bytes:
    """When an order is ready, where that is promised, else the last hour to collect it.

    Raises PickupNotFound; PickupState while there is neither.
    """
    parcel = await pickups.get(conn, parcel_id)
    if parcel.promised_at is not None:
        span = (parcel.promised_at, parcel.promised_at + AT_THE_COUNTER)
    elif parcel.collect_by is not None:
        span = (parcel.collect_by - LAST_CALL, parcel.collect_by)
    else:
        raise PickupState("It is not known yet when it can be collected.", state=parcel.state)
    code = await pickups.code_of(conn, parcel_id) or ""
    entry = Entry(
        uid=f"pickup-{parcel.id}",
        sequence=0 if parcel.ready_at is None else 1,
        starts_at=span[0],
        ends_at=span[1],
        summary=say("Pick up order {number}", language, number=parcel.order_number),
        description=say("Code: {code}", language, code=code),
        location=await _where(conn, parcel.store_id),
        cancelled=parcel.state not in WAITING,
    )
    return _bytes(entry, now=now)


async def of_appointment(conn: Connection, appointment_id: str, *, language: str, now: datetime) -> bytes:
    """An appointment. Raises AppointmentNotFound."""
    found = await appointments.find(conn, appointment_id, now=now)
    entry = Entry(
        uid=f"appointment-{found.id}",
        sequence=found.version,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        summary=found.service or say("Appointment", language),
        description=" ".join(part for part in (found.resource, say("Code: {code}", language, code=found.code)) if part),
        location=await _where(conn, found.store_id),
        cancelled=found.state in ("cancelled", "missed"),
    )
    return _bytes(entry, now=now)
