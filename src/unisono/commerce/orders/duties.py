"""Calls to providers that are written down and want to be made: right after the commit, or by the timer later.

Also here: what else of orders happens at an instant, the end of a checkout and the deadline of a transfer.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from unisono.commerce.orders import cancelling, money, paying
from unisono.commerce.orders import checkout as checkouts
from unisono.commerce.orders.errors import OrderState, PaymentUnknown
from unisono.commerce.orders.model import Order, PayRequest
from unisono.commerce.orders.payments import service as payments
from unisono.commerce.orders.payments.port import Answer
from unisono.commerce.orders.payments.service import Call
from unisono.commerce.orders.placing import note
from unisono.customers.timers.model import Timer, TimerHandler
from unisono.customers.web import unit
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection, Pool, connection

log = structlog.get_logger("unisono.orders")

FINAL = frozenset({"done", "declined"})


async def pay(
    pool: Pool,
    checkout_id: UUID,
    request: PayRequest,
    *,
    actor: str = "customer",
    clock: Clock = system_clock,
) -> Order:
    """`paying.pay`, then the calls that follow from it. Returns the order; raises why there is none."""
    concluded = await paying.pay(pool, checkout_id, request, actor=actor, clock=clock)
    await finish_all(pool, concluded.calls, clock=clock)
    if concluded.order is None:
        raise concluded.problem or PaymentUnknown("Nobody knows yet whether the payment went through.")
    if not concluded.calls:
        return concluded.order
    async with connection(pool) as conn:
        return await money.read(conn, concluded.order.id)


async def finish_all(pool: Pool, calls: Sequence[int], *, clock: Clock = system_clock) -> None:
    """Make these calls, each outside any transaction, and write what they came to."""
    for entry_id in calls:
        async with connection(pool) as conn:
            call = await payments.call_of(conn, entry_id)
            outcome = await payments.last_outcome(conn, call)
        if outcome in FINAL:
            continue
        crash_point("duties.before_call")
        answer = await payments.make(call)
        crash_point("duties.after_call")
        async with unit(pool) as conn:
            await settle(conn, call, answer, clock=clock)


async def settle(conn: Connection, call: Call, answer: Answer, *, clock: Clock = system_clock) -> None:
    """Write what a call came to, and what follows for its order: locked before its payment, as everywhere."""
    now = clock()
    payment = await payments.read(conn, call.payment_id)
    order = None if payment.order_id is None else await money.lock(conn, payment.order_id)
    before = await payments.last_outcome(conn, call)
    await payments.settle(conn, call, answer, now=now)
    if order is None or before in FINAL:
        return
    if answer.outcome == "declined":
        # A refund that was refused is still owed: people see it in the order's history and give the money another way.
        detail = {"action": call.action, "amount_minor": call.ask.amount_minor, "payment": call.payment_id}
        await note(conn, order.id, f"{call.action} declined", actor=call.provider, now=now, detail=detail)
    await money.payment_moved(conn, order.id, actor=call.provider, now=now)


class PaymentTimer(TimerHandler):
    """A call that was started and whose outcome nobody has written: it is looked up before anything else is done."""

    kind = payments.TIMER

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Look the call up; make it where it never arrived, unless it is a payment nobody waits for any more."""
        call = await payments.call_of(conn, int(timer.key.partition(":")[0]))
        outcome = await payments.last_outcome(conn, call)
        if outcome in FINAL:
            return f"it is {outcome}"
        answer = await payments.look_up(call)
        if answer is None and call.action == "authorise":
            answer = Answer(outcome="declined", detail="it never reached the provider")
        elif answer is None:
            answer = await payments.make(call)
        if call.action == "authorise":
            return await self._authorised(conn, call, answer, timer)
        await settle(conn, call, answer, clock=lambda: timer.now)
        return answer.outcome

    async def _authorised(self, conn: Connection, call: Call, answer: Answer, timer: Timer) -> str:
        payment = await payments.read(conn, call.payment_id)
        if not payment.reference.startswith("checkout:"):
            await settle(conn, call, answer, clock=lambda: timer.now)
            return answer.outcome
        concluded = await paying.conclude(conn, call, answer, actor="system", now=timer.now)
        # The way back of a payment without order has a timer of its own, set with it.
        if concluded.order is not None:
            return f"placed {concluded.order.number}"
        return concluded.problem.code if concluded.problem else answer.outcome


class CheckoutTimer(TimerHandler):
    """The end of a checkout."""

    kind = checkouts.TIMER

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Give back what it held, unless it was placed or begun anew."""
        return await checkouts.expire(conn, UUID(timer.payload["checkout"]), now=timer.now)


class TransferTimer(TimerHandler):
    """The deadline of a bank transfer."""

    kind = paying.TRANSFER

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Cancel an order whose money never came; the void of the payment has a timer of its own."""
        payment = await payments.read(conn, timer.key)
        if payment.state != "pending":
            return f"it is {payment.state}"
        try:
            await cancelling.cancel(
                conn, timer.payload["order"], reason="the transfer never came", actor="system", now=timer.now
            )
        except OrderState as error:
            return f"not cancelled: {error.detail}"
        return "cancelled"


def timer_handlers() -> list[TimerHandler]:
    """What of orders happens at an instant."""
    return [PaymentTimer(), CheckoutTimer(), TransferTimer()]
