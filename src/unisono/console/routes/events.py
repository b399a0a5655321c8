"""Live events: what arrives, what failed, and any of it raw."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import ServerSentEvent, ServerSentEventMessage
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, requires
from unisono.console import contexts, links
from unisono.console.pages import (
    AnyRequest,
    Frame,
    forget_frame,
    form_of,
    go,
    make_shell,
    page,
    pool_of,
    safe_path,
    settings_of,
    words_of,
)
from unisono.console.rendering import render_fragment
from unisono.console.routes.paths import pattern
from unisono.console.routes.reader import audited, require_in_scope
from unisono.console.views.events import failed_event, live_event, pretty_text, reason_label, whole
from unisono.console.views.labels import CHANNELS
from unisono.console.words import Words, environment_of
from unisono.customers.collect import failed
from unisono.customers.profiles import service as profiles
from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.feed import Feed, Wanted
from unisono.customers.timeline.model import Event
from unisono.kit.database import AWAY, Connection, connection, transaction
from unisono.kit.errors import NotFound, Unavailable
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "live"
PAGE_SIZE = 50
LIVE_CHANNELS = ("web", "app", "store", "messages", "email", "service")

LONGEST_STREAM = 15 * 60
"""Seconds after which a stream ends and the browser asks anew: with it ends what a closed session could still see."""


async def _rows(
    conn: Connection, events: Sequence[Event], principal: Principal, words: Words
) -> list[contexts.LiveEvent]:
    names = await profiles.names_of(conn, sorted({event.person_id for event in events}))
    briefs = {
        row["id"]: row for row in await _sql.briefs_of_nodes(conn, nodes=sorted({event.node_id for event in events}))
    }
    ids = sorted({event.source_id for event in events if event.source_id is not None})
    sources = {row["id"]: row["name"] for row in await _sql.source_names(conn, ids=ids)}
    return [
        live_event(
            event,
            name=names.get(event.person_id),
            namespace=briefs[event.node_id]["namespace"],
            value=briefs[event.node_id]["value"],
            source=sources.get(event.source_id or 0, ""),
            raw=principal.may("raw:read"),
            words=words,
        )
        for event in events
    ]


def _position(text: str | None) -> tuple[int, int] | None:
    first, _, second = (text or "").partition("-")
    if first.isdecimal() and second.isdecimal() and len(first) < 19 and len(second) < 19:
        return int(first), int(second)
    return None


def _channel(request: AnyRequest) -> str | None:
    asked = request.query_params.get("channel")
    return asked if asked in LIVE_CHANNELS else None


def _live_chips(channel: str | None, words: Words) -> list[contexts.Chip]:
    every = contexts.Chip(label=words.gettext("All channels"), href=links.LIVE, selected=channel is None)
    return [
        every,
        *(
            contexts.Chip(
                label=words.gettext(CHANNELS[name]),
                href=links.with_query(links.LIVE, {"channel": name}),
                selected=channel == name,
            )
            for name in LIVE_CHANNELS
        ),
    ]


@get(links.LIVE, guards=[requires("events:read")], include_in_schema=False)
async def show_live(request: AnyRequest) -> Response[str]:
    """What arrives; with ``tab=failed`` what could not be accepted."""
    principal = caller(request)
    words = words_of(request, principal)
    if request.query_params.get("tab") == "failed" and principal.may("health:read"):
        return await _show_failed(request, principal, words)
    channel, before = _channel(request), _position(request.query_params.get("before"))
    async with transaction(pool_of(request)) as conn:
        events = await timeline.recent_events(conn, channel=channel, before=before, limit=PAGE_SIZE + 1)
        rows = await _rows(conn, events[:PAGE_SIZE], principal, words)
        waiting = sum(number for _, number, _ in await failed.count_failed(conn))
        await audited(conn, principal, "events.live", channel=channel)
    last = str(events[PAGE_SIZE - 1].position) if len(events) > PAGE_SIZE else None
    view = contexts.LiveEvents(
        tab="accepted",
        accepted_href=links.LIVE,
        failed_href=links.with_query(links.LIVE, {"tab": "failed"}),
        accepted=rows,
        failed_count=waiting,
        chips=_live_chips(channel, words),
        paging=contexts.Paging(
            shown=len(rows),
            previous_href=links.with_query(links.LIVE, {"channel": channel}) if before else None,
            next_href=links.with_query(links.LIVE, {"channel": channel, "before": last}) if last else None,
        )
        if last or before
        else None,
        stream_href=links.with_query(links.LIVE_STREAM, {"channel": channel}) if before is None else None,
        any_events=bool(rows) or channel is not None or before is not None,
        filter_sentence=words.gettext(CHANNELS[channel]) if channel else "",
        clear_href=links.LIVE,
    )
    return await page(request, view, title=words.gettext("Live events"), section=SECTION)


async def _show_failed(request: AnyRequest, principal: Principal, words: Words) -> Response[str]:
    code = request.query_params.get("reason") or None
    before = request.query_params.get("before")
    first = int(before) if before and before.isdecimal() and len(before) < 19 else None
    async with connection(pool_of(request)) as conn:
        counts = await failed.count_failed(conn)
        rows = await failed.list_failed(conn, code=code, before=first, limit=PAGE_SIZE + 1)
    replay, raw = principal.may("events:replay"), principal.may("raw:read")
    shown = [failed_event(row, words, replay=replay, raw=raw) for row in rows[:PAGE_SIZE]]
    more = str(rows[PAGE_SIZE - 1].id) if len(rows) > PAGE_SIZE else None
    total = sum(number for _, number, _ in counts)
    address = {"tab": "failed", "reason": code}
    every = contexts.Chip(
        label=words.gettext("All reasons"),
        href=links.with_query(links.LIVE, {"tab": "failed"}),
        selected=code is None,
        count=total,
    )
    reasons = [
        contexts.Chip(
            label=reason_label(name, words),
            href=links.with_query(links.LIVE, {"tab": "failed", "reason": name}),
            selected=code == name,
            count=number,
        )
        for name, number, _ in counts
    ]
    view = contexts.LiveEvents(
        tab="failed",
        accepted_href=links.LIVE,
        failed_href=links.with_query(links.LIVE, {"tab": "failed"}),
        failed=shown,
        failed_count=total,
        reasons=[every, *reasons] if counts else (),
        paging=contexts.Paging(
            shown=len(shown),
            total=next((number for name, number, _ in counts if name == code), total if code is None else 0),
            previous_href=links.with_query(links.LIVE, address) if first else None,
            next_href=links.with_query(links.LIVE, {**address, "before": more}) if more else None,
        ),
        can_replay_all=replay,
        filter_sentence=reason_label(code, words) if code else "",
        clear_href=links.with_query(links.LIVE, {"tab": "failed"}),
    )
    return await page(request, view, title=words.gettext("Failed events"), section=SECTION)


@get(links.LIVE_STREAM, guards=[requires("events:read")], include_in_schema=False)
async def stream(request: AnyRequest) -> ServerSentEvent:
    """New events as they are accepted, each a table row."""
    principal = caller(request)
    return ServerSentEvent(_follow(request, principal, _channel(request)))


async def _follow(
    request: AnyRequest, principal: Principal, channel: str | None
) -> AsyncIterator[ServerSentEventMessage]:
    words = words_of(request, principal)
    shell = make_shell(request, principal, title="", section=SECTION, frame=Frame())
    environment = environment_of(words.language)
    feed: Feed = request.app.state.feed
    wanted = Wanted(channels=(channel,) if channel else ())
    deadline = time.monotonic() + LONGEST_STREAM
    try:
        async for told in feed.listen(wanted):
            if time.monotonic() > deadline:
                return
            rows: list[contexts.LiveEvent] = []
            if told.items:
                async with connection(pool_of(request)) as conn:
                    # Nobody reads more than a screen at once: of a flood the newest are shown.
                    rows = await _rows(conn, told.items[-PAGE_SIZE:], principal, words)
            for row in rows:
                html = render_fragment(environment, shell, "live_row", event=row)
                yield ServerSentEventMessage(data=" ".join(html.split("\n")), event="row", id=row.event_id)
            if not rows:
                yield ServerSentEventMessage(comment="still here")
    except (Unavailable, *AWAY):
        # The screen says "connection lost" and its browser comes back by itself.
        return


@get(f"{links.ROOT}/events/{{event_id:str}}/raw", guards=[requires("raw:read")], include_in_schema=False)
async def show_raw(request: AnyRequest, event_id: FromPath[str]) -> Response[str]:
    """One event with everything its sender said."""
    principal = caller(request)
    words = words_of(request, principal)
    number = int(event_id) if event_id.isdecimal() and len(event_id) < 19 else 0
    async with transaction(pool_of(request)) as conn:
        event = await timeline.whole_event(conn, number)
        await require_in_scope(conn, principal, event["person_id"])
        names = await profiles.names_of(conn, [event["person_id"]])
        await audited(conn, principal, "event.raw", event["person_id"], event=number)
    person = contexts.PersonLink(
        person_id=event["person_id"], name=names.get(event["person_id"]) or words.gettext("Somebody")
    )
    view = contexts.RawEvent(
        event_id=event_id, json=whole(event), back_href=links.person(event["person_id"]), person=person
    )
    return await page(request, view, title=words.gettext("Raw event"), section="people")


@get(pattern(links.failed_raw, "failed_id"), guards=[requires("raw:read", "health:read")], include_in_schema=False)
async def show_failed_raw(request: AnyRequest, failed_id: FromPath[int]) -> Response[str]:
    """The body of a failed event as it came."""
    principal = caller(request)
    words = words_of(request, principal)
    async with transaction(pool_of(request)) as conn:
        found = await failed.list_failed(conn, open_only=None, before=failed_id + 1, limit=1)
        if not found or found[0].id != failed_id:
            raise NotFound("There is no such failed event.", code="failed_event_not_found")
        await audited(conn, principal, "failed_event.raw", failed=failed_id)
    view = contexts.RawEvent(
        event_id=f"failed-{failed_id}",
        json=pretty_text(found[0].raw),
        back_href=links.with_query(links.LIVE, {"tab": "failed"}),
    )
    return await page(request, view, title=words.gettext("Failed event"), section=SECTION)


async def _replay(request: AnyRequest, ids: Sequence[int], back: str) -> Response[Any]:
    principal = caller(request)
    async with transaction(pool_of(request)) as conn:
        report = await failed.replay(
            conn,
            ids,
            limits=request.app.state.limits,
            country=settings_of(request).country,
            actor=principal.actor,
            secret=request.app.state.secret,
        )
        await audit.record(
            conn,
            actor=principal.actor,
            action="failed_event.replay",
            detail={"tried": len(ids), "accepted": report.accepted, "failed": report.failed_again},
        )
    async with connection(pool_of(request)) as conn:
        await timeline.announce(conn)
    forget_frame(request)
    words = words_of(request, principal)
    accepted = report.accepted + report.duplicates
    said = words.ngettext("%(num)s event accepted", "%(num)s events accepted", accepted)
    if report.failed_again:
        again = words.ngettext("%(num)s failed again", "%(num)s failed again", report.failed_again)
        return go(request, back, f"{said}, {again}.", tone="warning")
    return go(request, back, f"{said}.")


@post(pattern(links.failed_replay, "failed_id"), guards=[requires("events:replay")], include_in_schema=False)
async def replay_one(request: AnyRequest, failed_id: FromPath[int]) -> Response[Any]:
    """Send one failed event through intake again."""
    back = safe_path((await form_of(request)).get("next"), links.with_query(links.LIVE, {"tab": "failed"}))
    return await _replay(request, [failed_id], back)


@post(links.FAILED_REPLAY, guards=[requires("events:replay")], include_in_schema=False)
async def replay_all(request: AnyRequest) -> Response[Any]:
    """Send the failed events the present filter shows through intake again, the oldest thousand."""
    form = await form_of(request)
    back = safe_path(form.get("next"), links.with_query(links.LIVE, {"tab": "failed"}))
    # The button says where it stands; the filter is in that address.
    code = form.get("reason") or next(iter(parse_qs(urlsplit(back).query).get("reason", [])), None)
    async with connection(pool_of(request)) as conn:
        ids = await failed.open_ids(conn, code=code)
    return await _replay(request, ids, back)


@post(pattern(links.failed_discard, "failed_id"), guards=[requires("events:replay")], include_in_schema=False)
async def discard_one(request: AnyRequest, failed_id: FromPath[int]) -> Response[Any]:
    """Set a failed event aside for good."""
    principal = caller(request)
    async with transaction(pool_of(request)) as conn:
        await failed.discard(conn, [failed_id], actor=principal.actor)
        await audit.record(conn, actor=principal.actor, action="failed_event.discard", detail={"failed": failed_id})
    forget_frame(request)
    back = safe_path((await form_of(request)).get("next"), links.with_query(links.LIVE, {"tab": "failed"}))
    return go(request, back, words_of(request, principal).gettext("The failed event is set aside."))


routes: list[ControllerRouterHandler] = [
    show_live,
    stream,
    show_raw,
    show_failed_raw,
    replay_one,
    replay_all,
    discard_one,
]
