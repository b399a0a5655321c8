"""Tasks over the API: what is to be done, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery, JSONBody, Parameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.customers.consent import service as consent
from unisono.customers.identity import service as identity
from unisono.customers.profiles.meeting import person_within
from unisono.customers.web import write
from unisono.engagement.channels.tasks import service
from unisono.engagement.channels.tasks.service import NewTask, Outcome, Settled, Task, TaskKind, TaskState
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, NotFound
from unisono.kit.web import MAX_ID, PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

GUARD = [requires("tasks:write")]
TAGS = ["Tasks"]


class Tasks(msgspec.Struct, frozen=True, kw_only=True):
    """A page of tasks, the soonest due first; the next page comes with ``after`` = ``next``."""

    tasks: tuple[Task, ...]
    next: int | None = None


class TaskRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A task to be made by hand. ``person_id`` may be the id of any of a person's identifiers."""

    kind: TaskKind = "other"
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=service.MAX_TITLE)]
    body: Annotated[str, msgspec.Meta(max_length=service.MAX_BODY)] = ""
    person_id: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)] | None = None
    store_id: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    role: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    due_at: datetime | None = None


class Settlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came of it. ``do_not_contact`` withdraws the consent for calls at once."""

    outcome: Outcome
    note: Annotated[str, msgspec.Meta(max_length=service.MAX_NOTE)] | None = None
    seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None


def _mine(principal: Principal, task: Task) -> Task:
    """A task as this caller may see it. Raises NotFound for one of another store."""
    if principal.stores is not None and task.store_id not in principal.stores:
        raise NotFound(f"There is no task {task.id}.", code="task_not_found")
    return task if principal.may("people:contact") else msgspec.structs.replace(task, phone=_masked(task.phone))


def _masked(phone: str | None) -> str | None:
    return None if phone is None else "…" + phone[-3:]


@get("/api/tasks", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="What is to be done")
async def list_tasks(
    request: AnyRequest,
    status: FromQuery[TaskState] = "open",
    kind: FromQuery[TaskKind | None] = None,
    store: Annotated[str | None, Parameter(max_length=100)] = None,
    after: Annotated[int | None, QueryParameter(ge=1, le=MAX_ID)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> Tasks:
    """Tasks of a state; a clerk sees those of the own stores."""
    principal = caller(request)
    stores = None if store is None else {store}
    if principal.stores is not None:
        stores = set(principal.stores) if stores is None else stores & principal.stores
    async with connection(request.app.state.pool) as conn:
        last = await service.get(conn, after) if after is not None else None
        found = await service.tasks(conn, state=status, kind=kind, stores=stores, after=last, most=limit)
        people = sorted({task.person_id for task in found if task.person_id is not None})
        if people:
            detail = {"people": people}
            await audit.record(conn, actor=principal.actor, action="people.list", detail=detail, wait=False)
    shown = tuple(_mine(principal, task) for task in found)
    return Tasks(tasks=shown, next=shown[-1].id if len(shown) == limit else None)


@post("/api/tasks", guards=GUARD, tags=TAGS, responses=PROBLEMS, status_code=201, summary="Make a task")
async def create_task(request: AnyRequest, data: JSONBody[TaskRequest]) -> Response[Task]:
    """Something one of ours has to do; on the timeline of the person, when it is for somebody."""
    principal, now = caller(request), now_of(request)
    if data.due_at is not None and data.due_at.tzinfo is None:
        raise BadRequest("due_at needs a time zone.", code="no_time_zone", hint="As 2026-12-01T10:00:00+01:00")
    if principal.stores is not None and data.store_id not in principal.stores:
        raise BadRequest("Name one of your stores.", code="not_your_store")

    async def action(conn: Connection) -> Task:
        node = None if data.person_id is None else await person_within(conn, principal, data.person_id)
        new = NewTask(
            kind=data.kind,
            title=data.title,
            body=data.body,
            node_id=node,
            store_id=data.store_id,
            role=data.role,
            due_at=data.due_at,
        )
        made = await service.create(conn, new, now=now)
        assert made is not None
        await audit.record(conn, actor=principal.actor, action="task.created", person_id=node, detail={"task": made})
        return _mine(principal, await service.get(conn, made))

    return await write(request, action, status=201)


@post(
    "/api/tasks/{task_id:int}/settle",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Say what came of a task",
)
async def settle_task(request: AnyRequest, task_id: PathId, data: JSONBody[Settlement]) -> Response[Task]:
    """Done, or dropped. A call is on the timeline with its outcome; who wants no more calls is not called again."""
    principal, now = caller(request), now_of(request)
    settled = Settled(outcome=data.outcome, note=data.note, seconds=data.seconds)

    async def action(conn: Connection) -> Task:
        task = _mine(principal, await service.get(conn, task_id))
        done = await service.settle(conn, task, settled, actor=principal.actor, name=principal.name, now=now)
        detail = {"task": task_id, "outcome": settled.outcome}
        person = task.person_id
        await audit.record(conn, actor=principal.actor, action="task.settled", person_id=person, detail=detail)
        if settled.outcome == "do_not_contact" and task.node_id is not None:
            await _withdraw(conn, task, actor=principal.actor, now=now)
        return _mine(principal, done)

    return await write(request, action)


async def _withdraw(conn: Connection, task: Task, *, actor: str, now: datetime) -> None:
    assert task.node_id is not None and task.person_id is not None
    nodes = [row["id"] for row in await identity.nodes_of(conn, task.person_id)]
    await consent.withdraw(conn, nodes, channel="call", source="call", actor=actor, now=now, via="call")
    detail = {"channel": "call"}
    await audit.record(conn, actor=actor, action="consent.withdraw", person_id=task.person_id, detail=detail)


routes: list[ControllerRouterHandler] = [list_tasks, create_task, settle_task]
"""What staff and their systems call."""
