"""Nike: a pair of shoes kept in a named store, reserved in the app and handed over in four taps."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from unisono.demo.scenes.shop import DUOMO, SNEAKER, STORE, Buyer, Shop, open_shop
from unisono.demo.scenes.stage import Stage


async def nike(stage: Stage) -> None:
    """App, store, counter: reserved unpaid, told when ready, handed over once and paid there."""
    shop = await open_shop(stage)
    await shop.count(SNEAKER, STORE, 3)
    anna = await shop.sign_in("Anna", "app")
    kept = await _reserves(shop, anna)
    await _is_made_ready(shop, anna, kept)
    order = await _is_handed_over(shop, anna, kept)
    await _is_over(shop, anna, kept, order)


async def _reserves(shop: Shop, anna: Buyer) -> dict[str, Any]:
    stage = shop.stage
    stage.step("Anna looks in the app where her shoes are to be had, and has a pair kept in Milano Duomo.")
    at = f"latitude={DUOMO[0]}&longitude={DUOMO[1]}"
    page = await stage.ask("the app opens the shoe", "GET", f"/channel/products/{SNEAKER}?{at}", anna.token)
    [variant] = [one for one in page["variants"] if one["sku"] == SNEAKER]
    near = variant["nearby"][0]
    stage.confirm("the nearest store is named, with what it has", (STORE, 3), (near["store_id"], near["available"]))
    wanted = {"sku": SNEAKER, "store_id": STORE}
    kept = await stage.ask("Anna taps Reserve", "POST", "/channel/reservations", anna.token, wanted, status=201)
    stage.confirm("it is kept without payment, until an instant", ("held", None), (kept["state"], kept["order_number"]))
    stage.say(f"    She shows {kept['code']} at {kept['store_name']} before {kept['deadline']}.")
    there = await shop.shelf(SNEAKER, STORE)
    stage.confirm("one pair fewer is promised to others", 2, there["available"])
    found: dict[str, Any] = kept
    return found


async def _is_made_ready(shop: Shop, anna: Buyer, kept: dict[str, Any]) -> None:
    stage = shop.stage
    stage.step("In the store the list shows it; somebody lays the box at the counter, and Anna is told.")
    listed = await stage.ask("the till lists what waits", "GET", "/channel/reservations", shop.till)
    mine = [one for one in listed["reservations"] if one["id"] == kept["id"]]
    stage.confirm("the store sees it, but not her code", [""], [one["code"] for one in mine])
    await stage.ask("the clerk lays it ready", "POST", f"/api/reservations/{kept['id']}/ready", shop.key)
    stage.confirm("the notice is on her timeline", True, await shop.heard(anna, "Reservation Ready"))
    [hers] = (await stage.ask("Anna's app", "GET", "/channel/reservations", anna.token))["reservations"]
    stage.confirm("and the app says that it is ready", "ready", hers["state"])


async def _is_handed_over(shop: Shop, anna: Buyer, kept: dict[str, Any]) -> dict[str, Any]:
    stage = shop.stage
    stage.step("Anna is at the counter: four taps.")
    before = await shop.shelf(SNEAKER, STORE)
    await stage.ask("tap 1: what waits here", "GET", f"/api/pickups?store_id={STORE}", shop.key)
    code = quote(kept["code"])
    scanned = await stage.ask("tap 2: scan her code", "GET", f"/api/pickups/by-code?code={code}", shop.key)
    stage.check("the code leads to the reservation", kept["id"], (scanned["reservation"] or {}).get("id"))
    path = f"/api/reservations/{kept['id']}/hand-over"
    wrong = await stage.engine.call("POST", path, shop.key, {"code": "0000-0000", "payment": {"provider": "cash"}})
    stage.confirm("another code hands nothing over", True, wrong.status in (400, 404, 409))
    paid = {"code": kept["code"], "payment": {"provider": "cash"}}
    handed = await stage.ask("tap 3: hand over, paid in cash", "POST", path, shop.key, paid)
    stage.confirm("it is collected, and has become an order", True, handed["order_number"] is not None)
    number = handed["order_number"]
    answer = await stage.engine.call("GET", f"/api/orders/{number}/receipt", shop.key)
    stage.tell("tap 4: print the receipt", answer)
    stage.check("the receipt can be printed", (200, True), (answer.status, number.encode() in answer.body))
    after = await shop.shelf(SNEAKER, STORE)
    stage.confirm("one pair has left the shelf, once", before["on_hand"] - 1, after["on_hand"])
    found = await stage.ask("the order", "GET", f"/api/orders/{number}", shop.key)
    order: dict[str, Any] = found["order"]
    stage.confirm(f"she paid {shop.amount(order['total_minor'])}", "paid", order["payment_status"])
    return order


async def _is_over(shop: Shop, anna: Buyer, kept: dict[str, Any], order: dict[str, Any]) -> None:
    stage = shop.stage
    stage.step("The box cannot be handed over twice, and every channel knows.")
    path = f"/api/reservations/{kept['id']}/hand-over"
    again = await stage.engine.call("POST", path, shop.key, {"code": kept["code"], "payment": {"provider": "cash"}})
    stage.confirm("the second time is refused", 409, again.status)
    orders = (await stage.ask("Anna's app", "GET", "/channel/orders", anna.token))["orders"]
    stage.confirm("her app shows the order of the store", [order["number"]], [one["number"] for one in orders])
    stage.confirm("her timeline ends with the pick-up", True, await shop.heard(anna, "Reservation Collected"))
