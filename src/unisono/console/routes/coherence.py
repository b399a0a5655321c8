"""Coherence: what channels showed against the truth of that instant."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.changes import service as changes
from unisono.commerce.coherence import service as coherence
from unisono.commerce.coherence.model import Incident
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, safe_path, words_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.products import asked
from unisono.console.routes.reader import audited
from unisono.console.views import coherence as views
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.words import Words
from unisono.customers.profiles import service as profiles
from unisono.customers.timeline.service import key_of, parse_page_key
from unisono.customers.web import unit
from unisono.kit.database import Connection, transaction
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "coherence"
PAGE_SIZE = 50
DAYS = 30
SOME_PEOPLE = 3
MOST_PLACES = 12
MAX_REASON = 300
RECENT = timedelta(hours=24)


async def _people(
    conn: Connection, principal: Principal, found: list[Incident], words: Words
) -> dict[int, list[contexts.PersonLink]]:
    """Some of those who saw it, for whoever may read people of every store."""
    if not principal.may("people:read") or principal.stores is not None or not found:
        return {}
    rows = await _sql.people_of_incidents(conn, ids=[one.id for one in found], most=SOME_PEOPLE)
    persons = sorted({row["person_id"] for row in rows})
    names = await profiles.names_of(conn, persons)
    told: dict[int, list[contexts.PersonLink]] = defaultdict(list)
    for row in rows:
        person = row["person_id"]
        name = names.get(person) or words.gettext("Person %(number)s") % {"number": person}
        told[row["incident_id"]].append(contexts.PersonLink(person_id=person, name=name))
    if persons:
        await audited(conn, principal, "people.list", people=persons)
    return told


def _chips(chosen: dict[str, str], words: Words) -> tuple[list[contexts.Chip], list[contexts.Chip]]:
    def chip(label: str, name: str, value: str) -> contexts.Chip:
        href = links.with_query(links.COHERENCE, {**chosen, name: value})
        return contexts.Chip(label=label, href=href, selected=chosen[name] == value)

    states = [chip(words.gettext("Open"), "state", ""), chip(words.gettext("Closed"), "state", "closed")]
    kinds = [chip(words.gettext("Every kind"), "kind", "")]
    kinds += [chip(words.gettext(text), "kind", kind) for kind, text in views.KINDS.items()]
    return states, kinds


def _sentence(chosen: dict[str, str], words: Words) -> str:
    parts = [words.gettext("closed")] if chosen["state"] else []
    parts += [words.gettext(text) for kind, text in views.KINDS.items() if kind == chosen["kind"]]
    parts += [chosen[name] for name in ("channel", "store", "sku") if chosen[name]]
    return ", ".join(parts)


async def _show(request: AnyRequest, error: UnisonoError | None = None) -> Response[str]:
    principal, now = caller(request), now_of(request)
    words = words_of(request, principal)
    chosen = {name: asked(request, name) for name in ("state", "kind", "channel", "store", "sku")}
    chosen["state"] = "closed" if chosen["state"] == "closed" else ""
    kind: Any = chosen["kind"] if chosen["kind"] in views.KINDS else None
    before = asked(request, "before")
    async with transaction(pool_of(request)) as conn:
        found = await coherence.incidents(
            conn,
            open_only=not chosen["state"],
            kind=kind,
            sku=chosen["sku"] or None,
            channel=chosen["channel"] or None,
            store_id=chosen["store"] or None,
            before=parse_page_key(before or None),
            limit=PAGE_SIZE + 1,
        )
        shown = found[:PAGE_SIZE]
        people = await _people(conn, principal, shown, words)
        counts = await coherence.counts(conn, (now - timedelta(days=DAYS - 1)).date())
        by_kind = await coherence.open_by_kind(conn)
        spread = views.propagation_rows(await changes.propagation(conn, now - RECENT), words)
    compared = views.compared_rows(counts, words)
    states, kinds = _chips(chosen, words)
    last = shown[-1] if len(found) > PAGE_SIZE else None
    view = contexts.Coherence(
        rows=[
            views.incident_row(one, people.get(one.id, []), words, can_close=principal.may("prices:write"), raw=None)
            for one in shown
        ],
        paging=contexts.Paging(
            shown=len(shown),
            previous_href=links.with_query(links.COHERENCE, chosen) if before else None,
            next_href=links.with_query(links.COHERENCE, {**chosen, "before": key_of(last.last_at, last.id)})
            if last
            else None,
        ),
        tiles=_tiles(by_kind, compared, spread, words),
        chips=states,
        kinds=kinds,
        filter_sentence=_sentence(chosen, words),
        any_compared=any(row.compared for row in compared),
        compared=compared[:MOST_PLACES],
        more_places=max(0, len(compared) - MOST_PLACES),
        days=DAYS,
        propagation=spread,
        target=views.TARGET_MS,
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Coherence")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


def _tiles(
    by_kind: Any, compared: list[contexts.ComparedRow], spread: list[contexts.PropagationRow], words: Words
) -> list[contexts.Tile]:
    differing, all_ = sum(row.differing for row in compared), sum(row.compared for row in compared)
    waiting = sum(by_kind.values())
    tiles = [
        contexts.Tile(label=words.gettext("Open incidents"), value=waiting, tone="warning" if waiting else "neutral"),
        contexts.Tile(label=words.gettext("Compared, 30 days"), value=all_, knowledge="known" if all_ else "zero"),
        contexts.Tile(label=words.gettext("Differing, 30 days"), value=differing),
    ]
    if spread:
        slow = spread[0].p95 > views.TARGET_MS
        tiles.append(
            contexts.Tile(
                label=words.gettext("A change is everywhere, 95 of 100"),
                value=f"{spread[0].p95} ms",
                note=words.gettext("within 24 hours; the aim is %(ms)s ms") % {"ms": views.TARGET_MS},
                tone="warning" if slow else "neutral",
            )
        )
    return tiles


@get(links.COHERENCE, guards=[requires("coherence:read")], include_in_schema=False)
async def show_coherence(request: AnyRequest) -> Response[str]:
    """Incidents, what was compared, how fast changes travel."""
    return await _show(request)


@post(
    pattern(links.incident_close, "incident_id"),
    guards=[requires("prices:write")],
    include_in_schema=False,
)
async def close_incident(request: AnyRequest, incident_id: FromPath[int]) -> Response[Any]:
    """Close an incident by hand, with the reason."""
    principal, form = caller(request), await form_of(request)
    words, reason = words_of(request, principal), form.get("reason", "").strip()
    try:
        if not reason:
            raise BadRequest("Say why.", code="reason_missing")
        if len(reason) > MAX_REASON:
            raise BadRequest("The reason is too long.", code="reason_too_long")
        async with unit(pool_of(request)) as conn:
            closed = await coherence.close(conn, incident_id, actor=principal.actor, now=now_of(request))
            detail = {"incident": incident_id, "sku": closed.sku, "channel": closed.channel, "reason": reason}
            await audit.record(conn, actor=principal.actor, action="incident.reason", detail=detail)
    except UnisonoError as error:
        return await _show(request, error)
    back = safe_path(form.get("next"), links.COHERENCE)
    return go(request, back, words.gettext("Closed; if it is shown wrongly again, another opens."))


routes: list[ControllerRouterHandler] = [show_coherence, close_incident]
