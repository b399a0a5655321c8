"""Checkout: hold what a basket needs, let it be paid, place the order; or give everything back.

A checkout's row is locked before its goods, everywhere. Whoever comes first, the payment or the end of the time, the
other finds what it did: there is never an order without its payment, nor a payment without its order or its way back.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from unisono.commerce.carts import service as carts
from unisono.commerce.carts.model import Cart, Touch, Trouble
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import Variant
from unisono.commerce.orders import events, goods, rules
from unisono.commerce.orders.errors import BadOrder, CheckoutChanged, CheckoutNotFound, CheckoutOver, GoodsGone
from unisono.commerce.orders.goods import Wish
from unisono.commerce.orders.model import (
    Batch,
    Checkout,
    CheckoutLine,
    CheckoutRequest,
    CheckoutView,
    Frozen,
    HeldTime,
    ParcelView,
)
from unisono.commerce.orders.payments import service as payments
from unisono.commerce.orders.placing import by_source, encode, lock_source
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import NOBODY, Basket, Quote
from unisono.customers import record
from unisono.customers.record import Happening
from unisono.customers.timers import service as timers
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders")

TIMER = "checkout"
"""Kind of the timer that ends a checkout at its instant; the key is its id and that instant."""
MAX_MINUTES = 24 * 60


async def begin(
    conn: Connection,
    cart_id: UUID,
    request: CheckoutRequest,
    *,
    channel: str,
    store_id: str | None = None,
    node_id: int | None = None,
    timezone: str = "Europe/Rome",
    actor: str = "customer",
    now: datetime,
) -> Checkout:
    """Hold goods, time and coupons of a cart for some minutes and freeze its quote, inside the caller's transaction.

    Asked again with the same order id it is the same checkout; one that ran out is begun anew. Raises CartNotFound,
    NotSold, CartInCheckout and CartChanged (of `carts`), GoodsGone with alternatives, SlotTaken, CouponTaken,
    PromotionUsedUp, CheckoutChanged, CheckoutOver, BadOrder.
    """
    _check(request)
    source = rules.check_text(request.source or channel, "Source")
    new_id = uuid.uuid4()
    named = rules.check_text(request.source_order_id or f"checkout-{new_id}", "Source order id")
    await lock_source(conn, source, named)
    row = await _sql.checkout_by_source(conn, source=source, source_order_id=named)
    known = None if row is None else as_checkout(row)
    if known is not None:
        if known.cart_id != str(cart_id):
            raise CheckoutChanged(f"The order id {named!r} was begun for another cart.")
        if known.state == "placed" or (known.state == "open" and known.expires_at > now):
            return known
        await _end_holds(conn, known, now=now, reason="begun anew")
    elif await by_source(conn, source, named) is not None:
        raise CheckoutOver(f"The order {named!r} is placed.", state="placed")
    touch = Touch(channel=channel, store_id=store_id, node_id=node_id, timezone=timezone, actor=actor, now=now)
    checkout_id = UUID(known.id) if known else new_id
    cart = await carts.find_cart(conn, cart_id, now=now)
    return await _hold(conn, checkout_id, cart, request, touch, source=(source, named))


def _check(request: CheckoutRequest) -> None:
    if not 1 <= request.minutes <= MAX_MINUTES:
        raise BadOrder(f"A checkout is open for 1 to {MAX_MINUTES} minutes.", code="bad_minutes")
    rules.check_amount(request.shipping_minor, "Shipping")
    if len(encode([request.address, request.customer])) > 20_000:
        raise BadOrder("Address and customer are over 20,000 characters.", code="too_long")
    rules.check_notice(request.customer, told=request.soft_opt_in)


async def _hold(
    conn: Connection,
    checkout_id: UUID,
    cart: Cart,
    request: CheckoutRequest,
    touch: Touch,
    *,
    source: tuple[str, str],
) -> Checkout:
    now, reference = touch.now, f"checkout:{checkout_id}"
    until = now + timedelta(minutes=request.minutes)
    node = touch.node_id or cart.node_id
    basket = await carts.basket_of(
        conn,
        cart.id,
        channel=touch.channel,
        store_id=touch.store_id,
        timezone=touch.timezone,
        shipping_minor=request.shipping_minor,
        now=now,
    )
    location = request.location or (touch.store_id if request.fulfilment in ("carry", "ahead") else None)
    wish = Wish(request.fulfilment, location, request.slot, touch.channel, node, reference)
    offer, lines, held, slot = await _hold_goods(conn, basket, wish, until=until, now=now)
    await promotions.hold_uses(conn, offer, basket, reference=reference, node_id=node, expires_at=until, now=now)
    paying = await carts.begin_checkout(
        conn, cart.id, touch, until=until, reference=reference, expected_version=cart.version
    )
    frozen = Frozen(
        basket=msgspec.structs.replace(basket, person=NOBODY),
        offer=offer,
        lines=lines,
        batches=held,
        slot=slot,
        cart_version=paying.version,
    )
    row = await _sql.put_checkout(
        conn,
        id=checkout_id,
        cart_id=cart.id,
        node_id=node,
        source=source[0],
        source_order_id=source[1],
        request=encode(msgspec.structs.replace(request, location=location)),
        quote=encode(frozen),
        expires_at=until,
        now=now,
    )
    checkout = as_checkout(row)
    await timers.set_timer(conn, TIMER, timer_key(checkout), until, payload={"checkout": checkout.id})
    await record.record(conn, _started(checkout), clock=lambda: now)
    return checkout


class _Held(NamedTuple):
    """What a basket costs, with its goods and its time held."""

    offer: Quote
    lines: tuple[CheckoutLine, ...]
    batches: tuple[Batch, ...]
    slot: HeldTime | None


async def _hold_goods(conn: Connection, basket: Basket, wish: Wish, *, until: datetime, now: datetime) -> _Held:
    """Quote the basket and hold its goods. A gift that is not there is left out, and the quote says so: nobody is
    refused what he buys because of what he would have got on top. Raises GoodsGone, SlotTaken, BadOrder."""
    # Another one each time: given up and begun again within a second, the dead holds of the first must not answer.
    key = f"{wish.reference}:{uuid.uuid4()}"
    missing: frozenset[str] = frozenset()
    while True:
        offer = await promotions.quote(conn, basket, now=now, reference=wish.reference, out_of_stock=missing)
        lines = await _lines(conn, basket, offer)
        try:
            batches = await goods.plan(conn, lines, wish, now=now)
            held, slot = await goods.hold(conn, lines, batches, wish, key=key, expires_at=until, now=now)
        except GoodsGone as gone:
            given = {gift.sku for one in offer.applied for gift in one.gifts}
            short = given & {line["sku"] for line in gone.extra.get("lines", ())}
            if not short:
                raise
            missing |= short
        else:
            return _Held(offer, lines, held, slot)


async def _lines(conn: Connection, basket: Basket, offer: Quote) -> tuple[CheckoutLine, ...]:
    """The basket's lines with what promotions left of their price, then the gifts."""
    gifts = [(one.code, gift) for one in offer.applied for gift in one.gifts]
    variants = await catalog.variants(conn, skus={line.sku for line in basket.lines} | {gift.sku for _, gift in gifts})
    rates = {line.line_id: line.tax_rate_bp for line in basket.lines}
    skus = {line.line_id: line.sku for line in basket.lines}
    sold = [
        _line(
            variants[skus[line.line_id]],
            line.quantity,
            unit=line.unit_minor,
            discount=line.discount_minor,
            tax=line.tax_minor,
            total=line.total_minor,
            rate=rates[line.line_id],
            detail=rules.promoted(line.shares),
        )
        for line in offer.lines
    ]
    given = [
        _line(variants[gift.sku], gift.quantity, detail={"gift": code}) for code, gift in gifts if gift.sku in variants
    ]
    return (*sold, *given)


