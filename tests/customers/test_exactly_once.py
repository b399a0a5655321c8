"""A 200 means on disk, and once on the timeline, whatever is sent again and whoever is killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

import unisono
from tests.support.postgres import base_folder
from tests.support.serving import Web, serving
from tests.support.shop import Keys, Shop, basic, fresh, make_keys, open_shop, track
from unisono.kit.embedded import Server, ensure_server
from unisono.kit.migrations import migrate

PATIENCE = 60.0
"""Seconds a client goes on trying."""

LABELS = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("customers/collect/*.py")
        for label in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))
    }
)


def batch_of(prefix: str, count: int) -> list[dict[str, Any]]:
    """Events of a few visitors who sign in, so that writing them joins people."""
    items = []
    for n in range(count):
        item = track(type="track", messageId=f"{prefix}-{n}", anonymousId=f"{prefix}-a{n % 3}")
        if n % 2:
            item["userId"] = f"{prefix}-u"
        items.append(item)
    return items


class Retrying:
    """A client of the field: the same batch again, with the same message ids, until it is answered 200."""

    def __init__(self, web: Web, key: str) -> None:
        self.web = web
        self.headers = basic(key)
        self.acknowledged: set[str] = set()
        self.statuses: set[int] = set()
        self.broken = 0

    async def deliver(self, client: httpx.AsyncClient, items: list[dict[str, Any]]) -> None:
        """Send until answered 200. Fails after ``PATIENCE`` seconds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                answer = await client.post(f"{self.web.url}/v1/batch", json={"batch": items}, headers=self.headers)
            except httpx.TransportError:
                self.broken += 1
                await asyncio.sleep(0.05)
                continue
            self.statuses.add(answer.status_code)
            if answer.status_code == 200:
                self.acknowledged |= {item["messageId"] for item in items}
                return
            assert "retry-after" in answer.headers, answer.text
            await asyncio.sleep(min(0.1, float(answer.headers["retry-after"])))
        raise AssertionError("never answered 200")


async def on_the_timeline(conn: asyncpg.Connection[asyncpg.Record], ids: set[str]) -> list[str]:
    """The message ids of these events, one for each row."""
    rows = await conn.fetch("select message_id from event where message_id = any($1::text[])", list(ids))
    return sorted(row["message_id"] for row in rows)


async def test_one_message_five_times_at_once_over_two_processes(server_dsn: str, template_dsn: str) -> None:
    """The same message at once through two processes, then after a restart, is one event; all five get their 200."""
    async with open_shop(server_dsn, processes=2) as shop:
        for _ in range(20):
            item = track(userId=fresh("u"), traits={"name": "x"})
            urls = [web.url for web in shop.webs] * 3
            sending = [
                shop.client.post(f"{url}/v1/identify", json=item, headers=basic(shop.keys.write)) for url in urls[:5]
            ]
            answers = await asyncio.gather(*sending)
            assert [answer.status_code for answer in answers] == [200] * 5
            await shop.event(item["messageId"])
        await asyncio.to_thread(shop.webs[0].restart)
        assert (await shop.send("/v1/identify", item)).status_code == 200
        await shop.event(item["messageId"])


def test_there_are_crash_points() -> None:
    """The writing of a batch can be interrupted before, in and after its transaction."""
    assert {"collect.after_append", "collect.before_commit", "collect.after_commit"} <= set(LABELS)


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("label", LABELS)
async def test_killed_at_every_point(server_dsn: str, template_dsn: str, label: str, after: int) -> None:
    """Killed at a crash point under load: what was acknowledged is there before anything is sent again, and once
    the clients have had their 200 everything is there once."""
    crashing = {"UNISONO_CRASH_POINT": label, "UNISONO_CRASH_AFTER": str(after)}
    async with open_shop(server_dsn, env=crashing) as shop:
        web = shop.webs[0]
        sender = Retrying(web, shop.keys.secret)
        batches = [batch_of(fresh(f"b{n}"), 6) for n in range(24)]
        queue = iter(batches)

        async def work() -> None:
            for items in queue:
                await sender.deliver(shop.client, items)

        delivering = asyncio.gather(*(work() for _ in range(4)))
        await asyncio.to_thread(web.wait_for_end)
        before = set(sender.acknowledged)
        assert len(await on_the_timeline(shop.conn, before)) == len(before)
        await asyncio.to_thread(web.restart, {})
        await delivering
        assert sender.broken
        everything = {item["messageId"] for items in batches for item in items}
        assert sender.acknowledged == everything
        assert await on_the_timeline(shop.conn, everything) == sorted(everything)
        assert sender.statuses == {200}


