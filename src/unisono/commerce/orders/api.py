"""Orders over the API: read, place, cancel, capture, refund, return; checkouts: begin, pay, go back.

Who is bound to stores sees and changes orders of these stores alone: bought there, or to be collected or sent there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.errors import CheckoutNotFound
from unisono.commerce.orders.model import (
    CancelLine,
    Checkout,
    CheckoutRequest,
    CheckoutView,
    NewOrder,
    Order,
    OrderDetail,
    Payment,
    PayRequest,
    Return,
    ReturnRequest,
)
from unisono.commerce.orders.money import Changed
from unisono.commerce.orders.reading import OrderFilter, OrderPage
from unisono.customers.identity import service as identity
from unisono.customers.web import unit, write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, Forbidden
from unisono.kit.web import MAX_ID, PROBLEMS

AnyRequest = Request[Any, Any, Any]

TAGS: Final = ["Orders"]
CHECKOUT: Final = ["Checkout"]

Number = Annotated[str, PathParameter(description="The order's number, as U-100042.", max_length=40)]
Word = Annotated[str | None, Parameter(max_length=200)]
Instant = Annotated[datetime | None, Parameter(description="With its zone; placed from then on, or before.")]
Statuses = Annotated[list[str] | None, Parameter(description="open, ready, completed, cancelled, returned; several.")]


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Why, and which units; without lines everything nobody has in hand."""

    reason: str
    lines: list[CancelLine] | None = None


class CaptureRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How much, in minor units; without an amount all that is reserved."""

    amount_minor: int | None = None


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How much goes back, in minor units, and why."""

    amount_minor: int
    reason: str


class ConfirmRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody saw: the money came (or went back), with its number; or it never will."""

    accepted: bool = True
    reference: str | None = None


class BeginRequest(CheckoutRequest, frozen=True, kw_only=True):
    """Which cart, and how it is to be bought."""

    cart_id: UUID
    channel: str = "web"
    store_id: str | None = None


class Confirmed(msgspec.Struct, frozen=True):
    """The payment, and its order when it has one."""

    payment: Payment
    order: Order | None


@get("/api/orders", guards=[requires("orders:read")], tags=TAGS, responses=PROBLEMS, summary="Find orders")
async def list_orders(
    request: AnyRequest,
    person: Annotated[int | None, Parameter(ge=1, le=MAX_ID, description="Of this person.")] = None,
    status: Statuses = None,
    payment_status: Word = None,
    channel: Word = None,
    kind: Word = None,
    source: Word = None,
    store: Word = None,
    known_as: Annotated[
        str | None, Parameter(description="Its number, or its id at its source.", max_length=200)
    ] = None,
    since: Instant = None,
    until: Instant = None,
    after: Annotated[str | None, Parameter(description="The ``next`` of the page before.", max_length=60)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> OrderPage:
    """Orders of every channel, newest first; filters that are not given do not filter."""
    if any(at is not None and at.tzinfo is None for at in (since, until)):
        raise BadRequest("A time needs its zone.", code="time_without_zone")
    stores = caller(request).stores
    if store is not None:
        stores = frozenset({store}) if stores is None or store in stores else frozenset()
    async with connection(request.app.state.pool) as conn:
        nodes = None
        if person is not None:
            nodes = [row["id"] for row in await identity.nodes_of(conn, await identity.resolve(conn, person))]
        wanted = OrderFilter(
            nodes=nodes,
            statuses=status,
            payment_status=payment_status,
            channel=channel,
            kind=kind,
            source=source,
            known_as=known_as,
            since=since,
            until=until,
            stores=stores,
        )
        found = await orders.page(conn, wanted, after=after, limit=limit)
        people = sorted({one.person_id for one in found.orders if one.person_id is not None})
        if people:
            detail = {"people": people}
            await audit.record(conn, actor=caller(request).actor, action="orders.list", detail=detail, wait=False)
    return found


@get(
    "/api/orders/{number:str}", guards=[requires("orders:read")], tags=TAGS, responses=PROBLEMS, summary="Read an order"
)
async def read_order(request: AnyRequest, number: Number) -> OrderDetail:
    """An order with lines, history, payments, parcels and returns."""
    principal = caller(request)
    async with connection(request.app.state.pool) as conn:
        found = await orders.detail(conn, number, stores=principal.stores)
        person, detail = found.order.person_id, {"order": number}
        if person is not None:
            await audit.record(
                conn, actor=principal.actor, action="order.read", person_id=person, detail=detail, wait=False
            )
    return found


@post(
    "/api/orders",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    response_description="The order.",
    summary="Place an order",
)
async def place_order(request: AnyRequest, data: JSONBody[NewOrder]) -> Response[Order]:
    """Place an order of another system, a till or a company. Known by ``source`` and ``source_order_id``: sent again it
    is the same order. Takes an Idempotency-Key."""
    principal = caller(request)
    _own_store(principal, data.store_id or data.location)
    state, now = request.app.state, now_of(request)

    async def act(conn: Connection) -> Order:
        placed = await orders.place_direct(
            conn, data, secret=state.secret, actor=principal.actor, now=now, country=state.settings.country
        )
        return placed.order

    return await write(request, act, status=201)


async def _change(
    request: AnyRequest, number: str, action: Callable[[Connection], Awaitable[Changed]]
) -> Response[Order]:
    """A change of an order of one's own stores; the calls it leaves over are made after it."""
    principal = caller(request)
    calls: list[int] = []

    async def act(conn: Connection) -> Order:
        await _seen(conn, principal, number)
        changed = await action(conn)
        calls[:] = changed.calls
        return changed.order

    answer = await write(request, act)
    await orders.finish_all(request.app.state.pool, calls, clock=lambda: now_of(request))
    return answer


