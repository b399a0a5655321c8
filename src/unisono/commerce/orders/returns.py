"""Goods brought back, in whatever channel, line by line: units, money, condition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from unisono.commerce.orders import events, money, reading, rules, stocking
from unisono.commerce.orders.errors import BadOrder, NothingToReturn, OrderState
from unisono.commerce.orders.model import Condition, Order, OrderLine, Return, ReturnAsked, ReturnRequest
from unisono.commerce.orders.payments import service as payments
from unisono.commerce.orders.placing import note
from unisono.customers import record
from unisono.kit.database import Connection
from unisono.kit.errors import Conflict
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders")


class Back(NamedTuple):
    """Units of a line in one condition, and what they bring back."""

    line: OrderLine
    units: int
    condition: Condition
    refund: int


class Returned(NamedTuple):
    """The return, the order after it, and the calls to providers to be made after the commit."""

    made: Return
    order: Order
    calls: tuple[int, ...] = ()


async def return_lines(conn: Connection, number: str, request: ReturnRequest, *, actor: str, now: datetime) -> Returned:
    """Take units back and give their money back, inside the caller's transaction.

    A unit brings back its share of what the line cost, discounts and tax as paid, by the largest remainder. What
    sending cost comes back once, with whichever return asks for it. Where the request has a key the return is made
    once, however often it is asked for. Raises OrderNotFound, BadOrder, NothingToReturn, OrderState; Conflict
    (``order_changed``) when somebody changed the order in the same moment.
    """
    reason = rules.check_text(request.reason, "Reason")
    order = await reading.get(conn, number)
    key = None if request.key is None else f"{order.number}:{rules.check_text(request.key, 'Key')}"
    if key is not None:
        await _sql.lock_source_order(conn, source="return", source_order_id=key)
        known = await _sql.return_by_key(conn, key=key)
        if known is not None:
            return Returned((await reading.as_returns(conn, [known]))[0], order)
    units = _units(order, request.lines)
    await _check_paid(conn, order, request)
    await stocking.put_back(
        conn,
        request.store_id or order.store_id,
        [(back.line, back.units, back.condition) for back in units],
        reference=f"order:{order.number}",
        actor=actor,
        now=now,
    )
    if await _sql.lock_order(conn, id=order.id, version=order.version) is None:
        raise Conflict("The order was changed in the same moment.", code="order_changed", hint="Read it again.")
    shipping = order.shipping_minor - await _sql.shipping_returned(conn, order_id=order.id)
    shipping = shipping if request.refund_shipping else 0
    refund = 0 if request.refund_to == "none" else sum(back.refund for back in units) + shipping
    refund = min(refund, order.total_minor - order.refunded_minor)
    row = await _write(conn, order, request, units, refund, key=key, reason=reason, actor=actor, now=now)
    made = (await reading.as_returns(conn, [row]))[0]
    calls: tuple[int, ...] = ()
    if request.refund_to == "original" and refund:
        _, calls = await money.give_back(conn, order, refund, key=f"return:{made.number}", now=now)
    saved = await _save(conn, order, made, reason=reason, actor=actor, now=now)
    told = events.returned(order, made, [(back.line, back.units) for back in units])
    await record.record(conn, told, clock=lambda: now)
    return Returned(made, saved, calls)


async def _check_paid(conn: Connection, order: Order, request: ReturnRequest) -> None:
    """Raises OrderState where money is to go back that never came: to where it came from, or in cash while the order's
    own payment is open. What another system was paid for may be given back in cash."""
    if request.refund_to == "none" or order.payment_status not in ("unpaid", "authorised", "voided"):
        return
    if request.refund_to == "original" or await payments.of_order(conn, order.id):
        raise OrderState("Nothing was paid that could be given back.", state=order.payment_status)


def _units(order: Order, asked: Sequence[ReturnAsked]) -> list[Back]:
    """What each asked line and condition brings back. Raises BadOrder, NothingToReturn."""
    if not asked or len(asked) > len(order.lines) * 2:
        raise BadOrder("Say which lines come back.", code="bad_lines")
    by_id = {line.id: line for line in order.lines}
    taken: dict[int, int] = defaultdict(int)
    back: dict[tuple[int, Condition], Back] = {}
    for one in asked:
        line = by_id.get(one.order_line_id)
        if line is None:
            raise BadOrder(f"The order has no line {one.order_line_id}.", code="line_unknown")
        rules.check_return(line, one.quantity)
        if (line.id, one.condition) in back:
            raise BadOrder(f"The line {line.id} is named twice.", code="bad_lines")
        start = line.returned + taken[line.id]
        worth = rules.worth(line, one.quantity, start, tax_included=order.tax_included)
        back[line.id, one.condition] = Back(line, one.quantity, one.condition, worth)
        taken[line.id] += one.quantity
    for line_id, units in taken.items():
        line = by_id[line_id]
        if units > line.handed_over - line.returned:
            raise NothingToReturn(f"There are not so many of {line.sku} to return.", sku=line.sku)
    return list(back.values())


async def _write(
    conn: Connection,
    order: Order,
    request: ReturnRequest,
    units: Sequence[Back],
    refund: int,
    *,
    key: str | None,
    reason: str,
    actor: str,
    now: datetime,
) -> asyncpg.Record:
    row: asyncpg.Record = await _sql.insert_return(
        conn,
        order_id=order.id,
        node_id=order.node_id,
        channel=request.channel,
        store_id=request.store_id,
        reason=reason,
        refund=refund,
        currency=order.currency,
        refund_to=request.refund_to,
        actor=actor,
        key=key,
        now=now,
    )
    await _sql.insert_return_lines(
        conn,
        return_id=row["id"],
        lines=[back.line.id for back in units],
        quantities=[back.units for back in units],
        refunds=[back.refund for back in units],
        conditions=[back.condition for back in units],
    )
    returned: dict[int, int] = defaultdict(int)
    for back in units:
        returned[back.line.id] += back.units
    await money.change_lines(conn, returned=returned)
    return row


async def _save(conn: Connection, order: Order, made: Return, *, reason: str, actor: str, now: datetime) -> Order:
    after = await money.lock(conn, order.id)
    status = rules.status_of(after.lines, order.status)
    paid = await money.payment_status(conn, order, refunded=order.refunded_minor + made.refund_minor)
    await note(
        conn,
        order.id,
        "returned",
        actor=actor,
        now=now,
        reason=reason,
        detail={"return": made.number, "refund_minor": made.refund_minor, "refund_to": made.refund_to},
    )
    return await money.save(conn, order, status=status, payment_status=paid, refunded=made.refund_minor, now=now)
