"""Readers of the log: lanes, parking, dead letters, changes of lanes, waiting."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence

import pytest

from tests.support.log import ManualClock, make_nodes, new_event, write
from unisono.customers.timeline import parking
from unisono.customers.timeline.lanes import Lane
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader, reader_status
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Connection, Pool


class Tally(LogReader):
    """Writes every event down once; the primary key would refuse a second time."""

    name = "tally"
    batch_size = 10

    def __init__(self, fails: Callable[[Event], bool] = lambda event: False) -> None:
        self.fails = fails
        self.batches = 0

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        self.batches += 1
        await conn.executemany(
            "insert into tally (event_id, person_id, name) values ($1, $2, $3)",
            [(event.id, event.person_id, event.name) for event in events],
        )
        for event in events:
            if self.fails(event):
                raise ZeroDivisionError(f"cannot take {event.name}")


@pytest.fixture
async def conn(pool: Pool) -> Connection:
    """A connection with the table the test reader writes to."""
    async with pool.acquire() as connection:
        await connection.execute(
            "create table tally (seq bigint generated always as identity, event_id bigint primary key,"
            " person_id bigint, name text)"
        )
        yield connection


async def names_of(conn: Connection, person: int) -> list[str]:
    rows = await conn.fetch("select name from tally where person_id = $1 order by seq", person)
    return [row["name"] for row in rows]


async def test_every_event_is_taken_once_whatever_the_batch_size(pool: Pool, conn: Connection) -> None:
    """More events than a batch holds, in several lanes: all taken, and none on a second pass."""
    nodes = await make_nodes(conn, 7)
    await write(conn, [new_event(node, f"E{n}") for n in range(30) for node in nodes])
    worker = Worker(pool, [Tally()], lanes=3)
    assert await worker.drain() == 210
    assert await conn.fetchval("select count(*) from tally") == 210
    assert await worker.drain() == 0
    assert await names_of(conn, nodes[0]) == [f"E{n}" for n in range(30)]


async def test_events_above_an_open_transaction_wait_for_it(pool: Pool, conn: Connection) -> None:
    """An older transaction that has not ended may still bring earlier events: nobody reads past it."""
    (node,) = await make_nodes(conn, 1)
    async with pool.acquire() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.copy_records_to_table("event", records=[new_event(node, "early")], columns=new_event(node)._fields)
        await write(conn, [new_event(node, "late")])
        worker = Worker(pool, [Tally()], lanes=1)
        assert await worker.drain() == 0
        await transaction.commit()
    assert await worker.drain() == 2
    assert await names_of(conn, node) == ["early", "late"]


async def test_a_reader_at_work_holds_nobody_back_before_it_writes(pool: Pool, conn: Connection) -> None:
    """Holding a lane takes no transaction number, so others see the log's end while a reader computes."""
    (node,) = await make_nodes(conn, 1)
    await write(conn, [new_event(node, "first")])
    reading, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Tally):
        name = "slow"

        async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
            reading.set()
            await go_on.wait()
            await super().handle(conn, events)

    slow = asyncio.create_task(Worker(pool, [Slow()], lanes=1).drain())
    await reading.wait()
    await write(conn, [new_event(node, "second")])
    horizon = await conn.fetchval("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    newest = await conn.fetchval("select max(txid::text::bigint) from event")
    go_on.set()
    await slow
    assert newest < horizon


async def test_a_failing_event_parks_its_person_and_nobody_else(pool: Pool, conn: Connection) -> None:
    """The culprit and what comes after it of that person wait; others are taken in the same batch."""
    bad, good = await make_nodes(conn, 2)
    reader = Tally(fails=lambda event: event.name == "poison")
    clock = ManualClock()
    worker = Worker(pool, [reader], lanes=1, clock=clock)
    await write(
        conn,
        [new_event(bad, "before"), new_event(good, "one"), new_event(bad, "poison"), new_event(bad, "after")]
        + [new_event(good, f"more{n}") for n in range(20)],
    )
    await worker.drain()
    await write(conn, [new_event(bad, "later")])
    await worker.drain()
    assert await names_of(conn, bad) == ["before"]
    assert len(await names_of(conn, good)) == 21
    waiting = await parking.parked(conn)
    assert [(event.name, event.attempts) for event in waiting] == [("poison", 1), ("after", 0), ("later", 0)]
    assert "cannot take poison" in waiting[0].error
    (status,) = await reader_status(conn)
    assert (status.parked, status.dead, status.behind, status.processed) == (3, 0, 0, 25)


async def test_a_cured_person_catches_up_in_order(pool: Pool, conn: Connection) -> None:
    """When the cause is gone, the next attempt takes the culprit and all that queued behind it, in order."""
    (node,) = await make_nodes(conn, 1)
    ill = True
    reader = Tally(fails=lambda event: ill and event.name == "b")
    clock = ManualClock()
    worker = Worker(pool, [reader], lanes=2, clock=clock)
    await write(conn, [new_event(node, name) for name in "abcd"])
    await worker.drain()
    ill = False
    clock.forward(seconds=9)
    await worker.drain()
    assert await names_of(conn, node) == ["a"]
    clock.forward(seconds=1)
    await worker.drain()
    assert await names_of(conn, node) == ["a", "b", "c", "d"]
    assert await parking.parked(conn) == []


async def test_attempts_back_off_from_10_to_300_seconds(pool: Pool, conn: Connection) -> None:
    """The pauses double from 10 seconds and never exceed 300."""
    (node,) = await make_nodes(conn, 1)
    clock = ManualClock()
    worker = Worker(pool, [Tally(fails=lambda event: True)], lanes=1, clock=clock)
    await write(conn, [new_event(node)])
    pauses = []
    await worker.drain()
    for _ in range(8):
        (event,) = await parking.parked(conn)
        pauses.append((event.next_try_at - clock()).total_seconds())
        clock.now = event.next_try_at
        await worker.drain()
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]


