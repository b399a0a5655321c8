"""Pick-ups and shipments over the API: the store's list, the counter, the parcels of an order."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.commerce.orders import reading
from unisono.commerce.orders.duties import finish_all
from unisono.commerce.orders.pickup import service
from unisono.commerce.orders.pickup.errors import PickupNotFound
from unisono.commerce.orders.pickup.model import CounterPayment, Done, Parcel, ParcelLine, Waiting
from unisono.commerce.orders.pickup.seeing import AnyRequest, StoreIds, check_store, stores_asked
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.errors import ReservationNotFound
from unisono.commerce.orders.reservations.model import Reservation
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest
from unisono.kit.settings import Settings
from unisono.kit.web import PROBLEMS, PathId

TAGS = ["Pick-ups"]
Number = Annotated[str, PathParameter(min_length=1, max_length=80)]
Code = Annotated[str, Parameter(min_length=1, max_length=100, description="As it is typed or scanned.")]


class CodeRequest(msgspec.Struct, frozen=True):
    """The code the customer shows."""

    code: str


class HandOverPickup(msgspec.Struct, frozen=True):
    """The code the customer shows, and how he pays what is still due."""

    code: str
    payment: CounterPayment | None = None


class ShippedRequest(msgspec.Struct, frozen=True):
    """Who carries it, and the number to follow it by."""

    carrier: str | None = None
    tracking: str | None = None


class FoundByCode(msgspec.Struct, frozen=True):
    """Whose code it is: a pick-up or a reservation."""

    pickup: Parcel | None = None
    reservation: Reservation | None = None


class CodeChecked(msgspec.Struct, frozen=True):
    """Whether the code is the right one; raised as ``wrong_code`` when it is not."""

    matches: bool


def _of_parcel(parcel: Parcel) -> Waiting:
    return Waiting(
        kind="pickup",
        id=str(parcel.id),
        number=parcel.order_number,
        store_id=parcel.store_id or "",
        person_id=parcel.person_id,
        state=parcel.state,
        since=parcel.placed_at,
        until=parcel.collect_by,
        ready_at=parcel.ready_at,
        due_minor=parcel.due_minor,
        currency=parcel.currency,
        lines=parcel.lines,
    )


def _of_reservation(found: Reservation) -> Waiting:
    line = ParcelLine(order_line_id=0, sku=found.sku, name=found.name, quantity=found.quantity)
    return Waiting(
        kind="reservation",
        id=found.id,
        number=None,
        store_id=found.store_id,
        person_id=found.person_id,
        state=found.state,
        since=found.created_at,
        until=found.deadline,
        ready_at=found.ready_at,
        due_minor=(found.unit_minor or 0) * found.quantity,
        currency=found.currency,
        lines=[line],
    )


async def waiting_in(conn: Connection, store_ids: list[str], *, now: datetime) -> list[Waiting]:
    """What waits in these stores to be handed over, soonest end first: pick-ups and reservations."""
    parcels = [_of_parcel(parcel) for parcel in await service.waiting(conn, store_ids)]
    kept = [_of_reservation(one) for one in await reservations.to_hand_over(conn, store_ids, now=now)]
    return sorted([*parcels, *kept], key=lambda one: (one.until or one.since, one.id))


async def _own(request: AnyRequest, conn: Connection, parcel_id: int) -> Parcel:
    found = await service.get(conn, parcel_id)
    check_store(request, found.store_id, PickupNotFound(f"There is no pick-up {parcel_id}."))
    return found


async def _change(request: AnyRequest, parcel_id: int, change: Any) -> Response[Parcel]:
    calls: list[int] = []

    async def act(conn: Connection) -> Parcel:
        await _own(request, conn, parcel_id)
        done: Done = await change(conn)
        calls[:] = done.calls
        return done.parcel

    answer = await write(request, act)
    await finish_all(request.app.state.pool, calls, clock=lambda: now_of(request))
    return answer


@get(
    "/api/pickups",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="What waits to be handed over",
)
async def list_pickups(request: AnyRequest, store_ids: StoreIds = None) -> list[Waiting]:
    """What waits in the stores to be handed over, soonest end first: pick-ups of orders and reservations."""
    stores = stores_asked(request, store_ids)
    if stores is None:
        raise BadRequest("Say of which store: store_id.", code="store_missing")
    async with connection(request.app.state.pool) as conn:
        return await waiting_in(conn, stores, now=now_of(request))


@get(
    "/api/pickups/by-code",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Find by a shown code",
)
async def find_by_code(request: AnyRequest, code: Code) -> FoundByCode:
    """What a shown code is for: a pick-up or a reservation in a store the asker may see."""
    async with connection(request.app.state.pool) as conn:
        try:
            parcel = await service.by_code(conn, code)
        except PickupNotFound:
            found = await reservations.by_code(conn, code, now=now_of(request))
            check_store(request, found.store_id, ReservationNotFound("No reservation has this code."))
            return FoundByCode(reservation=msgspec.structs.replace(found, code=""))
        check_store(request, parcel.store_id, PickupNotFound("No pick-up has this code."))
        return FoundByCode(pickup=parcel)


@get(
    "/api/pickups/{parcel_id:int}",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="One pick-up",
)
async def read_pickup(request: AnyRequest, parcel_id: PathId) -> Parcel:
    """One pick-up. The code is the customer's: it is not in it."""
    async with connection(request.app.state.pool) as conn:
        return await _own(request, conn, parcel_id)


