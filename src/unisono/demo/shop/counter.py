"""The counter: hand over what waits, take goods back."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.demo.shop.basket import units_of
from unisono.demo.shop.engine import Refused
from unisono.demo.shop.pages import at, engine_of, form_of, go, page, refused
from unisono.demo.shop.till import HOME, nobody
from unisono.demo.shop.visitors import AnyRequest, visitor_of
from unisono.demo.shop.words import in_words, say

METHODS = ("cash", "terminal")


@post("/pickups/{parcel:int}/ready", include_in_schema=False)
async def ready(request: AnyRequest, parcel: FromPath[int]) -> Response[None]:
    """It lies at the counter; the customer is told."""
    return await _do(request, f"/channel/pickups/{parcel}/ready", {}, "It is ready; the customer is told.")


@post("/pickups/{parcel:int}/hand-over", include_in_schema=False)
async def hand_over_pickup(request: AnyRequest, parcel: FromPath[int]) -> Response[None]:
    """The goods of an order, for the code the customer shows."""
    form = await form_of(request)
    asked: dict[str, Any] = {"code": form.get("code", "")[:40]}
    if form.get("how") in METHODS:
        asked["payment"] = {"provider": form["how"]}
        if form["how"] == "terminal":
            asked["payment"]["reference"] = f"slip-{form.get('key', '')[:40]}"
    return await _do(request, f"/channel/pickups/{parcel}/hand-over", asked, "Handed over.")


@post("/reservations/{kept:str}/hand-over", include_in_schema=False)
async def hand_over_reservation(request: AnyRequest, kept: FromPath[str]) -> Response[None]:
    """What was reserved, paid here and now, for the code the customer shows."""
    form = await form_of(request)
    how = form.get("how") if form.get("how") in METHODS else "cash"
    payment = {"provider": how, "reference": f"slip-{form.get('key', '')[:40]}" if how == "terminal" else None}
    asked = {"code": form.get("code", "")[:40], "payment": payment}
    return await _do(request, f"/channel/reservations/{at(kept)}/hand-over", asked, "Sold and handed over.")


async def _do(request: AnyRequest, path: str, body: Any, said: str) -> Response[None]:
    visitor, form = visitor_of(request), await form_of(request)
    try:
        await engine_of(request).call("POST", path, nobody(visitor), body, key=form.get("key"))
    except Refused as error:
        return refused(request, error, HOME)
    return go(request, HOME, say(said, visitor.language))


@get("/returns", include_in_schema=False)
async def returns(request: AnyRequest) -> Response[str]:
    """An order by its number, whatever channel it was bought in, and what of it can come back."""
    visitor = visitor_of(request)
    number, found, sorry = request.query_params.get("order", "").strip()[:80], None, ""
    if number:
        try:
            found = await engine_of(request).get(f"/channel/orders/{at(number)}", nobody(visitor))
        except Refused as error:
            sorry = in_words(error.code, error.detail, error.hint, visitor.language)
    return await page(request, "returns.html", number=number, found=found, sorry=sorry)


@post("/returns", include_in_schema=False)
async def take_back(request: AnyRequest) -> Response[None]:
    """Take units of some lines back; sent twice it is one return."""
    visitor, form = visitor_of(request), await form_of(request)
    number = form.get("order", "")[:80]
    here = f"{HOME}/returns?order={at(number)}"
    lines = []
    for name, value in form.items():
        part, _, line = name.partition("-")
        units = units_of(value)
        if part == "units" and line.isdigit() and units > 0:
            condition = "damaged" if form.get(f"damaged-{line}") else "sellable"
            lines.append({"order_line_id": int(line), "quantity": units, "condition": condition})
    if not lines:
        return go(request, here, say("Say how many of which line come back.", visitor.language), bad=True)
    reason = form.get("reason", "").strip() or say("brought back to the store", visitor.language)
    refund = form.get("refund_to", "original")
    asked = {
        "lines": lines,
        "reason": reason[:500],
        "refund_to": refund if refund in ("original", "cash") else "original",
        "key": form.get("key"),
    }
    path = f"/channel/orders/{at(number)}/returns"
    try:
        await engine_of(request).call("POST", path, nobody(visitor), asked, key=form.get("key"))
    except Refused as error:
        return refused(request, error, here)
    return go(request, here, say("Taken back; the money is on its way.", visitor.language))


def handlers() -> list[ControllerRouterHandler]:
    """The routes of the counter."""
    return [ready, hand_over_pickup, hand_over_reservation, returns, take_back]
