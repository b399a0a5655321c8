"""Writing a decided order: rows, history, event, change. Everybody who makes an order comes through here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from unisono.commerce.carts.codes import new_code
from unisono.commerce.changes import service as changes
from unisono.commerce.orders import events
from unisono.commerce.orders.model import Draft, DraftParcel, Order, OrderLine
from unisono.customers import record
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders")


def encode(value: Any) -> str:
    """As the text of a json column."""
    return msgspec.json.encode(value).decode()


async def lock_source(conn: Connection, source: str, source_order_id: str) -> None:
    """Wait until nobody else makes this order; until the transaction ends nobody can."""
    await _sql.lock_source_order(conn, source=source, source_order_id=source_order_id)


async def by_source(conn: Connection, source: str, source_order_id: str) -> Order | None:
    """The order its source names so."""
    row = await _sql.order_by_source(conn, source=source, source_order_id=source_order_id)
    return None if row is None else (await with_lines(conn, [row]))[0]


async def write_order(conn: Connection, draft: Draft, *, actor: str, now: datetime) -> Order:
    """Write an order inside the caller's transaction, which holds `lock_source` and has moved the goods."""
    row = await _sql.insert_order(
        conn,
        source=draft.source,
        source_order_id=draft.source_order_id,
        node_id=draft.node_id,
        company_node=draft.company_node,
        cart_id=draft.cart_id,
        channel=draft.channel,
        store_id=draft.store_id,
        kind=draft.kind,
        status=draft.status,
        payment_status=draft.payment_status,
        currency=draft.currency,
        tax_included=draft.tax_included,
        subtotal=draft.subtotal_minor,
        discount=draft.discount_minor,
        shipping=draft.shipping_minor,
        tax=draft.tax_minor,
        total=draft.total_minor,
        coupons=list(draft.coupons),
        customer=encode(draft.customer),
        quote=encode(draft.quote),
        placed_at=draft.placed_at,
        now=now,
    )
    order = as_order(row, await _write_lines(conn, row["id"], draft))
    if draft.parcels:
        await _write_parcels(conn, order, draft.parcels, actor=actor, now=now)
    crash_point("orders.after_rows")
    await note(conn, order.id, "placed", actor=actor, now=now, detail={"channel": order.channel})
    happening = events.completed(order.number, draft)
    if happening is not None:
        await record.record(conn, [happening], clock=lambda: now)
    await changes.record_changes(conn, events.changed([order]))
    crash_point("orders.before_commit")
    return order


async def _write_lines(conn: Connection, order_id: int, draft: Draft) -> list[OrderLine]:
    lines = draft.lines
    rows = await _sql.insert_lines(
        conn,
        order_id=order_id,
        variants=[line.variant_id for line in lines],
        skus=[line.sku for line in lines],
        names=[line.name for line in lines],
        quantities=[line.quantity for line in lines],
        units=[line.unit_minor for line in lines],
        discounts=[line.discount_minor for line in lines],
        rates=[line.tax_rate_bp for line in lines],
        taxes=[line.tax_minor for line in lines],
        totals=[line.total_minor for line in lines],
        handed=[line.handed_over for line in lines],
        details=[encode(line.detail) for line in lines],
    )
    return sorted((as_line(row) for row in rows), key=lambda line: line.position)


