"""Reductions over the API: checked, announced, withdrawn, proved."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, Response, get, post
from litestar.params import JSONBody, Parameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.pricing import checking
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.exporting import evidence_csv
from unisono.commerce.pricing.model import Announcement, Evidence, NewDiscount, Terms
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.web import MAX_ID, PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

Word = Annotated[str | None, Parameter(min_length=1, max_length=checking.MAX_CODE)]


class DiscountsRequest(msgspec.Struct, frozen=True):
    """Reductions in one list, all or none. ``terms``: when they begin and end, and their campaign."""

    price_list: str
    discounts: list[NewDiscount]
    terms: Terms = Terms()


class WithdrawDiscountRequest(msgspec.Struct, frozen=True):
    """Why, and whether the reduced price stays (without being told as a reduction)."""

    reason: str = ""
    keep_price: bool = False


def _zone(request: AnyRequest) -> ZoneInfo:
    return ZoneInfo(request.app.state.settings.timezone)


@post(
    "/api/discounts/check",
    guards=[requires("prices:write")],
    tags=["Discounts"],
    responses=PROBLEMS,
    response_description="Each with its evidence, in their order.",
    status_code=200,
    summary="Check reductions",
)
async def check_discounts(request: AnyRequest, data: JSONBody[DiscountsRequest]) -> Response[list[Evidence]]:
    """Whether reductions may be announced, each with its prior price and the evidence; writes nothing."""
    now, zone = now_of(request), _zone(request)

    async def act(conn: Connection) -> list[Evidence]:
        return await pricing.check(conn, data.price_list, data.discounts, data.terms, zone=zone, now=now)

    return await write(request, act)


@post(
    "/api/discounts",
    guards=[requires("prices:write")],
    tags=["Discounts"],
    responses=PROBLEMS,
    response_description="What was announced.",
    summary="Announce reductions",
)
async def announce_discounts(request: AnyRequest, data: JSONBody[DiscountsRequest]) -> Response[list[Announcement]]:
    """Announce reductions and set their prices; one that is none is refused with evidence. Takes an Idempotency-Key."""
    actor, now, zone = caller(request).actor, now_of(request), _zone(request)

    async def act(conn: Connection) -> list[Announcement]:
        made = await pricing.announce(
            conn, data.price_list, data.discounts, data.terms, actor=actor, zone=zone, now=now
        )
        detail = {"price_list": data.price_list, "announcements": [one.id for one in made]}
        await audit.record(conn, actor=actor, action="discount.announce", detail=detail)
        return made

    return await write(request, act, status=201)


@get(
    "/api/discounts",
    guards=[requires("catalog:read")],
    tags=["Discounts"],
    responses=PROBLEMS,
    summary="Announced reductions",
)
async def list_discounts(
    request: AnyRequest,
    sku: Word = None,
    campaign: Word = None,
    live: Annotated[bool, Parameter(description="Only those shown now.")] = False,
    before: Annotated[int | None, Parameter(ge=1, le=MAX_ID, description="Only those with a smaller id.")] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> list[Announcement]:
    """Announced reductions, newest first; ``live``: only those shown now."""
    live_at = now_of(request) if live else None
    given = [None if text is None else text.replace("\x00", "\ufffd") for text in (sku, campaign)]
    async with connection(request.app.state.pool) as conn:
        return await pricing.announcements(
            conn, sku=given[0], campaign=given[1], live_at=live_at, before=before, limit=limit
        )


@post(
    "/api/discounts/{announcement_id:int}/withdraw",
    guards=[requires("prices:write")],
    tags=["Discounts"],
    responses=PROBLEMS,
    response_description="The reduction, withdrawn.",
    status_code=200,
    summary="Take a reduction back",
)
async def withdraw_discount(
    request: AnyRequest, announcement_id: PathId, data: JSONBody[WithdrawDiscountRequest]
) -> Response[Announcement]:
    """Take a reduction back from now on; the price goes back too, unless told otherwise. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Announcement:
        taken = await pricing.withdraw(
            conn, announcement_id, actor=actor, now=now, reason=data.reason, keep_price=data.keep_price
        )
        await audit.record(conn, actor=actor, action="discount.withdraw", detail={"announcement": announcement_id})
        return taken

    return await write(request, act)


@get(
    "/api/discounts/{announcement_id:int}/evidence",
    guards=[requires("catalog:read")],
    tags=["Discounts"],
    responses=PROBLEMS,
    summary="A reduction's evidence",
)
async def discount_evidence(request: AnyRequest, announcement_id: PathId) -> Evidence:
    """What an announcement was based on: rule, window, every price in it and where it is known from."""
    async with connection(request.app.state.pool) as conn:
        return await pricing.evidence(conn, announcement_id)


@get(
    "/api/discounts/{announcement_id:int}/evidence.csv",
    guards=[requires("catalog:read")],
    tags=["Discounts"],
    responses=PROBLEMS,
    media_type="text/csv",
    summary="A reduction's evidence as a table",
)
async def discount_evidence_table(request: AnyRequest, announcement_id: PathId) -> Response[str]:
    """The same as a table, one line an interval."""
    async with connection(request.app.state.pool) as conn:
        found = await pricing.evidence(conn, announcement_id)
    return Response(
        evidence_csv(found),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="evidence-{announcement_id}.csv"'},
    )


discount_routes: list[ControllerRouterHandler] = [
    check_discounts,
    announce_discounts,
    list_discounts,
    withdraw_discount,
    discount_evidence,
    discount_evidence_table,
]
