"""Tasks: calls to make and words to say, settled with what came of them."""

from __future__ import annotations

from typing import Any, cast, get_args

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.contexts import sends
from unisono.console.deeds import Deed, run_and_go
from unisono.console.pages import AnyRequest, form_of, page, pool_of, safe_path, words_of
from unisono.console.routes.orders import places_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.products import asked
from unisono.console.routes.reader import audited, require_in_scope
from unisono.console.sent import one_person, people_named
from unisono.console.views import tasks as views
from unisono.console.views.commerce import instant_typed, problem_with_reasons, whole_typed
from unisono.console.views.saying import choices
from unisono.console.views.shopwords import place_choices
from unisono.console.words import Words
from unisono.customers.consent import service as consent
from unisono.customers.identity import service as identity
from unisono.engagement.channels.tasks import service
from unisono.engagement.channels.tasks.service import NewTask, Outcome, Settled, Task, TaskKind, TaskState
from unisono.kit.database import Connection, transaction
from unisono.kit.errors import BadRequest, NotFound, UnisonoError

SECTION = "tasks"
PAGE_SIZE = 50
NEW_KINDS = ("call", "clerk", "other")
MOST_MINUTES = 24 * 60


def _mine(principal: Principal, task: Task) -> Task:
    if principal.stores is not None and task.store_id not in principal.stores:
        raise NotFound(f"There is no task {task.id}.", code="task_not_found")
    return task


def _chips(chosen: dict[str, str], words: Words) -> tuple[list[contexts.Chip], list[contexts.Chip]]:
    def chip(label: str, name: str, value: str) -> contexts.Chip:
        href = links.with_query(links.TASKS, {**chosen, name: value})
        return contexts.Chip(label=label, href=href, selected=chosen[name] == value)

    states = [
        chip(words.gettext(text), "state", "" if state == "open" else state) for state, text in views.STATES.items()
    ]
    kinds = [chip(words.gettext("Every kind"), "kind", "")]
    kinds += [chip(words.gettext(text), "kind", kind) for kind, text in views.KINDS.items()]
    return states, kinds


async def _show(
    request: AnyRequest, *, error: UnisonoError | None = None, part: str = "", values: dict[str, str] | None = None
) -> Response[str]:
    principal, now = caller(request), now_of(request)
    words = words_of(request, principal)
    chosen = {name: asked(request, name, 20) for name in ("state", "kind")}
    chosen["state"] = chosen["state"] if chosen["state"] in ("done", "dropped") else ""
    chosen["kind"] = chosen["kind"] if chosen["kind"] in views.KINDS else ""
    after = asked(request, "after", 18)
    async with transaction(pool_of(request)) as conn:
        last = _mine(principal, await service.get(conn, int(after))) if after.isdecimal() else None
        found = await service.tasks(
            conn,
            state=cast("TaskState", chosen["state"] or "open"),
            kind=cast("TaskKind | None", chosen["kind"] or None),
            stores=principal.stores,
            after=last,
            most=PAGE_SIZE + 1,
        )
        shown = found[:PAGE_SIZE]
        people = await people_named(conn, [one.person_id for one in shown], principal, words)
        if people:
            await audited(conn, principal, "people.list", people=sorted(people))
        places = {store: store for store in sorted(principal.stores or ())} | await places_of(conn, principal)
    states, kinds = _chips(chosen, words)
    sentence = [words.gettext(views.STATES[chosen["state"]])] if chosen["state"] else []
    sentence += [words.gettext(views.KINDS[chosen["kind"]])] if chosen["kind"] else []
    contacts, messages = principal.may("people:contact"), principal.may("voice:read")
    typed = values or {}
    view = sends.Tasks(
        rows=[
            views.task_row(
                one,
                people,
                words,
                now,
                contacts=contacts,
                messages=messages,
                places=places,
                outcome=typed.get("outcome", "") if part == str(one.id) else "",
            )
            for one in shown
        ],
        paging=contexts.Paging(
            shown=len(shown),
            previous_href=links.with_query(links.TASKS, chosen) if after else None,
            next_href=links.with_query(links.TASKS, {**chosen, "after": shown[-1].id})
            if len(found) > PAGE_SIZE
            else None,
        ),
        states=states,
        kinds=kinds,
        any_tasks=bool(shown or sentence or after),
        filter_sentence=", ".join(sentence),
        new_kinds=choices(views.KINDS, typed.get("kind", ""), words, NEW_KINDS),
        stores=place_choices(places.items(), typed.get("store", "")),
        every_store=principal.stores is None,
        values=typed,
        part=part,
        problem=problem_with_reasons(words, error) if error else None,
    )
    return await page(
        request, view, title=words.gettext("Tasks"), section=SECTION, status=error.status if error else 200
    )


