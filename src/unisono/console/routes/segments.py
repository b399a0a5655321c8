"""Segments: the list, one with its numbers and its past, who is in, published and laid to rest."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any, cast

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.completing import segment_days
from unisono.console.deeds import Deed, press
from unisono.console.pages import AnyRequest, form_of, page, pool_of, words_of
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked
from unisono.console.routes.reader import audited
from unisono.console.routes.segment_numbers import count_rule, known_sizes, sizes_of
from unisono.console.views import segments as views
from unisono.console.views.chips import filter_chips
from unisono.console.views.segment_templates import ready
from unisono.console.words import Words
from unisono.customers.profiles.service import names_of
from unisono.customers.segments import service as segments
from unisono.customers.segments.model import RuleError, World
from unisono.customers.segments.service import Segment, Status
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.errors import NotFound
from unisono.kit.marking import N_

SECTION = "segments"
PAGE_SIZE = 30
MEMBERS = 50
EXPORTED = 1000
"""Members read at a time for a table."""

PAST = 90
"""Days of history on the page."""

MAX_NOTE = 500


def today_of(request: AnyRequest) -> date:
    """The present day where the reader is."""
    return now_of(request).astimezone(words_of(request, caller(request)).zone).date()


async def _templates(conn: Connection, request: AnyRequest, words: Words) -> tuple[list[contexts.ReadyTemplate], bool]:
    """The ready segments, and whether they are counted: that takes a while where there are many people, so the page
    does not wait for it."""
    known, sizes = ready(), known_sizes(request)
    if sizes is None and asked(request, "sizes") == "yes":
        sizes = await sizes_of(conn, request, {key: one.rule for key, one in known.items()})
    return [
        contexts.ReadyTemplate(
            name=words.gettext(one.name),
            sentence=views.told_rule(one.rule, words),
            href=links.with_query(links.SEGMENT_BUILDER, {"template": key}),
            members=sizes.get(key) if sizes else None,
        )
        for key, one in known.items()
    ], sizes is not None


@get(links.SEGMENTS, guards=[requires("segments:read")], include_in_schema=False)
async def list_segments(request: AnyRequest) -> Response[str]:
    """Segments by code, each as a sentence with how many are in and how that changed."""
    principal = caller(request)
    words, status, after = words_of(request, principal), asked(request, "status"), asked(request, "after", 80)
    status = status if status in views.STATUSES else ""
    statuses = [cast("Status", status)] if status else []
    day = today_of(request)
    async with connection(pool_of(request)) as conn:
        found = await segments.list_segments(conn, statuses=statuses, after=after or None, limit=PAGE_SIZE + 1)
        shown = found[:PAGE_SIZE]
        days = await segment_days(conn, [one.id for one in shown], day - timedelta(days=30))
        uses = await segments.uses_of(conn, [one.code for one in shown])
        templates, counted = await _templates(conn, request, words) if principal.may("segments:write") else ([], True)
    view = contexts.Segments(
        rows=[views.segment_row(one, days.get(one.id, ()), uses[one.code], day, words) for one in shown],
        paging=contexts.Paging(
            shown=len(shown),
            previous_href=links.with_query(links.SEGMENTS, {"status": status}) if after else None,
            next_href=links.with_query(links.SEGMENTS, {"status": status, "after": shown[-1].code})
            if len(found) > PAGE_SIZE
            else None,
        ),
        chips=filter_chips(
            links.SEGMENTS,
            N_("All segments"),
            ((one, text) for one, (text, _) in views.STATUSES.items()),
            status,
            words,
        ),
        templates=templates,
        counted=counted,
        any_segments=bool(shown) or bool(status or after),
        filter_sentence=words.gettext(views.STATUSES[cast("Status", status)][0]) if status else "",
        can_write=principal.may("segments:write"),
    )
    return await page(request, view, title=words.gettext("Segments"), section=SECTION)


# One --------------------------------------------------------------------------------------------------------------


async def _numbers(
    conn: Connection, request: AnyRequest, one: Segment, words: Words
) -> tuple[contexts.SegmentNumbers | None, contexts.Problem | None]:
    rule = views.read_rule(one.rule)
    if rule is None:
        return None, contexts.Problem(what=words.gettext(views.UNREADABLE))
    try:
        usable, warned = await segments.usable_rule(conn, one.rule, World())
    except RuleError as error:
        return None, contexts.Problem(what=words.gettext("The rule cannot be counted"), why=error.detail)
    numbers = await count_rule(conn, request, usable, code=one.code, people=True, warned=warned)
    if numbers is None:
        what = words.gettext("Counting takes too long just now")
        return None, contexts.Problem(what=what, do=words.gettext("Try again in a while."))
    return numbers, None


async def _past(
    conn: Connection, request: AnyRequest, one: Segment
) -> tuple[list[contexts.DayRow], list[contexts.DayPoint], int | None]:
    """The days on which something moved, newest first, the same as a line, and the change over a week."""
    day = today_of(request)
    since = day - timedelta(days=PAST)
    rows = await segments.history(conn, one.id, since=since)
    days = (await segment_days(conn, [one.id], since)).get(one.id, [])
    shown = [
        contexts.DayRow(day=row.day, members=row.members, entered=row.entered, departed=row.departed)
        for row in reversed(rows)
    ]
    return shown, views.points_of(days, day, since), views.change_of(days, day)


async def _segment(conn: Connection, request: AnyRequest, principal: Principal, code: str) -> contexts.SegmentPage:
    words, one = words_of(request, principal), await segments.find(conn, code)
    days, trend, change = await _past(conn, request, one)
    live = one.status == "live"
    numbers, problem = await _numbers(conn, request, one, words)
    return contexts.SegmentPage(
        code=one.code,
        name=one.name,
        sentence=views.told_rule(views.read_rule(one.rule), words),
        badge=views.badge_of(one.status, one.counting, words),
        status=one.status,
        version=one.version,
        changed_at=one.changed_at,
        members=await segments.count_members(conn, one.id) if live else None,
        counting=one.counting,
        change=change if live else None,
        description=one.description,
        numbers=numbers,
        trend=trend,
        days=days,
        versions=views.version_rows(await segments.versions_of(conn, code), words),
        checks=[
            contexts.CheckRow(at=check.at, members=check.members, missing=check.missing, extra=check.extra)
            for check in await segments.checks(conn, one.id, limit=7)
        ],
        used_by=[views.use_of(use, words) for use in await segments.used_by(conn, code)],
        yaml=views.yaml_of(one.rule),
        json=views.json_of(one.rule),
        can_write=principal.may("segments:write"),
        can_see_people=principal.may("people:read"),
        problem=problem,
    )


@get(text_pattern(links.segment, "code"), guards=[requires("segments:read")], include_in_schema=False)
async def show_segment(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """A segment: what it says, how many are in, whom channels reach, some people with why, its past."""
    async with connection(pool_of(request)) as conn:
        view = await _segment(conn, request, caller(request), code)
    return await page(request, view, title=view.name, section=SECTION)


@post(
    f"{links.SEGMENTS}/{{code:str}}/move/{{move:str}}",
    guards=[requires("segments:write")],
    include_in_schema=False,
)
async def move_segment(request: AnyRequest, code: FromPath[str], move: FromPath[str]) -> Response[Any]:
    """Let a segment live, or lay it to rest."""
    principal, form = caller(request), await form_of(request)
    words, now = words_of(request, principal), now_of(request)
    if move not in ("publish", "archive"):
        raise NotFound("There is no such move.", code="http_404")
    note = form.get("note", "").strip()[:MAX_NOTE]

    async def act(conn: Connection) -> Deed:
        if move == "publish":
            moved = await segments.publish(conn, code, now=now)
            text, undo = words.gettext("It is live: its members are being counted."), "archive"
        else:
            moved = await segments.archive(conn, code, now=now)
            text, undo = words.gettext("It rests: nobody is in it any more."), "publish"
        detail = {"segment": moved.code, "version": moved.version, **({"note": note} if note else {})}
        here = links.segment(moved.code)
        back = links.segment_move(moved.code, undo)
        return Deed(text=text, href=here, action=f"segment.{move}", detail=detail, undo_href=back)

    return await press(request, form, act, back=links.segment(code))


# Who is in --------------------------------------------------------------------------------------------------------


@get(
    text_pattern(links.segment_members, "code"),
    guards=[requires("segments:read"), requires("people:read")],
    include_in_schema=False,
)
async def show_members(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """Members by number, with their names and since when."""
    principal = caller(request)
    words, after = words_of(request, principal), asked(request, "after", 20)
    key = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None
    async with transaction(pool_of(request)) as conn:
        one = await segments.find(conn, code)
        members, following = await segments.members_page(conn, one.id, after=key, limit=MEMBERS)
        total = await segments.count_members(conn, one.id)
        names = await names_of(conn, [member.person_id for member in members])
        people = [member.person_id for member in members]
        await audited(conn, principal, "segment.members", segment=one.code, people=people)
    here = links.segment_members(one.code)
    view = contexts.SegmentMembers(
        code=one.code,
        name=one.name,
        status=one.status,
        rows=[
            contexts.MemberRow(
                person=views.person_link(member.person_id, names.get(member.person_id), words),
                name_known=bool(names.get(member.person_id)),
                since=member.since,
                why_href=links.segment_why(one.code, member.person_id),
            )
            for member in members
        ],
        paging=contexts.Paging(
            shown=len(members),
            total=total,
            previous_href=here if key is not None else None,
            next_href=links.with_query(here, {"after": following}) if following is not None else None,
        ),
    )
    return await page(request, view, title=words.gettext("Members of %(name)s") % {"name": one.name}, section=SECTION)


def _lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _harmless(text: str) -> str:
    """A name that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


