"""Click and collect: a basket begun on the web, paid in the app, collected in the store with a code."""

from __future__ import annotations

from typing import Any

from unisono.demo.scenes.shop import BAG, SNEAKER, STORE, Buyer, Shop, open_shop
from unisono.demo.scenes.stage import Stage


async def click_and_collect(stage: Stage) -> None:
    """One cart in two channels, goods held while it is paid, promised until they are handed over."""
    shop = await open_shop(stage)
    await shop.count(SNEAKER, STORE, 4)
    await shop.count(BAG, STORE, 4)
    user = {"user_id": f"luca-{shop.token}"}
    web, app = await shop.sign_in("Luca", "web", **user), await shop.sign_in("Luca", "app", **user)
    order = await _buys(shop, web, app)
    await _is_collected(shop, app, order)


async def _buys(shop: Shop, web: Buyer, app: Buyer) -> dict[str, Any]:
    stage = shop.stage
    stage.step("Luca fills a cart on the web; on the way he opens the app.")
    await shop.put(web, SNEAKER)
    cart = await shop.put(web, BAG, 2)
    seen = (await stage.ask("the app shows the cart", "GET", "/channel/cart", app.token))["cart"]
    stage.confirm("it is the same cart", cart["id"], seen["id"])
    units = {line["sku"]: (line["quantity"], line["seen_channel"]) for line in seen["lines"]}
    stage.confirm("with what the web put in", {SNEAKER: (1, "web"), BAG: (2, "web")}, units)
    stage.step("He buys it in the app, to collect it in Milano Duomo.")
    before = await shop.shelf(BAG, STORE)
    begun = await shop.begin(app, fulfilment="pickup", location=STORE)
    held = await shop.shelf(BAG, STORE)
    stage.confirm("two bags are held while he pays", before["available"] - 2, held["available"])
    order = await shop.pay(app, begun)
    offered = begun["offer"]["total_minor"]
    stage.confirm(f"he pays the frozen price, {shop.amount(offered)}", offered, order["total_minor"])
    promised = await shop.shelf(BAG, STORE)
    stage.confirm(
        "the bags are promised and still on the shelf",
        (before["on_hand"], before["committed"] + 2),
        (promised["on_hand"], promised["committed"]),
    )
    gone = (await stage.ask("the web shows the cart", "GET", "/channel/cart", web.token))["cart"]
    stage.confirm("on the web the cart is gone as well", None, gone)
    return order


async def _is_collected(shop: Shop, app: Buyer, order: dict[str, Any]) -> None:
    stage = shop.stage
    parcel, code = await shop.parcel(app, order)
    stage.step("The store gathers it; Luca is told when it is ready.")
    waiting = await stage.ask("the till lists what waits", "GET", "/channel/pickups", shop.till)
    stage.confirm("the store sees the pick-up", True, parcel in {one["id"] for one in waiting})
    await stage.ask("the clerk gathers it", "POST", f"/api/pickups/{parcel}/picking", shop.key)
    ready = await stage.ask("the clerk lays it ready", "POST", f"/api/pickups/{parcel}/ready", shop.key)
    stage.confirm("it waits until an instant", ("ready", True), (ready["state"], ready["collect_by"] is not None))
    stage.confirm("the notice is on his timeline", True, await shop.heard(app, "Order Ready for Pickup"))

    stage.step("At the counter he shows his code.")
    before = await shop.shelf(BAG, STORE)
    path = f"/channel/pickups/{parcel}/hand-over"
    wrong = await stage.engine.call("POST", path, shop.till, {"code": "AAAAAAAA"})
    stage.confirm("a wrong code is refused", 409, wrong.status)
    handed = await stage.ask("the till hands it over", "POST", path, shop.till, {"code": code})
    stage.confirm("it is his", "handed_over", handed["state"])
    after = await shop.shelf(BAG, STORE)
    stage.confirm(
        "the bags have left the shelf, and the promise with them",
        (before["on_hand"] - 2, before["committed"] - 2, before["available"]),
        (after["on_hand"], after["committed"], after["available"]),
    )
    again = await stage.engine.call("POST", path, shop.till, {"code": code})
    stage.confirm("and cannot be handed over twice", 409, again.status)
    found = await stage.ask("the order", "GET", f"/api/orders/{order['number']}", shop.key)
    stage.confirm("the order is done", "completed", found["order"]["status"])
