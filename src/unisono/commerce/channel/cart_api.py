"""The customer's one cart, seen and changed from any channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import FromQuery, JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import requires
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.model import Cart, CartItem, CartView, SharedCart, ShareLink, Touch
from unisono.commerce.channel.speaking import AnyRequest, Speaker, own, speaker_of, staff_only, zone_of
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import NotFound
from unisono.kit.reasons import told
from unisono.kit.web import PROBLEMS, PathId

GUARD = [requires("channel:use")]
TAGS = ["Channels"]

Sku = Annotated[str, PathParameter(max_length=100, description="A sku or any barcode of it.")]
CartId = Annotated[UUID | None, Parameter(description="A cart opened by its code; the customer's own when missing.")]


class Put(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Products to go into the cart; ``expected_version`` refuses it when somebody was faster."""

    items: Annotated[list[CartItem], msgspec.Meta(min_length=1, max_length=200)]
    expected_version: int | None = None


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many units a line is to have."""

    quantity: int
    note: str | None = None
    expected_version: int | None = None


class CartCouponsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All coupon codes entered."""

    coupons: list[str]
    expected_version: int | None = None


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cart's code as it was typed or scanned."""

    code: str


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a shared cart's link."""

    token: str


class CartAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The cart; None when the customer has none. Reasons are in the language asked for."""

    cart: CartView | None
    qr_svg: str | None = None
    """The cart's code as a picture for a clerk to scan."""


def currency_of(request: AnyRequest) -> str:
    """The currency of carts here."""
    currency: str = request.app.state.settings.currency
    return currency


async def touch_of(conn: Connection, request: AnyRequest, speaker: Speaker) -> Touch:
    """How a speaker touches a cart."""
    return Touch(
        channel=speaker.channel,
        store_id=speaker.store_id,
        node_id=speaker.node_id,
        language=speaker.language,
        actor=speaker.actor,
        timezone=await zone_of(conn, request, speaker.store_id),
        now=speaker.now,
    )


def shown(view: CartView, touch: Touch) -> CartView:
    """A cart in the words of whoever asked."""
    return told(view, touch.language, touch.timezone)


async def _mine(conn: Connection, request: AnyRequest, speaker: Speaker, cart_id: UUID | None) -> Cart:
    """The cart meant: one a till or a server has opened by its code, else the customer's. Raises NotFound."""
    if cart_id is not None:
        cart = await carts.find_cart(conn, cart_id, now=speaker.now)
        own(speaker, cart.person_id)
        return cart
    found = None
    if speaker.node_id is not None:
        found = await carts.active_cart(
            conn,
            speaker.node_id,
            channel=speaker.channel,
            store_id=speaker.store_id,
            currency=currency_of(request),
            actor=speaker.actor,
            now=speaker.now,
        )
    if found is None:
        raise NotFound("There is no cart yet.", code="cart_not_found", hint="Put something into it.")
    return found


Change = Callable[[Connection, Cart, Touch], Awaitable[CartView]]


async def _change(request: AnyRequest, change: Change, cart_id: UUID | None) -> Response[CartAnswer]:
    """Change the cart meant, once a key, and answer with it."""
    speaker = await speaker_of(request)

    async def action(conn: Connection) -> CartAnswer:
        cart = await _mine(conn, request, speaker, cart_id)
        touch = await touch_of(conn, request, speaker)
        return CartAnswer(cart=shown(await change(conn, cart, touch), touch))

    return await write(request, action)


@get("/channel/cart", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="The customer's cart")
async def read_cart(request: AnyRequest, cart: CartId = None, qr: FromQuery[bool] = False) -> CartAnswer:
    """The one open cart of the customer, with prices, stock and promotions of this instant in this channel."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        found: Cart | None = None
        if cart is not None:
            found = await _mine(conn, request, speaker, cart)
        elif speaker.node_id is not None:
            found = await carts.present_cart(conn, speaker.node_id, now=speaker.now)
        if found is None:
            return CartAnswer(cart=None)
        touch = await touch_of(conn, request, speaker)
        view = await carts.view_cart(conn, found, touch)
    return CartAnswer(cart=shown(view, touch), qr_svg=carts.qr_svg(found) if qr else None)


@post("/channel/cart/lines", guards=GUARD, tags=TAGS, responses=PROBLEMS, status_code=200, summary="Put into the cart")
async def add_lines(request: AnyRequest, data: JSONBody[Put], cart: CartId = None) -> Response[CartAnswer]:
    """More units of some products. Without a customer a till gets a cart that is nobody's yet, known by its code."""
    speaker = await speaker_of(request)

    async def action(conn: Connection) -> CartAnswer:
        touch = await touch_of(conn, request, speaker)
        currency = currency_of(request)
        if cart is not None:
            own(speaker, (await carts.find_cart(conn, cart, now=touch.now)).person_id)
            view = await carts.add_lines(conn, cart, data.items, touch, expected_version=data.expected_version)
        elif speaker.node_id is not None:
            view = await carts.put_into(
                conn, speaker.node_id, data.items, touch, currency=currency, expected_version=data.expected_version
            )
        else:
            staff_only(speaker)
            begun = await carts.begin(conn, touch, currency=currency)
            view = await carts.add_lines(conn, begun.id, data.items, touch)
        return CartAnswer(cart=shown(view, touch))

    return await write(request, action)


