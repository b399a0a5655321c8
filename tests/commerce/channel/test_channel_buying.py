"""A shop in small, through the API alone: the same basket, price and stock in every channel, bought once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.market import Market, opened
from tests.support.shop import fresh


@pytest.fixture(scope="module")
async def market(server_dsn: str, template_dsn: str) -> AsyncIterator[Market]:
    """One for all tests of this file; each uses customers of its own."""
    async with opened(server_dsn) as found:
        yield found


async def buy(market: Market, who: dict[str, str], fulfilment: dict[str, Any], token: str = "tok_approve") -> Any:
    begun = await market.call("POST", "/channel/checkouts", fulfilment, status=201, **who)
    paid = {"provider": "test", "token": token, "key": "first"}
    return await market.call("POST", f"/channel/checkouts/{begun['id']}/pay", paid, **who)


async def test_a_basket_begun_on_the_web_is_finished_at_the_till(market: Market) -> None:
    """One cart: the till sees what the web put in, adds to it, takes the money; the web sees the order."""
    user = fresh("u")
    web = await market.customer(user)
    cart = (await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **web))["cart"]
    named = market.till | {"x_customer": f"user_id:{user}"}
    seen = (await market.call("GET", "/channel/cart", **named))["cart"]
    assert (seen["id"], [line["sku"] for line in seen["lines"]]) == (cart["id"], ["SHOE-42"])
    assert seen["lines"][0]["seen_channel"] == "web"
    opened = await market.call("POST", "/channel/cart/open", {"code": cart["code"]}, **market.till)
    assert opened["cart"]["id"] == cart["id"]
    before = await market.stock("SHOE-42")
    begun = await market.call("POST", "/channel/checkouts", {"fulfilment": "carry"}, status=201, **named)
    paid = {"provider": "cash", "tendered_minor": 10000}
    order = await market.call("POST", f"/channel/checkouts/{begun['id']}/pay", paid, **named)
    assert (order["total_minor"], order["channel"], order["status"]) == (8000, "store", "completed")
    assert [one["number"] for one in (await market.call("GET", "/channel/orders", **web))["orders"]] == [
        order["number"]
    ]
    assert (await market.call("GET", "/channel/cart", **web))["cart"] is None
    assert (await market.stock("SHOE-42"))["available"] == before["available"] - 1


async def test_the_same_sku_costs_the_same_in_every_channel_at_one_moment(market: Market) -> None:
    """Web, app and till ask; one answer, and the till's own store is what it calls here."""
    answers = []
    for who in (await market.customer(), await market.customer(channel="app"), market.till):
        found = await market.call("GET", "/channel/products/SHOE-42", **who)
        answers.append(found["variants"][0]["price"]["amount_minor"])
        assert {one["store_id"] for one in found["variants"][0]["nearby"]} <= {"milano", "hub"}
    assert answers == [8000, 8000, 8000]
    till = await market.call("GET", "/channel/skus?sku=SHOE-42&sku=NONE", **market.till)
    assert till["variants"][0]["available_here"] is not None
    assert till["unknown"] == ["NONE"]


async def test_click_and_collect_from_the_app_to_the_counter(market: Market) -> None:
    """Paid in the app, prepared, ready, handed over with the customer's code, which the till never learns by itself."""
    app = await market.customer(channel="app")
    await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **app)
    order = await buy(market, app, {"fulfilment": "pickup", "location": "milano"})
    assert order["payment_status"] in ("authorised", "paid")
    mine = await market.call("GET", f"/channel/orders/{order['number']}", **app)
    [parcel] = mine["parcels"]
    code = mine["codes"][str(parcel["id"])]
    waiting = await market.call("GET", "/channel/pickups", **market.till)
    assert parcel["id"] in {one["id"] for one in waiting}
    await market.api("POST", f"/api/pickups/{parcel['id']}/picking")
    await market.api("POST", f"/api/pickups/{parcel['id']}/ready")
    path = f"/channel/pickups/{parcel['id']}/hand-over"
    await market.call("POST", path, {"code": "XXXXXX"}, status=409, **market.till)
    handed = await market.call("POST", path, {"code": code}, **market.till)
    assert handed["state"] == "handed_over"
    await market.call("POST", path, {"code": code}, status=409, **market.till)


