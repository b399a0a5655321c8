"""Appointments: an associate's half hour, held like a unit of stock (golden G16)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from unisono.commerce.carts.codes import new_code
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.orders.slots import service as slots
from unisono.commerce.orders.slots.errors import AppointmentNotFound, AppointmentState, BadSlot
from unisono.commerce.orders.slots.model import Appointment, AppointmentStatus, NewAppointment, SlotAsk
from unisono.customers.record import Happening, record
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders.slots")

MAX_TEXT: Final = 500
LONGEST: Final = 24 * 60
"""Minutes of an appointment."""
LONGEST_PENDING: Final = 7 * 24 * 60
"""Minutes an appointment may wait to be confirmed."""

EVENT: Final[Mapping[AppointmentStatus, str]] = {
    "booked": "Appointment Booked",
    "kept": "Appointment Kept",
    "missed": "Appointment Missed",
    "cancelled": "Appointment Cancelled",
}

BEFORE: Final[Mapping[AppointmentStatus, tuple[AppointmentStatus, ...]]] = {
    "booked": ("pending",),
    "cancelled": ("pending", "booked"),
    "kept": ("booked",),
    "missed": ("booked",),
}
"""What an appointment may have been before it becomes this."""


def _appointment(row: asyncpg.Record, now: datetime) -> Appointment:
    fields: dict[str, Any] = {key: value for key, value in row.items() if key != "holds"}
    if row["state"] == "pending" and row["confirm_by"] <= now:
        # Dead from that instant on, whoever has noticed.
        fields |= {"state": "cancelled", "reason": "not confirmed in time"}
    return Appointment(**fields)


async def _rows(conn: Connection, **wanted: Any) -> list[asyncpg.Record]:
    given = {"id": None, "store_ids": None, "nodes": None, "since": None, "states": None, "limit": 1, **wanted}
    rows: list[asyncpg.Record] = await _sql.appointments(conn, **given)
    return rows


async def _row(conn: Connection, appointment_id: str) -> asyncpg.Record:
    try:
        rows = await _rows(conn, id=uuid.UUID(appointment_id))
    except ValueError:
        rows = []
    if not rows:
        raise AppointmentNotFound(f"There is no appointment {appointment_id[:40]!r}.")
    return rows[0]


async def find(conn: Connection, appointment_id: str, *, now: datetime) -> Appointment:
    """One appointment as it stands at ``now``. Raises AppointmentNotFound."""
    return _appointment(await _row(conn, appointment_id), now)


async def appointments(
    conn: Connection,
    *,
    store_ids: Collection[str] | None = None,
    nodes: Collection[int] | None = None,
    since: datetime | None = None,
    limit: int = 100,
    now: datetime,
) -> list[Appointment]:
    """Appointments of stores or of a person's nodes that end after ``since``, soonest first."""
    rows = await _rows(
        conn,
        store_ids=None if store_ids is None else list(store_ids),
        nodes=None if nodes is None else list(nodes),
        since=since,
        limit=limit,
    )
    return [_appointment(row, now) for row in rows]


def _check(new: NewAppointment, now: datetime) -> None:
    if new.starts_at.tzinfo is None:
        raise BadSlot("A time needs its zone.", code="time_without_zone")
    if not 1 <= new.minutes <= LONGEST:
        raise BadSlot(f"An appointment has 1 to {LONGEST} minutes.")
    if new.confirm_minutes is not None and not 1 <= new.confirm_minutes <= LONGEST_PENDING:
        raise BadSlot(f"An appointment waits 1 to {LONGEST_PENDING} minutes to be confirmed.")
    for text in (new.service, new.note):
        if text is not None and (len(text) > MAX_TEXT or "\x00" in text):
            raise BadSlot(f"A text has up to {MAX_TEXT} readable characters.")


