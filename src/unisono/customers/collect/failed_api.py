"""Failed events over the API: see them, try them again, set them aside."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery, JSONBody, Parameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, requires
from unisono.access.idempotency import run_once
from unisono.customers.collect import failed
from unisono.customers.collect.failed import FailedEvent, ReplayReport
from unisono.kit.database import Connection, connection
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]


class FailedRequest(msgspec.Struct, frozen=True):
    """Which failed events; at most 1,000 at once."""

    ids: list[int]


class Discarded(msgspec.Struct, frozen=True):
    """How many were set aside."""

    discarded: int


def _known(ids: list[int]) -> list[int]:
    # No failed event has an id beyond bigint, and the driver would refuse it.
    return [number for number in ids if 0 < number < 2**63]


@get(
    "/api/failed-events",
    guards=[requires("health:read")],
    tags=["Operations"],
    responses=PROBLEMS,
    summary="Failed events",
)
async def list_failed_events(
    request: AnyRequest,
    open_only: FromQuery[bool] = True,
    code: Annotated[str | None, Parameter(max_length=60)] = None,
    before: Annotated[int | None, Parameter(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> list[FailedEvent]:
    """What could not be written, with the reason and the bytes, newest first."""
    wanted = code.replace("\x00", "") if code else None
    async with connection(request.app.state.pool) as conn:
        return await failed.list_failed(
            conn, open_only=True if open_only else None, code=wanted, before=before, limit=limit
        )


@post(
    "/api/failed-events/replay",
    guards=[requires("events:replay")],
    tags=["Operations"],
    responses=PROBLEMS,
    status_code=200,
    summary="Try failed events again",
)
async def replay_failed_events(request: AnyRequest, data: JSONBody[FailedRequest]) -> Response[ReplayReport]:
    """Try failed events again by the rules of now. Takes an Idempotency-Key."""
    actor = caller(request).actor
    state = request.app.state

    async def act(conn: Connection) -> ReplayReport:
        report = await failed.replay(
            conn,
            _known(data.ids),
            limits=state.limits,
            country=state.settings.country,
            actor=actor,
            secret=state.secret,
        )
        await audit.record(conn, actor=actor, action="events.replay", detail={"asked": len(data.ids)})
        return report

    return await run_once(request, act)


@post(
    "/api/failed-events/discard",
    guards=[requires("events:replay")],
    tags=["Operations"],
    responses=PROBLEMS,
    status_code=200,
    summary="Set failed events aside",
)
async def discard_failed_events(request: AnyRequest, data: JSONBody[FailedRequest]) -> Response[Discarded]:
    """Set failed events aside for good; they stay readable. Takes an Idempotency-Key."""
    actor = caller(request).actor

    async def act(conn: Connection) -> Discarded:
        count = await failed.discard(conn, _known(data.ids), actor=actor)
        await audit.record(conn, actor=actor, action="events.discard", detail={"discarded": count})
        return Discarded(count)

    return await run_once(request, act)


routes: list[ControllerRouterHandler] = [list_failed_events, replay_failed_events, discard_failed_events]
