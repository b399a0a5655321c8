"""Movements over the API: deliveries, adjustments, damage, counts, transfers, sales of a till, levels, risks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Request, Response, post, put
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.inventory import reading
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.callers import LineInput, lines_of, own_stores
from unisono.commerce.inventory.errors import BadStock
from unisono.commerce.inventory.model import Condition, Sold, StockLine, StockRow, StockState
from unisono.commerce.inventory.service import Why
from unisono.customers.web import write
from unisono.kit.database import Connection
from unisono.kit.web import PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]


class MovementRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Units that come or go, all lines or none, and why.

    ``receive`` (with ``expected``: they were on their way), ``expect`` (on their way, ``arriving_at``), ``adjust``
    (more or, negative, fewer of ``state``), ``damage`` (off the shelf, kept apart), ``put_back`` (returned, in
    ``condition``).
    """

    kind: Literal["receive", "expect", "adjust", "damage", "put_back"]
    lines: list[LineInput]
    reason: str
    reference: str | None = None
    note: str | None = None
    expected: bool = False
    arriving_at: datetime | None = None
    state: StockState = "on_hand"
    condition: Condition = "sellable"
    override_reason: str | None = None
    """Why promised units go all the same; the promises are then at risk. For ``adjust`` and ``damage``."""


class CountRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What lies on the shelf, promised units too."""

    lines: list[LineInput]
    reference: str | None = None
    note: str | None = None
    counted_at: datetime | None = None
    """When it was counted; now when missing."""


class TransferRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Free units that go from the lines' places to another."""

    lines: list[LineInput]
    to: str
    reason: str = "transfer"
    reference: str | None = None
    on_the_way: bool = False
    """They arrive later: told by a movement ``receive`` with ``expected``."""


