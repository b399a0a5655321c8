"""A rule in numbers for a screen: counted over everybody, whom channels reach, some people with why; who may be meant
by a name."""

from __future__ import annotations

import time
from collections.abc import Sequence

import asyncpg
import msgspec

from unisono.access.guards import caller, now_of
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, settings_of, words_of
from unisono.console.routes.reader import audited
from unisono.console.views import segments as views
from unisono.console.views.people import display_name
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.customers.identity.service import PersonNotFound
from unisono.customers.profiles import service as profiles
from unisono.customers.segments import asking
from unisono.customers.segments import service as segments
from unisono.customers.segments.counting import SAMPLE, numbers, reach
from unisono.customers.segments.explaining import explain
from unisono.customers.segments.knowing import facts_of
from unisono.customers.segments.model import Rule, World
from unisono.customers.segments.needs import needs_of
from unisono.customers.segments.standing import present_world
from unisono.customers.segments.validation import Warned
from unisono.kit.database import Connection
from unisono.kit.reasons import in_words

SHOWN = 10
"""People named for example."""

PATIENCE_MS = 10_000
"""How long a page waits for a count."""

FOUND = 6
SIZES_KEPT = 600.0
"""Seconds the sizes of the ready templates are believed."""


async def count_rule(
    conn: Connection,
    request: AnyRequest,
    rule: Rule,
    *,
    code: str = "",
    people: bool = False,
    warned: Sequence[Warned] = (),
) -> contexts.SegmentNumbers | None:
    """Everybody judged at this instant; with ``people`` also whom channels reach, and some with why (audited). None
    when it takes too long. Needs a connection without a transaction."""
    principal, now = caller(request), now_of(request)
    words = words_of(request, principal)
    try:
        async with conn.transaction():
            await conn.execute(f"set local statement_timeout = {PATIENCE_MS}")
            world = await present_world(conn, settings_of(request))
            found = await numbers(conn, rule, now, world, many=SAMPLE if people else 0)
            reached: list[contexts.ReachRow] = []
            samples: list[contexts.SampleRow] = []
            if people:
                some = found.some
                reached = views.reach_rows(await reach(conn, some, found.members, now), found.members, words)
                if principal.may("people:read"):
                    samples = await _samples(conn, request, rule, world, some[:SHOWN], code)
                    await audited(conn, principal, "segment.samples", segment=code, people=some[:SHOWN])
    except asyncpg.QueryCanceledError:
        return None
    return contexts.SegmentNumbers(
        members=found.members,
        people=found.people,
        at=now,
        part=found.members / found.people if found.people else 0.0,
        funnel=views.funnel_rows(rule, found, words),
        reach=reached,
        samples=samples,
        warnings=[in_words(one.reason, words.language, words.zone.key) for one in warned],
        asked_people=people,
    )


async def _samples(
    conn: Connection, request: AnyRequest, rule: Rule, world: World, persons: Sequence[int], code: str
) -> list[contexts.SampleRow]:
    now, words = now_of(request), words_of(request, caller(request))
    known = await facts_of(conn, persons, needs_of(rule, world), world, now)
    inside = await segments.segments_of(conn, persons)
    rows = []
    for one in await asking.named(conn, persons):
        facts = known.get(one.person_id)
        if facts is None:
            continue
        step = explain(rule, msgspec.structs.replace(facts, segments=inside[one.person_id]), now, world)
        rows.append(
            contexts.SampleRow(
                person=views.person_link(one.person_id, one.name, words),
                why=views.short_why(step, words),
                why_href=links.segment_why(code, one.person_id) if code else "",
            )
        )
    return rows


Sizes = dict[str, int | None]


def known_sizes(request: AnyRequest) -> Sizes | None:
    """How many the ready rules hold, as last counted; None when nobody has counted within ten minutes."""
    kept: tuple[float, Sizes] | None = request.app.state.get("segment_sizes")
    return kept[1] if kept is not None and kept[0] > time.monotonic() else None


async def sizes_of(conn: Connection, request: AnyRequest, rules: dict[str, Rule]) -> Sizes:
    """How many each of these rules would hold now; remembered for ten minutes."""
    known = known_sizes(request)
    if known is not None:
        return known
    sizes: Sizes = {}
    for name, rule in rules.items():
        found = await count_rule(conn, request, rule)
        sizes[name] = found.members if found else None
    request.app.state.segment_sizes = (time.monotonic() + SIZES_KEPT, sizes)
    return sizes


async def who_is_meant(conn: Connection, request: AnyRequest, query: str) -> list[contexts.PersonLink]:
    """People a name, a part of a phone number, an address or a person's number may mean; best first. Needs a
    transaction around it."""
    principal = caller(request)
    words = words_of(request, principal)
    found = await profiles.search(conn, query, limit=FOUND)
    await audited(conn, principal, "people.search", query=query, people=[one.id for one in found])
    contacts_too = principal.may("people:contact")
    people = [
        contexts.PersonLink(
            person_id=one.id, name=display_name(one.name, one.identifiers, words, contacts=contacts_too)
        )
        for one in found
    ]
    if people or not (query.isascii() and query.isdigit() and len(query) < 19):
        return people
    try:
        person = await identity.resolve(conn, int(query))
    except PersonNotFound:
        return []
    return [await person_named(conn, person, words)]


async def person_named(conn: Connection, person: int, words: Words) -> contexts.PersonLink:
    """A person as lists of segments name him."""
    return views.person_link(person, (await profiles.names_of(conn, [person])).get(person), words)


async def answer_for(conn: Connection, request: AnyRequest, rule: Rule, person: int, **told: str) -> contexts.WhyAnswer:
    """Whether an unsaved rule holds for a person, and why; audited. Raises PersonNotFound."""
    words = words_of(request, caller(request))
    found = await asking.explain_rule(
        conn, rule, person, settings_of(request), now=now_of(request), language=words.language
    )
    await audited(conn, caller(request), "segment.explain", found.person_id, **told)
    return await as_answer(conn, found, words)


async def as_answer(conn: Connection, found: asking.Explanation, words: Words) -> contexts.WhyAnswer:
    """An explanation for a screen."""
    return contexts.WhyAnswer(
        person=await person_named(conn, found.person_id, words),
        member=found.member,
        at=found.at,
        step=views.why_step(found.step, words),
        since=found.since,
        until=found.until,
    )
