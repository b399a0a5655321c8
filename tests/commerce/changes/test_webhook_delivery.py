"""Webhooks over a real network: order, retries, replay, rotation, one endpoint apart from another, kill -9."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

import unisono
from tests.support.changing import change, new_change
from tests.support.forking import Program
from tests.support.receiver import Received, Receiver, Reply, receiving
from tests.support.serving import serving
from unisono.access.keys import create_source
from unisono.commerce.changes.webhooks import lane, rules, service
from unisono.commerce.changes.webhooks.deliverer import Deliverer
from unisono.commerce.changes.webhooks.model import Endpoint
from unisono.customers.timeline.model import BEGINNING
from unisono.kit import http
from unisono.kit.database import Pool, open_pool

LABELS = sorted(
    {
        label
        for file in Path(unisono.__file__).parent.glob("commerce/changes/webhooks/*.py")
        for label in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))
    }
)


async def make(pool: Pool, receiver: Receiver, *kinds: str, name: str = "shop") -> Endpoint:
    """An endpoint at a receiver."""
    async with pool.acquire() as conn:
        return await service.create(
            conn, name=name, url=receiver.url, kinds=kinds, private=True, actor="test", now=datetime.now(UTC)
        )


@asynccontextmanager
async def delivering(
    pool: Pool, clock: Callable[[], datetime] = lambda: datetime.now(UTC), *, private: bool = True
) -> AsyncIterator[Deliverer]:
    """A deliverer at work, with connections of its own."""
    deliverer = Deliverer(pool, private=private, clock=clock)
    task = asyncio.create_task(deliverer.run())
    try:
        yield deliverer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def wide(dsn: str) -> AsyncIterator[Pool]:
    """A pool for a deliverer and a test."""
    pool = await open_pool(dsn, 12)
    yield pool
    await pool.close()


async def until(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def until_sql(pool: Pool, query: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not await pool.fetchval(query):
        assert time.monotonic() < deadline, query
        await asyncio.sleep(0.05)


def sequences(received: list[Received]) -> dict[str, list[int]]:
    """The sequences of each subject as they came."""
    found: dict[str, list[int]] = {}
    for one in received:
        found.setdefault(one.data["subject"], []).append(one.data["sequence"])
    return found


async def test_every_wanted_change_is_signed_and_comes_in_the_order_of_its_subject(wide: Pool) -> None:
    """300 changes of ten subjects: each once, in order, several at once; those of other kinds are left out."""
    async with receiving() as receiver:
        receiver.reply = lambda _: Reply(after=0.005)
        endpoint = await make(wide, receiver, "price")
        async with delivering(wide):
            for n in range(1, 31):
                await change(wide, *(new_change(f"price:P{number}", n) for number in range(10)))
                await change(wide, new_change("stock:P1@milano", n))
            await until(lambda: len(receiver.taken) >= 300)
            await until_sql(wide, "select not exists (select 1 from webhook_delivery where state <> 'delivered')")
        assert sequences(receiver.received) == {f"price:P{number}": list(range(1, 31)) for number in range(10)}
        assert 1 < receiver.most_at_once <= lane.WIDTH
        assert len({one.id for one in receiver.received}) == 300
        for one in receiver.received:
            assert Webhook(endpoint.secrets[0]).verify(one.body, one.headers)["type"] == "price.changed"
        assert await wide.fetchval("select sum(seen) from propagation where channel = 'webhook/shop'") == 300


async def test_a_refused_message_parks_its_subject_and_nothing_else(
    wide: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on; the refused one comes again under its id and before its successors."""
    monkeypatch.setattr(rules, "_PAUSES", (0.5, 0.5, 0.5))
    refuse = True
    async with receiving() as receiver:
        receiver.reply = lambda one: Reply(422) if refuse and one.data["subject"] == "price:BAD" else Reply()
        await make(wide, receiver)
        async with delivering(wide):
            for n in (1, 2, 3):
                await change(wide, new_change("price:BAD", n), new_change("price:GOOD", n))
            await until(lambda: sequences(receiver.taken).get("price:GOOD") == [1, 2, 3])
            await until(lambda: len(receiver.received) >= 5)
            assert {one.data["sequence"] for one in receiver.received if one.status == 422} == {1}
            assert await wide.fetchval(
                "select failing_since is not null or succeeded_at is not null from webhook_endpoint"
            )
            refuse = False
            await until(lambda: sequences(receiver.taken).get("price:BAD") == [1, 2, 3])
        tries = [one for one in receiver.received if one.data["subject"] == "price:BAD" and one.data["sequence"] == 1]
        assert len({one.id for one in tries}) == 1
        assert len(tries) >= 2


