"""Broadcasts by worker processes that are killed: one message a person, whatever was pressed meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import unisono
from tests.support.broadcasting import Desk
from tests.support.forking import Program
from tests.support.posting import check_ledger
from unisono.customers.consent import service as consent
from unisono.kit.database import transaction

LABELS = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("engagement/broadcasts/*.py")
        for label in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))
    }
)

PORTION = 100


def start(desk: Desk, *more: str, env: Mapping[str, str] | None = None) -> Program:
    """A worker process, which plans; with ``send`` it sends too."""
    arguments = (desk.settings.database_url or "", str(desk.settings.data_dir), str(PORTION), *more)
    return Program("tests.support.broadcasting_process", *arguments, env={**os.environ, **(env or {})})


@contextmanager
def workers(desk: Desk, count: int, *more: str) -> Iterator[list[Program]]:
    """Some of them, gone at the end."""
    started = [start(desk, *more) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()


async def ready(desk: Desk, many: int) -> list[int]:
    """A broadcast to so many, on the real clock, not launched."""
    desk.now = datetime.now(UTC)
    people = await desk.people(many)
    await desk.segment(people)
    await desk.broadcast()
    return people


async def until(true: Callable[[], Awaitable[bool]], within: float = 60) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within):
        while not await true():  # noqa: ASYNC110 - what is waited for is in a database and in other processes
            await asyncio.sleep(0.1)


async def over(desk: Desk) -> None:
    """Wait until nobody is left to be decided about."""

    async def settled() -> bool:
        return not (await desk.progress()).waiting and (await desk.get()).status not in ("scheduled", "planning")

    await until(settled)


def test_the_crash_points_of_planning_are_where_they_are_looked_for() -> None:
    """On both sides of every commit."""
    assert [
        f"broadcasts.{label}"
        for label in (
            "after_portion",
            "after_snapshot",
            "before_cancel_commit",
            "before_end_commit",
            "before_portion_commit",
            "before_snapshot_commit",
        )
    ] == LABELS


@pytest.mark.parametrize("label", LABELS)
async def test_a_planner_killed_at_any_point_neither_forgets_nor_repeats(desk: Desk, label: str) -> None:
    """Another one goes on where it was."""
    people = await ready(desk, 250)
    await desk.launch()
    if "cancel" in label:
        await desk.drive()
        await desk.press("stop")
    doomed = start(desk, env={"UNISONO_CRASH_POINT": label})
    try:
        assert await asyncio.to_thread(doomed.wait, 30) == 137
    finally:
        doomed.kill()
    await asyncio.gather(desk.drive(), desk.drive())
    assert await done(desk)
    rows = await desk.pool.fetch("select node_id, count(*) as times from message group by node_id")
    assert {row["node_id"]: row["times"] for row in rows} == dict.fromkeys(people, 1)


async def done(desk: Desk) -> bool:
    """Whether planning, or cancelling, is over."""
    found, progress = await desk.get(), await desk.progress()
    if found.status == "stopped":
        return progress.waiting == 0 and await desk.why_not() == {"broadcast_stopped": 250}
    return found.status == "running"


@pytest.mark.slow
async def test_two_thousand_with_everything_at_once(desk: Desk) -> None:
    """Workers killed, paused and resumed, people who opt out in the middle: nobody twice, nobody forgotten, nobody
    after his no."""
    people = await ready(desk, 2000)
    await desk.launch()
    with workers(desk, 2, "send") as running:
        await sent(desk, 100)
        running.append(kill(running.pop(0), desk))
        await desk.press("pause")
        still = len(desk.sink.mails)
        await asyncio.sleep(2)
        # What had been handed over when it was paused may have arrived after it.
        assert len(desk.sink.mails) - still <= 200
        no = [row["node_id"] for row in await desk.pool.fetch("select node_id from message where state = 'planned'")]
        left = [person for person in no if person in set(people)][:150]
        async with transaction(desk.pool) as conn:
            await consent.withdraw(conn, left, source="test", actor="test", now=datetime.now(UTC))
        await desk.press("resume")
        await sent(desk, still + 300)
        running.append(kill(running.pop(0), desk))
        await over(desk)
        await check_ledger(desk.pool)
    found = await desk.progress()
    assert (found.audience, found.planned, found.finished) == (2000, 2000, True)
    times = Counter(mail.message_id for mail in desk.sink.mails)
    assert [number for number, seen in times.items() if seen > 1] == []
    refused = {row["id"] for row in await desk.pool.fetch("select id from message where node_id = any($1)", left)}
    assert not refused & times.keys()
    assert (await desk.why_not()).get("consent_withdrawn") == len(left)
    assert found.sent + found.not_sent == 2000


async def test_stopped_under_way_it_ends(desk: Desk) -> None:
    """After the answer to the press at most what was handed over before it arrives."""
    await ready(desk, 1500)
    await desk.launch()
    with workers(desk, 2, "send"):
        await sent(desk, 50)
        await desk.press("stop")
        gone = await desk.pool.fetchval("select count(*) from message where handed_over_at is not null")
        await over(desk)
        await asyncio.sleep(0.5)
    found = await desk.progress()
    assert len(desk.sink.mails) <= gone
    assert found.states.get("planned", 0) == found.states.get("claimed", 0) == 0
    assert (await desk.why_not())["broadcast_stopped"] >= 1500 - gone - (1500 - found.planned)


async def sent(desk: Desk, many: int) -> None:
    """Wait until so many have arrived."""

    async def arrived() -> bool:
        return len(desk.sink.mails) >= many

    await until(arrived)


def kill(process: Program, desk: Desk) -> Program:
    """kill -9, and another one in its place."""
    process.kill()
    return start(desk, "send")
