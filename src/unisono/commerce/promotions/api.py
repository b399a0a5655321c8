"""Promotions and coupons over the API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.params import JSONBody, Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.checking import MAX_DEFINITION, read_definition
from unisono.commerce.promotions.errors import BadCoupons
from unisono.commerce.promotions.model import (
    Coupon,
    Definition,
    NewCoupons,
    Promotion,
    PromotionState,
    PromotionVersion,
    Quote,
    Status,
)
from unisono.commerce.promotions.overlaps import Overlap
from unisono.commerce.promotions.simulating import Simulation
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]

PathCode = Annotated[str, PathParameter(min_length=1, max_length=80)]
PathCoupon = Annotated[str, PathParameter(min_length=1, max_length=100)]
Limit = Annotated[int, Parameter(ge=1, le=200)]
After = Annotated[str | None, Parameter(max_length=80, description="The code of the last one seen.")]
Only = Annotated[Status | None, QueryParameter(name="status", description="Only those of this status.")]
Version = Annotated[
    int | None,
    Parameter(ge=0, le=2**63 - 1, description="The version one has seen, 0 for a new one: another refuses."),
]
Start = Annotated[
    Literal["draft", "active"], QueryParameter(name="status", description="Of a new one; a known one keeps its own.")
]


class StatusRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it becomes."""

    status: Status


class ImportPromotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A definition as text. A mistake is answered with its place in it."""

    text: Annotated[str, Meta(max_length=MAX_DEFINITION)]
    written_in: Literal["json", "yaml"] = "yaml"
    dry_run: bool = False
    """Only read and check it."""


class MakeCoupons(NewCoupons, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Coupons to make, and of which promotion."""

    promotion: str


class DisableCoupons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which coupons: some codes, or a batch."""

    codes: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=10_000)] = []
    batch: str | None = None


class Disabled(msgspec.Struct, frozen=True):
    """How many coupons were disabled by this."""

    disabled: int


class MadeCoupons(msgspec.Struct, frozen=True):
    """The coupons that were made, in the order of ``people`` when they were given to some."""

    promotion: str
    batch: str | None
    coupons: list[str]


@get(
    "/api/promotions", guards=[requires("catalog:read")], tags=["Promotions"], responses=PROBLEMS, summary="Promotions"
)
async def list_promotions(
    request: AnyRequest, only: Only = None, after: After = None, limit: Limit = 50
) -> list[PromotionState]:
    """Promotions by code, with what has been used of their limits."""
    statuses: list[Status] = [] if only is None else [only]
    async with connection(request.app.state.pool) as conn:
        return await promotions.list_promotions(conn, statuses=statuses, after=after, limit=limit)


@get(
    "/api/promotions/{code:str}",
    guards=[requires("catalog:read")],
    tags=["Promotions"],
    responses=PROBLEMS,
    summary="One promotion",
)
async def read_promotion(request: AnyRequest, code: PathCode) -> Promotion:
    """A promotion as it stands."""
    async with connection(request.app.state.pool) as conn:
        return await promotions.find_promotion(conn, code)


@get(
    "/api/promotions/{code:str}/versions",
    guards=[requires("catalog:read")],
    tags=["Promotions"],
    responses=PROBLEMS,
    summary="A promotion's versions",
)
async def promotion_versions(request: AnyRequest, code: PathCode) -> list[PromotionVersion]:
    """What a promotion was, newest first, and who made it so."""
    async with connection(request.app.state.pool) as conn:
        return await promotions.versions_of(conn, code)


async def _save(
    conn: Connection, request: AnyRequest, definition: Definition, status: Status, expected: int | None
) -> Promotion:
    actor = caller(request).actor
    saved = await promotions.save_promotion(
        conn, definition, actor=actor, now=now_of(request), status=status, expected_version=expected
    )
    detail = {"promotion": saved.code, "version": saved.version}
    await audit.record(conn, actor=actor, action="promotion.save", detail=detail)
    return saved


@post(
    "/api/promotions",
    guards=[requires("promotions:write")],
    tags=["Promotions"],
    responses=PROBLEMS,
    status_code=200,
    summary="Make or change a promotion",
)
async def save_promotion(
    request: AnyRequest, data: JSONBody[Definition], start: Start = "draft", expected_version: Version = None
) -> Response[Promotion]:
    """Make a promotion, or change the one of this code. Takes an Idempotency-Key. Answers the promotion."""

    async def act(conn: Connection) -> Promotion:
        return await _save(conn, request, data, start, expected_version)

    return await write(request, act)


@post(
    "/api/promotions/import",
    guards=[requires("promotions:write")],
    tags=["Promotions"],
    responses=PROBLEMS,
    status_code=200,
    summary="Import a promotion",
)
async def import_promotion(
    request: AnyRequest, data: JSONBody[ImportPromotion], start: Start = "draft", expected_version: Version = None
) -> Response[Definition]:
    """Make or change a promotion written as YAML or JSON. Takes an Idempotency-Key. Answers the definition as read."""
    definition = read_definition(data.text, written_in=data.written_in)

    async def act(conn: Connection) -> Definition:
        if not data.dry_run:
            await _save(conn, request, definition, start, expected_version)
        return definition

    return await write(request, act)


@post(
    "/api/promotions/{code:str}/status",
    guards=[requires("promotions:write")],
    tags=["Promotions"],
    responses=PROBLEMS,
    status_code=200,
    summary="Start, pause or end a promotion",
)
async def set_promotion_status(
    request: AnyRequest, code: PathCode, data: JSONBody[StatusRequest]
) -> Response[Promotion]:
    """Start, pause, go on, end for good. Takes an Idempotency-Key. Answers the promotion."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Promotion:
        moved = await promotions.set_status(conn, code, data.status, actor=actor, now=now)
        detail = {"promotion": code, "status": data.status}
        await audit.record(conn, actor=actor, action="promotion.status", detail=detail)
        return moved

    return await write(request, act)


