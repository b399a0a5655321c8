"""A shop with something of everything in it, made through the API, and the names it can be asked for by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.shop import Shop, basic, fresh

DAY = [["00:00", "24:00"]]
ALWAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), DAY)
PEOPLE = 8
SKUS = ("SHOE-42", "SHOE-43")


class Furnished:
    """The shop, the key that made it, and what is in it: by the name of a parameter or field, for some paths alone."""

    def __init__(self, shop: Shop, key: str) -> None:
        self.shop = shop
        self.key = key
        self.known: dict[str, list[Any]] = {}
        self.by_path: dict[tuple[str, str], list[Any]] = {}

    def headers(self, path: str, user: str = "user-1") -> dict[str, str]:
        """Whoever calls a path: the collector's clients in their way, a server for a customer in the channel API."""
        if path.startswith(("/v1", "/beacon", "/pixel", "/sourceConfig")):
            return basic(self.key)
        customer = {"x-customer": f"user_id:{user}"} if path.startswith("/channel") else {}
        return {"authorization": f"Bearer {self.key}"} | customer

    def values(self, name: str, path: str) -> list[Any]:
        """What a parameter of this name may be, in this path; none known: an empty list."""
        for (prefix, one), values in self.by_path.items():
            if one == name and path.startswith(prefix):
                return values
        return self.known.get(name, [])

    async def call(self, method: str, path: str, body: Any = None, user: str = "user-1") -> Any:
        """Call and be content. Raises AssertionError for a refusal."""
        answer = await self.shop.client.request(method, path, json=body, headers=self.headers(path, user))
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text[:600])
        return answer.json() if answer.content else None


async def furnish(shop: Shop, key: str) -> Furnished:
    """Fill it: people, goods, prices, places, stock, promotions, carts, checkouts, orders and what they lead to."""
    made = Furnished(shop, key)
    await _people(made)
    await _goods(made)
    await _offers(made)
    await _orders(made)
    await _kept(made)
    await _read_back(made)
    return made


async def _people(made: Furnished) -> None:
    for n in range(PEOPLE):
        user, device = f"user-{n}", f"device-{n % 3}"
        traits = {"email": f"p{n}@example.it", "name": f"Ada {n}"}
        items = [
            {"type": "identify", "userId": user, "anonymousId": device, "traits": traits, "messageId": fresh()},
            {"type": "track", "event": "Order Completed", "userId": user, "properties": {"total": 10 + n}},
            {"type": "track", "userId": user},
        ]
        await made.call("POST", "/v1/batch", {"batch": items})


async def _goods(made: Furnished) -> None:
    for code, kind in (("milano", "store"), ("torino", "store"), ("hub", "warehouse")):
        place = {"name": code.title(), "kind": kind, "timezone": "Europe/Rome", "opening": ALWAYS}
        await made.call("PUT", f"/api/locations/{code}", place | {"ships": True, "picks_up": kind == "store"})
    await made.call("POST", "/api/categories", {"categories": [{"code": "shoes", "names": {"en": "Shoes"}}]})
    variants = [{"sku": sku} for sku in SKUS]
    shoe = {"code": "shoe", "name": "Trail shoe", "category": "shoes", "variants": variants}
    await made.call("POST", "/api/products", {"products": [shoe]})
    for code in ("shelf", "old"):
        await made.call("POST", "/api/price-lists", {"code": code, "name": code.title(), "currency": "EUR"})
    prices = [{"sku": sku, "amount_minor": 8000} for sku in SKUS]
    await made.call("PUT", "/api/prices", {"price_list": "shelf", "prices": prices})
    for place in ("milano", "torino", "hub"):
        lines = [{"sku": sku, "location": place, "quantity": 100} for sku in SKUS]
        await made.call("POST", "/api/stock/movements", {"kind": "receive", "lines": lines, "reason": "delivery"})


async def _offers(made: Furnished) -> None:
    effects = [{"kind": "percent_off", "percent_bp": 1000}]
    for code, coupon in (("ten", False), ("welcome", True)):
        promotion = {"code": code, "name": code.title(), "effects": effects, "needs_coupon": coupon}
        await made.call("POST", "/api/promotions?status=active", promotion)
    coupons = await made.call("POST", "/api/coupons", {"promotion": "welcome", "count": 5})
    made.known["coupon"] = list(coupons["coupons"])
    hook = {"name": "nobody", "url": "https://hooks.example.com/unisono"}
    made.known["webhook_id"] = [(await made.call("POST", "/api/webhooks", hook))["id"] for _ in range(3)]
    reductions = {"price_list": "shelf", "discounts": [{"sku": SKUS[0], "new_minor": 7000}]}
    await made.call("PUT", "/api/exempt-categories/shoes", {"reason": "New in."})
    announced = await made.call("POST", "/api/discounts", reductions)
    made.known["announcement_id"] = [one["id"] for one in announced]
    review = {"rating": 5, "body": "They hold."}
    await made.call("POST", "/channel/products/shoe/reviews", review)


