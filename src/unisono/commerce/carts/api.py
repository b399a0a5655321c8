"""Carts over the API, for the staff and for servers.

A cart is named by its id, or by the code the customer shows: whoever holds the code was given it, so it opens the
cart in any store. By id, who is bound to stores reaches only the carts of people seen there, as with profiles.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from litestar import Request, Response, delete, get, post, put
from litestar.params import JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.carts import codes
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.asking import (
    CartState,
    ClaimRequest,
    CopyRequest,
    CouponsRequest,
    LinesRequest,
    NewCart,
    QuantityRequest,
    ShareRequest,
)
from unisono.commerce.carts.errors import CartNotFound
from unisono.commerce.carts.model import Cart, CartSettings, CartView, SharedCart, ShareLink, Touch
from unisono.customers.profiles import service as profiles
from unisono.customers.profiles.meeting import person_within
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest
from unisono.kit.web import PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

READ: Final = [requires("orders:read")]
WRITE: Final = [requires("orders:write")]
TAGS: Final = ["Carts"]
LONGEST: Final = 100
"""Characters of the texts in paths and questions."""

CartName = Annotated[str, PathParameter(description="The cart's id or its code.", max_length=LONGEST)]
Sku = Annotated[str, PathParameter(description="A sku or a barcode.", max_length=4 * LONGEST)]
Channel = Annotated[str, Parameter(description="The channel the cart is shown in.", max_length=LONGEST)]
Store = Annotated[str | None, Parameter(description="The store it is shown in.", max_length=LONGEST)]
Version = Annotated[int | None, Parameter(description="Refuse when the cart is at another version.", ge=1)]


def _word(text: str | None) -> None:
    if text is not None and not (text.strip() and text.isprintable()):
        raise BadRequest(f"{text!r} is no channel and no store.", code="bad_text")


def touch_of(
    request: AnyRequest, *, channel: str | None = None, store_id: str | None = None, node_id: int | None = None
) -> Touch:
    """Where the cart is touched: a clerk of one store stands in it unless he says otherwise."""
    _word(channel)
    _word(store_id)
    principal = caller(request)
    own = next(iter(principal.stores)) if principal.stores is not None and len(principal.stores) == 1 else None
    settings = request.app.state.settings
    return Touch(
        channel=channel or ("store" if own else "service"),
        store_id=store_id or own,
        node_id=node_id,
        timezone=settings.timezone,
        actor=principal.actor,
        now=now_of(request),
    )


def _currency(request: AnyRequest, currency: str | None) -> str:
    return currency or str(request.app.state.settings.currency)


async def _cart(conn: Connection, request: AnyRequest, name: str) -> Cart:
    """The cart of an id or a code. Raises CartNotFound, also for a cart out of the caller's stores named by its id."""
    principal, now = caller(request), now_of(request)
    if codes.read_code(name) is not None:
        return await carts.open_by_code(conn, name, now=now)
    try:
        cart_id = UUID(name)
    except ValueError:
        raise CartNotFound("There is no such cart.") from None
    cart = await carts.find_cart(conn, cart_id, now=now)
    if principal.stores is None:
        return cart
    if cart.person_id is None:
        within = cart.store_id in principal.stores
    else:
        within = await profiles.seen_in(conn, cart.person_id, principal.stores)
    if not within:
        raise CartNotFound("There is no such cart.")
    return cart


T = TypeVar("T")
Change = Callable[[Connection, Cart], Awaitable[T]]


async def _change(request: AnyRequest, name: str, change: Change[T], *, action: str, status: int = 200) -> Response[T]:
    """One change of a cart: in one transaction, once an Idempotency-Key, with its entry in the audit."""
    actor = caller(request).actor

    async def act(conn: Connection) -> T:
        cart = await _cart(conn, request, name)
        answer = await change(conn, cart)
        await audit.record(conn, actor=actor, action=action, person_id=cart.person_id, detail={"cart_id": str(cart.id)})
        return answer

    return await write(request, act, status=status)


async def _seen(conn: Connection, request: AnyRequest, cart: Cart, **detail: str) -> None:
    await audit.record(
        conn,
        actor=caller(request).actor,
        action="cart.read",
        person_id=cart.person_id,
        detail={"cart_id": str(cart.id), **detail},
        wait=False,
    )


# Looking -------------------------------------------------------------------------------------------------


@get("/api/carts/{cart:str}", guards=READ, tags=TAGS, responses=PROBLEMS, summary="One cart")
async def read_cart(request: AnyRequest, cart: CartName, channel: Channel = "", store_id: Store = None) -> CartView:
    """A cart by id or code as a channel sees it now: prices, stock, promotions, and line by line what has changed since
    it was looked at. The id of a merged cart leads to the one it went into."""
    async with connection(request.app.state.pool) as conn:
        found = await _cart(conn, request, cart)
        touch = touch_of(request, channel=channel or None, store_id=store_id)
        shown = await carts.view_cart(conn, found, touch)
        await _seen(conn, request, found)
    return shown


