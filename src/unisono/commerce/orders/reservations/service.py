"""The door of reservations: reserve, make ready, put off, cancel, hand over, expire, read.

Goods are locked first, then the person, then the reservation, then its timers. At the deadline the hold is dead: from
that instant handing over is refused and the units are free, with or without the timer that writes it down.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from unisono.commerce.carts.codes import new_code
from unisono.commerce.catalog import service as catalog
from unisono.commerce.changes.model import NewChange
from unisono.commerce.changes.service import record_changes
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import StockNeed
from unisono.commerce.orders.direct import place_for
from unisono.commerce.orders.events import major
from unisono.commerce.orders.model import DirectPayment, NewLine, NewOrder, Order
from unisono.commerce.orders.placing import by_source
from unisono.commerce.orders.reservations import rules
from unisono.commerce.orders.reservations.errors import (
    BadReservation,
    ReservationNotFound,
    ReservationRefused,
    ReservationState,
    WrongCode,
)
from unisono.commerce.orders.reservations.model import (
    OPEN,
    NewReservation,
    NoShow,
    Policy,
    ReceiptReference,
    Reservation,
    ReservationStatus,
    Track,
)
from unisono.commerce.orders.slots import service as slots
from unisono.commerce.pricing import service as pricing
from unisono.customers.identity import service as identity
from unisono.customers.record import Happening, record
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import NewTimer
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders.reservations")

EXPIRY: Final = "reservation.expiry"
REMINDER: Final = "reservation.reminder"
"""Kinds of timers; the key is the reservation's id."""

OVERRIDE: Final = "reserved by the buyer"
"""Why the till may sell what is promised: it is promised to him."""

MAX_TEXT: Final = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# Reading ----------------------------------------------------------------------------------------------


def _reservation(row: asyncpg.Record, now: datetime) -> Reservation:
    fields = {key: value for key, value in row.items() if key != "holds"}
    fields["state"] = rules.standing(row["state"], row["deadline"], now)
    return Reservation(**fields)


async def _rows(conn: Connection, *, now: datetime, **wanted: Any) -> list[asyncpg.Record]:
    given = dict.fromkeys(("id", "code", "nodes", "store_ids", "states", "before_at", "before_id"))
    rows: list[asyncpg.Record] = await _sql.reservations(conn, now=now, **{**given, "limit": 1, **wanted})
    return rows


async def _row(conn: Connection, reservation_id: str, *, now: datetime) -> asyncpg.Record:
    try:
        rows = await _rows(conn, now=now, id=uuid.UUID(reservation_id))
    except ValueError:
        rows = []
    if not rows:
        raise ReservationNotFound(f"There is no reservation {reservation_id[:40]!r}.")
    return rows[0]


async def get(conn: Connection, reservation_id: str, *, now: datetime) -> Reservation:
    """A reservation as it stands at ``now``. Raises ReservationNotFound."""
    return _reservation(await _row(conn, reservation_id, now=now), now)


async def by_code(conn: Connection, code: str, *, now: datetime) -> Reservation:
    """The reservation of a code somebody shows. Raises ReservationNotFound."""
    read = rules.shown_code(code)
    rows = await _rows(conn, now=now, code=read) if read else []
    if not rows:
        raise ReservationNotFound("No reservation has this code.")
    return _reservation(rows[0], now)


async def reservations(
    conn: Connection,
    *,
    now: datetime,
    nodes: Collection[int] | None = None,
    store_ids: Collection[str] | None = None,
    states: Collection[ReservationStatus] | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Reservation], str | None]:
    """A page of reservations, newest first, and the key of the next page. Raises BadRequest for a key that is none."""
    before = _parse_key(after)
    rows = await _rows(
        conn,
        now=now,
        nodes=None if nodes is None else list(nodes),
        store_ids=None if store_ids is None else list(store_ids),
        states=list(states) if states else None,
        before_at=before[0] if before else None,
        before_id=before[1] if before else None,
        limit=limit + 1,
    )
    found = [_reservation(row, now) for row in rows[:limit]]
    return found, _key(found[-1]) if len(rows) > limit else None


