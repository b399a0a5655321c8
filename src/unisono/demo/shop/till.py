"""The till: scan anything, go on with the customer's cart, sell, hand over, take back."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.demo.shop.basket import units_of
from unisono.demo.shop.engine import Engine, Refused
from unisono.demo.shop.pages import at, engine_of, form_of, go, page, refused
from unisono.demo.shop.rendering import skus_of
from unisono.demo.shop.visitors import AnyRequest, Visitor, cookie_name, remembered, visitor_of
from unisono.demo.shop.words import in_words, say
from unisono.kit.money import MoneyError, to_minor

HOME: Final = "/till"
NAMESPACES: Final = ("loyalty_card", "email", "phone", "user_id")
MISSING: Final = ("person_not_found", "bad_identifier")


def nobody(visitor: Visitor) -> Visitor:
    """The till itself, speaking for no customer."""
    return msgspec.structs.replace(visitor, customer=None)


def _kept(what: str, value: str | None) -> Cookie:
    return remembered(cookie_name("till", what), value)


def _of_cart(visitor: Visitor) -> dict[str, str]:
    return {"cart": visitor.cart} if visitor.cart else {}


async def _cart(engine: Engine, visitor: Visitor) -> dict[str, Any] | None:
    """The cart on the counter: one opened by its code, else the customer's."""
    if not visitor.cart and not visitor.customer:
        return None
    found = await engine.get("/channel/cart", visitor, **_of_cart(visitor))
    cart: dict[str, Any] | None = found["cart"]
    # Sold or given up elsewhere: nothing to go on with.
    return cart if cart and cart["status"] in ("active", "checkout") else None


@get("/", include_in_schema=False)
async def till(request: AnyRequest) -> Response[str]:
    """The counter: the cart, the customer, what waits to be handed over."""
    visitor, engine = visitor_of(request), engine_of(request)
    cart, sorry = None, ""
    try:
        cart = await _cart(engine, visitor)
    except Refused as error:
        if error.status != 404:
            raise
        sorry = in_words(error.code, error.detail, error.hint, visitor.language)
    pickups, kept = await asyncio.gather(
        engine.get("/channel/pickups", nobody(visitor)), engine.get("/channel/reservations", nobody(visitor))
    )
    return await page(
        request,
        "till.html",
        cart=cart,
        sorry=sorry,
        pickups=pickups,
        reservations=kept["reservations"],
        store_id=engine.keys.store_id,
        skus=skus_of([line["sku"] for line in cart["lines"]] if cart else []),
    )


# Scanning ---------------------------------------------------------------------------------------------


@post("/scan", include_in_schema=False)
async def scan(request: AnyRequest) -> Response[None]:
    """A cart's code, a product, a customer: whatever was scanned or typed."""
    visitor, form = visitor_of(request), await form_of(request)
    text = form.get("text", "").strip()
    if not text:
        return go(request, HOME)
    engine = engine_of(request)
    try:
        for look in (_open_cart, _add_product, _name_customer):
            done = await look(request, engine, visitor, text, form.get("key"))
            if done is not None:
                return done
    except Refused as error:
        return refused(request, error, HOME)
    said = say("Nothing is known by {text}: no cart, no product, no customer.", visitor.language)
    return go(request, HOME, said.format(text=text[:80]), bad=True)


async def _open_cart(
    request: AnyRequest, engine: Engine, visitor: Visitor, text: str, _key: str | None
) -> Response[None] | None:
    try:
        found = await engine.call("POST", "/channel/cart/open", nobody(visitor), {"code": text})
    except Refused as error:
        if error.code in ("bad_cart_code", "cart_not_found", "validation"):
            return None
        raise
    said = say("The customer's cart is open.", visitor.language)
    return go(request, HOME, said, cookies=[_kept("cart", found["cart"]["id"]), _kept("customer", None)])


async def _add_product(
    request: AnyRequest, engine: Engine, visitor: Visitor, text: str, key: str | None
) -> Response[None] | None:
    try:
        found = await engine.get(f"/channel/products/{at(text)}", nobody(visitor))
    except Refused as error:
        if error.status == 404:
            return None
        raise
    sku = found["product"]["sku"] or next((one["sku"] for one in found["variants"]), text)
    return await _add(request, engine, visitor, sku, key)


async def _add(request: AnyRequest, engine: Engine, visitor: Visitor, sku: str, key: str | None) -> Response[None]:
    items = {"items": [{"sku": sku, "quantity": 1}]}
    cart = None if visitor.customer and not visitor.cart else await _cart_or_none(engine, visitor)
    params = {"cart": cart["id"]} if cart else {}
    answer = await engine.call("POST", "/channel/cart/lines", visitor, items, params=params, key=key)
    cookies = [] if visitor.customer and not visitor.cart else [_kept("cart", answer["cart"]["id"])]
    line = next((one for one in answer["cart"]["lines"] if one["sku"] == sku), None)
    return go(request, HOME, f"+ {line['name'] if line else sku}", cookies=cookies)


async def _cart_or_none(engine: Engine, visitor: Visitor) -> dict[str, Any] | None:
    try:
        return await _cart(engine, visitor)
    except Refused as error:
        if error.status != 404:
            raise
        return None