@get(
    "/api/carts/by-code/{code:str}",
    guards=READ,
    tags=TAGS,
    responses=PROBLEMS,
    summary="A cart by the code the customer shows",
)
async def read_cart_by_code(
    request: AnyRequest,
    code: Annotated[str, PathParameter(max_length=LONGEST)],
    channel: Channel = "",
    store_id: Store = None,
) -> CartView:
    """A cart by its eight characters, typed or scanned from the QR picture, however they are written."""
    async with connection(request.app.state.pool) as conn:
        found = await carts.open_by_code(conn, code, now=now_of(request))
        shown = await carts.view_cart(conn, found, touch_of(request, channel=channel or None, store_id=store_id))
        await _seen(conn, request, found, by="code")
    return shown


@get(
    "/api/carts/{cart:str}/qr.svg",
    guards=READ,
    tags=TAGS,
    responses=PROBLEMS,
    media_type="image/svg+xml",
    summary="A cart's code as a picture",
)
async def cart_picture(request: AnyRequest, cart: CartName) -> Response[str]:
    """The cart's code as a QR picture (SVG)."""
    async with connection(request.app.state.pool) as conn:
        found = await _cart(conn, request, cart)
    return Response(carts.qr_svg(found), media_type="image/svg+xml", headers={"cache-control": "private"})


@get(
    "/api/people/{person_id:int}/cart",
    guards=READ,
    tags=TAGS,
    responses=PROBLEMS,
    summary="A person's cart",
)
async def person_cart(
    request: AnyRequest,
    person_id: PathId,
    channel: Channel = "",
    store_id: Store = None,
) -> CartView:
    """The one open cart of a person, over all channels and identifiers; 404 when there is none."""
    principal = caller(request)
    async with connection(request.app.state.pool) as conn:
        person = await person_within(conn, principal, person_id)
        touch = touch_of(request, channel=channel or None, store_id=store_id)
        found = await carts.present_cart(conn, person, now=touch.now)
        if found is None:
            raise CartNotFound(f"Person {person} has no open cart.")
        shown = await carts.view_cart(conn, found, touch)
        await _seen(conn, request, found)
    return shown


# Changing ------------------------------------------------------------------------------------------------


@post("/api/carts", guards=WRITE, tags=TAGS, responses=PROBLEMS, summary="Open a cart")
async def open_cart(
    request: AnyRequest, data: JSONBody[NewCart], channel: Channel = "", store_id: Store = None
) -> Response[CartView]:
    """A person's open cart, made when there is none; without a person a new cart that is nobody's yet. Takes an
    Idempotency-Key."""
    principal = caller(request)
    touch = touch_of(request, channel=channel or None, store_id=store_id)
    currency = _currency(request, data.currency)

    async def act(conn: Connection) -> CartView:
        if data.person_id is None:
            cart = await carts.begin(conn, touch, currency=currency)
        else:
            person = await person_within(conn, principal, data.person_id)
            found = await carts.active_cart(
                conn,
                person,
                channel=touch.channel,
                store_id=touch.store_id,
                currency=currency,
                create=True,
                actor=touch.actor,
                now=touch.now,
            )
            if found is None:
                raise CartNotFound(f"Person {person} has no open cart.")
            cart = found
        detail = {"cart_id": str(cart.id)}
        await audit.record(conn, actor=touch.actor, action="cart.open", person_id=cart.person_id, detail=detail)
        return await carts.view_cart(conn, cart, touch)

    return await write(request, act, status=201)


@post(
    "/api/people/{person_id:int}/cart/lines",
    guards=WRITE,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Add to a person's cart",
)
async def add_to_person(
    request: AnyRequest,
    person_id: PathId,
    data: JSONBody[LinesRequest],
    channel: Channel = "",
    store_id: Store = None,
) -> Response[CartView]:
    """Products into the person's cart, made when there is none. Takes an Idempotency-Key."""
    principal = caller(request)
    touch = touch_of(request, channel=channel or None, store_id=store_id)

    async def act(conn: Connection) -> CartView:
        person = await person_within(conn, principal, person_id)
        shown = await carts.put_into(
            conn,
            person,
            data.lines,
            touch,
            currency=_currency(request, data.currency),
            expected_version=data.expected_version,
        )
        detail = {"cart_id": str(shown.id)}
        await audit.record(conn, actor=touch.actor, action="cart.add", person_id=person, detail=detail)
        return shown

    return await write(request, act)


