"""Coherence over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery, Parameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.commerce.changes import service as changes
from unisono.commerce.changes.service import Propagation
from unisono.commerce.coherence import service
from unisono.commerce.coherence.model import Count, Incident, IncidentKind
from unisono.customers.timeline.service import key_of, parse_page_key
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.web import PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

Text = Annotated[str | None, Parameter(max_length=200)]


class IncidentPage(msgspec.Struct, frozen=True):
    """Incidents, those seen last first, and the key of the next page (None at the end)."""

    incidents: list[Incident]
    next: str | None


@get(
    "/api/coherence/incidents",
    guards=[requires("coherence:read")],
    tags=["Coherence"],
    responses=PROBLEMS,
    summary="Incidents",
)
async def list_incidents(
    request: AnyRequest,
    open_only: FromQuery[bool | None] = None,
    kind: FromQuery[IncidentKind | None] = None,
    sku: Text = None,
    channel: Text = None,
    store_id: Text = None,
    before: Text = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> IncidentPage:
    """Where a channel showed something else than the truth; ``open_only`` false: those that are closed."""

    def clean(text: str | None) -> str | None:
        return None if text is None else text.replace("\x00", "")

    async with connection(request.app.state.pool) as conn:
        found = await service.incidents(
            conn,
            open_only=open_only,
            kind=kind,
            sku=clean(sku),
            channel=clean(channel),
            store_id=clean(store_id),
            before=parse_page_key(before),
            limit=limit,
        )
    return IncidentPage(found, key_of(found[-1].last_at, found[-1].id) if len(found) == limit else None)


@get(
    "/api/coherence/incidents/{incident_id:int}",
    guards=[requires("coherence:read")],
    tags=["Coherence"],
    responses=PROBLEMS,
    summary="One incident",
)
async def read_incident(request: AnyRequest, incident_id: PathId) -> Incident:
    """One incident."""
    async with connection(request.app.state.pool) as conn:
        return await service.incident(conn, incident_id)


@post(
    "/api/coherence/incidents/{incident_id:int}/close",
    guards=[requires("coherence:read", "prices:write")],
    tags=["Coherence"],
    responses=PROBLEMS,
    status_code=200,
    summary="Close an incident",
)
async def close_incident(request: AnyRequest, incident_id: PathId) -> Response[Incident]:
    """Close an incident by hand: when it recurs, another opens. Takes an Idempotency-Key."""

    async def act(conn: Connection) -> Incident:
        return await service.close(conn, incident_id, actor=caller(request).actor, now=now_of(request))

    return await write(request, act)


@get(
    "/api/coherence/counts",
    guards=[requires("coherence:read")],
    tags=["Coherence"],
    responses=PROBLEMS,
    summary="How much was compared",
)
async def list_counts(
    request: AnyRequest, days: Annotated[int, Parameter(ge=1, le=400, description="Days back, today included.")] = 30
) -> list[Count]:
    """How much was compared and how much of it differed, by day (UTC), channel and store."""
    since = now_of(request).date() - timedelta(days=days - 1)
    async with connection(request.app.state.pool) as conn:
        return await service.counts(conn, since)


@get(
    "/api/coherence/propagation",
    guards=[requires("coherence:read")],
    tags=["Coherence"],
    responses=PROBLEMS,
    summary="How long changes take",
)
async def read_propagation(
    request: AnyRequest, minutes: Annotated[int, Parameter(ge=1, le=129_600, description="Minutes back.")] = 60
) -> list[Propagation]:
    """How long changes took to reach their subscribers: all first, then by channel, then by kind in each."""
    async with connection(request.app.state.pool) as conn:
        return await changes.propagation(conn, now_of(request) - timedelta(minutes=minutes))


routes: list[ControllerRouterHandler] = [
    list_incidents,
    read_incident,
    close_incident,
    list_counts,
    read_propagation,
]
