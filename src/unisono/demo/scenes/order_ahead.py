"""Order ahead: a time is offered only when goods and hands suffice, and what is promised is true."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from unisono.demo.scenes.shop import PIZZA, STORE, ZONE, Buyer, Shop, open_shop
from unisono.demo.scenes.stage import Stage

SLOT: Final = 15
HANDS: Final = 12
"""Minutes of work in a slot of fifteen: two pizzas of six minutes."""
DOUGH: Final = 60


async def order_ahead(stage: Stage) -> None:
    """Two pizzas at the first time there is; the next customer is offered a later one, and nobody too many."""
    shop = await open_shop(stage)
    await shop.count(PIZZA, STORE, DOUGH)
    rule = {"store_id": STORE, "kind": "ahead", "slot_minutes": SLOT, "capacity": HANDS, "days_ahead": 3}
    await stage.ask("the store says how many hands it has", "PUT", "/api/slots/rules", shop.key, rule)
    # Tomorrow: the scene plays the same at five to midnight.
    day = (datetime.now(ZoneInfo(ZONE)) + timedelta(days=1)).date().isoformat()
    elena, dario = await shop.sign_in("Elena", "app"), await shop.sign_in("Dario", "web")
    first, begun = await _orders(shop, elena, day)
    await _comes_later(shop, dario, day, first)
    await _too_many(shop, dario, day)
    await _is_true(shop, elena, begun, first, day)


async def _offers(shop: Shop, buyer: Buyer, day: str, units: int) -> dict[str, Any]:
    found: dict[str, Any] = await shop.stage.ask(
        f"{buyer.name} asks when {units} pizzas can be ready",
        "GET",
        f"/channel/slots?store={STORE}&kind=ahead&day={day}&item={PIZZA}:{units}",
        buyer.token,
    )
    return found


async def _orders(shop: Shop, elena: Buyer, day: str) -> tuple[dict[str, Any], dict[str, Any]]:
    stage = shop.stage
    stage.step("Elena wants two pizzas tomorrow, as early as can be.")
    offers = await _offers(shop, elena, day, 2)
    stage.confirm(f"two pizzas are {HANDS} minutes of work", HANDS, offers["needs"])
    first: dict[str, Any] = offers["offers"][0]
    stage.say(f"    First time: {first['starts_at']} to {first['ready_at']}, {first['left']} minutes of hands left.")
    await shop.put(elena, PIZZA, 2)
    begun = await shop.begin(elena, fulfilment="ahead", location=STORE, slot=first["starts_at"])
    stage.confirm("it is ready when the time offered ends", first["ready_at"], begun["ready_at"])
    return first, begun


async def _comes_later(shop: Shop, dario: Buyer, day: str, first: dict[str, Any]) -> None:
    stage = shop.stage
    stage.step("While she pays, Dario asks for two as well.")
    offers = await _offers(shop, dario, day, 2)
    times = [offer["starts_at"] for offer in offers["offers"]]
    stage.confirm("her time is not offered to him", False, first["starts_at"] in times)
    stage.confirm("the next one is", True, bool(times) and times[0] > first["starts_at"])
    await shop.put(dario, PIZZA, 2)
    wish = {"fulfilment": "ahead", "location": STORE, "slot": first["starts_at"]}
    forced = await stage.engine.call("POST", "/channel/checkouts", dario.token, wish)
    stage.tell("Dario asks for her time all the same", forced)
    stage.confirm("he does not get it", 409, forced.status)


async def _too_many(shop: Shop, dario: Buyer, day: str) -> None:
    stage = shop.stage
    stage.step("A party of thirty pizzas: the dough is there, the hands are not.")
    offers = await _offers(shop, dario, day, 30)
    stage.confirm("no time is offered, and why", ([], ["no_time_left"]), _no(offers))
    stage.step("Ninety pizzas: not even the dough is there.")
    offers = await _offers(shop, dario, day, 90)
    stage.confirm("no time is offered, and why", ([], ["not_enough_stock"]), _no(offers))


def _no(offers: dict[str, Any]) -> tuple[list[Any], list[str]]:
    return offers["offers"], [reason["code"] for reason in offers["reasons"]]


async def _is_true(shop: Shop, elena: Buyer, begun: dict[str, Any], first: dict[str, Any], day: str) -> None:
    stage = shop.stage
    stage.step("Elena pays; then she cannot come, and calls it off.")
    order = await shop.pay(elena, begun)
    mine = await stage.ask("Elena looks at the order", "GET", f"/channel/orders/{order['number']}", elena.token)
    stage.confirm("the promise is on it", first["ready_at"], mine["parcels"][0]["promised_at"])
    body = {"reason": "cannot come"}
    await stage.ask("the shop cancels it", "POST", f"/api/orders/{order['number']}/cancel", shop.key, body)
    times = [offer["starts_at"] for offer in (await _offers(shop, elena, day, 2))["offers"]]
    stage.confirm("goods and hands are free again: her time is offered", True, first["starts_at"] in times)
