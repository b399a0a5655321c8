"""Whom a broadcast would reach: the contact policy asked of its audience, or of a sample, without sending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from unisono.customers.segments import service as segments
from unisono.customers.segments.counting import portions, sampled, some_members
from unisono.customers.segments.model import decode_json
from unisono.customers.segments.standing import present_world
from unisono.engagement.broadcasts.errors import BroadcastConflict
from unisono.engagement.broadcasts.model import BroadcastAudience, BroadcastInput, BroadcastSchedule
from unisono.engagement.broadcasts.progress import why_not
from unisono.engagement.broadcasts.service import by_behaviour, start_of
from unisono.engagement.messages import service as messages
from unisono.engagement.policy import asking
from unisono.engagement.policy import service as policies
from unisono.engagement.policy.facts import Company
from unisono.engagement.policy.model import Asked, Decision
from unisono.engagement.templates import service as templates
from unisono.kit.database import Connection
from unisono.kit.localtime import instant_of
from unisono.kit.settings import Settings

SAMPLE: Final = 1000
"""Persons the policy is asked of, unless somebody wants more."""

MOST: Final = 20_000
TOGETHER: Final = 250
"""Persons whose facts are loaded together."""


async def preview(
    conn: Connection, said: BroadcastInput, *, now: datetime, settings: Settings, sample: int = SAMPLE
) -> BroadcastAudience:
    """Whom it would reach when it begins, as things stand now; nothing is written.

    Raises BadBroadcast, BroadcastConflict (``segment_missing``), SegmentUnknown, TemplateNotFound, ContentMissing.
    """
    if said.segment is None:
        raise BroadcastConflict("Say to whom: it has no segment.", code="segment_missing")
    segment = await segments.find(conn, said.segment)
    version = await templates.version(conn, said.template, await messages.published(conn, said.template))
    messages.purpose_of(version.purpose, said.purpose)
    channels = messages.speaking(version.content, said.channels, (await policies.current(conn)).policy)
    at = _instant(said.schedule, said.not_after_seconds, now, settings)
    profiled = said.profiled if said.profiled is not None else await by_behaviour(conn, segment.rule, settings)
    persons, members = await _some(conn, segment, now, settings, min(sample, MOST))
    asked = [
        # Below zero: numbers no message has.
        Asked(
            message_id=-1 - place,
            node_id=person,
            purpose=said.purpose,
            channels=channels,
            due_at=at,
            priority=said.priority,
            profiled=profiled,
            category=said.category,
            not_after=at + timedelta(seconds=said.not_after_seconds),
        )
        for place, person in enumerate(persons)
    ]
    return await _asked(conn, asked, segment.code, members, at, settings)


def _instant(schedule: BroadcastSchedule, useful: int, now: datetime, settings: Settings) -> datetime:
    """When it would be decided: at a local time, when it is that time at the company's."""
    begins = start_of(schedule, useful, now)
    if schedule.local is None:
        return begins
    return max(instant_of(schedule.local.date, schedule.local.time, ZoneInfo(settings.timezone)), now)


async def _some(
    conn: Connection, segment: segments.Segment, now: datetime, settings: Settings, many: int
) -> tuple[list[int], int]:
    if segment.status == "live" and not segment.counting:
        return await some_members(conn, segment.id, many=many)
    world = await present_world(conn, settings)
    rule = decode_json(msgspec.json.encode(segment.rule))
    async with conn.transaction(readonly=True):
        return await sampled(conn, rule, now, world, many=many)


async def _asked(
    conn: Connection, asked: Sequence[Asked], segment: str, members: int, at: datetime, settings: Settings
) -> BroadcastAudience:
    outcomes: Counter[str] = Counter()
    channels: Counter[str] = Counter()
    why: Counter[tuple[str, str]] = Counter()
    company = Company.of(settings)
    for some in portions(asked, TOGETHER):
        decisions = await asking.explain(conn, some, company=company, now=at)
        _count(decisions.values(), outcomes, channels, why)
    scale = members / len(asked) if asked else 0.0
    return BroadcastAudience(
        segment=segment,
        members=members,
        sample=len(asked),
        exact=len(asked) == members,
        at=at,
        now=round(outcomes["send"] * scale),
        later=round(outcomes["hold"] * scale),
        never=round(outcomes["skip"] * scale),
        channels={channel: round(people * scale) for channel, people in channels.most_common()},
        why_not=why_not({name: round(people * scale) for name, people in why.items()}),
    )


def _count(
    decisions: Iterable[Decision], outcomes: Counter[str], channels: Counter[str], why: Counter[tuple[str, str]]
) -> None:
    for decision in decisions:
        outcomes[decision.outcome] += 1
        if decision.outcome != "skip" and decision.channel:
            channels[decision.channel] += 1
        if decision.outcome != "send":
            why["planned" if decision.outcome == "hold" else "skipped", decision.code] += 1
