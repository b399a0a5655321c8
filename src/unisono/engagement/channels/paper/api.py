"""Paper over the API: letters for whoever prints them, coupons for tills."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery, JSONBody, Parameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.channel.speaking import person_nodes, speaker_of, staff_only
from unisono.customers.web import write
from unisono.engagement.channels.paper import service
from unisono.engagement.channels.paper.drawing import draw
from unisono.engagement.channels.paper.service import KeptCoupon, KeptLetter
from unisono.kit.database import Connection, connection
from unisono.kit.web import MAX_ID, PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

PRINTERS = [requires("messages:send", "people:contact")]
TILLS = [requires("channel:use")]

MAX_BATCH = 500

LetterIds = Annotated[
    list[Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]], msgspec.Meta(min_length=1, max_length=MAX_BATCH)
]


class LetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A letter in the list: enough to choose it by."""

    id: int
    node_id: int
    message_id: int | None
    code: str
    recipient: str
    subject: str
    created_at: datetime
    printed_at: datetime | None


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """A page of letters, the oldest first; the next page comes with ``after`` = ``next``."""

    letters: tuple[LetterView, ...]
    next: int | None = None


class Printed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Letters that are on paper."""

    letters: LetterIds


class Marked(msgspec.Struct, frozen=True):
    """How many of them were not marked before."""

    marked: int


class PrintedCoupons(msgspec.Struct, frozen=True):
    """What a till prints for the customer, what ends soonest first."""

    coupons: tuple[KeptCoupon, ...]


def _view(kept: KeptLetter) -> LetterView:
    return LetterView(
        id=kept.id,
        node_id=kept.node_id,
        message_id=kept.message_id,
        code=kept.letter.code,
        recipient=kept.letter.address[0] if kept.letter.address else "",
        subject=kept.letter.subject,
        created_at=kept.created_at,
        printed_at=kept.printed_at,
    )


@get("/api/letters", guards=PRINTERS, tags=["Letters"], responses=PROBLEMS, summary="Letters to print")
async def list_letters(
    request: AnyRequest,
    printed: FromQuery[bool] = False,
    after: Annotated[int, Parameter(ge=0, le=MAX_ID)] = 0,
    limit: Annotated[int, Parameter(ge=1, le=MAX_BATCH)] = 100,
) -> Letters:
    """Letters that wait for the printer, or those that were printed."""
    async with connection(request.app.state.pool) as conn:
        found = await service.letters(conn, printed=printed, after=after, most=limit, now=now_of(request))
        if found:
            detail = {"letters": [kept.id for kept in found]}
            await audit.record(conn, actor=caller(request).actor, action="letters.list", detail=detail, wait=False)
    return Letters(letters=tuple(map(_view, found)), next=found[-1].id if len(found) == limit else None)


@get(
    "/api/letters/pdf",
    guards=PRINTERS,
    tags=["Letters"],
    responses=PROBLEMS,
    summary="Letters as one PDF",
    media_type="application/pdf",
)
async def download_letters(
    request: AnyRequest,
    letter: Annotated[list[int] | None, Parameter(description="Ids; without any, the oldest that wait.")] = None,
    limit: Annotated[int, Parameter(ge=1, le=MAX_BATCH)] = 200,
) -> Response[bytes]:
    """Print-ready: A4 for window envelopes, fonts embedded. Nothing is marked: say what was printed afterwards. The
    ids of the letters are in the header ``x-letters``."""
    async with connection(request.app.state.pool) as conn:
        if letter:
            found = await service.letters_by_id(conn, letter[:MAX_BATCH])
        else:
            found = await service.letters(conn, most=limit, now=now_of(request))
        detail = {"letters": [kept.id for kept in found]}
        await audit.record(conn, actor=caller(request).actor, action="letters.downloaded", detail=detail)
    # Drawing takes some milliseconds a letter: other requests do not wait for it.
    document = await asyncio.to_thread(draw, [kept.letter for kept in found])
    headers = {
        "content-disposition": 'attachment; filename="letters.pdf"',
        "cache-control": "no-store",
        "x-letters": ",".join(str(kept.id) for kept in found),
    }
    return Response(document, media_type="application/pdf", headers=headers)


@post(
    "/api/letters/printed",
    guards=PRINTERS,
    tags=["Letters"],
    responses=PROBLEMS,
    status_code=200,
    summary="Letters were printed",
)
async def mark_letters(request: AnyRequest, data: JSONBody[Printed]) -> Response[Marked]:
    """They are on paper and leave the list of what waits; marked again nothing changes."""
    principal, now = caller(request), now_of(request)

    async def action(conn: Connection) -> Marked:
        marked = await service.mark_printed(conn, data.letters, now=now)
        await audit.record(conn, actor=principal.actor, action="letters.printed", detail={"letters": data.letters})
        return Marked(marked)

    return await write(request, action)


@get("/channel/till/coupons", guards=TILLS, tags=["Channels"], responses=PROBLEMS, summary="Coupons to print")
async def list_coupons(request: AnyRequest) -> PrintedCoupons:
    """What the till prints for the customer it has recognised; looking changes nothing."""
    speaker = await speaker_of(request, needs_customer=True)
    staff_only(speaker)
    async with connection(request.app.state.pool) as conn:
        nodes = await person_nodes(conn, speaker)
        return PrintedCoupons(tuple(await service.coupons(conn, nodes, store_id=speaker.store_id, now=speaker.now)))


@post(
    "/channel/till/coupons/{coupon_id:int}/printed",
    guards=TILLS,
    tags=["Channels"],
    responses=PROBLEMS,
    status_code=200,
    summary="Take a coupon for printing",
)
async def print_coupon(request: AnyRequest, coupon_id: PathId) -> Response[KeptCoupon]:
    """The till prints it now, and no other does: of two that ask at once the second is refused."""
    speaker = await speaker_of(request, needs_customer=True)
    staff_only(speaker)

    async def action(conn: Connection) -> KeptCoupon:
        nodes = await person_nodes(conn, speaker)
        return await service.print_coupon(conn, nodes, coupon_id, store_id=speaker.store_id, now=speaker.now)

    return await write(request, action)


routes: list[ControllerRouterHandler] = [list_letters, download_letters, mark_letters, list_coupons, print_coupon]
"""What printers and tills call."""
