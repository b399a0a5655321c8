"""Delivery by several worker processes: nothing twice, nothing lost, whoever is killed when."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import unisono
from tests.support.forking import Fork, forks
from tests.support.posting import SECRET, Office, Reply, check_ledger, settings_for, sinking
from tests.support.receiver import receiving
from unisono.customers.consent import service as consent
from unisono.engagement.delivery import sending
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.engagement.policy.model import Cap
from unisono.kit.database import Pool, open_pool, transaction

LABELS = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("engagement/delivery/*.py")
        for label in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))
    }
)

LEASE = 1.5
DAY = 86_400


def workers(
    office: Office, count: int = 1, *, lease: float = LEASE, **crash: Any
) -> AbstractContextManager[list[Fork]]:
    """Worker processes, gone at the end."""
    settings = office.settings
    return forks("dispatching_process", settings.database_url, settings.data_dir, lease, count=count, **crash)


@pytest.fixture
async def post(pool: Pool, dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    """An office on the real clock: its workers are processes."""
    async with sinking() as sink, receiving() as receiver:
        office = Office(pool, settings_for(dsn, tmp_path), sink)
        office.now = datetime.now(UTC)
        await office.free_policy()
        await office.account()
        await office.account("inbox", "onsite", kind="onsite", settings={})
        await office.account("hook", "webhook", kind="webhook", settings={"url": receiver.url})
        yield office
        await check_ledger(pool)
        assert [name for name, seen in Counter(one.id for one in receiver.received).items() if seen > 1] == []
        seen_at_most_once(
            office, {row["id"] for row in await pool.fetch("select id from message where purpose = 'transactional'")}
        )


def seen_at_most_once(office: Office, twice: set[int]) -> None:
    """What the server counted: marketing once at the most, a transactional message twice with one Message-ID."""
    assert {number: seen for number, seen in office.sink.count.items() if seen > (2 if number in twice else 1)} == {}
    references = {(mail.message_id, mail.reference) for mail in office.sink.mails}
    assert len(references) == len(office.sink.count)


async def until(true: Callable[[], bool], within: float = 60) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def all_settled(office: Office, within: float = 120) -> None:
    """Wait until nothing is planned or held; on the way the ledger is in order at every look."""
    async with asyncio.timeout(within):
        while await office.pool.fetchval(
            "select count(*) from message where state in ('planned', 'claimed', 'handed_over')"
        ):
            await check_ledger(office.pool)
            await asyncio.sleep(0.1)


async def finish(office: Office) -> None:
    """A worker of this process does what is left."""
    worker = asyncio.create_task(Dispatcher(office.pool, office.settings, SECRET, lease=timedelta(seconds=LEASE)).run())
    try:
        await all_settled(office)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


def test_the_crash_points_are_where_they_are_looked_for() -> None:
    """Around every transaction and on both sides of the network."""
    assert [
        f"delivery.{label}"
        for label in (
            "after_claim",
            "after_decisions",
            "after_facts",
            "after_hand_over",
            "after_local",
            "after_local_commit",
            "after_lock",
            "after_network",
            "after_outcome",
            "after_render",
            "before_claim_commit",
            "before_hand_over_commit",
            "before_local_commit",
            "before_network",
            "before_outcome_commit",
            "before_recovery_commit",
        )
    ] == LABELS


@pytest.mark.parametrize("label", LABELS)
async def test_a_worker_killed_at_any_point_neither_loses_nor_repeats(post: Office, label: str) -> None:
    """What it had not handed over goes later; of what it had, marketing is never sent again."""
    nodes = await post.people(40)
    mails = await post.plan(nodes)
    await post.plan(nodes[:20], key="receipt", purpose="transactional")
    await post.plan(nodes[:20], key="site", channels=("onsite",))
    await post.plan(nodes[:20], key="hook", channels=("webhook",))
    # The second passage, where there is one: the first has left something behind.
    after = 0 if "local" in label or "recovery" in label else 1
    with workers(post, label=label, after=after) as [doomed]:
        assert await asyncio.to_thread(doomed.wait, 90) == 137
    await finish(post)
    seen = post.sink.count
    rows = await post.pool.fetch("select id, state from message where id = any($1)", mails)
    assert {row["state"] for row in rows} <= {"accepted", "unknown"}
    assert all(seen[row["id"]] == 1 for row in rows if row["state"] == "accepted")
    items = await post.pool.fetchrow("select count(*), count(distinct message_id) from inbox_item")
    assert items is not None
    assert tuple(items) == (20, 20)


@asynccontextmanager
async def workers_here(office: Office, count: int, lease: float = 15.0) -> AsyncIterator[None]:
    """So many workers with connections of their own: as processes, but that they start at once."""
    pools = [await open_pool(office.settings.database_url or "", 3) for _ in range(count)]
    tasks = [
        asyncio.create_task(Dispatcher(pool, office.settings, SECRET, lease=timedelta(seconds=lease)).run())
        for pool in pools
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pool in pools:
            await pool.close()


@pytest.mark.parametrize("workers", [1, 2, 8])
async def test_workers_share_messages_and_each_leaves_once(post: Office, workers: int) -> None:
    """A slow server forces overlaps: two schedulers take the same second's messages."""
    post.sink.reply = lambda _: Reply(after=random.choice((0.0, 0.0, 0.01, 0.05)))
    nodes = await post.people(300)
    ids = await post.plan(nodes)
    async with workers_here(post, workers):
        await all_settled(post)
    assert await post.states() == {"accepted": 300}
    assert post.sink.count == dict.fromkeys(ids, 1)


