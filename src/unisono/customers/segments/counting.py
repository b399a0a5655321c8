"""A rule over everybody: who is in, how many, whom a channel reaches, some of them with the reason."""

# ruff: noqa: S608 - the statement is compiled; whatever a rule says is a parameter.

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from unisono.customers.consent import rules as consent_rules
from unisono.customers.consent import service as consent
from unisono.customers.consent.model import ADDRESSES, PERSON_CHANNELS, Allowed, Legal, Standing
from unisono.customers.segments.compiling import compile_counts, compile_rule, drawn, quickly
from unisono.customers.segments.model import Rule, World
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.segments")

PATIENCE = 600.0
"""Seconds counting everybody may take."""

SAMPLE = 2000
"""Members looked at to say how many a channel reaches."""


Item = TypeVar("Item")


def portions(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Some after the other, in order."""
    for first in range(0, len(items), size):
        yield items[first : first + size]


class Counted(NamedTuple):
    """Everybody, judged at one instant."""

    members: list[int]
    instants: dict[int, int]
    """Person to the instant (microseconds since 1970) at which time alone may move him."""


class Part(msgspec.Struct, frozen=True):
    """A part of a rule and how many it lets through."""

    alone: int
    """Whom this part alone would let in."""
    together: int
    """Who is left after it and all parts before it."""


class Numbers(msgspec.Struct, frozen=True):
    """A rule in numbers."""

    people: int
    members: int
    parts: tuple[Part, ...]
    """Of each part right under the topmost group, in order: the funnel."""
    some: list[int] = []
    """Members, evenly drawn: as many as were asked for."""


class ReachOf(msgspec.Struct, frozen=True):
    """Whom marketing may reach on a channel, by consent and suppression."""

    channel: str
    people: int
    exact: bool
    """False when it was estimated from some of the members."""


async def everybody(conn: Connection, rule: Rule, now: datetime, world: World) -> Counted:
    """Judge everybody in one statement. Needs a transaction around it, and writes nothing."""
    await quickly(conn)
    sql, args = compile_rule(rule, now, world)
    row = await conn.fetchrow(
        f"select array_agg(person_id) filter (where member) as members, "
        f"array_agg(person_id) filter (where until is not null) as timed, "
        f"array_agg((extract(epoch from until) * 1000000)::bigint) filter (where until is not null) as untils "
        f"from ({sql}) as judged where member or until is not null",
        *args,
        timeout=PATIENCE,
    )
    assert row is not None
    return Counted(row["members"] or [], dict(zip(row["timed"] or [], row["untils"] or [], strict=True)))


async def numbers(conn: Connection, rule: Rule, now: datetime, world: World, *, many: int = 0) -> Numbers:
    """How many a rule and each of its parts let through, and so ``many`` members. Needs a transaction around it."""
    await quickly(conn)
    sql, args = compile_counts(rule, now, world, many=many)
    row = await conn.fetchrow(sql, *args)
    assert row is not None
    parts = tuple(Part(alone, together) for alone, together in zip(row["alone"], row["together"], strict=True))
    return Numbers(row["people"], row["members"], parts, row["some"] or [])


async def sampled(conn: Connection, rule: Rule, now: datetime, world: World, *, many: int) -> tuple[list[int], int]:
    """Some members, evenly drawn, and how many members there are. Needs a transaction around it."""
    await quickly(conn)
    sql, args = compile_rule(rule, now, world)
    row = await conn.fetchrow(
        f"select count(*) as members, {drawn(many)} as some from ({sql}) as judged where member", *args
    )
    assert row is not None
    return list(row["some"] or []), row["members"]


async def some_members(conn: Connection, segment_id: int, *, many: int) -> tuple[list[int], int]:
    """Some members as they are kept, and how many there are."""
    persons: list[int] = await _sql.members_of_segment(conn, segment_id=segment_id) or []
    if len(persons) <= many:
        return persons, len(persons)
    return random.Random(segment_id).sample(persons, many), len(persons)


async def reach(conn: Connection, persons: Sequence[int], members: int, now: datetime) -> list[ReachOf]:
    """Whom marketing may reach by channel, most first: of all ``members`` when ``persons`` are only some of them."""
    found = await by_consent(conn, persons, now)
    exact = len(persons) == members
    scale = members / len(persons) if persons else 0.0
    return [
        ReachOf(channel, round(people * scale), exact)
        for channel, people in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]


async def by_consent(conn: Connection, persons: Collection[int], now: datetime) -> Mapping[str, int]:
    """How many of these persons have an address marketing may go to, by channel."""
    reached: dict[str, int] = {}
    for channels in (await channels_of(conn, persons, now)).values():
        for channel in channels:
            reached[channel] = reached.get(channel, 0) + 1
    return reached


async def channels_of(conn: Connection, persons: Collection[int], now: datetime) -> dict[int, frozenset[str]]:
    """The channels on which each of these persons has an address marketing may go to."""
    legal = await consent.legal(conn)
    standing = await consent.standings(conn, persons)
    addresses: dict[int, list[tuple[str, int]]] = {person: [] for person in persons}
    for row in await _sql.nodes_of_persons(conn, persons=int_list(persons)):
        mine = addresses[row["person_id"]]
        mine += [(channel, row["id"]) for channel in ADDRESSES.get(row["namespace"], ())]
        mine += [(channel, row["id"]) for channel in PERSON_CHANNELS]
    return {
        person: frozenset(channel for channel, node in mine if _may(standing[person], node, channel, now, legal))
        for person, mine in addresses.items()
    }


def _may(standing: Standing, node: int, channel: str, now: datetime, legal: Legal) -> bool:
    answer: Any = consent_rules.allowed(
        standing, address=node, channel=channel, purpose="marketing", at=now, legal=legal
    )
    return isinstance(answer, Allowed)