@post(
    "/api/carts/{cart:str}/lines",
    guards=WRITE,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Add to a cart",
)
async def add_to_cart(
    request: AnyRequest, cart: CartName, data: JSONBody[LinesRequest], channel: Channel = "", store_id: Store = None
) -> Response[CartView]:
    """More units of some products, by sku or barcode, all or none. Takes an Idempotency-Key."""
    touch = touch_of(request, channel=channel or None, store_id=store_id)

    async def change(conn: Connection, found: Cart) -> CartView:
        return await carts.add_lines(conn, found.id, data.lines, touch, expected_version=data.expected_version)

    return await _change(request, cart, change, action="cart.add")


@put(
    "/api/carts/{cart:str}/lines/{sku:str}",
    guards=WRITE,
    tags=TAGS,
    responses=PROBLEMS,
    summary="Set a line's quantity",
)
async def set_line(
    request: AnyRequest,
    cart: CartName,
    sku: Sku,
    data: JSONBody[QuantityRequest],
    channel: Channel = "",
    store_id: Store = None,
) -> Response[CartView]:
    """So many units of a product, whatever there were. Takes an Idempotency-Key."""
    touch = touch_of(request, channel=channel or None, store_id=store_id)

    async def change(conn: Connection, found: Cart) -> CartView:
        return await carts.set_quantity(
            conn, found.id, sku, data.quantity, touch, note=data.note, expected_version=data.expected_version
        )

    return await _change(request, cart, change, action="cart.set")


@delete(
    "/api/carts/{cart:str}/lines/{sku:str}",
    guards=WRITE,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Take a line out",
)
async def remove_line(
    request: AnyRequest,
    cart: CartName,
    sku: Sku,
    channel: Channel = "",
    store_id: Store = None,
    expected_version: Version = None,
) -> Response[CartView]:
    """Take a product out; answers with the cart. Takes an Idempotency-Key."""
    touch = touch_of(request, channel=channel or None, store_id=store_id)

    async def change(conn: Connection, found: Cart) -> CartView:
        return await carts.remove_line(conn, found.id, sku, touch, expected_version=expected_version)

    return await _change(request, cart, change, action="cart.remove")


@put("/api/carts/{cart:str}/coupons", guards=WRITE, tags=TAGS, responses=PROBLEMS, summary="Enter coupons")
async def set_coupons(
    request: AnyRequest, cart: CartName, data: JSONBody[CouponsRequest], channel: Channel = "", store_id: Store = None
) -> Response[CartView]:
    """All coupons that are entered; the quote says of each whether it counts, and why not. Takes an
    Idempotency-Key."""
    touch = touch_of(request, channel=channel or None, store_id=store_id)

    async def change(conn: Connection, found: Cart) -> CartView:
        return await carts.set_coupons(conn, found.id, data.coupons, touch, expected_version=data.expected_version)

    return await _change(request, cart, change, action="cart.coupons")


@post(
    "/api/carts/{cart:str}/seen",
    guards=WRITE,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="A cart was seen",
)
async def mark_seen(
    request: AnyRequest, cart: CartName, channel: Channel = "", store_id: Store = None
) -> Response[CartView]:
    """The customer has seen the cart at its prices of now: what had changed is explained no more. Takes an
    Idempotency-Key."""
    touch = touch_of(request, channel=channel or None, store_id=store_id)

    async def change(conn: Connection, found: Cart) -> CartView:
        return await carts.mark_seen(conn, found.id, touch)

    return await _change(request, cart, change, action="cart.seen")


@post(
    "/api/carts/{cart:str}/merges/{merge_id:int}/undo",
    guards=WRITE,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Undo a merge",
)
async def undo_merge(
    request: AnyRequest, cart: CartName, merge_id: PathId, channel: Channel = "", store_id: Store = None
) -> Response[CartView]:
    """Take a merge of two carts back: both are as they were, with what was changed since. Takes an
    Idempotency-Key."""
    touch = touch_of(request, channel=channel or None, store_id=store_id)

    async def change(conn: Connection, found: Cart) -> CartView:
        return await carts.undo_merge(conn, found.id, merge_id, touch)

    return await _change(request, cart, change, action="cart.undo_merge")


@post(
    "/api/carts/{cart:str}/claim",
    guards=WRITE,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Say whose a cart is",
)
async def claim_cart(
    request: AnyRequest, cart: CartName, data: JSONBody[ClaimRequest], channel: Channel = "", store_id: Store = None
) -> Response[CartView]:
    """Say whose a cart is that was nobody's; it is merged with the person's own. Takes an Idempotency-Key."""
    touch = touch_of(request, channel=channel or None, store_id=store_id)

    async def change(conn: Connection, found: Cart) -> CartView:
        person = await person_within(conn, caller(request), data.person_id)
        return await carts.view_cart(conn, await carts.claim(conn, found.id, person, touch), touch)

    return await _change(request, cart, change, action="cart.claim")


