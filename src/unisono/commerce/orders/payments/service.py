"""The door of payments: begin, ask for more, make the call, write its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from unisono.commerce.orders.errors import PaymentNotFound, PaymentState
from unisono.commerce.orders.model import Payment, PaymentEntry
from unisono.commerce.orders.payments import rules
from unisono.commerce.orders.payments.port import Action, Answer, Ask
from unisono.commerce.orders.payments.providers import provider_of
from unisono.commerce.orders.payments.rules import Standing
from unisono.customers.timers import service as timers
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders.payments")

CALL_SECONDS = 10.0
"""How long a provider may take; after that the outcome is unknown and looked up."""
RECOVER_AFTER = timedelta(seconds=30)
"""How long a started call is left to whoever started it before the timer takes it over."""
LOOK_AGAIN = timedelta(seconds=20)
"""Between two look-ups of a call nobody knows the outcome of."""

TIMER = "payment"
"""Kind of the timers that finish calls nobody finished; the key is the entry's id."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is written down as started."""

    entry_id: int
    payment_id: str
    provider: str
    action: Action
    ask: Ask
    at: datetime


async def begin(
    conn: Connection,
    *,
    key: str,
    reference: str,
    order_id: int | None,
    provider: str,
    amount: int,
    currency: str,
    detail: dict[str, Any],
    now: datetime,
) -> Call | None:
    """Write a payment and its authorisation as started; commit before `make`. None when the key was used before.

    Raises CannotPay when the provider cannot be asked like this.
    """
    port = provider_of(provider)
    ask = Ask(key=key, amount_minor=amount, currency=currency, detail=detail)
    port.check(ask)
    row = await _sql.start_payment(
        conn,
        order_id=order_id,
        reference=reference,
        provider=provider,
        method=port.method,
        amount=amount,
        currency=currency,
        key=key,
        detail=msgspec.json.encode(detail).decode(),
        now=now,
    )
    if row is None:
        return None
    await _watch(conn, row["entry_id"], now)
    return Call(
        entry_id=row["entry_id"],
        payment_id=str(row["payment_id"]),
        provider=provider,
        action="authorise",
        ask=ask,
        at=now,
    )


async def ask_for(
    conn: Connection, payment_id: str, action: Action, amount: int, *, key: str, now: datetime
) -> int | None:
    """Write down that money is to be captured, let go or given back; returns the entry for `finish`.

    None when the key asked for it before. Raises PaymentNotFound, PaymentState.
    """
    row = await _sql.lock_payment(conn, id=payment_id)
    if row is None:
        raise PaymentNotFound(f"There is no payment {payment_id}.")
    if await _sql.entry_by_key(conn, key=key) is not None:
        return None
    owed = {owing["action"]: owing["amount"] for owing in await _sql.owed_by_payment(conn, id=payment_id)}
    rules.check(_standing(row), action, amount, owed=owed)
    entry_id: int = await _sql.start_entry(conn, payment_id=payment_id, action=action, amount=amount, key=key, now=now)
    await _watch(conn, entry_id, now)
    return entry_id


async def _watch(conn: Connection, entry_id: int, now: datetime) -> None:
    await timers.set_timer(conn, TIMER, str(entry_id), now + RECOVER_AFTER)


async def call_of(conn: Connection, entry_id: int) -> Call:
    """The started call of an entry. Raises PaymentNotFound."""
    entry = await _sql.entry_by_id(conn, id=entry_id)
    if entry is None:
        raise PaymentNotFound(f"There is no payment entry {entry_id}.")
    row = await _sql.payment_by_id(conn, id=str(entry["payment_id"]))
    ask = Ask(
        key=entry["key"],
        amount_minor=entry["amount_minor"],
        currency=row["currency"],
        authorised_as=row["provider_id"],
        detail=msgspec.json.decode(row["detail"]),
    )
    return Call(
        entry_id=entry_id,
        payment_id=str(row["id"]),
        provider=row["provider"],
        action=entry["action"],
        ask=ask,
        at=entry["at"],
    )


async def make(call: Call) -> Answer:
    """Make the call, outside any transaction. An answer that does not come in time is ``unknown``."""
    crash_point("payments.before_call")
    try:
        async with asyncio.timeout(CALL_SECONDS):
            answer = await provider_of(call.provider).do(call.action, call.ask)
    except (TimeoutError, OSError) as error:
        answer = Answer(outcome="unknown", detail=f"no answer: {type(error).__name__}")
    crash_point("payments.after_call")
    return answer