async def to_hand_over(
    conn: Connection, store_ids: Collection[str], *, now: datetime, limit: int = 200
) -> list[Reservation]:
    """What waits in these stores, soonest deadline first."""
    rows = await _sql.to_hand_over(conn, store_ids=list(store_ids), now=now, limit=limit)
    return [await get(conn, row["id"], now=now) for row in rows]


def _key(found: Reservation) -> str:
    return f"{(found.created_at - _EPOCH) // timedelta(microseconds=1)}.{found.id}"


def _parse_key(key: str | None) -> tuple[datetime, uuid.UUID] | None:
    if key is None:
        return None
    micros, _, number = key.partition(".")
    try:
        return _EPOCH + timedelta(microseconds=int(micros)), uuid.UUID(number)
    except (ValueError, OverflowError):
        raise BadRequest("That is no key of a page.", code="bad_page_key") from None


async def no_show(conn: Connection, nodes: Collection[int], policy: Policy, *, now: datetime) -> NoShow:
    """How reliable the owner of these nodes is, over all of them."""
    row = await _sql.track(conn, nodes=list(nodes), now=now)
    return rules.no_show(Track(**dict(row)), policy)


# Reserving --------------------------------------------------------------------------------------------


async def reserve(
    conn: Connection, new: NewReservation, *, policy: Policy, currency: str = "EUR", now: datetime
) -> Reservation:
    """Keep units in a store without payment, until the deadline.

    Raises NotEnough with what is there, ReservationRefused with the reasons, SkuUnknown, PlaceUnknown, BadReservation,
    PersonNotFound; then nothing is kept.
    """
    _check(new, policy)
    where = await slots.locate(conn, new.store_id)
    variant = await catalog.variant_by_code(conn, new.code)
    if variant.status != "active" or not where.location.picks_up:
        what = variant.sku if variant.status != "active" else where.location.code
        raise BadReservation(f"{what} takes no reservations.", code="not_reservable")
    deadline = rules.deadline_of(where.location, policy, wanted=new.until, now=now)
    number = uuid.uuid4()
    held = await inventory.hold_stock(
        conn,
        [StockNeed(variant.id, new.store_id, new.quantity)],
        channel=new.channel,
        node_id=new.node_id,
        key=f"reservation:{number}",
        expires_at=deadline,
        reason="reservation",
        reference=f"reservation:{number}",
        now=now,
    )
    await _grant(conn, new.node_id, policy, now=now)
    priced = await pricing.prices(
        conn,
        [variant.id],
        channel=new.channel,
        store_id=new.store_id,
        audiences=frozenset(),
        currency=currency,
        at=now,
    )
    price = priced.get(variant.id)
    await _sql.insert_reservation(
        conn,
        id=number,
        code=new_code(),
        node_id=new.node_id,
        variant_id=variant.id,
        quantity=new.quantity,
        holds=[hold.id for hold in held],
        channel=new.channel,
        unit_minor=None if price is None else price.amount_minor,
        currency=None if price is None else price.currency,
        deadline=deadline,
        note=new.note,
        now=now,
        store_id=new.store_id,
    )
    made = await get(conn, str(number), now=now)
    await _told(conn, made, "Product Reserved", "made", channel=new.channel, now=now)
    await _set_timers(conn, made, where, policy, since=now)
    return made


def _check(new: NewReservation, policy: Policy) -> None:
    if not 1 <= new.quantity <= policy.most_units:
        raise BadReservation(
            f"1 to {policy.most_units} units can be reserved, not {new.quantity}.", code="bad_quantity"
        )
    _check_text(new.note)


def _check_text(text: str | None) -> None:
    if text is not None and (len(text) > MAX_TEXT or "\x00" in text):
        raise BadReservation(f"A text has up to {MAX_TEXT} readable characters.", code="bad_text")