async def test_nothing_is_buried_before_three_attempts_and_180_minutes(pool: Pool, conn: Connection) -> None:
    """Many attempts in 179 minutes, or two attempts in a day, bury nothing; both conditions together do."""
    (node,) = await make_nodes(conn, 1)
    clock = ManualClock()
    worker = Worker(pool, [Tally(fails=lambda event: event.name == "poison")], lanes=1, clock=clock)
    await write(conn, [new_event(node, "poison"), new_event(node, "after")])
    await worker.drain()
    clock.forward(days=1)
    await worker.drain()
    assert [event.attempts for event in await parking.parked(conn)] == [2, 0]
    clock.forward(minutes=5)
    await worker.drain()
    (dead,) = await parking.dead_letters(conn)
    assert (dead.name, dead.attempts, dead.person_id) == ("poison", 3, node)
    assert await names_of(conn, node) == ["after"]


def test_age_alone_or_attempts_alone_bury_nothing() -> None:
    """The rule itself, at its edges."""
    clock = ManualClock()
    began = clock()
    clock.forward(minutes=179, seconds=59)
    assert not parking.hopeless(1000, began, clock())
    clock.forward(seconds=1)
    assert not parking.hopeless(2, began, clock())
    assert parking.hopeless(3, began, clock())


async def test_a_dead_letter_is_raised_by_hand(pool: Pool, conn: Connection) -> None:
    """Replayed, it is tried at once; a second replay of the same letter does nothing."""
    (node,) = await make_nodes(conn, 1)
    clock = ManualClock()
    ill = True
    worker = Worker(pool, [Tally(fails=lambda event: ill)], lanes=1, clock=clock)
    await write(conn, [new_event(node, "poison")])
    for _ in range(4):
        await worker.drain()
        clock.forward(hours=2)
    (dead,) = await parking.dead_letters(conn)
    ill = False
    clock.now = await conn.fetchval("select now()")
    assert await parking.replay_dead(conn, [dead.id, 999_999], "anna@shop.it") == [dead.id]
    assert await parking.replay_dead(conn, [dead.id], "anna@shop.it") == []
    clock.forward(minutes=1)
    await worker.drain()
    assert await names_of(conn, node) == ["poison"]
    assert await parking.dead_letters(conn) == []


async def test_a_parked_person_stays_parked_through_a_join(pool: Pool, conn: Connection) -> None:
    """After another identifier joins the person, its events queue behind the parked one too."""
    one, other = await make_nodes(conn, 2)
    worker = Worker(pool, [Tally(fails=lambda event: event.name == "poison")], lanes=4, clock=ManualClock())
    await write(conn, [new_event(one, "poison")])
    await worker.drain()
    await conn.execute("update node set person_id = $1 where id = $2", other, one)
    await write(conn, [new_event(other, "after the join")])
    await worker.drain()
    assert await names_of(conn, other) == []
    assert [event.name for event in await parking.parked(conn)] == ["poison", "after the join"]