async def _orders(made: Furnished) -> None:
    checkouts = []
    for n in range(PEOPLE):
        user = f"user-{n}"
        item = {"items": [{"sku": SKUS[n % 2]}]}
        await made.call("POST", "/channel/cart/lines", item, user)
        if n < 4:
            how = {"fulfilment": "pickup", "location": "milano"} if n % 2 else {"fulfilment": "ship"}
            begun = await made.call("POST", "/channel/checkouts", how, user)
            checkouts.append(begun["id"])
            if n < 3:
                paid = {"provider": "test", "token": "tok_approve", "key": "first"}
                await made.call("POST", f"/channel/checkouts/{begun['id']}/pay", paid, user)
    made.known["checkout_id"] = checkouts
    made.known["token"] = [(await made.call("POST", "/channel/cart/share", user="user-5"))["token"]]
    for n in range(4):
        placed = {"source": "erp", "source_order_id": f"E{n}", "lines": [{"sku": SKUS[0]}], "location": "hub"}
        await made.call("POST", "/api/orders", placed | {"identifier": f"user_id:user-{n}"})


async def _kept(made: Furnished) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
    for kind in ("ahead", "appointment"):
        rule = {"store_id": "milano", "kind": kind, "slot_minutes": 30, "capacity": 60}
        await made.call("PUT", "/api/slots/rules", rule)
    for n in range(3):
        asked = {"code": SKUS[1], "store_id": "milano", "identifier": f"user_id:user-{n}"}
        await made.call("POST", "/api/reservations", asked)
        when = (tomorrow + timedelta(hours=n)).isoformat()
        visit = {"store_id": "milano", "starts_at": when, "minutes": 30, "identifier": f"user_id:user-{n}"}
        await made.call("POST", "/api/appointments", visit)


_COLUMNS: Mapping[str, str] = {
    "person_id": "select distinct person_id from node",
    "change_id": "select id from identity_change",
    "number": "select number from sales_order",
    "payment_id": "select id from payment",
    "parcel_id": "select id from fulfilment",
    "reservation_id": "select id from reservation",
    "appointment_id": "select id from appointment",
    "review_id": "select id from product_review",
    "cart": "select id from cart where status = 'active'",
    "hold_id": "select id from hold",
}


async def _read_back(made: Furnished) -> None:
    """The ids that were given, and the codes we chose."""
    for name, query in _COLUMNS.items():
        rows = await made.shop.conn.fetch(query)
        made.known[name] = [row[0] if isinstance(row[0], int) else str(row[0]) for row in rows]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    codes = {
        "/api/products": ["shoe"],
        "/channel/products": ["shoe", *SKUS],
        "/api/price-lists": ["old"],
        "/api/exempt-categories": ["shoes"],
        "/api/locations": ["milano", "hub"],
        "/api/promotions": ["ten", "welcome"],
        "/api/reservations": list(SKUS),
    }
    made.by_path |= {(prefix, "code"): values for prefix, values in codes.items()}
    made.known |= {
        "sku": list(SKUS),
        "store_id": ["milano"],
        "location": ["milano", "hub"],
        "store": ["milano"],
        "price_list": ["shelf"],
        "promotion": ["welcome"],
        "subject": ["product:shoe", "order:" + made.known["number"][0]],
        "identifier": ["user_id:user-1"],
        "currency": ["EUR"],
        "timezone": ["Europe/Rome"],
        "category": ["shoes"],
        "url": ["https://hooks.example.com/unisono"],
        "household_id": [1],
        "ids": made.known["hold_id"],
        "quantity": [1, 2],
        "source": ["erp"],
        "starts_at": [tomorrow],
        "since": ["2026-01-01T00:00:00Z"],
        "until": [tomorrow],
        "reason": ["They said so."],
        "minutes": [30],
        "slot_minutes": [30],
        "user_id": ["user-1"],
    }


def fill(made: Furnished, value: Any, path: str, name: str = "") -> Any:
    """The same value with the names of things there are, where a field is called as they are."""
    if isinstance(value, dict):
        return {key: fill(made, one, path, key) for key, one in value.items()}
    if isinstance(value, list):
        return [fill(made, one, path, re.sub("s$", "", name)) for one in value]
    known = made.values(name, path)
    if known and (value is None or (isinstance(value, type(known[0])) and not isinstance(value, bool))):
        return known[len(str(value)) % len(known)]
    return value
