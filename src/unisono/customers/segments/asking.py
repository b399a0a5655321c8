"""A rule before it is saved, and a segment in numbers: how many, who for example, whom a channel reaches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from unisono.customers.profiles.service import names_of
from unisono.customers.segments.counting import SAMPLE, Part, ReachOf, numbers, reach, sampled, some_members
from unisono.customers.segments.service import usable_rule
from unisono.customers.segments.standing import present_world
from unisono.kit.database import Connection
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


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule would do at this instant, over everybody: exact numbers."""

    at: datetime
    people: int
    members: int
    parts: tuple[Part, ...]
    """The funnel: of each part right under the topmost group, in order."""
    samples: list[Person] = []
    reach: list[ReachOf] = []


async def preview(conn: Connection, asked: PreviewRequest, settings: Settings, *, now: datetime) -> Preview:
    """Judge everybody by an unsaved rule; writes nothing. Raises RuleError."""
    async with conn.transaction(readonly=True):
        rule = await usable_rule(conn, asked.rule)
        world = await present_world(conn, settings)
        found = await numbers(conn, rule, now, world)
        samples: list[Person] = []
        reached: list[ReachOf] = []
        if asked.samples or asked.reach:
            many = SAMPLE if asked.reach else asked.samples
            some, members = await sampled(conn, rule, now, world, many=many)
            samples = await named(conn, some[: asked.samples])
            if asked.reach:
                reached = await reach(conn, some, members, now)
    return Preview(
        at=now, people=found.people, members=found.members, parts=found.parts, samples=samples, reach=reached
    )


async def reach_of(conn: Connection, segment_id: int, *, now: datetime) -> list[ReachOf]:
    """Whom marketing may reach of the members there are, by channel."""
    some, members = await some_members(conn, segment_id, many=SAMPLE)
    return await reach(conn, some, members, now)


async def named(conn: Connection, persons: Sequence[int]) -> list[Person]:
    """These persons with their names."""
    names = await names_of(conn, persons)
    return [Person(person, names.get(person)) for person in persons]