@pytest.mark.slow
async def test_a_lease_that_ends_in_a_slow_batch_sends_nothing_twice(post: Office) -> None:
    """Answers take longer than the lease is long: unknown, found out when the answer comes, never sent again."""
    post.sink.reply = lambda _: Reply(after=random.choice((0.05, 0.6, 1.4)))
    nodes = await post.people(30)
    ids = await post.plan(nodes)
    async with workers_here(post, 3, lease=1.0):
        await all_settled(post)
    assert set(await post.states()) <= {"accepted", "unknown"}
    assert max(post.sink.count.values()) == 1
    assert set(post.sink.count) <= set(ids)


async def test_caps_hold_over_three_channels_and_eight_workers(post: Office) -> None:
    """One a day and three a week, whatever the channel and whoever decides (RULES R4)."""
    caps = (
        Cap(name="day", purposes=("marketing",), most=1, seconds=DAY),
        Cap(name="week", purposes=("marketing",), most=3, seconds=7 * DAY),
    )
    await post.free_policy(caps=caps)
    await post.account("people", "clerk", kind="clerk_task", settings={})
    nodes = await post.people(30)
    channels = ("email", "onsite", "clerk")
    for number in range(6):
        for part, channel in enumerate(channels):
            await post.plan(nodes[(part + number) % 3 :: 3], key=f"c{number}", channels=(channel,))
    pools = [await open_pool(post.settings.database_url or "", 3) for _ in range(8)]
    for day in range(5):
        workers = [Dispatcher(pool, post.settings, SECRET, post.clock) for pool in pools]
        await asyncio.gather(*(worker.drain() for worker in workers))
        rows = await post.pool.fetch(SENT)
        assert {row["sent"] for row in rows} == {min(day + 1, 3)}
        assert day or len({row["channel"] for row in rows}) == 3
        await check_ledger(post.pool)
        post.later(days=1, seconds=1)
    for pool in pools:
        await pool.close()


SENT = """
    select node.person_id, count(*) filter (where state = 'accepted') as sent, min(message.channel) as channel
    from message join node on node.id = message.node_id group by 1
"""


@pytest.mark.slow
async def test_kill_9_pause_and_resume_in_the_middle_of_a_broadcast(post: Office) -> None:
    """Processes come and go, sending is paused and resumed, people opt out meanwhile: nobody gets it twice."""
    post.sink.reply = lambda _: Reply(after=0.01)
    nodes = await post.people(500)
    ids = await post.plan(nodes)
    for turn in range(3):
        before = len(post.sink.mails)
        with workers(post, 2, lease=3.0):
            await until(lambda least=before + 80: len(post.sink.mails) >= least)
        # What the dead had written and nobody had read yet.
        await until(lambda: not post.sink.connections)
        async with transaction(post.pool) as conn:
            left = nodes[turn * 40 : turn * 40 + 40]
            await consent.withdraw(conn, left, channel="email", source="t", actor="t", now=datetime.now(UTC))
            await sending.pause(conn, reason="test", actor="test", now=datetime.now(UTC))
        taken = len(post.sink.mails)
        with workers(post, lease=3.0):
            await asyncio.sleep(1.0)
        assert len(post.sink.mails) == taken
        async with transaction(post.pool) as conn:
            await sending.resume(conn, post.settings, actor="test", now=datetime.now(UTC))
    with workers(post, 2, lease=3.0):
        await all_settled(post)
    states = await post.states()
    assert set(states) <= {"accepted", "unknown", "skipped"}
    assert set(post.sink.count) <= set(ids)


async def test_a_worker_told_to_end_gives_back_what_it_holds(post: Office) -> None:
    """SIGTERM: what is on its way is seen through, the rest is planned again at once; nothing is unknown."""
    post.sink.reply = lambda _: Reply(after=0.05)
    nodes = await post.people(300)
    await post.plan(nodes)
    with workers(post, lease=30.0) as [worker]:
        await until(lambda: len(post.sink.mails) >= 20)
        worker.end()
        assert await asyncio.to_thread(worker.wait, 60) == 0
    states = await post.states()
    assert set(states) == {"accepted", "planned"}
    assert states["accepted"] == len(post.sink.mails)
    async with transaction(post.pool) as conn:
        await delivery.cancel(conn, [row["id"] for row in await conn.fetch("select id from message")], now=post.now)
