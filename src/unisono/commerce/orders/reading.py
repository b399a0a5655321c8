"""Reading orders: one with all that hangs on it, a page of many, what a person bought."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec

from unisono.commerce.orders.errors import OrderNotFound
from unisono.commerce.orders.model import (
    Fulfilment,
    HistoryEntry,
    Order,
    OrderDetail,
    Return,
    ReturnLine,
)
from unisono.commerce.orders.payments import service as payments
from unisono.commerce.orders.placing import as_order, with_lines
from unisono.customers.identity import service as identity
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OrderFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders are wanted; what is None does not filter. ``stores`` are those the asker may see."""

    nodes: Sequence[int] | None = None
    statuses: Sequence[str] | None = None
    payment_status: str | None = None
    channel: str | None = None
    kind: str | None = None
    source: str | None = None
    known_as: str | None = None
    """Its number here or where it comes from."""
    since: datetime | None = None
    until: datetime | None = None
    stores: Collection[str] | None = None


class OrderPage(msgspec.Struct, frozen=True):
    """Some orders, newest first, and the key of the next page."""

    orders: list[Order]
    next: str | None


class Bought(msgspec.Struct, frozen=True):
    """What a person bought in one currency; cancelled orders do not count."""

    currency: str
    orders: int
    total_minor: int
    refunded_minor: int
    last_at: datetime


async def get(conn: Connection, number: str) -> Order:
    """An order with its lines. Raises OrderNotFound."""
    row = await _sql.order_by_number(conn, number=number)
    if row is None:
        raise OrderNotFound(f"There is no order {number[:40]!r}.")
    return (await _with_persons(conn, await with_lines(conn, [row])))[0]


async def detail(conn: Connection, number: str, *, stores: Collection[str] | None = None) -> OrderDetail:
    """An order with history, payments, fulfilments and returns.

    Raises OrderNotFound, also for an order that has nothing to do with ``stores``.
    """
    order = await get(conn, number)
    if stores is not None and not await _sql.is_in_stores(conn, id=order.id, stores=list(stores)):
        raise OrderNotFound(f"There is no order {number[:40]!r}.")
    return OrderDetail(
        order=order,
        history=[
            HistoryEntry(row["at"], row["what"], row["actor"], row["reason"], msgspec.json.decode(row["detail"]))
            for row in await _sql.history_of_order(conn, id=order.id)
        ],
        payments=await payments.of_order(conn, order.id),
        fulfilments=[_fulfilment(row) for row in await _sql.fulfilments_of_order(conn, id=order.id)],
        returns=await returns_of(conn, order.id),
    )


async def page(conn: Connection, wanted: OrderFilter, *, after: str | None = None, limit: int = 50) -> OrderPage:
    """A page of orders, newest first. Raises BadRequest for a key that is none."""
    before = _parse_key(after)
    rows = await _sql.page_of_orders(
        conn,
        before_at=before[0] if before else None,
        before_id=before[1] if before else None,
        nodes=None if wanted.nodes is None else list(wanted.nodes),
        statuses=list(wanted.statuses) if wanted.statuses else None,
        payment_status=wanted.payment_status,
        channel=wanted.channel,
        kind=wanted.kind,
        source=wanted.source,
        known_as=wanted.known_as,
        since=wanted.since,
        until=wanted.until,
        stores=None if wanted.stores is None else list(wanted.stores),
        limit=limit + 1,
    )
    found = await _with_persons(conn, await with_lines(conn, rows[:limit]))
    return OrderPage(found, _key(rows[limit - 1]) if len(rows) > limit else None)


async def orders_of(conn: Connection, nodes: Collection[int], limit: int = 20) -> list[Order]:
    """The newest orders of these identifiers, with their lines: a person's, over all that is his."""
    if not nodes:
        return []
    return (await page(conn, OrderFilter(nodes=list(nodes)), limit=limit)).orders


async def bought_by(conn: Connection, nodes: Collection[int]) -> list[Bought]:
    """What these identifiers bought in all, by currency, the most used first."""
    rows = await _sql.totals_of_nodes(conn, nodes=list(nodes))
    return [
        Bought(row["currency"], row["orders"], row["total_minor"], row["refunded_minor"], row["last_at"])
        for row in rows
    ]


async def returns_of(conn: Connection, order_id: int) -> list[Return]:
    """The returns of an order, oldest first."""
    return await as_returns(conn, await _sql.returns_of_order(conn, id=order_id))


async def as_returns(conn: Connection, rows: Sequence[asyncpg.Record]) -> list[Return]:
    """Rows of returns as returns, with their lines."""
    lines: dict[int, list[ReturnLine]] = {row["id"]: [] for row in rows}
    if rows:
        for row in await _sql.lines_of_returns(conn, ids=list(lines)):
            lines[row["return_id"]].append(
                ReturnLine(row["order_line_id"], row["quantity"], row["refund_minor"], row["condition"])
            )
    return [
        Return(
            id=row["id"],
            number=row["number"],
            order_id=row["order_id"],
            channel=row["channel"],
            store_id=row["store_id"],
            reason=row["reason"],
            refund_minor=row["refund_minor"],
            currency=row["currency"],
            refund_to=row["refund_to"],
            at=row["at"],
            actor=row["actor"],
            lines=lines[row["id"]],
        )
        for row in rows
    ]


async def _with_persons(conn: Connection, found: Sequence[Order]) -> list[Order]:
    persons = await identity.persons_of(conn, {order.node_id for order in found if order.node_id is not None})
    return [
        order if order.node_id is None else msgspec.structs.replace(order, person_id=persons[order.node_id])
        for order in found
    ]


def _fulfilment(row: asyncpg.Record) -> Fulfilment:
    return Fulfilment(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        location=row["location"],
        location_name=row["location_name"],
        code=row["code"],
        promised_at=row["promised_at"],
        ready_at=row["ready_at"],
        collect_by=row["collect_by"],
        handed_at=row["handed_at"],
        tracking=row["tracking"],
        address=msgspec.json.decode(row["address"]),
        lines=msgspec.json.decode(row["lines"]),
    )


def _key(row: asyncpg.Record) -> str:
    order = as_order(row, ())
    return f"{(order.placed_at - _EPOCH) // timedelta(microseconds=1)}.{order.id}"


def _parse_key(key: str | None) -> tuple[datetime, int] | None:
    if key is None:
        return None
    micros, _, order_id = key.partition(".")
    try:
        at, number = _EPOCH + timedelta(microseconds=int(micros)), int(order_id)
    except (ValueError, OverflowError):
        raise BadRequest("That is no key of a page.", code="bad_page_key") from None
    if not 0 <= number < 2**63:
        raise BadRequest("That is no key of a page.", code="bad_page_key")
    return at, number