@put("/channel/cart/lines/{sku:str}", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Set a line's quantity")
async def set_line(request: AnyRequest, sku: Sku, data: JSONBody[Amount], cart: CartId = None) -> Response[CartAnswer]:
    """So many units of a product, whatever there were."""

    async def change(conn: Connection, found: Cart, touch: Touch) -> CartView:
        return await carts.set_quantity(
            conn, found.id, sku, data.quantity, touch, note=data.note, expected_version=data.expected_version
        )

    return await _change(request, change, cart)


@delete(
    "/channel/cart/lines/{sku:str}",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Take out of the cart",
)
async def remove_line(request: AnyRequest, sku: Sku, cart: CartId = None) -> Response[CartAnswer]:
    """Take a product out."""

    async def change(conn: Connection, found: Cart, touch: Touch) -> CartView:
        return await carts.remove_line(conn, found.id, sku, touch)

    return await _change(request, change, cart)


@put("/channel/cart/coupons", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Enter coupons")
async def set_coupons(
    request: AnyRequest, data: JSONBody[CartCouponsRequest], cart: CartId = None
) -> Response[CartAnswer]:
    """All coupon codes of the cart; the quote says which count and why others do not."""

    async def change(conn: Connection, found: Cart, touch: Touch) -> CartView:
        return await carts.set_coupons(conn, found.id, data.coupons, touch, expected_version=data.expected_version)

    return await _change(request, change, cart)


@post("/channel/cart/seen", guards=GUARD, tags=TAGS, responses=PROBLEMS, status_code=200, summary="Prices were seen")
async def mark_seen(request: AnyRequest, cart: CartId = None) -> Response[CartAnswer]:
    """The channel has shown the cart at its prices of now: its notices have been read."""

    async def change(conn: Connection, found: Cart, touch: Touch) -> CartView:
        return await carts.mark_seen(conn, found.id, touch)

    return await _change(request, change, cart)


@post(
    "/channel/cart/merges/{merge_id:int}/undo",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Undo a merge of carts",
)
async def undo_merge(request: AnyRequest, merge_id: PathId, cart: CartId = None) -> Response[CartAnswer]:
    """Two carts again, as they were before they were merged."""

    async def change(conn: Connection, found: Cart, touch: Touch) -> CartView:
        return await carts.undo_merge(conn, found.id, merge_id, touch)

    return await _change(request, change, cart)


@post(
    "/channel/cart/open",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Open a cart by its code",
)
async def open_by_code(request: AnyRequest, data: JSONBody[Code]) -> Response[CartAnswer]:
    """The cart a customer shows at the counter; for tills and servers. The look is audited."""
    speaker = await speaker_of(request)
    staff_only(speaker)

    async def action(conn: Connection) -> CartAnswer:
        cart = await carts.open_by_code(conn, data.code, now=speaker.now)
        touch = await touch_of(conn, request, speaker)
        await audit.record(conn, actor=speaker.actor, action="cart.opened", person_id=cart.person_id)
        return CartAnswer(cart=shown(await carts.view_cart(conn, cart, touch), touch))

    return await write(request, action)


@post("/channel/cart/claim", guards=GUARD, tags=TAGS, responses=PROBLEMS, status_code=200, summary="Whose the cart is")
async def claim_cart(request: AnyRequest, cart: FromQuery[UUID]) -> Response[CartAnswer]:
    """A cart begun at the till for nobody becomes that of the customer who is named now."""
    speaker = await speaker_of(request, needs_customer=True)
    staff_only(speaker)

    async def action(conn: Connection) -> CartAnswer:
        touch = await touch_of(conn, request, speaker)
        assert speaker.node_id is not None
        claimed = await carts.claim(conn, cart, speaker.node_id, touch)
        return CartAnswer(cart=shown(await carts.view_cart(conn, claimed, touch), touch))

    return await write(request, action)


@post("/channel/cart/share", guards=GUARD, tags=TAGS, responses=PROBLEMS, status_code=201, summary="Share the cart")
async def share_cart(request: AnyRequest, cart: CartId = None) -> Response[ShareLink]:
    """A token whose holder may see what is in the cart and copy it; told once."""
    speaker = await speaker_of(request)

    async def action(conn: Connection) -> ShareLink:
        found = await _mine(conn, request, speaker, cart)
        return await carts.share(conn, found.id, await touch_of(conn, request, speaker), via=speaker.channel)

    return await write(request, action, status=201)


@get("/channel/carts/shared", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="See a shared cart")
async def see_shared(request: AnyRequest, token: Annotated[str, Parameter(max_length=200)]) -> SharedCart:
    """What is in it, at the prices of here and now; changes nothing."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        return await carts.open_shared(conn, token, await touch_of(conn, request, speaker))


@post("/channel/cart/copy", guards=GUARD, tags=TAGS, responses=PROBLEMS, status_code=200, summary="Copy a shared cart")
async def copy_shared(request: AnyRequest, data: JSONBody[Token]) -> Response[CartAnswer]:
    """What is in a shared cart into the customer's own."""
    speaker = await speaker_of(request, needs_customer=True)

    async def action(conn: Connection) -> CartAnswer:
        touch = await touch_of(conn, request, speaker)
        assert speaker.node_id is not None
        view = await carts.copy_shared(conn, data.token, speaker.node_id, touch, currency=currency_of(request))
        return CartAnswer(cart=shown(view, touch))

    return await write(request, action)


def routes() -> list[ControllerRouterHandler]:
    """The routes of the cart."""
    handlers: list[Any] = [
        read_cart,
        add_lines,
        set_line,
        remove_line,
        set_coupons,
        mark_seen,
        undo_merge,
        open_by_code,
        claim_cart,
        share_cart,
        see_shared,
        copy_shared,
    ]
    return handlers
