"""One person as every channel sees them: the page, its timeline, notes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, form_of, go, local_midnight, page, pool_of, words_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.person_contact import badges_of, contact_of
from unisono.console.routes.person_shop import shop_of
from unisono.console.routes.person_voice import voice_of
from unisono.console.routes.reader import audited, person_in_scope, reading_of, require_in_scope, rights_of
from unisono.console.views import Row
from unisono.console.views import people as views
from unisono.console.views.decisions import nodes_told
from unisono.console.views.labels import CHANNELS
from unisono.console.views.problems import problem_of
from unisono.console.views.timeline import SPAN, Reading, coming, day_groups, score
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.customers.profiles import service as profiles
from unisono.customers.profiles.service import Found, Profile
from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.model import NewEvent
from unisono.customers.timeline.service import Filters, Page, parse_page_key
from unisono.customers.timeline.vocabulary import purchases
from unisono.customers.timeline.vocabulary.channels import LINE_OF
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "people"
PAGE_SIZE = 50
SCORE_EVENTS = 1500
"""Events a full staff reads: beyond that, dots hide dots."""

MAX_NOTE = 4000


class TimelineWish(NamedTuple):
    """What of a timeline the address asks for."""

    line: str | None
    only_purchases: bool
    first: datetime | None
    last: datetime | None
    before: str | None

    def kept(self) -> str:
        """The parameters a stretch of the staff keeps."""
        kept = {"channel": self.line, "only": "purchases" if self.only_purchases else None}
        return urlencode({name: value for name, value in kept.items() if value})

    def href(self, **changes: str | None) -> str:
        """The address with some of it changed."""
        present = {
            "channel": self.line,
            "only": "purchases" if self.only_purchases else None,
            "from": self.first.date().isoformat() if self.first else None,
            "to": self.last.date().isoformat() if self.last else None,
        }
        return (links.with_query("", {**present, **changes}) or "?") + "#timeline"

    def filters(self) -> Filters:
        """The same for the timeline; the last day is included."""
        return Filters(
            channels=tuple(channel for channel, line in LINE_OF.items() if line == self.line) if self.line else (),
            names=purchases() if self.only_purchases else (),
            since=self.first,
            until=self.last + timedelta(days=1) if self.last else None,
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out."""
        return bool(self.line or self.only_purchases or self.first or self.last)


def _timeline_wish(request: AnyRequest, words: Words) -> TimelineWish:
    asked = request.query_params
    line = asked.get("channel")
    return TimelineWish(
        line=line if line in set(LINE_OF.values()) else None,
        only_purchases=asked.get("only") == "purchases",
        first=local_midnight(words, asked.get("from")),
        last=local_midnight(words, asked.get("to")),
        before=asked.get("before"),
    )


def _timeline_chips(wish: TimelineWish, words: Words) -> list[contexts.Chip]:
    _ = words.gettext
    lines = ("web", "app", "store", "messages", "service")
    every = contexts.Chip(
        label=_("All channels"),
        href=wish.href(channel=None, only=None),
        selected=wish.line is None and not wish.only_purchases,
    )
    bought = contexts.Chip(
        label=_("Only purchases"),
        href=wish.href(only=None if wish.only_purchases else "purchases"),
        selected=wish.only_purchases,
    )
    by_line = [
        contexts.Chip(label=_(CHANNELS[line]), href=wish.href(channel=line), selected=wish.line == line)
        for line in lines
    ]
    return [every, *by_line, bought]


