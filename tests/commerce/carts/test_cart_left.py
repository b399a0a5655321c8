"""Carts that are left: told once, told apart, and not at all when they are ordered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.carts import Bench, open_bench, said
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.leaving import CartIdle
from unisono.commerce.carts.model import CartSettings, Trouble
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import BadRequest


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Bench]:
    """A small shop."""
    yield await open_bench(pool)


async def wait(shop: Bench, **amount: float) -> list[asyncpg.Record]:
    """Let time go by and the timers fire; returns every abandonment told so far."""
    shop.later(**amount)
    await TimerWorker(shop.pool, [CartIdle()], clock=lambda: shop.now).drain(shop.now)
    return await shop.events("Cart Abandoned")


async def waiting(shop: Bench) -> int:
    """Timers that will fire."""
    return int(await shop.pool.fetchval("select count(*) from timer where state = 'pending'"))


async def fail(shop: Bench, cart_id: UUID, trouble: Trouble | None) -> None:
    """A checkout that came to nothing."""
    async with transaction(shop.pool) as conn:
        await carts.begin_checkout(conn, cart_id, shop.touch(), until=shop.now + timedelta(minutes=15))
    shop.later(minutes=2)
    async with transaction(shop.pool) as conn:
        await carts.end_checkout(conn, cart_id, shop.touch(), trouble=trouble)


async def test_an_hour_without_a_touch_is_told_once(shop: Bench) -> None:
    """With what was in it and what it was worth; the cart stays open, and being left is no touch."""
    node = await shop.node()
    view = await shop.add(node, ("A", 2), ("B", 1))
    assert await wait(shop, minutes=59) == []
    (told,) = await wait(shop, minutes=1)
    assert (told["node_id"], told["message_id"]) == (node, f"unisono:cart:{view.id}:{view.version}:abandoned")
    assert said(told) == {
        "cart_id": str(view.id),
        "value": "30.00",
        "currency": "EUR",
        "products": [
            {"sku": "A", "quantity": 2, "price": "10.00"},
            {"sku": "B", "quantity": 1, "price": "10.00"},
        ],
        "reason": "left",
    }
    assert len(await wait(shop, days=3)) == 1
    cart = await shop.cart(node)
    assert cart is not None
    assert (cart.status, cart.left_as, cart.updated_at) == ("active", "left", view.updated_at)
    assert await shop.changes(view.id) == list(range(1, cart.version + 1))


async def test_every_touch_gives_it_another_hour(shop: Bench) -> None:
    """One timer at a time, however many touches."""
    node = await shop.node()
    await shop.add(node, ("A", 1))
    for _ in range(5):
        assert await wait(shop, minutes=40) == []
        await shop.add(node, ("A", 1))
        assert await waiting(shop) == 1
    assert await wait(shop, minutes=59) == []
    assert len(await wait(shop, minutes=1)) == 1


async def test_a_cart_touched_again_may_be_left_again(shop: Bench) -> None:
    """That is another fact, told once more; meanwhile it is not called left."""
    node = await shop.node()
    await shop.add(node, ("A", 1))
    assert len(await wait(shop, hours=2)) == 1
    await shop.add(node, ("B", 1))
    cart = await shop.cart(node)
    assert cart is not None
    assert (cart.left_as, cart.left_at) == (None, None)
    assert len(await wait(shop, hours=2)) == 2


@pytest.mark.parametrize("trouble", ["payment_failed", "payment_slow"])
async def test_a_payment_that_went_wrong_is_told_apart_from_a_change_of_mind(shop: Bench, trouble: Trouble) -> None:
    """Also when something was changed in the cart afterwards; the next payment wipes it out."""
    node = await shop.node()
    view = await shop.add(node, ("A", 2))
    await fail(shop, view.id, trouble)
    await shop.add(node, ("B", 1))
    events = await wait(shop, hours=2)
    assert [said(event)["reason"] for event in events] == [trouble]
    await fail(shop, view.id, None)
    events = await wait(shop, hours=2)
    assert [said(event)["reason"] for event in events] == [trouble, "left"]


async def test_nobody_leaves_while_he_pays(shop: Bench) -> None:
    """The hour begins when the checkout ends, also one that nobody has ended."""
    node = await shop.node()
    view = await shop.add(node, ("A", 1))
    async with transaction(shop.pool) as conn:
        await carts.begin_checkout(conn, view.id, shop.touch(), until=shop.now + timedelta(minutes=90))
    assert await wait(shop, minutes=149) == []
    assert [said(event)["reason"] for event in await wait(shop, minutes=1)] == ["left"]


async def test_an_order_cancels_the_timer(shop: Bench) -> None:
    """And so does throwing the cart away."""
    for node in (await shop.node(), await shop.node()):
        await shop.add(node, ("A", 1))
    ordered, discarded = [row["id"] for row in await shop.pool.fetch("select id from cart order by created_at, id")]
    async with transaction(shop.pool) as conn:
        await carts.mark_ordered(conn, ordered, 7, shop.touch())
        await carts.discard(conn, discarded, shop.touch())
    assert await waiting(shop) == 0
    assert await wait(shop, days=1) == []


async def test_empty_merged_and_nobodys_carts_tell_nothing(shop: Bench) -> None:
    """Of a cart that is nobody's the change is told, no event: there is no timeline for it."""
    guest, account = await shop.node("anonymous_id"), await shop.node("user_id")
    emptied = await shop.add(await shop.node(), ("A", 1))
    await shop.add(guest, ("A", 1))
    await shop.add(account, ("B", 1))
    await shop.join(guest, account)
    await shop.cart(account)
    async with transaction(shop.pool) as conn:
        await carts.remove_line(conn, emptied.id, "A", shop.touch())
        nobodys = await carts.begin(conn, shop.touch("store"), currency="EUR")
        await carts.add_line(conn, nobodys.id, "A", 1, shop.touch("store"))
    events = await wait(shop, hours=2)
    assert [event["node_id"] for event in events] == [account]
    assert await shop.pool.fetchval("select left_as from cart where id = $1", nobodys.id) == "left"


