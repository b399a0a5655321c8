"""Whatever people do with carts and whoever is joined and split meanwhile: no unit is lost and none made."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.carts import GOODS, Bench, open_bench
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.reader import CartsReader
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool, transaction

PEOPLE = 4
nodes = st.integers(0, PEOPLE - 1)
deeds = st.one_of(
    st.tuples(st.just("add"), nodes, st.sampled_from(GOODS), st.integers(1, 4)),
    st.tuples(st.just("join"), nodes, nodes),
    st.tuples(st.just("split"), nodes),
    st.tuples(st.just("open"), nodes),
    st.just(("follow",)),
)


class World:
    """Some identifiers and what was put into carts under each."""

    def __init__(self, shop: Bench, ids: list[int]) -> None:
        self.shop = shop
        self.ids = ids
        self.added: Counter[str] = Counter()

    async def person(self, node: int) -> int:
        return int(await self.shop.pool.fetchval("select person_id from node where id = $1", node))

    async def do(self, deed: tuple[Any, ...]) -> None:
        """One deed; joining one with himself and splitting what is one identifier are none."""
        what, *about = deed
        self.shop.later(seconds=1)
        if what == "add":
            node, sku, quantity = about
            await self.shop.add(self.ids[node], (sku, quantity))
            self.added[sku] += quantity
        elif what == "join":
            one, other = (self.ids[number] for number in about)
            if await self.person(one) != await self.person(other):
                await self.shop.join(one, other)
        elif what == "split":
            node = self.ids[about[0]]
            person = await self.person(node)
            if await self.shop.pool.fetchval("select count(*) from node where person_id = $1", person) > 1:
                await self.shop.split(person, node)
        elif what == "open":
            await self.shop.cart(self.ids[about[0]])
        else:
            await Worker(self.shop.pool, [CartsReader(lambda: self.shop.now)], lanes=2).drain()

    async def check_always(self) -> None:
        """Every unit that was put in is in exactly one open cart."""
        rows = await self.shop.pool.fetch(
            """select sku, sum(quantity)::int as units from cart_line join variant on variant.id = variant_id
               join cart on cart.id = cart_id where cart.status = 'active' group by sku"""
        )
        assert Counter({row["sku"]: row["units"] for row in rows}) == self.added
        closed = "select count(*) from cart_line join cart on cart.id = cart_id where status <> 'active'"
        assert await self.shop.pool.fetchval(closed) == 0
        for row in await self.shop.pool.fetch("select id, version from cart"):
            assert await self.shop.changes(row["id"]) == list(range(1, row["version"] + 1))

    async def check_followed(self) -> None:
        """Nobody has two carts, and nobody's product is in somebody else's."""
        several = """select node.person_id from cart join node on node.id = cart.node_id where cart.status = 'active'
                     group by node.person_id having count(*) > 1"""
        assert await self.shop.pool.fetch(several) == []
        astray = """select line.* from cart_line line join cart on cart.id = line.cart_id
                    join node on node.id = cart.node_id join node adder on adder.id = line.node_id
                    where adder.person_id <> node.person_id"""
        assert await self.shop.pool.fetch(astray) == []
        assert await self.shop.pool.fetch("select * from parked_event") == []


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(deeds, min_size=5, max_size=25))
async def test_units_are_neither_lost_nor_made_whoever_is_joined_and_split(pool: Pool, script: list[Any]) -> None:
    """Adding, joining, splitting, opening, in any order, the reader now and then; by the sum rule and without stock."""
    tables = "cart, cart_line, cart_merge, change, event, timer, node, identity_change, identity_decision, log_reader"
    await pool.execute(f"truncate {tables}, product, variant, price, price_list, location cascade")
    shop = await open_bench(pool)
    ids = [await shop.node("user_id" if number < 2 else "anonymous_id") for number in range(PEOPLE)]
    world = World(shop, ids)
    for deed in script:
        await world.do(deed)
        await world.check_always()
    await world.do(("follow",))
    await world.check_always()
    await world.check_followed()
    for number in range(PEOPLE):
        async with transaction(pool) as conn:
            await carts.active_cart(conn, ids[number], channel="web", currency="EUR", now=shop.now)
    await world.check_always()
