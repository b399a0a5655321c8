"""Profiles' door: one person as every channel sees him, search, lists.

What is read here is the truth itself, not a copy: an event answered with 200 is in the next profile call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from unisono.customers.identity import service as identity
from unisono.customers.profiles.computed import person_values
from unisono.customers.profiles.grams import query_grams, words
from unisono.customers.profiles.rules import Trait, TraitSaid, display_name, fold_traits, trait_said
from unisono.customers.profiles.upcoming import Upcoming, upcoming_items
from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.service import Filters, Page
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

_sql = load("unisono.customers.profiles")

LAST_EVENTS = 50
NEXT_ITEMS = 5

CANDIDATES = 2000
"""Entries looked at for one word: enough to rank, few enough for a till."""


class Identifier(msgspec.Struct, frozen=True):
    """An identifier of a person and where it was first heard of."""

    node_id: int
    namespace: str
    value: str
    source: str | None
    since: datetime
    shared: bool


class TimelineItem(msgspec.Struct, frozen=True):
    """Something on the timeline, in the shape the API gives it."""

    id: int
    at: datetime
    name: str
    type: str
    channel: str
    store_id: str | None
    properties: dict[str, Any]


class Profile(msgspec.Struct, frozen=True):
    """One person as every channel sees him."""

    id: int
    name: str | None
    identified: bool
    identifiers: list[Identifier]
    traits: dict[str, Trait]
    computed: dict[str, Any]
    next: list[Upcoming]
    """What is to come, soonest first: at most five."""
    last: list[TimelineItem]
    """What happened, newest first: at most fifty."""


class Found(msgspec.Struct, frozen=True):
    """A person in a list."""

    id: int
    name: str | None
    identified: bool
    identifiers: list[tuple[str, str]]
    """(namespace, value), strongest first."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    events: int = 0
    orders: int = 0
    value_minor: int = 0
    currency: str | None = None
    """Of ``value_minor``; None when nothing was spent."""
    channels: tuple[str, ...] = ()
    store_id: str | None = None


def as_item(event: Event) -> TimelineItem:
    """An event in the shape the API gives it."""
    return TimelineItem(
        event.id, event.occurred_at, event.name, event.type, event.channel, event.store_id, event.properties
    )


async def traits_of(conn: Connection, nodes: Collection[int]) -> dict[str, Trait]:
    """The traits of these nodes folded into one answer each, with source and time."""
    rows = await _sql.traits_of_nodes(conn, nodes=list(nodes))
    return fold_traits(trait_said(row) for row in rows)


async def profile(conn: Connection, person_id: int) -> Profile:
    """One person whole. ``person_id`` may be any node's id. Raises PersonNotFound."""
    return await profile_of(conn, await identity.resolve(conn, person_id))


async def profile_of(conn: Connection, person: int) -> Profile:
    """One person whole, when it is known whom an id or an identifier stands for."""
    nodes = await identity.nodes_of(conn, person)
    ids = [row["id"] for row in nodes]
    traits = await traits_of(conn, ids)
    last = await timeline.timeline(conn, ids, limit=LAST_EVENTS)
    return Profile(
        id=person,
        name=display_name(traits),
        identified=any(row["level"] == "person" for row in nodes),
        identifiers=[
            Identifier(row["id"], row["namespace"], row["value"], row["source_name"], row["created_at"], row["shared"])
            for row in nodes
        ],
        traits=traits,
        computed=await person_values(conn, ids),
        next=await upcoming_items(conn, ids, limit=NEXT_ITEMS),
        last=[as_item(event) for event in last.events],
    )


async def timeline_page(
    conn: Connection,
    person_id: int,
    *,
    filters: Filters | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int = 50,
) -> Page:
    """A page of a person's timeline, newest first. Raises PersonNotFound."""
    person = await identity.resolve(conn, person_id)
    nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
    return await timeline.timeline(conn, nodes, filters=filters, before=before, limit=limit)


