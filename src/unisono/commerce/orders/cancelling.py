"""Cancelling an order or units of it: the goods are free at once, the money is let go or given back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from unisono.commerce.holds import service as holds
from unisono.commerce.holds.model import Ask, Grant, HoldRequest
from unisono.commerce.orders import events, money, reading, rules
from unisono.commerce.orders.errors import BadOrder, NothingToCancel, OrderState
from unisono.commerce.orders.model import CancelLine, Order, OrderLine
from unisono.commerce.orders.money import Changed
from unisono.commerce.orders.placing import note
from unisono.commerce.promotions import service as promotions
from unisono.customers import record
from unisono.kit.database import Connection
from unisono.kit.errors import Conflict
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders")


class Less(NamedTuple):
    """Units of a line that leave a parcel, of so many in it."""

    parcel: int
    line: int
    units: int
    of: int


async def cancel(
    conn: Connection,
    number: str,
    *,
    lines: Sequence[CancelLine] | None = None,
    reason: str,
    actor: str,
    now: datetime,
) -> Changed:
    """Cancel units that nobody has in hand yet: all of them, or those named. Money is given back or let go.

    Raises OrderNotFound, OrderState, BadOrder, NothingToCancel; Conflict (``order_changed``) when somebody changed
    the order in the same moment: read it again.
    """
    order = await reading.get(conn, number)
    reason = rules.check_text(reason, "Reason")
    if order.arrived:
        raise OrderState("The order is another system's: cancel it there.", state="arrived")
    if order.status == "cancelled" and lines is None:
        return Changed(order)
    rules.check_move(order.status, "cancelled")
    wanted = _wanted(order, lines)
    everything = all(line.quantity - line.cancelled == wanted.get(line.id, 0) for line in order.lines)
    less = await _less(conn, order, wanted)
    # Goods are locked before the order, as everywhere; that it is still as it was read is seen when it is locked.
    await _free_goods(conn, order, less, everything=everything, now=now)
    if await _sql.lock_order(conn, id=order.id, version=order.version) is None:
        raise Conflict("The order was changed in the same moment.", code="order_changed", hint="Read it again.")
    if everything and "uses" in order.quote:
        await promotions.release_uses(conn, order.quote["uses"], now=now, reason="order cancelled")
    await money.change_lines(conn, cancelled=wanted)
    await _sql.take_from_parcels(
        conn,
        parcels=[row.parcel for row in less],
        lines=[row.line for row in less],
        units=[row.units for row in less],
    )
    return await _settle(conn, order, wanted, everything=everything, reason=reason, actor=actor, now=now)


def _wanted(order: Order, lines: Sequence[CancelLine] | None) -> dict[int, int]:
    if lines is None:
        found = {line.id: line.quantity - line.handed_over - line.cancelled for line in order.lines}
        found = {line: units for line, units in found.items() if units}
        if not found:
            raise NothingToCancel("Nothing of this order can still be cancelled.")
        return found
    by_id = {line.id: line for line in order.lines}
    wanted: dict[int, int] = defaultdict(int)
    for asked in lines:
        if asked.order_line_id not in by_id:
            raise BadOrder(f"The order has no line {asked.order_line_id}.", code="line_unknown")
        rules.check_cancel(by_id[asked.order_line_id], asked.quantity)
        wanted[asked.order_line_id] += asked.quantity
    for line, units in wanted.items():
        rules.check_cancel(by_id[line], units)
    if not wanted:
        raise BadOrder("Say which lines are cancelled.", code="bad_lines")
    return dict(wanted)


async def _less(conn: Connection, order: Order, wanted: dict[int, int]) -> list[Less]:
    """Which parcels the units leave. Raises NothingToCancel when some are on their way already."""
    left = dict(wanted)
    less: list[Less] = []
    rows = await _sql.open_units_of_order(conn, id=order.id)
    for row in rows:
        units = min(left.get(row["order_line_id"], 0), row["quantity"])
        if units:
            less.append(Less(row["fulfilment_id"], row["order_line_id"], units, row["quantity"]))
            left[row["order_line_id"]] -= units
    if rows and any(left.values()):
        raise NothingToCancel("Some of these units are on their way already.")
    return less


async def _free_goods(conn: Connection, order: Order, less: Sequence[Less], *, everything: bool, now: datetime) -> None:
    """Give back the holds of cancelled units; of a parcel that keeps some, these are put aside anew."""
    gone = {(row.parcel, row.line): row for row in less}
    release: list[UUID] = []
    time: list[UUID] = []
    keep: list[tuple[int, int, Ask]] = []
    for row in await _sql.holds_of_order(conn, id=order.id):
        line, parcel = row["order_line_id"], row["fulfilment_id"]
        part = gone.get((parcel, line))
        if part is None and not (everything and line is None):
            continue
        (time if line is None else release).append(row["hold_id"])
        if part is not None and part.units < part.of:
            keep.append((line, parcel, Ask(row["good_id"], row["quantity"] * (part.of - part.units) // part.of)))
    # Units before time, as they were taken.
    await holds.release(conn, release, now=now, reason="order cancelled")
    await holds.release(conn, time, now=now, reason="order cancelled")
    await _sql.forget_holds(conn, holds=[*release, *time])
    if not keep:
        return
    request = HoldRequest(
        key=f"order:{order.number}:kept:{order.version}",
        asks=tuple(ask for _, _, ask in keep),
        node_id=order.node_id,
        reason="order",
        reference=f"order:{order.number}",
    )
    answer = (await holds.take(conn, [request], now=now))[0]
    if not isinstance(answer, Grant):
        # Given back a moment ago under the same lock: only promises at risk can stand between.
        raise OrderState("Some of this order's goods are at risk: settle that first.", state="at_risk")
    await holds.commit(conn, [hold.id for hold in answer.holds], now=now)
    await _sql.move_holds(
        conn,
        order_id=order.id,
        lines=[line for line, _, _ in keep],
        parcels=[parcel for _, parcel, _ in keep],
        holds=[hold.id for hold in answer.holds],
    )


async def _settle(
    conn: Connection,
    order: Order,
    wanted: dict[int, int],
    *,
    everything: bool,
    reason: str,
    actor: str,
    now: datetime,
) -> Changed:
    units: list[tuple[OrderLine, int]] = [(line, wanted[line.id]) for line in order.lines if line.id in wanted]
    value = sum(
        rules.worth(line, count, rules.cancelled_from(line, count), tax_included=order.tax_included)
        for line, count in units
    )
    value += order.shipping_minor if everything else 0
    # What is only reserved need not come back: it is simply not taken.
    reserved = await money.reserved(conn, order)
    calls = await money.let_go(conn, order, key="cancelled", now=now) if everything else ()
    refunded, more = await money.give_back(
        conn, order, max(0, value - reserved), key=f"cancelled:{order.version}", now=now
    )
    after = await money.lock(conn, order.id)
    status = rules.status_of(after.lines, order.status)
    await note(
        conn,
        order.id,
        "cancelled" if everything else "units cancelled",
        actor=actor,
        now=now,
        reason=reason,
        detail={"units": {str(line): count for line, count in wanted.items()}, "refund_minor": refunded},
    )
    saved = await money.save(
        conn, order, status=status, payment_status=order.payment_status, refunded=refunded, now=now
    )
    told = events.of_order(
        order,
        "Order Cancelled" if everything else "Order Updated",
        f"order:{order.number}:{'cancelled' if everything else f'updated:{saved.version}'}",
        amount=order.total_minor if everything else None,
        lines=units if everything else (),
        reason=reason,
    )
    if refunded:
        told += events.of_order(
            order,
            "Order Refunded",
            f"order:{order.number}:refunded:{saved.version}",
            amount=refunded,
            lines=units,
            reason=reason,
        )
    await record.record(conn, told, clock=lambda: now)
    return Changed(saved, (*calls, *more))