def _timeline_view(page_: Page, profile: Profile, wish: TimelineWish, reading: Reading) -> contexts.Timeline:
    words = reading.words
    parts = [words.gettext(CHANNELS[wish.line])] if wish.line else []
    if wish.only_purchases:
        parts.append(words.gettext("Only purchases"))
    stretch = None
    if wish.first or wish.last:
        first = wish.first or wish.last
        last = wish.last or wish.first
        assert first is not None
        assert last is not None
        stretch = (first.date(), last.date())
    return contexts.Timeline(
        days=day_groups(page_.events, reading),
        coming=coming(profile.next, reading) if not wish.narrowed and wish.before is None else (),
        chips=_timeline_chips(wish, words),
        paging=contexts.Paging(
            shown=len(page_.events),
            previous_href=wish.href() if wish.before else None,
            next_href=wish.href(before=page_.next) if page_.next else None,
        )
        if page_.next or wish.before
        else None,
        stretch=stretch,
        filter_sentence=", ".join(parts),
        clear_href=wish.href(**{"from": None, "to": None}) if stretch else "?#timeline",
    )


class Gathered(NamedTuple):
    """What the database says of one person."""

    profile: Profile
    found: Found
    page: Page
    year: Page
    purchase: Page
    changes: Sequence[Row]
    household: Sequence[Row]
    names: Mapping[int, str | None]
    briefs: Mapping[int, Row]
    """Identifiers that joins and splits on the timeline speak of."""


async def _gather(conn: Connection, person: int, wish: TimelineWish, principal: Principal, now: datetime) -> Gathered:
    profile = await profiles.profile(conn, person)
    nodes = [identifier.node_id for identifier in profile.identifiers]
    found = (await profiles.describe(conn, [person]))[0]
    shown = await timeline.timeline(
        conn, nodes, filters=wish.filters(), before=parse_page_key(wish.before), limit=PAGE_SIZE
    )
    year = await timeline.timeline(conn, nodes, filters=Filters(since=now - SPAN), limit=SCORE_EVENTS)
    purchase = await timeline.timeline(conn, nodes, filters=Filters(names=purchases()), limit=1)
    changes = await identity.changes_of(conn, nodes)
    household = [row for row in await identity.household_of(conn, person) if row["person_id"] != person]
    if principal.stores is not None:
        household = [row for row in household if await profiles.seen_in(conn, row["person_id"], principal.stores)]
    names = await profiles.names_of(conn, [row["person_id"] for row in household])
    told = nodes_told((*shown.events, *year.events))
    briefs = {row["id"]: row for row in await _sql.briefs_of_nodes(conn, nodes=told)} if told else {}
    return Gathered(profile, found, shown, year, purchase, changes, household, names, briefs)


def _household(gathered: Gathered, words: Words) -> list[contexts.HouseholdMember]:
    return [
        contexts.HouseholdMember(
            person_id=row["person_id"],
            name=gathered.names.get(row["person_id"]) or words.gettext("Somebody"),
            href=links.person(row["person_id"]),
            reason=row["role"] or "",
        )
        for row in gathered.household
    ]


def _person_view(
    gathered: Gathered,
    wish: TimelineWish,
    reading: Reading,
    *,
    rights: views.Rights,
    asked: int | None,
    now: datetime,
    problem: contexts.Problem | None,
) -> contexts.PersonPage:
    profile, found, words = gathered.profile, gathered.found, reading.words
    bought = gathered.purchase.events[0] if gathered.purchase.events else None
    joined = views.joined_at(gathered.changes)
    known_as = [(identifier.namespace, identifier.value) for identifier in profile.identifiers]
    return contexts.PersonPage(
        person_id=profile.id,
        name=views.display_name(profile.name, known_as, words, contacts=rights.contacts),
        timeline=_timeline_view(gathered.page, profile, wish, reading),
        identity=contexts.IdentityCard(
            identifiers=views.identifier_rows(profile.identifiers, words, contacts=rights.contacts, joined=joined),
            joined_from=views.joined_from(gathered.changes),
            why_href=links.person_why(profile.id) if rights.identity else None,
            can_split=rights.undo,
        ),
        name_known=profile.name is not None,
        facts=views.facts(found, profile.traits, words),
        badges=() if profile.identified else (contexts.Badge(text=words.gettext("anonymous")),),
        tiles=views.tiles(
            found,
            profile,
            words,
            last_purchase=bought.occurred_at if bought else None,
            bought=day_groups([bought], reading)[0].items[0].title if bought else "",
            currency=reading.currency,
        ),
        score=score(gathered.year.events, profile.next, reading, now=now, keep_query=wish.kept()),
        traits=views.trait_rows(profile.traits, contacts=rights.contacts),
        computed=views.computed_rows(profile.computed, words),
        household=_household(gathered, words),
        household_name=gathered.household[0]["name"] if gathered.household else "",
        # Only what is really one of its identifiers was ever its number.
        moved_from=asked if asked in {one.node_id for one in profile.identifiers} - {profile.id} else None,
        can_write_note=rights.write,
        note_problem=problem,
        can_see_raw=reading.raw,
        together_href=links.person_together(profile.id) if rights.undo else None,
        audit_href=links.person_audit(profile.id) if rights.audit else None,
    )


