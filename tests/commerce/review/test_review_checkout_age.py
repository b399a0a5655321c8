"""A checkout's prices are a promise with an end: neither given up nor long over can it be paid any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.support.ordering import Till, open_till
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.errors import CheckoutOver
from unisono.kit.database import Pool, transaction


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Till]:
    """Three of A."""
    till = await open_till(pool, A=3)
    yield till
    await till.check()


async def test_what_was_given_up_cannot_be_paid(shop: Till) -> None:
    """Back to the cart is back to the cart: a payment that comes after it charges nobody."""
    checkout = await shop.begin(await shop.node(), ("A", 1))
    async with transaction(shop.pool) as conn:
        await orders.cancel_checkout(conn, UUID(checkout.id), now=shop.now)
    with pytest.raises(CheckoutOver):
        await shop.pay(checkout)
    assert await shop.value("select count(*) from payment") == 0
    again = await shop.begin_cart(UUID(checkout.cart_id), source_order_id=checkout.source_order_id)
    assert (await shop.pay(again)).total_minor == 1000


async def test_last_weeks_price_cannot_be_paid_today(shop: Till) -> None:
    """Ten minutes late it is held anew at its price; a week late it is begun again, at the price of the day."""
    checkout = await shop.begin(await shop.node(), ("A", 1))
    late = await shop.begin(await shop.node(), ("A", 1))
    await shop.price("A", 2000)
    shop.later(minutes=25)
    await shop.fire()
    assert (await shop.pay(late)).total_minor == 1000
    shop.later(days=7)
    with pytest.raises(CheckoutOver):
        await shop.pay(checkout)
    assert await shop.value("select count(*) from payment") == 1
    again = await shop.begin_cart(UUID(checkout.cart_id), source_order_id=checkout.source_order_id)
    assert (await shop.pay(again)).total_minor == 2000
