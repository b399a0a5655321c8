"""Somebody is erased while something of his is under way: it is through before, or finds nobody after."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.support.private import Customer, Registry
from tests.support.secret import TEST_SECRET
from tests.support.shop import basic, fresh
from unisono.customers.privacy.erasing import Eraser
from unisono.personal import PARTS


@contextlib.asynccontextmanager
async def waits(registry: Registry, who: Customer) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection on which something of his is done in a transaction: the erasure that runs beside it must wait, and
    is done once the transaction ended."""
    number = await registry.begin(who)
    conn = await asyncpg.connect(registry.shop.dsn)
    async with conn.transaction():
        yield conn
        erasing = asyncio.ensure_future(Eraser(registry.pool, PARTS, TEST_SECRET).work(number, now=datetime.now(UTC)))
        await asyncio.sleep(1.2)
        assert not erasing.done()
    await erasing
    await conn.close()
    assert await registry.conn.fetchval("select state from privacy_request where id = $1", number) == "done"
    await registry.work(timedelta(minutes=30))
    assert await registry.left(who) == []


@pytest.mark.parametrize(
    "statement",
    [
        "insert into trait (node_id, name, source_id, value, occurred_at)"
        " select id, 'late', 1, to_jsonb($1::text), now() from node where value = $1",
        "insert into event (lane, node_id, type, name, channel, message_id, occurred_at, received_at, properties)"
        " select 0, id, 'track', 'Late', 'web', $1 || 'late', now(), now(), jsonb_build_object('mail', $1::text)"
        " from node where value = $1",
        "insert into inbox_item (node_id, slot, content, starts_at)"
        " select id, 'chat', to_jsonb($1::text), now() from node where value = $1",
        "insert into idempotency (scope, key, request_hash, status, body, content_type)"
        " select 'late', $1, '', 200, convert_to($1, 'UTF8'), 'text/plain'",
    ],
    ids=["a fold", "an event", "a message", "an answer"],
)
async def test_it_waits_for_whoever_is_at_work_on_him(registry: Registry, statement: str) -> None:
    """What another transaction writes about him before it commits is erased too."""
    who = await registry.customer()
    async with waits(registry, who) as conn:
        await conn.execute(statement, who.email)


async def test_it_waits_for_a_snapshot_that_is_being_read(registry: Registry) -> None:
    """A copy or a report that reads him in one snapshot is read to its end first."""
    who = await registry.customer()
    async with waits(registry, who) as conn:
        await conn.fetchval("select count(*) from event")


async def test_events_poured_in_meanwhile_leave_nothing_from_before(registry: Registry) -> None:
    """While clients keep sending his events, and send them again, he is erased: what happened before is gone, also
    what waited in the collector."""
    who = await registry.customer()
    number = await registry.begin(who)
    then = datetime.now(UTC).isoformat()
    going = True

    async def pour() -> int:
        count = 0
        while going:
            events = [
                {"type": "track", "event": "Page Viewed", "userId": who.user, "messageId": fresh(), "timestamp": then},
                {
                    "type": "identify",
                    "anonymousId": who.device,
                    "messageId": fresh(),
                    "timestamp": then,
                    "context": {"traits": {"email": who.email}},
                },
            ]
            answer = await registry.shop.client.post(
                "/v1/batch", json={"batch": events}, headers=basic(registry.made.key)
            )
            assert answer.status_code == 200, answer.text
            count += len(events)
        return count

    pouring = [asyncio.ensure_future(pour()) for _ in range(6)]
    await asyncio.sleep(0.5)
    await registry.work()
    await asyncio.sleep(0.5)
    going = False
    sent = sum(await asyncio.gather(*pouring))
    await registry.work(timedelta(minutes=30))
    assert sent > 50
    assert await registry.conn.fetchval("select state from privacy_request where id = $1", number) == "done"
    assert await registry.left(who) == []
    assert await registry.conn.fetchval("select count(*) from failed_event where code = 'erased' and raw <> ''") == 0


async def test_somebody_joined_meanwhile_is_asked_about_again(registry: Registry) -> None:
    """Two people put together between the confirmation and the work: nobody is erased, the request is open again."""
    who, other = await registry.customer(), await registry.customer()
    number = await registry.begin(who)
    await registry.say(
        {"type": "identify", "userId": who.user, "traits": {"email": f"second.{who.email}"}, "messageId": fresh()}
    )
    await registry.work()
    state = await registry.conn.fetchval("select state from privacy_request where id = $1", number)
    assert state == "open"
    assert await registry.person(who) is not None
    assert await registry.person(other) is not None


async def test_a_planned_message_never_leaves(registry: Registry) -> None:
    """Messages planned, claimed or handed over are gone from the ledger: there is nothing to hand over or settle."""
    who = await registry.customer()
    for state in ("planned", "claimed", "unknown"):
        await registry.conn.execute(
            """insert into message (key, node_id, origin, purpose, channels, due_at, try_at, created_by, state)
               select $1, id, 'api', 'service', '{email}', now(), now(), 'test', $2 from node where value = $3""",
            fresh(),
            state,
            who.email,
        )
    node = await registry.conn.fetchval("select id from node where value = $1", who.email)
    await registry.erase(who)
    assert await registry.conn.fetchval("select count(*) from message where node_id = $1", node) == 0
