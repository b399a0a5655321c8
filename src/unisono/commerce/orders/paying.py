"""Paying for a checkout: the call to the provider between two transactions, and what its answer makes of the basket.

First the payment is written down as started and committed; then the provider is asked; then, in one transaction, its
answer is written and the order placed (golden G12: where the holds died meanwhile the goods are held anew if they are
still there, otherwise the payment goes back and the buyer is told where else they are). Killed anywhere in between, the
timer of the payment asks the provider what became of it and goes on from there (`duties`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import msgspec

from unisono.commerce.carts import service as carts
from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.inventory import service as inventory
from unisono.commerce.orders import checkout as checkouts
from unisono.commerce.orders import goods, money, reading
from unisono.commerce.orders.errors import (
    CheckoutOver,
    GoodsGone,
    OfferGone,
    PaymentDeclined,
    PaymentUnknown,
)
from unisono.commerce.orders.goods import Wish
from unisono.commerce.orders.model import (
    Batch,
    Checkout,
    Draft,
    DraftLine,
    HeldTime,
    Order,
    Payment,
    PaymentStatus,
    PayRequest,
)
from unisono.commerce.orders.payments import service as payments
from unisono.commerce.orders.payments.port import Answer
from unisono.commerce.orders.payments.service import Call
from unisono.commerce.orders.placing import lock_source, write_order
from unisono.commerce.orders.slots.errors import SlotTaken
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.errors import CouponTaken, PromotionConflict, PromotionUsedUp
from unisono.customers import record
from unisono.customers.timers import service as timers
from unisono.customers.web import unit
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import TRANSIENT, Connection, Pool
from unisono.kit.errors import Conflict, UnisonoError
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders")

TRANSFER = "transfer"
"""Kind of the timers that cancel orders whose transfer never came; the key is the payment's id."""
TRANSFER_DAYS = timedelta(days=7)
GRACE = timedelta(hours=1)
"""How long after its end a checkout may still be paid at the prices it was begun with, if its goods are still there."""
CLOCKS = timedelta(seconds=2)
"""How far apart the clocks of our processes may be: ended so shortly before its time, it was time that ended it."""
RACES = 3
"""Times a transaction that lost a race is run again."""

T = TypeVar("T")


class Concluded(msgspec.Struct, frozen=True):
    """What an answer made of a checkout: an order, or why not; and the calls to be made after the commit."""

    order: Order | None
    problem: UnisonoError | None = None
    calls: tuple[int, ...] = ()


async def pay(
    pool: Pool,
    checkout_id: UUID,
    request: PayRequest,
    *,
    actor: str = "customer",
    clock: Clock = system_clock,
) -> Concluded:
    """Pay for a checkout and place its order, or say why there is none; `duties.pay` makes the calls left over too.

    Paid again, or by five requests at once, it is one order and one payment, and the same answer. Raises
    CheckoutNotFound, CheckoutOver, CannotPay, GoodsGone before anything is charged, Conflict while another payment of
    the basket is on its way.
    """

    async def start(conn: Connection) -> tuple[Order | None, Call | None]:
        return await _start(conn, checkout_id, request, actor=actor, now=clock())

    order, call = await _in_one(pool, start)
    if call is None:
        return Concluded(order)
    answer = await payments.make(call)
    if answer.outcome == "unknown":
        answer = await payments.look_up(call) or answer
    crash_point("checkout.after_authorise")

    async def finish(conn: Connection) -> Concluded:
        return await conclude(conn, call, answer, actor=actor, now=clock())

    concluded = await _in_one(pool, finish)
    crash_point("checkout.after_conclude")
    return concluded


async def _in_one(pool: Pool, action: Callable[[Connection], Awaitable[T]]) -> T:
    """One transaction, run again when it lost a race: what a provider has said must not wait for the timer."""
    for _ in range(RACES):
        try:
            async with unit(pool) as conn:
                return await action(conn)
        except TRANSIENT:
            continue
    async with unit(pool) as conn:
        return await action(conn)


