"""Segments in real time: who does something comes in or goes out, and the timeline says so, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.support.log import new_event, write
from tests.support.segmenting import ABANDONED, Town, did
from unisono.customers.consent.reader import ConsentReader
from unisono.customers.segments import live
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool


@pytest.fixture
async def town(pool: Pool) -> Town:
    return Town(pool)


async def test_who_does_it_comes_in_and_the_timeline_says_so(town: Town) -> None:
    """Once, however often it is read; others are left alone."""
    await town.segment("buyers", did("Order Completed", 2))
    anna, bruno = await town.people(2)
    await town.does(anna, "Order Completed")
    await town.does(bruno, "Order Completed")
    await town.read()
    assert await town.members("buyers") == []
    await town.does(anna, "Order Completed", "Product Viewed")
    await town.read()
    await town.read()
    assert await town.members("buyers") == [anna]
    assert await town.told() == [(anna, "Entered", "event")]


async def test_absence_at_the_due_instant_and_not_before(town: Town) -> None:
    """The microsecond counts: an instant before nobody is in, at the instant he is."""
    await town.segment("left-cart", ABANDONED)
    (anna,) = await town.people(1)
    await town.does(anna, "Product Added")
    await town.read()
    await town.later(minutes=59, seconds=59, microseconds=999_999)
    assert await town.members("left-cart") == []
    await town.later(microseconds=1)
    assert await town.members("left-cart") == [anna]
    assert await town.told() == [(anna, "Entered", "time")]


async def test_what_was_waited_for_at_the_last_instant_is_in_time(town: Town) -> None:
    """Bought at exactly the hour: he is not in, or leaves again if the timer was first; a second later he was."""
    await town.segment("left-cart", ABANDONED)
    early, same, late = await town.people(3)
    for person in (early, same, late):
        await town.does(person, "Product Added")
    await town.read()
    town.clock.forward(hours=1)
    await town.does(early, "Order Completed")
    await town.read()
    await town.later()
    assert await town.members("left-cart") == [same, late]
    await town.does(same, "Order Completed")
    await town.read()
    assert await town.members("left-cart") == [late]
    assert await town.told("left-cart") == [
        (same, "Entered", "time"),
        (late, "Entered", "time"),
        (same, "Left", "event"),
    ]


async def test_bought_at_the_till_at_minute_59_and_nothing_happens(town: Town) -> None:
    """Also when the till's event was received before the timer but never read by the reader."""
    await town.segment("left-cart", ABANDONED)
    (anna,) = await town.people(1)
    await town.does(anna, "Product Added")
    await town.read()
    town.clock.forward(minutes=59)
    await town.does(anna, "Order Completed", channel="store")
    await town.later(minutes=1)
    assert await town.members("left-cart") == []
    await town.read()
    await town.later(days=2)
    assert await town.told() == []


async def test_a_window_closes_by_itself(town: Town) -> None:
    """Nothing happens, and he is out when the last event grows too old."""
    await town.segment("lately", did("Product Viewed", 2, seconds=600))
    (anna,) = await town.people(1)
    await town.does(anna, "Product Viewed")
    await town.later(minutes=4)
    await town.does(anna, "Product Viewed")
    await town.read()
    assert await town.members("lately") == [anna]
    await town.later(minutes=5, seconds=59)
    assert await town.members("lately") == [anna]
    await town.later(seconds=1)
    assert await town.members("lately") == []
    assert [why for _, _, why in await town.told()] == ["event", "time"]
    assert await town.pool.fetchval("select count(*) from timer where kind = 'segments' and state = 'pending'") == 0


async def test_old_events_that_arrive_late_count_when_they_happened(town: Town) -> None:
    """A phone that was offline: windows go by occurred time, and nobody flaps in and out."""
    await town.segment("lately", did("Product Viewed", 1, seconds=600))
    await town.segment("ever", did("Product Viewed", 3))
    await town.segment("left-cart", ABANDONED)
    (anna,) = await town.people(1)
    await town.does(anna, "Product Viewed", "Product Viewed", "Product Viewed", ago=timedelta(days=20))
    await town.does(anna, "Product Added", ago=timedelta(days=20))
    await town.does(anna, "Order Completed", ago=timedelta(days=20) - timedelta(minutes=5))
    await town.read()
    await town.later(days=1)
    assert await town.members("lately") == []
    assert await town.told() == [(anna, "Entered", "event")]
    assert await town.members("ever") == [anna]


