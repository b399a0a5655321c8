"""What is kept for a customer: reservations, times to order ahead and to be served."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromQuery, JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import requires
from unisono.commerce.catalog import service as catalog
from unisono.commerce.channel.cart_api import currency_of
from unisono.commerce.channel.speaking import (
    AnyRequest,
    of_this_store,
    own,
    person_nodes,
    speaker_of,
    staff_only,
    zone_of,
)
from unisono.commerce.inventory.model import Need
from unisono.commerce.orders.model import DirectPayment
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.api import for_staff, policy_of
from unisono.commerce.orders.reservations.model import NewReservation, ReceiptReference, Reservation
from unisono.commerce.orders.slots import ahead, appointments
from unisono.commerce.orders.slots.model import Appointment, NewAppointment, Offers, SlotKind
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest
from unisono.kit.reasons import told
from unisono.kit.web import PROBLEMS

GUARD = [requires("channel:use")]
TAGS = ["Channels"]

Id = Annotated[str, PathParameter(max_length=40)]
Store = Annotated[str, Parameter(max_length=100, description="The store's code.")]


class Reserve(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be kept where. ``sku`` may be a barcode; without ``until`` the shop's own deadline counts."""

    sku: Annotated[str, msgspec.Meta(max_length=100)]
    store_id: Annotated[str, msgspec.Meta(max_length=100)]
    quantity: int = 1
    until: datetime | None = None
    note: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class ReservationHandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The code the customer shows; the receipt, when the till has made one, or how it is paid here: then it becomes an
    order."""

    code: Annotated[str, msgspec.Meta(max_length=40)]
    receipt: ReceiptReference | None = None
    payment: DirectPayment | None = None


class Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A time with somebody, or for something, in a store."""

    store_id: Annotated[str, msgspec.Meta(max_length=100)]
    starts_at: datetime
    resource: Annotated[str, msgspec.Meta(max_length=100)] = ""
    minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 30
    service: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    note: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class Kept(msgspec.Struct, frozen=True):
    """Reservations of the customer, newest first; or of the till's store, soonest deadline first."""

    reservations: tuple[Reservation, ...]


class Booked(msgspec.Struct, frozen=True):
    """Appointments to come, soonest first."""

    appointments: tuple[Appointment, ...]


@post("/channel/reservations", guards=GUARD, tags=TAGS, responses=PROBLEMS, status_code=201, summary="Reserve in store")
async def reserve(request: AnyRequest, data: JSONBody[Reserve]) -> Response[Reservation]:
    """Units kept in a store without payment, until the deadline."""
    speaker = await speaker_of(request, needs_customer=True)
    assert speaker.node_id is not None
    new = NewReservation(
        node_id=speaker.node_id,
        code=data.sku,
        store_id=data.store_id,
        quantity=data.quantity,
        channel=speaker.channel,
        until=data.until,
        note=data.note,
    )

    async def action(conn: Connection) -> Reservation:
        policy = policy_of(request.app.state.settings)
        return await reservations.reserve(conn, new, policy=policy, currency=currency_of(request), now=speaker.now)

    return await write(request, action, status=201)