async def _start(
    conn: Connection, checkout_id: UUID, request: PayRequest, *, actor: str, now: datetime
) -> tuple[Order | None, Call | None]:
    """Write the payment down as started; or the order, when it is placed already."""
    checkout = await checkouts.lock(conn, checkout_id)
    if checkout.state == "placed" and checkout.order_number is not None:
        return await reading.get(conn, checkout.order_number), None
    if checkout.state == "failed":
        raise CheckoutOver("The checkout has failed: begin it again.", state=checkout.state)
    key = f"{checkout.reference}:{request.key or 'pay'}"
    for payment in await payments.of_reference(conn, checkout.reference):
        resumed = await _resumed(conn, payment, key, now=now)
        if resumed is not None:
            return None, resumed
    checkout = await _still_there(conn, checkout, actor=actor, now=now)
    detail = {
        name: value
        for name, value in (
            ("token", request.token),
            ("reference", request.reference),
            ("tendered_minor", request.tendered_minor),
            ("capture", request.capture),
        )
        if value is not None
    }
    call = await payments.begin(
        conn,
        key=key if await payments.by_key(conn, key) is None else f"{key}:{int(now.timestamp())}",
        reference=checkout.reference,
        order_id=None,
        provider=request.provider,
        amount=checkout.quote.offer.total_minor,
        currency=checkout.quote.offer.currency,
        detail=detail,
        now=now,
    )
    return None, call


async def _resumed(conn: Connection, payment: Payment, key: str, *, now: datetime) -> Call | None:
    """The call of an attempt that goes on; None for one that is over.

    Raises PaymentDeclined for the same attempt again, Conflict (``payment_in_progress``) while another one goes on.
    """
    if payment.state in ("declined", "voided", "refunded"):
        same = (await payments.by_key(conn, key) or payment).id == payment.id
        if same and payment.state == "declined" and not key.endswith(":pay"):
            raise PaymentDeclined("The payment was refused.", hint="Try another means of payment, with a new key.")
        return None
    mine = await payments.by_key(conn, key)
    if mine is None or mine.id != payment.id:
        raise Conflict(
            "Another payment of this basket is on its way.",
            code="payment_in_progress",
            hint="Ask again in a moment.",
            retry_after=2,
        )
    return await payments.call_of(conn, payment.entries[0].id)


async def _still_there(conn: Connection, checkout: Checkout, *, actor: str, now: datetime) -> Checkout:
    """The checkout with living holds: before somebody is charged for goods that are gone, they are held anew.

    Raises GoodsGone, SlotTaken; CheckoutOver when the buyer gave it up, or came back after more than `GRACE`.
    """
    if checkout.state == "open" and checkout.expires_at > now:
        return checkout
    if checkout.expires_at > now + CLOCKS:
        raise CheckoutOver("The checkout was given up: begin it again.", state=checkout.state)
    if checkout.expires_at + GRACE < now:
        raise CheckoutOver("The checkout is too old for its prices: begin it again.", state=checkout.state)
    until = now + timedelta(minutes=min(checkout.request.minutes, 15))
    batches, slot = await _hold_anew(conn, checkout, until=until, now=now)
    frozen = msgspec.structs.replace(checkout.quote, batches=batches, slot=slot)
    await _sql.keep_open(conn, id=UUID(checkout.id), quote=msgspec.json.encode(frozen).decode(), expires_at=until)
    checkout = msgspec.structs.replace(checkout, state="open", quote=frozen, expires_at=until)
    await timers.set_timer(
        conn, checkouts.TIMER, checkouts.timer_key(checkout), until, payload={"checkout": checkout.id}
    )
    return checkout


async def _hold_anew(
    conn: Connection, checkout: Checkout, *, until: datetime | None, now: datetime
) -> tuple[tuple[Batch, ...], HeldTime | None]:
    """The same goods once more, from where they are now. Raises GoodsGone, SlotTaken."""
    await goods.let_go(conn, checkout.quote.batches, checkout.quote.slot, now=now, reason="expired")
    lines, request = checkout.quote.lines, checkout.request
    wish = Wish(
        request.fulfilment,
        request.location,
        request.slot,
        checkout.quote.basket.channel,
        checkout.node_id,
        checkout.reference,
    )
    plan = await goods.plan(conn, lines, wish, now=now)
    key = f"{checkout.reference}:again:{now.timestamp()}"
    return await goods.hold(conn, lines, plan, wish, key=key, expires_at=until, now=now)


