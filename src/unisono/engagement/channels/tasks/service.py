"""Making tasks, finding what is to be done, saying what came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from unisono.customers.record import Happening, record
from unisono.kit.database import Connection
from unisono.kit.errors import Conflict, NotFound
from unisono.kit.sql import load

_sql = load("unisono.engagement.channels.tasks")

TaskKind = Literal["call", "clerk", "review", "other"]
TaskState = Literal["open", "done", "dropped"]

Outcome = Literal["reached", "not_reached", "wrong_number", "declined", "do_not_contact", "done", "dropped"]
"""How a task can end. ``declined``: not interested this time; ``do_not_contact``: never again on this channel;
``dropped``: nobody did it."""

CALLED: frozenset[Outcome] = frozenset({"reached", "not_reached", "wrong_number", "declined", "do_not_contact"})
"""Outcomes of a call task that mean somebody dialled."""

MAX_TITLE = 300
MAX_BODY = 10_000
MAX_NOTE = 2000


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task to be made. ``role`` says who does it, ``store_id`` where."""

    kind: TaskKind
    title: str
    body: str = ""
    node_id: int | None = None
    message_id: int | None = None
    store_id: str | None = None
    role: str | None = None
    due_at: datetime | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task. ``phone`` is the number to call, for those who may see it."""

    id: int
    node_id: int | None
    person_id: int | None
    message_id: int | None
    kind: TaskKind
    title: str
    body: str
    store_id: str | None
    role: str | None
    due_at: datetime | None
    state: TaskState
    outcome: str | None
    created_at: datetime
    settled_at: datetime | None
    settled_by: str | None
    phone: str | None = None


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a task. ``seconds``: how long the call took."""

    outcome: Outcome
    note: str | None = None
    seconds: int | None = None


async def create(conn: Connection, task: NewTask, *, now: datetime) -> int | None:
    """Make a task inside the caller's transaction and tell the timeline (``Task Created``); None when its message has
    made one already."""
    found = await _sql.insert_task(
        conn,
        node_id=task.node_id,
        message_id=task.message_id,
        kind=task.kind,
        title=task.title[:MAX_TITLE],
        body=task.body[:MAX_BODY],
        store_id=task.store_id,
        role=task.role,
        due_at=task.due_at,
        created_at=now,
    )
    if found is None or task.node_id is None:
        return None if found is None else int(found)
    facts = {"task_id": str(found), "subject": task.title[:MAX_TITLE], "kind": task.kind, "store_id": task.store_id}
    if task.due_at is not None:
        facts["due_at"] = task.due_at.isoformat()
    if task.message_id is not None:
        facts["message_id"] = str(task.message_id)
    event = Happening(
        node_id=task.node_id,
        name="Task Created",
        key=f"task:{found}:created",
        channel="service",
        store_id=task.store_id,
        at=now,
        properties=_known(facts),
    )
    await record(conn, [event], clock=lambda: now)
    return int(found)


async def tasks(
    conn: Connection,
    *,
    state: TaskState = "open",
    kind: TaskKind | None = None,
    stores: Collection[str] | None = None,
    nodes: Sequence[int] | None = None,
    after: Task | None = None,
    most: int = 50,
) -> list[Task]:
    """Tasks, the soonest due first. ``stores`` None means everywhere, ``nodes`` only of one person."""
    rows = await _sql.list_tasks(
        conn,
        state=state,
        kind=kind,
        stores=None if stores is None else sorted(stores),
        nodes=None if nodes is None else list(nodes),
        after_due=after.due_at if after is not None else None,
        after_id=after.id if after is not None else 0,
        most=most,
    )
    return [_task(row) for row in rows]


def _task(row: Mapping[str, Any]) -> Task:
    return msgspec.convert(dict(row), Task)


async def get(conn: Connection, task_id: int) -> Task:
    """One task. Raises NotFound."""
    row = await _sql.find_task(conn, id=task_id)
    if row is None:
        raise NotFound(f"There is no task {task_id}.", code="task_not_found")
    return _task(row)


async def settle(conn: Connection, task: Task, settled: Settled, *, actor: str, name: str, now: datetime) -> Task:
    """Say what came of a task: ``Task Completed``, and ``Call Logged`` when somebody dialled.

    Of two who settle it at once one wins; raises Conflict (``task_settled``) for the other.
    """
    state: TaskState = "dropped" if settled.outcome == "dropped" else "done"
    changed = await _sql.settle_task(conn, id=task.id, state=state, outcome=settled.outcome, now=now, actor=actor)
    if not changed:
        raise Conflict("It has been settled already.", code="task_settled")
    if task.node_id is not None and state == "done":
        await record(conn, _events(task, settled, name, now), clock=lambda: now)
    return await get(conn, task.id)


def _events(task: Task, settled: Settled, name: str, now: datetime) -> list[Happening]:
    assert task.node_id is not None
    shared: dict[str, Any] = {
        "task_id": str(task.id),
        "subject": task.title,
        "outcome": settled.outcome,
        "agent_name": name,
        "store_id": task.store_id,
        "message_id": None if task.message_id is None else str(task.message_id),
        "text": settled.note,
    }
    events = [
        Happening(
            node_id=task.node_id,
            name="Task Completed",
            key=f"task:{task.id}:completed",
            channel="service",
            store_id=task.store_id,
            at=now,
            properties=_known(shared),
        )
    ]
    if task.kind == "call" and settled.outcome in CALLED:
        call = {**shared, "call_id": f"task-{task.id}", "direction": "out", "duration": settled.seconds}
        events.append(
            Happening(
                node_id=task.node_id,
                name="Call Logged",
                key=f"task:{task.id}:call",
                channel="call",
                store_id=task.store_id,
                at=now,
                properties=_known(call),
            )
        )
    return events


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
