"""The live segments as they stand: what each looks at, which build on which, whom an event may concern."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import structlog

from unisono.customers.consent import service as consent
from unisono.customers.segments.model import Facts, InSegment, Rule, RuleError, World, decode_json, leaves
from unisono.customers.segments.needs import ENTERED, LEFT, Needs, clocked, needs_of
from unisono.customers.segments.rules import evaluate
from unisono.customers.segments.world import world_of
from unisono.customers.timeline.model import Event
from unisono.kit.database import Connection
from unisono.kit.settings import Settings
from unisono.kit.sql import load

log = structlog.get_logger("unisono.segments")

_sql = load("unisono.customers.segments")

WORLD_KEPT = 5.0
"""Seconds the law's settings and the computed traits are taken for what they were."""

_REMEMBERED = 10_000


async def present_world(conn: Connection, settings: Settings) -> World:
    """What rules mean here, with the law's two clocks of purchases as they are set."""
    legal = await consent.legal(conn)
    return await world_of(
        conn,
        settings,
        purchase_days=legal.purchases_marketing_days,
        detail_days=legal.purchases_profiling_days,
    )


class LiveSegment(NamedTuple):
    """A live segment whose members are all known."""

    id: int
    code: str
    name: str
    version: int
    rule: Rule
    needs: Needs
    clocked: bool


def references(rule: Rule) -> frozenset[str]:
    """Codes of the segments a rule asks about."""
    return frozenset(leaf.segment for leaf in leaves(rule) if isinstance(leaf, InSegment))


def in_order(segments: Sequence[LiveSegment]) -> list[LiveSegment]:
    """Each after those it asks about; there are no circles."""
    by_code = {segment.code: segment for segment in segments}
    ordered: dict[str, LiveSegment] = {}

    def take(segment: LiveSegment) -> None:
        if segment.code in ordered:
            return
        for code in sorted(segment.needs.segments & by_code.keys()):
            take(by_code[code])
        ordered[segment.code] = segment

    for segment in segments:
        take(segment)
    return list(ordered.values())


class Live:
    """All live segments of a moment, and the world their rules are meant in."""

    def __init__(self, segments: Sequence[LiveSegment], world: World, codes: dict[int, str]) -> None:
        self.segments = in_order(segments)
        self.by_id = {segment.id: segment for segment in self.segments}
        self.codes = codes
        """Of all live segments, also those that are being counted."""
        self.world = world
        self.everything = frozenset(self.by_id)
        self._by_identity = frozenset(segment.id for segment in self.segments if segment.needs.identity)
        self._touched: dict[tuple[str, str, str], frozenset[int]] = {}
        self._needs: dict[frozenset[int], Needs] = {}

    def touched(self, event: Event) -> frozenset[int]:
        """Segments an event may bring its person into or out of, those that build on them aside."""
        if event.type == "identity":
            return self.everything
        if event.name in (ENTERED, LEFT) and event.type == "track":
            # What our own comings and goings mean for other segments was settled with them; as events they count.
            return self._by_kind(event, frozenset(s.id for s in self.segments if event.name in s.needs.events))
        return self._by_kind(event, None)

    def _by_kind(self, event: Event, ids: frozenset[int] | None) -> frozenset[int]:
        key = (event.name, event.type, event.channel)
        known = self._touched.get(key)
        if known is None:
            if len(self._touched) > _REMEMBERED:
                self._touched.clear()
            if ids is None:
                ids = frozenset(s.id for s in self.segments if s.needs.touched_by(event, self.world))
            # Any event may bring an identifier nobody had before, which makes no join.
            known = self._touched[key] = ids | self._by_identity
        return known

    def of_anybody(self, now: datetime) -> frozenset[int]:
        """Segments somebody nothing is known of is in, or comes into as time passes: who is new must be judged."""
        nobody = Facts(person_id=0)
        inside: set[str] = set()
        found: set[int] = set()
        for segment in self.segments:
            facts = msgspec.structs.replace(nobody, segments=frozenset(inside)) if segment.needs.segments else nobody
            member, until = evaluate(segment.rule, facts, now, self.world)
            if member:
                inside.add(segment.code)
            if member or until is not None:
                found.add(segment.id)
        return frozenset(found)

    def with_dependents(self, ids: Iterable[int]) -> frozenset[int]:
        """These, and those that build on them, and so on."""
        found = set(ids)
        codes = {self.by_id[id_].code for id_ in found}
        for segment in self.segments:
            if segment.needs.segments & codes:
                found.add(segment.id)
                codes.add(segment.code)
        return frozenset(found)

    def needs_of(self, ids: frozenset[int]) -> Needs:
        """What these look at together."""
        known = self._needs.get(ids)
        if known is None:
            if len(self._needs) > _REMEMBERED:
                self._needs.clear()
            known = Needs()
            for id_ in ids:
                known = known.joined(self.by_id[id_].needs)
            self._needs[ids] = known
        return known


class Register:
    """Knows the live segments, and reads them again when one has changed: one small statement a look."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._marks: Sequence[Any] | None = None
        self._live = Live([], World(), {})
        self._world_until = 0.0

    async def world(self, conn: Connection) -> World:
        """What rules mean here, at most a few seconds old."""
        if time.monotonic() >= self._world_until:
            world = await present_world(conn, self._settings)
            self._world_until = time.monotonic() + WORLD_KEPT
            if world != self._live.world:
                self._live = Live(self._live.segments, world, self._live.codes)
                self._marks = None
        return self._live.world

    async def current(self, conn: Connection) -> Live:
        """The live segments of this moment. Those that are still being counted are not among them."""
        world = await self.world(conn)
        marks = [tuple(row) for row in await _sql.live_marks(conn)]
        if marks != self._marks:
            rows = await _sql.live_definitions(conn)
            filled = [row for row in rows if row["filled_version"] == row["version"]]
            segments = [segment for row in filled if (segment := read_segment(row, world)) is not None]
            self._live = Live(segments, world, {row["id"]: row["code"] for row in rows})
            self._marks = marks
        return self._live


def read_segment(row: Any, world: World) -> LiveSegment | None:
    """A row of a live segment; None when this version cannot read it."""
    try:
        rule = decode_json(row["definition"])
    except RuleError:
        # Saved by a version that knew more: the others go on.
        log.exception("segments.unreadable", segment=row["code"])
        return None
    return LiveSegment(row["id"], row["code"], row["name"], row["version"], rule, needs_of(rule, world), clocked(rule))
