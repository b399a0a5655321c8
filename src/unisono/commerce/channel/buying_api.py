"""Buying through a channel: a checkout begun, paid, given up; orders seen; pick-ups handed over at the till."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.params import JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import requires
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.errors import CartNotFound
from unisono.commerce.channel.cart_api import currency_of
from unisono.commerce.channel.model import Paying, paying
from unisono.commerce.channel.speaking import (
    AnyRequest,
    Speaker,
    of_this_store,
    own,
    person_nodes,
    speaker_of,
    staff_only,
    zone_of,
)
from unisono.commerce.orders import checkout as checkouts
from unisono.commerce.orders import duties, reading
from unisono.commerce.orders.model import Checkout, CheckoutRequest, Fulfil, Order, PayRequest, Return
from unisono.commerce.orders.payments.providers import AT_THE_COUNTER
from unisono.commerce.orders.pickup import service as pickup
from unisono.commerce.orders.pickup.model import CounterPayment, Parcel
from unisono.customers.web import write
from unisono.kit.database import Connection, Pool, connection
from unisono.kit.errors import BadRequest, Forbidden
from unisono.kit.web import PROBLEMS, PathId

GUARD = [requires("channel:use")]
TAGS = ["Channels"]

Id = Annotated[UUID, PathParameter(description="Of the checkout.")]
Number = Annotated[str, PathParameter(max_length=80)]

TEST_PROVIDER = "test"


class Begin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the customer's cart is to be bought. ``order_id`` is the channel's own number: asked again it is the same
    checkout. ``cart`` is one a till has opened by its code."""

    fulfilment: Fulfil = "ship"
    location: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    slot: datetime | None = None
    address: dict[str, Any] = {}
    customer: dict[str, Any] = {}
    order_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    cart: UUID | None = None
    shipping_minor: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """What sending costs; only a server may say so, for others it is the shop's own price."""
    minutes: Annotated[int, msgspec.Meta(ge=1, le=60)] = 15
    soft_opt_in: bool = False
    """The buyer was told that the ``email`` in ``customer`` is written to about products like these, and did not
    refuse: it is kept with the order as its own kind of consent."""


class Pay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How it is paid: ``cash`` and ``terminal`` at a till, ``transfer``, or a provider of cards."""

    provider: Annotated[str, msgspec.Meta(max_length=40)]
    token: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    reference: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    tendered_minor: int | None = None
    key: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    """A new key is a new attempt, the same key the same; the Idempotency-Key when missing."""


class Orders(msgspec.Struct, frozen=True):
    """The customer's orders, newest first."""

    orders: tuple[Order, ...]


class MyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order with what came back of it, its parcels and, for whoever may collect them, the codes."""

    order: Order
    returns: tuple[Return, ...]
    parcels: tuple[Parcel, ...]
    codes: dict[int, str]
    """Parcel to the code that is shown at the counter."""


class PickupHandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The code the customer shows, and how what is still due is paid."""

    code: Annotated[str, msgspec.Meta(max_length=40)]
    payment: CounterPayment | None = None


def _request(request: AnyRequest, speaker: Speaker, data: Begin) -> CheckoutRequest:
    """What the speaker may ask for: prices of sending are the shop's, not the buyer's."""
    server = speaker.principal.kind == "key"
    own_price: int = request.app.state.settings.shipping_minor if data.fulfilment == "ship" else 0
    shipping = data.shipping_minor if server and data.shipping_minor is not None else own_price
    location = data.location or (speaker.store_id if data.fulfilment != "ship" else None)
    if data.fulfilment == "carry":
        if not speaker.principal.may("channel:any"):
            raise Forbidden("What is taken along is bought at a counter.", code="buy_at_counter")
        of_this_store(speaker, location)
    return CheckoutRequest(
        fulfilment=data.fulfilment,
        location=location,
        slot=data.slot,
        address=data.address,
        customer=data.customer,
        shipping_minor=shipping,
        source=_source(speaker),
        source_order_id=data.order_id,
        minutes=data.minutes,
        soft_opt_in=data.soft_opt_in,
    )


def _source(speaker: Speaker) -> str:
    """Who gives the order its id. A customer's token names ids of that customer alone, so nobody takes another's."""
    if speaker.principal.kind == "till":
        return f"till:{speaker.store_id}"
    return speaker.channel if speaker.principal.kind == "key" else f"{speaker.channel}:{speaker.node_id}"


@post(
    "/channel/checkouts", guards=GUARD, tags=TAGS, responses=PROBLEMS, status_code=201, summary="Begin to buy the cart"
)
async def begin_checkout(request: AnyRequest, data: JSONBody[Begin]) -> Response[Paying]:
    """Goods, time and coupons are held for some minutes and the price is frozen. When goods are gone, the answer says
    where else they are."""
    speaker = await speaker_of(request)
    asked = _request(request, speaker, data)

    async def action(conn: Connection) -> Paying:
        cart_id = data.cart
        if cart_id is not None:
            own(speaker, (await carts.find_cart(conn, cart_id, now=speaker.now)).person_id)
        elif speaker.node_id is not None:
            found = await carts.active_cart(
                conn,
                speaker.node_id,
                channel=speaker.channel,
                store_id=speaker.store_id,
                currency=currency_of(request),
                actor=speaker.actor,
                now=speaker.now,
            )
            cart_id = found.id if found is not None else None
        if cart_id is None:
            raise CartNotFound("There is no cart to buy.")
        zone = await zone_of(conn, request, speaker.store_id)
        begun = await checkouts.begin(
            conn,
            cart_id,
            asked,
            channel=speaker.channel,
            store_id=speaker.store_id,
            node_id=speaker.node_id,
            timezone=zone,
            actor=speaker.actor,
            now=speaker.now,
        )
        return paying(begun, speaker.language, zone)

    return await write(request, action, status=201)


