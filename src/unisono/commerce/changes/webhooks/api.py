"""Webhooks over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import JSONBody, Parameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.changes.webhooks import rules, service
from unisono.commerce.changes.webhooks.model import Answer, Endpoint, State
from unisono.commerce.changes.webhooks.sending import Sender
from unisono.commerce.changes.webhooks.service import Backlog, LoggedDelivery
from unisono.customers.timeline.api import read_position
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.web import MAX_ID, PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook: who is told where, and how it goes. Its secret is shown when it is made and rotated alone."""

    id: int
    name: str
    url: str
    kinds: list[str]
    """Kinds of changes it is told of; empty means all."""
    position: str
    """Up to here in the log of changes its deliveries are planned."""
    created_at: datetime
    created_by: str
    succeeded_at: datetime | None
    failing_since: datetime | None
    last_error: str | None
    disabled_at: datetime | None
    disabled_reason: str | None
    pending: int
    dead: int
    oldest_pending_at: datetime | None
    secret: str | None = None


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook to be made; it is told of every change from now on."""

    name: str
    url: str
    kinds: list[str] = []


class WebhookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed. ``enabled`` true lets a disabled one go on where it stopped."""

    name: str | None = None
    url: str | None = None
    kinds: list[str] | None = None
    enabled: bool | None = None


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how many seconds messages are signed with the old secret as well, so that no receiver misses one."""

    overlap_seconds: int = 86_400


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From where on: after a position of the log of changes, or since a time."""

    after: str | None = None
    since: datetime | None = None


class Pinged(msgspec.Struct, frozen=True):
    """What came of a test message."""

    taken: bool
    status: int | None
    seconds: float
    error: str | None


def _view(endpoint: Endpoint, backlog: Backlog | None, *, secret: bool = False) -> WebhookView:
    backlog = backlog or Backlog()
    return WebhookView(
        id=endpoint.id,
        name=endpoint.name,
        url=endpoint.url,
        kinds=list(endpoint.kinds),
        position=str(endpoint.position),
        created_at=endpoint.created_at,
        created_by=endpoint.created_by,
        succeeded_at=endpoint.succeeded_at,
        failing_since=endpoint.failing_since,
        last_error=endpoint.last_error,
        disabled_at=endpoint.disabled_at,
        disabled_reason=endpoint.disabled_reason,
        pending=backlog.pending,
        dead=backlog.dead,
        oldest_pending_at=backlog.oldest,
        secret=endpoint.secrets[0] if secret else None,
    )


def _private(request: AnyRequest) -> bool:
    return bool(request.app.state.settings.webhook_private_addresses)


async def _audit(request: AnyRequest, conn: Connection, deed: str, endpoint: Endpoint) -> None:
    detail = {"webhook": endpoint.id, "name": endpoint.name, "url": endpoint.url}
    await audit.record(conn, actor=caller(request).actor, action=f"webhook.{deed}", detail=detail)


@get("/api/webhooks", guards=[requires("webhooks:manage")], tags=["Changes"], responses=PROBLEMS, summary="Webhooks")
async def list_webhooks(request: AnyRequest) -> list[WebhookView]:
    """All webhooks, and how each goes."""
    async with connection(request.app.state.pool) as conn:
        backlogs = await service.backlogs(conn)
        return [_view(one, backlogs.get(one.id)) for one in await service.endpoints(conn, now=now_of(request))]


@get(
    "/api/webhooks/{webhook_id:int}",
    guards=[requires("webhooks:manage")],
    tags=["Changes"],
    responses=PROBLEMS,
    summary="One webhook",
)
async def read_webhook(request: AnyRequest, webhook_id: PathId) -> WebhookView:
    """One webhook."""
    async with connection(request.app.state.pool) as conn:
        found = await service.endpoint(conn, webhook_id, now=now_of(request))
        return _view(found, (await service.backlogs(conn)).get(found.id))


@post(
    "/api/webhooks",
    guards=[requires("webhooks:manage")],
    tags=["Changes"],
    responses=PROBLEMS,
    summary="Make a webhook",
)
async def create_webhook(request: AnyRequest, data: JSONBody[NewWebhook]) -> Response[WebhookView]:
    """Make a webhook. The answer holds the secret its messages are signed with. Takes an Idempotency-Key."""

    async def act(conn: Connection) -> WebhookView:
        made = await service.create(
            conn,
            name=data.name,
            url=data.url,
            kinds=data.kinds,
            private=_private(request),
            actor=caller(request).actor,
            now=now_of(request),
        )
        await _audit(request, conn, "create", made)
        return _view(made, None, secret=True)

    return await write(request, act, status=201)