class SoldLine(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of a sku, kits too."""

    sku: str
    quantity: int


class SaleRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt of a till, for its stock."""

    location: str
    lines: list[SoldLine]
    reference: str
    """What tells this receipt from every other; the same one again moves nothing."""
    override_reason: str | None = None
    occurred_at: datetime | None = None


class LevelInput(msgspec.Struct, frozen=True, kw_only=True):
    """Units kept from remote channels (missing: as before); at how many or fewer left somebody is told."""

    sku: str
    location: str
    safety: int | None = None
    low_at: int | None = None


class LevelsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Levels of several skus."""

    lines: list[LevelInput]


class SettleRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    outcome: str


class RiskSettled(msgspec.Struct, frozen=True):
    """The promise at risk that somebody has dealt with."""

    id: int


class StockDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How far a count was from the books."""

    sku: str
    location: str
    difference: int


class StockCount(msgspec.Struct, frozen=True, kw_only=True):
    """The differences, and the stock after the count."""

    differences: list[StockDifference]
    stock: list[StockRow]


def _zoned(at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise BadStock("An instant needs a time zone.", code="bad_instant")
    return at


async def _after(conn: Connection, lines: Sequence[LineInput], now: datetime, *more: str) -> list[StockRow]:
    """The rows the lines touched, as they are now."""
    codes = {line.location for line in lines} | set(more)
    rows = await reading.stock(conn, skus={line.sku for line in lines}, locations=codes, limit=len(lines) * 2, now=now)
    touched = {(line.sku, line.location) for line in lines} | {(line.sku, code) for line in lines for code in more}
    return [row for row in rows if (row.sku, row.location) in touched]


@post(
    "/api/stock/movements",
    guards=[requires("stock:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    response_description="The stock afterwards.",
    status_code=200,
    summary="Move units",
)
async def move_stock(request: AnyRequest, data: JSONBody[MovementRequest]) -> Response[list[StockRow]]:
    """Units come, go or break, with a reason; clerks in the own stores only. Takes an Idempotency-Key."""
    principal, now = caller(request), now_of(request)
    own_stores(principal, [line.location for line in data.lines])
    arriving = _zoned(data.arriving_at)
    why = Why(principal.actor, data.reason, data.reference, data.note)

    async def act(conn: Connection) -> list[StockRow]:
        lines = await lines_of(conn, data.lines)
        if data.kind == "receive":
            await inventory.receive(conn, lines, why, now=now, expected=data.expected)
        elif data.kind == "expect":
            await inventory.expect(conn, lines, why, now=now, arriving_at=arriving)
        elif data.kind == "adjust":
            await inventory.adjust(conn, lines, why, now=now, state=data.state, overrule=data.override_reason)
        elif data.kind == "damage":
            await inventory.damage(conn, lines, why, now=now, overrule=data.override_reason)
        else:
            await inventory.put_back(conn, lines, why, now=now, condition=data.condition)
        return await _after(conn, data.lines, now)

    return await write(request, act)


@post(
    "/api/stock/counts",
    guards=[requires("stock:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    response_description="The differences and the stock afterwards.",
    status_code=200,
    summary="Count a shelf",
)
async def count_stock(request: AnyRequest, data: JSONBody[CountRequest]) -> Response[StockCount]:
    """The shelf was counted: what is there is so, and promises it leaves uncovered are at risk. Takes an
    Idempotency-Key."""
    principal, now = caller(request), now_of(request)
    own_stores(principal, [line.location for line in data.lines])
    counted_at = _zoned(data.counted_at)
    why = Why(principal.actor, "count", data.reference, data.note)

    async def act(conn: Connection) -> StockCount:
        lines = await lines_of(conn, data.lines)
        by_pair = await inventory.count(conn, lines, why, now=now, counted_at=counted_at)
        sku_of = {line.variant_id: asked.sku for line, asked in zip(lines, data.lines, strict=True)}
        differences = [
            StockDifference(sku=sku_of[variant], location=code, difference=by)
            for (variant, code), by in by_pair.items()
        ]
        return StockCount(differences=differences, stock=await _after(conn, data.lines, now))

    return await write(request, act)


@post(
    "/api/stock/transfers",
    guards=[requires("stock:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    response_description="The stock of both sides afterwards.",
    status_code=200,
    summary="Send units to another place",
)
async def transfer_stock(request: AnyRequest, data: JSONBody[TransferRequest]) -> Response[list[StockRow]]:
    """Free units go to another place, there at once or on the way; a clerk sends from the own store, and what he sends
    to another is on the way until somebody there receives it. Takes an Idempotency-Key."""
    principal, now = caller(request), now_of(request)
    own_stores(principal, [line.location for line in data.lines])
    if not data.on_the_way:
        own_stores(principal, [data.to])

    async def act(conn: Connection) -> list[StockRow]:
        lines = await lines_of(conn, data.lines)
        why = Why(principal.actor, data.reason, data.reference)
        await inventory.transfer(conn, lines, data.to, why, now=now, on_the_way=data.on_the_way)
        return await _after(conn, data.lines, now, data.to)

    return await write(request, act)


@post(
    "/api/stock/sales",
    guards=[requires("stock:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    response_description="What moved.",
    status_code=200,
    summary="Sell at a till",
)
async def sell_stock(request: AnyRequest, data: JSONBody[SaleRequest]) -> Response[Sold]:
    """A till sold: its units leave the shelf. Promised ones only with ``override_reason``, which puts the promises at
    risk. The same reference again moves nothing."""
    principal, now = caller(request), now_of(request)
    own_stores(principal, [data.location])
    occurred_at = _zoned(data.occurred_at) or now

    async def act(conn: Connection) -> Sold:
        asked = [LineInput(sku=line.sku, location=data.location, quantity=line.quantity) for line in data.lines]
        lines: list[StockLine] = await lines_of(conn, asked)
        return await inventory.sell_at_till(
            conn,
            data.location,
            [(line.variant_id, line.quantity) for line in lines],
            reference=data.reference,
            actor=principal.actor,
            override_reason=data.override_reason,
            occurred_at=occurred_at,
            now=now,
        )

    return await write(request, act)


@put(
    "/api/stock/levels",
    guards=[requires("stock:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    response_description="The stock afterwards.",
    summary="Set safety stock",
)
async def set_levels(request: AnyRequest, data: JSONBody[LevelsRequest]) -> Response[list[StockRow]]:
    """How much is kept from remote channels, and when somebody is told that it is low. Takes an Idempotency-Key."""
    principal, now = caller(request), now_of(request)
    own_stores(principal, [line.location for line in data.lines])

    async def act(conn: Connection) -> list[StockRow]:
        asked = [LineInput(sku=line.sku, location=line.location, quantity=0) for line in data.lines]
        lines = await lines_of(conn, asked)
        levels = [
            (line.variant_id, line.location_code, level.safety, level.low_at)
            for line, level in zip(lines, data.lines, strict=True)
        ]
        await inventory.set_levels(conn, levels, now=now)
        await audit.record(conn, actor=principal.actor, action="stock.levels", detail={"lines": len(lines)})
        return await _after(conn, asked, now)

    return await write(request, act)


@post(
    "/api/stock/risks/{risk_id:int}/settle",
    guards=[requires("stock:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    status_code=200,
    summary="Settle a promise at risk",
)
async def settle_risk(request: AnyRequest, risk_id: PathId, data: JSONBody[SettleRequest]) -> Response[RiskSettled]:
    """Somebody has dealt with a promise at risk. Takes an Idempotency-Key."""
    principal, now = caller(request), now_of(request)

    async def act(conn: Connection) -> RiskSettled:
        own_stores(principal, [await reading.risk_location(conn, risk_id)])
        await inventory.settle_risk(conn, risk_id, outcome=data.outcome, actor=principal.actor, now=now)
        return RiskSettled(risk_id)

    return await write(request, act)


routes: list[ControllerRouterHandler] = [
    move_stock,
    count_stock,
    transfer_stock,
    sell_stock,
    set_levels,
    settle_risk,
]