async def _grant(conn: Connection, node_id: int, policy: Policy, *, now: datetime) -> None:
    """Count what the person has open, nobody else of his at the same time. Raises ReservationRefused."""
    person = await identity.resolve(conn, node_id)
    await _sql.lock_person(conn, person=person)
    nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
    refused = rules.refusal(await no_show(conn, nodes, policy, now=now), policy)
    if refused is not None:
        raise ReservationRefused([refused])


async def _set_timers(
    conn: Connection, made: Reservation, where: slots.Located, policy: Policy, *, since: datetime
) -> None:
    wanted = [NewTimer(kind=EXPIRY, key=made.id, due_at=made.deadline)]
    remind_at = rules.reminder_of(where.location, policy, made.deadline, since=since)
    if remind_at is not None:
        wanted.append(NewTimer(kind=REMINDER, key=made.id, due_at=remind_at, not_after=made.deadline))
    await timers.set_timers(conn, wanted)


# Changing ---------------------------------------------------------------------------------------------


async def make_ready(conn: Connection, reservation_id: str, *, actor: str, now: datetime) -> Reservation:
    """The units lie at the counter: the person is told. Raises ReservationNotFound, ReservationState."""
    before = await get(conn, reservation_id, now=now)
    if before.state != "held":
        raise _over(before.state, "made ready")
    found = await _move(conn, before, "ready", of=("held",), actor=actor, now=now)
    await _told(conn, found, "Reservation Ready", "ready", channel="store", now=now)
    return found


async def extend(
    conn: Connection, reservation_id: str, *, policy: Policy, until: datetime | None = None, now: datetime
) -> Reservation:
    """Put the deadline off, once: to the closing of the next day of opening, or as asked for.

    Raises ReservationNotFound, ReservationState, BadReservation.
    """
    row = await _row(conn, reservation_id, now=now)
    before = _reservation(row, now)
    if before.state not in OPEN:
        raise _over(before.state, "extended")
    if before.extended_at is not None:
        raise ReservationState("It has been extended once; that is all.", state=before.state)
    where = await slots.locate(conn, before.store_id)
    deadline = rules.extended(where.location, policy, before.deadline, wanted=until, now=now)
    try:
        await holds.renew(conn, row["holds"], expires_at=deadline, now=now)
    except HoldDead as dead:
        raise _over("expired", "extended") from dead
    if await _sql.extend_reservation(conn, id=uuid.UUID(before.id), deadline=deadline, now=now) is None:
        raise _over((await get(conn, before.id, now=now)).state, "extended")
    found = await get(conn, before.id, now=now)
    # Announced again, with its new end: what is to come shows the newest.
    await _told(conn, found, "Product Reserved", "extended", channel=found.channel, now=now, extended=True)
    await _set_timers(conn, found, where, policy, since=now)
    return found


async def cancel(
    conn: Connection, reservation_id: str, *, actor: str, reason: str, channel: str = "store", now: datetime
) -> Reservation:
    """Call it off: the units are free at once. Raises ReservationNotFound, ReservationState, BadReservation."""
    _check_text(reason)
    row = await _row(conn, reservation_id, now=now)
    before = _reservation(row, now)
    if before.state not in OPEN:
        raise _over(before.state, "cancelled")
    await inventory.release(conn, row["holds"], now=now, reason="reservation cancelled")
    found = await _move(conn, before, "cancelled", of=OPEN, actor=actor, reason=reason, now=now)
    await _told(conn, found, "Reservation Cancelled", "cancelled", channel=channel, now=now, reason=reason)
    await _cancel_timers(conn, found.id, "reservation cancelled")
    return found


async def check_code(conn: Connection, reservation_id: str, code: str, *, now: datetime) -> Reservation:
    """The reservation, if ``code`` is its own: typed, scanned, in any case. Raises WrongCode, ReservationNotFound."""
    found = await get(conn, reservation_id, now=now)
    if rules.shown_code(code) != found.code:
        raise WrongCode("This is not the code of the reservation.")
    return found