@post(
    "/api/pickups/{parcel_id:int}/check",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Check a pick-up's code",
)
async def check_pickup(request: AnyRequest, parcel_id: PathId, data: JSONBody[CodeRequest]) -> CodeChecked:
    """Whether the code shown is this pick-up's; 409 ``wrong_code`` when it is not. Changes nothing."""
    async with connection(request.app.state.pool) as conn:
        await _own(request, conn, parcel_id)
        await service.check_code(conn, parcel_id, data.code)
    return CodeChecked(True)


@post(
    "/api/pickups/{parcel_id:int}/{step:str}",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Prepare a pick-up",
)
async def prepare(
    request: AnyRequest, parcel_id: PathId, step: FromPath[Literal["picking", "ready"]]
) -> Response[Parcel]:
    """Somebody gathers it (``picking``), or it lies at the counter and the person is told (``ready``). Takes an
    Idempotency-Key."""
    settings: Settings = request.app.state.settings
    actor, now = caller(request).actor, now_of(request)

    async def change(conn: Connection) -> Done:
        if step == "picking":
            return await service.start_picking(conn, parcel_id, actor=actor, now=now)
        return await service.make_ready(conn, parcel_id, days=settings.pickup_days, actor=actor, now=now)

    return await _change(request, parcel_id, change)


@post(
    "/api/pickups/{parcel_id:int}/hand-over",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Hand a pick-up over",
)
async def hand_over(request: AnyRequest, parcel_id: PathId, data: JSONBody[HandOverPickup]) -> Response[Parcel]:
    """The goods are in the customer's hands, once; what is due is paid with ``payment``. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)
    return await _change(
        request,
        parcel_id,
        lambda conn: service.hand_over(conn, parcel_id, data.code, payment=data.payment, actor=actor, now=now),
    )


# Shipments --------------------------------------------------------------------------------------------


async def _of_order(request: AnyRequest, conn: Connection, number: str) -> list[Parcel]:
    """The parcels of an order, if the caller may see the order. Raises OrderNotFound."""
    detail = await reading.detail(conn, number, stores=caller(request).stores)
    return await service.parcels_of(conn, detail.order.number)


@get(
    "/api/orders/{number:str}/shipments",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Parcels of an order",
)
async def list_shipments(request: AnyRequest, number: Number) -> list[Parcel]:
    """All parcels of an order, shipments and pick-ups, with where they are and how far."""
    async with connection(request.app.state.pool) as conn:
        return await _of_order(request, conn, number)


@post(
    "/api/orders/{number:str}/shipments/{parcel_id:int}/shipped",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="A parcel has left",
)
async def mark_shipped(
    request: AnyRequest, number: Number, parcel_id: PathId, data: JSONBody[ShippedRequest]
) -> Response[Parcel]:
    """The parcel has left: its goods are off the shelf, the person is told. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)
    return await _change(
        request,
        parcel_id,
        lambda conn: service.ship(
            conn, number, parcel_id, carrier=data.carrier, tracking=data.tracking, actor=actor, now=now
        ),
    )


@post(
    "/api/orders/{number:str}/shipments/{parcel_id:int}/delivered",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="A parcel has arrived",
)
async def mark_delivered(request: AnyRequest, number: Number, parcel_id: PathId) -> Response[Parcel]:
    """The parcel has arrived. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)
    return await _change(
        request, parcel_id, lambda conn: service.deliver(conn, number, parcel_id, actor=actor, now=now)
    )


routes: list[ControllerRouterHandler] = [
    list_pickups,
    find_by_code,
    read_pickup,
    check_pickup,
    prepare,
    hand_over,
    list_shipments,
    mark_shipped,
    mark_delivered,
]
