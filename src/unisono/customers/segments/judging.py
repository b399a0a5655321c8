"""Who is in, decided anew for some persons: the facts of all at once, each rule once, and what changed written down.

The comings and goings, the events that tell of them and the instants at which to look again stand or fall together.
Whoever judges a person holds his lock from before the facts are read until the commit, so that what is written
follows from the newest facts; who is written is what the rows say, so nothing is told twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import structlog

from unisono.customers.record import Happening, record
from unisono.customers.segments.knowing import facts_of
from unisono.customers.segments.model import Facts
from unisono.customers.segments.needs import ENTERED, LEFT
from unisono.customers.segments.rules import evaluate
from unisono.customers.segments.standing import Live
from unisono.customers.timers import service as timers
from unisono.customers.timers.service import Instant
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

log = structlog.get_logger("unisono.segments")

_sql = load("unisono.customers.segments")

KIND = "segments"
"""Of the timer each person has."""

Cause = Literal["event", "time", "merge", "check"]

SOON = timedelta(seconds=1)


class Asked(NamedTuple):
    """Which segments are to be judged for a person, and why."""

    segments: frozenset[int]
    cause: Cause
    mark: str
    """What it comes from; with person and segment it makes the id of the event."""


class Move(NamedTuple):
    """Somebody came in or went out."""

    segment_id: int
    person_id: int
    entered: bool
    since: datetime
    told: bool
    """Whether the timeline hears of it; not when he only goes by another id."""


class Judged(NamedTuple):
    """What came of it."""

    moves: list[Move]
    persons: int


class _Kept(NamedTuple):
    """The rows there are: of present persons, and of ids that persons once had."""

    since: dict[tuple[int, int], datetime]
    """(segment, present person) -> since when, under whichever id."""
    rows: set[tuple[int, int]]
    """(segment, id) as written."""


def persons_in(person_id: int, properties: Mapping[str, Any]) -> Iterator[int]:
    """Ids an event concerns: its person's; of a join or a split (``properties`` are theirs) all those it names."""
    yield person_id
    for name in ("person_id", "other_person_id"):
        if isinstance(properties.get(name), int):
            yield properties[name]


async def judge(conn: Connection, live: Live, asked: Mapping[int, Asked], *, now: datetime) -> Judged:
    """Judge these persons, write what changed, set when to look again. An id a person once had stands for him.

    Reads before it writes. The caller holds `use_memberships`.
    """
    present = await _present(conn, asked)
    wanted = _merged(asked, present, live)
    await _sql.lock_persons(conn, persons=int_list({*present, *wanted}))
    former: dict[int, list[int]] = defaultdict(list)
    for id_, person in present.items():
        if id_ != person:
            former[person].append(id_)
    closures = {person: live.with_dependents(one.segments) for person, one in wanted.items()}
    needs = live.needs_of(frozenset().union(*closures.values()))
    facts = await facts_of(conn, wanted.keys(), needs, live.world, now)
    kept = await _kept(conn, wanted.keys() & facts.keys(), former)
    moves: list[Move] = []
    instants: list[Instant] = []
    for person, about in facts.items():
        found, again = _judge_one(live, wanted[person], about, kept, now)
        moves += found
        instants += again
    moves += _renamed(kept, former, moves)
    await _write(conn, live, moves, kept, {person: wanted[person] for person in facts}, now)
    gone = [id_ for ids in former.values() for id_ in ids]
    if gone:
        await timers.cancel_timers(conn, [(KIND, str(id_)) for id_ in gone], reason="joined with another person")
    await timers.set_instants(conn, KIND, instants)
    return Judged(moves, len(facts))


async def _present(conn: Connection, ids: Collection[int]) -> dict[int, int]:
    """Whose these ids are now; ids of nobody are left out."""
    return {row["id"]: row["person_id"] for row in await _sql.persons_named(conn, ids=int_list(ids))}


def _merged(asked: Mapping[int, Asked], present: Mapping[int, int], live: Live) -> dict[int, Asked]:
    """What is asked by the persons there are; about one who was two, everything."""
    wanted: dict[int, Asked] = {}
    for id_, one in asked.items():
        person = present.get(id_)
        if person is None:
            continue
        about = one if person == id_ else Asked(live.everything, "merge", one.mark)
        before = wanted.get(person, about)
        cause = "merge" if "merge" in (before.cause, about.cause) else about.cause
        wanted[person] = Asked(before.segments | about.segments, cause, max(before.mark, about.mark))
    return wanted


