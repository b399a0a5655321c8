"""Time against money, process against process, kill -9 at every step: an order with its payment, or neither."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import unisono
from tests.support.carts import STORE
from tests.support.forking import Program
from tests.support.ordering import Till, open_till
from tests.support.secret import TEST_SECRET
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.errors import NotEnough
from unisono.commerce.inventory.model import StockNeed
from unisono.commerce.orders import duties
from unisono.commerce.orders.model import Checkout, NewLine, NewOrder
from unisono.commerce.orders.service import place_direct
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import UnisonoError

LABELS = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("commerce/orders/**/*.py")
        for label in re.findall(
            r'crash_point\("((?:payments|checkout|orders|duties)\.[^"]+)"\)', file.read_text("utf-8")
        )
    }
)
SKUS = tuple("ABCD")


class Other:
    """Another process of the shop."""

    def __init__(self, process: Program) -> None:
        self.process = process
        self._answers: dict[str, asyncio.Future[str]] = {}

    async def read(self) -> None:
        """Hand every answer to whoever waits for it, until the process ends."""
        while line := await asyncio.to_thread(self.process.stdout.readline):
            said = json.loads(line)
            if "checkout" in said:
                self._answers.pop(said["checkout"]).set_result(said["result"])

    async def ask(self, do: str, checkout: Checkout, at: datetime, **more: Any) -> str:
        """Have it pay or end a checkout; what came of it."""
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[checkout.id] = answer
        asked = {"do": do, "checkout": checkout.id, "at": at.isoformat(), "token": "tok_approve", **more}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return await answer


@asynccontextmanager
async def another(dsn: str, env: dict[str, str] | None = None) -> AsyncIterator[Other]:
    """Start it, ready; it is gone at the end."""
    process = Program("tests.support.paying_process", dsn, env={**os.environ, **(env or {})}, talking=True)
    await asyncio.to_thread(process.stdout.readline)
    other = Other(process)
    reading = asyncio.create_task(other.read())
    try:
        yield other
    finally:
        process.kill()
        await reading
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Till]:
    """One unit of each of four products."""
    till = await open_till(pool, A=1, B=1, C=1, D=1)
    yield till
    await till.check()


async def rival(shop: Till, sku: str, at: datetime, key: str) -> bool:
    """Somebody else wants the unit at that instant; whether he got it. He gives it back at once."""
    need = StockNeed(shop.variants[sku], STORE, 1)
    async with transaction(shop.pool) as conn:
        try:
            [hold] = await inventory.hold_stock(
                conn,
                [need],
                channel="store",
                node_id=None,
                key=key,
                expires_at=at + timedelta(hours=1),
                reason="rival",
                reference=None,
                now=at,
            )
        except NotEnough:
            return False
    return hold.state == "held"


async def one_round(shop: Till, other: Other, sku: str, number: int) -> str:
    """A checkout whose end, whose payment and whose rival come at one instant, give or take a microsecond."""
    rng = random.Random(f"{sku}{number}")
    checkout = await shop.begin(await shop.node(), (sku, 1))

    def instant() -> datetime:
        return checkout.expires_at + timedelta(microseconds=rng.choice((-1, 0, 0, 1)))

    moves = [
        other.ask("pay", checkout, instant()),
        expire(shop, checkout, checkout.expires_at + timedelta(microseconds=rng.choice((0, 1)))),
        rival(shop, sku, instant(), f"rival:{sku}:{number}"),
    ]
    order = rng.sample(range(3), 3)
    results = dict(zip(order, await asyncio.gather(*(moves[at] for at in order)), strict=True))
    paid, rivalled = str(results[0]), results[2]
    state = await shop.pool.fetchrow("select state, order_id from checkout where id = $1", UUID(checkout.id))
    payments = await shop.pool.fetch("select state, order_id from payment where reference = $1", checkout.reference)
    assert state is not None
    placed = state["state"] == "placed"
    assert placed == paid.startswith("U-") == (state["order_id"] is not None), (paid, state)
    assert [row["state"] for row in payments] in ([["authorised"]] if placed else [[], ["voided"]]), payments
    assert placed != rivalled, (paid, rivalled)
    good = await shop.good(sku)
    assert (good["held"], good["committed"]) == (int(not placed), int(placed))
    await clear(shop, sku, placed=placed)
    return "placed" if placed else "given up"


async def expire(shop: Till, checkout: Checkout, at: datetime) -> str:
    """The timer's handler, at its instant."""
    for _ in range(3):
        try:
            async with transaction(shop.pool) as conn:
                return await duties.checkouts.expire(conn, UUID(checkout.id), now=at)
        except UnisonoError:
            raise
    return ""


