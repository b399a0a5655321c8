"""Slots and appointments over the API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.commerce.catalog import service as catalog
from unisono.commerce.inventory.model import Need
from unisono.commerce.orders.pickup.seeing import AnyRequest, Limit, StoreIds, check_store, stores_asked
from unisono.commerce.orders.slots import ahead, appointments, service
from unisono.commerce.orders.slots.errors import AppointmentNotFound, BadSlot, PlaceUnknown
from unisono.commerce.orders.slots.model import Appointment, NewAppointment, Offers, SlotKind, SlotRule
from unisono.customers.identity import service as identity
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.settings import Settings
from unisono.kit.web import MAX_ID, PROBLEMS

TAGS = ["Slots"]
MOST_ITEMS = 100
StoreId = Annotated[str, Parameter(min_length=1, max_length=64, description="The store.")]
AppointmentId = Annotated[str, PathParameter(min_length=1, max_length=40)]
PersonId = Annotated[int | None, Parameter(ge=1, le=MAX_ID)]
Items = Annotated[
    list[str] | None,
    QueryParameter(name="item", description="What is ordered ahead, as sku:quantity; may be repeated."),
]


class AppointmentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An appointment: for a person's id or an identifier written ``namespace:value``. With ``confirm_minutes`` it is
    pending that long."""

    store_id: str
    starts_at: datetime
    minutes: int
    resource: str = ""
    service: str | None = None
    person_id: int | None = None
    identifier: str | None = None
    channel: str = "store"
    note: str | None = None
    confirm_minutes: int | None = None


class ReasonRequest(msgspec.Struct, frozen=True):
    """Why."""

    reason: str


class RuleDropped(msgspec.Struct, frozen=True):
    """Whether there was such a rule."""

    dropped: bool


def _place(store_id: str) -> PlaceUnknown:
    return PlaceUnknown(f"There is no place {store_id[:80]!r}.")


async def needs_of(conn: Connection, items: list[str]) -> list[Need]:
    """``sku:quantity`` as needs. Raises BadSlot, SkuUnknown."""
    if len(items) > MOST_ITEMS:
        raise BadSlot(f"At most {MOST_ITEMS} items.", code="bad_items")
    needs = []
    for item in items:
        code, _, quantity = item.rpartition(":")
        if not code or not quantity.isascii() or not quantity.isdigit() or not 1 <= int(quantity[:9]) <= 9999:
            raise BadSlot("An item is written sku:quantity, as ESPRESSO:2.", code="bad_items")
        needs.append(Need((await catalog.variant_by_code(conn, code)).id, int(quantity)))
    return needs


@get("/api/slots", guards=[requires("orders:read")], tags=TAGS, responses=PROBLEMS, summary="Free slots of a day")
async def list_slots(
    request: AnyRequest,
    store_id: StoreId,
    kind: FromQuery[SlotKind],
    day: Annotated[date | None, Parameter(description="The store's local day; default: today.")] = None,
    resource: Annotated[str | None, Parameter(max_length=60)] = None,
    minutes: Annotated[int | None, Parameter(ge=1, le=10_080, description="Of the appointment, or of work.")] = None,
    places: Annotated[int, Parameter(ge=1, le=10_000)] = 1,
    items: Items = None,
    channel: Annotated[str, Parameter(max_length=40)] = "store",
) -> Offers:
    """What is free on a day. Ordered ahead (``item`` repeated) only if goods and hands suffice, with the honest time
    at which it is ready."""
    check_store(request, store_id, _place(store_id))
    async with connection(request.app.state.pool) as conn:
        return await ahead.offers(
            conn,
            store_id,
            kind,
            day=day,
            needs=await needs_of(conn, items or []),
            minutes=minutes,
            places=places,
            resource=resource,
            channel=channel,
            now=now_of(request),
        )


@get("/api/slots/rules", guards=[requires("orders:read")], tags=TAGS, responses=PROBLEMS, summary="Rules of slots")
async def list_rules(request: AnyRequest, store_id: StoreId) -> list[SlotRule]:
    """How a place cuts its opening hours into slots."""
    check_store(request, store_id, _place(store_id))
    async with connection(request.app.state.pool) as conn:
        await service.locate(conn, store_id)
        return await service.slot_rules(conn, store_id)