async def test_who_bought_it_elsewhere_has_not_left_it(shop: Bench) -> None:
    """The same product, under any of his identifiers, since the last touch; another product is no answer."""
    browser, card = await shop.node("anonymous_id"), await shop.node("loyalty_card")
    await shop.join(browser, card)
    other = await shop.node()
    for node in (browser, other):
        await shop.add(node, ("A", 1))
    for node, sku in ((card, "A"), (other, "B")):
        await shop.pool.execute(
            """with made as (
                   insert into sales_order (number, source, source_order_id, node_id, channel, kind, status,
                                            payment_status, currency, subtotal_minor, total_minor, placed_at)
                   values ($1, 'till', $1, $2, 'store', 'receipt', 'completed', 'paid', 'EUR', 1000, 1000, $3)
                   returning id)
               insert into order_line (order_id, position, variant_id, sku, name, quantity, unit_minor, total_minor)
               select id, 1, $4, $5, $5, 1, 1000, 1000 from made""",
            f"R-{node}",
            node,
            shop.later(minutes=5),
            shop.variants[sku],
            sku,
        )
    assert [event["node_id"] for event in await wait(shop, hours=2)] == [other]


async def test_how_long_is_a_setting(shop: Bench) -> None:
    """Minutes, from one to thirty days."""
    async with transaction(shop.pool) as conn:
        await carts.change_settings(conn, CartSettings(idle_minutes=10))
        for minutes in (0, -5, 43_201, 10**12):
            with pytest.raises(BadRequest):
                await carts.change_settings(conn, CartSettings(idle_minutes=minutes))
    await shop.add(await shop.node(), ("A", 1))
    assert await wait(shop, minutes=9) == []
    assert len(await wait(shop, minutes=1)) == 1
