"""A new or changed live segment is counted while events go on coming; the nightly proof finds and repairs drift."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.support.segmenting import ABANDONED, SETTINGS, Town, did
from unisono.customers.segments import filling, service
from unisono.customers.segments.checking import check
from unisono.customers.segments.filling import SegmentFill
from unisono.customers.segments.nights import next_night
from unisono.customers.segments.service import FILL
from unisono.customers.timers.model import Timer
from unisono.kit.database import Pool, connection, transaction


@pytest.fixture
async def town(pool: Pool) -> Town:
    return Town(pool)


async def find(town: Town, code: str) -> service.Segment:
    async with connection(town.pool) as conn:
        return await service.find(conn, code)


async def test_a_new_segment_has_its_members_and_nobody_is_told(town: Town) -> None:
    """Those time is still to move have their timers: they come in at their instant, and that is told."""
    early, late, bought = await town.people(3)
    await town.does(early, "Product Added", ago=timedelta(hours=3))
    await town.does(late, "Product Added", ago=timedelta(minutes=30))
    await town.does(bought, "Product Added", "Order Completed", ago=timedelta(hours=3))
    await town.read()
    await town.segment("left-cart", ABANDONED)
    assert await town.members("left-cart") == [early, bought]
    assert await town.told() == []
    assert not (await find(town, "left-cart")).counting
    assert (await find(town, "left-cart")).members is None
    await town.later(minutes=30)
    assert await town.members("left-cart") == [early, late, bought]
    assert await town.told() == [(late, "Entered", "time")]


async def test_a_changed_segment_keeps_its_members_until_the_new_ones_are_counted(town: Town) -> None:
    """Who is in both stays since when he was; nobody hears of the change."""
    await town.segment("viewers", did("Product Viewed"))
    anna, bruno, carla = await town.people(3)
    await town.does(anna, "Product Viewed")
    await town.does(bruno, "Product Viewed", "Order Completed")
    await town.does(carla, "Order Completed")
    await town.read()
    since = await town.pool.fetchval("select since from segment_member where person_id = $1", bruno)
    told = await town.told()
    town.clock.forward(days=1)
    await town.change("viewers", did("Order Completed"), fill=False)
    assert await town.members("viewers") == [anna, bruno]
    assert (await find(town, "viewers")).counting
    await town.timers.drain()
    assert await town.members("viewers") == [bruno, carla]
    assert await town.pool.fetchval("select since from segment_member where person_id = $1", bruno) == since
    assert await town.told() == told


class Interrupted(SegmentFill):
    """Lets something happen after everybody was counted and before the segment is in force."""

    def __init__(self, town: Town, act: Any) -> None:
        super().__init__(SETTINGS, town.tell)
        self._act = act

    async def work(self, pool: Pool, timer: Timer) -> None:
        await super().work(pool, timer)
        await self._act()


async def test_what_happens_while_it_is_counted_is_not_lost(town: Town) -> None:
    """Read by the reader or not: a purchase, a newcomer, a join, between the count and the moment it is in force."""
    anna, bruno, device, carla = await town.people(4)
    for person in (anna, bruno, device):
        await town.does(person, "Product Viewed")

    async def meanwhile() -> None:
        await town.does(anna, "Order Completed")
        await town.does(carla, "Product Viewed")
        await town.join(bruno, device)
        await town.read()
        await town.does(carla, "Page Viewed")

    rule = {"is": "all", "of": [did("Product Viewed"), {"is": "none", "of": [did("Order Completed")]}]}
    await town.segment("lookers", rule, fill=False)
    fill = Interrupted(town, meanwhile)
    await type(town.timers)(town.pool, [fill], town.tell).drain()
    assert await town.members("lookers") == [bruno, carla]
    assert await town.members("lookers") == await town.counted("lookers")
    assert await town.told() == [(anna, "Left", "event"), (carla, "Entered", "event")]
    await town.read()
    assert await town.members("lookers") == [bruno, carla]


async def test_a_segment_changed_while_it_is_counted_is_counted_again(town: Town) -> None:
    """The later version wins, whatever the first count found."""
    anna, bruno = await town.people(2)
    await town.does(anna, "Product Viewed")
    await town.does(bruno, "Order Completed")
    await town.segment("some", did("Product Viewed"), fill=False)

    async def meanwhile() -> None:
        await town.change("some", did("Order Completed"), fill=False)

    await type(town.timers)(town.pool, [Interrupted(town, meanwhile)], town.tell).drain()
    await town.timers.drain()
    assert await town.members("some") == [bruno]
    assert not (await find(town, "some")).counting


async def test_many_who_move_meanwhile_are_judged_before_everybody_is_kept_out(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In portions, until few are left."""
    monkeypatch.setattr(filling, "FEW", 2)
    monkeypatch.setattr(filling, "JUDGED", 3)
    people = await town.people(10)
    for person in people:
        await town.does(person, "Product Viewed")
    await town.segment("viewers", did("Product Viewed"), fill=False)
    await town.timers.drain()
    assert await town.members("viewers") == people