def _pattern(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def search(conn: Connection, query: str, *, stores: Sequence[str] | None = None, limit: int = 20) -> list[Found]:
    """People found by part of name, phone, e-mail or card; best first.

    Two characters find beginnings of words, three or more any part. ``stores`` limits to people seen there.
    """
    wanted = words(query.replace("\x00", ""))
    if not wanted:
        return []
    wanted.sort(key=len, reverse=True)
    rows = await _sql.search_nodes(conn, grams=query_grams(wanted[0]), pattern=_pattern(wanted[0]), limit=CANDIDATES)
    scores: dict[int, int] = {}
    for row in rows:
        score = _score(row["text"], wanted[0])
        scores[row["person_id"]] = max(scores.get(row["person_id"], 0), score)
    for word in wanted[1:]:
        if not scores:
            return []
        having = await _sql.search_within(conn, persons=list(scores), pattern=_pattern(word))
        kept = {row["person_id"] for row in having}
        scores = {person: score for person, score in scores.items() if person in kept}
    if stores is not None and scores:
        seen = await _sql.seen_in_stores(conn, persons=list(scores), stores=list(stores))
        allowed = {row["person_id"] for row in seen}
        scores = {person: score for person, score in scores.items() if person in allowed}
    best = sorted(scores, key=lambda person: (-scores[person], person))[:limit]
    return await describe(conn, best)


def _score(text: str, word: str) -> int:
    """Whole before beginning before beginning of a word before inside."""
    if text == word:
        return 4
    if text.startswith(word) or text.startswith("+" + word):
        return 3
    return 2 if f" {word}" in text else 1


async def describe(conn: Connection, persons: Sequence[int]) -> list[Found]:
    """What a list shows of these persons, in the order given; names and identifiers are the truth of now."""
    if not persons:
        return []
    wanted = list(persons)
    summaries = {row["person_id"]: row for row in await _sql.summaries_of_persons(conn, persons=wanted)}
    identifiers: Mapping[int, list[tuple[str, str]]] = defaultdict(list)
    for row in await _sql.entries_of_persons(conn, persons=wanted):
        identifiers[row["person_id"]].append((row["namespace"], row["value"]))
    names = await names_of(conn, wanted)
    return [_found(person, names.get(person), identifiers[person], summaries.get(person)) for person in wanted]


async def names_of(conn: Connection, persons: Sequence[int]) -> dict[int, str | None]:
    """What each person is called; None when no source said a name."""
    said: dict[int, list[TraitSaid]] = defaultdict(list)
    for row in await _sql.name_traits_of_persons(conn, persons=list(persons)):
        said[row["person_id"]].append(trait_said(row))
    return {person: display_name(fold_traits(traits)) for person, traits in said.items()}


def _found(person: int, name: str | None, identifiers: list[tuple[str, str]], summary: asyncpg.Record | None) -> Found:
    if summary is None:
        return Found(person, name, bool(identifiers), identifiers)
    return Found(
        person,
        name,
        summary["identified"],
        identifiers,
        summary["first_at"],
        summary["last_at"],
        summary["events"],
        summary["orders"],
        summary["value_minor"],
        summary["currency"],
        tuple(summary["channels"]),
        summary["store_id"],
    )


async def seen_in(conn: Connection, person: int, stores: Collection[str]) -> bool:
    """Whether a person has an event in one of these stores."""
    return bool(await _sql.seen_in_stores(conn, persons=[person], stores=list(stores)))


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which people, in which order; ``after`` is the key of the last one seen."""

    sort: str = "last"
    """``last`` seen or ``value``, both highest first."""
    identified: bool | None = None
    channel: str | None = None
    store: str | None = None
    stores: tuple[str, ...] | None = None
    """Store scope of who asks; None is no limit."""
    after: str | None = None
    limit: int = 50


async def list_people(conn: Connection, query: ListQuery) -> tuple[list[Found], str | None]:
    """A page of people and the key of the next one. Raises BadRequest for a key that is none."""
    after_value, after_id = _after(query)
    shared: dict[str, Any] = {
        "identified": query.identified,
        "channel": query.channel,
        "store": query.store,
        "stores": list(query.stores) if query.stores is not None else None,
        "after_id": after_id,
        "limit": query.limit + 1,
    }
    if query.sort == "value":
        rows = await _sql.list_by_value(conn, after_value=after_value, **shared)
    else:
        at = None if after_value is None else _moment(after_value)
        rows = await _sql.list_by_last(conn, after_at=at, **shared)
    people = await describe(conn, [row["person_id"] for row in rows[: query.limit]])
    if len(rows) <= query.limit:
        return people, None
    last = rows[query.limit - 1]
    value = last["value_minor"] if query.sort == "value" else _micros(last["last_at"])
    return people, f"{value}.{last['person_id']}"


def _after(query: ListQuery) -> tuple[int | None, int | None]:
    if query.after is None:
        return None, None
    value, _, person = query.after.partition(".")
    try:
        return int(value), int(person)
    except ValueError:
        raise BadRequest("That is no key of a page.", code="bad_page_key") from None


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def _moment(micros: int) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    except OverflowError:
        raise BadRequest("That is no key of a page.", code="bad_page_key") from None


async def people_count(conn: Connection) -> int:
    """About how many persons there are."""
    estimate = int(await _sql.summary_count(conn))
    return estimate if estimate > 10_000 else int(await _sql.exact_summary_count(conn))