async def test_nobody_reaches_what_is_somebody_elses(market: Market) -> None:
    """Orders, carts, checkouts and reservations of others do not exist for a customer's token."""
    mario, anna = await market.customer(), await market.customer()
    cart = (await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **mario))["cart"]
    begun = await market.call("POST", "/channel/checkouts", {"fulfilment": "ship"}, status=201, **mario)
    await market.call("GET", f"/channel/checkouts/{begun['id']}", status=404, **anna)
    await market.call("GET", f"/channel/cart?cart={cart['id']}", status=404, **anna)
    await market.call("POST", "/channel/cart/open", {"code": cart["code"]}, status=403, **anna)
    await market.call("DELETE", f"/channel/checkouts/{begun['id']}", status=404, **anna)
    kept = await market.call(
        "POST", "/channel/reservations", {"sku": "SHOE-42", "store_id": "milano"}, status=201, **mario
    )
    await market.call("DELETE", f"/channel/reservations/{kept['id']}", status=404, **anna)
    assert (await market.call("GET", "/channel/reservations", **anna))["reservations"] == []
    await market.call("DELETE", f"/channel/reservations/{kept['id']}", **mario)
    await market.call("DELETE", f"/channel/checkouts/{begun['id']}", **mario)


async def test_a_buyer_neither_pays_cash_from_home_nor_sets_the_price_of_sending(market: Market) -> None:
    """What only a counter or a server may say is refused, or left out."""
    mario = await market.customer()
    await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **mario)
    begun = await market.call(
        "POST", "/channel/checkouts", {"fulfilment": "ship", "shipping_minor": 0}, status=201, **mario
    )
    assert begun["offer"]["shipping_minor"] == 490
    path = f"/channel/checkouts/{begun['id']}/pay"
    assert (await market.call("POST", path, {"provider": "cash"}, status=403, **mario))["code"] == "pay_at_counter"
    await market.call("DELETE", f"/channel/checkouts/{begun['id']}", **mario)


async def test_a_change_at_the_till_reaches_the_web_at_once(market: Market) -> None:
    """The stream of a customer tells of his cart, whoever touched it, and of prices and stock; of nobody else's."""
    user, other = fresh("u"), fresh("u")
    web = await market.customer(user)
    await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **web)
    heard: list[str] = []

    async def listen() -> None:
        async with (
            httpx.AsyncClient(base_url=market.shop.url, timeout=20) as client,
            client.stream("GET", "/channel/stream", headers=web) as stream,
        ):
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    heard.append(line)
                    if '"kind":"cart"' in line:
                        return

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.5)
    for customer in (other, user):
        await market.call(
            "POST",
            "/channel/cart/lines",
            {"items": [{"sku": "SHOE-42"}]},
            **(market.till | {"x_customer": f"user_id:{customer}"}),
        )
    await asyncio.wait_for(listening, 5)
    assert sum('"kind":"cart"' in line for line in heard) == 1
    assert all("/api/" not in line for line in heard), "a channel is sent where it may read"


async def test_a_till_follows_the_cart_it_has_opened_by_its_code(market: Market) -> None:
    """What the customer changes on the web reaches the counter, though the till does not know who he is."""
    web = await market.customer()
    cart = (await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **web))["cart"]
    async with (
        httpx.AsyncClient(base_url=market.shop.url, timeout=20) as client,
        client.stream("GET", f"/channel/stream?subject=cart:{cart['id']}", headers=market.till) as stream,
    ):
        await market.call("PUT", "/channel/cart/lines/SHOE-42", {"quantity": 2}, **web)
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                assert f'"subject":"cart:{cart["id"]}"' in line
                return


async def test_an_empty_search_lists_what_can_be_bought(market: Market) -> None:
    """A shop's first page asks for nothing in particular."""
    found = await market.call("GET", "/channel/products", **await market.customer())
    assert "shoe" in {one["code"] for one in found["products"]}