@get("/channel/reservations", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Reservations")
async def list_reservations(request: AnyRequest) -> Kept:
    """The customer's own; a till that names nobody sees what waits in its store."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        if speaker.customer is not None:
            found, _ = await reservations.reservations(conn, now=speaker.now, nodes=await person_nodes(conn, speaker))
        else:
            staff_only(speaker)
            stores = [speaker.store_id] if speaker.store_id else []
            found = await reservations.to_hand_over(conn, stores, now=speaker.now)
    if speaker.principal.kind == "till":
        found = [for_staff(one) for one in found]
    return Kept(tuple(found))


@delete(
    "/channel/reservations/{reservation_id:str}",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Cancel a reservation",
)
async def cancel_reservation(request: AnyRequest, reservation_id: Id) -> Response[Reservation]:
    """What was kept is free at once."""
    speaker = await speaker_of(request)

    async def action(conn: Connection) -> Reservation:
        found = await reservations.get(conn, reservation_id, now=speaker.now)
        own(speaker, found.person_id)
        of_this_store(speaker, found.store_id)
        cancelled = await reservations.cancel(
            conn,
            reservation_id,
            actor=speaker.actor,
            reason="cancelled by the customer",
            channel=speaker.channel,
            now=speaker.now,
        )
        return for_staff(cancelled) if speaker.principal.kind == "till" else cancelled

    return await write(request, action)


@post(
    "/channel/reservations/{reservation_id:str}/hand-over",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Hand a reservation over",
)
async def hand_over(
    request: AnyRequest, reservation_id: Id, data: JSONBody[ReservationHandOver]
) -> Response[Reservation]:
    """The units are in the customer's hands; for tills, in their own store, and servers, with the code he shows."""
    speaker = await speaker_of(request)
    staff_only(speaker)

    async def action(conn: Connection) -> Reservation:
        of_this_store(speaker, (await reservations.get(conn, reservation_id, now=speaker.now)).store_id)
        handed = await reservations.hand_over(
            conn,
            reservation_id,
            data.code,
            receipt=data.receipt,
            payment=data.payment,
            currency=currency_of(request),
            actor=speaker.actor,
            now=speaker.now,
        )
        return for_staff(handed)

    return await write(request, action)


def needs_of(items: list[str] | None) -> list[tuple[str, int]]:
    """``sku`` or ``sku:3`` as sku and units. Raises BadRequest."""
    wanted = []
    for item in items or []:
        sku, colon, units = item.rpartition(":")
        if not colon:
            sku, units = item, "1"
        if not (units.isascii() and units.isdigit() and 1 <= int(units[:6]) <= 9999 and sku):
            raise BadRequest(f"{item[:80]!r} is no sku with units.", code="bad_item", hint="As 1000042:2")
        wanted.append((sku, int(units)))
    return wanted


@get("/channel/slots", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Times that are free")
async def read_slots(
    request: AnyRequest,
    store: Store,
    kind: FromQuery[SlotKind] = "ahead",
    day: FromQuery[date | None] = None,
    item: Annotated[list[str] | None, Parameter(description="sku or sku:units, for orders ahead.")] = None,
    minutes: Annotated[int | None, Parameter(ge=1, le=1440)] = None,
    resource: Annotated[str | None, Parameter(max_length=100)] = None,
) -> Offers:
    """Times of a local day at which goods and hands suffice; when there is none, why."""
    speaker = await speaker_of(request)
    wanted = needs_of(item)
    async with connection(request.app.state.pool) as conn:
        needs = []
        for sku, units in wanted:
            variant = await catalog.variant_by_code(conn, sku)
            needs.append(Need(variant.id, units))
        offers = await ahead.offers(
            conn,
            store,
            kind,
            day=day,
            needs=needs,
            minutes=minutes,
            resource=resource,
            channel=speaker.channel,
            now=speaker.now,
        )
        zone = await zone_of(conn, request, store)
    return told(offers, speaker.language, zone)


@post("/channel/appointments", guards=GUARD, tags=TAGS, responses=PROBLEMS, status_code=201, summary="Book a time")
async def book(request: AnyRequest, data: JSONBody[Book]) -> Response[Appointment]:
    """A time in a store, the customer's alone."""
    speaker = await speaker_of(request, needs_customer=True)
    assert speaker.node_id is not None
    new = NewAppointment(
        node_id=speaker.node_id,
        store_id=data.store_id,
        starts_at=data.starts_at,
        resource=data.resource,
        minutes=data.minutes,
        service=data.service,
        note=data.note,
        channel=speaker.channel,
    )

    async def action(conn: Connection) -> Appointment:
        return await appointments.book(conn, new, now=speaker.now)

    return await write(request, action, status=201)


@get("/channel/appointments", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Appointments to come")
async def list_appointments(request: AnyRequest) -> Booked:
    """The customer's own; a till that names nobody sees those of its store."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        if speaker.customer is not None:
            nodes = await person_nodes(conn, speaker)
            found = await appointments.appointments(conn, nodes=nodes, since=speaker.now, now=speaker.now)
        else:
            staff_only(speaker)
            stores = [speaker.store_id] if speaker.store_id else []
            found = await appointments.appointments(conn, store_ids=stores, since=speaker.now, now=speaker.now)
    return Booked(tuple(found))


@delete(
    "/channel/appointments/{appointment_id:str}",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Call an appointment off",
)
async def cancel_appointment(request: AnyRequest, appointment_id: Id) -> Response[Appointment]:
    """Its time is free at once."""
    speaker = await speaker_of(request)

    async def action(conn: Connection) -> Appointment:
        found = await appointments.find(conn, appointment_id, now=speaker.now)
        own(speaker, found.person_id)
        of_this_store(speaker, found.store_id)
        return await appointments.cancel(
            conn, appointment_id, actor=speaker.actor, reason="called off by the customer", now=speaker.now
        )

    return await write(request, action)


def routes() -> list[ControllerRouterHandler]:
    """The routes of what is kept."""
    handlers: list[Any] = [
        reserve,
        list_reservations,
        cancel_reservation,
        hand_over,
        read_slots,
        book,
        list_appointments,
        cancel_appointment,
    ]
    return handlers