async def test_one_timer_a_person_however_many_segments(town: Town) -> None:
    """It is due at the earliest of all, and each segment turns at its own instant."""
    for minutes in (10, 20, 30):
        await town.segment(f"m{minutes}", did("Product Viewed", 1, seconds=minutes * 60))
    (anna,) = await town.people(1)
    await town.does(anna, "Product Viewed")
    await town.read()
    assert await town.pool.fetchval("select count(*) from timer where kind = 'segments'") == 1
    for left in (["m20", "m30"], ["m30"], []):
        await town.later(minutes=10)
        assert [code for code in ("m10", "m20", "m30") if await town.members(code)] == left


async def test_flapping_within_one_second_settles_right(town: Town) -> None:
    """Read one by one or all at once, the last word counts, and what is told is a way in and a way out in turn."""
    await town.segment("open", {"is": "trait", "trait": "status", "op": "is", "value": "open"})
    (anna,) = await town.people(1)
    for turn in range(9):
        await town.says(anna, status="closed" if turn % 2 else "open")
        await town.read()
    assert await town.members("open") == [anna]
    told = [way for _, way, _ in await town.told()]
    assert told == ["Entered", "Left"] * 4 + ["Entered"]
    await town.says(anna, status="closed")
    await town.says(anna, status="open")
    await town.read()
    assert len(await town.told()) == 9


async def test_a_segment_may_build_on_others(town: Town) -> None:
    """Who comes into one is judged by those that ask about it, in the same breath, also when time did it."""
    await town.segment("left-cart", ABANDONED)
    await town.segment("vip", {"is": "trait", "trait": "tier", "op": "is", "value": "gold"})
    both = [{"is": "segment", "segment": "left-cart"}, {"is": "segment", "segment": "vip"}]
    await town.segment("care", {"is": "all", "of": both})
    await town.segment("calm", {"is": "segment", "segment": "care", "member": False})
    anna, bruno = await town.people(2)
    await town.says(anna, tier="gold")
    for person in (anna, bruno):
        await town.does(person, "Product Added")
    await town.read()
    await town.later(hours=1)
    assert await town.members("care") == [anna]
    assert await town.told("care") == [(anna, "Entered", "time")]
    assert (anna, "Left", "time") in await town.told("calm")
    await town.does(anna, "Order Completed")
    await town.read()
    assert await town.members("care") == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Consent Updated", {"purpose": "marketing", "channel": "sms", "granted": False}),
        ("Consent Updated", {"purpose": "marketing", "granted": False}),
        ("Unsubscribed", {"channel": "sms"}),
    ],
)
async def test_what_an_event_says_of_consent_counts_at_once(
    town: Town, monkeypatch: pytest.MonkeyPatch, name: str, said: dict[str, Any]
) -> None:
    """However late the ledger hears of it: nobody stays in who withdrew, nor out who consented."""
    monkeypatch.setattr(live, "PATIENCE", 300.0)
    ledger = Worker(town.pool, [ConsentReader()], 1, clock=town.tell)

    async def heard(name: str, said: dict[str, Any]) -> None:
        event = new_event(anna, name, at=town.now)._replace(properties=msgspec.json.encode(said).decode())
        async with town.pool.acquire() as conn:
            await write(conn, [event])
        reading = asyncio.create_task(town.read())
        # Long enough to be judged by what the ledger said before.
        await asyncio.wait([reading], timeout=0.3)
        await ledger.drain()
        await reading

    await town.segment("reachable", {"is": "consent", "purpose": "marketing", "channel": "sms"})
    (anna,) = await town.people(1, "phone")
    await ledger.drain()
    await heard("Consent Updated", {"purpose": "marketing", "channel": "sms", "granted": True})
    assert await town.members("reachable") == [anna]
    await heard(name, said)
    assert await town.members("reachable") == []


async def test_consent_and_its_expiry_move_people(town: Town) -> None:
    """A grant ends at its instant, swept or not."""
    rule = {"is": "consent", "purpose": "marketing", "channel": "email", "status": "granted"}
    await town.segment("reachable", rule)
    (anna,) = await town.people(1, "email")
    await town.pool.execute(
        "insert into consent_state (node_id, purpose, channel, status, basis, since, expires_at, entry_id)"
        " values ($1, 'marketing', 'email', 'granted', 'consent', $2, $3, 1)",
        anna,
        town.now,
        town.now + timedelta(days=30),
    )
    await town.does(anna, "Consent Updated", channel="system")
    await town.read()
    assert await town.members("reachable") == [anna]
    await town.later(days=30)
    assert await town.members("reachable") == []
