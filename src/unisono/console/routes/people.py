"""People: the list, the page of one, why they are one, notes."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, open_to_all, requires
from unisono.console import contexts, links
from unisono.console.pages import (
    AnyRequest,
    form_of,
    go,
    local_midnight,
    page,
    pool_of,
    settings_of,
    words_of,
)
from unisono.console.routes.paths import pattern
from unisono.console.routes.person_contact import badges_of, contact_of
from unisono.console.routes.person_shop import shop_of
from unisono.console.routes.person_voice import voice_of
from unisono.console.views import Row
from unisono.console.views import people as views
from unisono.console.views.decisions import nodes_told
from unisono.console.views.labels import CHANNELS
from unisono.console.views.problems import problem_of
from unisono.console.views.timeline import SPAN, Reading, coming, day_groups, score
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.customers.identity.service import PersonNotFound
from unisono.customers.profiles import service as profiles
from unisono.customers.profiles.service import Found, ListQuery, Profile
from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.model import NewEvent
from unisono.customers.timeline.service import Filters, Page, parse_page_key
from unisono.customers.timeline.vocabulary import purchases
from unisono.customers.timeline.vocabulary.channels import LINE_OF
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import BadRequest, NotFound
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "people"
PAGE_SIZE = 50
SMALL_STAFF_STEP = timedelta(days=4)
"""What happened within so many days is one note of a small staff."""

SCORE_EVENTS = 1500
"""Events a full staff reads: beyond that, dots hide dots."""

MAX_NOTE = 4000

LIST_CHANNELS = ("web", "app", "store", "messages", "email", "service")


def rights_of(principal: Principal) -> views.Rights:
    """What the reader may see and do with people."""
    return views.Rights(
        contacts=principal.may("people:contact"),
        identity=principal.may("identity:read"),
        undo=principal.may("identity:undo"),
        write=principal.may("people:write"),
        audit=principal.may("privacy:read_audit"),
    )


def reading_of(request: AnyRequest, principal: Principal) -> Reading:
    """How events are told to this reader."""
    return Reading(
        words_of(request, principal),
        settings_of(request).currency,
        principal.may("raw:read"),
        why=principal.may("identity:read"),
        contacts=principal.may("people:contact"),
    )


async def audited(
    conn: Connection, principal: Principal, action: str, person: int | None = None, **detail: Any
) -> None:
    """Note who read what, in the transaction of the reading."""
    # The page need not wait for the disk because of its audit: the entry follows within a fraction of a second.
    await conn.execute("set local synchronous_commit = off")
    await audit.record(conn, actor=principal.actor, action=action, person_id=person, detail=detail)


async def require_in_scope(conn: Connection, principal: Principal, person: int) -> None:
    """Whom a clerk may not meet does not exist for him. Raises PersonNotFound."""
    if principal.stores is not None and not await profiles.seen_in(conn, person, principal.stores):
        raise PersonNotFound(f"There is no person {person}.")


# The list -----------------------------------------------------------------------------------------


class ListWish(NamedTuple):
    """What the address of the list asks for."""

    query: str
    channel: str | None
    identified: bool
    sort: str
    after: str | None

    def href(self, **changes: str | None) -> str:
        """The address with some of it changed; paging starts anew."""
        present = {
            "q": self.query,
            "channel": self.channel,
            "known": "yes" if self.identified else None,
            "sort": self.sort if self.sort != "last" else None,
        }
        return links.with_query(links.PEOPLE, {**present, **changes})


def _list_wish(request: AnyRequest) -> ListWish:
    asked = request.query_params
    channel = asked.get("channel")
    return ListWish(
        query=asked.get("q", "").replace("\x00", "").strip()[:200],
        channel=channel if channel in LIST_CHANNELS else None,
        identified=asked.get("known") == "yes",
        sort="value" if asked.get("sort") == "value" else "last",
        after=asked.get("after"),
    )


async def _find(conn: Connection, wish: ListWish, stores: Collection[str] | None) -> tuple[Sequence[Found], str | None]:
    if wish.query:
        found = await profiles.search(
            conn, wish.query, stores=None if stores is None else sorted(stores), limit=PAGE_SIZE
        )
        return [
            person
            for person in found
            if (wish.channel is None or wish.channel in person.channels) and (person.identified or not wish.identified)
        ], None
    return await profiles.list_people(
        conn,
        ListQuery(
            sort=wish.sort,
            identified=True if wish.identified else None,
            channel=wish.channel,
            stores=None if stores is None else tuple(sorted(stores)),
            after=wish.after,
            limit=PAGE_SIZE,
        ),
    )


def _list_chips(wish: ListWish, words: Words) -> list[contexts.Chip]:
    _ = words.gettext
    chips = [
        contexts.Chip(
            label=_("Everyone"),
            href=wish.href(channel=None, known=None),
            selected=wish.channel is None and not wish.identified,
        ),
        contexts.Chip(
            label=_("Identified"),
            href=wish.href(known=None if wish.identified else "yes"),
            selected=wish.identified,
        ),
    ]
    chips += [
        contexts.Chip(
            label=_(CHANNELS[channel]),
            href=wish.href(channel=None if wish.channel == channel else channel),
            selected=wish.channel == channel,
        )
        for channel in LIST_CHANNELS
    ]
    return chips


def _list_sentence(wish: ListWish, words: Words) -> str:
    _ = words.gettext
    parts = []
    if wish.query:
        parts.append(_("contains “%(query)s”") % {"query": wish.query})
    if wish.channel:
        parts.append(_("seen in %(channel)s") % {"channel": _(CHANNELS[wish.channel])})
    if wish.identified:
        parts.append(_("identified"))
    return ", ".join(parts)


async def _notes_of(conn: Connection, people: Sequence[Found], since: datetime) -> Mapping[int, list[Any]]:
    rows = await _sql.notes_of_persons(
        conn,
        persons=[found.id for found in people],
        since=since,
        bin=SMALL_STAFF_STEP,
        purchases=list(purchases()),
    )
    notes: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        notes[row["person_id"]].append(row)
    return notes


@get(links.PEOPLE, guards=[requires("people:read")], include_in_schema=False)
async def list_people(request: AnyRequest) -> Response[str]:
    """People, last seen first, or those a search finds."""
    principal = caller(request)
    words, now = words_of(request, principal), now_of(request)
    wish = _list_wish(request)
    async with transaction(pool_of(request)) as conn:
        people, after = await _find(conn, wish, principal.stores)
        notes = await _notes_of(conn, people, now - SPAN)
        total = await profiles.people_count(conn) if principal.stores is None else None
        action = "people.search" if wish.query else "people.list"
        await audited(conn, principal, action, query=wish.query, people=[found.id for found in people])
    rights, currency = rights_of(principal), settings_of(request).currency
    filtered = bool(wish.query or wish.channel or wish.identified)
    view = contexts.PeopleList(
        rows=[
            views.person_row(found, notes[found.id], words, rights=rights, now=now, currency=currency)
            for found in people
        ],
        paging=contexts.Paging(
            shown=len(people),
            total=None if filtered else total,
            total_is_estimate=total is not None and total > 10_000,
            previous_href=wish.href() if wish.after else None,
            next_href=wish.href(after=after) if after else None,
        ),
        query=wish.query,
        chips=_list_chips(wish, words),
        sorts=[
            contexts.Chip(label=words.gettext("Last seen"), href=wish.href(sort=None), selected=wish.sort == "last"),
            contexts.Chip(
                label=words.gettext("Lifetime value"), href=wish.href(sort="value"), selected=wish.sort == "value"
            ),
        ]
        if not wish.query
        else (),
        any_people=filtered or principal.stores is not None or bool(total),
        filter_sentence=_list_sentence(wish, words),
        clear_href=links.PEOPLE,
    )
    return await page(request, view, title=words.gettext("People"), section=SECTION)


@get([links.ROOT, "/"], guards=[open_to_all("it only leads on")], include_in_schema=False)
async def home(request: AnyRequest) -> Redirect:
    """The console begins with its people."""
    del request
    return Redirect(links.PEOPLE, status_code=302)


# One person ---------------------------------------------------------------------------------------


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
        person = await identity.resolve(conn, person_id)
        await require_in_scope(conn, principal, person)
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
        person = await identity.resolve(conn, person_id)
        await require_in_scope(conn, principal, person)
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


@get(pattern(links.person_why, "person_id"), guards=[requires("identity:read")], include_in_schema=False)
async def show_why(request: AnyRequest, person_id: FromPath[int]) -> Response[str]:
    """Why these identifiers are one person."""
    principal = caller(request)
    words, rights = words_of(request, principal), rights_of(principal)
    async with transaction(pool_of(request)) as conn:
        person = await identity.resolve(conn, person_id)
        await require_in_scope(conn, principal, person)
        profile = await profiles.profile(conn, person)
        nodes = [identifier.node_id for identifier in profile.identifiers]
        changes = await identity.changes_of(conn, nodes)
        evidence = await identity.links_of(conn, nodes)
        mentioned = {node for change in changes for node in (*change["moved"], *change["kept"])}
        mentioned |= {node for link in evidence for node in (link["node_a"], link["node_b"])}
        briefs = {row["id"]: row for row in await _sql.briefs_of_nodes(conn, nodes=sorted(mentioned))}
        usage = {row["node_id"]: row for row in await _sql.usage_of_nodes(conn, nodes=nodes)}
        await audited(conn, principal, "person.read", person, screen="why")
    rows = [views.change_row(change, briefs, words, rights=rights) for change in changes]
    rows += [row for link in evidence if (row := views.evidence_row(link, briefs, words, rights=rights, person=person))]
    known_as = [(identifier.namespace, identifier.value) for identifier in profile.identifiers]
    view = contexts.PersonLinks(
        person_id=person,
        name=views.display_name(profile.name, known_as, words, contacts=rights.contacts),
        identifiers=views.identifier_rows(profile.identifiers, words, contacts=rights.contacts, usage=usage),
        links=rows,
    )
    return await page(request, view, title=view.name, section=SECTION)


@post(pattern(links.person_split, "person_id"), guards=[requires("identity:undo")], include_in_schema=False)
async def split(request: AnyRequest, person_id: FromPath[int]) -> Response[Any]:
    """Take a link back: what only it held together becomes two people."""
    principal = caller(request)
    words = words_of(request, principal)
    form = await form_of(request)
    async with transaction(pool_of(request)) as conn:
        person = await identity.resolve(conn, person_id)
        await require_in_scope(conn, principal, person)
        nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
        evidence = await identity.links_of(conn, nodes)
        link = next((row for row in evidence if str(row["id"]) == form.get("link")), None)
        if link is None or link["refused_by"] is not None:
            raise NotFound("There is no such link.", code="link_not_found")
        leaving = views.leaving(link, evidence, person) & set(nodes)
        stays, left = await identity.split(conn, person, leaving, actor=principal.actor, reason="split at a link")
        change = (await identity.changes_of(conn, sorted(leaving)))[0]
        detail = {"other": left, "nodes": sorted(leaving)}
        await audit.record(conn, actor=principal.actor, action="identity.split", person_id=stays, detail=detail)
    async with connection(pool_of(request)) as conn:
        await timeline.announce(conn)
    text = words.gettext("They are two people again.")
    return go(request, links.person_why(stays), text, undo_href=links.link_undo(change["id"]))


routes: list[ControllerRouterHandler] = [home, list_people, show_person, write_note, show_why, split]