async def _kept(conn: Connection, persons: Collection[int], former: Mapping[int, Sequence[int]]) -> _Kept:
    person_of = {person: person for person in persons}
    for person, ids in former.items():
        person_of |= dict.fromkeys(ids, person)
    kept = _Kept({}, set())
    for row in await _sql.memberships(conn, persons=int_list(person_of)):
        name = (row["segment_id"], person_of[row["person_id"]])
        kept.rows.add((row["segment_id"], row["person_id"]))
        kept.since[name] = min(row["since"], kept.since.get(name, row["since"]))
    return kept


def _judge_one(live: Live, asked: Asked, facts: Facts, kept: _Kept, now: datetime) -> tuple[list[Move], list[Instant]]:
    """One person through the segments asked about, and through those that build on one he came into or left."""
    person = facts.person_id
    inside = {code for id_, code in live.codes.items() if (id_, person) in kept.since}
    changed: set[str] = set()
    moves: list[Move] = []
    instants: list[Instant] = []
    for segment in live.segments:
        if segment.id not in asked.segments and not segment.needs.segments & changed:
            continue
        if segment.needs.segments:
            facts = msgspec.structs.replace(facts, segments=frozenset(inside))
        member, until = evaluate(segment.rule, facts, now, live.world)
        if segment.clocked:
            if until is not None and until <= now:
                log.error("segments.instant_past", segment=segment.code, person_id=person, until=until.isoformat())
                until = now + SOON
            instants.append(Instant(KIND, str(person), str(segment.id), until))
        was = (segment.id, person) in kept.since
        if member != was:
            changed.add(segment.code)
            (inside.add if member else inside.discard)(segment.code)
            moves.append(Move(segment.id, person, member, now, told=True))
    return moves, instants


def _renamed(kept: _Kept, former: Mapping[int, Sequence[int]], moves: Sequence[Move]) -> list[Move]:
    """Rows under ids that persons once had, brought to the persons they are now; nobody hears of it."""
    left = {(move.segment_id, move.person_id) for move in moves if not move.entered}
    renamed = []
    for person, ids in former.items():
        renamed += [
            Move(segment_id, person, True, kept.since[segment_id, person], told=False)
            for segment_id in sorted({segment for segment, id_ in kept.rows if id_ in ids})
            if (segment_id, person) not in left and (segment_id, person) not in kept.rows
        ]
    return renamed


async def _write(
    conn: Connection, live: Live, moves: Sequence[Move], kept: _Kept, asked: Mapping[int, Asked], now: datetime
) -> None:
    persons = asked.keys()
    into = [move for move in moves if move.entered]
    out = [(move.segment_id, move.person_id) for move in moves if not move.entered]
    out += [(segment, id_) for segment, id_ in kept.rows if id_ not in persons]
    entered = await _enter(conn, into)
    left = await _leave(conn, out)
    told = [move for move in moves if move.told and ((move.segment_id, move.person_id) in entered or not move.entered)]
    await _count(conn, live, entered, left, now)
    await record(conn, [_happening(live, move, asked[move.person_id], now) for move in told], clock=lambda: now)


async def _enter(conn: Connection, into: Sequence[Move]) -> set[tuple[int, int]]:
    if not into:
        return set()
    rows = await _sql.enter(
        conn,
        segments=[move.segment_id for move in into],
        persons=[move.person_id for move in into],
        sinces=[move.since for move in into],
    )
    return {(row["segment_id"], row["person_id"]) for row in rows}


async def _leave(conn: Connection, out: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    if not out:
        return set()
    rows = await _sql.leave(conn, segments=[segment for segment, _ in out], persons=[person for _, person in out])
    return {(row["segment_id"], row["person_id"]) for row in rows}


async def _count(
    conn: Connection, live: Live, entered: Collection[tuple[int, int]], left: Collection[tuple[int, int]], now: datetime
) -> None:
    """The day's comings and goings, as days are where the company is."""
    moved = sorted({segment for segment, _ in entered} | {segment for segment, _ in left})
    if not moved:
        return
    await _sql.count_moves(
        conn,
        day=now.astimezone(ZoneInfo(live.world.timezone)).date(),
        segments=moved,
        entered=[sum(1 for segment, _ in entered if segment == one) for one in moved],
        departed=[sum(1 for segment, _ in left if segment == one) for one in moved],
    )


def _happening(live: Live, move: Move, asked: Asked, now: datetime) -> Happening:
    segment = live.by_id[move.segment_id]
    way = "in" if move.entered else "out"
    return Happening(
        node_id=move.person_id,
        name=ENTERED if move.entered else LEFT,
        key=f"segment:{segment.id}:{move.person_id}:{way}:{asked.mark}",
        channel="system",
        at=now,
        properties={
            "segment": segment.code,
            "segment_name": segment.name,
            "segment_version": segment.version,
            "reason": asked.cause,
        },
    )