async def test_bad_input_changes_nothing_and_says_what_is_wrong(market: Market) -> None:
    """Negative quantities, unknown skus, 1e9 lines, NUL characters: a code each, and the cart is as before."""
    mario = await market.customer()
    await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **mario)
    wrong: list[tuple[str, str, Any]] = [
        ("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42", "quantity": -1}]}),
        ("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42", "quantity": 10**9}]}),
        ("POST", "/channel/cart/lines", {"items": [{"sku": "NO-SUCH"}]}),
        ("POST", "/channel/cart/lines", {"items": [{"sku": "a\x00b"}]}),
        ("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}] * 201}),
        ("POST", "/channel/cart/lines", {"items": []}),
        ("PUT", "/channel/cart/lines/SHOE-42", {"quantity": 1.5}),
        ("PUT", "/channel/cart/coupons", {"coupons": ["x" * 500]}),
        ("POST", "/channel/checkouts", {"fulfilment": "pickup", "location": "nowhere"}),
        ("POST", "/channel/reservations", {"sku": "SHOE-42", "store_id": "milano", "quantity": 0}),
    ]
    for method, path, body in wrong:
        answer = await market.shop.client.request(method, path, json=body, headers=mario)
        assert 400 <= answer.status_code < 500, (path, body, answer.status_code, answer.text[:300])
        assert answer.json()["code"], answer.text
    lines = (await market.call("GET", "/channel/cart", **mario))["cart"]["lines"]
    assert [(line["sku"], line["quantity"]) for line in lines] == [("SHOE-42", 1)]


async def test_feeds_tell_what_the_channels_tell(market: Market) -> None:
    """Google's table and the page's JSON-LD carry the price and the availability of this moment, for keys alone."""
    feed = await market.shop.client.get("/feeds/google.tsv", headers=market.server)
    assert feed.status_code == 200, feed.text
    header, *lines = [line.split("\t") for line in feed.text.splitlines()]
    rows = {line[0]: dict(zip(header, line, strict=True)) for line in lines}
    assert rows["SHOE-42"]["price"] == "80.00 EUR"
    assert rows["SHOE-42"]["link"] == "https://shop.example/p/SHOE-42"
    assert (rows["SHOE-42"]["availability"], rows["SHOE-43"]["availability"]) == ("in_stock", "out_of_stock")
    told = await market.call("GET", "/channel/products/shoe/json-ld", **market.server)
    assert {one["sku"]: one["offers"]["price"] for one in told["hasVariant"]} == {
        "SHOE-42": "80.00",
        "SHOE-43": "80.00",
    }
    assert (await market.shop.client.get("/feeds/google.tsv")).status_code == 401
    assert (await market.shop.client.get("/feeds/google.tsv", headers=await market.customer())).status_code == 403


async def test_json_ld_as_it_comes_cannot_end_the_script_it_is_put_into(market: Market) -> None:
    name = "Shoe </script><script>alert(1)</script> & more"
    await market.call("PUT", "/api/products/shoe", {"name": name}, **market.server)
    answer = await market.shop.client.get("/channel/products/shoe/json-ld", headers=market.server)
    assert answer.headers["content-type"].startswith("application/ld+json")
    assert (answer.json()["name"], "<" in answer.text) == (name, False)


async def test_nobody_takes_anothers_order_id_and_nobody_carries_goods_away_from_home(market: Market) -> None:
    """A customer's token names ids of that customer alone; what is taken along is bought at a counter."""
    orders = []
    for _ in range(2):
        who = await market.customer()
        await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **who)
        refused = await market.call(
            "POST", "/channel/checkouts", {"fulfilment": "carry", "location": "milano"}, status=403, **who
        )
        assert refused["code"] == "buy_at_counter"
        asked = {"fulfilment": "ship", "order_id": "same-number"}
        begun = await market.call("POST", "/channel/checkouts", asked, status=201, **who)
        assert (await market.call("POST", "/channel/checkouts", asked, status=201, **who))["id"] == begun["id"]
        orders.append(begun["id"])
        await market.call("DELETE", f"/channel/checkouts/{begun['id']}", **who)
    assert len(set(orders)) == 2
