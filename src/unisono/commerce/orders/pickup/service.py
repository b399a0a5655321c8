"""The door of pick-ups and shipments: prepare, hand over, send, and what nobody came for.

Goods are locked first, then the order, then the parcel, then its timers. A parcel is handed over or taken back, never
both: whoever locks the goods first has them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.inventory import service as inventory
from unisono.commerce.orders import cancelling, events, money
from unisono.commerce.orders.model import CancelLine, Order
from unisono.commerce.orders.payments import service as payments
from unisono.commerce.orders.pickup import rules
from unisono.commerce.orders.pickup.errors import NotPaid, PickupNotFound, PickupState
from unisono.commerce.orders.pickup.model import WAITING, CounterPayment, Done, FulfilmentState, Parcel, ParcelLine
from unisono.commerce.orders.placing import note
from unisono.commerce.orders.reservations.errors import WrongCode
from unisono.commerce.orders.slots import service as slots
from unisono.commerce.orders.slots.opening import closing_after
from unisono.customers.record import record
from unisono.customers.timers import service as timers
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders.pickup")

COLLECT_BY: Final = "pickup.collect_by"
"""Kind of timer; the key is the parcel's id."""

MAX_TEXT: Final = 200


# Reading ----------------------------------------------------------------------------------------------


def _parcel(row: asyncpg.Record) -> Parcel:
    fields = {key: value for key, value in row.items() if key != "code"}
    fields["customer"] = msgspec.json.decode(row["customer"])
    fields["lines"] = msgspec.json.decode(row["lines"], type=list[ParcelLine])
    return Parcel(**fields)


async def _rows(conn: Connection, **wanted: Any) -> list[asyncpg.Record]:
    given = dict.fromkeys(("id", "code", "number", "store_ids", "kinds", "states"))
    rows: list[asyncpg.Record] = await _sql.parcels(conn, **{**given, "limit": 1, **wanted})
    return rows


async def _row(conn: Connection, parcel_id: int) -> asyncpg.Record:
    rows = await _rows(conn, id=parcel_id)
    if not rows:
        raise PickupNotFound(f"There is no pick-up {parcel_id}.")
    return rows[0]


async def get(conn: Connection, parcel_id: int) -> Parcel:
    """A parcel. Raises PickupNotFound."""
    return _parcel(await _row(conn, parcel_id))


async def by_code(conn: Connection, code: str) -> Parcel:
    """The parcel of a code somebody shows. Raises PickupNotFound."""
    read = rules.read_code(code)
    rows = await _rows(conn, code=read) if read else []
    if not rows:
        raise PickupNotFound("No pick-up has this code.")
    return _parcel(rows[0])


async def code_of(conn: Connection, parcel_id: int) -> str | None:
    """What the customer shows: for his own eyes and papers. Raises PickupNotFound."""
    found: str | None = (await _row(conn, parcel_id))["code"]
    return found


async def parcels_of(conn: Connection, number: str) -> list[Parcel]:
    """All parcels of an order."""
    rows = await _rows(conn, number=number, limit=500) if number.isprintable() else []
    return [_parcel(row) for row in rows]


async def waiting(
    conn: Connection, store_ids: Collection[str], *, kind: str = "pickup", limit: int = 200
) -> list[Parcel]:
    """What waits in these stores to be prepared, handed over or sent, soonest first."""
    rows = await _rows(conn, store_ids=list(store_ids), kinds=[kind], states=list(WAITING), limit=limit)
    return [_parcel(row) for row in rows]


# Preparing --------------------------------------------------------------------------------------------


async def start_picking(conn: Connection, parcel_id: int, *, actor: str, now: datetime) -> Done:
    """Somebody gathers it. Raises PickupNotFound, PickupState."""
    before = await get(conn, parcel_id)
    return await _step(conn, before, "picking", what="picking", actor=actor, now=now)


async def make_ready(conn: Connection, parcel_id: int, *, days: int, actor: str, now: datetime) -> Done:
    """It lies at the counter: the person is told, and it waits until the store closes on the ``days``-th day of
    opening after the present one. Raises PickupNotFound, PickupState."""
    row = await _row(conn, parcel_id)
    before = _parcel(row)
    if before.kind != "pickup" or before.store_id is None:
        raise PickupState("Only a pick-up waits at a counter.", state=before.state)
    where = await slots.locate(conn, before.store_id)
    collect_by = closing_after(where.location, now, days)
    done = await _step(conn, before, "ready", what="ready for pick-up", actor=actor, now=now, collect_by=collect_by)
    more = {"expires_at": collect_by.isoformat(), "pickup_code": row["code"]}
    await _tell(conn, done.parcel, "Order Ready for Pickup", "ready", now=now, more=more)
    await timers.set_timer(conn, COLLECT_BY, str(parcel_id), collect_by)
    return done