async def test_segments_that_ask_about_a_changed_one_are_counted_again(town: Town) -> None:
    """Its members changed without events."""
    await town.segment("base", did("Product Viewed"))
    await town.segment("others", {"is": "segment", "segment": "base", "member": False})
    anna, bruno = await town.people(2)
    await town.does(anna, "Product Viewed")
    await town.does(bruno, "Order Completed")
    await town.read()
    assert await town.members("others") == [bruno]
    await town.change("base", did("Order Completed"))
    assert await town.members("base") == [bruno]
    assert await town.members("others") == [anna]


async def test_the_proof_finds_and_repairs_drift(town: Town) -> None:
    """A member lost, one too many, a timer lost: told, written down, mended."""
    await town.segment("left-cart", ABANDONED)
    anna, bruno, carla = await town.people(3)
    await town.does(anna, "Product Added", ago=timedelta(hours=2))
    await town.does(carla, "Product Added")
    await town.read()
    assert await town.members("left-cart") == [anna]
    await town.pool.execute("delete from segment_member")
    await town.pool.execute("insert into segment_member select id, $1, now() from segment", bruno)
    await town.pool.execute("delete from timer where kind = 'segments'")
    segment = await find(town, "left-cart")
    found = await check(town.pool, segment.id, SETTINGS, clock=town.tell, patience=0)
    assert found is not None
    assert (found.members, found.missing, found.extra) == (1, 1, 1)
    assert await town.members("left-cart") == [anna]
    assert (await town.told())[1:] == [(anna, "Entered", "check"), (bruno, "Left", "check")]
    again = await check(town.pool, segment.id, SETTINGS, clock=town.tell, patience=0)
    assert again is not None
    assert (again.missing, again.extra) == (0, 0)
    await town.later(hours=1)
    assert await town.members("left-cart") == [anna, carla]
    async with connection(town.pool) as conn:
        assert [(one.missing, one.extra) for one in await service.checks(conn, segment.id)] == [(0, 0), (1, 1)]


async def test_the_proof_is_made_each_night(town: Town) -> None:
    """At half past three where the company is; it plans the next itself."""
    await town.segment("viewers", did("Product Viewed"))
    await town.read()
    await town.later(days=1)
    await town.later(days=1)
    assert await town.pool.fetchval("select count(*) from segment_check") == 2
    due = await town.pool.fetchval("select due_at from timer where kind = 'segments.check'")
    assert due == next_night(town.now, "Europe/Rome")
    assert due.astimezone(town.now.tzinfo).hour == 1


async def test_history_counts_comings_and_goings_by_day(town: Town) -> None:
    """Each day begins with who is there."""
    await town.segment("buyers", did("Order Completed", 1, seconds=86_400))
    anna, bruno = await town.people(2)
    await town.does(anna, "Order Completed")
    await town.does(bruno, "Order Completed")
    await town.read()
    await town.later(days=1)
    await town.does(bruno, "Order Completed")
    await town.read()
    segment = await find(town, "buyers")
    async with connection(town.pool) as conn:
        days = await service.history(conn, segment.id, since=town.now.date() - timedelta(days=30))
    assert [(one.members, one.entered, one.departed) for one in days] == [(2, 2, 0), (1, 1, 2)]


async def test_two_fills_of_one_segment_do_no_harm(town: Town) -> None:
    """A worker that lost its lease and one that took over."""
    people = await town.people(30)
    for person in people:
        await town.does(person, "Product Viewed")
    await town.segment("viewers", did("Product Viewed"), fill=False)
    async with transaction(town.pool) as conn:
        row = await conn.fetchrow("select * from timer where kind = $1", FILL)
    assert row is not None
    timer = Timer(
        **{name: row[name] for name in ("id", "kind", "key", "due_at", "not_after", "state", "attempts", "try_at")},
        payload={},
    )
    fills = [SegmentFill(SETTINGS, town.tell) for _ in range(2)]
    await asyncio.gather(*(fill.work(town.pool, timer) for fill in fills))
    for fill in fills:
        async with transaction(town.pool) as conn:
            await fill.fire(conn, timer)
    assert await town.members("viewers") == people
    assert await town.told() == []
