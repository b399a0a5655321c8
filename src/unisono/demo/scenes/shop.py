"""A small shop on the stage: two stores, a warehouse, some goods, and what customers, tills and clerks do there.

Its places and goods are made over the API, in the currency the engine sells in, and found again by the next
performance; the stock a scene needs is counted anew each time. Customers are new each time.
"""

from __future__ import annotations

import secrets
from typing import Any, Final
from urllib.parse import quote

import msgspec

from unisono.demo.scenes.keys import STORE, TILL
from unisono.demo.scenes.stage import CheckFailed, Stage

OTHER_STORE: Final = "MI-02"
HUB: Final = "IT-HUB"
ZONE: Final = "Europe/Rome"
DUOMO: Final = (45.4641, 9.1919)
ALWAYS: Final = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
PLACES: Final = (
    (STORE, "Milano Duomo", "store", DUOMO),
    (OTHER_STORE, "Milano Brera", "store", (45.4720, 9.1880)),
    (HUB, "Warehouse Piacenza", "warehouse", (45.0526, 9.6930)),
)

SNEAKER: Final = "SCENE-SNEAKER-42"
BAG: Final = "SCENE-BAG"
COAT: Final = "SCENE-COAT-M"
EDITION: Final = "SCENE-EDITION"
PIZZA: Final = "SCENE-PIZZA"
GOODS: Final[tuple[tuple[str, str, dict[str, str], int, int], ...]] = (
    (SNEAKER, "Court sneaker", {"size": "42"}, 11_900, 0),
    (BAG, "Canvas bag", {}, 2_500, 0),
    (COAT, "Wool coat", {"size": "M"}, 17_995, 0),
    (EDITION, "Numbered sneaker", {"size": "42"}, 24_900, 0),
    (PIZZA, "Pizza Margherita", {}, 850, 6),
)
"""Sku, name, options, price in minor units, minutes of work."""

TWENTY: Final = "scene-twenty"
TWENTY_COUPON: Final = "SCENE20"


class Buyer(msgspec.Struct, frozen=True):
    """A customer in a channel: his token, and the identifier he is known by there."""

    name: str
    identifier: str
    token: str


class Shop:
    """The shop, for one performance."""

    def __init__(self, stage: Stage, currency: str) -> None:
        self.stage = stage
        self.currency = currency
        self.token = secrets.token_hex(4)
        self.key = stage.keys.shop
        self.till = stage.keys.till

    # Customers ----------------------------------------------------------------------------------------

    async def sign_in(self, name: str, channel: str, **identifiers: str) -> Buyer:
        """A customer signs in to the site or the app: the shop's server vouches for him."""
        known = identifiers or {"user_id": f"{name.lower()}-{self.token}"}
        made = await self.stage.ask(
            f"{name} signs in ({channel})",
            "POST",
            "/channel/sessions",
            self.key,
            {"identifiers": known, "channel": channel},
            status=201,
        )
        namespace, value = next(iter(known.items()))
        return Buyer(name, f"{namespace}:{value}", made["token"])

    async def person(self, buyer: Buyer) -> dict[str, Any]:
        """Who a buyer is, as a clerk's screen sees him."""
        path = f"/api/people?identifier={quote(buyer.identifier, safe='')}"
        found: dict[str, Any] = await self.stage.ask(
            f"the clerk's screen opens {buyer.name}", "GET", path, self.stage.keys.desk
        )
        return found

    async def heard(self, buyer: Buyer, event: str) -> bool:
        """Whether an event is on the timeline of a buyer."""
        return event in [one["name"] for one in (await self.person(buyer))["last"]]

    # Shelves ------------------------------------------------------------------------------------------

    async def shelf(self, sku: str, place: str) -> dict[str, Any]:
        """The stock of a sku in a place, in all its states."""
        rows = await self.stage.ask(
            f"stock of {sku} in {place}", "GET", f"/api/stock?sku={sku}&location={place}", self.key
        )
        self.stage.check(f"the stock of {sku} in {place} is kept", 1, len(rows))
        found: dict[str, Any] = rows[0]
        return found

    async def count(self, sku: str, place: str, free: int) -> None:
        """Count a shelf so that so many units are free, whatever earlier performances left promised."""
        answer = await self.stage.engine.call("GET", f"/api/stock?sku={sku}&location={place}", self.key)
        promised = sum(row["held"] + row["committed"] for row in answer.json or [])
        line = {"sku": sku, "location": place, "quantity": promised + free}
        await self.stage.ask(
            f"count {sku} in {place}: {free} free", "POST", "/api/stock/counts", self.key, {"lines": [line]}
        )

    # Buying -------------------------------------------------------------------------------------------

    async def put(self, buyer: Buyer, sku: str, quantity: int = 1) -> dict[str, Any]:
        """A buyer puts goods into the cart."""
        answer = await self.stage.ask(
            f"{buyer.name} puts {quantity} {sku} into the cart",
            "POST",
            "/channel/cart/lines",
            buyer.token,
            {"items": [{"sku": sku, "quantity": quantity}]},
        )
        cart: dict[str, Any] = answer["cart"]
        return cart

    async def begin(self, buyer: Buyer, **wish: Any) -> dict[str, Any]:
        """A buyer begins to pay: goods, time and coupons are held."""
        begun: dict[str, Any] = await self.stage.ask(
            f"{buyer.name} goes to the checkout", "POST", "/channel/checkouts", buyer.token, wish, status=201
        )
        return begun

    async def pay(self, buyer: Buyer, checkout: dict[str, Any]) -> dict[str, Any]:
        """A buyer pays with the provider for trying out. Raises CheckFailed, which says how to switch it on."""
        path = f"/channel/checkouts/{checkout['id']}/pay"
        paid = {"provider": "test", "token": "tok_approve", "key": "once"}
        answer = await self.stage.engine.call("POST", path, buyer.token, paid)
        if answer.status == 400 and answer.json["code"] == "test_payments_off":
            raise CheckFailed(
                "test payments are switched off: start the engine with UNISONO_TEST_PAYMENTS=true "
                "(`unisono demo` does), then play the scene again"
            )
        self.stage.tell(f"{buyer.name} pays", answer)
        self.stage.check(f"{buyer.name} pays", 200, answer.status)
        order: dict[str, Any] = answer.json
        return order

    async def parcel(self, buyer: Buyer, order: dict[str, Any]) -> tuple[int, str]:
        """The pick-up of an order and the code the buyer shows for it."""
        mine = await self.stage.ask(
            f"{buyer.name} looks at the order", "GET", f"/channel/orders/{order['number']}", buyer.token
        )
        [parcel] = [one for one in mine["parcels"] if one["kind"] == "pickup"]
        return parcel["id"], mine["codes"][str(parcel["id"])]

    def amount(self, minor: int) -> str:
        """An amount as one reads it."""
        return f"{minor / 100:.2f} {self.currency}"


