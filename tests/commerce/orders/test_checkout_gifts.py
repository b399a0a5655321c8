"""Gifts in the checkout: given where they are, left out where they are not; nobody is refused because of one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.carts import STORE
from tests.support.ordering import Till, open_till
from unisono.commerce.orders.errors import GoodsGone
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.language import Gift
from unisono.commerce.promotions.model import Definition
from unisono.kit.database import Pool, transaction


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Till]:
    """Three of A, one of B, which comes on top of everything; whatever happens, the books are right."""
    till = await open_till(pool, A=3, B=1)
    async with transaction(pool) as conn:
        definition = Definition(code="top", name="Something on top", effects=(Gift(sku="B"),))
        await promotions.save_promotion(conn, definition, actor="test", now=till.now, status="active")
    yield till
    await till.check()


async def test_a_gift_that_is_there_is_held_with_the_goods(shop: Till) -> None:
    """It is a line of nothing to pay, and one unit fewer."""
    order = await shop.buy(await shop.node(), ("A", 1))
    assert [(line.sku, line.total_minor) for line in order.lines] == [("A", 1000), ("B", 0)]
    assert (await shop.good("B"))["committed"] == 1


@pytest.mark.parametrize("fulfilment", ["ship", "pickup", "carry"])
async def test_a_gift_that_is_gone_is_left_out_and_the_quote_says_so(shop: Till, fulfilment: str) -> None:
    """The second buyer gets what he pays for, however he wants it."""
    await shop.buy(await shop.node(), ("A", 1))
    place = {} if fulfilment == "ship" else {"location": STORE}
    checkout = await shop.begin(await shop.node(), ("A", 1), fulfilment=fulfilment, **place)
    assert [line.sku for line in checkout.quote.lines] == ["A"]
    [rejected] = checkout.quote.offer.rejected
    assert (rejected.code, [reason.code for reason in rejected.reasons]) == ("top", ["gift_out_of_stock"])
    order = await shop.pay(checkout)
    assert [line.sku for line in order.lines] == ["A"]


async def test_units_that_are_bought_come_before_units_that_are_given(shop: Till) -> None:
    """Who buys the last unit of what is also given gets it, without another on top."""
    order = await shop.buy(await shop.node(), ("B", 1))
    assert [(line.sku, line.quantity, line.total_minor) for line in order.lines] == [("B", 1, 1000)]


async def test_goods_that_are_gone_refuse_with_or_without_a_gift(shop: Till) -> None:
    """The gift is no excuse: what is bought must be there."""
    with pytest.raises(GoodsGone) as raised:
        await shop.begin(await shop.node(), ("A", 4))
    assert [line["sku"] for line in raised.value.extra["lines"]] == ["A"]