async def hand_over(
    conn: Connection,
    reservation_id: str,
    code: str,
    *,
    receipt: ReceiptReference | None = None,
    payment: DirectPayment | None = None,
    currency: str = "EUR",
    actor: str,
    now: datetime,
) -> Reservation:
    """The units are in the customer's hands, once: they leave the shelf here, whatever the till sends later.

    With the till's ``receipt`` the movement carries the receipt's own reference, so the receipt, before or after,
    moves nothing more. With a ``payment`` it becomes an order at the prices of the day. With neither the units leave
    and the till does the rest. Raises WrongCode, ReservationState when it is past its deadline, collected or
    cancelled, BadReservation, and what `place_for` raises.
    """
    before = await check_code(conn, reservation_id, code, now=now)
    held = (await _row(conn, reservation_id, now=now))["holds"]
    if receipt is not None and payment is not None:
        raise BadReservation("Either the till has sold it, or it is paid here.", code="bad_receipt")
    if before.state not in OPEN:
        raise _over(before.state, "handed over")
    try:
        await holds.commit(conn, held, now=now)
    except HoldDead as dead:
        raise _over("expired", "handed over") from dead
    sold = None if receipt is None else receipt_key(before.store_id, receipt)
    order = await _give(conn, before, held, sold, payment, currency, actor=actor, now=now)
    found = await _move(conn, before, "collected", of=OPEN, actor=actor, receipt=sold, now=now)
    if order is not None:
        await _sql.link_order(conn, id=uuid.UUID(before.id), order_id=order.id)
        found = await get(conn, before.id, now=now)
    crash_point("reservations.before_commit")
    await _told(conn, found, "Reservation Collected", "collected", channel="store", now=now)
    await _cancel_timers(conn, found.id, "reservation collected")
    return found


async def _give(
    conn: Connection,
    before: Reservation,
    held: Sequence[uuid.UUID],
    sold: str | None,
    payment: DirectPayment | None,
    currency: str,
    *,
    actor: str,
    now: datetime,
) -> Order | None:
    """The units leave the shelf, in one of three ways; the order that came of it, if there is one."""
    if sold is None and payment is None:
        await inventory.hand_over(conn, held, reference=f"reservation:{before.id}", actor=actor, now=now)
        return None
    # Given back and taken again under the same lock: nobody comes between.
    await inventory.release(conn, held, now=now, reason="sold to whom it was reserved for")
    if payment is not None:
        return await _sell(conn, before, payment, currency, actor=actor, now=now)
    assert sold is not None
    await inventory.sell_at_till(
        conn,
        before.store_id,
        [(before.variant_id, before.quantity)],
        reference=sold,
        actor=actor,
        override_reason=OVERRIDE,
        occurred_at=now,
        now=now,
    )
    source, _, number = sold.rpartition(":")
    return await by_source(conn, source, number)


async def _sell(
    conn: Connection, before: Reservation, payment: DirectPayment, currency: str, *, actor: str, now: datetime
) -> Order:
    asked = NewOrder(
        source="reservation",
        source_order_id=before.id,
        lines=(NewLine(sku=before.sku, quantity=before.quantity),),
        channel="store",
        store_id=before.store_id,
        currency=currency,
        fulfilment="carry",
        payment=payment,
        override_reason=OVERRIDE,
    )
    return (await place_for(conn, asked, before.node_id, actor=actor, now=now)).order


def receipt_key(store_id: str, receipt: ReceiptReference) -> str:
    """The reference under which a till's receipt moves stock when it arrives (`arriving`). Raises BadReservation."""
    for text in (receipt.till_id, receipt.receipt_id):
        if not text or len(text) > 80 or not text.isprintable() or ":" in text:
            raise BadReservation("A receipt is named by till and number.", code="bad_receipt")
    return f"till:{store_id}:{receipt.till_id}:{receipt.receipt_id}"