@post(
    "/api/orders/{number:str}/cancel",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    response_description="The order after it; its money goes back right after.",
    status_code=200,
    summary="Cancel an order or units of it",
)
async def cancel_order(request: AnyRequest, number: Number, data: JSONBody[CancelOrder]) -> Response[Order]:
    """What nobody has in hand yet: goods are free, money is let go or given back. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Changed:
        return await orders.cancel(conn, number, lines=data.lines, reason=data.reason, actor=actor, now=now)

    return await _change(request, number, act)


@post(
    "/api/orders/{number:str}/capture",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    response_description="The order; the provider is asked right after.",
    status_code=200,
    summary="Capture a payment",
)
async def capture_order(request: AnyRequest, number: Number, data: JSONBody[CaptureRequest]) -> Response[Order]:
    """Take what is reserved, or a part of it. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Changed:
        return await orders.capture(conn, number, amount=data.amount_minor, actor=actor, now=now)

    return await _change(request, number, act)


@post(
    "/api/orders/{number:str}/refund",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    response_description="The order; the provider is asked right after.",
    status_code=200,
    summary="Refund without goods",
)
async def refund_order(request: AnyRequest, number: Number, data: JSONBody[RefundRequest]) -> Response[Order]:
    """Give money back though no goods come back: a gesture. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Changed:
        return await orders.refund(conn, number, amount=data.amount_minor, reason=data.reason, actor=actor, now=now)

    return await _change(request, number, act)


@post(
    "/api/orders/{number:str}/returns",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    response_description="The return; its money goes back right after.",
    summary="Take goods back",
)
async def return_order(request: AnyRequest, number: Number, data: JSONBody[ReturnRequest]) -> Response[Return]:
    """Line by line, in any channel and store, whatever the order was bought in. With a ``key`` it is made once. Takes
    an Idempotency-Key."""
    principal, now = caller(request), now_of(request)
    _own_store(principal, data.store_id)
    calls: list[int] = []

    async def act(conn: Connection) -> Return:
        made = await orders.return_lines(conn, number, data, actor=principal.actor, now=now)
        calls[:] = made.calls
        return made.made

    answer = await write(request, act, status=201)
    await orders.finish_all(request.app.state.pool, calls, clock=lambda: now_of(request))
    return answer


@post(
    "/api/payments/{payment_id:uuid}/confirm",
    guards=[requires("orders:write")],
    tags=TAGS,
    responses=PROBLEMS,
    response_description="The payment and its order.",
    status_code=200,
    summary="Confirm a transfer or a terminal",
)
async def confirm_payment(
    request: AnyRequest, payment_id: FromPath[UUID], data: JSONBody[ConfirmRequest]
) -> Response[Confirmed]:
    """Somebody saw the money: the transfer on the account, the card given its money back. Takes an Idempotency-Key."""
    principal, now = caller(request), now_of(request)

    async def act(conn: Connection) -> Confirmed:
        payment, order = await orders.confirm_payment(
            conn, str(payment_id), reference=data.reference, accepted=data.accepted, actor=principal.actor, now=now
        )
        if order is not None:
            await _seen(conn, principal, order.number)
        detail = {"payment": str(payment_id), "accepted": data.accepted}
        await audit.record(conn, actor=principal.actor, action="payment.confirm", detail=detail)
        return Confirmed(payment, order)

    return await write(request, act)


# Checkout ---------------------------------------------------------------------------------------------


@post(
    "/api/checkouts",
    guards=[requires("orders:write")],
    tags=CHECKOUT,
    responses=PROBLEMS,
    response_description="The checkout: goods, time and coupons are held until it expires.",
    summary="Begin a checkout",
)
async def begin_checkout(request: AnyRequest, data: JSONBody[BeginRequest]) -> Response[CheckoutView]:
    """Hold what a cart needs while it is paid, and freeze its quote. Takes an Idempotency-Key."""
    principal, now = caller(request), now_of(request)
    _own_store(principal, data.store_id or data.location)
    timezone: str = request.app.state.settings.timezone

    async def act(conn: Connection) -> CheckoutView:
        return orders.view_of_checkout(
            await orders.begin(
                conn,
                data.cart_id,
                data,
                channel=data.channel,
                store_id=data.store_id,
                timezone=timezone,
                actor=principal.actor,
                now=now,
            )
        )

    return await write(request, act, status=201)


@get(
    "/api/checkouts/{checkout_id:uuid}",
    guards=[requires("orders:read")],
    tags=CHECKOUT,
    responses=PROBLEMS,
    summary="Read a checkout",
)
async def read_checkout(request: AnyRequest, checkout_id: FromPath[UUID]) -> CheckoutView:
    """A basket being paid, or what became of it."""
    async with connection(request.app.state.pool) as conn:
        return orders.view_of_checkout(await _own_checkout(conn, caller(request), checkout_id))


@post(
    "/api/checkouts/{checkout_id:uuid}/pay",
    guards=[requires("orders:write")],
    tags=CHECKOUT,
    responses=PROBLEMS,
    response_description="The order.",
    status_code=200,
    summary="Pay and place",
)
async def pay_checkout(request: AnyRequest, checkout_id: FromPath[UUID], data: JSONBody[PayRequest]) -> Order:
    """Pay for a checkout and place its order. Sent again with the same ``key`` (or Idempotency-Key) it is the same
    payment; another key is another attempt."""
    key = data.key or request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= 100 and key.isprintable()):
        raise BadRequest("A key has 1 to 100 readable characters.", code="bad_idempotency_key")
    asked = msgspec.structs.replace(data, key=key)
    async with connection(request.app.state.pool) as conn:
        await _own_checkout(conn, caller(request), checkout_id)
    return await orders.pay(
        request.app.state.pool, checkout_id, asked, actor=caller(request).actor, clock=lambda: now_of(request)
    )


@post(
    "/api/checkouts/{checkout_id:uuid}/cancel",
    guards=[requires("orders:write")],
    tags=CHECKOUT,
    responses=PROBLEMS,
    status_code=200,
    summary="Go back to the cart",
)
async def cancel_checkout(request: AnyRequest, checkout_id: FromPath[UUID]) -> CheckoutView:
    """Everything it holds is free at once. Sent again it changes nothing."""
    async with unit(request.app.state.pool) as conn:
        await _own_checkout(conn, caller(request), checkout_id)
        checkout = await orders.cancel_checkout(conn, checkout_id, actor=caller(request).actor, now=now_of(request))
    return orders.view_of_checkout(checkout)


def _own_store(principal: Principal, store: str | None) -> None:
    """Raises Forbidden when somebody bound to stores acts for another one, or for none."""
    if principal.stores is not None and store not in principal.stores:
        raise Forbidden("This is for your own stores.", code="store_not_yours", store=store)


async def _own_checkout(conn: Connection, principal: Principal, checkout_id: UUID) -> Checkout:
    """Raises CheckoutNotFound for a checkout the caller may not see."""
    checkout = await orders.get_checkout(conn, checkout_id)
    places = {checkout.quote.basket.store_id, checkout.request.location}
    if principal.stores is not None and not places & principal.stores:
        raise CheckoutNotFound(f"There is no checkout {checkout_id}.")
    return checkout


async def _seen(conn: Connection, principal: Principal, number: str) -> None:
    """Raises OrderNotFound for an order the caller may not see."""
    if principal.stores is not None:
        await orders.detail(conn, number, stores=principal.stores)


routes: list[ControllerRouterHandler] = [
    list_orders,
    read_order,
    place_order,
    cancel_order,
    capture_order,
    refund_order,
    return_order,
    confirm_payment,
    begin_checkout,
    read_checkout,
    pay_checkout,
    cancel_checkout,
]
