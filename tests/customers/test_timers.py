"""Timers: once, at their instant, or not at all with a reason; what fails is tried again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from tests.support.timing_process import TABLE, Bell
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import NewTimer, Timer, TimerHandler
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Connection, Pool, transaction

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
async def rung(pool: Pool) -> Pool:
    """A database with a place to write down what rang."""
    await pool.execute(TABLE)
    return pool


async def keys(pool: Pool) -> list[str]:
    """What rang, in order."""
    return [row["key"] for row in await pool.fetch("select key from rung order by seq")]


async def wait_for(pool: Pool, count: int, within: float = 10) -> list[str]:
    """Wait until so many have rung."""
    async with asyncio.timeout(within):
        while len(found := await keys(pool)) < count:  # noqa: ASYNC110 - the database is looked at
            await asyncio.sleep(0.01)
    return found


class Broken(TimerHandler):
    """Writes and then fails, as often as told."""

    kind: ClassVar[str] = "broken"

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def fire(self, conn: Connection, timer: Timer) -> str:
        await conn.execute("insert into rung (key, due_at) values ($1, $2)", timer.key, timer.due_at)
        if self.failures:
            self.failures -= 1
            raise ValueError("the bell is \x00 cracked")
        return "mended"


async def test_timers_fire_in_the_order_they_are_due_and_not_before(rung: Pool) -> None:
    """The instant itself counts as due."""
    worker = TimerWorker(rung, [Bell()])
    async with transaction(rung) as conn:
        for key, minutes in (("late", 2), ("soon", 0), ("future", 3)):
            assert await timers.set_timer(conn, "bell", key, NOON + timedelta(minutes=minutes))
    assert await worker.drain(NOON - timedelta(microseconds=1)) == 0
    assert await worker.drain(NOON + timedelta(minutes=2)) == 2
    assert await keys(rung) == ["soon", "late"]
    found = await timers.find_timer(rung, "bell", "late")
    assert found is not None
    assert (found.state, found.outcome, found.attempts) == ("fired", "rang", 1)


async def test_a_timer_fires_once_however_often_it_is_set(rung: Pool) -> None:
    """What has fired stays so; the setter is told."""
    worker = TimerWorker(rung, [Bell()])
    assert await timers.set_timer(rung, "bell", "a", NOON)
    assert await worker.drain(NOON) == 1
    assert not await timers.set_timer(rung, "bell", "a", NOON + timedelta(hours=1))
    assert await worker.drain(NOON + timedelta(days=1)) == 0
    assert await keys(rung) == ["a"]


async def test_a_pending_timer_moves_and_a_cancelled_one_comes_back(rung: Pool) -> None:
    """The last instant counts."""
    worker = TimerWorker(rung, [Bell()])
    await timers.set_timer(rung, "bell", "a", NOON)
    await timers.set_timer(rung, "bell", "a", NOON + timedelta(hours=1), payload={"n": 2})
    assert await worker.drain(NOON) == 0
    assert await timers.cancel_timer(rung, "bell", "a", reason="not wanted")
    assert not await timers.cancel_timer(rung, "bell", "a")
    assert await worker.drain(NOON + timedelta(hours=1)) == 0
    assert await timers.set_timer(rung, "bell", "a", NOON + timedelta(hours=2))
    assert await worker.drain(NOON + timedelta(hours=2)) == 1


async def test_setting_a_timer_stands_or_falls_with_its_transaction(rung: Pool) -> None:
    """What is undone was never set."""
    with suppress(RuntimeError):
        async with transaction(rung) as conn:
            await timers.set_timer(conn, "bell", "a", NOON)
            raise RuntimeError
    assert await timers.find_timer(rung, "bell", "a") is None


async def test_past_its_last_instant_a_timer_is_skipped_with_the_reason(rung: Pool) -> None:
    """R6: never a burst of what should have happened long ago."""
    await timers.set_timer(rung, "bell", "a", NOON, not_after=NOON + timedelta(minutes=5))
    await timers.set_timer(rung, "bell", "b", NOON, not_after=NOON + timedelta(minutes=6))
    assert await TimerWorker(rung, [Bell()]).drain(NOON + timedelta(minutes=6)) == 2
    assert await keys(rung) == ["b"]
    found = await timers.find_timer(rung, "bell", "a")
    assert found is not None
    assert found.state == "skipped"
    assert found.outcome == "too late: not after 2026-06-01T12:05:00+00:00, it was 2026-06-01T12:06:00+00:00"


async def test_a_failing_timer_leaves_nothing_and_is_tried_again_later(rung: Pool) -> None:
    """Its effects are undone, its error is kept, its pause grows; others go on."""
    worker = TimerWorker(rung, [Broken(2), Bell()])
    await timers.set_timers(
        rung, [NewTimer(kind="broken", key="x", due_at=NOON), NewTimer(kind="bell", key="y", due_at=NOON)]
    )
    assert await worker.drain(NOON) == 1
    assert await keys(rung) == ["y"]
    found = await timers.find_timer(rung, "broken", "x")
    assert found is not None
    assert (found.state, found.attempts, found.try_at) == ("pending", 1, NOON + timedelta(seconds=10))
    assert found.error == "ValueError: the bell is � cracked"
    counts = await timers.timer_counts(rung, now=NOON + timedelta(seconds=1))
    assert [(count.kind, count.pending, count.late, count.failing) for count in counts] == [("broken", 1, 1, 1)]
    assert await worker.drain(NOON + timedelta(seconds=9)) == 0
    assert await worker.drain(NOON + timedelta(seconds=10)) == 0
    assert await worker.drain(NOON + timedelta(seconds=29)) == 0
    assert await worker.drain(NOON + timedelta(seconds=30)) == 1
    assert await keys(rung) == ["y", "x"]


async def test_a_failing_timer_is_skipped_past_its_last_instant_with_its_last_error(rung: Pool) -> None:
    """It is not tried for ever when it has an end."""
    worker = TimerWorker(rung, [Broken(9)])
    await timers.set_timer(rung, "broken", "x", NOON, not_after=NOON + timedelta(seconds=5))
    await worker.drain(NOON)
    assert await worker.drain(NOON + timedelta(minutes=1)) == 1
    found = await timers.find_timer(rung, "broken", "x")
    assert found is not None
    assert found.state == "skipped"
    assert found.outcome is not None
    assert found.outcome.endswith("the last error was ValueError: the bell is � cracked")


async def test_kinds_without_a_handler_wait_for_a_worker_that_has_one(rung: Pool) -> None:
    """An older worker process passes them over."""
    await timers.set_timer(rung, "bell", "a", NOON)
    assert await TimerWorker(rung, [Broken(0)]).drain(NOON) == 0
    assert await TimerWorker(rung, [Bell()]).drain(NOON) == 1


class Slow(TimerHandler):
    """Waits in the middle until it is let go."""

    kind: ClassVar[str] = "bell"

    def __init__(self) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def fire(self, conn: Connection, timer: Timer) -> str:
        await conn.execute("insert into rung (key, due_at) values ($1, $2)", timer.key, timer.due_at)
        self.begun.set()
        await self.go.wait()
        return "rang"


@pytest.mark.parametrize("what", ["moved", "cancelled"])
async def test_who_moves_or_cancels_a_timer_while_it_fires_wins(rung: Pool, what: str) -> None:
    """The setter never waits for the handler, and nothing of the firing stands."""
    slow = Slow()
    await timers.set_timer(rung, "bell", "a", NOON)
    firing = asyncio.create_task(TimerWorker(rung, [slow]).drain(NOON))
    await slow.begun.wait()
    if what == "moved":
        assert await timers.set_timer(rung, "bell", "a", NOON + timedelta(hours=1))
    else:
        assert await timers.cancel_timer(rung, "bell", "a")
    slow.go.set()
    assert await firing == 0
    assert await keys(rung) == []
    later = await TimerWorker(rung, [Bell()]).drain(NOON + timedelta(hours=1))
    assert later == (1 if what == "moved" else 0)


class Daily(TimerHandler):
    """Rings every day three times, as a service would: it calls its own timer off, and sets it again."""

    kind: ClassVar[str] = "bell"

    async def fire(self, conn: Connection, timer: Timer) -> str:
        await conn.execute("insert into rung (key, due_at) values ($1, $2)", timer.key, timer.due_at)
        async with conn.transaction():
            await timers.cancel_timer(conn, "bell", timer.key)
        rung = timer.payload.get("rung", 0) + 1
        if rung < 3:
            await timers.set_timer(conn, "bell", timer.key, timer.due_at + timedelta(days=1), payload={"rung": rung})
        return f"rang {rung}"


async def test_a_handler_may_cancel_or_set_the_timer_it_fires(rung: Pool) -> None:
    """Cancelling it is settling it; setting it again has it fire again, once an instant."""
    await timers.set_timer(rung, "bell", "a", NOON)
    worker = TimerWorker(rung, [Daily()])
    assert [await worker.drain(NOON + timedelta(days=day)) for day in range(5)] == [1, 1, 1, 0, 0]
    found = await timers.find_timer(rung, "bell", "a")
    assert found is not None
    assert (found.state, found.outcome, found.due_at) == ("fired", "rang 3", NOON + timedelta(days=2))
    assert await keys(rung) == ["a", "a", "a"]


async def test_a_worker_that_outlives_its_lease_settles_nothing(rung: Pool) -> None:
    """Another took the timer over meanwhile: it has rung once."""
    slow = Slow()
    await timers.set_timer(rung, "bell", "a", NOON)
    first = asyncio.create_task(TimerWorker(rung, [slow], lease=timedelta(seconds=1)).drain(NOON))
    await slow.begun.wait()
    assert await TimerWorker(rung, [Bell()]).drain(NOON + timedelta(milliseconds=500)) == 0
    assert await TimerWorker(rung, [Bell()]).drain(NOON + timedelta(seconds=2)) == 1
    slow.go.set()
    assert await first == 0
    assert await keys(rung) == ["a"]


async def test_a_sleeping_worker_is_woken_for_what_is_due_soon(rung: Pool) -> None:
    """By notification: sooner than it would have looked, and as exactly as the clock allows."""
    work = asyncio.create_task(TimerWorker(rung, [Bell()]).run())
    await asyncio.sleep(0.3)
    late = []
    for count in range(1, 6):  # the best of them: what is late in one may be the machine
        await rung.execute("delete from rung")
        now = datetime.now(UTC)
        await timers.set_timer(rung, "bell", f"soon-{count}", now + timedelta(milliseconds=400))
        await timers.set_timer(rung, "bell", f"now-{count}", now)
        assert await wait_for(rung, 2) == [f"now-{count}", f"soon-{count}"]
        late.append(await rung.fetchval("select max(at - due_at) from rung"))
        if late[-1] < timedelta(seconds=1):
            break
    early = await rung.fetchval("select min(at - due_at) from rung")
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    assert timedelta(0) <= early
    assert min(late) < timedelta(seconds=1)


async def test_a_few_due_among_many_pending_fire_within_a_second(rung: Pool) -> None:
    """20,000 wait for later; the next one is found by the index, not by looking at them."""
    now = datetime.now(UTC)
    await timers.set_timers(
        rung,
        [NewTimer(kind="bell", key=f"later-{n}", due_at=now + timedelta(hours=1, seconds=n)) for n in range(20_000)],
    )
    work = asyncio.create_task(TimerWorker(rung, [Bell()]).run())
    due = datetime.now(UTC) + timedelta(seconds=1)
    await timers.set_timers(rung, [NewTimer(kind="bell", key=f"due-{n}", due_at=due) for n in range(20)])
    await wait_for(rung, 20)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    assert await rung.fetchval("select max(at - due_at) from rung") < timedelta(seconds=1)
    assert await rung.fetchval("select min(at - due_at) from rung") >= timedelta(0)


def test_two_handlers_of_one_kind_are_a_mistake(rung: Pool) -> None:
    """Which of them should fire?"""
    with pytest.raises(ValueError, match="two handlers"):
        TimerWorker(rung, [Bell(), Bell()])
