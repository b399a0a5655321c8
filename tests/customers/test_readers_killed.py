"""Exactly once: several workers, slow writers, kills at every point, a database that restarts."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

import unisono
from tests.support.forking import Program
from tests.support.log import make_nodes, new_event
from tests.support.postgres import base_folder
from tests.support.reading_process import TABLE
from unisono.customers.timeline.model import NewEvent
from unisono.customers.timeline.service import append
from unisono.kit.database import AWAY, Connection, Pool, open_pool
from unisono.kit.embedded import ensure_server
from unisono.kit.migrations import migrate

LABELS = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("customers/timeline/*.py")
        for label in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))
    }
)


def test_the_crash_points_are_where_they_are_looked_for() -> None:
    """Before and after the commit of a batch."""
    assert LABELS == ["readers.after_commit", "readers.before_commit"]


class Workers:
    """Worker processes on one database."""

    def __init__(self, dsn: str, lanes: int) -> None:
        self._arguments = (dsn, str(lanes))
        self.processes: list[Program] = []

    def start(self, env: Mapping[str, str] | None = None) -> Program:
        """One more."""
        process = Program("tests.support.reading_process", *self._arguments, env={**os.environ, **(env or {})})
        self.processes.append(process)
        return process

    def end(self) -> None:
        """kill -9 of all."""
        for process in self.processes:
            process.kill()


@contextmanager
def workers(dsn: str, lanes: int = 4) -> Iterator[Workers]:
    """Worker processes that are gone at the end, whatever happens."""
    made = Workers(dsn, lanes)
    try:
        yield made
    finally:
        made.end()


async def writer(pool: Pool, nodes: list[int], number: int, count: int) -> int:
    """Transactions of one or two events, many held open a while, some rolled back; returns how many events stand."""
    rng = random.Random(number)
    written = 0
    for n in range(count):
        node = rng.choice(nodes)
        events = [new_event(node, f"{number}-{n}-{x}") for x in range(rng.randint(1, 2))]
        try:
            async with pool.acquire() as conn:
                transaction = conn.transaction()
                await transaction.start()
                await conn.copy_records_to_table("event", records=events[:1], columns=NewEvent._fields)
                await asyncio.sleep(rng.choice([0, 0, 0.01, 0.15]))
                await conn.copy_records_to_table("event", records=events[1:], columns=NewEvent._fields)
                if rng.random() < 0.1:
                    await transaction.rollback()
                    continue
                await transaction.commit()
                written += len(events)
                await conn.execute("notify unisono_log")
        except (*AWAY, asyncpg.PostgresError, TimeoutError):
            # Whether that commit stands is for the log to tell; the count comes from there.
            await asyncio.sleep(0.1)
    return written


async def until_all_taken(conn: Connection, seconds: float = 60) -> None:
    """Wait until as many rows are taken as there are events, and a moment longer for any that come twice."""
    deadline = time.monotonic() + seconds
    while True:
        events = await conn.fetchval("select count(*) from event")
        taken = await conn.fetchval("select count(*) from taken")
        if taken >= events:
            break
        assert time.monotonic() < deadline, f"{taken} of {events} taken"
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)


async def expect_each_once(conn: Connection) -> None:
    """Every event was taken exactly once, and those of each person in the order of the log."""
    wrong = await conn.fetch(
        "select event.id, count(taken.event_id) as times from event left join taken on taken.event_id = event.id"
        " group by event.id having count(taken.event_id) <> 1"
    )
    assert wrong == []
    assert await conn.fetchval("select count(*) from taken") == await conn.fetchval("select count(*) from event")
    disorder = await conn.fetchval(
        "select count(*) from (select (txid, event_id) < lag((txid, event_id))"
        " over (partition by person_id order by seq) as back from taken) as rows where back"
    )
    assert disorder == 0


async def test_two_workers_share_the_log_and_miss_nothing(dsn: str, pool: Pool) -> None:
    """Writers that hold transactions open and roll back; two workers: each event once, and both work."""
    async with pool.acquire() as conn:
        await conn.execute(TABLE)
        nodes = await make_nodes(conn, 30)
        with workers(dsn) as both:
            both.start()
            both.start()
            writing = await open_pool(dsn, 6)
            written = await asyncio.gather(*(writer(writing, nodes, number, 60) for number in range(6)))
            await until_all_taken(conn)
            await writing.close()
        assert sum(written) == await conn.fetchval("select count(*) from event")
        await expect_each_once(conn)
        assert await conn.fetchval("select count(distinct worker) from taken") >= 2


@pytest.mark.parametrize("label", LABELS)
async def test_a_worker_killed_at_any_point_costs_and_doubles_nothing(dsn: str, pool: Pool, label: str) -> None:
    """Workers end as by kill -9 just before or after a commit, again and again; the others take their lanes over."""
    async with pool.acquire() as conn:
        await conn.execute(TABLE)
        nodes = await make_nodes(conn, 20)
        with workers(dsn) as some:
            doomed = [some.start({"UNISONO_CRASH_POINT": label, "UNISONO_CRASH_AFTER": str(n)}) for n in (0, 2, 5)]
            writing = await open_pool(dsn, 4)
            await asyncio.gather(*(writer(writing, nodes, number, 40) for number in range(4)))
            await writing.close()
            for process in doomed:
                assert await asyncio.to_thread(process.wait, 30) == 137
            some.start()
            await until_all_taken(conn)
        await expect_each_once(conn)


async def test_workers_killed_at_random_moments(dsn: str, pool: Pool) -> None:
    """kill -9 from outside, in the middle of anything, with a worker that lives on."""
    async with pool.acquire() as conn:
        await conn.execute(TABLE)
        nodes = await make_nodes(conn, 20)
        with workers(dsn) as some:
            some.start()
            writing = await open_pool(dsn, 4)
            writers = asyncio.gather(*(writer(writing, nodes, number, 80) for number in range(4)))
            rng = random.Random(1)
            for _ in range(4):
                victim = some.start()
                await asyncio.sleep(0.9 + rng.random())
                victim.kill()
            await writers
            await writing.close()
            await until_all_taken(conn)
        await expect_each_once(conn)


async def test_the_worker_of_the_installation_ends_when_told_to(dsn: str, pool: Pool) -> None:
    """``run_worker`` keeps the summaries up to date and ends cleanly, with code 0, on SIGTERM."""
    process = Program("tests.support.worker_process", dsn)
    try:
        async with pool.acquire() as conn:
            nodes = await make_nodes(conn, 3)
            async with conn.transaction():
                await append(conn, [new_event(node) for node in nodes])
            deadline = time.monotonic() + 30
            while await conn.fetchval("select count(*) from person_summary") < 3:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        process.end()
        assert await asyncio.to_thread(process.wait, 15) == 0
    finally:
        process.kill()


async def test_the_database_restarts_under_workers_and_writers() -> None:
    """The embedded server is killed -9 twice; the workers come back by themselves and take each event once."""
    with base_folder() as folder, ensure_server(folder / "data") as server:
        conn = await asyncpg.connect(server.dsn)
        await migrate(conn)
        await conn.execute(TABLE)
        nodes = await make_nodes(conn, 20)
        await conn.close()
        with workers(server.dsn) as both:
            both.start()
            both.start()
            writing = await open_pool(server.dsn, 4)
            writers = asyncio.gather(*(writer(writing, nodes, number, 60) for number in range(4)))
            for _ in range(2):
                await asyncio.sleep(1.2)
                with suppress(ProcessLookupError):
                    os.kill(server.pid, signal.SIGKILL)
            await writers
            await writing.close()
            conn = await asyncpg.connect(server.dsn)
            await until_all_taken(conn)
            assert [process.poll() for process in both.processes] == [None, None]
        await expect_each_once(conn)
        assert await conn.fetchval("select count(*) from event") > 100
        await conn.close()