@pytest.mark.slow
async def test_killed_again_and_again(server_dsn: str, template_dsn: str) -> None:
    """kill -9 of the web processes at any moment, several times: nothing acknowledged is lost, nothing doubled."""
    async with open_shop(server_dsn, processes=2) as shop:
        senders = [Retrying(web, shop.keys.secret) for web in shop.webs]
        batches = [batch_of(fresh(f"k{n}"), 5) for n in range(120)]

        async def work(sender: Retrying, mine: list[list[dict[str, Any]]]) -> None:
            for items in mine:
                await sender.deliver(shop.client, items)
                await asyncio.sleep(0.02)

        # Both processes are given every batch: each is written by one of them.
        working = asyncio.gather(*(work(sender, batches) for sender in senders))
        for _ in range(3):
            for web in shop.webs:
                await asyncio.sleep(0.15)
                await asyncio.to_thread(web.restart)
        await working
        everything = {item["messageId"] for items in batches for item in items}
        assert await on_the_timeline(shop.conn, everything) == sorted(everything)
        assert sum(sender.broken for sender in senders)


async def test_under_pressure_429_with_retry_after(server_dsn: str, template_dsn: str) -> None:
    """When too many events wait, requests are told to come back, and what was answered 200 is written."""
    async with open_shop(server_dsn, env={"UNISONO_QUEUE_EVENTS": "20"}) as shop:
        blocker = await asyncpg.connect(shop.dsn)
        tx = blocker.transaction()
        await tx.start()
        await blocker.execute("lock table event in exclusive mode")
        batches = [batch_of(fresh(f"p{n}"), 5) for n in range(12)]
        sending = [asyncio.create_task(shop.send("/v1/batch", {"batch": items})) for items in batches]
        async with asyncio.timeout(30):
            while sum(task.done() for task in sending) < 8:  # noqa: ASYNC110 - requests, no event of ours
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # a ninth would be told now
        refused = [task for task in sending if task.done()]
        assert len(refused) == 8
        for task in refused:
            answer = task.result()
            assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
            assert int(answer.headers["retry-after"]) >= 1
        await tx.rollback()
        await blocker.close()
        answers = await asyncio.gather(*sending)
        for answer, items in zip(answers, batches, strict=True):
            ids = {item["messageId"] for item in items}
            expected = sorted(ids) if answer.status_code == 200 else []
            assert await on_the_timeline(shop.conn, ids) == expected


async def test_rows_held_by_others_end_in_no_error(server_dsn: str, template_dsn: str) -> None:
    """Connections ended by the administrator in the middle of a write are a 503 that says when to come back."""
    async with open_shop(server_dsn) as shop:
        blocker = await asyncpg.connect(shop.dsn)
        tx = blocker.transaction()
        await tx.start()
        await blocker.execute("lock table event in exclusive mode")
        item = track(type="track")
        sending = asyncio.create_task(shop.send("/v1/track", item))
        await asyncio.sleep(0.5)
        await shop.conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'unisono'"
            " and datname = current_database()"
        )
        answer = await sending
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        await tx.rollback()
        await blocker.close()
        assert (await shop.send("/v1/track", item)).status_code == 200
        await shop.event(item["messageId"])


# the database killed -------------------------------------------------------------------------------------


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder for a database server of its own."""
    with base_folder() as folder:
        yield folder / "data"


class Mortal(Shop):
    """A shop on a database server of its own, which may be killed."""

    server: Server


@pytest.fixture
async def mortal(data_dir: Path) -> AsyncIterator[Mortal]:
    """Such a shop with one web process; its ``conn`` dies with the server, use ``look``."""
    server = await asyncio.to_thread(ensure_server, data_dir)
    conn = await asyncpg.connect(server.dsn)
    await migrate(conn)
    keys: Keys = await make_keys(conn)
    with serving(server.dsn) as webs:
        async with httpx.AsyncClient(base_url=webs[0].url, timeout=60) as client:
            shop = Mortal(server.dsn, keys, webs, client, conn)
            shop.server = server
            yield shop
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await conn.close(timeout=2)
    await asyncio.to_thread(server.stop)


async def connect_again(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    """A connection as soon as the server is back."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


