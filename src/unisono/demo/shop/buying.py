"""Buying in the web shop and the app: how it comes, the test payment, orders with their papers, points."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.demo.shop.engine import Engine, Refused
from unisono.demo.shop.pages import PEOPLE, acting, at, engine_of, form_of, go, page, refused
from unisono.demo.shop.rendering import skus_of
from unisono.demo.shop.visitors import AnyRequest, Visitor, visitor_of
from unisono.demo.shop.words import PROBLEMS, say

WAYS: Final = ("ship", "pickup", "reserve", "ahead")
TOKENS: Final = {"approve": "tok_approve", "decline": "tok_decline", "slow": "tok_slow"}


async def _cart(engine: Engine, visitor: Visitor) -> dict[str, Any] | None:
    if not visitor.identifiers:
        return None
    found: dict[str, Any] | None = (await engine.get("/channel/cart", visitor))["cart"]
    return found if found and found["lines"] else None


@get("/checkout", include_in_schema=False)
async def choose(request: AnyRequest) -> Response[Any]:
    """How it is to come: sent, collected, kept unpaid in a store, or made ready for a time."""
    visitor, engine = visitor_of(request), engine_of(request)
    found = await _cart(engine, visitor)
    if found is None:
        return go(request, f"/{visitor.front}/cart", say(PROBLEMS["cart_empty"], visitor.language), bad=True)
    way = request.query_params.get("way", "ship")
    way = way if way in WAYS else "ship"
    items = [f"{line['sku']}:{line['quantity']}" for line in found["lines"]]
    stores: list[dict[str, Any]] = []
    if way != "ship":
        told = await engine.get("/channel/stores", visitor, item=items, limit=40)
        stores = [one for one in told["stores"] if one["picks_up"]]
    store = request.query_params.get("store") or (stores[0]["store_id"] if stores else None)
    slots, sorry = await _slots(engine, visitor, store, items) if way == "ahead" and store else (None, "")
    return await page(
        request,
        "checkout.html",
        cart=found,
        way=way,
        stores=stores,
        store=store,
        slots=slots,
        sorry=sorry,
        email=_email(visitor),
        here=f"/{visitor.front}/checkout",
        skus=skus_of([line["sku"] for line in found["lines"]]),
    )


def _email(visitor: Visitor) -> str:
    """The address of who is signed in: of him alone it is known that it is his."""
    namespace, _, value = (visitor.customer or "").partition(":")
    sample = (one.email for one in PEOPLE if one.customer == visitor.customer)
    return value if namespace == "email" else next(sample, "")


async def _slots(engine: Engine, visitor: Visitor, store: str, items: list[str]) -> tuple[dict[str, Any] | None, str]:
    """The times a store offers for these goods; else why none."""
    try:
        return await engine.get("/channel/slots", visitor, store=store, kind="ahead", item=items), ""
    except Refused as error:
        return None, say(PROBLEMS.get(error.code, error.detail), visitor.language)


@post("/checkout", include_in_schema=False)
async def begin(request: AnyRequest) -> Response[None]:
    """Hold goods, price and time for a quarter of an hour."""
    visitor, cookies = acting(request)
    form = await form_of(request)
    way, store = form.get("way", "ship"), form.get("store") or None
    if way == "reserve":
        return await _reserve_all(request, visitor, store or "", form.get("key", ""))
    asked: dict[str, Any] = {"fulfilment": way if way in WAYS else "ship", "order_id": f"sample-{form.get('key', '')}"}
    if way == "ship":
        asked["address"] = {part: form[part] for part in ("street", "postcode", "city") if form.get(part)}
    else:
        asked["location"] = store
    if form.get("slot"):
        asked["slot"] = form["slot"]
    asked["customer"] = {part: form[part] for part in ("name", "email") if form.get(part)}
    asked["soft_opt_in"] = "@" in form.get("email", "") and not form.get("no_mail")
    back = f"/{visitor.front}/checkout?way={asked['fulfilment']}" + (f"&store={at(store)}" if store else "")
    try:
        made = await engine_of(request).call("POST", "/channel/checkouts", visitor, asked, key=form.get("key"))
    except Refused as error:
        return refused(request, error, back)
    return go(request, f"/{visitor.front}/checkout/{made['id']}", cookies=cookies)


async def _reserve_all(request: AnyRequest, visitor: Visitor, store: str, key: str) -> Response[None]:
    """Every line of the cart kept in one store, unpaid; what could be kept leaves the cart."""
    engine = engine_of(request)
    found = await _cart(engine, visitor)
    kept, problem = [], None
    for line in found["lines"] if found else []:
        asked = {"sku": line["sku"], "store_id": store, "quantity": line["quantity"]}
        try:
            made = await engine.call(
                "POST", "/channel/reservations", visitor, asked, key=f"{key}:{line['sku']}" if key else None
            )
        except Refused as error:
            problem = error
            continue
        kept.append(made)
        await engine.call("DELETE", f"/channel/cart/lines/{at(line['sku'])}", visitor)
    if not kept and problem is not None:
        return refused(request, problem, f"/{visitor.front}/checkout?way=reserve&store={at(store)}")
    said = say("Reserved in the store: {count}. Pay when you collect.", visitor.language).format(count=len(kept))
    return go(request, f"/{visitor.front}/orders", said)


@get("/checkout/{checkout_id:str}", include_in_schema=False)
async def paying(request: AnyRequest, checkout_id: FromPath[str]) -> Response[Any]:
    """What it costs, until when it is held, and how to pay."""
    visitor = visitor_of(request)
    found = await engine_of(request).get(f"/channel/checkouts/{at(checkout_id)}", visitor)
    if found["state"] == "placed":
        return go(request, f"/{visitor.front}/orders/{at(found['order_number'])}")
    return await page(request, "pay.html", checkout=found)


@post("/checkout/{checkout_id:str}/pay", include_in_schema=False)
async def pay(request: AnyRequest, checkout_id: FromPath[str]) -> Response[None]:
    """Pay with the test card. Sent twice it is one payment and one order."""
    visitor, _ = acting(request)
    form = await form_of(request)
    path = f"/channel/checkouts/{at(checkout_id)}"
    paid = {"provider": "test", "token": TOKENS.get(form.get("card", ""), "tok_approve"), "key": form.get("key")}
    try:
        order = await engine_of(request).call("POST", f"{path}/pay", visitor, paid, key=form.get("key"))
    except Refused as error:
        over = error.code in ("checkout_over", "goods_gone", "offer_gone", "payment_declined")
        return refused(request, error, f"/{visitor.front}/{'cart' if over else f'checkout/{at(checkout_id)}'}")
    said = say("Thank you. Your order is {number}.", visitor.language).format(number=order["number"])
    return go(request, f"/{visitor.front}/orders/{at(order['number'])}", said)


@post("/checkout/{checkout_id:str}/cancel", include_in_schema=False)
async def give_up(request: AnyRequest, checkout_id: FromPath[str]) -> Response[None]:
    """Back to the cart; what was held is free."""
    visitor, _ = acting(request)
    try:
        await engine_of(request).call("DELETE", f"/channel/checkouts/{at(checkout_id)}", visitor)
    except Refused as error:
        return refused(request, error, f"/{visitor.front}/cart")
    return go(request, f"/{visitor.front}/cart")


@get("/orders", include_in_schema=False)
async def orders(request: AnyRequest) -> Response[str]:
    """Orders of every channel, what is reserved, and the points."""
    visitor, engine = visitor_of(request), engine_of(request)
    found: list[Any] = [{"orders": []}, {"reservations": []}, {"points": 0}]
    if visitor.identifiers:
        paths = ("/channel/orders", "/channel/reservations", "/channel/points")
        found = list(await asyncio.gather(*(engine.get(path, visitor) for path in paths)))
    return await page(
        request,
        "orders.html",
        orders=found[0]["orders"],
        reservations=found[1]["reservations"],
        points=found[2]["points"],
    )


@get("/orders/{number:str}", include_in_schema=False)
async def order(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """One order: lines, where its parcels are, the code to collect it with, its papers."""
    found = await engine_of(request).get(f"/channel/orders/{at(number)}", visitor_of(request))
    return await page(request, "order.html", **found)


@post("/reservations/{reservation_id:str}/cancel", include_in_schema=False)
async def cancel_reservation(request: AnyRequest, reservation_id: FromPath[str]) -> Response[None]:
    """It is not wanted any more."""
    visitor, _ = acting(request)
    try:
        await engine_of(request).call("DELETE", f"/channel/reservations/{at(reservation_id)}", visitor)
    except Refused as error:
        return refused(request, error, f"/{visitor.front}/orders")
    return go(request, f"/{visitor.front}/orders", say("The reservation is cancelled.", visitor.language))


async def _paper(request: AnyRequest, path: str) -> Response[bytes]:
    """A document of the engine, handed on as it is: it brings its own rules for browsers."""
    found = await engine_of(request).paper(path, visitor_of(request))
    kept = ("content-disposition",)
    headers = {name: found.headers[name] for name in kept if name in found.headers}
    return Response(found.content, media_type=found.headers["content-type"], headers=headers)


@get("/orders/{number:str}/receipt", include_in_schema=False)
async def receipt(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
    """The receipt, to print."""
    return await _paper(request, f"/channel/orders/{at(number)}/receipt")


@get(["/pickups/{parcel:int}/slip", "/pickups/{parcel:int}/calendar.ics"], include_in_schema=False)
async def pickup_paper(request: AnyRequest, parcel: FromPath[int]) -> Response[bytes]:
    """What is shown to collect an order, or its entry in a calendar."""
    return await _paper(request, f"/channel/pickups/{parcel}/{request.scope['path'].rpartition('/')[2]}")


@get(["/reservations/{kept:str}/slip", "/reservations/{kept:str}/calendar.ics"], include_in_schema=False)
async def reservation_paper(request: AnyRequest, kept: FromPath[str]) -> Response[bytes]:
    """What is shown to collect a reservation, or its entry in a calendar."""
    return await _paper(request, f"/channel/reservations/{at(kept)}/{request.scope['path'].rpartition('/')[2]}")


def handlers() -> list[ControllerRouterHandler]:
    """The routes of buying."""
    return [
        choose,
        begin,
        paying,
        pay,
        give_up,
        orders,
        order,
        cancel_reservation,
        receipt,
        pickup_paper,
        reservation_paper,
    ]
