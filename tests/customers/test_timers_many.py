"""Timers fired many together, timers set again after they fired, and work that takes longer than a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from tests.support.timing_process import TABLE
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import LongHandler, ManyHandler, NewTimer, Timer
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Connection, Pool

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
async def rung(pool: Pool) -> Pool:
    """A database with a place to write down what rang."""
    await pool.execute(TABLE)
    return pool


class Chimes(ManyHandler):
    """Ring together; a cracked one spoils the portion it is in."""

    kind: ClassVar[str] = "chime"
    repeats: ClassVar[bool] = True
    many: ClassVar[int] = 40

    def __init__(self, cracked: str = "", again: timedelta | None = None) -> None:
        self.cracked, self.again = cracked, again
        self.portions: list[int] = []
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    async def fire_many(self, conn: Connection, leased: Sequence[Timer]) -> Sequence[str]:
        self.portions.append(len(leased))
        self.begun.set()
        await self.go.wait()
        for timer in leased:
            await conn.execute("insert into rung (key, due_at) values ($1, $2)", timer.key, timer.due_at)
        if self.cracked in {timer.key for timer in leased}:
            raise ValueError("cracked")
        if self.again:
            next_time = [NewTimer(kind=self.kind, key=timer.key, due_at=timer.due_at + self.again) for timer in leased]
            await timers.set_timers(conn, next_time)
        return ["rang"] * len(leased)


async def set_chimes(pool: Pool, count: int) -> None:
    await timers.set_timers(pool, [NewTimer(kind="chime", key=f"{n}", due_at=NOON) for n in range(count)])


async def test_many_timers_fire_in_few_portions_each_once(rung: Pool) -> None:
    """A portion is one transaction."""
    chimes = Chimes()
    await set_chimes(rung, 100)
    assert await TimerWorker(rung, [chimes]).drain(NOON) == 100
    assert chimes.portions == [40, 40, 20]
    assert await rung.fetchval("select count(distinct key) from rung") == 100


async def test_one_at_fault_does_not_keep_its_portion(rung: Pool) -> None:
    """The others ring, one by one; it is tried again later."""
    chimes = Chimes(cracked="3")
    await set_chimes(rung, 5)
    assert await TimerWorker(rung, [chimes]).drain(NOON) == 4
    assert chimes.portions == [5, 1, 1, 1, 1, 1]
    assert await rung.fetchval("select array_agg(key order by key) from rung") == ["0", "1", "2", "4"]
    assert await rung.fetchval("select error from timer where key = '3'") == "ValueError: cracked"


async def test_a_timer_of_a_repeating_kind_may_be_set_again_after_it_fired(rung: Pool) -> None:
    """It rests until somebody sets it."""
    worker = TimerWorker(rung, [Chimes()])
    await set_chimes(rung, 1)
    assert await worker.drain(NOON) == 1
    assert await timers.set_timer(rung, "chime", "0", NOON + timedelta(hours=1))
    assert await worker.drain(NOON) == 0
    assert await worker.drain(NOON + timedelta(hours=1)) == 1


async def test_a_portion_may_set_its_own_timers_again(rung: Pool) -> None:
    """Each waits for its next instant."""
    worker = TimerWorker(rung, [Chimes(again=timedelta(hours=1))])
    await set_chimes(rung, 50)
    assert [await worker.drain(NOON + timedelta(hours=hour)) for hour in (0, 0, 1)] == [50, 0, 50]


async def test_what_was_moved_meanwhile_is_left_out_and_the_rest_of_the_portion_rings(rung: Pool) -> None:
    """Who moves a timer wins, and the others do not wait for it."""
    chimes = Chimes()
    chimes.go.clear()
    await set_chimes(rung, 5)
    firing = asyncio.create_task(TimerWorker(rung, [chimes]).drain(NOON))
    await chimes.begun.wait()
    assert await timers.set_timer(rung, "chime", "2", NOON + timedelta(hours=1))
    chimes.go.set()
    assert await firing == 4
    assert await rung.fetchval("select array_agg(key order by key) from rung") == ["0", "1", "3", "4"]
    assert await TimerWorker(rung, [chimes]).drain(NOON + timedelta(hours=1)) == 1


async def test_many_due_of_one_kind_are_not_in_the_way_of_another(rung: Pool) -> None:
    """Each kind is found by the index by itself: no look at what else is due."""
    await rung.execute(
        "insert into timer (kind, key, due_at, try_at)"
        " select 'other', n::text, $1, $1 from generate_series(1, 20000) n",
        NOON,
    )
    await set_chimes(rung, 3)
    await rung.execute("analyze timer")
    async with asyncio.timeout(2):
        assert await TimerWorker(rung, [Chimes()]).drain(NOON) == 3


class Digging(LongHandler):
    """Digs until it is told that it is deep enough; tells who digs."""

    kind: ClassVar[str] = "dig"

    def __init__(self, pieces: int = 1, pause: float = 0.0) -> None:
        self.pieces, self.pause = pieces, pause
        self.dug = 0

    async def work(self, pool: Pool, timer: Timer) -> None:
        for _ in range(self.pieces):
            await asyncio.sleep(self.pause)
            self.dug += 1

    async def fire(self, conn: Connection, timer: Timer) -> str:
        await conn.execute("insert into rung (key, due_at) values ($1, $2)", timer.key, timer.due_at)
        return f"dug {self.dug}"


async def test_long_work_outlasts_the_lease_and_is_done_by_one(rung: Pool) -> None:
    """The lease is renewed while it goes on; another worker leaves it alone."""
    await timers.set_timer(rung, "dig", "a", datetime.now(UTC))
    one, other = Digging(20, 0.15), Digging(20, 0.15)
    lease = timedelta(seconds=1.5)
    working = [asyncio.create_task(TimerWorker(rung, [each], lease=lease).run()) for each in (one, other)]
    async with asyncio.timeout(30):
        while await rung.fetchval("select count(*) from rung") == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.8)
    for task in working:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert sorted((one.dug, other.dug)) == [0, 20]
    assert await rung.fetchval("select count(*) from rung") == 1
    assert await rung.fetchval("select outcome from timer where kind = 'dig'") == "dug 20"


async def test_who_cancels_long_work_ends_it(rung: Pool) -> None:
    """At the next renewal of the lease."""
    await timers.set_timer(rung, "dig", "a", NOON)
    digging = Digging(1000, 0.05)
    work = asyncio.create_task(TimerWorker(rung, [digging], lease=timedelta(seconds=0.3)).drain(NOON))
    await asyncio.sleep(0.3)
    assert await timers.cancel_timer(rung, "dig", "a")
    async with asyncio.timeout(30):
        assert await work == 0
    assert digging.dug < 1000
    assert await rung.fetchval("select count(*) from rung") == 0


class Parts(ManyHandler):
    """Rings for each of its instants that has come."""

    kind: ClassVar[str] = "parts"
    repeats: ClassVar[bool] = True

    async def fire_many(self, conn: Connection, leased: Sequence[Timer]) -> Sequence[str]:
        for timer in leased:
            come = [part for part, due in timer.payload.items() if timers.instant(due) <= timer.now]
            for part in sorted(come):
                await conn.execute("insert into rung (key, due_at) values ($1, $2)", f"{timer.key}{part}", timer.due_at)
            gone = [timers.Instant("parts", timer.key, part, None) for part in come]
            await timers.set_instants(conn, "parts", gone)
        return ["rang"] * len(leased)


async def set_parts(pool: Pool, key: str, **parts: int | None) -> None:
    instants = [
        timers.Instant("parts", key, part, None if minute is None else NOON + timedelta(minutes=minute))
        for part, minute in parts.items()
    ]
    await timers.set_instants(pool, "parts", instants)


async def test_a_timer_waits_for_the_earliest_of_several_instants(rung: Pool) -> None:
    """Each part rings once, at its instant; moving one leaves the others; without parts the timer rests."""
    worker = TimerWorker(rung, [Parts()])
    await set_parts(rung, "x", a=1, b=3, c=2)
    await set_parts(rung, "y", a=None)
    assert await worker.drain(NOON) == 0
    assert await worker.drain(NOON + timedelta(minutes=1)) == 1
    await set_parts(rung, "x", c=None)
    assert await worker.drain(NOON + timedelta(minutes=2)) == 0
    assert await worker.drain(NOON + timedelta(minutes=3)) == 1
    assert await rung.fetchval("select array_agg(key order by seq) from rung") == ["xa", "xb"]
    assert await rung.fetch("select key, state, payload from timer") == [("x", "cancelled", '{"b": 1780315380000000}')]
    await set_parts(rung, "x", d=4)
    assert await rung.fetch("select state, payload from timer") == [("pending", '{"d": 1780315440000000}')]
    await set_parts(rung, "x", d=None)
    assert await rung.fetch("select state, payload from timer") == [("cancelled", "{}")]


async def test_two_who_set_parts_of_one_timer_lose_nothing(rung: Pool) -> None:
    """They are merged where the row is."""
    await asyncio.gather(*(set_parts(rung, "x", **{f"p{n}": n + 1}) for n in range(20)))
    found = await timers.find_timer(rung, "parts", "x")
    assert found is not None
    assert (len(found.payload), found.due_at) == (20, NOON + timedelta(minutes=1))


async def test_parts_that_stay_as_they_are_are_not_written(rung: Pool) -> None:
    """The attempt would move, and a worker that holds the timer would lose it."""
    await set_parts(rung, "x", a=1, b=2)
    await set_parts(rung, "x", a=1, c=None)
    assert await rung.fetchval("select attempts from timer") == 0
    await set_parts(rung, "x", a=2)
    assert await rung.fetchval("select attempts from timer") == 1