@put(
    "/api/slots/rules",
    guards=[requires("stock:write")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Make or change a rule of slots",
)
async def set_rule(request: AnyRequest, data: JSONBody[SlotRule]) -> Response[SlotRule]:
    """Make or change a rule; promises stand. Takes an Idempotency-Key."""
    check_store(request, data.store_id, _place(data.store_id))
    now = now_of(request)
    return await write(request, lambda conn: service.set_rule(conn, data, now=now))


@delete(
    "/api/slots/rules",
    guards=[requires("stock:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Drop a rule of slots",
)
async def drop_rule(
    request: AnyRequest,
    store_id: StoreId,
    kind: FromQuery[SlotKind],
    resource: Annotated[str, Parameter(max_length=60)] = "",
) -> Response[RuleDropped]:
    """Offer no such slots any more; what was promised stands. Takes an Idempotency-Key."""
    check_store(request, store_id, _place(store_id))

    async def act(conn: Connection) -> RuleDropped:
        return RuleDropped(await service.drop_rule(conn, store_id, kind, resource))

    return await write(request, act)


# Appointments -----------------------------------------------------------------------------------------


async def _own(request: AnyRequest, conn: Connection, appointment_id: str) -> Appointment:
    found = await appointments.find(conn, appointment_id, now=now_of(request))
    check_store(request, found.store_id, AppointmentNotFound(f"There is no appointment {appointment_id!r}."))
    return found


@post(
    "/api/appointments",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=201,
    summary="Book an appointment",
)
async def book(request: AnyRequest, data: JSONBody[AppointmentRequest]) -> Response[Appointment]:
    """Give somebody a time; 409 ``slot_taken`` names the next that are free. Takes an Idempotency-Key."""
    settings: Settings = request.app.state.settings
    check_store(request, data.store_id, _place(data.store_id))
    if (data.person_id is None) == (data.identifier is None):
        raise BadSlot("Say for whom: person_id, or identifier.", code="person_missing")

    async def act(conn: Connection) -> Appointment:
        if data.identifier is not None:
            node = await identity.find(conn, data.identifier, settings.country)
        else:
            node = await identity.resolve(conn, data.person_id or 0)
        new = NewAppointment(
            node_id=node,
            store_id=data.store_id,
            starts_at=data.starts_at,
            minutes=data.minutes,
            resource=data.resource,
            service=data.service,
            channel=data.channel,
            note=data.note,
            confirm_minutes=data.confirm_minutes,
        )
        return await appointments.book(conn, new, now=now_of(request))

    return await write(request, act, status=201)


@get(
    "/api/appointments", guards=[requires("orders:read")], tags=TAGS, responses=PROBLEMS, summary="Appointments to come"
)
async def list_appointments(
    request: AnyRequest,
    store_ids: StoreIds = None,
    person_id: PersonId = None,
    since: Annotated[datetime | None, Parameter(description="Those that end after it; default: now.")] = None,
    limit: Limit = 100,
) -> list[Appointment]:
    """Appointments to come, soonest first."""
    stores = stores_asked(request, store_ids)
    if since is not None and since.tzinfo is None:
        raise BadSlot("A time needs its zone.", code="time_without_zone")
    async with connection(request.app.state.pool) as conn:
        nodes = None
        if person_id is not None:
            person = await identity.resolve(conn, person_id)
            nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
        now = now_of(request)
        return await appointments.appointments(
            conn, store_ids=stores, nodes=nodes, since=since or now, limit=limit, now=now
        )


@get(
    "/api/appointments/{appointment_id:str}",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="One appointment",
)
async def read_appointment(request: AnyRequest, appointment_id: AppointmentId) -> Appointment:
    """One appointment as it stands now."""
    async with connection(request.app.state.pool) as conn:
        return await _own(request, conn, appointment_id)


async def _change(request: AnyRequest, appointment_id: str, change: Any) -> Response[Appointment]:
    async def act(conn: Connection) -> Appointment:
        await _own(request, conn, appointment_id)
        found: Appointment = await change(conn)
        return found

    return await write(request, act)


@post(
    "/api/appointments/{appointment_id:str}/cancel",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Cancel an appointment",
)
async def cancel(
    request: AnyRequest, appointment_id: AppointmentId, data: JSONBody[ReasonRequest]
) -> Response[Appointment]:
    """Call it off: its time is free at once. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)
    return await _change(
        request,
        appointment_id,
        lambda conn: appointments.cancel(conn, appointment_id, actor=actor, reason=data.reason, now=now),
    )


@post(
    "/api/appointments/{appointment_id:str}/{step:str}",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Confirm or settle an appointment",
)
async def settle(
    request: AnyRequest, appointment_id: AppointmentId, step: FromPath[Literal["confirm", "keep", "miss"]]
) -> Response[Appointment]:
    """Make a pending one firm (``confirm``), note that the person came (``keep``) or did not (``miss``). Takes an
    Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def change(conn: Connection) -> Appointment:
        if step == "confirm":
            return await appointments.confirm(conn, appointment_id, actor=actor, now=now)
        return await appointments.settle(conn, appointment_id, kept=step == "keep", actor=actor, now=now)

    return await _change(request, appointment_id, change)


routes: list[ControllerRouterHandler] = [
    list_slots,
    list_rules,
    set_rule,
    drop_rule,
    book,
    list_appointments,
    read_appointment,
    cancel,
    settle,
]