async def _step(
    conn: Connection,
    before: Parcel,
    to: FulfilmentState,
    *,
    what: str,
    actor: str,
    now: datetime,
    **more: Any,
) -> Done:
    """A step that moves no goods: the order's row, history and change, then the parcel."""
    order = await money.lock(conn, before.order_id)
    await _move(conn, before, to, actor=actor, now=now, **more)
    await note(conn, order.id, what, actor=actor, now=now, detail={"parcel": before.id})
    status = "ready" if to == "ready" and order.status == "open" else order.status
    await money.save(conn, order, status=status, payment_status=order.payment_status, now=now)
    return Done(await get(conn, before.id))


async def _move(
    conn: Connection,
    before: Parcel,
    to: FulfilmentState,
    *,
    actor: str,
    now: datetime,
    collect_by: datetime | None = None,
    carrier: str | None = None,
    tracking: str | None = None,
) -> None:
    moved = await _sql.move_parcel(
        conn,
        id=before.id,
        state=to,
        of=list(rules.BEFORE[to]),
        actor=actor,
        now=now,
        collect_by=collect_by,
        carrier=carrier,
        tracking=tracking,
    )
    if moved is None:
        raise _over((await get(conn, before.id)).state, to)


def _over(state: str, wanted: str) -> PickupState:
    return PickupState(f"What is {state.replace('_', ' ')} cannot be {wanted.replace('_', ' ')}.", state=state)


# Handing over -----------------------------------------------------------------------------------------


async def check_code(conn: Connection, parcel_id: int, code: str) -> Parcel:
    """The parcel, if ``code`` is its own. Raises WrongCode, PickupNotFound."""
    row = await _row(conn, parcel_id)
    if row["code"] is None or rules.read_code(code) != row["code"]:
        raise WrongCode("This is not the code of the pick-up.")
    return _parcel(row)


async def hand_over(
    conn: Connection,
    parcel_id: int,
    code: str,
    *,
    payment: CounterPayment | None = None,
    actor: str,
    now: datetime,
) -> Done:
    """The goods are in the customer's hands, once: they leave the shelf, the order knows, what was reserved on a card
    is taken, what is still due is paid here.

    Raises WrongCode, NotPaid with what is due, PickupState when it was handed over, taken back or cancelled.
    """
    before = await check_code(conn, parcel_id, code)
    if before.kind != "pickup" or before.state not in WAITING:
        raise _over(before.state, "handed_over")
    if before.due_minor and payment is None:
        raise NotPaid("It is to be paid at the counter.", due_minor=before.due_minor, currency=before.currency)
    await _take_goods(conn, before, actor=actor, now=now)
    if before.due_minor and payment is not None:
        await _take_money(conn, before, payment, actor=actor, now=now)
    changed = await money.hand_over(conn, before.order_id, _units(before), actor=actor, now=now, what="collected")
    await _move(conn, before, "handed_over", actor=actor, now=now)
    crash_point("pickup.before_commit")
    found = await get(conn, parcel_id)
    await _tell(conn, found, "Order Collected", "collected", channel="store", now=now)
    await timers.cancel_timer(conn, COLLECT_BY, str(parcel_id), reason="collected")
    return Done(found, changed.calls)


async def _take_goods(conn: Connection, parcel: Parcel, *, actor: str, now: datetime) -> None:
    """The goods leave the shelf; then the order is locked and the parcel still there. Raises PickupState."""
    held = [row["hold_id"] for row in await _sql.holds_of_parcel(conn, id=parcel.id)]
    try:
        await inventory.hand_over(conn, held, reference=f"order:{parcel.order_number}", actor=actor, now=now)
    except HoldDead as dead:
        # Taken back or cancelled in the same moment.
        raise _over((await get(conn, parcel.id)).state, "handed_over") from dead
    await money.lock(conn, parcel.order_id)
    state = (await get(conn, parcel.id)).state
    if state not in WAITING:
        raise _over(state, "handed_over")


