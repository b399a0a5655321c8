"""The money of an order: captured as goods leave, let go or given back as they do not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from unisono.commerce.changes import service as changes
from unisono.commerce.orders import events, rules
from unisono.commerce.orders.errors import OrderNotFound
from unisono.commerce.orders.model import Order, PaymentStatus
from unisono.commerce.orders.payments import service as payments
from unisono.commerce.orders.placing import note, with_lines
from unisono.customers import record
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders")


class Changed(msgspec.Struct, frozen=True):
    """An order after a change, and the calls to providers that are written down and want to be made.

    Make them after the commit (`duties.finish_all`); whoever does not leaves them to the timer, half a minute later.
    """

    order: Order
    calls: tuple[int, ...] = ()


async def lock(conn: Connection, order_id: int) -> Order:
    """The order with its lines, locked until the transaction ends. Raises OrderNotFound."""
    row = await _sql.wait_for_order(conn, id=order_id)
    if row is None:
        raise OrderNotFound(f"There is no order {order_id}.")
    return (await with_lines(conn, [row]))[0]


async def read(conn: Connection, order_id: int) -> Order:
    """The order with its lines, as it stands. Raises OrderNotFound."""
    row = await _sql.order_by_id(conn, id=order_id)
    if row is None:
        raise OrderNotFound(f"There is no order {order_id}.")
    return (await with_lines(conn, [row]))[0]


async def payment_status(conn: Connection, order: Order, *, refunded: int | None = None) -> PaymentStatus:
    """What all payments of an order make of it; where nobody here took its money, what was paid less what came back."""
    own = await payments.of_order(conn, order.id)
    if own:
        return rules.payment_status_of(own, int(await _sql.refunded_aside(conn, order_id=order.id)))
    back = order.refunded_minor if refunded is None else refunded
    if order.payment_status in ("unpaid", "voided") or not back:
        return order.payment_status
    return "refunded" if back >= order.total_minor else "partly_refunded"


async def save(
    conn: Connection, order: Order, *, status: str, payment_status: str, refunded: int = 0, now: datetime
) -> Order:
    """Write an order's new state and tell every channel; its version goes up by one."""
    row = await _sql.update_order(
        conn, id=order.id, status=status, payment_status=payment_status, refunded=refunded, now=now
    )
    saved = (await with_lines(conn, [row]))[0]
    await changes.record_changes(conn, events.changed([saved]))
    return saved


async def payment_moved(conn: Connection, order_id: int, *, actor: str, now: datetime) -> Order:
    """Bring the order's payment state up to its payments, inside the caller's transaction; nothing when it is."""
    order = await lock(conn, order_id)
    status = await payment_status(conn, order)
    if status == order.payment_status:
        return order
    await note(conn, order.id, status, actor=actor, now=now)
    return await save(conn, order, status=order.status, payment_status=status, now=now)


async def give_back(
    conn: Connection, order: Order, amount: int, *, key: str, now: datetime
) -> tuple[int, tuple[int, ...]]:
    """Ask the providers to give so much back, the newest payment first; (what they can, the calls to make).

    An order whose money nobody here took gives back nothing by itself: the till, or the other system, does.
    """
    left, calls = amount, []
    for payment in reversed(await payments.of_order(conn, order.id)):
        part = min(left, await payments.refundable(conn, payment))
        if part > 0:
            entry = await payments.ask_for(conn, payment.id, "refund", part, key=f"{payment.id}:{key}", now=now)
            if entry is not None:
                calls.append(entry)
            left -= part
    return amount - left, tuple(calls)


async def refunded(conn: Connection, order: Order, amount: int, *, reason: str, actor: str, now: datetime) -> Order:
    """Write down that so much of a locked order's money goes back, and why."""
    await note(conn, order.id, "refunded", actor=actor, now=now, reason=reason, detail={"amount_minor": amount})
    saved = await save(conn, order, status=order.status, payment_status=order.payment_status, refunded=amount, now=now)
    told = events.of_order(
        order, "Order Refunded", f"order:{order.number}:refunded:{saved.version}", amount=amount, reason=reason
    )
    await record.record(conn, told, clock=lambda: now)
    return saved


async def let_go(conn: Connection, order: Order, *, key: str, now: datetime) -> tuple[int, ...]:
    """Ask the providers to let go what is reserved or expected and not taken; the calls to make."""
    calls = []
    for payment in await payments.of_order(conn, order.id):
        if payment.state in ("authorised", "pending") and not payment.captured_minor:
            entry = await payments.ask_for(
                conn, payment.id, "void", payment.amount_minor, key=f"{payment.id}:{key}", now=now
            )
            if entry is not None:
                calls.append(entry)
    return tuple(calls)


async def reserved(conn: Connection, order: Order) -> int:
    """What the order's payments reserve and nobody has taken or asked to take."""
    return sum([await payments.capturable(conn, payment) for payment in await payments.of_order(conn, order.id)])


async def take(conn: Connection, order: Order, amount: int, *, key: str, now: datetime) -> tuple[int, ...]:
    """Ask the providers to take so much of what they reserved; the calls to make."""
    left, calls = amount, []
    for payment in await payments.of_order(conn, order.id):
        part = min(left, await payments.capturable(conn, payment))
        if part > 0:
            entry = await payments.ask_for(conn, payment.id, "capture", part, key=f"{payment.id}:{key}", now=now)
            if entry is not None:
                calls.append(entry)
            left -= part
    return tuple(calls)


async def hand_over(
    conn: Connection,
    order_id: int,
    units: Mapping[int, int],
    *,
    actor: str,
    now: datetime,
    what: str = "handed over",
) -> Changed:
    """Units (by order line id) are in the customer's hands: the order knows, and what they cost is taken.

    The goods themselves have been moved by the caller (`inventory.hand_over`), before this locks the order. Raises
    OrderNotFound, OrderState, NothingToCancel when there are not so many left.
    """
    order = await lock(conn, order_id)
    rules.check_move(order.status, "completed")
    first = not any(line.handed_over for line in order.lines)
    due = order.shipping_minor if first else 0
    for line in order.lines:
        if line.id in units:
            rules.check_cancel(line, units[line.id])
            due += rules.worth(line, units[line.id], line.handed_over, tax_included=order.tax_included)
    await change_lines(conn, handed_over=units)
    calls = await take(conn, order, due, key=f"handed:{order.version}", now=now)
    after = await lock(conn, order_id)
    status = rules.status_of(after.lines, order.status)
    await note(conn, order.id, what, actor=actor, now=now, detail={"units": {str(key): n for key, n in units.items()}})
    saved = await save(conn, order, status=status, payment_status=order.payment_status, now=now)
    return Changed(saved, calls)


async def change_lines(
    conn: Connection,
    *,
    cancelled: Mapping[int, int] | None = None,
    handed_over: Mapping[int, int] | None = None,
    returned: Mapping[int, int] | None = None,
) -> None:
    """Count units of order lines, by line id."""
    kinds = [cancelled or {}, handed_over or {}, returned or {}]
    lines = sorted({line for kind in kinds for line in kind})
    await _sql.change_lines(
        conn,
        lines=lines,
        cancelled=[kinds[0].get(line, 0) for line in lines],
        handed_over=[kinds[1].get(line, 0) for line in lines],
        returned=[kinds[2].get(line, 0) for line in lines],
    )
