"""What a counter needs beside selling: which stores there are, who the customer is, pick-ups made ready, returns."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import requires
from unisono.commerce.carts import facts
from unisono.commerce.catalog import service as catalog
from unisono.commerce.channel import stores
from unisono.commerce.channel.keeping_api import needs_of
from unisono.commerce.channel.speaking import AnyRequest, of_this_store, person_nodes, speaker_of, staff_only
from unisono.commerce.channel.stores import Store
from unisono.commerce.orders import duties, returns
from unisono.commerce.orders.model import RefundTo, Return, ReturnAsked, ReturnRequest
from unisono.commerce.orders.pickup import service as pickup
from unisono.commerce.orders.pickup.model import Parcel
from unisono.commerce.points import service as points
from unisono.customers.profiles import service as profiles
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.web import PROBLEMS, PathId

GUARD = [requires("channel:use")]
TAGS = ["Channels"]

Number = Annotated[str, PathParameter(max_length=80)]


class Stores(msgspec.Struct, frozen=True):
    """Stores: those that have everything asked for first, then the nearest."""

    stores: tuple[Store, ...]


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """The customer of this request, as every channel sees him."""

    person_id: int
    known: bool
    """Whether he is somebody: he has an identifier beyond a device."""
    name: str | None
    tier: str | None
    points: int


class TakeBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Goods brought back to the counter. ``key`` makes it one: the number of the till's slip, say."""

    lines: Annotated[tuple[ReturnAsked, ...], msgspec.Meta(min_length=1, max_length=200)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    refund_to: RefundTo = "original"
    key: Annotated[str, msgspec.Meta(max_length=100)] | None = None


@get("/channel/stores", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Stores to come to")
async def list_stores(
    request: AnyRequest,
    item: Annotated[list[str] | None, Parameter(description="sku or sku:units they should have.")] = None,
    latitude: Annotated[float | None, Parameter(ge=-90, le=90)] = None,
    longitude: Annotated[float | None, Parameter(ge=-180, le=180)] = None,
    limit: Annotated[int, Parameter(ge=1, le=500)] = 50,
) -> Stores:
    """Where customers can come: open or not, how far, and what of the items asked for is missing there."""
    speaker = await speaker_of(request)
    asked = dict(needs_of(item))
    near = (latitude, longitude) if latitude is not None and longitude is not None else None
    async with connection(request.app.state.pool) as conn:
        known = await catalog.variants(conn, skus=list(asked)) if asked else {}
        wanted = {sku: (known[sku].id, units) for sku, units in asked.items() if sku in known}
        found = await stores.stores(
            conn, wanted=wanted, channel=speaker.channel, near=near, limit=limit, now=speaker.now
        )
    return Stores(tuple(found))


@get("/channel/customer", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Who the customer is")
async def read_customer(request: AnyRequest) -> Who:
    """Name, tier and points: to greet him with. A till's look at somebody is in the audit."""
    speaker = await speaker_of(request, needs_customer=True)
    assert speaker.customer is not None
    person = speaker.customer.person_id
    async with connection(request.app.state.pool) as conn:
        if speaker.principal.kind == "till":
            await audit.record(conn, actor=speaker.actor, action="customer.greeted", person_id=person, wait=False)
        names = await profiles.names_of(conn, [person])
        told = await facts.facts_of(conn, speaker.node_id)
        balance = await points.balance(conn, await person_nodes(conn, speaker))
    return Who(person_id=person, known=speaker.customer.known, name=names.get(person), tier=told.tier, points=balance)


@post(
    "/channel/pickups/{parcel_id:int}/ready",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Say that a pick-up is ready",
)
async def make_ready(request: AnyRequest, parcel_id: PathId) -> Response[Parcel]:
    """It lies at the counter and the customer is told; for tills, in their own store."""
    speaker = await speaker_of(request)
    staff_only(speaker)
    days: int = request.app.state.settings.pickup_days
    calls: list[int] = []

    async def action(conn: Connection) -> Parcel:
        of_this_store(speaker, (await pickup.get(conn, parcel_id)).store_id)
        done = await pickup.make_ready(conn, parcel_id, days=days, actor=speaker.actor, now=speaker.now)
        calls[:] = done.calls
        return done.parcel

    answer = await write(request, action)
    await duties.finish_all(request.app.state.pool, calls)
    return answer


@post(
    "/channel/orders/{number:str}/returns",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=201,
    summary="Take goods back at the counter",
)
async def take_back(request: AnyRequest, number: Number, data: JSONBody[TakeBack]) -> Response[Return]:
    """Line by line, whatever channel it was bought in; for tills and servers. Its money goes back right after."""
    speaker = await speaker_of(request)
    staff_only(speaker)
    asked = ReturnRequest(
        lines=data.lines,
        reason=data.reason,
        channel=speaker.channel,
        store_id=speaker.store_id,
        refund_to=data.refund_to,
        key=data.key,
    )
    calls: list[int] = []

    async def action(conn: Connection) -> Return:
        returned = await returns.return_lines(conn, number, asked, actor=speaker.actor, now=speaker.now)
        calls[:] = returned.calls
        return returned.made

    answer = await write(request, action, status=201)
    await duties.finish_all(request.app.state.pool, calls)
    return answer


def routes() -> list[ControllerRouterHandler]:
    """The routes of the counter."""
    handlers: list[Any] = [list_stores, read_customer, make_ready, take_back]
    return handlers
