"""The log over the API: a live stream of server-sent events, and pages to be fetched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import Parameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from unisono.access.guards import requires
from unisono.customers.timeline.feed import Feed, Wanted
from unisono.customers.timeline.following import sse
from unisono.customers.timeline.model import BEGINNING, Event, Position
from unisono.kit.errors import BadRequest
from unisono.kit.web import MAX_ID, PROBLEMS

AnyRequest = Request[Any, Any, Any]

Many = Annotated[list[str] | None, Parameter(description="Any of these; may be given several times.")]
PersonId = Annotated[int | None, Parameter(ge=1, le=MAX_ID, description="Any id of one person, through joins.")]
After = Annotated[str | None, Parameter(description="A position such as 812-4711: what comes after it.")]


class LogItem(msgspec.Struct, frozen=True):
    """An event as the feed tells it; ``person_id`` is whose it was when it was told."""

    position: str
    id: int
    at: datetime
    received_at: datetime
    name: str
    type: str
    channel: str
    store_id: str | None
    person_id: int
    node_id: int
    message_id: str
    properties: dict[str, Any]


class LogPage(msgspec.Struct, frozen=True):
    """Events in log order; ``next`` is the ``after`` of the following page, given even when there are none."""

    events: list[LogItem]
    next: str


def as_item(event: Event) -> LogItem:
    """An event in the shape the feed gives it."""
    return LogItem(
        str(event.position),
        event.id,
        event.occurred_at,
        event.received_at,
        event.name,
        event.type,
        event.channel,
        event.store_id,
        event.person_id,
        event.node_id,
        event.message_id,
        event.properties,
    )


def read_position(text: str | None) -> Position | None:
    """A position as a client gives it. Raises BadRequest."""
    if text is None or not text.strip():
        return None
    first, dash, second = text.strip().partition("-")
    if not (dash and first.isascii() and first.isdigit() and second.isascii() and second.isdigit()):
        raise BadRequest(f"{text[:40]!r} is not a position.", code="position", hint="As the feed gave it: 812-4711")
    position = Position(int(first[:20]), int(second[:20]))
    if max(position) > MAX_ID:
        raise BadRequest(f"{text[:40]!r} is beyond all positions.", code="position")
    return position


RETRY = b"retry: 2000\n\n"
"""A client that was cut off comes back soon, but not all of them in the same instant as the server does."""


def event_stream(chunks: AsyncIterator[bytes]) -> Stream:
    """An answer of server-sent events that nothing on the way may keep or gather."""
    return Stream(
        chunks,
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _stream(feed: Feed, wanted: Wanted, after: Position | None) -> AsyncIterator[bytes]:
    yield RETRY
    async for told in feed.listen(wanted, after):
        yield sse(told, as_item)


@get(
    "/api/stream",
    guards=[requires("events:read")],
    tags=["Events"],
    responses=PROBLEMS,
    summary="Follow events as they happen",
)
async def stream_events(
    request: AnyRequest,
    after: After = None,
    person: PersonId = None,
    type: Many = None,
    name: Many = None,
    channel: Many = None,
) -> Stream:
    """Server-sent events in log order: ``id`` is the position, ``data`` the event as JSON.

    Reconnect with ``Last-Event-ID`` (browsers do so by themselves) or ``after`` and nothing is lost or repeated.
    Every 15 seconds of silence bring a comment. Who reads too slowly is disconnected and resumes.
    """
    wanted = Wanted(person=person, types=tuple(type or ()), names=tuple(name or ()), channels=tuple(channel or ()))
    position = read_position(request.headers.get("last-event-id")) or read_position(after)
    return event_stream(_stream(request.app.state.feed, wanted, position))


@get(
    "/api/events",
    guards=[requires("events:read")],
    tags=["Events"],
    responses=PROBLEMS,
    summary="Events in log order, by pages",
)
async def list_events(
    request: AnyRequest,
    after: After = None,
    limit: Annotated[int, Parameter(ge=1, le=1000, description="How many at the most.")] = 100,
    wait: Annotated[float, Parameter(ge=0, le=30, description="Seconds to wait for an event if there is none.")] = 0,
    person: PersonId = None,
    type: Many = None,
    name: Many = None,
    channel: Many = None,
) -> LogPage:
    """A page of the log after a position, from the beginning without one; ask again with ``after=next``."""
    wanted = Wanted(person=person, types=tuple(type or ()), names=tuple(name or ()), channels=tuple(channel or ()))
    feed: Feed = request.app.state.feed
    told = await feed.page(read_position(after) or BEGINNING, wanted, limit=limit, wait=wait)
    return LogPage([as_item(event) for event in told.items], str(told.position))


routes: list[ControllerRouterHandler] = [stream_events, list_events]
