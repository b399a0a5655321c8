"""Joins, splits and newcomers: memberships follow who is who, and nobody is told twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.segmenting import ABANDONED, Town, did
from unisono.kit.database import Pool


@pytest.fixture
async def town(pool: Pool) -> Town:
    return Town(pool)


async def test_two_halves_make_a_member(town: Town) -> None:
    """Neither bought twice; the one they are did. The reason is the join."""
    await town.segment("buyers", did("Order Completed", 2))
    anna, device = await town.people(2)
    for node in (anna, device):
        await town.does(node, "Order Completed")
    await town.read()
    person = await town.join(anna, device)
    await town.read()
    assert await town.members("buyers") == [person]
    assert await town.told() == [(person, "Entered", "merge")]


async def test_a_join_of_two_members_tells_nothing_and_keeps_one_of_them(town: Town) -> None:
    """He is in since the first of them was, under the id he has now."""
    await town.segment("viewers", did("Product Viewed"))
    anna, other = await town.people(2)
    await town.does(anna, "Product Viewed")
    await town.read()
    since = town.now
    town.clock.forward(hours=1)
    await town.does(other, "Product Viewed")
    await town.read()
    person = await town.join(anna, other)
    await town.read()
    assert await town.pool.fetch("select person_id, since from segment_member") == [(person, since)]
    assert len(await town.told()) == 2


@pytest.mark.parametrize("which", ["the one who stays", "the one who goes"])
async def test_a_join_may_end_a_membership(town: Town, which: str) -> None:
    """Left a cart on the web, bought at the till as somebody else: out, whoever's id remains."""
    await town.segment("left-cart", ABANDONED)
    nodes = await town.people(2)
    web, till = nodes if which == "the one who stays" else reversed(nodes)
    await town.does(web, "Product Added")
    town.clock.forward(minutes=30)
    await town.does(till, "Order Completed")
    await town.read()
    await town.later(hours=1)
    assert await town.members("left-cart") == [web]
    person = await town.join(web, till)
    await town.read()
    assert await town.members("left-cart") == []
    assert await town.told() == [(web, "Entered", "time"), (person, "Left", "merge")]
    await town.later(days=9)
    assert await town.members("left-cart") == []


async def test_a_timer_of_somebody_who_was_joined_does_nothing(town: Town) -> None:
    """Also when the join was not read yet: he is looked at as he is now."""
    await town.segment("left-cart", ABANDONED)
    anna, browser = await town.people(2)
    await town.does(browser, "Product Added")
    await town.read()
    person = await town.join(anna, browser)
    await town.does(person, "Order Completed", ago=-timedelta(seconds=1))
    town.clock.forward(hours=1)
    await town.timers.drain()
    await town.read()
    await town.later(hours=1)
    assert await town.told() == []
    assert await town.members("left-cart") == []


async def test_a_split_has_each_judged_by_what_is_his(town: Town) -> None:
    """Two orders were one person's; apart they are one each. Joined again he is back."""
    await town.segment("buyers", did("Order Completed", 2))
    await town.segment("viewers", did("Product Viewed"))
    anna, other = await town.people(2)
    person = await town.join(anna, other)
    await town.read()
    for node in (anna, other):
        await town.does(node, "Order Completed")
    await town.does(other, "Product Viewed")
    await town.read()
    assert await town.members("buyers") == [person]
    await town.split(person, other)
    await town.read()
    assert await town.members("buyers") == []
    assert await town.members("viewers") == [other]
    await town.join(anna, other)
    await town.read()
    assert await town.members("buyers") == [anna]
    assert await town.members("viewers") == [anna]
    assert [one for one in await town.told("buyers") if one[2] == "merge"] == [
        (anna, "Left", "merge"),
        (anna, "Entered", "merge"),
    ]


async def test_somebody_new_is_in_what_holds_of_anybody(town: Town) -> None:
    """Never bought: true from the first page he looks at, of which no rule asks."""
    await town.segment("never-bought", {"is": "none", "of": [did("Order Completed")]})
    anna, bruno = await town.people(2)
    await town.does(anna, "Page Viewed")
    await town.does(bruno, "Order Completed")
    await town.read()
    assert await town.members("never-bought") == [anna]
    await town.does(anna, "Order Completed")
    await town.read()
    assert await town.members("never-bought") == []


async def test_an_anonymous_visitor_is_a_person_too(town: Town) -> None:
    """He comes in as a browser and is the same member when he signs in."""
    await town.segment("viewers", did("Product Viewed"))
    (browser,) = await town.people(1, "anonymous_id")
    (account,) = await town.people(1, "user_id")
    await town.does(browser, "Product Viewed")
    await town.read()
    assert await town.members("viewers") == [browser]
    person = await town.join(browser, account)
    assert person == account
    await town.read()
    assert await town.members("viewers") == [account]
    assert await town.told() == [(browser, "Entered", "event")]
