"""The door of segments: keep definitions, publish them, ask who is in.

Writes run inside the caller's transaction and never commit. A live segment whose definition changed goes on with the
members it had until the new ones are counted; its members then are all known, and events tell of who comes and goes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

import asyncpg
import msgspec
from msgspec import Meta

from unisono.customers.identity import service as identity
from unisono.customers.segments import ports
from unisono.customers.segments.errors import SegmentConflict, SegmentUnknown
from unisono.customers.segments.model import (
    Group,
    Near,
    Rule,
    RuleError,
    World,
    children,
    decode,
    decode_json,
    encode_json,
)
from unisono.customers.segments.ports import Use
from unisono.customers.segments.standing import references
from unisono.customers.segments.validation import Names, Warned, check_rule, find_cycle
from unisono.customers.timers import service as timers
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

_sql = load("unisono.customers.segments")

Status = Literal["draft", "live", "archived"]

FILL = "segments.fill"
"""Of the timer that has a segment counted."""

Code = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,62}$", description="Letters, digits, - and _.")]
Name = Annotated[str, Meta(min_length=1, max_length=120)]
Text = Annotated[str, Meta(max_length=2000)]


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment as it stands."""

    id: int
    code: str
    name: str
    description: str
    status: Status
    version: int
    rule: dict[str, Any]
    counting: bool
    """Live, and the members of this version are not all known yet: those of the one before are kept meanwhile."""
    created_at: datetime
    created_by: str
    changed_at: datetime
    members: int | None = None
    """How many were in when that was last written down; None before it ever was."""


class SegmentVersion(msgspec.Struct, frozen=True):
    """What a segment was, since when, by whom."""

    version: int
    name: str
    rule: dict[str, Any]
    at: datetime
    actor: str
    note: str


class NewSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A segment to be."""

    code: Code
    name: Name
    rule: dict[str, Any]
    description: Text = ""


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What becomes different; what is left out stays."""

    name: Name | None = None
    description: Text | None = None
    rule: dict[str, Any] | None = None


class Membership(msgspec.Struct, frozen=True):
    """A segment a person is in."""

    code: str
    name: str
    version: int
    since: datetime


class Member(msgspec.Struct, frozen=True):
    """A person in a segment."""

    person_id: int
    since: datetime


class DayCount(msgspec.Struct, frozen=True):
    """A day of a segment: members at its end (or now), and who came and went."""

    day: date
    members: int
    entered: int
    departed: int


class Check(msgspec.Struct, frozen=True):
    """A proof: the members kept, and how many of those counted afresh were missing or too many. Both were repaired."""

    at: datetime
    members: int
    missing: int
    extra: int


# Reading --------------------------------------------------------------------------------------------------


