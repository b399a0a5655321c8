"""A shop in small over the API: a store with a till, another one, a warehouse, two skus with price and stock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.support.shop import Shop, fresh, open_shop
from unisono.access.keys import SCOPES, create_source

DAY = [["00:00", "24:00"]]
ALWAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), DAY)


class Market:
    """Keys and shorthands."""

    def __init__(self, shop: Shop, server: str, till: str) -> None:
        self.shop = shop
        self.server = {"authorization": f"Bearer {server}"}
        self.till = {"authorization": f"Bearer {till}"}

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        """Call with headers, expecting a status."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.shop.client.request(method, path, json=body, headers=sent)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text[:600])
        return answer.json() if answer.content else None

    async def api(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """As the company's server."""
        return await self.call(method, path, body, status=status, **self.server)

    async def customer(self, user: str | None = None, channel: str = "web") -> dict[str, str]:
        """The headers of somebody who has signed in."""
        made = await self.call(
            "POST",
            "/channel/sessions",
            {"identifiers": {"user_id": user or fresh("u")}, "channel": channel},
            status=201,
            **self.server,
        )
        return {"authorization": f"Bearer {made['token']}"}

    async def stock(self, sku: str) -> dict[str, Any]:
        """Availability everywhere, as the web sees it."""
        found = await self.call("GET", f"/channel/skus?sku={sku}", **self.server)
        return found["variants"][0]


@asynccontextmanager
async def opened(server_dsn: str, env: Mapping[str, str] | None = None, *, processes: int = 1) -> AsyncIterator[Market]:
    """A database with a store, a warehouse, two skus with prices, stock and a promotion."""
    async with open_shop(
        server_dsn,
        processes=processes,
        env={
            "UNISONO_TEST_PAYMENTS": "true",
            "UNISONO_SHIPPING_MINOR": "490",
            "UNISONO_SHOP_URL": "https://shop.example/p/{sku}",
            **(env or {}),
        },
    ) as shop:
        made = await create_source(shop.conn, name="server", kind="server", actor="t", scopes=frozenset(SCOPES))
        market = Market(shop, made.key, shop.keys.till)
        for code, kind in (("milano", "store"), ("torino", "store"), ("hub", "warehouse")):
            place = {"name": code.title(), "kind": kind, "timezone": "Europe/Rome", "opening": ALWAYS}
            place |= {"ships": kind == "warehouse", "picks_up": kind == "store"}
            await market.api("PUT", f"/api/locations/{code}", place)
        variants = [{"sku": "SHOE-42"}, {"sku": "SHOE-43"}]
        products = [{"code": "shoe", "name": "Trail shoe", "variants": variants}]
        await market.api("POST", "/api/products", {"products": products})
        shelf = {"code": "shelf", "name": "Shelf", "currency": "EUR"}
        await market.api("POST", "/api/price-lists", shelf, status=201)
        prices = [{"sku": "SHOE-42", "amount_minor": 8000}, {"sku": "SHOE-43", "amount_minor": 8000}]
        await market.api("PUT", "/api/prices", {"price_list": "shelf", "prices": prices})
        for place, units in (("milano", 3), ("hub", 5)):
            move = {"kind": "receive", "lines": [{"sku": "SHOE-42", "location": place, "quantity": units}]}
            await market.api("POST", "/api/stock/movements", move | {"reason": "first delivery"})
        yield market
