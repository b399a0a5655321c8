"""What prices and promotions may ask about a person, over all his identifiers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.carts import STORE, Bench, open_bench
from unisono.commerce.carts.facts import facts_of, known_of
from unisono.commerce.promotions.model import NOBODY, PersonFacts
from unisono.customers.profiles.service import traits_of
from unisono.kit.database import Pool


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Bench]:
    """A small shop."""
    yield await open_bench(pool)


async def say(shop: Bench, node: int, *, minute: int = 0, **traits: Any) -> None:
    """A source says this of an identifier."""
    for name, value in traits.items():
        await shop.pool.execute(
            "insert into trait (node_id, name, source_id, value, occurred_at) values ($1, $2, 1, $3, $4)",
            node,
            name,
            json.dumps(value),
            shop.now + timedelta(minutes=minute),
        )


async def order(shop: Bench, node: int, number: str, status: str = "completed") -> None:
    """An order under an identifier."""
    await shop.pool.execute(
        """insert into sales_order (number, source, source_order_id, node_id, channel, status, payment_status, currency,
                                    subtotal_minor, total_minor, placed_at)
           values ($1, 'web', $1, $2, 'web', $3, 'paid', 'EUR', 1000, 1000, $4)""",
        number,
        node,
        status,
        shop.now,
    )


async def known(shop: Bench, node: int | None) -> PersonFacts:
    async with shop.pool.acquire() as conn:
        return await facts_of(conn, node)


async def test_traits_and_orders_of_all_identifiers_count(shop: Bench) -> None:
    """The later word wins, cancelled orders are none; whichever identifier asks, the answer is one."""
    browser, card = await shop.node("anonymous_id"), await shop.node("loyalty_card")
    await say(shop, browser, segments=["runners", "new"], birthday="1980-05-14", tier="silver", city="Milano")
    await say(shop, card, minute=5, tier="gold", audiences=["club"])
    for number, node, status in (("1", browser, "open"), ("2", card, "completed"), ("3", card, "cancelled")):
        await order(shop, node, number, status)
    assert (await known(shop, browser)).orders_before == 1
    await shop.join(browser, card)
    facts = await known(shop, browser)
    assert (facts.person_id, facts.identified, facts.orders_before) == (card, True, 2)
    assert (facts.segments, facts.audiences) == ({"runners", "new"}, {"club"})
    assert (facts.tier, facts.birthday, facts.traits["city"]) == ("gold", date(1980, 5, 14), "Milano")
    assert await known(shop, card) == facts


async def test_two_values_said_at_once_are_what_the_profile_says(shop: Bench) -> None:
    """Prices and promotions see the very value that the customer's page shows."""
    browser, card = await shop.node("anonymous_id"), await shop.node("loyalty_card")
    await say(shop, browser, tier="a\nb", city="it's", segments=[2, 10], audiences={"b": 1, "aa": True})
    await say(shop, card, tier='a"b', city="its", segments=[10, 2], audiences={"b": 1, "aa": None})
    await shop.join(browser, card)
    async with shop.pool.acquire() as conn:
        profile = await traits_of(conn, [browser, card])
    assert (await known(shop, card)).traits == {name: trait.value for name, trait in profile.items()}


async def test_a_visitor_of_whom_there_is_but_a_device_is_nobody_known(shop: Bench) -> None:
    """He has an id; nobody has none; an id that is no identifier is nobody."""
    visitor = await shop.node("anonymous_id")
    facts = await known(shop, visitor)
    assert (facts.person_id, facts.identified, facts.known) == (visitor, False, False)
    assert await known(shop, None) == await known(shop, 10**15) == NOBODY


@pytest.mark.parametrize("value", [None, 7, "", {}, [7, None, ""], [[]], True, "31/12/1980", "not a date"])
async def test_what_a_trait_says_badly_is_left_out(shop: Bench, value: Any) -> None:
    """Anybody may send any JSON as a trait."""
    node = await shop.node()
    await say(shop, node, segments=value, tier=value, audiences=value, birthday=value)
    facts = await known(shop, node)
    assert facts.birthday is None
    assert (
        facts.segments == facts.audiences == (frozenset({value}) if isinstance(value, str) and value else frozenset())
    )
    assert facts.tier == (value if isinstance(value, str) and value else None)


async def test_a_store_says_its_time_zone(shop: Bench) -> None:
    """In the same statement; a store nobody knows has none."""
    await shop.pool.execute("update location set timezone = 'Asia/Tokyo' where code = $1", STORE)
    async with shop.pool.acquire() as conn:
        assert (await known_of(conn, None, store_id=STORE)).timezone == "Asia/Tokyo"
        assert (await known_of(conn, None, store_id="nowhere")).timezone is None
    view = await shop.add(await shop.node(), ("A", 1), channel="store", store_id=STORE)
    assert view.lines