async def _table(pool: Pool, segment_id: int) -> AsyncIterator[bytes]:
    yield _lines([["person_id", "name", "since"]])
    after: int | None = None
    while True:
        async with connection(pool) as conn:
            members, after = await segments.members_page(conn, segment_id, after=after, limit=EXPORTED)
            names = await names_of(conn, [member.person_id for member in members])
        yield _lines(
            [[str(one.person_id), _harmless(names.get(one.person_id) or ""), one.since.isoformat()] for one in members]
        )
        if after is None:
            return


@get(
    text_pattern(links.segment_table, "code"),
    guards=[requires("segments:read"), requires("people:read")],
    include_in_schema=False,
)
async def export_members(request: AnyRequest, code: FromPath[str]) -> Stream:
    """All members as CSV, a thousand at a time; noted in the audit."""
    async with transaction(pool_of(request)) as conn:
        one = await segments.find(conn, code)
        detail = {"segment": one.code, "version": one.version}
        await audit.record(conn, actor=caller(request).actor, action="segment.export", detail=detail)
    name = f'attachment; filename="segment-{one.code}.csv"'
    return Stream(_table(pool_of(request), one.id), media_type="text/csv", headers={"content-disposition": name})


routes: list[ControllerRouterHandler] = [list_segments, show_segment, move_segment, show_members, export_members]