def kill_the_server(shop: Mortal) -> None:
    """kill -9 of the postmaster; its owner starts it again."""
    os.kill(shop.server.pid, signal.SIGKILL)


async def kill_a_backend(shop: Mortal) -> None:
    """kill -9 of one connection's process: the server throws all others out and recovers."""
    conn = await asyncpg.connect(shop.dsn)
    pid = None
    while pid is None:  # the web process may not have come back yet
        pid = await conn.fetchval("select pid from pg_stat_activity where application_name = 'unisono' limit 1")
    os.kill(pid, signal.SIGKILL)
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await conn.close(timeout=1)


@pytest.mark.slow
async def test_the_database_is_killed_right_after_the_200(mortal: Mortal) -> None:
    """kill -9 of the database in the moment after an answer: the event is there when it is back, once."""
    sender = Retrying(mortal.webs[0], mortal.keys.secret)
    for _ in range(3):
        items = batch_of(fresh("d"), 4)
        await sender.deliver(mortal.client, items)
        kill_the_server(mortal)
        conn = await connect_again(mortal.dsn)
        ids = {item["messageId"] for item in items}
        assert await on_the_timeline(conn, ids) == sorted(ids)
        await conn.close()
        await sender.deliver(mortal.client, items)
    assert sender.statuses <= {200, 503}


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["server", "backend"])
async def test_the_database_is_killed_under_load(mortal: Mortal, victim: str) -> None:
    """kill -9 of the server or of one of its processes under load: clients see 200 or 503 with Retry-After only,
    the web process recovers by itself, nothing is lost and nothing doubled."""
    sender = Retrying(mortal.webs[0], mortal.keys.secret)
    batches = [batch_of(fresh(f"l{n}"), 5) for n in range(160)]
    queue = iter(batches)

    async def work() -> None:
        for items in queue:
            await sender.deliver(mortal.client, items)
            await asyncio.sleep(0.01)

    working = asyncio.gather(*(work() for _ in range(4)))
    for _ in range(2):
        await asyncio.sleep(0.15)
        if victim == "server":
            kill_the_server(mortal)
        else:
            conn = await connect_again(mortal.dsn)
            await conn.close()
            await kill_a_backend(mortal)
    await working
    assert sender.statuses <= {200, 503}
    assert sender.broken == 0
    everything = {item["messageId"] for items in batches for item in items}
    conn = await connect_again(mortal.dsn)
    assert await on_the_timeline(conn, everything) == sorted(everything)
    await conn.close()


@pytest.mark.slow
async def test_without_a_database_503_at_every_door(mortal: Mortal, data_dir: Path) -> None:
    """With the database away every door says 503 and when to come back; when it is back, so are they."""
    await asyncio.to_thread(mortal.server.stop)
    key = mortal.keys.write
    item = track(type="track")
    asked = [
        ("POST", "/v1/track", {"json": item}),
        ("POST", "/v1/batch", {"json": {"batch": [item]}}),
        ("POST", "/v1/t", {"json": item}),
        ("GET", f"/pixel/v1/track?event=e&anonymousId=a&writeKey={key}", {}),
        ("GET", f"/v1/projects/{key}/settings", {}),
        ("GET", f"/sourceConfig/?writeKey={key}", {}),
    ]
    await asyncio.sleep(2.1)  # so long a process believes what it knows of a key
    for method, url, more in asked:
        answer = await mortal.client.request(method, url, headers=basic(key), **more)
        assert (url, answer.status_code) == (url, 503)
        assert int(answer.headers["retry-after"]) >= 1
    health = await mortal.client.get("/health")
    assert health.status_code == 503
    mortal.server = await asyncio.to_thread(ensure_server, data_dir)
    sender = Retrying(mortal.webs[0], key)
    await sender.deliver(mortal.client, [item])
    conn = await connect_again(mortal.server.dsn)
    assert await on_the_timeline(conn, {item["messageId"]}) == [item["messageId"]]
    await conn.close()
