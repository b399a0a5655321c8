"""Several channels at one cart at the same moment, in processes of their own: no unit is lost, no cart is doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.carts import Bench, open_bench, said, units
from tests.support.forking import Program
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.errors import CartChanged, MergeNotFound, MergeStands
from unisono.commerce.carts.reader import CartsReader
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool, transaction

TIMES = 20


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Bench]:
    """A small shop."""
    yield await open_bench(pool)


def run_at_once(*arguments: tuple[str, int, str]) -> None:
    """Fill carts from as many processes, let go at one moment."""
    running = [
        Program("tests.support.cart_process", dsn, str(node), sku, str(TIMES), talking=True)
        for dsn, node, sku in arguments
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
        assert process.poll() == 0


async def test_three_processes_fill_one_cart_that_was_not_there(shop: Bench, dsn: str) -> None:
    """Two identifiers of one person, the same product and another: every unit counts, in one cart, told once each."""
    phone, account = await shop.node("anonymous_id"), await shop.node("user_id")
    await shop.join(phone, account)
    await asyncio.to_thread(run_at_once, (dsn, phone, "A"), (dsn, account, "A"), (dsn, account, "B"))
    rows = await shop.pool.fetch("select id, version from cart where status = 'active'")
    assert len(rows) == 1
    assert units(await shop.cart(phone)) == {"A": 2 * TIMES, "B": TIMES}
    assert rows[0]["version"] == 1 + 3 * TIMES
    assert await shop.changes(rows[0]["id"]) == list(range(1, rows[0]["version"] + 1))
    events = await shop.events("Product Added")
    assert sum(said(event)["quantity"] for event in events) == len(events) == 3 * TIMES


async def test_people_are_joined_while_both_fill_their_carts(shop: Bench, dsn: str) -> None:
    """The merge takes everything that was in by then; what comes after goes into the one cart."""
    guest, account = await shop.node("anonymous_id"), await shop.node("user_id")
    filling = asyncio.create_task(asyncio.to_thread(run_at_once, (dsn, guest, "A"), (dsn, account, "B")))
    await asyncio.sleep(1.0)
    await shop.join(guest, account)
    worker = Worker(shop.pool, [CartsReader(lambda: shop.now)], lanes=2)
    while not filling.done():
        await worker.drain()
        await asyncio.sleep(0.01)
    await filling
    await worker.drain()
    assert units(await shop.cart(guest)) == {"A": TIMES, "B": TIMES}
    assert await shop.pool.fetchval("select count(*) from cart where status = 'active'") == 1


async def test_of_two_who_undo_one_merge_one_does(shop: Bench) -> None:
    """The other is told that it is done."""
    guest, account = await shop.node("anonymous_id"), await shop.node("user_id")
    await shop.add(guest, ("A", 2))
    await shop.add(account, ("A", 1))
    await shop.join(guest, account)
    cart = await shop.cart(account)
    assert cart is not None

    async def undo() -> None:
        async with transaction(shop.pool) as conn:
            await carts.undo_merge(conn, cart.id, cart.merges[0].id, shop.touch())

    results = await asyncio.gather(undo(), undo(), return_exceptions=True)
    [refused] = [result for result in results if result]
    # He comes before the winner has committed, or after it.
    assert isinstance(refused, MergeStands | MergeNotFound)
    assert units(await shop.cart(account)) == {"A": 1}
    assert units(await shop.cart(guest)) == {"A": 2}


async def test_of_two_who_expect_the_same_version_one_succeeds(shop: Bench) -> None:
    """The other changes nothing."""
    node = await shop.node()
    view = await shop.add(node, ("A", 1))

    async def add() -> None:
        async with transaction(shop.pool) as conn:
            await carts.add_line(conn, view.id, "A", 1, shop.touch(), expected_version=view.version)

    results = await asyncio.gather(*(add() for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results if result] == [CartChanged] * 4
    assert units(await shop.cart(node)) == {"A": 2}
