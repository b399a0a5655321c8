"""Timers by several worker processes: each once, whoever is killed when, whatever the database does."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import unisono
from tests.support.forking import Program
from tests.support.timing_process import TABLE
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import NewTimer
from unisono.kit.database import Pool

LABELS = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("customers/timers/*.py")
        for label in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))
    }
)


@contextmanager
def processes(dsn: str, count: int, env: Mapping[str, str] | None = None) -> Iterator[list[Program]]:
    """Worker processes with a lease of a second, gone at the end."""
    environment = {**os.environ, **(env or {})}
    started = [Program("tests.support.timing_process", dsn, "1", env=environment) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()


async def set_bells(pool: Pool, count: int) -> None:
    now = datetime.now(UTC)
    await timers.set_timers(
        pool, [NewTimer(kind="bell", key=f"{n}", due_at=now + timedelta(milliseconds=n % 500)) for n in range(count)]
    )


async def all_rung(pool: Pool, count: int, within: float = 40) -> None:
    """Wait until nothing is pending, then see that each has rung once."""
    async with asyncio.timeout(within):
        while await pool.fetchval("select count(*) from timer where state = 'pending'"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    found = await pool.fetchrow("select count(*) as rings, count(distinct key) as bells from rung")
    assert found is not None
    assert (found["rings"], found["bells"]) == (count, count)


def test_the_crash_points_are_where_they_are_looked_for() -> None:
    """After the lease, before and after the commit of a firing."""
    assert LABELS == ["timers.after_claim", "timers.after_commit", "timers.before_commit"]


@pytest.mark.parametrize("workers", [1, 2, 8])
async def test_workers_share_timers_and_each_rings_once(pool: Pool, dsn: str, workers: int) -> None:
    """Short leases force overlaps; nothing rings twice."""
    await pool.execute(TABLE)
    await set_bells(pool, 600)
    with processes(dsn, workers):
        await all_rung(pool, 600)
    assert await pool.fetchval("select count(*) from rung where at < due_at") == 0


@pytest.mark.parametrize("label", LABELS)
async def test_a_worker_killed_at_any_point_neither_loses_nor_repeats(pool: Pool, dsn: str, label: str) -> None:
    """What it had leased is fired by the next one when the lease is over."""
    await pool.execute(TABLE)
    await set_bells(pool, 120)
    with processes(dsn, 2, {"UNISONO_CRASH_POINT": label, "UNISONO_CRASH_AFTER": "2"}) as doomed:
        for process in doomed:
            assert await asyncio.to_thread(process.wait, 20) == 137
    with processes(dsn, 1):
        await all_rung(pool, 120)


async def test_kill_9_in_the_middle_neither_loses_nor_repeats(pool: Pool, dsn: str) -> None:
    """Processes come and go while 1,500 timers fall due."""
    await pool.execute(TABLE)
    await set_bells(pool, 1500)
    for _ in range(3):
        with processes(dsn, 2):
            await asyncio.sleep(0.8)
    with processes(dsn, 2):
        await all_rung(pool, 1500)
