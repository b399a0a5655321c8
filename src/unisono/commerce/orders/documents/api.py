"""Documents over the API: pages to print and calendar entries. Each reading of one is in the audit: it shows codes."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import MediaType, Response, get
from litestar.params import FromPath, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, open_to_all, requires
from unisono.commerce.orders import reading
from unisono.commerce.orders.documents import calendars, papers
from unisono.commerce.orders.documents.rendering import STATIC
from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.pickup.errors import PickupNotFound
from unisono.commerce.orders.pickup.seeing import AnyRequest, check_store
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.errors import ReservationNotFound
from unisono.commerce.orders.slots import appointments
from unisono.commerce.orders.slots.errors import AppointmentNotFound
from unisono.kit.database import Connection, connection
from unisono.kit.i18n import accepted
from unisono.kit.settings import Settings
from unisono.kit.web import PROBLEMS, PathId

TAGS = ["Documents"]
Language = Annotated[Literal["en", "it"] | None, Parameter(description="Default: what the browser asks for.")]
Id = Annotated[str, PathParameter(min_length=1, max_length=80)]

SAFE = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
}
"""A page of paper loads its style sheets and nothing else."""


def _language(request: AnyRequest, asked: str | None) -> str:
    settings: Settings = request.app.state.settings
    return asked or accepted(request.headers.get("accept-language")) or settings.locale


def _page(text: str) -> Response[str]:
    return Response(text, media_type=MediaType.HTML, headers=SAFE)


def _calendar(content: bytes, name: str) -> Response[bytes]:
    headers = {**SAFE, "content-disposition": f'attachment; filename="{name}.ics"'}
    return Response(content, media_type="text/calendar", headers=headers)


async def _seen(request: AnyRequest, conn: Connection, what: str, key: str, person: int | None) -> None:
    await audit.record(
        conn, actor=caller(request).actor, action=f"document.{what}", person_id=person, detail={"of": key}, wait=False
    )


async def _pickup(request: AnyRequest, conn: Connection, parcel_id: int, what: str) -> None:
    found = await pickups.get(conn, parcel_id)
    check_store(request, found.store_id, PickupNotFound(f"There is no pick-up {parcel_id}."))
    await _seen(request, conn, what, found.order_number, found.person_id)


async def _reservation(request: AnyRequest, conn: Connection, reservation_id: str, what: str) -> None:
    found = await reservations.get(conn, reservation_id, now=now_of(request))
    check_store(request, found.store_id, ReservationNotFound("There is no such reservation."))
    await _seen(request, conn, what, found.id, found.person_id)


@get(
    "/api/orders/{number:str}/receipt",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="An order's receipt",
    media_type=MediaType.HTML,
)
async def receipt(request: AnyRequest, number: Id, language: Language = None) -> Response[str]:
    """The receipt of an order as a page that prints."""
    settings: Settings = request.app.state.settings
    async with connection(request.app.state.pool) as conn:
        order = (await reading.detail(conn, number, stores=caller(request).stores)).order
        await _seen(request, conn, "receipt", order.number, order.person_id)
        return _page(
            await papers.receipt(conn, order.number, language=_language(request, language), timezone=settings.timezone)
        )


@get(
    "/api/pickups/{parcel_id:int}/slip",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="A pick-up's slip",
    media_type=MediaType.HTML,
)
async def pickup_slip(request: AnyRequest, parcel_id: PathId, language: Language = None) -> Response[str]:
    """What the customer shows to collect an order, with code and QR picture, as a page that prints."""
    async with connection(request.app.state.pool) as conn:
        await _pickup(request, conn, parcel_id, "pickup_slip")
        return _page(await papers.pickup_slip(conn, parcel_id, language=_language(request, language)))


@get(
    "/api/reservations/{reservation_id:str}/slip",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="A reservation's slip",
    media_type=MediaType.HTML,
)
async def reservation_slip(request: AnyRequest, reservation_id: Id, language: Language = None) -> Response[str]:
    """What the customer shows to collect what is kept for him, as a page that prints."""
    async with connection(request.app.state.pool) as conn:
        await _reservation(request, conn, reservation_id, "reservation_slip")
        said = _language(request, language)
        return _page(await papers.reservation_slip(conn, reservation_id, language=said, now=now_of(request)))


@get(
    "/api/pickups/{parcel_id:int}/calendar.ics",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="A pick-up's calendar entry",
    media_type="text/calendar",
)
async def pickup_calendar(request: AnyRequest, parcel_id: PathId, language: Language = None) -> Response[bytes]:
    """The pick-up as an entry for a calendar."""
    async with connection(request.app.state.pool) as conn:
        await _pickup(request, conn, parcel_id, "pickup_calendar")
        said = _language(request, language)
        content = await calendars.of_pickup(conn, parcel_id, language=said, now=now_of(request))
    return _calendar(content, f"pickup-{parcel_id}")


@get(
    "/api/reservations/{reservation_id:str}/calendar.ics",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="A reservation's calendar entry",
    media_type="text/calendar",
)
async def reservation_calendar(request: AnyRequest, reservation_id: Id, language: Language = None) -> Response[bytes]:
    """The reservation as an entry for a calendar: the last hour before its deadline."""
    async with connection(request.app.state.pool) as conn:
        await _reservation(request, conn, reservation_id, "reservation_calendar")
        said = _language(request, language)
        content = await calendars.of_reservation(conn, reservation_id, language=said, now=now_of(request))
    return _calendar(content, "reservation")


@get(
    "/api/appointments/{appointment_id:str}/calendar.ics",
    guards=[requires("orders:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="An appointment's calendar entry",
    media_type="text/calendar",
)
async def appointment_calendar(request: AnyRequest, appointment_id: Id, language: Language = None) -> Response[bytes]:
    """The appointment as an entry for a calendar."""
    now = now_of(request)
    async with connection(request.app.state.pool) as conn:
        found = await appointments.find(conn, appointment_id, now=now)
        check_store(request, found.store_id, AppointmentNotFound("There is no such appointment."))
        await _seen(request, conn, "appointment_calendar", found.id, found.person_id)
        content = await calendars.of_appointment(conn, appointment_id, language=_language(request, language), now=now)
    return _calendar(content, "appointment")


@get(
    "/documents/{name:str}",
    guards=[open_to_all("a style sheet tells nothing about anybody")],
    include_in_schema=False,
)
async def style_sheet(name: FromPath[Literal["tokens.css", "document.css"]]) -> Response[bytes]:
    """The style sheets of documents."""
    headers = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
    return Response((STATIC / name).read_bytes(), media_type="text/css", headers=headers)


routes: list[ControllerRouterHandler] = [
    receipt,
    pickup_slip,
    reservation_slip,
    pickup_calendar,
    reservation_calendar,
    appointment_calendar,
    style_sheet,
]
