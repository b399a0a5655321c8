"""The cart in the web shop and the app: the same one the till sees."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from unisono.demo.shop.engine import Refused
from unisono.demo.shop.pages import acting, at, engine_of, form_of, go, page, refused
from unisono.demo.shop.rendering import skus_of
from unisono.demo.shop.visitors import AnyRequest, Visitor, visitor_of
from unisono.demo.shop.words import say


def units_of(text: str) -> int:
    """A quantity as it was typed; -1 for what is none, which the engine refuses in words."""
    return int(text[:9]) if text.isascii() and text.isdigit() else -1


@get("/cart", include_in_schema=False)
async def cart(request: AnyRequest) -> Response[str]:
    """Every line with what changed since it was put in, the offers that count and what is missing for others."""
    visitor = visitor_of(request)
    found: dict[str, Any] = {"cart": None, "qr_svg": None}
    if visitor.identifiers:
        found = await engine_of(request).get("/channel/cart", visitor, qr="true")
    shown = found["cart"]
    return await page(
        request,
        "cart.html",
        cart=shown,
        qr_svg=found["qr_svg"],
        shared=None,
        skus=skus_of([line["sku"] for line in shown["lines"]] if shown else []),
    )


async def change(request: AnyRequest, method: str, path: str, body: Any = None, said: str = "") -> Response[None]:
    """Do one thing to the cart and show it again."""
    visitor, cookies = acting(request)
    form = await form_of(request)
    here = f"/{visitor.front}/cart"
    try:
        await engine_of(request).call(method, path, visitor, body, key=form.get("key"))
    except Refused as error:
        return refused(request, error, here)
    return go(request, here, say(said, visitor.language) if said else "", cookies=cookies)


@post("/cart/add", include_in_schema=False)
async def add(request: AnyRequest) -> Response[None]:
    """More units of a product, and back to where one was."""
    visitor, cookies = acting(request)
    form = await form_of(request)
    item = {"sku": form.get("sku", ""), "quantity": units_of(form.get("quantity", "1"))}
    back = form.get("back", "")
    back = back if back.startswith(f"/{visitor.front}") else f"/{visitor.front}/cart"
    try:
        answer = await engine_of(request).call(
            "POST", "/channel/cart/lines", visitor, {"items": [item]}, key=form.get("key")
        )
    except Refused as error:
        return refused(request, error, back)
    line = next((one for one in answer["cart"]["lines"] if one["sku"] == item["sku"]), None)
    name = line["name"] if line else item["sku"]
    return go(request, back, say("{name} is in the cart.", visitor.language).format(name=name), cookies=cookies)


@post("/cart/set", include_in_schema=False)
async def set_quantity(request: AnyRequest) -> Response[None]:
    """So many units of a line; none takes it out."""
    form = await form_of(request)
    units, path = units_of(form.get("quantity", "")), f"/channel/cart/lines/{at(form.get('sku', ''))}"
    if units == 0:
        return await change(request, "DELETE", path)
    return await change(request, "PUT", path, {"quantity": units})


@post("/cart/remove", include_in_schema=False)
async def remove(request: AnyRequest) -> Response[None]:
    """Take a line out."""
    form = await form_of(request)
    return await change(request, "DELETE", f"/channel/cart/lines/{at(form.get('sku', ''))}")


@post("/cart/coupons", include_in_schema=False)
async def coupons(request: AnyRequest) -> Response[None]:
    """One more coupon, or without one."""
    visitor, _ = acting(request)
    form = await form_of(request)
    held = await _coupons(request, visitor)
    kept = [one for one in held if one != form.get("without")]
    if form.get("coupon", "").strip():
        kept.append(form["coupon"].strip()[:40])
    return await change(request, "PUT", "/channel/cart/coupons", {"coupons": kept})


async def _coupons(request: AnyRequest, visitor: Visitor) -> list[str]:
    try:
        found = (await engine_of(request).get("/channel/cart", visitor))["cart"]
    except Refused:
        # The change that follows says what is wrong.
        return []
    return list(found["coupons"]) if found else []


@post("/cart/seen", include_in_schema=False)
async def seen(request: AnyRequest) -> Response[None]:
    """What changed has been read."""
    return await change(request, "POST", "/channel/cart/seen", {})


@post("/cart/undo", include_in_schema=False)
async def undo(request: AnyRequest) -> Response[None]:
    """Two carts again, as before they were put together."""
    merge = units_of((await form_of(request)).get("merge", ""))
    return await change(request, "POST", f"/channel/cart/merges/{merge}/undo", {}, "The two carts are apart again.")


@post("/cart/share", include_in_schema=False)
async def share(request: AnyRequest) -> Response[Any]:
    """A link whose holder sees what is in the cart; it is shown this once."""
    visitor, _ = acting(request)
    form = await form_of(request)
    engine = engine_of(request)
    try:
        made = await engine.call("POST", "/channel/cart/share", visitor, {}, key=form.get("key"))
        found = await engine.get("/channel/cart", visitor, qr="true")
    except Refused as error:
        return refused(request, error, f"/{visitor.front}/cart")
    link = f"{request.base_url}{visitor.front}/shared?token={at(made['token'])}"
    return await page(
        request,
        "cart.html",
        cart=found["cart"],
        qr_svg=found["qr_svg"],
        shared=link,
        here=f"/{visitor.front}/cart",
    )


@get("/shared", include_in_schema=False)
async def shared(request: AnyRequest) -> Response[str]:
    """Somebody's cart, as the holder of its link sees it."""
    token = request.query_params.get("token", "")[:200]
    found = await engine_of(request).get("/channel/carts/shared", visitor_of(request), token=token)
    return await page(
        request, "shared.html", shared=found, token=token, skus=skus_of([line["sku"] for line in found["lines"]])
    )


@post("/shared/copy", include_in_schema=False)
async def copy(request: AnyRequest) -> Response[None]:
    """The same things into one's own cart."""
    token = (await form_of(request)).get("token", "")
    return await change(request, "POST", "/channel/cart/copy", {"token": token}, "It is all in your cart now.")


def handlers() -> list[ControllerRouterHandler]:
    """The routes of the cart."""
    return [cart, add, set_quantity, remove, coupons, seen, undo, share, shared, copy]
