"""Who must not: tills of other stores, customers at other people's things, keys used twice for different people."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.market import Market, opened
from unisono.access.keys import create_source

NOBODYS = "3f2b1b1e-0000-4000-8000-000000000000"
OF_PAGES = ("/channel/push", "/channel/devices")
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
async def market(server_dsn: str, template_dsn: str) -> AsyncIterator[Market]:
    """One for all tests of this file, with enough units for each."""
    async with opened(server_dsn) as found:
        lines = [{"sku": "SHOE-42", "location": place, "quantity": 20} for place in ("milano", "hub")]
        await found.api("POST", "/api/stock/movements", {"kind": "receive", "lines": lines, "reason": "more"})
        yield found


@pytest.fixture(scope="module")
async def torino(market: Market) -> dict[str, str]:
    """The headers of a till in another store."""
    made = await create_source(market.shop.conn, name="torino", kind="till", actor="t", store_id="torino", till_id="1")
    return {"authorization": f"Bearer {made.key}"}


async def collect(market: Market, who: dict[str, str]) -> tuple[int, str]:
    """A paid pick-up in Milano: the parcel and its code."""
    await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **who)
    asked = {"fulfilment": "pickup", "location": "milano"}
    begun = await market.call("POST", "/channel/checkouts", asked, status=201, **who)
    paid = {"provider": "test", "token": "tok_approve"}
    order = await market.call("POST", f"/channel/checkouts/{begun['id']}/pay", paid, **who)
    mine = await market.call("GET", f"/channel/orders/{order['number']}", **who)
    [(parcel, code)] = mine["codes"].items()
    return int(parcel), code


async def routes_of(market: Market, prefix: str) -> list[tuple[str, str]]:
    """Every operation below a prefix, its places filled with what nobody has."""
    page = await market.call("GET", "/api/openapi.json")
    found = []
    for path, operations in page["paths"].items():
        if path.startswith(prefix):
            number = re.sub(r"/(checkouts|payments)/\{\w+\}", rf"/\1/{NOBODYS}", path)
            filled = re.sub(r"\{\w+\}", "1", number)
            found += [(method, filled) for method in METHODS if method in operations]
    return found


async def test_a_customers_token_opens_nothing_of_the_operational_api(market: Market) -> None:
    """Every route below /api, whatever its method: refused before anything is looked up."""
    anna = await market.customer("anna")
    routes = await routes_of(market, "/api/")
    assert len(routes) > 100
    for method, path in routes:
        answer = await market.shop.client.request(method, path, headers=anna, json=None if method == "get" else {})
        assert answer.status_code == 403, (method, path, answer.text[:200])


async def test_a_key_without_the_scope_speaks_for_nobody(market: Market) -> None:
    """A key that reads people, and the public one, open no route of the channels."""
    for key in (market.shop.keys.reader, market.shop.keys.write):
        headers = {"authorization": f"Bearer {key}"}
        for method, path in await routes_of(market, "/channel/"):
            # What a page may ask under its own browser's id, it asks with the public key.
            if "/sessions" in path or path.startswith(OF_PAGES):
                continue
            answer = await market.shop.client.request(
                method, path, headers=headers, json=None if method == "get" else {}
            )
            assert answer.status_code in (401, 403), (method, path, answer.text[:200])


async def test_a_till_hands_over_and_cancels_in_its_own_store_alone(market: Market, torino: dict[str, str]) -> None:
    """With the right code too: what lies in Milano is not Torino's to give away or to call off."""
    anna = await market.customer("anna-2")
    parcel, code = await collect(market, anna)
    kept = {"sku": "SHOE-42", "store_id": "milano"}
    reservation = await market.call("POST", "/channel/reservations", kept, status=201, **anna)
    path = f"/channel/reservations/{reservation['id']}"
    await market.call("POST", f"/channel/pickups/{parcel}/hand-over", {"code": code}, status=404, **torino)
    await market.call("POST", f"{path}/hand-over", {"code": reservation["code"]}, status=404, **torino)
    await market.call("DELETE", path, status=404, **torino)
    cancelled = await market.call("DELETE", path, **market.till)
    assert (cancelled["state"], cancelled["code"]) == ("cancelled", "")
    done = await market.call("POST", f"/channel/pickups/{parcel}/hand-over", {"code": code}, **market.till)
    assert done["state"] == "handed_over"


async def test_a_till_sells_nothing_off_the_shelf_of_another_store(market: Market, torino: dict[str, str]) -> None:
    """Taken along means from here; to be collected there is fine."""
    carl = torino | {"x_customer": "user_id:carl"}
    await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **carl)
    before = await market.stock("SHOE-42")
    carry = {"fulfilment": "carry", "location": "milano"}
    await market.call("POST", "/channel/checkouts", carry, status=404, **carl)
    assert await market.stock("SHOE-42") == before
    pickup = {"fulfilment": "pickup", "location": "milano"}
    await market.call("POST", "/channel/checkouts", pickup, status=201, **carl)


async def test_one_idempotency_key_is_not_answered_for_another_customer(market: Market) -> None:
    """A server that uses a key again for somebody else is refused: it must never be shown the first one's cart."""

    async def put(customer: str) -> Any:
        headers = market.server | {"x-customer": f"user_id:{customer}", "idempotency-key": "again"}
        body = {"items": [{"sku": "SHOE-43"}]}
        return await market.shop.client.post("/channel/cart/lines", json=body, headers=headers)

    first, again, other = await put("ida"), await put("ida"), await put("ugo")
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


async def test_what_is_others_does_not_exist(market: Market) -> None:
    """Checkout, order, cart and reservation of another customer: each answers as if it were not there."""
    anna, bruno = await market.customer("anna-3"), await market.customer("bruno-3")
    cart = await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **anna)
    begun = await market.call("POST", "/channel/checkouts", {}, status=201, **anna)
    own = f"/channel/checkouts/{begun['id']}"
    pay = {"provider": "test", "token": "tok_approve"}
    cart_id = cart["cart"]["id"]
    for method, path, body in (
        ("GET", own, None),
        ("POST", f"{own}/pay", pay),
        ("DELETE", own, None),
        ("POST", "/channel/checkouts", {"cart": cart_id}),
        ("GET", f"/channel/cart?cart={cart_id}", None),
        ("POST", f"/channel/cart/lines?cart={cart_id}", {"items": [{"sku": "SHOE-42"}]}),
        ("PUT", f"/channel/cart/lines/SHOE-42?cart={cart_id}", {"quantity": 0}),
        ("DELETE", f"/channel/cart/lines/SHOE-42?cart={cart_id}", None),
        ("PUT", f"/channel/cart/coupons?cart={cart_id}", {"coupons": []}),
        ("POST", f"/channel/cart/share?cart={cart_id}", {}),
    ):
        answer = await market.shop.client.request(method, path, json=body, headers=bruno)
        lost = answer.status_code == 404 or (method == "GET" and answer.json().get("cart") is None)
        assert lost, (method, path, answer.status_code, answer.text[:200])
    order = await market.call("POST", f"{own}/pay", pay, **anna)
    await market.call("GET", f"/channel/orders/{order['number']}", status=404, **bruno)
