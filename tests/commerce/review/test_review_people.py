"""People joined and split with coupons, checkouts, orders and carts in flight (R9): each thing follows the identifier
it happened under, and a limit a person counts over whoever he is now."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
import pytest

from tests.support.carts import units
from tests.support.ordering import Till, open_till
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.model import CartSettings
from unisono.commerce.carts.reader import CartsReader
from unisono.commerce.orders import reading
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.model import Order
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Definition, NewCoupons
from unisono.customers.identity import service as identity
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import UnisonoError


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Till]:
    """Fifty of each; whatever happens, the books are right and nobody has two open carts under one identifier."""
    till = await open_till(pool, A=50, B=50, C=50, D=50)
    yield till
    await till.check()
    several = await pool.fetch(
        "select node_id from cart where status in ('active', 'checkout') and node_id is not null"
        " group by node_id having count(*) > 1"
    )
    assert several == []


async def once_a_person(shop: Till, *, limit: int = 1) -> None:
    """A euro off for whoever has used it fewer than so many times."""
    written = {"code": "welcome", "name": "Welcome", "effects": [{"kind": "amount_off", "amount_minor": 100}]}
    definition = msgspec.convert(written | {"currency": "EUR", "per_person": limit}, Definition)
    async with transaction(shop.pool) as conn:
        await promotions.save_promotion(conn, definition, actor="test", now=shop.now, status="active")


async def paid(shop: Till, node: int) -> int:
    """One of A bought; what it cost."""
    return (await shop.buy(node, ("A", 1))).total_minor


async def orders_of(shop: Till, node: int) -> list[str]:
    """Numbers of the orders of a node's person, oldest first."""
    async with shop.pool.acquire() as conn:
        person = (await identity.persons_of(conn, {node}))[node]
        nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
        return [order.number for order in await reading.orders_of(conn, nodes, 20)][::-1]


async def undo_last(shop: Till) -> None:
    """The newest change of who is who never happened."""
    async with transaction(shop.pool) as conn:
        change = await conn.fetchval("select max(id) from identity_change")
        await identity.undo(conn, change, actor="test")


async def follow(shop: Till) -> None:
    """The reader of who is who catches up."""
    await Worker(shop.pool, [CartsReader()]).drain()


async def test_two_who_used_it_once_each_are_one_who_used_it_twice(shop: Till) -> None:
    """Limit two: joined they have used it up, split each has one left, joined again and undone likewise."""
    await once_a_person(shop, limit=2)
    one, other = await shop.node("email"), await shop.node("user_id")
    assert (await paid(shop, one), await paid(shop, other)) == (900, 900)
    await shop.join(one, other)
    assert (await paid(shop, one), await paid(shop, other)) == (1000, 1000)
    await shop.split(other, one)
    assert await paid(shop, one) == 900
    assert await paid(shop, one) == 1000
    await shop.join(one, other)
    assert await paid(shop, other) == 1000
    await undo_last(shop)
    assert await paid(shop, other) == 900
    assert await paid(shop, other) == 1000


async def test_what_each_was_promised_before_they_were_one_is_kept(shop: Till) -> None:
    """Both are paying when they turn out to be one person: both pay what they were told, a third basket does not."""
    await once_a_person(shop)
    one, other = await shop.node("email"), await shop.node("user_id")
    first, second = await shop.begin(one, ("A", 1)), await shop.begin(other, ("A", 1))
    await shop.join(one, other)
    await follow(shop)
    assert [(await shop.pay(begun)).total_minor for begun in (first, second)] == [900, 900]
    assert await paid(shop, one) == 1000
    assert len(await orders_of(shop, one)) == 3
    await shop.split(other, one)
    await follow(shop)
    assert len(await orders_of(shop, one)) == 2
    assert len(await orders_of(shop, other)) == 1


async def test_a_join_while_many_pay_at_once_blocks_nobody_and_no_use_comes_after_it(shop: Till) -> None:
    """Twelve baskets of two identifiers race for a limit of one, the join in the midst of them: at most one use of
    each identifier, and once they are one nobody gets another."""
    await once_a_person(shop)
    one, other = await shop.node("email"), await shop.node("user_id")
    devices = [[await shop.node("anonymous_id") for _ in range(6)] for _ in range(2)]
    for owner, own in zip((one, other), devices, strict=True):
        for device in own:
            await shop.join(device, owner)
            await shop.split(owner, device)
    baskets = [await shop.add(node, ("A", 1)) for own in devices for node in own]
    for owner, own in zip((one, other), devices, strict=True):
        for device in own:
            await shop.join(device, owner)

    async def begin(cart_id: UUID) -> int | str:
        for _ in range(20):
            try:
                return (await shop.begin_cart(cart_id)).quote.offer.total_minor
            except UnisonoError as error:
                if error.code != "promotion_used_up":
                    return error.code
        return "never"

    answers = await asyncio.gather(*(begin(basket.id) for basket in baskets), shop.join(one, other))
    assert "never" not in answers
    assert answers.count(900) in (1, 2)
    assert await shop.value("select count(*) from promotion_use where state = 'held'") == answers.count(900)
    assert (await shop.begin(await shop.node(), ("A", 1))).quote.offer.total_minor == 900


