"""What fronts show of us: a slot's content, the inbox, and what the person did with it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import requires
from unisono.commerce.channel.speaking import AnyRequest, person_nodes, speaker_of
from unisono.customers.web import write
from unisono.engagement.channels.onsite import service
from unisono.engagement.channels.onsite.service import INBOX, Deed, OnsiteItem
from unisono.kit.database import Connection, connection
from unisono.kit.web import MAX_ID, PROBLEMS, PathId

GUARD = [requires("channel:use")]
TAGS = ["Channels"]

Slot = Annotated[
    str,
    PathParameter(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$", description="A name the front and templates share."),
]


class SlotContent(msgspec.Struct, frozen=True):
    """What a slot shows to this customer now, newest first; empty: the front's own."""

    items: tuple[OnsiteItem, ...]


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the inbox, newest first; the next page comes with ``before`` = ``next``."""

    items: tuple[OnsiteItem, ...]
    unseen: int
    next: int | None = None


@get("/channel/slots/{slot:str}", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="What a slot shows")
async def read_slot(request: AnyRequest, slot: Slot, limit: Annotated[int, Parameter(ge=1, le=20)] = 1) -> SlotContent:
    """Content for this customer in a slot of a page or a screen. Looking changes nothing: say what was seen."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        nodes = await person_nodes(conn, speaker)
        return SlotContent(tuple(await service.waiting(conn, nodes, slot, now=speaker.now, most=limit)))


@get("/channel/inbox", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="The customer's inbox")
async def read_inbox(
    request: AnyRequest,
    limit: Annotated[int, Parameter(ge=1, le=100)] = 20,
    before: Annotated[int | None, QueryParameter(ge=1, le=MAX_ID)] = None,
) -> Inbox:
    """Messages kept for the customer in the app or on the site, with how many he has not looked at."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        nodes = await person_nodes(conn, speaker)
        items = await service.waiting(conn, nodes, INBOX, now=speaker.now, most=limit, before=before)
        unseen = await service.unseen(conn, nodes, INBOX, now=speaker.now)
    return Inbox(items=tuple(items), unseen=unseen, next=items[-1].id if len(items) == limit else None)


async def _mark(request: AnyRequest, item_id: int, deed: Deed) -> Response[OnsiteItem]:
    speaker = await speaker_of(request, needs_customer=True)

    async def action(conn: Connection) -> OnsiteItem:
        nodes = await person_nodes(conn, speaker)
        return await service.mark(conn, nodes, item_id, deed, channel=speaker.channel, now=speaker.now)

    return await write(request, action)


@post(
    "/channel/inbox/{item_id:int}/seen",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="It was shown",
)
async def seen(request: AnyRequest, item_id: PathId) -> Response[OnsiteItem]:
    """A slot's content or a message of the inbox was before the customer's eyes."""
    return await _mark(request, item_id, "seen")


@post(
    "/channel/inbox/{item_id:int}/clicked",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="It was followed",
)
async def clicked(request: AnyRequest, item_id: PathId) -> Response[OnsiteItem]:
    """The customer followed it."""
    return await _mark(request, item_id, "clicked")


@post(
    "/channel/inbox/{item_id:int}/dismissed",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="It was closed",
)
async def dismissed(request: AnyRequest, item_id: PathId) -> Response[OnsiteItem]:
    """The customer closed it: it is not shown again."""
    return await _mark(request, item_id, "dismissed")


routes: list[ControllerRouterHandler] = [read_slot, read_inbox, seen, clicked, dismissed]
"""What fronts call."""
