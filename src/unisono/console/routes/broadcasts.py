"""Broadcasts: the list, one with its review or its progress, and the buttons that start, pause and stop it."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.contexts import sends
from unisono.console.deeds import Deed, run_and_go
from unisono.console.pages import AnyRequest, form_of, page, pool_of, settings_of, words_of
from unisono.console.routes.message_lines import lines
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked
from unisono.console.routes.reader import audited
from unisono.console.sent import named, segment_names, template_names
from unisono.console.views import broadcasts as views
from unisono.console.views.commerce import instant_text, instant_typed, problem_with_reasons
from unisono.console.words import Words
from unisono.customers.consent.model import ADDRESSES
from unisono.engagement.broadcasts import audience, progress, service
from unisono.engagement.broadcasts.errors import BadBroadcast, BroadcastNotFound
from unisono.engagement.broadcasts.model import Broadcast, BroadcastProgress, BroadcastSchedule
from unisono.engagement.delivery.model import Filters
from unisono.engagement.messages import service as messages
from unisono.engagement.policy.model import LocalTime
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import UnisonoError

SECTION = "broadcasts"
PAGE_SIZE = 20
LOOKED_AT = 500
"""Persons a review asks the policy of: the page must be there at once."""
SHOWN = 10


@get(links.BROADCASTS, guards=[requires("voice:read")], include_in_schema=False)
async def list_broadcasts(request: AnyRequest) -> Response[str]:
    """Broadcasts, newest first, with how far each is."""
    principal, now = caller(request), now_of(request)
    words, status, before = words_of(request, principal), asked(request, "status", 20), asked(request, "before", 9)
    status = status if status in views.STATUSES else ""
    async with connection(pool_of(request)) as conn:
        last = int(before) if before.isdecimal() else None
        found = await service.page(conn, status=status or None, before=last, limit=PAGE_SIZE + 1)
        rows = await progress.of(conn, found[:PAGE_SIZE], now=now)
        segments = await segment_names(conn, [one.segment for one in found])
        templates = await template_names(conn, [one.template for one in found])
    view = sends.Broadcasts(
        rows=[views.list_row(one.broadcast, one.progress, segments, templates, words) for one in rows],
        paging=contexts.Paging(
            shown=len(rows),
            previous_href=links.with_query(links.BROADCASTS, {"status": status}) if before else None,
            next_href=links.with_query(links.BROADCASTS, {"status": status, "before": found[PAGE_SIZE - 1].id})
            if len(found) > PAGE_SIZE
            else None,
        ),
        chips=_chips(status, words),
        any_broadcasts=bool(rows or status or before),
        filter_sentence=words.gettext(views.PHASES[status][0]) if status else "",
        can_send=principal.may("broadcasts:send"),
    )
    return await page(request, view, title=words.gettext("Broadcasts"), section=SECTION)


def _chips(chosen: str, words: Words) -> list[contexts.Chip]:
    every = contexts.Chip(label=words.gettext("All broadcasts"), href=links.BROADCASTS, selected=not chosen)
    return [
        every,
        *(
            contexts.Chip(
                label=words.gettext(views.PHASES[status][0]),
                href=links.with_query(links.BROADCASTS, {"status": status}),
                selected=status == chosen,
            )
            for status in views.STATUSES
        ),
    ]


# One ----------------------------------------------------------------------------------------------------


async def _view(
    conn: Connection, request: AnyRequest, principal: Principal, found: Broadcast, words: Words
) -> sends.BroadcastPage:
    now = now_of(request)
    [row] = await progress.of(conn, [found], now=now)
    segments = await segment_names(conn, [found.segment])
    templates = await template_names(conn, [found.template])
    sends_it = principal.may("broadcasts:send")
    segment = segments.get(found.segment or "", found.segment or "")
    view = sends.BroadcastPage(
        code=found.code,
        name=found.name,
        badge=views.badge_of(found, words),
        sentence=views.sentence(found, segment, templates.get(found.template, found.template), words),
        facts=views.facts(found, words),
        can_edit=sends_it and found.phase == "draft",
        can_schedule=sends_it and found.phase == "draft",
        can_test=sends_it and principal.may("messages:send"),
        version=found.version,
        values=views.schedule_values(found.schedule, instant_text(found.schedule.at, words)),
        steps=[(step, words.gettext(text)) for step, text in views.STEPS.get(found.phase, ())] if sends_it else [],
        edit_href=links.with_query(links.BROADCAST_FORM, {"code": found.code}),
    )
    if found.phase == "draft":
        return view
    return await _moving(conn, request, principal, view, found, row.progress)


async def _moving(
    conn: Connection,
    request: AnyRequest,
    principal: Principal,
    view: sends.BroadcastPage,
    found: Broadcast,
    done: BroadcastProgress,
) -> sends.BroadcastPage:
    """What came of it so far."""
    words = words_of(request, principal)
    newest = await messages.outbox(conn, Filters(broadcast_id=found.id), limit=SHOWN)
    rows = await lines(conn, newest.rows, principal, words)
    people = sorted({row.person.person_id for row in rows if row.person})
    if people:
        await audited(conn, principal, "people.list", people=people)
    return msgspec.structs.replace(
        view,
        funnel=views.funnel_of(done, found.code, words),
        tiles=views.tiles_of(done, settings_of(request).currency, words),
        why=views.why_rows(done.why_not, done.audience, words, found.code),
        done=max(0, done.audience - done.waiting),
        total=done.audience,
        starts_at=found.starts_at,
        by_own_clock=found.schedule.local is not None,
        moving=found.phase in views.MOVING,
        rows=rows,
    )


async def _reach(request: AnyRequest, draft: Broadcast, words: Words) -> sends.Reach:
    """Whom a draft would reach."""
    settings, now = settings_of(request), now_of(request)
    async with connection(pool_of(request)) as conn:
        looked = await audience.preview(conn, views.input_of(draft), now=now, settings=settings, sample=LOOKED_AT)
    return views.reach_of(looked, words)


async def _show(
    request: AnyRequest, code: str, error: UnisonoError | None = None, values: dict[str, str] | None = None
) -> Response[str]:
    principal = caller(request)
    words, status = words_of(request, principal), error.status if error else 200
    async with transaction(pool_of(request)) as conn:
        found = await service.get(conn, code)
        view = await _view(conn, request, principal, found, words)
    if found.phase == "draft" and found.segment is not None:
        try:
            view = msgspec.structs.replace(view, reach=await _reach(request, found, words))
        except UnisonoError as unable:
            error = error or unable
    if error is not None:
        problem = problem_with_reasons(words, error)
        view = msgspec.structs.replace(view, problem=problem, values={**view.values, **(values or {})})
    return await page(request, view, title=view.name, section=SECTION, status=status)


@get(text_pattern(links.broadcast, "code"), guards=[requires("voice:read")], include_in_schema=False)
async def show_broadcast(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """Before the launch a review, then the funnel and why some were not written to."""
    return await _show(request, code)


def schedule_typed(form: dict[str, str], words: Words) -> BroadcastSchedule:
    """When it begins, as a form says. Raises BadBroadcast, BadRequest."""
    when = form.get("when", "now")
    if when == "at":
        at = instant_typed(form.get("at", ""), words, field="at")
        if at is None:
            raise BadBroadcast("Say the day and the time.", code="time_missing", field="at")
        return BroadcastSchedule(at=at)
    if when == "local":
        try:
            day = date.fromisoformat(form.get("day", "").strip())
            local = msgspec.convert({"date": day, "time": form.get("time", "").strip()}, LocalTime)
        except (ValueError, msgspec.ValidationError):
            raise BadBroadcast("Say the day and the time.", code="time_missing", field="day") from None
        return BroadcastSchedule(local=local)
    return BroadcastSchedule()


async def _step(
    conn: Connection, request: AnyRequest, code: str, form: dict[str, str], words: Words
) -> tuple[str, str | None]:
    """Do what was pressed: what to say of it, and the step that takes it back."""
    now, actor, step = now_of(request), caller(request).actor, form.get("step", "")
    if step == "launch":
        version = form.get("version", "")
        made = await service.launch(
            conn,
            code,
            actor=actor,
            now=now,
            settings=settings_of(request),
            schedule=schedule_typed(form, words),
            expected_version=int(version) if version.isdecimal() and len(version) < 10 else None,
        )
        scheduled = made.starts_at is not None and made.starts_at > now
        said = words.gettext("It begins at its time.") if scheduled else words.gettext("It has begun.")
        return said, "unschedule" if scheduled else "pause"
    if step == "pause":
        await service.pause(conn, code, now=now)
        return words.gettext("Paused: from now on nothing of it leaves."), "resume"
    if step == "resume":
        await service.resume(conn, code, now=now)
        return words.gettext("It goes on where it was paused."), "pause"
    if step == "unschedule":
        await service.unschedule(conn, code, now=now)
        return words.gettext("Taken back: it is a draft again."), None
    if step == "stop":
        await service.stop(conn, code, now=now)
        return words.gettext("Stopped for good: what had not left stays here."), None
    raise BadBroadcast("That cannot be done here.")


@post(
    text_pattern(links.broadcast_step, "code"),
    guards=[requires("broadcasts:send")],
    include_in_schema=False,
    status_code=200,
)
async def press_step(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """Launch, pause, go on, take back, stop; send a test."""
    form, words = await form_of(request), words_of(request, caller(request))
    form["step"] = form.get("step") or asked(request, "step", 20)
    try:

        async def act(conn: Connection) -> Deed:
            if form["step"] == "test":
                return await _test(conn, request, code, form, words)
            text, back = await _step(conn, request, code, form, words)
            undo = links.with_query(links.broadcast_step(code), {"step": back}) if back else None
            detail = {"broadcast": code, "status": form["step"]}
            return Deed(text=text, href=links.broadcast(code), action="broadcast.step", detail=detail, undo_href=undo)

        return await run_and_go(request, form, act)
    except BroadcastNotFound:
        raise
    except UnisonoError as error:
        return await _show(request, code, error, form)


async def _test(conn: Connection, request: AnyRequest, code: str, form: dict[str, str], words: Words) -> Deed:
    to = named(form.get("to", ""))
    reached = ADDRESSES.get(to.partition(":")[0], ("email",))
    number = await service.send_test(
        conn,
        code,
        to=to,
        channel=reached[0],
        actor=caller(request).actor,
        key=form.get("once", "")[:80] or to,
        now=now_of(request),
        rulebook=await request.app.state.committer.rulebook(),
    )
    text = words.gettext("The test is on its way.")
    return Deed(text=text, href=links.message(number), action="broadcast.test", detail={"broadcast": code})


routes: list[ControllerRouterHandler] = [list_broadcasts, show_broadcast, press_step]