async def _name_customer(
    request: AnyRequest, engine: Engine, visitor: Visitor, text: str, _key: str | None
) -> Response[None] | None:
    """Whoever is known by a card, an e-mail, a telephone, a customer number. A cart begun for nobody becomes his."""
    namespace, colon, value = text.partition(":")
    tries = [(namespace, value)] if colon and namespace in NAMESPACES else [(name, text) for name in NAMESPACES]
    for name, what in tries:
        chosen = msgspec.structs.replace(visitor, customer=f"{name}:{what.strip()}", cart=None)
        try:
            who = await engine.get("/channel/customer", chosen)
        except Refused as error:
            if error.code in MISSING:
                continue
            raise
        if visitor.cart:
            await _claim(engine, chosen, visitor.cart)
        said = say("{name} is at the counter.", visitor.language).format(name=who["name"] or text)
        return go(request, HOME, said, cookies=[_kept("customer", chosen.customer), _kept("cart", None)])
    return None


async def _claim(engine: Engine, chosen: Visitor, cart: str) -> None:
    try:
        await engine.call("POST", "/channel/cart/claim", chosen, {}, params={"cart": cart})
    except Refused as error:
        # A cart that is somebody's stays his; the customer goes on with his own.
        if error.status not in (404, 409):
            raise


@post("/next", include_in_schema=False)
async def next_customer(request: AnyRequest) -> Response[None]:
    """Nobody is at the counter; carts stay as they are."""
    return go(request, HOME, cookies=[_kept("customer", None), _kept("cart", None)])


# The cart ---------------------------------------------------------------------------------------------


async def _change(request: AnyRequest, method: str, path: str, body: Any = None) -> Response[None]:
    visitor, form = visitor_of(request), await form_of(request)
    try:
        await engine_of(request).call(method, path, visitor, body, params=_of_cart(visitor), key=form.get("key"))
    except Refused as error:
        return refused(request, error, HOME)
    return go(request, HOME)


@post("/set", include_in_schema=False)
async def set_quantity(request: AnyRequest) -> Response[None]:
    """So many units of a line; none takes it out."""
    form = await form_of(request)
    units, path = units_of(form.get("quantity", "")), f"/channel/cart/lines/{at(form.get('sku', ''))}"
    if units == 0:
        return await _change(request, "DELETE", path)
    return await _change(request, "PUT", path, {"quantity": units})


@post("/coupon", include_in_schema=False)
async def coupon(request: AnyRequest) -> Response[None]:
    """Redeem one more coupon, or leave one out."""
    visitor, form = visitor_of(request), await form_of(request)
    cart = await _cart_or_none(engine_of(request), visitor)
    kept = [one for one in (cart["coupons"] if cart else []) if one != form.get("without")]
    if form.get("coupon", "").strip():
        kept.append(form["coupon"].strip()[:40])
    return await _change(request, "PUT", "/channel/cart/coupons", {"coupons": kept})


@post("/pay", include_in_schema=False)
async def sell(request: AnyRequest) -> Response[None]:
    """Take the money: one sale, however often it is sent."""
    visitor, form, engine = visitor_of(request), await form_of(request), engine_of(request)
    key, how = form.get("key") or "", form.get("how", "cash")
    paid: dict[str, Any] = {"provider": how if how in ("cash", "terminal") else "cash", "key": key or None}
    if paid["provider"] == "terminal":
        paid["reference"] = f"slip-{key[:40]}"
    begun: dict[str, Any] | None = None
    try:
        if how == "cash" and form.get("given", "").strip():
            paid["tendered_minor"] = to_minor(form["given"].replace(",", "."), form.get("currency", "EUR"))
        asked = {"fulfilment": "carry", "order_id": f"sample-till-{key}", **_of_cart(visitor)}
        begun = await engine.call("POST", "/channel/checkouts", visitor, asked, key=f"{key}:begin")
        assert begun is not None
        path = f"/channel/checkouts/{begun['id']}"
        order = await engine.call("POST", f"{path}/pay", visitor, paid, key=f"{key}:pay")
    except Refused as error:
        if begun is not None:
            await _give_up(engine, visitor, begun["id"])
        return refused(request, error, HOME)
    except MoneyError:
        return go(request, HOME, say("The amount given cannot be read.", visitor.language), bad=True)
    cookies = [_kept("customer", None), _kept("cart", None)]
    return go(request, f"{HOME}/sold/{at(order['number'])}", cookies=cookies)


async def _give_up(engine: Engine, visitor: Visitor, checkout_id: str) -> None:
    try:
        await engine.call("DELETE", f"/channel/checkouts/{at(checkout_id)}", visitor)
    except Refused as error:
        # It is over already, or nobody answers: its quarter of an hour ends by itself.
        if error.status not in (404, 409, 503):
            raise


@get("/sold/{number:str}", include_in_schema=False)
async def sold(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """What was sold, and its receipt."""
    found = await engine_of(request).get(f"/channel/orders/{at(number)}", nobody(visitor_of(request)))
    return await page(request, "sold.html", order=found["order"])


@get("/orders/{number:str}/receipt", include_in_schema=False)
async def receipt(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
    """The receipt, to print."""
    path = f"/channel/orders/{at(number)}/receipt"
    found = await engine_of(request).paper(path, nobody(visitor_of(request)))
    return Response(found.content, media_type=found.headers["content-type"])


def handlers() -> list[ControllerRouterHandler]:
    """The routes of selling."""
    return [till, scan, next_customer, set_quantity, coupon, sell, sold, receipt]