def _line(
    variant: Variant,
    quantity: int,
    *,
    unit: int = 0,
    discount: int = 0,
    tax: int = 0,
    total: int = 0,
    rate: int = 0,
    detail: dict[str, object],
) -> CheckoutLine:
    return CheckoutLine(
        variant_id=variant.id,
        product_id=variant.product_code,
        category=rules.own_category(variant.category_codes),
        brand=variant.brand or None,
        sku=variant.sku,
        name=variant.name,
        quantity=quantity,
        unit_minor=unit,
        discount_minor=discount,
        tax_rate_bp=rate,
        tax_minor=tax,
        total_minor=total,
        prep_minutes=variant.prep_minutes,
        detail=detail,
    )


def _started(checkout: Checkout) -> list[Happening]:
    frozen = checkout.quote
    if checkout.node_id is None:
        return []
    currency = frozen.offer.currency
    return [
        Happening(
            node_id=checkout.node_id,
            name="Checkout Started",
            key=f"checkout:{checkout.id}:{frozen.cart_version}:started",
            channel=frozen.basket.channel,
            store_id=frozen.basket.store_id,
            properties={
                "checkout_id": checkout.id,
                "order_id": checkout.source_order_id,
                "cart_id": checkout.cart_id,
                "value": events.major(frozen.offer.total_minor, currency),
                "currency": currency,
                "products": [events.sold(line, currency) for line in frozen.lines],
            },
        )
    ]


def timer_key(checkout: Checkout) -> str:
    """A checkout begun anew has another end."""
    return f"{checkout.id}:{int(checkout.expires_at.timestamp())}"


def view_of(checkout: Checkout) -> CheckoutView:
    """The checkout as the buyer may see it."""
    offer, slot = checkout.quote.offer, checkout.quote.slot
    return CheckoutView(
        id=checkout.id,
        cart_id=checkout.cart_id,
        source=checkout.source,
        source_order_id=checkout.source_order_id,
        state=checkout.state,
        expires_at=checkout.expires_at,
        order_number=checkout.order_number,
        currency=offer.currency,
        tax_included=offer.tax_included,
        subtotal_minor=offer.subtotal_minor,
        discount_minor=offer.discount_minor,
        shipping_minor=offer.shipping_minor,
        tax_minor=offer.tax_minor,
        total_minor=offer.total_minor,
        lines=checkout.quote.lines,
        applied=offer.applied,
        rejected=offer.rejected,
        parcels=tuple(
            ParcelView(
                kind=batch.kind,
                location=batch.location,
                units={checkout.quote.lines[at].sku: units for at, units in batch.quantities.items()},
            )
            for batch in checkout.quote.batches
        ),
        ready_at=slot.ready_at if slot else None,
    )