@post(
    "/api/promotions/simulate",
    guards=[requires("catalog:read")],
    tags=["Promotions"],
    responses=PROBLEMS,
    status_code=200,
    summary="Try a basket",
)
async def simulate_basket(request: AnyRequest, data: JSONBody[Simulation]) -> Quote:
    """What a basket would cost, with every promotion applied or rejected and why; nothing is written."""
    async with connection(request.app.state.pool) as conn:
        return await promotions.simulate(conn, data, now=now_of(request))


@get(
    "/api/promotions/conflicts",
    guards=[requires("catalog:read")],
    tags=["Promotions"],
    responses=PROBLEMS,
    summary="Promotions in each other's way",
)
async def promotion_conflicts(request: AnyRequest) -> list[Overlap]:
    """Pairs of promotions that shadow or exclude each other, or reduce the same goods."""
    async with connection(request.app.state.pool) as conn:
        return await promotions.conflicts(conn, now=now_of(request))


@post(
    "/api/coupons",
    guards=[requires("promotions:write")],
    tags=["Promotions"],
    responses=PROBLEMS,
    status_code=201,
    summary="Make coupons",
)
async def make_coupons(request: AnyRequest, data: JSONBody[MakeCoupons]) -> Response[MadeCoupons]:
    """Make coupons of a promotion. Takes an Idempotency-Key. Answers the codes."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> MadeCoupons:
        made = await promotions.make_coupons(conn, data.promotion, data, actor=actor, now=now)
        detail = {"promotion": data.promotion, "batch": data.batch, "count": len(made.coupons)}
        await audit.record(conn, actor=actor, action="coupons.make", detail=detail)
        return MadeCoupons(made.promotion, made.batch, list(made.coupons))

    return await write(request, act, status=201)


@get(
    "/api/coupons/{coupon:str}",
    guards=[requires("catalog:read")],
    tags=["Promotions"],
    responses=PROBLEMS,
    summary="One coupon",
)
async def read_coupon(request: AnyRequest, coupon: PathCoupon) -> Coupon:
    """A coupon: whether it can be used now, and if not why not."""
    async with connection(request.app.state.pool) as conn:
        return await promotions.coupon(conn, coupon, now=now_of(request))


@post(
    "/api/coupons/disable",
    guards=[requires("promotions:write")],
    tags=["Promotions"],
    responses=PROBLEMS,
    status_code=200,
    summary="Make coupons worthless",
)
async def disable_coupons(request: AnyRequest, data: JSONBody[DisableCoupons]) -> Response[Disabled]:
    """Make coupons worthless, by code or a whole batch. Takes an Idempotency-Key. Answers how many."""
    if bool(data.codes) == (data.batch is not None):
        raise BadCoupons("Name some codes, or a batch.")
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Disabled:
        count = await promotions.disable_coupons(conn, codes=data.codes, batch=data.batch, actor=actor, now=now)
        detail = {"codes": data.codes[:100], "batch": data.batch, "count": count}
        await audit.record(conn, actor=actor, action="coupons.disable", detail=detail)
        return Disabled(count)

    return await write(request, act)


routes: list[ControllerRouterHandler] = [
    list_promotions,
    save_promotion,
    import_promotion,
    simulate_basket,
    promotion_conflicts,
    read_promotion,
    promotion_versions,
    set_promotion_status,
    make_coupons,
    disable_coupons,
    read_coupon,
]