@delete(
    "/api/carts/{cart:str}", guards=WRITE, tags=TAGS, responses=PROBLEMS, status_code=200, summary="Throw a cart away"
)
async def discard_cart(request: AnyRequest, cart: CartName) -> Response[CartState]:
    """Throw a cart away. Takes an Idempotency-Key."""
    touch = touch_of(request)

    async def change(conn: Connection, found: Cart) -> CartState:
        gone = await carts.discard(conn, found.id, touch)
        return CartState(id=gone.id, status=gone.status, version=gone.version)

    return await _change(request, cart, change, action="cart.discard")


# Sharing -------------------------------------------------------------------------------------------------


@post(
    "/api/carts/{cart:str}/share", guards=WRITE, tags=TAGS, responses=PROBLEMS, status_code=201, summary="Share a cart"
)
async def share_cart(request: AnyRequest, cart: CartName, data: JSONBody[ShareRequest]) -> Response[ShareLink]:
    """A link to the cart: its token, told once; one given out before ends. Takes an Idempotency-Key."""
    touch = touch_of(request)

    async def change(conn: Connection, found: Cart) -> ShareLink:
        return await carts.share(conn, found.id, touch, via=data.via)

    return await _change(request, cart, change, action="cart.share", status=201)


@delete(
    "/api/carts/{cart:str}/share",
    guards=WRITE,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="End a cart's link",
)
async def end_sharing(request: AnyRequest, cart: CartName) -> Response[CartState]:
    """End the link to a cart. Takes an Idempotency-Key."""
    touch = touch_of(request)

    async def change(conn: Connection, found: Cart) -> CartState:
        await carts.end_sharing(conn, found.id, touch)
        now = await carts.find_cart(conn, found.id, now=touch.now)
        return CartState(id=now.id, status=now.status, version=now.version)

    return await _change(request, cart, change, action="cart.end_sharing")


@get("/api/carts/shared/{token:str}", guards=READ, tags=TAGS, responses=PROBLEMS, summary="See a shared cart")
async def read_shared(
    request: AnyRequest,
    token: Annotated[str, PathParameter(max_length=LONGEST)],
    channel: Channel = "",
    store_id: Store = None,
) -> SharedCart:
    """What is in the cart of a link, at the prices of now, without whose it is. Changes nothing."""
    touch = touch_of(request, channel=channel or None, store_id=store_id)
    async with connection(request.app.state.pool) as conn:
        return await carts.open_shared(conn, token, touch)


@post(
    "/api/people/{person_id:int}/cart/copy",
    guards=WRITE,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Copy a shared cart",
)
async def copy_shared(
    request: AnyRequest, person_id: PathId, data: JSONBody[CopyRequest], channel: Channel = "", store_id: Store = None
) -> Response[CartView]:
    """Put what is in the cart of a link into the person's own; what cannot be bought is left out, with a notice. Takes
    an Idempotency-Key."""
    principal = caller(request)
    touch = touch_of(request, channel=channel or None, store_id=store_id)

    async def act(conn: Connection) -> CartView:
        person = await person_within(conn, principal, person_id)
        shown = await carts.copy_shared(conn, data.token, person, touch, currency=_currency(request, data.currency))
        detail = {"cart_id": str(shown.id)}
        await audit.record(conn, actor=touch.actor, action="cart.copy", person_id=person, detail=detail)
        return shown

    return await write(request, act)


# Settings ------------------------------------------------------------------------------------------------


@get("/api/carts/settings", guards=READ, tags=TAGS, responses=PROBLEMS, summary="The settings of carts")
async def read_settings(request: AnyRequest) -> CartSettings:
    """After how many minutes a cart counts as abandoned, by which rule carts are merged."""
    async with connection(request.app.state.pool) as conn:
        return await carts.settings(conn)


@put(
    "/api/carts/settings",
    guards=[requires("promotions:write")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Change the settings of carts",
)
async def change_settings(request: AnyRequest, data: JSONBody[CartSettings]) -> Response[CartSettings]:
    """Change them. Takes an Idempotency-Key."""
    actor = caller(request).actor

    async def act(conn: Connection) -> CartSettings:
        await carts.change_settings(conn, data)
        detail = {"idle_minutes": data.idle_minutes, "merge_rule": data.merge_rule}
        await audit.record(conn, actor=actor, action="cart.settings", detail=detail)
        return data

    return await write(request, act)


routes: list[ControllerRouterHandler] = [
    read_settings,
    change_settings,
    read_cart_by_code,
    read_shared,
    read_cart,
    cart_picture,
    person_cart,
    open_cart,
    add_to_person,
    add_to_cart,
    set_line,
    remove_line,
    set_coupons,
    mark_seen,
    undo_merge,
    claim_cart,
    discard_cart,
    share_cart,
    end_sharing,
    copy_shared,
]