async def expire(conn: Connection, reservation_id: str, *, now: datetime) -> Reservation:
    """Write down that nobody came before the deadline; nothing when somebody did, or it was put off."""
    row = await _row(conn, reservation_id, now=now)
    await holds.release(conn, row["holds"], now=now, reason="reservation expired", expired=True)
    before = await get(conn, reservation_id, now=now)
    if before.state != "expired":
        return before
    moved = await _sql.move_reservation(
        conn,
        id=uuid.UUID(before.id),
        state="expired",
        of=list(OPEN),
        actor="system",
        reason=None,
        receipt=None,
        now=now,
    )
    found = await get(conn, reservation_id, now=now)
    if moved is None:
        return found
    await _changed(conn, found)
    await _told_event(conn, found, "Reservation Expired", "expired", channel=found.channel, now=now)
    return found


async def remind(conn: Connection, reservation_id: str, *, now: datetime) -> bool:
    """Tell the person that the deadline is near; whether there was anybody to tell."""
    found = await get(conn, reservation_id, now=now)
    if found.state not in OPEN:
        return False
    await _told_event(
        conn, found, "Reservation Reminder", f"reminder:{found.deadline.isoformat()}", channel=found.channel, now=now
    )
    return True


async def _move(
    conn: Connection,
    before: Reservation,
    to: ReservationStatus,
    *,
    of: Sequence[ReservationStatus],
    actor: str,
    now: datetime,
    reason: str | None = None,
    receipt: str | None = None,
) -> Reservation:
    """Write a new state and its change. Raises ReservationState when somebody was faster."""
    moved = await _sql.move_reservation(
        conn, id=uuid.UUID(before.id), state=to, of=list(of), actor=actor, reason=reason, receipt=receipt, now=now
    )
    found = await get(conn, before.id, now=now)
    if moved is None:
        raise _over(found.state, to)
    return found


def _over(state: str, wanted: str) -> ReservationState:
    return ReservationState(f"A reservation that is {state} cannot be {wanted}.", state=state)


async def _cancel_timers(conn: Connection, reservation_id: str, why: str) -> None:
    await timers.cancel_timers(conn, [(EXPIRY, reservation_id), (REMINDER, reservation_id)], reason=why)


# Telling ----------------------------------------------------------------------------------------------


async def _told(conn: Connection, found: Reservation, name: str, fact: str, **more: Any) -> None:
    await _changed(conn, found)
    await _told_event(conn, found, name, fact, **more)


async def _changed(conn: Connection, found: Reservation) -> None:
    data: Mapping[str, Any] = {
        "id": found.id,
        "state": found.state,
        "store_id": found.store_id,
        "sku": found.sku,
        "quantity": found.quantity,
        "deadline": found.deadline.isoformat(),
    }
    await record_changes(
        conn, [NewChange("reservation", f"reservation:{found.id}", found.version, data, found.node_id)]
    )


async def _told_event(
    conn: Connection, found: Reservation, name: str, fact: str, *, channel: str, now: datetime, **more: Any
) -> None:
    priced = found.unit_minor is not None and found.currency is not None
    properties = {
        "reservation_id": found.id,
        "sku": found.sku,
        "product_id": found.product_code,
        "name": found.name,
        "quantity": found.quantity,
        "price": major(found.unit_minor or 0, found.currency or "EUR") if priced else None,
        "currency": found.currency,
        "store_id": found.store_id,
        "store_name": found.store_name,
        "expires_at": found.deadline.isoformat(),
        **more,
    }
    happening = Happening(
        node_id=found.node_id,
        name=name,
        key=f"reservation:{found.id}:{fact}",
        channel=channel,
        store_id=found.store_id,
        at=now,
        properties={key: value for key, value in properties.items() if value is not None},
    )
    await record(conn, [happening], clock=lambda: now)