async def clear(shop: Till, sku: str, *, placed: bool) -> None:
    """The shelf as it was before the round."""
    good = await shop.good(sku)
    if placed:
        await shop.stock(**{sku: 1})
        holds = "select id from hold where good_id = $1 and state = 'committed'"
        ids = [row["id"] for row in await shop.pool.fetch(holds, good["id"])]
        async with transaction(shop.pool) as conn:
            await inventory.hand_over(conn, ids, reference="round", actor="test", now=shop.now)
        return
    holds = "select id from hold where good_id = $1 and state = 'held'"
    ids = [row["id"] for row in await shop.pool.fetch(holds, good["id"])]
    async with transaction(shop.pool) as conn:
        await inventory.release(conn, ids, now=shop.now, reason="round")


async def race(shop: Till, dsn: str, rounds: int) -> dict[str, int]:
    """So many rounds, four products at a time."""
    outcomes = {"placed": 0, "given up": 0}

    async def lane(other: Other, sku: str) -> None:
        for number in range(rounds // len(SKUS)):
            outcomes[await one_round(shop, other, sku, number)] += 1

    async with another(dsn) as other:
        await asyncio.gather(*(lane(other, sku) for sku in SKUS))
    return outcomes


async def test_the_end_of_the_time_races_the_payment(shop: Till, dsn: str) -> None:
    """At the exact instant, from two processes, with a rival for the unit: the order with its payment, or neither."""
    outcomes = await race(shop, dsn, 60)
    assert min(outcomes.values()) > 0, outcomes


@pytest.mark.slow
async def test_the_end_of_the_time_races_the_payment_a_thousand_times(shop: Till, dsn: str) -> None:
    """The same, a thousand times."""
    outcomes = await race(shop, dsn, 1000)
    assert sum(outcomes.values()) == 1000
    assert min(outcomes.values()) > 0, outcomes


def test_every_step_of_paying_can_be_killed() -> None:
    """Before and after each call and each commit."""
    assert len(LABELS) >= 8, LABELS


@pytest.mark.parametrize("label", LABELS)
async def test_killed_at_every_step(shop: Till, dsn: str, tmp_path: Path, label: str) -> None:
    """kill -9 at a step; a worker comes by, the buyer tries again: one order, authorised once and captured once, and
    the provider's own books say so."""
    journal = {"UNISONO_TEST_PAYMENTS_JOURNAL": str(tmp_path / "journal")}
    os.environ.update(journal)
    try:
        checkout = await shop.begin(await shop.node(), ("A", 1))
        async with another(dsn, journal | {"UNISONO_CRASH_POINT": label}) as doomed:
            asking = asyncio.create_task(doomed.ask("pay", checkout, shop.now, capture=True))
            assert await asyncio.to_thread(doomed.process.wait, 60) == 137
            asking.cancel()
        shop.later(minutes=1)
        await TimerWorker(shop.pool, duties.timer_handlers()).drain(shop.now)
        await shop.check()
        async with another(dsn, journal) as again:
            number = await again.ask("pay", checkout, shop.now, capture=True)
        assert number.startswith("U-"), number
        shop.later(minutes=1)
        await TimerWorker(shop.pool, duties.timer_handlers()).drain(shop.now)
    finally:
        del os.environ["UNISONO_TEST_PAYMENTS_JOURNAL"]
    detail = await shop.detail(number)
    assert detail.order.payment_status == "paid"
    assert await shop.value("select count(*) from sales_order") == 1
    calls = {(line["action"], line["key"]) for line in map(json.loads, (tmp_path / "journal").read_text().splitlines())}
    assert sorted(action for action, _ in calls) == ["authorise", "capture"]
    assert len(await shop.events("Order Completed")) == 1


async def test_five_times_at_once_over_two_processes(shop: Till, dsn: str) -> None:
    """One order id from two processes and this one: one order, the same answer."""
    checkout = await shop.begin(await shop.node(), ("A", 1))
    async with another(dsn) as one, another(dsn) as two:
        numbers = await asyncio.gather(
            one.ask("pay", checkout, shop.now),
            two.ask("pay", checkout, shop.now),
            *(shop.pay(checkout) for _ in range(3)),
        )
    assert len({number if isinstance(number, str) else number.number for number in numbers}) == 1
    line = NewLine(sku="B", unit_minor=100)
    asked = NewOrder(source="shop", source_order_id="7", lines=(line,))

    async def place() -> str:
        async with transaction(shop.pool) as conn:
            return (await place_direct(conn, asked, secret=TEST_SECRET, actor="test", now=shop.now)).order.number

    assert len(set(await asyncio.gather(*(place() for _ in range(5))))) == 1
