"""Holds of stock over the API: a system of the company's own puts units aside, makes it firm, gives them back.

Carts, orders and reservations hold by themselves; this door is for what is none of them. Holds asked for at the same
moment share a transaction, so a last unit that hundreds want is decided at once.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.access.idempotency import MAX_KEY
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.model import Grant, Hold, HoldRequest
from unisono.commerce.holds.taker import Taker
from unisono.commerce.inventory import reading
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.asking import Asker
from unisono.commerce.inventory.callers import MAX_LINES, Codes, Limit, LineInput, Skus, own_stores, seen_stores
from unisono.commerce.inventory.errors import BadStock
from unisono.commerce.inventory.model import StockPromise
from unisono.customers.identity import service as identity
from unisono.customers.web import unit, write
from unisono.kit.clock import system_clock
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]

MAX_SECONDS = 30 * 24 * 3600
MAX_HOLDS = 1_000


class HoldStockRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Units to put aside, all lines or none."""

    lines: list[LineInput]
    channel: str = "web"
    """Remote channels leave the safety stock alone, ``store`` does not."""
    seconds: int = 900
    """How long; afterwards the units are free again, whether or not anybody has noticed."""
    reason: str = "hold"
    reference: str | None = None
    person_id: int | None = None


class HeldStock(msgspec.Struct, frozen=True, kw_only=True):
    """What was put aside, line by line; of a kit there are several holds."""

    holds: list[UUID]
    expires_at: datetime | None


class HoldsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which holds."""

    holds: list[UUID]
    reason: str = "released"


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """How many holds it was."""

    holds: int


def _taker(request: AnyRequest) -> Taker:
    """The process' own: all requests of a moment meet in it."""
    state = request.app.state
    taker: Taker | None = state.get("holds_taker")
    if taker is None:
        taker = state.holds_taker = Taker(state.pool, clock=state.get("clock", system_clock))
    return taker


def _asker(request: AnyRequest) -> Asker:
    state = request.app.state
    asker: Asker | None = state.get("stock_asker")
    if asker is None:
        asker = state.stock_asker = Asker(state.pool)
    return asker


def _key(request: AnyRequest) -> str:
    """The hold's key: the caller's Idempotency-Key as a digest of fixed length, or a new one."""
    given = request.headers.get("idempotency-key")
    if given is None:
        return f"api:{uuid.uuid4()}"
    if not 1 <= len(given) <= MAX_KEY:
        raise BadRequest(f"An Idempotency-Key has 1 to {MAX_KEY} characters.", code="bad_idempotency_key")
    digest = hashlib.sha256(f"{caller(request).actor}\n{given}".encode("utf-8", "surrogateescape"))
    return f"api:{digest.hexdigest()}"


@post(
    "/api/holds",
    guards=[requires("orders:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    response_description="What was put aside.",
    status_code=201,
    summary="Put units aside",
)
async def hold_stock(request: AnyRequest, data: JSONBody[HoldStockRequest]) -> HeldStock:
    """Put units aside. Takes an Idempotency-Key: the same one gives the same holds as long as they live."""
    own_stores(caller(request), [line.location for line in data.lines])
    if not 1 <= len(data.lines) <= MAX_LINES:
        raise BadStock(f"1 to {MAX_LINES} lines are taken at once, not {len(data.lines)}.")
    if not 1 <= data.seconds <= MAX_SECONDS:
        raise BadStock(f"Units are held for 1 to {MAX_SECONDS} seconds.", code="bad_hold")
    now = now_of(request)
    wanted = [(line.sku, line.location, line.quantity) for line in data.lines]
    needs, asked = await _asker(request).ask(wanted, data.channel, now=now)
    node = None
    if data.person_id is not None:
        async with connection(request.app.state.pool) as conn:
            node = await identity.resolve(conn, data.person_id)
    hold = HoldRequest(
        key=_key(request),
        asks=asked.flat,
        node_id=node,
        expires_at=now + timedelta(seconds=data.seconds),
        reason=data.reason,
        reference=data.reference,
    )
    answer = await _taker(request).take(hold)
    if not isinstance(answer, Grant):
        async with connection(request.app.state.pool) as conn:
            raise await inventory.refused(conn, answer, needs, asked, now)
    if asked.watched:
        async with unit(request.app.state.pool) as conn:
            await inventory.note_low(conn, asked.watched, now=now)
    return HeldStock(holds=[hold.id for hold in answer.holds], expires_at=answer.holds[0].expires_at)


@post(
    "/api/holds/commit",
    guards=[requires("orders:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    response_description="They are firm.",
    status_code=200,
    summary="Make holds firm",
)
async def commit_holds(request: AnyRequest, data: JSONBody[HoldsRequest]) -> Response[Settled]:
    """Make holds firm: they expire no more. 409 ``hold_dead`` when one has. Takes an Idempotency-Key."""
    now = now_of(request)

    async def act(conn: Connection) -> Settled:
        await _of_caller(request, conn, data.holds)
        await inventory.commit(conn, data.holds, now=now)
        return Settled(holds=len(set(data.holds)))

    return await write(request, act)


@post(
    "/api/holds/release",
    guards=[requires("orders:write")],
    tags=["Stock"],
    responses=PROBLEMS,
    response_description="They are free again.",
    status_code=200,
    summary="Give units back",
)
async def release_holds(request: AnyRequest, data: JSONBody[HoldsRequest]) -> Response[Settled]:
    """Give units back, held or firm. Takes an Idempotency-Key."""
    now = now_of(request)

    async def act(conn: Connection) -> Settled:
        await _of_caller(request, conn, data.holds)
        return Settled(holds=await inventory.release(conn, data.holds, now=now, reason=data.reason))

    return await write(request, act)


async def _of_caller(request: AnyRequest, conn: Connection, ids: Collection[UUID]) -> None:
    """Raises Forbidden for holds of other stores than the caller's, BadStock for those that are no API's: what a cart
    or an order holds is settled by it."""
    if not 1 <= len(ids) <= MAX_HOLDS:
        raise BadStock(f"1 to {MAX_HOLDS} holds are taken at once.", code="bad_hold")
    found: list[Hold] = await holds.find(conn, ids)
    if any(not hold.key.startswith("api:") for hold in found):
        raise BadStock("A cart, an order or a reservation holds these units.", code="hold_not_yours")
    goods = await holds.goods(conn, {hold.good_id for hold in found}, now=now_of(request))
    own_stores(caller(request), [good.key.rpartition("@")[2] for good in goods.values()])


@get("/api/holds", guards=[requires("orders:read")], tags=["Stock"], responses=PROBLEMS, summary="Living holds")
async def list_holds(
    request: AnyRequest, skus: Skus = None, codes: Codes = None, limit: Limit = 100
) -> list[StockPromise]:
    """Living promises of units, whoever holds them, the oldest first; clerks see those of the own stores."""
    wanted = seen_stores(caller(request), codes)
    async with connection(request.app.state.pool) as conn:
        return await reading.promises(conn, skus=skus, locations=wanted, limit=limit, now=now_of(request))


routes: list[ControllerRouterHandler] = [hold_stock, commit_holds, release_holds, list_holds]
