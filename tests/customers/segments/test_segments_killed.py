"""Segments by worker processes: shared, killed at every labelled point, down for hours; always right, told once."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import unisono
from tests.support.forking import Fork, forks
from tests.support.segmenting import ABANDONED, SETTINGS, Town, did
from unisono.kit.database import Pool

LABELS = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("customers/segments/*.py")
        for label in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))
    }
)

SOON = {**ABANDONED, "within": 1}
"""Put into the cart and not bought for a second."""


def processes(dsn: str, count: int = 1, label: str | None = None) -> AbstractContextManager[list[Fork]]:
    """Worker processes with a lease of a second, gone at the end."""
    return forks("segmenting_process", dsn, 1.0, count=count, label=label)


class RealTown(Town):
    """With the clock of the world."""

    def tell(self) -> datetime:
        return datetime.now(UTC)

    async def until(self, code: str, wanted: list[int], within: float = 120) -> None:
        """Wait until these are the members."""
        async with asyncio.timeout(within):
            while await self.members(code) != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def twice(self) -> dict[Any, int]:
        """What was told in a row that is no way in and way out in turn."""
        last: dict[tuple[str, int], str] = {}
        wrong: Counter[Any] = Counter()
        rows = await self.pool.fetch(
            "select node_id, name, properties ->> 'segment' as segment from event"
            " where name in ('Segment Entered', 'Segment Left') order by id"
        )
        for row in rows:
            key = (row["segment"], row["node_id"])
            if last.get(key, "Segment Left") == row["name"]:
                wrong[key] += 1
            last[key] = row["name"]
        return dict(wrong)


@pytest.fixture
async def town(pool: Pool) -> RealTown:
    return RealTown(pool)


async def test_absence_in_real_time(town: RealTown, dsn: str) -> None:
    """Four seconds after the cart, in soon after that instant and not before; who bought never is."""
    await town.segment("left-cart", {**ABANDONED, "within": 4})
    anna, bruno = await town.people(2)
    with processes(dsn, 1):
        await town.does(await _warm(town), "Product Added", "Order Completed")
        await town.does(anna, "Product Added")
        await town.does(bruno, "Product Added")
        await town.does(bruno, "Order Completed")
        await town.until("left-cart", [anna])
    row = await town.pool.fetchrow(
        "select segment_member.since - cart.occurred_at as after from segment_member"
        " join event cart on cart.node_id = person_id and cart.name = 'Product Added'"
    )
    assert row is not None
    assert timedelta(seconds=4) <= row["after"] < timedelta(seconds=30)
    assert await town.told() == [(anna, "Entered", "time")]


async def _warm(town: RealTown) -> int:
    (somebody,) = await town.people(1)
    await town.does(somebody, "Page Viewed")
    async with asyncio.timeout(60):
        while not await town.pool.fetchval("select coalesce(sum(processed), 0) from log_reader"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return somebody


def test_the_crash_points_are_where_they_are_looked_for() -> None:
    """Before the commit of a reading and of a firing, between the portions of a fill, before it is in force."""
    assert LABELS == [
        "segments.before_commit",
        "segments.before_filled",
        "segments.before_time_commit",
        "segments.fill_portion",
        "segments.fill_timers",
    ]


@pytest.mark.parametrize("label", LABELS)
async def test_a_worker_killed_at_any_point_neither_loses_nor_repeats(town: RealTown, dsn: str, label: str) -> None:
    """A segment being counted, people coming by events and by time; another worker ends what the dead one began."""
    people = await town.people(40)
    for person in people[:20]:
        await town.does(person, "Product Viewed")
    await town.segment("left-cart", SOON)
    for person in people[::2]:
        # Left long enough ago: these come in when they are read.
        await town.does(person, "Product Added", ago=timedelta(seconds=5))
    await town.segment("viewers", did("Product Viewed", 1, seconds=86_400), fill=False)
    with processes(dsn, label=label) as (doomed,):
        async with asyncio.timeout(90):
            while doomed.poll() is None and not await town.members("left-cart"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        # These are read while a worker is there, so that it is time that brings them in.
        for person in people[1::4]:
            await town.does(person, "Product Added")
        assert await asyncio.to_thread(doomed.wait, 90) == 137
    for person in people[20:]:
        await town.does(person, "Product Viewed")
    left = sorted(people[::2] + people[1::4])
    with processes(dsn, 1):
        await town.until("viewers", people)
        await town.until("left-cart", left)
    assert await town.twice() == {}
    entered = [person for person, _, _ in await town.told("left-cart")]
    assert sorted(entered) == left


async def test_two_workers_at_once_and_people_who_flap(town: RealTown, dsn: str) -> None:
    """Each person in and out many times, two processes, joins in between: at the end as counted, told in turn."""
    rule = {"is": "trait", "trait": "status", "op": "is", "value": "open"}
    await town.segment("open", rule)
    await town.segment("left-cart", SOON)
    people = await town.people(16)
    with processes(dsn, 2):
        for turn in range(6):
            await asyncio.gather(
                *(town.says(person, status="closed" if (turn + person) % 2 else "open") for person in people)
            )
            for person in people[turn::4]:
                await town.does(person, "Product Added" if turn % 2 else "Order Completed")
            await town.join(people[2 * turn], people[2 * turn + 1])
        await asyncio.sleep(1.2)
        for code in ("open", "left-cart"):
            await town.until(code, await town.counted(code))
        await asyncio.sleep(0.5)
        for code in ("open", "left-cart"):
            assert await town.members(code) == await town.counted(code)
    rows = await town.pool.fetchval(
        "select count(*) from segment_member join node on node.id = segment_member.person_id"
        " where node.person_id <> node.id"
    )
    assert rows == 0


async def test_all_workers_down_for_six_hours(pool: Pool) -> None:
    """Carts left and bought meanwhile, windows that closed: at once right, and told once each."""
    town = Town(pool)
    await town.segment("left-cart", ABANDONED)
    await town.segment("lately", did("Product Viewed", 1, seconds=7200))
    people = await town.people(60)
    for person in people[:20]:
        await town.does(person, "Product Added", "Product Viewed")
    await town.read()
    town.clock.forward(hours=6)
    for person in people[10:15]:
        await town.does(person, "Order Completed", ago=timedelta(hours=5, minutes=30))
    for person in people[20:40]:
        await town.does(person, "Product Added", ago=timedelta(hours=3))
    for person in people[40:]:
        await town.does(person, "Product Viewed", ago=timedelta(hours=1))
    await town.timers.drain()
    await town.read()
    await town.timers.drain()
    for code in ("left-cart", "lately"):
        assert await town.members(code) == await town.counted(code)
    assert await town.members("left-cart") == [*people[:10], *people[15:40]]
    assert len(await town.told("left-cart")) == 35
    assert [way for _, way, _ in await town.told("lately")] == ["Entered"] * 20 + ["Left"] * 20 + ["Entered"] * 20
    assert SETTINGS.readers == 2