async def _show_person(
    request: AnyRequest, person_id: int, problem: contexts.Problem | None = None, status: int = 200
) -> Response[str]:
    principal = caller(request)
    reading, now = reading_of(request, principal), now_of(request)
    wish, was = _timeline_wish(request, reading.words), request.query_params.get("was", "")
    async with transaction(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
        gathered = await _gather(conn, person, wish, principal, now)
        shop = await shop_of(conn, request, gathered.profile, now)
        voice = await voice_of(conn, request, person)
        contact = await contact_of(conn, request, gathered.profile, now)
        await audited(conn, principal, "person.read", person, screen="person")
    view = await asyncio.to_thread(
        _person_view,
        gathered._replace(profile=shop.profile),
        wish,
        msgspec.structs.replace(reading, briefs=gathered.briefs),
        rights=rights_of(principal),
        asked=int(was) if was.isdecimal() and len(was) < 19 else None,
        now=now,
        problem=problem,
    )
    view = msgspec.structs.replace(view, shop=shop.cards, tiles=[*view.tiles, *shop.tiles], voice=voice)
    view = msgspec.structs.replace(view, contact=contact, badges=badges_of(contact, view.badges))
    return await page(request, view, title=view.name, section=SECTION, status=status)


@get(pattern(links.person, "person_id"), guards=[requires("people:read")], include_in_schema=False)
async def show_person(request: AnyRequest, person_id: FromPath[int]) -> Response[Any]:
    """One person as every channel sees them. An id of before a join leads to the person of now."""
    principal = caller(request)
    async with connection(pool_of(request)) as conn:
        person = await identity.resolve(conn, person_id)
        if person != person_id:
            await require_in_scope(conn, principal, person)
    if person != person_id:
        query = {**dict(request.query_params.items()), "was": person_id}
        return Redirect(links.with_query(links.person(person), query), status_code=303)
    return await _show_person(request, person_id)


@post(pattern(links.person_notes, "person_id"), guards=[requires("people:write")], include_in_schema=False)
async def write_note(request: AnyRequest, person_id: FromPath[int]) -> Response[Any]:
    """Write a note on the timeline."""
    principal = caller(request)
    words = words_of(request, principal)
    text = (await form_of(request)).get("text", "").strip()
    if not text or len(text) > MAX_NOTE:
        error = BadRequest("A note has 1 to 4,000 characters.", code="note_empty" if not text else "note_too_long")
        return await _show_person(request, person_id, problem_of(words, error), status=400)
    now = now_of(request)
    store = next(iter(sorted(principal.stores))) if principal.stores else None
    async with transaction(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
        said = {"text": text, "agent_name": principal.name, "agent_id": principal.actor}
        note = NewEvent(
            timeline.lane_of(person),
            person,
            "track",
            "Note Added",
            "store" if store else "service",
            store,
            None,
            f"note:{uuid.uuid4()}",
            now,
            now,
            properties=msgspec.json.encode(said).decode(),
        )
        await timeline.append(conn, [note])
        await audit.record(conn, actor=principal.actor, action="person.note", person_id=person)
    async with connection(pool_of(request)) as conn:
        await timeline.announce(conn)
    return go(request, links.person(person), words.gettext("The note is on the timeline."))


routes: list[ControllerRouterHandler] = [show_person, write_note]