async def test_one_slow_endpoint_delays_nobody_else(wide: Pool) -> None:
    """While one takes seconds for each answer the other has all of its messages."""
    async with receiving() as slow, receiving() as quick:
        slow.reply = lambda _: Reply(after=5)
        await make(wide, slow, name="slow")
        await make(wide, quick, name="quick")
        async with delivering(wide):
            await asyncio.sleep(1.2)
            began = time.monotonic()
            await change(wide, *(new_change(f"price:P{n}") for n in range(100)))
            await until(lambda: len(quick.taken) == 100, 4)
            assert time.monotonic() - began < 4
            assert len(slow.taken) == 0


async def test_a_receiver_that_is_away_is_left_alone_and_gets_everything_when_it_is_back(wide: Pool) -> None:
    """Nobody listens for a while: few tries, then all changes in order, and the endpoint fails no more."""
    async with receiving() as receiver:
        port = receiver.port
        await make(wide, receiver)
    async with delivering(wide):
        await change(wide, *(new_change(f"price:P{n}") for n in range(50)))
        await until_sql(wide, "select failing_since is not null from webhook_endpoint")
        await asyncio.sleep(3)
        assert await wide.fetchval("select sum(attempts) from webhook_delivery") < 30
        async with receiving(port) as back:
            await until(lambda: len(back.taken) == 50, 30)
            await until_sql(wide, "select failing_since is null from webhook_endpoint")
        assert len({one.id for one in back.received}) == 50


async def test_retry_after_is_honoured(wide: Pool) -> None:
    """A receiver that asks for two seconds is asked nothing more for two seconds, by no subject."""
    async with receiving() as receiver:
        receiver.reply = lambda _: Reply(503, "retry-after: 2\r\n") if len(receiver.received) < 1 else Reply()
        await make(wide, receiver)
        async with delivering(wide):
            await change(wide, new_change("price:A"))
            await until(lambda: len(receiver.received) == 1)
            asked = time.monotonic()
            await change(wide, new_change("price:B"))
            await until(lambda: len(receiver.received) >= 2)
            assert time.monotonic() - asked > 1.8


async def test_410_disables_and_three_days_of_failing_do(wide: Pool) -> None:
    """Each with its reason; what waits is kept, and goes out when the endpoint is enabled again."""
    moved = timedelta()
    async with receiving() as gone, receiving() as broken:
        gone.reply = lambda _: Reply(410)
        broken.reply = lambda _: Reply(500)
        first = await make(wide, gone, name="gone")
        second = await make(wide, broken, name="broken")
        async with delivering(wide, lambda: datetime.now(UTC) + moved):
            await change(wide, new_change("price:A"))
            reason = f"select disabled_reason from webhook_endpoint where id = {first.id}"
            await until_sql(wide, reason)
            assert "410" in await wide.fetchval(reason)
            await until_sql(wide, f"select failing_since is not null from webhook_endpoint where id = {second.id}")
            moved = timedelta(days=3, minutes=1)
            reason = f"select disabled_reason from webhook_endpoint where id = {second.id}"
            await until_sql(wide, reason)
            assert re.match(r"It has failed since .* UTC: Answered 500\.", await wide.fetchval(reason))
            tried = len(broken.received)
            broken.reply = lambda _: Reply()
            await change(wide, new_change("price:B"))
            await asyncio.sleep(1.5)
            assert len(broken.received) == tried
            async with wide.acquire() as conn:
                now = datetime.now(UTC) + moved
                enabled = await service.change(conn, second.id, enabled=True, private=True, now=now)
            assert enabled.disabled_at is None
            await until(lambda: sequences(broken.taken) == {"price:A": [1], "price:B": [1]})


async def test_replay_sends_again_under_the_same_ids(wide: Pool) -> None:
    """From a position and from a time; in order; without counting as slow; a time without zone is refused."""
    async with receiving() as receiver:
        endpoint = await make(wide, receiver)
        async with delivering(wide):
            await change(wide, *(new_change("price:A", n) for n in range(1, 6)))
            await until(lambda: len(receiver.taken) == 5)
            ids = [one.id for one in receiver.taken]
            await asyncio.sleep(0.2)
            async with wide.acquire() as conn:
                at = await conn.fetchval("select at from change where sequence = 4")
                await service.replay(conn, endpoint.id, after=BEGINNING, now=datetime.now(UTC))
                await until(lambda: len(receiver.taken) == 10)
                assert [one.id for one in receiver.taken[5:]] == ids
                await until_sql(wide, "select not exists (select 1 from webhook_delivery where state = 'pending')")
                await service.replay(conn, endpoint.id, since=at, now=datetime.now(UTC))
                await until(lambda: len(receiver.taken) >= 12)
                for wrong in ({}, {"since": datetime(2026, 1, 1)}, {"since": at, "after": BEGINNING}):
                    with pytest.raises(service.BadRequest):
                        await service.replay(conn, endpoint.id, now=datetime.now(UTC), **wrong)  # type: ignore[arg-type]
            await asyncio.sleep(0.5)
        assert set(ids[3:]) <= {one.id for one in receiver.taken[10:]} <= set(ids)
        assert await wide.fetchval("select sum(seen) from propagation where channel like 'webhook/%'") == 5


