"""Whoever does a privacy request may die at any point: another goes on, and the end is the same."""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path

import pytest

import unisono
from tests.support.forking import Program
from tests.support.private import Customer, Registry, converse

FOUND = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("customers/privacy/*.py")
        for label in re.findall(r'crash_point\("((?:privacy)\.[^"]+)"\)', file.read_text("utf-8"))
    }
)
COPYING = {"privacy.after_piece", "privacy.before_archive_done"}
LATER = {"privacy.in_finish"}


def start(dsn: str, label: str | None) -> Program:
    """A worker with a lease of a second, to be killed at the label."""
    environment = {**os.environ, **({"UNISONO_CRASH_POINT": label} if label else {})}
    return Program("tests.support.private_process", dsn, "1", env=environment)


async def state_of(registry: Registry, number: int) -> str:
    """How far a request is."""
    return str(await registry.conn.fetchval("select state from privacy_request where id = $1", number))


async def until(registry: Registry, query: str, *arguments: object) -> None:
    """Wait until a query says yes."""
    async with asyncio.timeout(60):
        while not await registry.conn.fetchval(query, *arguments):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def killed_then_finished(registry: Registry, who: Customer, label: str) -> int:
    """Begin, be killed at the label, have another worker end it; returns the request's number."""
    if label in COPYING:
        person = await registry.person(who)
        assert person is not None
        number = int((await registry.ask("access", person))["id"])
    else:
        number = await registry.begin(who)
    worker = start(registry.shop.dsn, label)
    if label in LATER:
        await until(registry, "select count(*) from timer where key = $1 and state = 'pending'", f"{number}:finish")
        await registry.conn.execute(
            "update timer set due_at = now(), try_at = now() where key = $1", f"{number}:finish"
        )
    end = time.monotonic() + 60
    while worker.poll() is None and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert worker.poll() == 137, label
    after = start(registry.shop.dsn, None)
    try:
        await until(registry, "select state = 'done' from privacy_request where id = $1", number)
        if label not in COPYING:
            await registry.conn.execute(
                "update timer set due_at = now(), try_at = now() where key = $1 and state = 'pending'",
                f"{number}:finish",
            )
            await until(registry, "select material is null from privacy_request where id = $1", number)
    finally:
        after.kill()
    return number


@pytest.mark.slow
@pytest.mark.parametrize("label", FOUND)
async def test_killed_at_any_point_it_is_done_all_the_same(registry: Registry, label: str) -> None:
    """An erasure ends with nothing left; a copy ends whole, once."""
    who = await registry.customer()
    await converse(registry, who)
    number = await killed_then_finished(registry, who, label)
    assert await state_of(registry, number) == "done"
    if label in COPYING:
        answer = await registry.api("GET", f"/api/privacy/requests/{number}/archive")
        assert answer.status_code == 200
        assert answer.content[:2] == b"PK"
        assert len(answer.content) == int(answer.headers["content-length"])
    else:
        assert await registry.left(who) == []


def test_there_are_points_to_be_killed_at() -> None:
    """The labels are where they are looked for."""
    assert len(FOUND) >= 7
    assert set(FOUND) >= COPYING | LATER