@patch(
    "/api/webhooks/{webhook_id:int}",
    guards=[requires("webhooks:manage")],
    tags=["Changes"],
    responses=PROBLEMS,
    summary="Change a webhook",
)
async def change_webhook(
    request: AnyRequest, webhook_id: PathId, data: JSONBody[WebhookChange]
) -> Response[WebhookView]:
    """Change a webhook, disable it or let it go on. Takes an Idempotency-Key."""

    async def act(conn: Connection) -> WebhookView:
        changed = await service.change(
            conn,
            webhook_id,
            name=data.name,
            url=data.url,
            kinds=data.kinds,
            enabled=data.enabled,
            private=_private(request),
            now=now_of(request),
        )
        await _audit(request, conn, "change", changed)
        return _view(changed, (await service.backlogs(conn)).get(webhook_id))

    return await write(request, act)


@delete(
    "/api/webhooks/{webhook_id:int}",
    guards=[requires("webhooks:manage")],
    tags=["Changes"],
    responses=PROBLEMS,
    status_code=200,
    summary="Remove a webhook",
)
async def delete_webhook(request: AnyRequest, webhook_id: PathId) -> Response[WebhookView]:
    """Remove a webhook and the log of its deliveries. Takes an Idempotency-Key."""

    async def act(conn: Connection) -> WebhookView:
        removed = await service.delete(conn, webhook_id, now=now_of(request))
        await _audit(request, conn, "delete", removed)
        return _view(removed, None)

    return await write(request, act)


@post(
    "/api/webhooks/{webhook_id:int}/secret",
    guards=[requires("webhooks:manage")],
    tags=["Changes"],
    responses=PROBLEMS,
    status_code=200,
    summary="Make a new secret",
)
async def rotate_webhook_secret(
    request: AnyRequest, webhook_id: PathId, data: JSONBody[Rotation]
) -> Response[WebhookView]:
    """Make a new secret, shown in the answer; for a while messages carry both signatures. Takes an Idempotency-Key."""

    async def act(conn: Connection) -> WebhookView:
        rotated = await service.rotate(conn, webhook_id, overlap=data.overlap_seconds, now=now_of(request))
        await _audit(request, conn, "rotate", rotated)
        return _view(rotated, (await service.backlogs(conn)).get(webhook_id), secret=True)

    return await write(request, act)


@post(
    "/api/webhooks/{webhook_id:int}/replay",
    guards=[requires("webhooks:manage")],
    tags=["Changes"],
    responses=PROBLEMS,
    status_code=200,
    summary="Send changes again",
)
async def replay_webhook(request: AnyRequest, webhook_id: PathId, data: JSONBody[Replay]) -> Response[WebhookView]:
    """Send changes again from a position or a time on, under the ids they had. Takes an Idempotency-Key."""
    after = read_position(data.after)

    async def act(conn: Connection) -> WebhookView:
        replayed = await service.replay(conn, webhook_id, after=after, since=data.since, now=now_of(request))
        await _audit(request, conn, "replay", replayed)
        return _view(replayed, (await service.backlogs(conn)).get(webhook_id))

    return await write(request, act)


@post(
    "/api/webhooks/{webhook_id:int}/ping",
    guards=[requires("webhooks:manage")],
    tags=["Changes"],
    responses=PROBLEMS,
    status_code=200,
    summary="Try a webhook",
)
async def ping_webhook(request: AnyRequest, webhook_id: PathId) -> Pinged:
    """Send a test message of type ``webhook.ping`` now, once, and tell what came of it."""
    now = now_of(request)
    async with connection(request.app.state.pool) as conn:
        endpoint = await service.endpoint(conn, webhook_id, now=now)
    sender = Sender(private=_private(request), width=1)
    try:
        answer: Answer = await sender.send(endpoint.url, rules.ping_id(), rules.ping_body(now), endpoint.secrets, now)
    finally:
        await sender.close()
    return Pinged(answer.taken, answer.status, round(answer.seconds, 3), answer.error)


@get(
    "/api/webhooks/{webhook_id:int}/deliveries",
    guards=[requires("webhooks:manage")],
    tags=["Changes"],
    responses=PROBLEMS,
    summary="Deliveries of a webhook",
)
async def list_deliveries(
    request: AnyRequest,
    webhook_id: PathId,
    deliveries_in: Annotated[
        State | None, QueryParameter(name="state", description="Only those in this state.")
    ] = None,
    before: Annotated[int | None, Parameter(ge=1, le=MAX_ID)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> list[LoggedDelivery]:
    """What was and is to be delivered, newest first."""
    async with connection(request.app.state.pool) as conn:
        await service.endpoint(conn, webhook_id, now=now_of(request))
        return await service.deliveries(conn, webhook_id, state=deliveries_in, before=before, limit=limit)


routes: list[ControllerRouterHandler] = [
    list_webhooks,
    read_webhook,
    create_webhook,
    change_webhook,
    delete_webhook,
    rotate_webhook_secret,
    replay_webhook,
    ping_webhook,
    list_deliveries,
]
