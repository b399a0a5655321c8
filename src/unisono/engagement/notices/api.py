"""Notices over the API: which events are answered by themselves, and letting one do so."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.customers.web import write
from unisono.engagement.notices import service
from unisono.engagement.notices.model import NoticeState
from unisono.kit.database import Connection, connection
from unisono.kit.settings import Settings
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]
TAGS = ["Messages"]
Code = Annotated[str, PathParameter(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]


@get("/api/notices", guards=[requires("voice:read")], tags=TAGS, responses=PROBLEMS, summary="Notices")
async def list_notices(request: AnyRequest) -> list[NoticeState]:
    """Messages that answer an event by themselves (an order is ready), and those that would once they were published.
    They are transactional or service messages; events older than an hour are never answered."""
    async with connection(request.app.state.pool) as conn:
        return await service.state(conn)


@post(
    "/api/notices/{code:str}/enable",
    guards=[requires("voice:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Let a notice be sent",
)
async def enable_notice(request: AnyRequest, code: Code) -> Response[NoticeState]:
    """Publish a template that answers an event as it is. To end it, archive the template. Takes an Idempotency-Key."""
    settings: Settings = request.app.state.settings
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> NoticeState:
        [found] = await service.enable(conn, [code], actor=actor, now=now, settings=settings)
        await audit.record(conn, actor=actor, action="notice.enable", detail={"template": code})
        return found

    return await write(request, act)


routes: list[ControllerRouterHandler] = [list_notices, enable_notice]