async def get(conn: Connection, checkout_id: UUID) -> Checkout:
    """A checkout as it stands. Raises CheckoutNotFound."""
    row = await _sql.checkout_by_id(conn, id=checkout_id)
    if row is None:
        raise CheckoutNotFound(f"There is no checkout {checkout_id}.")
    return as_checkout(row)


async def lock(conn: Connection, checkout_id: UUID) -> Checkout:
    """A checkout, locked until the transaction ends. Raises CheckoutNotFound."""
    row = await _sql.lock_checkout(conn, id=checkout_id)
    if row is None:
        raise CheckoutNotFound(f"There is no checkout {checkout_id}.")
    return as_checkout(row)


def as_checkout(row: asyncpg.Record) -> Checkout:
    """A row as a checkout."""
    return Checkout(
        id=str(row["id"]),
        cart_id=str(row["cart_id"]),
        node_id=row["node_id"],
        source=row["source"],
        source_order_id=row["source_order_id"],
        state=row["state"],
        request=msgspec.json.decode(row["request"], type=CheckoutRequest),
        quote=msgspec.json.decode(row["quote"], type=Frozen),
        expires_at=row["expires_at"],
        order_number=row["order_number"],
    )


def touch_of(checkout: Checkout, *, actor: str, now: datetime) -> Touch:
    """The checkout as somebody who touches its cart."""
    basket = checkout.quote.basket
    return Touch(
        channel=basket.channel,
        store_id=basket.store_id,
        node_id=checkout.node_id,
        timezone=basket.timezone,
        actor=actor,
        now=now,
    )


async def cancel(conn: Connection, checkout_id: UUID, *, actor: str = "customer", now: datetime) -> Checkout:
    """The buyer goes back to the cart: everything held is free at once. Raises CheckoutNotFound, CheckoutOver when it
    is placed, or while a payment of it is on its way."""
    checkout = await lock(conn, checkout_id)
    if checkout.state == "placed":
        raise CheckoutOver("The order is placed: cancel that.", state="placed")
    paying = await payments.of_reference(conn, checkout.reference)
    if any(payment.state in ("pending", "unknown", "authorised", "captured") for payment in paying):
        raise CheckoutOver("A payment is on its way.", code="payment_in_progress")
    if checkout.state == "open":
        await close(conn, checkout, "expired", trouble=None, actor=actor, now=now)
    return await get(conn, checkout_id)


async def close(
    conn: Connection, checkout: Checkout, state: str, *, trouble: Trouble | None, actor: str, now: datetime
) -> None:
    """Give back what a locked checkout holds, and the cart to the buyer."""
    await _end_holds(conn, checkout, now=now, reason=state)
    await _sql.settle_checkout(conn, id=UUID(checkout.id), state=state, order_id=None)
    await carts.end_checkout(conn, UUID(checkout.cart_id), touch_of(checkout, actor=actor, now=now), trouble=trouble)


async def _end_holds(conn: Connection, checkout: Checkout, *, now: datetime, reason: str) -> None:
    await goods.let_go(conn, checkout.quote.batches, checkout.quote.slot, now=now, reason=reason)
    await promotions.release_uses(conn, checkout.reference, now=now, reason=reason)


async def expire(conn: Connection, checkout_id: UUID, *, now: datetime) -> str:
    """The time is over: what it held is free. What a payment that is still on its way finds is its own affair.

    Returns what came of it. Nothing happens before the instant, or to a checkout that is over.
    """
    checkout = await lock(conn, checkout_id)
    if checkout.state != "open" or checkout.expires_at > now:
        return f"it is {checkout.state}"
    paying = await payments.of_reference(conn, checkout.reference)
    await close(
        conn, checkout, "expired", trouble=_trouble([payment.state for payment in paying]), actor="system", now=now
    )
    return "expired"


def _trouble(states: Collection[str]) -> Trouble | None:
    if any(state in ("pending", "unknown") for state in states):
        return "payment_slow"
    return "payment_failed" if states else None


def spoken_failure(checkout: Checkout, reason: str, key: str, *, timed_out: bool = False) -> Sequence[Happening]:
    """The payment did not go through: whoever leaves now has not changed their mind."""
    if checkout.node_id is None:
        return []
    basket, offer = checkout.quote.basket, checkout.quote.offer
    return [
        Happening(
            node_id=checkout.node_id,
            name="Payment Failed",
            key=f"payment:{key}:failed",
            channel=basket.channel,
            store_id=basket.store_id,
            properties={
                "checkout_id": checkout.id,
                "order_id": checkout.source_order_id,
                "value": events.major(offer.total_minor, offer.currency),
                "currency": offer.currency,
                "reason": reason,
                "timed_out": timed_out,
            },
        )
    ]
