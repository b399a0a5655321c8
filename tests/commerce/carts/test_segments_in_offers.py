"""A promotion for a segment and a price list for an audience apply as the person comes in, and end as he leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.support.carts import Bench, open_bench
from tests.support.pricing import make_list, put
from tests.support.segmenting import Town, did
from unisono.commerce.carts.facts import facts_of
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Definition
from unisono.customers.segments import ports, service
from unisono.customers.segments.errors import SegmentConflict
from unisono.kit.database import Pool, connection, transaction


class Shop(Town):
    """A shop with goods at 10.00 and people who are watched by its clock."""

    def __init__(self, pool: Pool, bench: Bench) -> None:
        super().__init__(pool)
        self.bench = bench
        bench.now = self.clock.now


@pytest.fixture
async def shop(pool: Pool) -> Shop:
    return Shop(pool, await open_bench(pool))


async def total(shop: Shop, node: int) -> int:
    """What one unit of A costs the person of a node, in a new look at his cart."""
    shop.bench.now = shop.now
    cart = await shop.bench.cart(node)
    view = await shop.bench.view(cart.id) if cart else await shop.bench.add(node, ("A", 1))
    assert view.quote is not None
    return view.quote.total_minor


async def test_a_promotion_for_a_segment_applies_as_the_person_comes_in(shop: Shop) -> None:
    """Not before, and not after he has left by time alone."""
    await shop.segment("lookers", did("Product Viewed", 2, seconds=3600))
    tenth: dict[str, Any] = {
        "code": "ten",
        "name": "Ten",
        "currency": "EUR",
        "conditions": {"kind": "segment", "any_of": ["lookers"]},
        "effects": [{"kind": "percent_off", "percent_bp": 1000}],
    }
    async with transaction(shop.pool) as conn:
        made = msgspec.convert(tenth, Definition)
        await promotions.save_promotion(conn, made, actor="test", now=shop.now, status="active")
    (anna,) = await shop.people(1)
    assert await total(shop, anna) == 1000
    await shop.does(anna, "Product Viewed", "Product Viewed")
    await shop.read()
    assert await total(shop, anna) == 900
    await shop.later(hours=1)
    assert await total(shop, anna) == 1000


async def test_a_price_list_for_an_audience_applies_as_the_person_comes_in(shop: Shop) -> None:
    """The code of a live segment is an audience."""
    await shop.segment("club", did("Order Completed"))
    async with shop.pool.acquire() as conn:
        await make_list(conn, "club", audience="club", priority=1)
        await put(conn, "A", 700, to="club", now=shop.now - timedelta(hours=1))
    anna, bruno = await shop.people(2)
    assert await total(shop, anna) == 1000
    await shop.does(anna, "Order Completed")
    await shop.read()
    assert (await total(shop, anna), await total(shop, bruno)) == (700, 1000)


async def test_segments_said_by_others_count_beside_ours_and_archived_ones_do_not(shop: Shop) -> None:
    """Traits of another system stay; one statement knows both."""
    await shop.segment("buyers", did("Order Completed"))
    (anna,) = await shop.people(1)
    await shop.says(anna, segments=["vip"], audiences=["staff"])
    await shop.does(anna, "Order Completed")
    await shop.read()
    async with connection(shop.pool) as conn:
        found = await facts_of(conn, anna)
    assert (found.segments, found.audiences) == ({"vip", "buyers"}, {"staff", "buyers"})
    async with transaction(shop.pool) as conn:
        await service.archive(conn, "buyers", now=shop.now)
        assert (await facts_of(conn, anna)).segments == {"vip"}


async def test_a_segment_an_offer_asks_about_is_used_by_it(shop: Shop) -> None:
    """Promotions in force and price lists are told, and keep it from being archived."""
    import unisono.commerce.app_part  # noqa: F401 - commerce says what it uses when it is there

    await shop.segment("club", did("Order Completed"))
    async with shop.pool.acquire() as conn:
        await make_list(conn, "members", audience="club")
    deep = {"kind": "all", "of": [{"kind": "not", "of": {"kind": "segment", "any_of": ["club"]}}]}
    written = {"code": "ten", "name": "Ten", "currency": "EUR", "conditions": deep}
    made = msgspec.convert(written | {"effects": [{"kind": "percent_off", "percent_bp": 1000}]}, Definition)
    async with transaction(shop.pool) as conn:
        await promotions.save_promotion(conn, made, actor="test", now=shop.now, status="active")
        uses = await service.used_by(conn, "club")
        assert [(use.kind, use.code) for use in uses] == [("price_list", "members"), ("promotion", "ten")]
        several = await service.uses_of(conn, ["club", "nobody-asks"])
        assert several == {"club": uses, "nobody-asks": []}
        with pytest.raises(SegmentConflict, match="used by price_list members"):
            await service.archive(conn, "club", now=shop.now)
    assert isinstance(uses[0], ports.Use)
