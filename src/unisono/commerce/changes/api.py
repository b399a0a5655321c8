"""Changes over the API: a live stream, pages, and where a subject stands now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath, Parameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, requires
from unisono.commerce.changes import service
from unisono.commerce.changes.feed import feed_of
from unisono.commerce.changes.model import Change, Kind, Wanted, read_again
from unisono.commerce.changes.webhooks.api import routes as webhook_routes
from unisono.customers.timeline.api import RETRY, After, event_stream, read_position
from unisono.customers.timeline.following import sse
from unisono.customers.timeline.model import BEGINNING, Position
from unisono.kit.database import connection
from unisono.kit.errors import NotFound
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]

Kinds = Annotated[list[Kind] | None, Parameter(description="Any of these kinds; may be given several times.")]
Some = Annotated[list[str] | None, Parameter(description="Any of these; may be given several times.")]


class ChangeItem(msgspec.Struct, frozen=True):
    """A change as the feed tells it. ``sequence`` counts the subject's changes without gap: who misses one reads
    the subject again at ``read``."""

    position: str
    kind: str
    subject: str
    sequence: int
    at: datetime
    node_id: int | None
    data: dict[str, Any]
    read: str | None


class ChangePage(msgspec.Struct, frozen=True):
    """Changes in commit order; ``next`` is the ``after`` of the following page, given even when there are none."""

    changes: list[ChangeItem]
    next: str


def as_item(change: Change) -> ChangeItem:
    """A change in the shape the feed gives it."""
    return ChangeItem(
        str(change.position),
        change.kind,
        change.subject,
        change.sequence,
        change.at,
        change.node_id,
        change.data,
        read_again(change.subject),
    )


def may_hear(principal: Principal, wanted: Wanted) -> Wanted:
    """What of the wanted this caller may know: carts, orders and the company's own matters need ``orders:read`` for
    the whole company; others hear products, prices, offers, stock and slots."""
    if principal.may("orders:read") and principal.stores is None:
        return wanted
    return msgspec.structs.replace(wanted, nodes=frozenset())


def _wanted(
    principal: Principal,
    kind: list[Kind] | None,
    subject: list[str] | None,
    sku: list[str] | None,
    location: list[str] | None,
) -> Wanted:
    def clean(texts: list[str] | None) -> tuple[str, ...]:
        # No text of ours holds a NUL, and the driver would refuse it.
        return tuple(text.replace("\x00", "") for text in texts or ())

    return may_hear(
        principal,
        Wanted(kinds=tuple(kind or ()), subjects=clean(subject), skus=clean(sku), locations=clean(location)),
    )


async def change_stream(request: AnyRequest, channel: str, wanted: Wanted, after: Position | None) -> Stream:
    """An answer that streams changes as server-sent events to a subscriber; ``channel`` is the name under which the
    time it took is counted. Raises Unavailable without database."""
    feed = await feed_of(request)

    async def chunks() -> AsyncIterator[bytes]:
        yield RETRY
        async for told in feed.listen_as(channel, wanted, after):
            yield sse(told, as_item)

    return event_stream(chunks())


@get(
    "/api/changes/stream",
    guards=[requires("catalog:read")],
    tags=["Changes"],
    responses=PROBLEMS,
    summary="Follow changes as they happen",
)
async def stream_changes(
    request: AnyRequest,
    after: After = None,
    kind: Kinds = None,
    subject: Some = None,
    sku: Some = None,
    location: Some = None,
) -> Stream:
    """Server-sent events in commit order: ``id`` is the position, ``data`` the change as JSON.

    Reconnect with ``Last-Event-ID`` (browsers do so by themselves) or ``after`` and nothing is lost or repeated.
    Every 15 seconds of silence bring a comment. Who reads too slowly is disconnected and resumes.
    """
    principal = caller(request)
    position = read_position(request.headers.get("last-event-id")) or read_position(after)
    wanted = _wanted(principal, kind, subject, sku, location)
    # A key is named after the channel it serves; an account is a person, whose name is nobody's to count under.
    channel = principal.name if principal.kind == "key" else "console"
    return await change_stream(request, f"stream/{channel}", wanted, position)


@get(
    "/api/changes",
    guards=[requires("catalog:read")],
    tags=["Changes"],
    responses=PROBLEMS,
    summary="Changes in commit order, by pages",
)
async def list_changes(
    request: AnyRequest,
    after: After = None,
    limit: Annotated[int, Parameter(ge=1, le=1000, description="How many at the most.")] = 100,
    wait: Annotated[float, Parameter(ge=0, le=30, description="Seconds to wait for a change if there is none.")] = 0,
    kind: Kinds = None,
    subject: Some = None,
    sku: Some = None,
    location: Some = None,
) -> ChangePage:
    """A page of changes after a position, from the beginning without one; ask again with ``after=next``."""
    wanted = _wanted(caller(request), kind, subject, sku, location)
    feed = await feed_of(request)
    told = await feed.page(read_position(after) or BEGINNING, wanted, limit=limit, wait=wait)
    return ChangePage([as_item(change) for change in told.items], str(told.position))


@get(
    "/api/changes/subjects/{subject:path}",
    guards=[requires("catalog:read")],
    tags=["Changes"],
    responses=PROBLEMS,
    summary="Where a subject stands",
)
async def read_subject(request: AnyRequest, subject: FromPath[str]) -> ChangeItem:
    """The last change of a subject such as ``price:SKU-1``: a channel that has seen a smaller ``sequence`` reads what
    is at ``read`` again."""
    async with connection(request.app.state.pool) as conn:
        change = await service.present(conn, subject.removeprefix("/"))
    allowed = may_hear(caller(request), Wanted())
    if allowed.nodes is not None and (change.node_id is not None or not allowed.takes(change)):
        raise NotFound(f"Nothing has changed under {change.subject[:200]!r}.", code="subject_unknown")
    return as_item(change)


routes: list[ControllerRouterHandler] = [stream_changes, list_changes, read_subject, *webhook_routes]
