"""The notice of the soft opt-in, from the checkout and from an order told to the ledger of consents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.market import Market, opened
from tests.support.shop import fresh
from unisono.customers.consent.reader import ConsentReader
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool, open_pool


@pytest.fixture(scope="module")
async def market(server_dsn: str, template_dsn: str) -> AsyncIterator[Market]:
    """One for the file: the shoe is of a kind of goods."""
    async with opened(server_dsn) as found:
        categories = [{"code": "wear", "names": {"en": "Wear"}}, {"code": "shoes", "parent": "wear", "names": {}}]
        await found.api("POST", "/api/categories", {"categories": categories})
        await found.api("POST", "/api/products", {"products": [{"code": "shoe", "category": "shoes", "brand": "Alp"}]})
        yield found


@pytest.fixture(scope="module")
async def reading(market: Market) -> AsyncIterator[Pool]:
    """What the reader of consents reads with."""
    pool = await open_pool(market.shop.dsn, 4)
    yield pool
    await pool.close()


async def somebody(market: Market) -> tuple[str, str]:
    """A customer with an e-mail address."""
    user, email = fresh("u"), f"{fresh('e')}@example.it"
    event = {"messageId": fresh(), "userId": user, "traits": {"email": email}}
    answer = await market.shop.send("/v1/identify", event, key=market.shop.keys.secret)
    assert answer.status_code == 200
    return user, email


async def heard(market: Market, pool: Pool, user: str) -> list[tuple[str, str, str, str]]:
    """What the ledger has of him: basis, channel, category, order."""
    await Worker(pool, [ConsentReader()], 1).drain()
    assert await market.shop.conn.fetchval("select count(*) from parked_event") == 0
    rows = await market.shop.conn.fetch(
        """select basis, channel, category, order_ref from consent_entry where node_id in (
               select other.id from node join node other using (person_id)
               where node.namespace = 'user_id' and node.value = $1) order by id""",
        user,
    )
    return [tuple(row) for row in rows]


async def bought(market: Market, user: str, asked: dict[str, Any]) -> str:
    """One shoe of his cart, sent to him; the order's number."""
    who = await market.customer(user)
    await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **who)
    begun = await market.call("POST", "/channel/checkouts", {"fulfilment": "ship"} | asked, status=201, **who)
    paid = {"provider": "test", "token": "tok_approve", "key": "first"}
    order = await market.call("POST", f"/channel/checkouts/{begun['id']}/pay", paid, **who)
    return str(order["number"])


async def test_a_checkout_with_the_notice_is_a_soft_opt_in_for_its_kind_of_goods(market: Market, reading: Pool) -> None:
    """His own address, once; it says nothing for who was not told, nor for an address that is not his."""
    user, email = await somebody(market)
    number = await bought(market, user, {"customer": {"email": email}, "soft_opt_in": True})
    assert await heard(market, reading, user) == [("soft_opt_in", "email", "shoes", number)]
    [line] = (await event(market, number))["products"]
    assert (line["category"], line["brand"]) == ("shoes", "Alp")
    other, own = await somebody(market)
    await bought(market, other, {"customer": {"email": own}})
    await bought(market, other, {"customer": {"email": email}, "soft_opt_in": True})
    assert await heard(market, reading, other) == []


async def test_an_order_told_with_the_notice(market: Market, reading: Pool) -> None:
    """The same for an order of another system, however often it is told."""
    user, email = await somebody(market)
    order = {"source": "erp", "source_order_id": fresh(), "lines": [{"sku": "SHOE-42", "unit_minor": 7000}]}
    order |= {"identifier": f"user_id:{user}", "location": "hub", "customer": {"email": email}, "soft_opt_in": True}
    first = await market.api("POST", "/api/orders", order, status=201)
    again = await market.api("POST", "/api/orders", order, status=201)
    assert first["number"] == again["number"]
    assert await heard(market, reading, user) == [("soft_opt_in", "email", "shoes", first["number"])]


async def test_the_notice_is_about_an_address(market: Market) -> None:
    """Without one the request is refused, and nothing is held."""
    who = await market.customer()
    await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **who)
    before = await market.stock("SHOE-42")
    for customer in ({}, {"email": None}, {"email": ["a@example.it"]}, {"email": "nobody"}):
        asked = {"fulfilment": "ship", "customer": customer, "soft_opt_in": True}
        refused = await market.call("POST", "/channel/checkouts", asked, status=400, **who)
        assert refused["code"] == "notice_without_email"
    assert await market.stock("SHOE-42") == before


async def event(market: Market, number: str) -> dict[str, Any]:
    """What the timeline has of the order."""
    found = await market.shop.conn.fetchval(
        "select properties::text from event where name = 'Order Completed' and properties ->> 'order_id' = $1", number
    )
    return dict(json.loads(found))
