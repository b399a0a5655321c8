"""A rule before it is saved, and a segment in numbers: how many, who for example, whom a channel reaches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from unisono.customers.identity import service as identity
from unisono.customers.profiles.service import names_of
from unisono.customers.segments.counting import SAMPLE, Part, ReachOf, numbers, reach, some_members
from unisono.customers.segments.explaining import Step, explain
from unisono.customers.segments.knowing import facts_of
from unisono.customers.segments.model import Rule, decode
from unisono.customers.segments.needs import needs_of
from unisono.customers.segments.sentence import sentence
from unisono.customers.segments.service import find, memberships, segments_of, usable_rule
from unisono.customers.segments.standing import present_world
from unisono.customers.segments.validation import Warned
from unisono.kit.database import Connection
from unisono.kit.reasons import told
from unisono.kit.settings import Settings


class PreviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule nobody has saved, and what is to be said of it beside the numbers."""

    rule: dict[str, Any]
    samples: Annotated[int, Meta(ge=0, le=50)] = 0
    """How many members to name."""
    reach: bool = False
    """Whom marketing may reach, by channel."""


class Person(msgspec.Struct, frozen=True):
    """Somebody, as a list shows him."""

    person_id: int
    name: str | None


class SegmentPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule would do at this instant, over everybody: exact numbers."""

    at: datetime
    people: int
    members: int
    parts: tuple[Part, ...]
    """The funnel: of each part right under the topmost group, in order."""
    sentence: str
    """The rule in words."""
    warnings: list[Warned] = []
    samples: list[Person] = []
    reach: list[ReachOf] = []


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody is in a segment, or is not: the rule, step by step, on what is known of him now."""

    person_id: int
    at: datetime
    member: bool
    until: datetime | None
    """When time alone may change that; None: never."""
    since: datetime | None
    """Since when he is written down as a member; None for who is not, and for a rule nobody saved."""
    step: Step


async def preview(
    conn: Connection, asked: PreviewRequest, settings: Settings, *, now: datetime, language: str = "en"
) -> SegmentPreview:
    """Judge everybody by an unsaved rule; writes nothing. Raises RuleError."""
    async with conn.transaction(readonly=True):
        world = await present_world(conn, settings)
        rule, warnings = await usable_rule(conn, asked.rule, world)
        found = await numbers(conn, rule, now, world, many=SAMPLE if asked.reach else asked.samples)
        samples = await named(conn, found.some[: asked.samples])
        reached = await reach(conn, found.some, found.members, now) if asked.reach else []
    return SegmentPreview(
        at=now,
        people=found.people,
        members=found.members,
        parts=found.parts,
        sentence=sentence(rule, language, settings.timezone),
        warnings=told(warnings, language, settings.timezone),
        samples=samples,
        reach=reached,
    )


async def explain_rule(
    conn: Connection,
    rule: Rule,
    person_id: int,
    settings: Settings,
    *,
    now: datetime,
    language: str = "en",
    since: datetime | None = None,
) -> Explanation:
    """Why a rule holds for a person or does not. Raises PersonNotFound."""
    person = await identity.resolve(conn, person_id)
    world = await present_world(conn, settings)
    facts = (await facts_of(conn, [person], needs_of(rule, world), world, now))[person]
    facts = msgspec.structs.replace(facts, segments=(await segments_of(conn, [person]))[person])
    step = told(explain(rule, facts, now, world), language, settings.timezone)
    return Explanation(person_id=person, at=now, member=step.holds, until=step.until, since=since, step=step)


async def explain_segment(
    conn: Connection, code: str, person_id: int, settings: Settings, *, now: datetime, language: str = "en"
) -> Explanation:
    """Why a person is in a segment or is not. Raises SegmentUnknown, PersonNotFound."""
    segment = await find(conn, code)
    since = next((one.since for one in await memberships(conn, person_id) if one.code == segment.code), None)
    rule = decode(segment.rule)
    return await explain_rule(conn, rule, person_id, settings, now=now, language=language, since=since)


async def reach_of(conn: Connection, segment_id: int, *, now: datetime) -> list[ReachOf]:
    """Whom marketing may reach of the members there are, by channel."""
    some, members = await some_members(conn, segment_id, many=SAMPLE)
    return await reach(conn, some, members, now)


async def named(conn: Connection, persons: Sequence[int]) -> list[Person]:
    """These persons with their names."""
    names = await names_of(conn, persons)
    return [Person(person, names.get(person)) for person in persons]
