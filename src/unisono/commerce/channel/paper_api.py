"""A customer's papers: the receipt of an order, what is shown to collect something, its entry in a calendar."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import MediaType, Response, get
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import requires
from unisono.commerce.channel.speaking import AnyRequest, own, speaker_of
from unisono.commerce.orders import reading
from unisono.commerce.orders.documents import calendars, papers
from unisono.commerce.orders.documents.api import SAFE
from unisono.commerce.orders.pickup import service as pickup
from unisono.commerce.orders.reservations import service as reservations
from unisono.kit.database import connection
from unisono.kit.web import PROBLEMS, PathId

GUARD = [requires("channel:use")]
TAGS = ["Channels"]

Number = Annotated[str, PathParameter(max_length=80)]
Id = Annotated[str, PathParameter(max_length=40)]


def _page(text: str) -> Response[str]:
    return Response(text, media_type=MediaType.HTML, headers=SAFE)


def _calendar(content: bytes) -> Response[bytes]:
    headers = {**SAFE, "content-disposition": 'attachment; filename="pick-up.ics"'}
    return Response(content, media_type="text/calendar", headers=headers)


@get(
    "/channel/orders/{number:str}/receipt",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    summary="A receipt",
    media_type=MediaType.HTML,
)
async def receipt(request: AnyRequest, number: Number) -> Response[str]:
    """The receipt of the customer's order as a page that prints."""
    speaker = await speaker_of(request)
    zone: str = request.app.state.settings.timezone
    async with connection(request.app.state.pool) as conn:
        order = (await reading.detail(conn, number)).order
        own(speaker, order.person_id)
        return _page(await papers.receipt(conn, order.number, language=speaker.language, timezone=zone))


@get(
    "/channel/pickups/{parcel_id:int}/slip",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    summary="To collect with",
    media_type=MediaType.HTML,
)
async def pickup_slip(request: AnyRequest, parcel_id: PathId) -> Response[str]:
    """What the customer shows to collect an order, with its code as a picture."""
    speaker = await speaker_of(request, needs_customer=True)
    async with connection(request.app.state.pool) as conn:
        own(speaker, (await pickup.get(conn, parcel_id)).person_id)
        return _page(await papers.pickup_slip(conn, parcel_id, language=speaker.language))


@get(
    "/channel/pickups/{parcel_id:int}/calendar.ics",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    summary="Its entry",
    media_type="text/calendar",
)
async def pickup_calendar(request: AnyRequest, parcel_id: PathId) -> Response[bytes]:
    """The pick-up as an entry for a calendar."""
    speaker = await speaker_of(request, needs_customer=True)
    async with connection(request.app.state.pool) as conn:
        own(speaker, (await pickup.get(conn, parcel_id)).person_id)
        content = await calendars.of_pickup(conn, parcel_id, language=speaker.language, now=speaker.now)
    return _calendar(content)


@get(
    "/channel/reservations/{reservation_id:str}/slip",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    summary="To collect a reservation with",
    media_type=MediaType.HTML,
)
async def reservation_slip(request: AnyRequest, reservation_id: Id) -> Response[str]:
    """What the customer shows to collect what is kept for him."""
    speaker = await speaker_of(request, needs_customer=True)
    async with connection(request.app.state.pool) as conn:
        own(speaker, (await reservations.get(conn, reservation_id, now=speaker.now)).person_id)
        page = await papers.reservation_slip(conn, reservation_id, language=speaker.language, now=speaker.now)
    return _page(page)


@get(
    "/channel/reservations/{reservation_id:str}/calendar.ics",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    summary="A reservation's entry",
    media_type="text/calendar",
)
async def reservation_calendar(request: AnyRequest, reservation_id: Id) -> Response[bytes]:
    """The reservation as an entry for a calendar: the last hour before its deadline."""
    speaker = await speaker_of(request, needs_customer=True)
    async with connection(request.app.state.pool) as conn:
        own(speaker, (await reservations.get(conn, reservation_id, now=speaker.now)).person_id)
        content = await calendars.of_reservation(conn, reservation_id, language=speaker.language, now=speaker.now)
    return _calendar(content)


def routes() -> list[ControllerRouterHandler]:
    """The routes of papers."""
    handlers: list[Any] = [receipt, pickup_slip, pickup_calendar, reservation_slip, reservation_calendar]
    return handlers
