"""Tasks of our own people: made once, settled once, on the timeline."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.consent import Somebody, people
from tests.support.reaching import account, outgoing
from unisono.engagement.channels.adapters.staff import CallTask, ClerkTask, TaskSender
from unisono.engagement.channels.tasks import service
from unisono.engagement.channels.tasks.service import NewTask, Settled
from unisono.kit.database import Connection, Pool
from unisono.kit.errors import Conflict, NotFound

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


async def ask(conn: Connection, who: Somebody, *, number: int = 1, call: bool = True, **more: Any) -> Any:
    """A message by our people."""
    adapter = CallTask() if call else ClerkTask()
    made = account(adapter, {"role": "agent", "due_hours": 4})
    sender = TaskSender(adapter.settings(made), adapter.task, clock=lambda: NOW)
    node = who.phone if call else who.user
    given: dict[str, Any] = {"message_id": number, "node_id": node, "title": "Call about the order", "text": None}
    return await sender.send(conn, outgoing(**(given | more)))


async def events(conn: Connection) -> list[str]:
    """Names of the events written."""
    return [row["name"] for row in await conn.fetch("select name from event order by id")]


async def test_a_message_becomes_one_task_and_one_event(pool: Pool) -> None:
    """With the number to call, due in its hours or when the message ends."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        for _ in range(2):
            assert (await ask(conn, who, body="Ask about the size")).outcome == "accepted"
        await ask(conn, who, number=2, ends_at=NOW + timedelta(hours=1))
        sooner, later = await service.tasks(conn)
        assert await events(conn) == ["Task Created", "Task Created"]
    assert (later.title, later.body, later.role, later.due_at) == (
        "Call about the order",
        "Ask about the size",
        "agent",
        NOW + timedelta(hours=4),
    )
    assert sooner.due_at == NOW + timedelta(hours=1)
    assert (later.person_id, (later.phone or "")[:6]) == (who.person, "+39333")


@pytest.mark.parametrize(
    ("call", "outcome", "told"),
    [
        pytest.param(True, "reached", ["Task Completed", "Call Logged"], id="reached"),
        pytest.param(True, "not_reached", ["Task Completed", "Call Logged"], id="not-reached"),
        pytest.param(True, "done", ["Task Completed"], id="done-without-calling"),
        pytest.param(True, "dropped", [], id="dropped"),
        pytest.param(False, "reached", ["Task Completed"], id="in-the-store"),
    ],
)
async def test_what_came_of_it_is_told(pool: Pool, call: bool, outcome: Any, told: list[str]) -> None:
    """A call only when somebody dialled; nothing when nobody did anything."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        await ask(conn, who, call=call)
        [task] = await service.tasks(conn)
        settled = Settled(outcome=outcome, note="Tomorrow", seconds=95)
        done = await service.settle(conn, task, settled, actor="a@b.example", name="Anna", now=NOW)
        assert (done.state, done.outcome) == ("dropped" if outcome == "dropped" else "done", outcome)
        assert await events(conn) == ["Task Created", *told]
        if "Call Logged" in told:
            row = await conn.fetchval("select properties from event where name = 'Call Logged'")
            for fact in ('"direction": "out"', '"duration": 95', '"agent_name": "Anna"', '"message_id": "1"'):
                assert fact in row


async def test_of_two_who_settle_at_once_one_wins(pool: Pool) -> None:
    """The other is told, and the timeline says it once."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        await ask(conn, who)
        [task] = await service.tasks(conn)

    async def settle(name: str) -> bool:
        async with pool.acquire() as own, own.transaction():
            try:
                await service.settle(own, task, Settled(outcome="reached"), actor=name, name=name, now=NOW)
            except Conflict as refused:
                assert refused.code == "task_settled"
                return False
            return True

    assert sorted(await asyncio.gather(*(settle(f"agent-{n}") for n in range(4)))) == [False, False, False, True]
    async with pool.acquire() as conn:
        assert await events(conn) == ["Task Created", "Task Completed", "Call Logged"]


async def test_pages_go_through_all_tasks_the_soonest_first(pool: Pool) -> None:
    """Those without a date come last; nothing is seen twice."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        for hours in (3, None, 1, None, 2):
            due = None if hours is None else NOW + timedelta(hours=hours)
            await service.create(conn, NewTask(kind="other", title=f"{hours}", node_id=who.user, due_at=due), now=NOW)
        seen: list[str] = []
        last = None
        while page := await service.tasks(conn, after=last, most=2):
            seen += [task.title for task in page]
            last = page[-1]
        assert seen == ["1", "2", "3", "None", "None"]


async def test_lists_keep_to_stores_kinds_and_people(pool: Pool) -> None:
    """A clerk's list has the own stores alone."""
    async with pool.acquire() as conn:
        one, other = await people(conn, 2)
        await ask(conn, one, store_id="milano")
        await ask(conn, other, number=2, call=False, store_id="roma")
        await service.create(conn, NewTask(kind="review", title="Look"), now=NOW)
        titles = [len(await service.tasks(conn, **how)) for how in ({"stores": {"milano"}}, {"kind": "clerk"}, {})]
        assert titles == [1, 1, 3]
        assert [task.store_id for task in await service.tasks(conn, nodes=one.nodes)] == ["milano"]
        assert await service.tasks(conn, stores=set()) == []
        with pytest.raises(NotFound):
            await service.get(conn, 10**9)