async def open_shop(stage: Stage) -> Shop:
    """Make the places, goods and prices that are missing."""
    asked = await stage.engine.call("GET", f"/api/prices?sku={SNEAKER}", stage.keys.shop)
    stage.check("the engine sells", 200, asked.status)
    shop = Shop(stage, asked.json["currency"])
    for code, name, kind, (latitude, longitude) in PLACES:
        place = {"name": name, "kind": kind, "timezone": ZONE, "opening": ALWAYS, "ships": kind == "warehouse"}
        place |= {"picks_up": kind == "store", "latitude": latitude, "longitude": longitude}
        await _quietly(stage, "PUT", f"/api/locations/{code}", place)
    products = [
        {
            "code": sku.lower(),
            "name": name,
            "variants": [{"sku": sku, "options": options, "prep_minutes": minutes, "tax_class": "none"}],
        }
        for sku, name, options, _, minutes in GOODS
    ]
    await _quietly(stage, "POST", "/api/products", {"products": products})
    code = f"scenes-{shop.currency.lower()}"
    lists = await stage.engine.call("GET", "/api/price-lists", shop.key)
    if code not in {one["code"] for one in lists.json}:
        new = {"code": code, "name": "Goods of the scenes", "currency": shop.currency}
        await _quietly(stage, "POST", "/api/price-lists", new, status=201)
    prices = [{"sku": sku, "amount_minor": minor} for sku, _, _, minor, _ in GOODS]
    await _quietly(stage, "PUT", "/api/prices", {"price_list": code, "prices": prices})
    stage.say(f"    The shop is open: {', '.join(name for _, name, _, _ in PLACES)}; prices in {shop.currency}.")
    return shop


async def open_twenty(shop: Shop) -> None:
    """The promotion of the scene ``twenty-percent``: alone on the basket, once a person, with its coupon."""
    stage = shop.stage
    definition = {
        "code": TWENTY,
        "name": "Twenty percent on coats",
        "texts": {"en": "20 % on coats, once.", "it": "20 % sui cappotti, una volta."},
        "effects": [{"kind": "percent_off", "percent_bp": 2000, "lines": {"skus": [COAT]}}],
        "conditions": {"kind": "known"},
        "combinable": False,
        "priority": 1000,
        "needs_coupon": True,
        "per_person": 1,
    }
    await _quietly(stage, "POST", "/api/promotions?status=active", definition)
    known = await stage.engine.call("GET", f"/api/coupons/{TWENTY_COUPON}", shop.key)
    if known.status == 404:
        new = {"promotion": TWENTY, "kind": "generic", "code": TWENTY_COUPON}
        await _quietly(stage, "POST", "/api/coupons", new, status=201)


async def _quietly(stage: Stage, method: str, path: str, body: object, *, status: int = 200) -> None:
    """Set something up; told only when it goes wrong."""
    answer = await stage.engine.call(method, path, stage.keys.shop, body)
    if answer.status != status:
        stage.check(f"{method} {path}", status, f"{answer.status} {answer.body[:400].decode(errors='replace')}")


__all__ = [
    "BAG", "COAT", "EDITION", "HUB", "OTHER_STORE", "PIZZA", "SNEAKER", "STORE", "TILL", "TWENTY", "TWENTY_COUPON",
    "ZONE", "Buyer", "Shop", "open_shop", "open_twenty",
]  # fmt: skip