async def book(conn: Connection, new: NewAppointment, *, now: datetime) -> Appointment:
    """Give somebody a time: held while it is pending, firm when it need not be confirmed.

    Raises SlotTaken with the next free times, NoSlotRule, PlaceUnknown, BadSlot.
    """
    _check(new, now)
    number = uuid.uuid4()
    confirm_by = None if new.confirm_minutes is None else now + timedelta(minutes=new.confirm_minutes)

    async def asking() -> SlotAsk:
        return await slots.place_asks(
            conn,
            new.store_id,
            "appointment",
            new.starts_at,
            minutes=new.minutes,
            resource=new.resource,
            now=now,
        )

    reference = f"appointment:{number}"
    ask, held = await slots.take(
        conn, asking, key=reference, node_id=new.node_id, expires_at=confirm_by, reference=reference, now=now
    )
    if confirm_by is None:
        await holds.commit(conn, [hold.id for hold in held], now=now)
    where = await slots.locate(conn, new.store_id)
    await _sql.insert_appointment(
        conn,
        id=number,
        code=new_code(),
        node_id=new.node_id,
        location_id=where.id,
        resource=new.resource,
        service=new.service,
        starts_at=ask.starts_at,
        ends_at=ask.ends_at,
        holds=[hold.id for hold in held],
        state="pending" if confirm_by else "booked",
        channel=new.channel,
        note=new.note,
        confirm_by=confirm_by,
        now=now,
    )
    made = await find(conn, str(number), now=now)
    if confirm_by is None:
        await _tell(conn, made, now=now)
    return made


async def confirm(conn: Connection, appointment_id: str, *, actor: str, now: datetime) -> Appointment:
    """Make a pending appointment firm; of two who confirm it, one does.

    Raises AppointmentState when it is not pending any more, AppointmentNotFound.
    """
    row = await _row(conn, appointment_id)
    try:
        await holds.commit(conn, row["holds"], now=now)
    except HoldDead as dead:
        raise _not_any_more("cancelled", "booked") from dead
    return await _move(conn, appointment_id, "booked", actor=actor, reason=None, now=now)


async def cancel(conn: Connection, appointment_id: str, *, actor: str, reason: str, now: datetime) -> Appointment:
    """Call it off: its time is free at once. Raises AppointmentState, AppointmentNotFound."""
    row = await _row(conn, appointment_id)
    await holds.release(conn, row["holds"], now=now, reason="appointment cancelled")
    return await _move(conn, appointment_id, "cancelled", actor=actor, reason=reason[:MAX_TEXT], now=now)


async def settle(conn: Connection, appointment_id: str, *, kept: bool, actor: str, now: datetime) -> Appointment:
    """Note that the person came, or did not. Raises AppointmentState, AppointmentNotFound."""
    await _row(conn, appointment_id)
    return await _move(conn, appointment_id, "kept" if kept else "missed", actor=actor, reason=None, now=now)


async def _move(
    conn: Connection, appointment_id: str, to: AppointmentStatus, *, actor: str, reason: str | None, now: datetime
) -> Appointment:
    moved = await _sql.move_appointment(
        conn, id=uuid.UUID(appointment_id), state=to, of=list(BEFORE[to]), actor=actor, reason=reason, now=now
    )
    found = await find(conn, appointment_id, now=now)
    if moved is None:
        raise _not_any_more(found.state, to)
    if moved["announced"]:
        await _tell(conn, found, now=now)
    return found


def _not_any_more(state: str, wanted: str) -> AppointmentState:
    return AppointmentState(f"An appointment that is {state} cannot become {wanted}.", state=state)


async def _tell(conn: Connection, appointment: Appointment, *, now: datetime) -> None:
    """The event of its state. A pending one tells nothing: nobody has been promised anything yet."""
    await record(
        conn,
        [
            Happening(
                node_id=appointment.node_id,
                name=EVENT[appointment.state],
                key=f"appointment:{appointment.id}:{appointment.state}",
                channel="store" if appointment.state in ("kept", "missed") else appointment.channel,
                store_id=appointment.store_id,
                at=now,
                properties={
                    key: value
                    for key, value in {
                        "appointment_id": appointment.id,
                        "service": appointment.service,
                        "starts_at": appointment.starts_at.isoformat(),
                        "ends_at": appointment.ends_at.isoformat(),
                        "store_id": appointment.store_id,
                        "store_name": appointment.store_name,
                        "agent_name": appointment.resource or None,
                        "reason": appointment.reason,
                    }.items()
                    if value is not None
                },
            )
        ],
    )