async def _write_parcels(
    conn: Connection, order: Order, parcels: Sequence[DraftParcel], *, actor: str, now: datetime
) -> None:
    made = await _sql.insert_fulfilments(
        conn,
        order_id=order.id,
        kinds=[parcel.kind for parcel in parcels],
        locations=[parcel.location for parcel in parcels],
        states=["handed_over" if parcel.handed else "planned" for parcel in parcels],
        codes=[new_code() if parcel.kind == "pickup" else None for parcel in parcels],
        slots=[parcel.slot_id for parcel in parcels],
        promised=[parcel.promised_at for parcel in parcels],
        handed=[now if parcel.handed else None for parcel in parcels],
        handed_by=[actor if parcel.handed else None for parcel in parcels],
        addresses=[encode(parcel.address) for parcel in parcels],
    )
    ids = [row["id"] for row in made]
    line_of = {line.position: line.id for line in order.lines}
    units = [
        (parcel_id, line_of[position], quantity)
        for parcel_id, parcel in zip(ids, parcels, strict=True)
        for position, quantity in parcel.quantities.items()
    ]
    holds: list[tuple[int | None, int, UUID]] = [
        (line_of[position], parcel_id, UUID(hold))
        for parcel_id, parcel in zip(ids, parcels, strict=True)
        for position, line_holds in parcel.holds.items()
        for hold in line_holds
    ]
    holds += [
        (None, parcel_id, UUID(hold))
        for parcel_id, parcel in zip(ids, parcels, strict=True)
        for hold in parcel.slot_holds
    ]
    await _sql.insert_parcel_contents(
        conn,
        order_id=order.id,
        parcels=[parcel for parcel, _, _ in units],
        lines=[line for _, line, _ in units],
        quantities=[quantity for _, _, quantity in units],
        hold_lines=[line for line, _, _ in holds],
        hold_parcels=[parcel for _, parcel, _ in holds],
        holds=[hold for _, _, hold in holds],
    )


async def note(
    conn: Connection,
    order_id: int,
    what: str,
    *,
    actor: str,
    now: datetime,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write into the order's history what happened and who did it."""
    await _sql.insert_history(
        conn, order_id=order_id, what=what, actor=actor, reason=reason, detail=encode(detail or {}), now=now
    )


async def with_lines(conn: Connection, rows: Sequence[asyncpg.Record]) -> list[Order]:
    """Rows of orders as orders, with their lines: one statement for all."""
    lines: dict[int, list[OrderLine]] = {row["id"]: [] for row in rows}
    if rows:
        for row in await _sql.lines_of_orders(conn, ids=list(lines)):
            lines[row["order_id"]].append(as_line(row))
    return [as_order(row, lines[row["id"]]) for row in rows]


def as_line(row: asyncpg.Record) -> OrderLine:
    """A row as a line."""
    return OrderLine(
        id=row["id"],
        position=row["position"],
        variant_id=row["variant_id"],
        sku=row["sku"],
        name=row["name"],
        quantity=row["quantity"],
        unit_minor=row["unit_minor"],
        discount_minor=row["discount_minor"],
        tax_rate_bp=row["tax_rate_bp"],
        tax_minor=row["tax_minor"],
        total_minor=row["total_minor"],
        handed_over=row["handed_over"],
        cancelled=row["cancelled"],
        returned=row["returned"],
        detail=msgspec.json.decode(row["detail"]),
    )


def as_order(row: asyncpg.Record, lines: Sequence[OrderLine], person_id: int | None = None) -> Order:
    """A row as an order."""
    return Order(
        id=row["id"],
        number=row["number"],
        source=row["source"],
        source_order_id=row["source_order_id"],
        node_id=row["node_id"],
        person_id=person_id,
        company_node=row["company_node"],
        cart_id=None if row["cart_id"] is None else str(row["cart_id"]),
        channel=row["channel"],
        store_id=row["store_id"],
        kind=row["kind"],
        status=row["status"],
        payment_status=row["payment_status"],
        currency=row["currency"],
        tax_included=row["tax_included"],
        subtotal_minor=row["subtotal_minor"],
        discount_minor=row["discount_minor"],
        shipping_minor=row["shipping_minor"],
        tax_minor=row["tax_minor"],
        total_minor=row["total_minor"],
        refunded_minor=row["refunded_minor"],
        coupons=list(row["coupons"]),
        customer=msgspec.json.decode(row["customer"]),
        quote=msgspec.json.decode(row["quote"]),
        placed_at=row["placed_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        arrived=row["arrived"],
        lines=list(lines),
    )