async def _take_money(conn: Connection, parcel: Parcel, payment: CounterPayment, *, actor: str, now: datetime) -> None:
    """Cash and the terminal have taken it already: what is written down is answered at once, inside the transaction."""
    call = await payments.begin(
        conn,
        key=f"pickup:{parcel.id}",
        reference=f"pickup:{parcel.id}",
        order_id=parcel.order_id,
        provider=payment.provider,
        amount=parcel.due_minor,
        currency=parcel.currency,
        detail=msgspec.to_builtins(payment),
        now=now,
    )
    if call is not None:
        await payments.settle(conn, call, await payments.make(call), now=now)
    await money.payment_moved(conn, parcel.order_id, actor=actor, now=now)


def _units(parcel: Parcel) -> dict[int, int]:
    return {line.order_line_id: line.quantity for line in parcel.lines}


async def not_collected(conn: Connection, parcel_id: int, *, actor: str, now: datetime) -> Done | None:
    """Nobody came until ``collect_by``: the order's part is cancelled, its money given back in full, its goods free.

    None when there is nothing to do: it was handed over, cancelled, or may still be fetched. Raises Conflict
    (``order_changed``) when somebody changed the order in the same moment: try again.
    """
    before = await get(conn, parcel_id)
    if before.state != "ready" or before.collect_by is None or before.collect_by > now:
        return None
    lines = [CancelLine(line.order_line_id, line.quantity) for line in before.lines]
    changed = await cancelling.cancel(
        conn, before.order_number, lines=lines, reason="not collected", actor=actor, now=now
    )
    await _move(conn, before, "not_collected", actor=actor, now=now)
    after = msgspec.structs.replace(await get(conn, parcel_id), lines=before.lines)
    await _tell(conn, after, "Order Not Collected", "not_collected", now=now)
    return Done(after, changed.calls)


# Sending ----------------------------------------------------------------------------------------------


async def ship(
    conn: Connection,
    number: str,
    parcel_id: int,
    *,
    carrier: str | None,
    tracking: str | None,
    actor: str,
    now: datetime,
) -> Done:
    """The parcel has left: its goods are off the shelf, what was reserved on a card for them is taken.

    Raises PickupNotFound, PickupState, BadRequest.
    """
    _check_text(carrier, tracking)
    before = await _shipment(conn, number, parcel_id)
    if before.state not in WAITING:
        raise _over(before.state, "shipped")
    await _take_goods(conn, before, actor=actor, now=now)
    changed = await money.hand_over(conn, before.order_id, _units(before), actor=actor, now=now, what="shipped")
    await _move(conn, before, "shipped", actor=actor, now=now, carrier=carrier, tracking=tracking)
    found = await get(conn, parcel_id)
    more = {"carrier": carrier, "tracking_number": tracking}
    await _tell(conn, found, "Order Shipped", "shipped", now=now, more=more)
    return Done(found, changed.calls)


async def deliver(conn: Connection, number: str, parcel_id: int, *, actor: str, now: datetime) -> Done:
    """It has arrived. Raises PickupNotFound, PickupState."""
    before = await _shipment(conn, number, parcel_id)
    done = await _step(conn, before, "delivered", what="delivered", actor=actor, now=now)
    more = {"carrier": before.carrier, "tracking_number": before.tracking}
    await _tell(conn, done.parcel, "Order Delivered", "delivered", now=now, more=more)
    return done


async def _shipment(conn: Connection, number: str, parcel_id: int) -> Parcel:
    found = await get(conn, parcel_id)
    if found.order_number != number or found.kind != "ship":
        raise PickupNotFound(f"The order has no shipment {parcel_id}.")
    return found


def _check_text(*texts: str | None) -> None:
    for text in texts:
        if text is not None and (len(text) > MAX_TEXT or not text.isprintable()):
            raise BadRequest(f"A text has up to {MAX_TEXT} readable characters.", code="bad_text")


# Telling ----------------------------------------------------------------------------------------------


async def _tell(
    conn: Connection,
    parcel: Parcel,
    name: str,
    fact: str,
    *,
    now: datetime,
    channel: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    order = await money.lock(conn, parcel.order_id)
    by_id = {line.id: line for line in order.lines}
    lines = [(by_id[line.order_line_id], line.quantity) for line in parcel.lines if line.order_line_id in by_id]
    told = events.of_order(
        order,
        name,
        f"order:{order.number}:parcel:{parcel.id}:{fact}",
        lines=lines,
        amount=_worth(order, lines),
        channel=channel,
        store_id=parcel.store_id,
        more={"store_name": parcel.store_name, **(more or {})},
    )
    await record(conn, told, clock=lambda: now)


def _worth(order: Order, lines: Sequence[tuple[Any, int]]) -> int:
    return sum(line.total_minor * units // line.quantity for line, units in lines)