async def test_somebodys_own_coupon_goes_with_his_identifier(shop: Till) -> None:
    """Ida's coupon in the cart of the person she was taken for: paid as promised; after the split it is hers alone."""
    written = {"code": "ten", "name": "Ten", "effects": [{"kind": "amount_off", "amount_minor": 100}]}
    definition = msgspec.convert(written | {"needs_coupon": True, "currency": "EUR"}, Definition)
    ida, ugo = await shop.node("email"), await shop.node("user_id")
    async with transaction(shop.pool) as conn:
        await promotions.save_promotion(conn, definition, actor="test", now=shop.now, status="active")
        asked = NewCoupons(people=(str(ida),) * 2)
        made = (await promotions.make_coupons(conn, "ten", asked, actor="test", now=shop.now)).coupons
    await shop.join(ida, ugo)
    view = await shop.add(ugo, ("A", 1))
    async with transaction(shop.pool) as conn:
        await carts.set_coupons(conn, view.id, made[:1], shop.touch())
    begun = await shop.begin_cart(view.id)
    await shop.split(ugo, ida)
    assert (await shop.pay(begun)).total_minor == 900
    for node, total in ((ugo, 1000), (ida, 900)):
        view = await shop.add(node, ("B", 1))
        async with transaction(shop.pool) as conn:
            await carts.set_coupons(conn, view.id, made[1:], shop.touch())
        assert (await shop.pay(await shop.begin_cart(view.id))).total_minor == total


async def test_an_order_begun_by_one_and_paid_after_the_split_stays_with_its_identifier(shop: Till) -> None:
    """Joined, begun under the guest's cart, split off, paid: one order, the guest's; returned, it is still his."""
    guest, account = await shop.node("anonymous_id"), await shop.node("user_id")
    await shop.add(guest, ("A", 2))
    await shop.join(guest, account)
    begun = await shop.begin_cart((await shop.add(guest, ("B", 1))).id)
    await shop.split(account, guest)
    await follow(shop)
    order = await shop.pay(begun)
    assert order.total_minor == 3000
    assert await orders_of(shop, guest) == [order.number]
    assert await orders_of(shop, account) == []
    async with transaction(shop.pool) as conn:
        changed = await orders.cancel(conn, order.number, reason="no", actor="anna", now=shop.now)
    cancelled: Order = await shop.change(changed)
    assert cancelled.payment_status == "voided"
    told = await shop.events("Order Completed", "Order Cancelled")
    assert [row["node_id"] for row in told] == [order.node_id] * 2


@pytest.mark.parametrize("rule", ["sum", "max"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
async def test_three_carts_made_one_come_apart_in_any_sequence(shop: Till, rule: str, order: tuple[int, int]) -> None:
    """A phone, a browser and an account: whichever merge is undone first, in the end each has what it had."""
    async with transaction(shop.pool) as conn:
        await carts.change_settings(conn, CartSettings(merge_rule=rule))  # type: ignore[arg-type]
    had = {"user_id": {"A": 1, "C": 1}, "anonymous_id": {"A": 3, "B": 1}, "device_id": {"A": 2, "D": 1}}
    nodes = {name: await shop.node(name) for name in had}
    for name, lines in had.items():
        await shop.add(nodes[name], *lines.items())
    for name in ("anonymous_id", "device_id"):
        await shop.join(nodes["user_id"], nodes[name])
        await follow(shop)
    whole = await shop.cart(nodes["user_id"])
    assert units(whole) == {"A": 6 if rule == "sum" else 3, "B": 1, "C": 1, "D": 1}
    assert whole is not None
    merges = [merge.id for merge in whole.merges]
    for at in order:
        async with transaction(shop.pool) as conn:
            await carts.undo_merge(conn, whole.id, merges[at], shop.touch())
    for name, lines in had.items():
        rows = await shop.pool.fetch(
            "select sku, quantity from cart join cart_line on cart_id = cart.id join variant on variant.id = variant_id"
            " where cart.node_id = $1 and cart.status = 'active'",
            nodes[name],
        )
        assert {row["sku"]: row["quantity"] for row in rows} == lines, name