@pytest.mark.parametrize("lanes", [1, 3, 64])
async def test_the_number_of_lanes_can_change(pool: Pool, conn: Connection, lanes: int) -> None:
    """With lanes at different positions, a change takes the rest in and does nothing twice."""
    nodes = await make_nodes(conn, 9)
    reader = Tally()
    await write(conn, [new_event(node, f"E{n}") for n in range(9) for node in nodes])
    uneven = Worker(pool, [reader], lanes=4)
    await uneven._prepare(reader)
    for number, turns in enumerate([3, 0, 1, 2]):
        for _ in range(turns):
            await Lane(pool, reader, number, 4).turn()
    taken = await conn.fetchval("select count(*) from tally")
    assert 0 < taken < 81
    await write(conn, [new_event(node, "E9") for node in nodes])
    await Worker(pool, [reader], lanes=lanes).drain()
    assert await conn.fetchval("select count(*) from tally") == 90
    for node in nodes:
        assert await names_of(conn, node) == [f"E{n}" for n in range(10)]
    (status,) = await reader_status(conn)
    assert (status.lanes, status.processed, status.behind) == (lanes, 90, 0)


async def test_a_running_worker_follows_a_change_of_lanes(pool: Pool, conn: Connection) -> None:
    """A worker whose lanes were replaced under it goes on with the new ones."""
    nodes = await make_nodes(conn, 9)
    reader = Tally()
    running = asyncio.create_task(Worker(pool, [reader], lanes=2).run())
    try:
        await write(conn, [new_event(node, "E0") for node in nodes])
        await until(conn, 9)
        await Worker(pool, [reader], lanes=5)._prepare(reader)
        await write(conn, [new_event(node, "E1") for node in nodes])
        await until(conn, 18)
        (status,) = await reader_status(conn)
        assert status.lanes == 5
    finally:
        await stop(running)


async def until(conn: Connection, count: int, seconds: float = 15) -> None:
    """Wait until so many events are taken."""
    deadline = time.monotonic() + seconds
    while (taken := await conn.fetchval("select count(*) from tally")) != count:
        assert time.monotonic() < deadline, f"{taken} of {count}"
        assert taken < count
        await asyncio.sleep(0.02)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_sleeping_worker_wakes_at_once_and_costs_nothing(pool: Pool, conn: Connection) -> None:
    """Told by a notification it takes an event in within half a second; idle it uses next to no CPU."""
    (node,) = await make_nodes(conn, 1)
    worker = Worker(pool, [Tally()], lanes=2)
    running = asyncio.create_task(worker.run())
    try:
        await write(conn, [new_event(node)])
        await until(conn, 1)
        looks = worker.watch.looks
        cpu = sum(os.times()[:2])
        await asyncio.sleep(3)
        assert sum(os.times()[:2]) - cpu < 0.15
        assert worker.watch.looks - looks <= 5
        took = []
        for count in range(2, 7):  # the best of them: what is late in one may be the machine
            began = time.monotonic()
            await write(conn, [new_event(node)])
            await until(conn, count)
            took.append(time.monotonic() - began)
        assert min(took) < 0.5
    finally:
        await stop(running)


async def test_events_written_without_a_word_are_found_within_a_second_or_so(pool: Pool, conn: Connection) -> None:
    """The notification is a courtesy: the worker looks by itself."""
    (node,) = await make_nodes(conn, 1)
    running = asyncio.create_task(Worker(pool, [Tally()], lanes=1).run())
    try:
        await asyncio.sleep(0.3)
        async with conn.transaction():
            await conn.copy_records_to_table("event", records=[new_event(node)], columns=new_event(node)._fields)
        await until(conn, 1, 3)
    finally:
        await stop(running)


async def test_a_worker_outlives_its_connections(pool: Pool, conn: Connection) -> None:
    """Every connection but the test's is cut under a running worker: it comes back and misses nothing."""
    nodes = await make_nodes(conn, 4)
    running = asyncio.create_task(Worker(pool, [Tally()], lanes=2).run())
    try:
        for n in range(3):
            await write(conn, [new_event(node, f"E{n}") for node in nodes for _ in range(5)])
            await asyncio.sleep(0.02)
            await conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        await until(conn, 60)
        assert not running.done()
    finally:
        await stop(running)
