"""Reservations over the API: for stores, service and other systems. Customers reserve through their channel."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody, Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.commerce.orders.model import DirectPayment
from unisono.commerce.orders.pickup.seeing import AnyRequest, Limit, StoreIds, check_store, stores_asked
from unisono.commerce.orders.reservations import service
from unisono.commerce.orders.reservations.errors import BadReservation, ReservationNotFound
from unisono.commerce.orders.reservations.model import (
    NewReservation,
    NoShow,
    Policy,
    ReceiptReference,
    Reservation,
    ReservationStatus,
)
from unisono.commerce.orders.slots.errors import PlaceUnknown
from unisono.customers.identity import service as identity
from unisono.customers.profiles.meeting import person_within
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.settings import Settings
from unisono.kit.web import MAX_ID, PROBLEMS, PathId

TAGS = ["Reservations"]
ReservationId = Annotated[str, PathParameter(min_length=1, max_length=40)]
PersonId = Annotated[int | None, Parameter(ge=1, le=MAX_ID, description="Of this person, under any identifier.")]
States = Annotated[list[ReservationStatus] | None, QueryParameter(name="state", description="May be repeated.")]
After = Annotated[str | None, Parameter(max_length=80, description="``next`` of the page before.")]


class ReserveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept, where, for whom: a person's id or an identifier written ``namespace:value``."""

    code: str
    """A sku or a barcode."""
    store_id: str
    quantity: int = 1
    person_id: int | None = None
    identifier: str | None = None
    channel: str = "store"
    until: datetime | None = None
    note: str | None = None


class ExtendRequest(msgspec.Struct, frozen=True):
    """Until when; without it to the closing of the next day of opening."""

    until: datetime | None = None


class CancelReservation(msgspec.Struct, frozen=True):
    """Why."""

    reason: str
    channel: str = "store"


class HandOverReservation(msgspec.Struct, frozen=True):
    """The code the customer shows; the till's receipt, or how it is paid here: then it becomes an order. With neither
    the units leave, and the till does the rest."""

    code: str
    receipt: ReceiptReference | None = None
    payment: DirectPayment | None = None


class ReservationPage(msgspec.Struct, frozen=True):
    """Some reservations, newest first, and the key of the next page."""

    reservations: list[Reservation]
    next: str | None


def policy_of(settings: Settings) -> Policy:
    """What this installation grants."""
    return Policy(days=settings.reservation_days, most_open=settings.reservation_limit)


def for_staff(found: Reservation) -> Reservation:
    """Without the code: the customer shows it, so nobody at the counter can hand over without him."""
    return msgspec.structs.replace(found, code="")


def _not_found(reservation_id: str) -> ReservationNotFound:
    return ReservationNotFound(f"There is no reservation {reservation_id[:40]!r}.")


async def _own(request: AnyRequest, conn: Connection, reservation_id: str) -> Reservation:
    """The reservation, if it is in a store the caller may see. Raises ReservationNotFound."""
    found = await service.get(conn, reservation_id, now=now_of(request))
    check_store(request, found.store_id, _not_found(reservation_id))
    return found


@post(
    "/api/reservations",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=201,
    summary="Reserve in a store",
)
async def reserve(request: AnyRequest, data: JSONBody[ReserveRequest]) -> Response[Reservation]:
    """Keep units in a store without payment, until the deadline. Takes an Idempotency-Key.

    Answers the reservation with the code the customer shows at the counter. 409 ``not_enough_stock`` says what is
    there, ``reservation_refused`` how many the person has open.
    """
    settings: Settings = request.app.state.settings
    check_store(request, data.store_id, PlaceUnknown(f"There is no place {data.store_id[:80]!r}."))
    if (data.person_id is None) == (data.identifier is None):
        raise BadReservation("Say for whom: person_id, or identifier.", code="person_missing")

    async def act(conn: Connection) -> Reservation:
        node = data.person_id
        if data.identifier is not None:
            node = await identity.find(conn, data.identifier, settings.country)
        assert node is not None
        new = NewReservation(
            node_id=node,
            code=data.code,
            store_id=data.store_id,
            quantity=data.quantity,
            channel=data.channel,
            until=data.until,
            note=data.note,
        )
        return await service.reserve(
            conn, new, policy=policy_of(settings), currency=settings.currency, now=now_of(request)
        )

    return await write(request, act, status=201)