async def conclude(conn: Connection, call: Call, answer: Answer, *, actor: str, now: datetime) -> Concluded:
    """Write a provider's answer and do what follows from it, inside the caller's transaction.

    Whoever comes second with the same call, the buyer's request or the timer, finds what the first one did.
    """
    checkout = await checkouts.lock(conn, UUID((await payments.read(conn, call.payment_id)).reference.split(":")[1]))
    if answer.outcome == "unknown":
        await payments.settle(conn, call, answer, now=now)
        return Concluded(None, PaymentUnknown("Nobody knows yet whether the payment went through.", retry_after=5))
    before = await payments.last_outcome(conn, call)
    payment = await payments.settle(conn, call, answer, now=now)
    if before in ("done", "declined") or payment.order_id is not None:
        return await _found(conn, checkout, payment)
    if payment.state == "declined":
        told = checkouts.spoken_failure(checkout, answer.detail or "declined", call.ask.key)
        await record.record(conn, told, clock=lambda: now)
        return Concluded(None, PaymentDeclined("The payment was refused.", hint="Try another means of payment."))
    if checkout.state in ("placed", "failed"):
        # Another payment was faster: this one is not needed.
        calls = await _reverse(conn, payment, now=now)
        return Concluded(None, CheckoutOver("The basket is paid already.", state=checkout.state), calls)
    return await _place_or_give_back(conn, checkout, payment, actor=actor, now=now)


async def _found(conn: Connection, checkout: Checkout, payment: Payment) -> Concluded:
    """What somebody else made of the same answer."""
    if payment.order_id is not None:
        return Concluded(await money.read(conn, payment.order_id))
    if payment.state == "declined":
        return Concluded(None, PaymentDeclined("The payment was refused.", hint="Try another means of payment."))
    return Concluded(None, CheckoutOver("The payment is given back: begin again.", state=checkout.state))


async def _place_or_give_back(
    conn: Connection, checkout: Checkout, payment: Payment, *, actor: str, now: datetime
) -> Concluded:
    try:
        # A savepoint: what cannot be placed leaves nothing behind but the payment, and that goes back.
        async with conn.transaction():
            order = await _place(conn, checkout, payment, actor=actor, now=now)
    except (GoodsGone, SlotTaken) as gone:
        return await _give_back(conn, checkout, payment, _lost(gone), actor=actor, now=now)
    except (CouponTaken, PromotionUsedUp, PromotionConflict) as gone:
        problem = OfferGone(gone.detail, hint="Your payment goes back; begin again.", **gone.extra)
        return await _give_back(conn, checkout, payment, problem, actor=actor, now=now)
    calls: tuple[int, ...] = ()
    if payment.state == "authorised" and _capture_now(checkout, payment):
        calls = await money.take(conn, order, order.total_minor, key="placed", now=now)
    return Concluded(order, None, calls)


def _lost(gone: UnisonoError) -> UnisonoError:
    return GoodsGone(
        f"{gone.detail} Your payment goes back.",
        hint="See the alternatives." if gone.extra.get("alternatives") else "Begin again.",
        **gone.extra,
    )


def _capture_now(checkout: Checkout, payment: Payment) -> bool:
    wanted = payment.detail.get("capture")
    return bool(wanted) if wanted is not None else checkout.request.fulfilment == "carry"


async def _place(conn: Connection, checkout: Checkout, payment: Payment, *, actor: str, now: datetime) -> Order:
    """Holds made firm, the order with all that belongs to it, uses, cart, payment. Raises GoodsGone, SlotTaken,
    CouponTaken, PromotionUsedUp."""
    await lock_source(conn, checkout.source, checkout.source_order_id)
    batches, slot = await _firm(conn, checkout, now=now)
    crash_point("checkout.after_holds")
    handed = _taken_along(checkout, payment)
    draft = _draft(checkout, payment, batches, slot, now, handed=handed)
    order = await write_order(conn, draft, actor=actor, now=now)
    if handed:
        held = goods.stock_holds(batches)
        await inventory.hand_over(conn, held, reference=f"order:{order.number}", actor=actor, now=now)
    await promotions.commit_uses(conn, checkout.reference, order_number=order.number, now=now)
    await carts.mark_ordered(
        conn,
        UUID(checkout.cart_id),
        order.id,
        checkouts.touch_of(checkout, actor=actor, now=now),
        bought={line.sku: line.quantity for line in checkout.quote.lines if "gift" not in line.detail},
        expected_version=checkout.quote.cart_version,
    )
    await payments.assign(conn, payment.id, order.id, now=now)
    await _sql.settle_checkout(conn, id=UUID(checkout.id), state="placed", order_id=order.id)
    if payment.state == "pending":
        await timers.set_timer(conn, TRANSFER, payment.id, now + TRANSFER_DAYS, payload={"order": order.number})
    return order


