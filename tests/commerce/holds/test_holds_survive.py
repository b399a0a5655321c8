"""Promises when processes are killed and when instants collide: never both, never neither, nothing stuck."""

from __future__ import annotations

import asyncio
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import unisono
from tests.support.books import check_books
from tests.support.forking import Program
from unisono.bench.model import QUICK
from unisono.bench.rows import oversell
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.holds.model import Ask, Grant, HoldRequest, NewGood
from unisono.kit.database import Pool, transaction

LABELS = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("commerce/holds/*.py")
        for label in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))
    }
)
NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


async def good_of(pool: Pool, capacity: int, key: str = "shoe@milano") -> int:
    """A good with so many units."""
    async with transaction(pool) as conn:
        made = await holds.ensure_goods(conn, [NewGood("stock", key, capacity)])
    return made["stock", key]


def taking(dsn: str, good: int, times: int, **env: str) -> tuple[int, set[str], set[str]]:
    """Run a process that takes; its exit code, the keys it was granted, those it was refused."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UNISONO_")}
    arguments = (dsn, str(good), "k", str(times))
    process = Program("tests.support.taking_process", *arguments, env={**clean, **env}, talking=True)
    told = [line.split() for line in process.communicate().splitlines()]
    granted, refused = ({key for word, key in told if word == wanted} for wanted in ("granted", "refused"))
    return process.wait(), granted, refused


def test_there_are_crash_points() -> None:
    """Taking can be interrupted before and after its commit."""
    assert LABELS == ["holds.after_commit", "holds.before_commit"]


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("label", LABELS)
async def test_killed_at_every_point(dsn: str, pool: Pool, label: str, after: int) -> None:
    """Killed at a crash point: who was told "granted" has the hold; who asks again with the same keys gets the same
    holds, one for each; and not one unit more than there is."""
    good = await good_of(pool, 60)
    code, granted, _ = await asyncio.to_thread(
        taking, dsn, good, 80, UNISONO_CRASH_POINT=label, UNISONO_CRASH_AFTER=str(after)
    )
    assert code == 137
    there = {row["key"] for row in await pool.fetch("select key from hold")}
    assert granted <= there
    code, now_granted, refused = await asyncio.to_thread(taking, dsn, good, 80)
    assert code == 0
    assert there <= now_granted
    assert (len(now_granted), len(refused)) == (60, 20)
    async with pool.acquire() as conn:
        assert await conn.fetchval("select held from good") == 60
        await check_books(conn)


async def test_payment_and_expiry_at_one_instant(pool: Pool) -> None:
    """A thousand times the last unit: its owner pays while at the very instant of its death somebody else wants it and
    a sweeper comes by. One of the two has it in the end; never both, never neither."""
    async with transaction(pool) as conn:
        made = await holds.ensure_goods(conn, [NewGood("stock", f"sku-{n}", 1) for n in range(1000)])
    goods = list(made.values())
    due = NOW + timedelta(minutes=15)
    async with transaction(pool) as conn:
        asked = [HoldRequest(key=f"a{good}", asks=(Ask(good, 1),), expires_at=due) for good in goods]
        mine = {
            a.holds[0].good_id: a.holds[0].id for a in await holds.take(conn, asked, now=NOW) if isinstance(a, Grant)
        }
    assert len(mine) == 1000

    async def pay(good: int, at: datetime) -> bool:
        try:
            async with transaction(pool) as conn:
                await holds.commit(conn, [mine[good]], now=at)
        except HoldDead:
            return False
        return True

    async def want(good: int) -> bool:
        async with transaction(pool) as conn:
            [answer] = await holds.take(conn, [HoldRequest(key=f"b{good}", asks=(Ask(good, 1),))], now=due)
        return isinstance(answer, Grant)

    async def sweep(good: int) -> None:
        async with transaction(pool) as conn:
            await holds.release(conn, [mine[good]], now=due, reason="expired", expired=True)

    async def race(number: int, good: int) -> tuple[bool, bool]:
        paying = pay(good, due if number % 3 == 0 else due - MOMENT)
        others = [want(good), sweep(good)]
        tasks = [paying, *others] if number % 2 else [*others, paying]
        found = await asyncio.gather(*tasks)
        return (bool(found[0]), bool(found[1])) if number % 2 else (bool(found[2]), bool(found[0]))

    paid = 0
    for start in range(0, 1000, 50):
        numbered = list(enumerate(goods))[start : start + 50]
        for (number, _), (one, other) in zip(
            numbered, await asyncio.gather(*(race(*n) for n in numbered)), strict=True
        ):
            assert one != other, "never both, never neither"
            assert not (one and number % 3 == 0), "at its instant it is dead"
            paid += one
    assert 0 < paid < 1000
    async with pool.acquire() as conn:
        assert await conn.fetchval("select sum(held + committed) from good") == 1000
        await check_books(conn)


async def test_released_and_paid_at_once(pool: Pool) -> None:
    """Cancelled while it is paid: whichever came second is told, and the unit is either firm or free."""
    good = await good_of(pool, 400)
    async with transaction(pool) as conn:
        asked = [HoldRequest(key=f"k{n}", asks=(Ask(good, 1),)) for n in range(400)]
        ids = [a.holds[0].id for a in await holds.take(conn, asked, now=NOW) if isinstance(a, Grant)]

    async def pay(number: int) -> bool:
        try:
            async with transaction(pool) as conn:
                await holds.commit(conn, [ids[number]], now=NOW)
        except HoldDead:
            return False
        return True

    async def cancel(number: int) -> int:
        async with transaction(pool) as conn:
            return await holds.release(conn, [ids[number]], now=NOW, reason="cancelled")

    for start in range(0, 400, 40):
        # A cancellation also takes back what was paid a moment before; so it always gives the unit back.
        pairs = [(pay(n), cancel(n)) if n % 2 else (cancel(n), pay(n)) for n in range(start, start + 40)]
        await asyncio.gather(*(one for pair in pairs for one in pair))
    async with pool.acquire() as conn:
        assert await conn.fetchval("select held + committed from good") == 0
        await check_books(conn)


@pytest.mark.slow
@pytest.mark.parametrize(("buyers", "units"), [(2, 1), (12, 3), (50, 100)])
async def test_sold_out_with_a_process_killed(dsn: str, pool: Pool, buyers: int, units: int) -> None:
    """G13: buyers over several processes, one killed with -9 while it holds: exactly M are committed in the end,
    nothing is oversold, and no hold is stuck."""
    outcome = await oversell.sell_out(oversell.Database(dsn, pool), buyers, units)
    assert outcome.wrong == 0
    async with pool.acquire() as conn:
        await check_books(conn)


def test_the_bench_asks_for_less_when_it_is_quick() -> None:
    """And its buyers are dealt out to processes, none lost."""
    assert QUICK.held_requests < 5_000
    assert [oversell.shares(buyers) for buyers in (2, 12, 50)] == [[1, 1], [3, 3, 3, 3], [13, 13, 12, 12]]