def as_segment(row: asyncpg.Record) -> Segment:
    """A row as a segment."""
    return Segment(
        id=row["id"],
        code=row["code"],
        name=row["name"],
        description=row["description"],
        status=row["status"],
        version=row["version"],
        rule=msgspec.json.decode(row["definition"]),
        counting=row["status"] == "live" and row["filled_version"] != row["version"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        changed_at=row["changed_at"],
        members=row.get("members"),
    )


async def find(conn: Connection, code: str) -> Segment:
    """A segment. Raises SegmentUnknown."""
    row = await _sql.find_segment(conn, code=_plain(code))
    if row is None:
        raise SegmentUnknown(code)
    return as_segment(row)


async def list_segments(
    conn: Connection, *, statuses: Sequence[Status] = (), after: str | None = None, limit: int = 50
) -> list[Segment]:
    """Segments by code, ``after`` the last one seen; without statuses all of them."""
    rows = await _sql.list_segments(
        conn, statuses=list(statuses) or None, after=None if after is None else _plain(after), limit=limit
    )
    return [as_segment(row) for row in rows]


async def versions_of(conn: Connection, code: str) -> list[SegmentVersion]:
    """What a segment was, newest first. Raises SegmentUnknown."""
    segment = await find(conn, code)
    return [
        SegmentVersion(
            row["version"],
            row["name"],
            msgspec.json.decode(row["definition"]),
            row["at"],
            row["actor"],
            row["note"],
        )
        for row in await _sql.versions_of(conn, segment_id=segment.id)
    ]


async def members_page(
    conn: Connection, segment_id: int, *, after: int | None = None, limit: int = 50
) -> tuple[list[Member], int | None]:
    """Members by person id, and the key of the next page (None at the end)."""
    rows = await _sql.members_page(conn, segment_id=segment_id, after=after, limit=limit + 1)
    members = [Member(row["person_id"], row["since"]) for row in rows[:limit]]
    return members, members[-1].person_id if len(rows) > limit else None


async def count_members(conn: Connection, segment_id: int) -> int:
    """How many are in, counted now."""
    return int(await _sql.count_members(conn, segment_id=segment_id))


async def history(conn: Connection, segment_id: int, *, since: date) -> list[DayCount]:
    """The days on which something moved, oldest first."""
    rows = await _sql.history_of(conn, segment_id=segment_id, since=since)
    return [DayCount(row["day"], row["members"], row["entered"], row["departed"]) for row in rows]


async def checks(conn: Connection, segment_id: int, *, limit: int = 30) -> list[Check]:
    """The last proofs, newest first."""
    rows = await _sql.checks_of(conn, segment_id=segment_id, limit=limit)
    return [Check(row["at"], row["members"], row["missing"], row["extra"]) for row in rows]


async def segments_of(conn: Connection, nodes: Collection[int]) -> dict[int, frozenset[str]]:
    """Codes of the live segments each is in; any node's id stands for its person. One statement."""
    found: dict[int, set[str]] = defaultdict(set)
    for row in await _sql.segments_of_persons(conn, nodes=list(nodes)):
        found[row["id"]].add(row["code"])
    return {node: frozenset(found.get(node, ())) for node in nodes}


async def memberships(conn: Connection, person_id: int) -> list[Membership]:
    """The live segments a person is in, by name. Raises PersonNotFound."""
    person = await identity.resolve(conn, person_id)
    rows = await _sql.memberships_of_person(conn, person_id=person)
    return [Membership(row["code"], row["name"], row["version"], row["since"]) for row in rows]


async def known_codes(conn: Connection, codes: Collection[str]) -> frozenset[str]:
    """Of these codes, those of segments there are; archived ones aside."""
    plain = [code for code in codes if "\x00" not in code]
    return frozenset(row["code"] for row in await _sql.known_codes(conn, codes=plain))


async def used_by(conn: Connection, code: str) -> list[Use]:
    """What asks about a segment: other segments, and what other rooms have in force. Raises SegmentUnknown."""
    segment = await find(conn, code)
    return (await uses_of(conn, [segment.code]))[segment.code]


async def uses_of(conn: Connection, codes: Collection[str]) -> dict[str, list[Use]]:
    """The same of several segments at once, by their codes."""
    found: dict[str, list[Use]] = {code: [] for code in codes}
    for row in await _sql.all_segments(conn):
        for code in references(decode_json(row["definition"])) & found.keys():
            found[code].append(Use("segment", row["code"], row["name"]))
    for code, use in await ports.used_by(conn, found.keys()):
        found[code].append(use)
    return found


def _plain(text: str) -> str:
    return text.replace("\x00", "")


# Keeping --------------------------------------------------------------------------------------------------


async def create(conn: Connection, new: NewSegment, *, actor: str, now: datetime, note: str = "") -> Segment:
    """Make a segment, as a draft. Raises RuleError, BadRequest, SegmentConflict when its code is taken."""
    try:
        msgspec.convert(msgspec.to_builtins(new), type(new))
    except msgspec.ValidationError as error:
        raise BadRequest(str(error), code="bad_segment") from None
    if new.code.endswith("\n"):  # which the $ of a pattern lets by
        raise BadRequest("A code is 1 to 63 small letters, digits, - and _.", code="bad_segment")
    await _sql.lock_definitions(conn)
    rule = await _usable(conn, new.code, new.rule)
    row = await _sql.insert_segment(
        conn,
        code=new.code,
        name=_plain(new.name),
        description=_plain(new.description),
        definition=encode_json(rule),
        now=now,
        actor=actor,
    )
    if row is None:
        raise SegmentConflict(f"There is a segment {new.code} already.", code="segment_exists")
    await _keep(conn, row, actor=actor, now=now, note=note)
    return as_segment(row)


async def change(
    conn: Connection,
    code: str,
    changes: Changes,
    *,
    actor: str,
    now: datetime,
    note: str = "",
    expected_version: int | None = None,
) -> Segment:
    """Give a segment another name, description or rule: a new version. A live one is counted anew if its rule
    changed. Changing nothing makes no version.

    Raises RuleError, SegmentUnknown, SegmentConflict when ``expected_version`` is not the present one.
    """
    await _sql.lock_definitions(conn)
    before = await _locked(conn, code)
    if expected_version is not None and expected_version != before["version"]:
        raise SegmentConflict(f"{before['code']} has been changed by somebody else.", code="version_conflict")
    old = decode_json(before["definition"])
    rule = old if changes.rule is None else await _usable(conn, before["code"], changes.rule)
    name = before["name"] if changes.name is None else _plain(changes.name)
    description = before["description"] if changes.description is None else _plain(changes.description)
    if (rule, name, description) == (old, before["name"], before["description"]):
        return as_segment(before)
    if before["status"] == "live":
        await _need_live(conn, rule)
    row = await _sql.update_segment(
        conn,
        id=before["id"],
        name=name,
        description=description,
        definition=encode_json(rule),
        now=now,
        recount=rule != old,
    )
    await _keep(conn, row, actor=actor, now=now, note=note)
    if row["status"] == "live" and row["filled_version"] != row["version"]:
        await count_soon(conn, row["id"], now=now)
    return as_segment(row)


async def publish(conn: Connection, code: str, *, now: datetime) -> Segment:
    """Let a segment live: its members are counted, then kept. Raises SegmentUnknown, SegmentConflict, RuleError."""
    await _sql.lock_definitions(conn)
    before = await _locked(conn, code)
    if before["status"] == "live":
        return as_segment(before)
    await _need_live(conn, await _usable(conn, before["code"], msgspec.json.decode(before["definition"])))
    row = await _sql.set_status(conn, id=before["id"], status="live", now=now)
    await count_soon(conn, row["id"], now=now)
    return as_segment(row)


async def archive(conn: Connection, code: str, *, now: datetime) -> Segment:
    """Let a segment rest: nobody is in it any more, and nobody is told. It may be published again.

    Raises SegmentUnknown, SegmentConflict when something in force asks about it.
    """
    await _sql.lock_definitions(conn)
    before = await _locked(conn, code)
    uses = await used_by(conn, before["code"])
    if uses:
        named = ", ".join(f"{use.kind} {use.code}" for use in uses[:5])
        raise SegmentConflict(f"{before['code']} is used by {named}.", code="segment_used")
    await timers.cancel_timer(conn, FILL, str(before["id"]), reason="archived")
    return as_segment(await _sql.set_status(conn, id=before["id"], status="archived", now=now))


async def count_soon(conn: Connection, segment_id: int, *, now: datetime) -> None:
    """Have the members of a segment counted."""
    await timers.set_timer(conn, FILL, str(segment_id), now)


async def _locked(conn: Connection, code: str) -> asyncpg.Record:
    row = await _sql.lock_segment(conn, code=_plain(code))
    if row is None:
        raise SegmentUnknown(code)
    found: asyncpg.Record = row
    return found


async def _keep(conn: Connection, row: asyncpg.Record, *, actor: str, now: datetime, note: str) -> None:
    await _sql.write_version(
        conn,
        segment_id=row["id"],
        version=row["version"],
        definition=row["definition"],
        name=row["name"],
        now=now,
        actor=actor,
        note=_plain(note)[:500],
    )


async def usable_rule(
    conn: Connection, plain: dict[str, Any], world: World, names: Names | None = None
) -> tuple[Rule, list[Warned]]:
    """A rule as somebody wrote it, its places looked up, and what may be a mistake in it: names that are not among
    ``names``, when somebody looked.

    Raises RuleError, also for a segment there is not.
    """
    rule = await with_spots(conn, decode(plain))
    warnings = check_rule(rule, world, names)
    asked = references(rule)
    missing = sorted(asked - await known_codes(conn, asked))
    if missing:
        raise RuleError(f"There is no segment {missing[0]}.", code="segment_unknown")
    return rule, warnings


async def _usable(conn: Connection, code: str, plain: dict[str, Any]) -> Rule:
    rule, _ = await usable_rule(conn, plain, World())
    others = {row["code"]: decode_json(row["definition"]) for row in await _sql.all_segments(conn)}
    cycle = find_cycle(code, rule, others)
    if cycle:
        raise RuleError(f"The segments ask about each other in a circle: {' > '.join(cycle)}.", code="circle")
    return rule


async def _need_live(conn: Connection, rule: Rule) -> None:
    live = {row["code"] for row in await _sql.live_definitions(conn)}
    missing = sorted(references(rule) - live)
    if missing:
        raise SegmentConflict(
            f"It asks about {missing[0]}, which is not live.", code="segment_not_live", hint="Publish that one first."
        )


async def with_spots(conn: Connection, rule: Rule) -> Rule:
    """The same rule with the places of the stores it names. Raises RuleError for a store nobody can place."""
    if isinstance(rule, Near) and rule.store is not None and rule.latitude is None:
        spot = await ports.spot_of(conn, rule.store)
        if spot is None:
            raise RuleError(f"Nobody knows where the store {rule.store[:80]} is.", code="store_unknown")
        return msgspec.structs.replace(
            rule, latitude=spot.latitude, longitude=spot.longitude, label=rule.label or spot.name
        )
    if children(rule):
        group: Group = rule  # type: ignore[assignment]
        return msgspec.structs.replace(group, of=[await with_spots(conn, child) for child in group.of])
    return rule


def days_back(now: datetime, days: int) -> date:
    """The first day of a history of so many days. Raises BadRequest."""
    if not 1 <= days <= 1000:
        raise BadRequest("A history has 1 to 1000 days.", code="bad_days")
    return (now - timedelta(days=days)).date()
