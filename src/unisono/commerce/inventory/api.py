"""Inventory over the API: places, availability, stock and what moves it, promises and those at risk.

Whoever is bound to stores moves, counts and settles only there; what other stores have may be seen.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, put
from litestar.params import JSONBody, Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.inventory import holds_api, moves_api, places, reading
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.callers import Codes, Limit, Skus, own_stores, seen_stores
from unisono.commerce.inventory.model import (
    Location,
    LocationKind,
    Movement,
    Opening,
    OpenState,
    Place,
    Risk,
    StockRow,
)
from unisono.commerce.inventory.opening import opening_hours
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest
from unisono.kit.web import MAX_ID, PROBLEMS

AnyRequest = Request[Any, Any, Any]

Code = Annotated[str, PathParameter(min_length=1, max_length=64, description="The store_id of events.")]
Before = Annotated[int | None, Parameter(ge=1, le=MAX_ID, description="Only those with a smaller id.")]


class LocationInput(msgspec.Struct, frozen=True, kw_only=True):
    """A place as it shall be; what is not named takes its default."""

    name: str
    kind: LocationKind
    timezone: str
    opening: Opening = {}
    address: dict[str, Any] = {}
    latitude: float | None = None
    longitude: float | None = None
    ships: bool = False
    picks_up: bool = True
    closed_at: datetime | None = None


class Available(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sku can be promised from."""

    sku: str
    places: list[Place]


@get("/api/locations", guards=[requires("catalog:read")], tags=["Stock"], responses=PROBLEMS, summary="Places")
async def list_locations(request: AnyRequest) -> list[Location]:
    """Every place, by name."""
    async with connection(request.app.state.pool) as conn:
        return await inventory.locations(conn)


@get(
    "/api/locations/{code:str}",
    guards=[requires("catalog:read")],
    tags=["Stock"],
    responses=PROBLEMS,
    summary="One place",
)
async def read_location(request: AnyRequest, code: Code) -> Location:
    """One place."""
    async with connection(request.app.state.pool) as conn:
        return await inventory.location(conn, code)


@put(
    "/api/locations/{code:str}",
    guards=[requires("stock:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    response_description="The place as it is now.",
    summary="Make or change a place",
)
async def save_location(request: AnyRequest, code: Code, data: JSONBody[LocationInput]) -> Response[Location]:
    """Make a place or change it; clerks the own store only. Takes an Idempotency-Key."""
    principal = caller(request)
    own_stores(principal, [code])
    place = Location(code=code, **{name: getattr(data, name) for name in data.__struct_fields__})
    if place.closed_at is not None and place.closed_at.tzinfo is None:
        raise BadRequest("closed_at needs a time zone.", code="bad_location")
    places.check_location(place)

    async def act(conn: Connection) -> Location:
        await inventory.save_location(conn, place)
        await audit.record(conn, actor=principal.actor, action="location.save", detail={"location": code})
        return place

    return await write(request, act)


@get(
    "/api/locations/{code:str}/opening",
    guards=[requires("catalog:read")],
    tags=["Stock"],
    responses=PROBLEMS,
    summary="Whether a place is open",
)
async def read_opening(
    request: AnyRequest,
    code: Code,
    at: Annotated[datetime | None, Parameter(description="An instant with its zone; now when missing.")] = None,
) -> OpenState:
    """Whether a place is open at an instant, until when, and when it opens next."""
    if at is not None and (at.tzinfo is None or not 1900 < at.year < 9000):
        raise BadRequest("An instant needs a time zone.", code="bad_instant")
    async with connection(request.app.state.pool) as conn:
        place = await inventory.location(conn, code)
    return opening_hours(place, at or now_of(request))


@get(
    "/api/availability",
    guards=[requires("catalog:read")],
    tags=["Stock"],
    responses=PROBLEMS,
    summary="What can be promised",
)
async def read_availability(
    request: AnyRequest,
    skus: Annotated[list[str], QueryParameter(name="sku", min_items=1, max_items=200, description="May be repeated.")],
    channel: Annotated[str, Parameter(min_length=1, max_length=100)] = "web",
    codes: Codes = None,
    near: Annotated[str | None, Parameter(description="latitude,longitude: nearest first.")] = None,
) -> list[Available]:
    """What each place can promise of each sku in a channel, this instant: safety stock is for the shelf only."""
    point = _point(near)
    async with connection(request.app.state.pool) as conn:
        variants = await catalog.variants(conn, skus=skus)
        for sku in skus:
            if sku not in variants:
                raise SkuUnknown(f"There is no sku {sku[:100]!r}.")
        found = await inventory.availability(
            conn,
            [variant.id for variant in variants.values()],
            channel=channel,
            locations=codes,
            near=point,
            now=now_of(request),
        )
    return [Available(sku=sku, places=found[variants[sku].id]) for sku in dict.fromkeys(skus)]


def _point(near: str | None) -> tuple[float, float] | None:
    """The point of ``latitude,longitude``. Raises BadRequest."""
    if near is None:
        return None
    try:
        latitude, longitude = (float(part) for part in near.split(","))
    except ValueError:
        latitude = longitude = float("nan")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise BadRequest("near is written latitude,longitude.", code="bad_point", hint="near=45.4642,9.19")
    return latitude, longitude


@get("/api/stock", guards=[requires("catalog:read")], tags=["Stock"], responses=PROBLEMS, summary="Stock")
async def list_stock(
    request: AnyRequest,
    skus: Skus = None,
    codes: Codes = None,
    low: Annotated[bool, Parameter(description="Only what is low.")] = False,
    after: Annotated[int, Parameter(ge=0, le=MAX_ID, description="good_id of the last row of the page before.")] = 0,
    limit: Limit = 100,
) -> list[StockRow]:
    """Stock in all its states, by sku and place."""
    async with connection(request.app.state.pool) as conn:
        return await reading.stock(
            conn, skus=skus, locations=codes, low=low, after=after, limit=limit, now=now_of(request)
        )


@get(
    "/api/stock/movements",
    guards=[requires("catalog:read")],
    tags=["Stock"],
    responses=PROBLEMS,
    summary="Movements of stock",
)
async def list_movements(
    request: AnyRequest,
    skus: Skus = None,
    codes: Codes = None,
    reference: Annotated[str | None, Parameter(max_length=500)] = None,
    before: Before = None,
    limit: Limit = 100,
) -> list[Movement]:
    """Why units came and went, newest first."""
    async with connection(request.app.state.pool) as conn:
        return await reading.movements(
            conn, skus=skus, locations=codes, reference=reference, before=before, limit=limit
        )


@get(
    "/api/stock/risks",
    guards=[requires("catalog:read")],
    tags=["Stock"],
    responses=PROBLEMS,
    summary="Promises at risk",
)
async def list_risks(
    request: AnyRequest,
    codes: Codes = None,
    settled: Annotated[bool, Parameter(description="Settled ones too.")] = False,
    before: Before = None,
    limit: Limit = 100,
) -> list[Risk]:
    """Promises that the shop itself has put in danger; clerks see those of the own stores."""
    wanted = seen_stores(caller(request), codes)
    async with connection(request.app.state.pool) as conn:
        return await reading.risks(conn, locations=wanted, settled=settled, before=before, limit=limit)


routes: list[ControllerRouterHandler] = [
    list_locations,
    read_location,
    save_location,
    read_opening,
    read_availability,
    list_stock,
    list_movements,
    list_risks,
    *moves_api.routes,
    *holds_api.routes,
]