async def _own_checkout(conn: Connection, speaker: Speaker, checkout_id: UUID) -> Checkout:
    found = await checkouts.get(conn, checkout_id)
    own(speaker, (await carts.find_cart(conn, UUID(found.cart_id), now=speaker.now)).person_id)
    return found


@get("/channel/checkouts/{checkout_id:uuid}", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="A checkout")
async def read_checkout(request: AnyRequest, checkout_id: Id) -> Paying:
    """How it stands: open until its instant, placed with the order's number, or over."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        found = await _own_checkout(conn, speaker, checkout_id)
        return paying(found, speaker.language, await zone_of(conn, request, speaker.store_id))


@delete(
    "/channel/checkouts/{checkout_id:uuid}",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Give a checkout up",
)
async def cancel_checkout(request: AnyRequest, checkout_id: Id) -> Response[Paying]:
    """Back to the cart: what was held is free at once."""
    speaker = await speaker_of(request)

    async def action(conn: Connection) -> Paying:
        await _own_checkout(conn, speaker, checkout_id)
        given_up = await checkouts.cancel(conn, checkout_id, actor=speaker.actor, now=speaker.now)
        return paying(given_up, speaker.language, await zone_of(conn, request, speaker.store_id))

    return await write(request, action)


@post(
    "/channel/checkouts/{checkout_id:uuid}/pay",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Pay and place the order",
)
async def pay(request: AnyRequest, checkout_id: Id, data: JSONBody[Pay]) -> Order:
    """The order. Sent again, or five times at once, it is one payment and one order, and the same answer."""
    speaker = await speaker_of(request)
    _may_pay_by(request, speaker, data.provider)
    pool: Pool = request.app.state.pool
    async with connection(pool) as conn:
        await _own_checkout(conn, speaker, checkout_id)
    asked = PayRequest(
        provider=data.provider,
        token=data.token,
        reference=data.reference,
        tendered_minor=data.tendered_minor,
        key=data.key or request.headers.get("idempotency-key"),
    )
    return await duties.pay(pool, checkout_id, asked, actor=speaker.actor, clock=lambda: speaker.now)


def _may_pay_by(request: AnyRequest, speaker: Speaker, provider: str) -> None:
    """A customer who says he has paid cash has not; the provider for trying out is for trying out."""
    if provider in AT_THE_COUNTER and not speaker.principal.may("channel:any"):
        raise Forbidden("That is paid at a counter.", code="pay_at_counter")
    if provider == TEST_PROVIDER and not request.app.state.settings.test_payments:
        raise BadRequest(
            "Test payments are switched off.", code="test_payments_off", hint="UNISONO_TEST_PAYMENTS=true allows them."
        )


@get("/channel/orders", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="The customer's orders")
async def list_orders(request: AnyRequest, limit: Annotated[int, Parameter(ge=1, le=100)] = 20) -> Orders:
    """From every channel, newest first."""
    speaker = await speaker_of(request, needs_customer=True)
    async with connection(request.app.state.pool) as conn:
        return Orders(tuple(await reading.orders_of(conn, await person_nodes(conn, speaker), limit)))


@get("/channel/orders/{number:str}", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="One order")
async def read_order(request: AnyRequest, number: Number) -> MyOrder:
    """With its lines, payments, parcels and the codes to collect them with."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        detail = await reading.detail(conn, number)
        own(speaker, detail.order.person_id)
        # Who of the staff did what is the shop's affair.
        returns = tuple(msgspec.structs.replace(one, actor="") for one in detail.returns)
        parcels = await pickup.parcels_of(conn, number)
        codes = {parcel.id: await pickup.code_of(conn, parcel.id) for parcel in parcels if parcel.kind == "pickup"}
    shown = {parcel: code for parcel, code in codes.items() if code is not None}
    return MyOrder(
        order=detail.order,
        returns=returns,
        parcels=tuple(msgspec.structs.replace(parcel, handed_by=None) for parcel in parcels),
        codes=shown if speaker.principal.kind != "till" else {},
    )


@get("/channel/pickups", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="What waits at the till's store")
async def list_pickups(request: AnyRequest) -> list[Parcel]:
    """Pick-ups to prepare and to hand over, soonest first; for tills."""
    speaker = await speaker_of(request)
    staff_only(speaker)
    async with connection(request.app.state.pool) as conn:
        return await pickup.waiting(conn, [speaker.store_id] if speaker.store_id else [])


@post(
    "/channel/pickups/{parcel_id:int}/hand-over",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Hand a pick-up over",
)
async def hand_over(request: AnyRequest, parcel_id: PathId, data: JSONBody[PickupHandOver]) -> Response[Parcel]:
    """The goods are in the customer's hands; for tills, in their own store, with the code he shows."""
    speaker = await speaker_of(request)
    staff_only(speaker)
    calls: list[int] = []

    async def action(conn: Connection) -> Parcel:
        of_this_store(speaker, (await pickup.get(conn, parcel_id)).store_id)
        done = await pickup.hand_over(
            conn, parcel_id, data.code, payment=data.payment, actor=speaker.actor, now=speaker.now
        )
        calls[:] = done.calls
        return done.parcel

    answer = await write(request, action)
    await duties.finish_all(request.app.state.pool, calls)
    return answer


def routes() -> list[ControllerRouterHandler]:
    """The routes of buying."""
    handlers: list[Any] = [
        begin_checkout,
        read_checkout,
        cancel_checkout,
        pay,
        list_orders,
        read_order,
        list_pickups,
        hand_over,
    ]
    return handlers