@get("/api/reservations", guards=[requires("orders:read")], tags=TAGS, responses=PROBLEMS, summary="Reservations")
async def list_reservations(
    request: AnyRequest,
    store_ids: StoreIds = None,
    person_id: PersonId = None,
    states: States = None,
    after: After = None,
    limit: Limit = 50,
) -> ReservationPage:
    """Reservations, newest first: of stores, of a person; a state is the one at this instant."""
    stores = stores_asked(request, store_ids)
    async with connection(request.app.state.pool) as conn:
        nodes = None
        if person_id is not None:
            person = await identity.resolve(conn, person_id)
            nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
        found, next_key = await service.reservations(
            conn, now=now_of(request), nodes=nodes, store_ids=stores, states=states, after=after, limit=limit
        )
    return ReservationPage([for_staff(one) for one in found], next_key)


@get(
    "/api/reservations/{reservation_id:str}",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="One reservation",
)
async def read_reservation(request: AnyRequest, reservation_id: ReservationId) -> Reservation:
    """One reservation as it stands now. The code is the customer's: it is not in it."""
    async with connection(request.app.state.pool) as conn:
        return for_staff(await _own(request, conn, reservation_id))


@get(
    "/api/people/{person_id:int}/no-show",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="How often somebody does not come",
)
async def read_no_show(request: AnyRequest, person_id: PathId) -> NoShow:
    """How often a person does not come for what he reserved, and how many reservations he may have open."""
    async with connection(request.app.state.pool) as conn:
        person = await person_within(conn, caller(request), person_id)
        nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
        return await service.no_show(conn, nodes, policy_of(request.app.state.settings), now=now_of(request))


async def _change(request: AnyRequest, reservation_id: str, change: Any) -> Response[Reservation]:
    async def act(conn: Connection) -> Reservation:
        await _own(request, conn, reservation_id)
        return for_staff(await change(conn))

    return await write(request, act)


@post(
    "/api/reservations/{reservation_id:str}/ready",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="A reservation is ready",
)
async def make_ready(request: AnyRequest, reservation_id: ReservationId) -> Response[Reservation]:
    """The units lie at the counter: the person is told. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)
    return await _change(
        request, reservation_id, lambda conn: service.make_ready(conn, reservation_id, actor=actor, now=now)
    )


@post(
    "/api/reservations/{reservation_id:str}/extend",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Put a reservation's deadline off",
)
async def extend(
    request: AnyRequest, reservation_id: ReservationId, data: JSONBody[ExtendRequest]
) -> Response[Reservation]:
    """Put the deadline off, once. Takes an Idempotency-Key."""
    policy, now = policy_of(request.app.state.settings), now_of(request)
    return await _change(
        request,
        reservation_id,
        lambda conn: service.extend(conn, reservation_id, policy=policy, until=data.until, now=now),
    )


@post(
    "/api/reservations/{reservation_id:str}/cancel",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Cancel a reservation",
)
async def cancel(
    request: AnyRequest, reservation_id: ReservationId, data: JSONBody[CancelReservation]
) -> Response[Reservation]:
    """Call it off: the units are free at once. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)
    return await _change(
        request,
        reservation_id,
        lambda conn: service.cancel(
            conn, reservation_id, actor=actor, reason=data.reason, channel=data.channel, now=now
        ),
    )


@post(
    "/api/reservations/{reservation_id:str}/hand-over",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Hand a reservation over",
)
async def hand_over(
    request: AnyRequest, reservation_id: ReservationId, data: JSONBody[HandOverReservation]
) -> Response[Reservation]:
    """The units are in the customer's hands: they leave the shelf, once. Takes an Idempotency-Key."""
    currency = request.app.state.settings.currency
    actor, now = caller(request).actor, now_of(request)
    return await _change(
        request,
        reservation_id,
        lambda conn: service.hand_over(
            conn,
            reservation_id,
            data.code,
            receipt=data.receipt,
            payment=data.payment,
            currency=currency,
            actor=actor,
            now=now,
        ),
    )


routes: list[ControllerRouterHandler] = [
    reserve,
    list_reservations,
    read_reservation,
    read_no_show,
    make_ready,
    extend,
    cancel,
    hand_over,
]