async def _firm(conn: Connection, checkout: Checkout, *, now: datetime) -> tuple[tuple[Batch, ...], HeldTime | None]:
    """The holds made firm: those of the checkout, or new ones where they have died."""
    batches, slot = checkout.quote.batches, checkout.quote.slot
    try:
        async with conn.transaction():
            await goods.make_firm(conn, batches, slot, now=now)
    except HoldDead:
        batches, slot = await _hold_anew(conn, checkout, until=None, now=now)
        await goods.make_firm(conn, batches, slot, now=now)
    return batches, slot


def _taken_along(checkout: Checkout, payment: Payment) -> bool:
    """Whether the customer leaves with the goods: bought at the counter, and not on a transfer that is to come."""
    return checkout.request.fulfilment == "carry" and payment.state in ("authorised", "captured")


def _draft(
    checkout: Checkout,
    payment: Payment,
    batches: tuple[Batch, ...],
    slot: HeldTime | None,
    now: datetime,
    *,
    handed: bool,
) -> Draft:
    frozen, offer, request = checkout.quote, checkout.quote.offer, checkout.request
    paid: dict[str, PaymentStatus] = {"captured": "paid", "authorised": "authorised"}
    return Draft(
        source=checkout.source,
        source_order_id=checkout.source_order_id,
        node_id=checkout.node_id,
        cart_id=checkout.cart_id,
        checkout_id=checkout.id,
        channel=frozen.basket.channel,
        store_id=frozen.basket.store_id or request.location,
        kind="ahead" if request.fulfilment == "ahead" else "sale",
        status="completed" if handed else "open",
        payment_status=paid.get(payment.state, "unpaid"),
        payment_method=payment.method,
        currency=offer.currency,
        tax_included=offer.tax_included,
        subtotal_minor=offer.subtotal_minor,
        discount_minor=offer.discount_minor,
        shipping_minor=offer.shipping_minor,
        tax_minor=offer.tax_minor,
        total_minor=offer.total_minor,
        coupons=tuple(one.coupon for one in offer.applied if one.coupon),
        customer=request.customer,
        quote={"uses": checkout.reference, "applied": offer.applied, "rejected": offer.rejected},
        placed_at=now,
        soft_opt_in=request.soft_opt_in,
        lines=tuple(
            DraftLine(
                variant_id=line.variant_id,
                product_id=line.product_id,
                category=line.category,
                brand=line.brand,
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                unit_minor=line.unit_minor,
                discount_minor=line.discount_minor,
                tax_rate_bp=line.tax_rate_bp,
                tax_minor=line.tax_minor,
                total_minor=line.total_minor,
                handed_over=line.quantity if handed else 0,
                detail=line.detail,
            )
            for line in frozen.lines
        ),
        parcels=goods.parcels(batches, slot, request.address, handed=handed),
    )


async def _give_back(
    conn: Connection, checkout: Checkout, payment: Payment, problem: UnisonoError, *, actor: str, now: datetime
) -> Concluded:
    """No order: the payment goes back, what is still held is free, the buyer is told why."""
    calls = await _reverse(conn, payment, now=now)
    if checkout.state == "open":
        await checkouts.close(conn, checkout, "failed", trouble="payment_failed", actor=actor, now=now)
    else:
        await _sql.settle_checkout(conn, id=UUID(checkout.id), state="failed", order_id=None)
    told = checkouts.spoken_failure(checkout, problem.code, payment.id)
    await record.record(conn, told, clock=lambda: now)
    return Concluded(None, problem, calls)


async def _reverse(conn: Connection, payment: Payment, *, now: datetime) -> tuple[int, ...]:
    """Ask for a payment's way back: let go what is reserved, give back what is taken."""
    action, amount = ("refund", payment.captured_minor) if payment.captured_minor else ("void", payment.amount_minor)
    entry = await payments.ask_for(
        conn, payment.id, "refund" if action == "refund" else "void", amount, key=f"{payment.id}:back", now=now
    )
    return () if entry is None else (entry,)