@get(links.TASKS, guards=[requires("tasks:write")], include_in_schema=False)
async def list_tasks(request: AnyRequest) -> Response[str]:
    """What is to be done, the soonest due first; a clerk sees what is for the own stores."""
    return await _show(request)


@post(links.TASKS, guards=[requires("tasks:write")], include_in_schema=False, status_code=200)
async def make_task(request: AnyRequest) -> Response[Any]:
    """Something one of ours has to do."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words = words_of(request, principal)
    try:
        new = _new_task(principal, form, words)

        async def act(conn: Connection) -> Deed:
            node = None
            if form.get("who", "").strip():
                node = await one_person(conn, request, form["who"])
                await require_in_scope(conn, principal, node)
                node = await _number(conn, node) if new.kind == "call" else node
            made = await service.create(conn, NewTask(**{**_fields(new), "node_id": node}), now=now)
            return Deed(
                text=words.gettext("The task is on the list."),
                href=links.TASKS,
                action="task.created",
                person_id=node,
                detail={"task": made or 0},
            )

        return await run_and_go(request, form, act)
    except UnisonoError as error:
        return await _show(request, error=error, part="new", values=form)


async def _number(conn: Connection, person: int) -> int:
    """The identifier to be called: the person's phone number; without one the person."""
    phones = [row["id"] for row in await identity.nodes_of(conn, person) if row["namespace"] == "phone"]
    return min(phones, default=person)


def _fields(task: NewTask) -> dict[str, Any]:
    return {name: getattr(task, name) for name in task.__struct_fields__}


def _new_task(principal: Principal, form: dict[str, str], words: Words) -> NewTask:
    title, kind, store = form.get("title", "").strip(), form.get("kind", "other"), form.get("store", "").strip()
    if not title or len(title) > service.MAX_TITLE:
        raise BadRequest("Say what is to be done.", code="task_title", field="title")
    if principal.stores is not None and store not in principal.stores:
        raise BadRequest("Name one of your stores.", code="not_your_store", field="store")
    return NewTask(
        kind=cast("TaskKind", kind if kind in NEW_KINDS else "other"),
        title=title,
        body=form.get("body", "").strip()[: service.MAX_BODY],
        store_id=store[:100] or None,
        due_at=instant_typed(form.get("due", ""), words, field="due"),
    )


@post(pattern(links.task_settle, "task_id"), guards=[requires("tasks:write")], include_in_schema=False, status_code=200)
async def settle_task(request: AnyRequest, task_id: FromPath[int]) -> Response[Any]:
    """Say what came of it; who wants no more calls is not called again."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words, outcome = words_of(request, principal), form.get("outcome", "")
    try:
        if outcome not in get_args(Outcome):
            raise BadRequest("Say what came of it.", code="outcome_missing", field="outcome")
        minutes = whole_typed(form.get("minutes", ""), field="minutes", most=MOST_MINUTES)
        settled = Settled(
            outcome=cast("Outcome", outcome),
            note=form.get("note", "").strip()[: service.MAX_NOTE] or None,
            seconds=None if minutes is None else minutes * 60,
        )

        async def act(conn: Connection) -> Deed:
            task = _mine(principal, await service.get(conn, task_id))
            await service.settle(conn, task, settled, actor=principal.actor, name=principal.name, now=now)
            if outcome == "do_not_contact" and task.person_id is not None:
                await _no_more_calls(conn, task, principal, now)
            said = words.gettext(views.OUTCOMES[outcome])
            return Deed(
                text=words.gettext("%(task)s: %(outcome)s.") % {"task": task.title[:60], "outcome": said},
                href=safe_path(form.get("next"), links.TASKS),
                action="task.settled",
                person_id=task.person_id,
                detail={"task": task_id, "outcome": outcome},
            )

        return await run_and_go(request, form, act)
    except NotFound:
        raise
    except UnisonoError as error:
        return await _show(request, error=error, part=str(task_id), values=form)


async def _no_more_calls(conn: Connection, task: Task, principal: Principal, now: Any) -> None:
    assert task.person_id is not None
    nodes = [row["id"] for row in await identity.nodes_of(conn, task.person_id)]
    await consent.withdraw(conn, nodes, channel="call", source="call", actor=principal.actor, now=now, via="call")
    detail = {"channel": "call"}
    await audit.record(conn, actor=principal.actor, action="consent.withdraw", person_id=task.person_id, detail=detail)


routes: list[ControllerRouterHandler] = [list_tasks, make_task, settle_task]