async def test_a_name_that_leads_inside_is_never_connected_to(wide: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name looks harmless and has two addresses, one of them this machine's: refused, and so is a redirect."""

    async def resolve(host: str, port: int) -> list[str]:
        assert host == "hooks.example"
        return ["93.184.216.34", "127.0.0.1"]

    monkeypatch.setattr(http, "resolve", resolve)
    async with receiving() as receiver:
        async with wide.acquire() as conn:
            url = f"https://hooks.example:{receiver.port}/x"
            await service.create(conn, name="inside", url=url, private=False, actor="test", now=datetime.now(UTC))
        async with delivering(wide, private=False):
            await change(wide, new_change())
            await until_sql(wide, "select last_error from webhook_endpoint")
        assert "inside this network" in await wide.fetchval("select last_error from webhook_endpoint")
        assert receiver.received == []


async def test_redirects_are_not_followed(wide: Pool) -> None:
    """Where a receiver points is not where the company sent its data."""
    async with receiving() as elsewhere, receiving() as receiver:
        receiver.reply = lambda _: Reply(302, f"location: {elsewhere.url}\r\n")
        await make(wide, receiver)
        async with delivering(wide):
            await change(wide, new_change())
            await until_sql(wide, "select last_error from webhook_endpoint")
        assert "redirects are not followed" in await wide.fetchval("select last_error from webhook_endpoint")
        assert elsewhere.received == []


async def test_two_processes_share_the_work_as_leader_and_follower(wide: Pool, dsn: str) -> None:
    """Both deliver, nothing comes twice; when the one that leads ends the other goes on."""
    second = await open_pool(dsn, 6)
    async with receiving() as receiver:
        await make(wide, receiver)
        async with delivering(second):
            async with delivering(wide):
                await change(wide, *(new_change(f"price:P{n}") for n in range(50)))
                await until(lambda: len(receiver.taken) == 50)
            await change(wide, *(new_change(f"price:Q{n}") for n in range(50)))
            await until(lambda: len(receiver.taken) == 100)
        assert len({one.id for one in receiver.received}) == 100
    await second.close()


async def test_the_database_cuts_the_connections(wide: Pool) -> None:
    """The deliverer goes on; nothing is lost."""
    async with receiving() as receiver:
        await make(wide, receiver)
        async with delivering(wide):
            for n in range(1, 4):
                await change(wide, *(new_change(f"price:P{number}", n) for number in range(10)))
                await wide.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
                await asyncio.sleep(0.3)
            await until(lambda: len({one.id for one in receiver.taken}) == 30, 30)


@contextmanager
def process(dsn: str, **env: str) -> Iterator[Program]:
    """A delivering process, dead at the end."""
    started = Program("tests.support.delivering_process", dsn, env={**os.environ, **env})
    try:
        yield started
    finally:
        started.kill()


def test_the_crash_points_are_where_they_are_looked_for() -> None:
    """Before and after the network, and after it was written down."""
    assert LABELS == ["webhooks.after_network", "webhooks.after_record", "webhooks.before_network"]


@pytest.mark.parametrize("label", LABELS)
async def test_killed_at_any_point_everything_arrives_under_the_same_id(dsn: str, wide: Pool, label: str) -> None:
    """At least once: what a kill repeats has the id it had, so whoever looks at ids has each change once, in order."""
    async with receiving() as receiver:
        await make(wide, receiver)
        made = 0

        async def more(count: int) -> None:
            nonlocal made
            await change(wide, *(new_change(f"price:P{n % 5}", n // 5 + 1) for n in range(made, made + count)))
            made += count

        await more(40)
        for after in ("0", "2"):
            with process(dsn, UNISONO_CRASH_POINT=label, UNISONO_CRASH_AFTER=after) as doomed:
                # How many tries are written down at once depends on the machine: there is work until it is dead.
                while doomed.poll() is None and made < 1000:
                    await asyncio.sleep(0.1)
                    await more(5)
                assert await asyncio.to_thread(doomed.wait) == 137
        with process(dsn):
            await until(lambda: len({one.id for one in receiver.taken}) == made, 30)
            await until_sql(wide, "select not exists (select 1 from webhook_delivery where state <> 'delivered')")
        seen: set[str] = set()
        once = [one for one in receiver.taken if not (one.id in seen or seen.add(one.id))]  # type: ignore[func-returns-value]
        assert sequences(once) == {f"price:P{n}": list(range(1, made // 5 + 1)) for n in range(5)}
        repeated = sum(times - 1 for times in Counter(one.id for one in receiver.taken).values())
        assert repeated <= 2 * lane.AT_WORK


async def test_webhooks_over_the_api(dsn: str, pool: Pool) -> None:
    """Make, look, ping, rotate, replay, log, disable, remove; the scope is needed, bad input changes nothing."""
    async with pool.acquire() as conn:
        scopes = frozenset({"webhooks:manage"})
        manager = await create_source(conn, name="m", kind="server", actor="test", scopes=scopes)
        reader = await create_source(conn, name="r", kind="server", actor="test", scopes=frozenset({"commerce:read"}))
    headers = {"authorization": f"Bearer {manager.key}"}
    with serving(dsn, env={"UNISONO_WEBHOOK_PRIVATE_ADDRESSES": "true"}) as (web,):
        async with receiving() as receiver, httpx.AsyncClient(base_url=web.url, headers=headers) as client:
            wrong = {"authorization": f"Bearer {reader.key}"}
            assert (await client.get("/api/webhooks", headers=wrong)).status_code == 403
            new = {"name": "Shop", "url": receiver.url, "kinds": ["price"]}
            for bad in ({"name": ""}, {"url": "gopher://x"}, {"kinds": ["prices"]}, {"surprise": 1}, {"name": None}):
                assert (await client.post("/api/webhooks", json=new | bad)).status_code == 400, bad
            assert (await client.get("/api/webhooks")).json() == []
            key = {"idempotency-key": "once"}
            made = (await client.post("/api/webhooks", json=new, headers=key)).json()
            assert (await client.post("/api/webhooks", json=new, headers=key)).json() == made
            assert made["secret"].startswith("whsec_")
            path = f"/api/webhooks/{made['id']}"
            assert (await client.get(path)).json()["secret"] is None
            assert (await client.post(f"{path}/ping")).json() | {"seconds": 0} == {
                "taken": True, "status": 200, "seconds": 0, "error": None
            }  # fmt: skip
            ping = receiver.received[-1]
            assert Webhook(made["secret"]).verify(ping.body, ping.headers)["type"] == "webhook.ping"
            rotated = (await client.post(f"{path}/secret", json={"overlap_seconds": 60})).json()
            await client.post(f"{path}/ping")
            for secret in (made["secret"], rotated["secret"]):
                Webhook(secret).verify(receiver.received[-1].body, receiver.received[-1].headers)
            async with delivering(pool):
                await change(pool, new_change("price:A"))
                await until(lambda: len(receiver.received) == 3)
                await until_sql(pool, "select exists (select 1 from webhook_delivery where state = 'delivered')")
            (logged,) = (await client.get(f"{path}/deliveries?state=delivered")).json()
            assert (logged["subject"], logged["last_status"], logged["attempts"]) == ("price:A", 200, 1)
            assert (await client.get(f"{path}/deliveries?state=odd")).status_code == 400
            assert (await client.post(f"{path}/replay", json={})).status_code == 400
            assert (await client.post(f"{path}/replay", json={"after": "0-0"})).json()["position"] == "0-0"
            form = {"content-type": "application/x-www-form-urlencoded"}
            typed = await client.post(f"{path}/replay", content=b'{"since": "2026-10-31T08:00:00Z"}', headers=form)
            assert typed.status_code == 200, "as curl -d sends it"
            changed = (await client.patch(path, json={"enabled": False, "kinds": []})).json()
            assert (changed["disabled_reason"], changed["kinds"]) == ("Disabled by hand.", [])
            assert (await client.delete(path)).status_code == 200
            assert (await client.get(path)).json()["code"] == "webhook_not_found"
            assert (await client.get(f"/api/webhooks/{2**40}")).status_code == 404
    deeds = [
        row[0] for row in await pool.fetch("select action from audit_entry where action like 'webhook.%' order by id")
    ]
    assert deeds == [f"webhook.{deed}" for deed in ("create", "rotate", "replay", "replay", "change", "delete")]