async def look_up(call: Call) -> Answer | None:
    """What became of a call; None when the provider never heard of it, ``unknown`` when it does not say."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await provider_of(call.provider).lookup(call.action, call.ask)
    except (TimeoutError, OSError) as error:
        return Answer(outcome="unknown", detail=f"no answer: {type(error).__name__}")


async def settle(conn: Connection, call: Call, answer: Answer, *, now: datetime) -> Payment:
    """Write what a call came to, once: whoever settles it second finds it settled.

    While the outcome is unknown a timer looks it up again; the timer of the call itself finds it settled.
    """
    row = await _sql.lock_payment(conn, id=call.payment_id)
    if row is None:
        raise PaymentNotFound(f"There is no payment {call.payment_id}.")
    key = call.ask.key
    if await _sql.outcome_of_key(conn, payment_id=call.payment_id, key=key) is None:
        amount = call.ask.amount_minor
        standing = rules.after(_standing(row), call.action, amount, answer)
        if answer.outcome != "pending":
            await _sql.settle_entry(
                conn,
                payment_id=call.payment_id,
                action=call.action,
                outcome=answer.outcome,
                amount=amount,
                provider_id=answer.provider_id,
                key=key,
                detail=answer.detail,
                now=now,
            )
        await _sql.update_payment(
            conn,
            id=call.payment_id,
            state=standing.state,
            captured=standing.captured,
            refunded=standing.refunded,
            provider_id=answer.provider_id if call.action == "authorise" else None,
            now=now,
        )
    if answer.outcome == "unknown":
        await timers.set_timer(conn, TIMER, f"{call.entry_id}:{int(now.timestamp())}", now + LOOK_AGAIN)
    return await read(conn, call.payment_id)


async def confirm(
    conn: Connection, payment_id: str, *, reference: str | None, accepted: bool, now: datetime
) -> tuple[Payment, Action]:
    """Somebody saw it happen: the transfer arrived, the clerk gave the card its money back; or it never will.

    The oldest waiting call of the payment is settled. Raises PaymentNotFound, PaymentState when none waits.
    """
    row = await _sql.lock_payment(conn, id=payment_id)
    if row is None:
        raise PaymentNotFound(f"There is no payment {payment_id}.")
    waiting = await _sql.waiting_entries(conn, id=payment_id)
    if not waiting or row["provider"] == "test":
        raise PaymentState("Nothing of this payment waits to be confirmed.", state=row["state"])
    call = await call_of(conn, waiting[0]["id"])
    answer = Answer(
        outcome="done" if accepted else "declined",
        provider_id=reference,
        captured=call.action == "authorise",
        detail="confirmed by hand" if accepted else "called off by hand",
    )
    return await settle(conn, call, answer, now=now), call.action


async def assign(conn: Connection, payment_id: str, order_id: int, *, now: datetime) -> None:
    """The order the payment turned out to be for."""
    await _sql.assign_payment(conn, id=payment_id, order_id=order_id, now=now)


async def read(conn: Connection, payment_id: str) -> Payment:
    """A payment with its entries. Raises PaymentNotFound."""
    row = await _sql.payment_by_id(conn, id=payment_id)
    if row is None:
        raise PaymentNotFound(f"There is no payment {payment_id}.")
    return (await _with_entries(conn, [row]))[0]


async def by_key(conn: Connection, key: str) -> Payment | None:
    """The payment begun with this key."""
    row = await _sql.payment_by_key(conn, key=key)
    return None if row is None else (await _with_entries(conn, [row]))[0]


async def of_order(conn: Connection, order_id: int) -> list[Payment]:
    """The payments of an order, oldest first."""
    return await _with_entries(conn, await _sql.payments_of_order(conn, order_id=order_id))


async def of_reference(conn: Connection, reference: str) -> list[Payment]:
    """The payments of a checkout, oldest first."""
    return await _with_entries(conn, await _sql.payments_of_reference(conn, reference=reference))


async def last_outcome(conn: Connection, call: Call) -> str:
    """``started``, ``unknown``, ``done`` or ``declined``: how the call stands."""
    return str(await _sql.last_outcome(conn, payment_id=call.payment_id, key=call.ask.key))


def _standing(row: asyncpg.Record) -> Standing:
    return Standing(row["state"], row["amount_minor"], row["captured_minor"], row["refunded_minor"])


async def _with_entries(conn: Connection, rows: Sequence[asyncpg.Record]) -> list[Payment]:
    entries: dict[str, list[PaymentEntry]] = {str(row["id"]): [] for row in rows}
    if rows:
        for row in await _sql.entries_of_payments(conn, ids=[row["id"] for row in rows]):
            entries[str(row["payment_id"])].append(
                PaymentEntry(
                    row["id"],
                    row["at"],
                    row["action"],
                    row["outcome"],
                    row["amount_minor"],
                    row["provider_id"],
                    row["detail"],
                )
            )
    return [
        Payment(
            id=str(row["id"]),
            order_id=row["order_id"],
            reference=row["reference"],
            provider=row["provider"],
            method=row["method"],
            amount_minor=row["amount_minor"],
            captured_minor=row["captured_minor"],
            refunded_minor=row["refunded_minor"],
            currency=row["currency"],
            state=row["state"],
            provider_id=row["provider_id"],
            created_at=row["created_at"],
            # What stands for the means of payment stays with us.
            detail={key: value for key, value in msgspec.json.decode(row["detail"]).items() if key != "token"},
            entries=entries[str(row["id"])],
        )
        for row in rows
    ]


async def refundable(conn: Connection, payment: Payment) -> int:
    """What can still be given back: taken, and neither given back nor asked to be."""
    if payment.state != "captured":
        return 0
    owed = {row["action"]: row["amount"] for row in await _sql.owed_by_payment(conn, id=payment.id)}
    return payment.captured_minor - payment.refunded_minor - int(owed.get("refund", 0))


async def capturable(conn: Connection, payment: Payment) -> int:
    """What can still be taken: reserved, and neither taken nor asked to be."""
    if payment.state not in ("authorised", "captured"):
        return 0
    owed = {row["action"]: row["amount"] for row in await _sql.owed_by_payment(conn, id=payment.id)}
    return 0 if "void" in owed else payment.amount_minor - payment.captured_minor - int(owed.get("capture", 0))
