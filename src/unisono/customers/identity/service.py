"""Identity's door: who is who, why, and what people decide about it.

Every decision is an event with who and why, and can be undone: only the map from node to person changes, so
timeline, traits and everything else follow by themselves.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from unisono.customers.identity.graph import RULES_LOCK, Connected, rebuild, settle_nodes
from unisono.customers.identity.model import Key, Namespace, Node
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.model import NewEvent
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest, Conflict, NotFound
from unisono.kit.sql import load

_sql = load("unisono.customers.identity")

MAX_REASON = 500


class PersonNotFound(NotFound):
    """There is no such person."""

    code = "person_not_found"


async def resolve(conn: Connection, node_id: int) -> int:
    """The person a node id, or an id a person once had, stands for now. Raises PersonNotFound."""
    # No identifier has an id beyond bigint, and the driver would refuse it.
    person = await _sql.person_of_node(conn, id=node_id) if 0 < node_id < 2**63 else None
    if person is None:
        raise PersonNotFound(f"There is no person {node_id}.")
    return int(person)


async def persons_of(conn: Connection, node_ids: Collection[int]) -> dict[int, int]:
    """Whose these nodes are now: node id to person id. Raises PersonNotFound when one is no node."""
    persons = {row["id"]: row["person_id"] for row in await _sql.persons_of_nodes(conn, ids=int_list(node_ids))}
    for node_id in node_ids:
        if node_id not in persons:
            raise PersonNotFound(f"There is no person {node_id}.")
    return persons


async def find(conn: Connection, identifier: str, country: str = "IT", *, rulebook: Rulebook | None = None) -> int:
    """The person of an identifier written ``namespace:value``. Raises BadRequest, PersonNotFound.

    ``rulebook`` saves reading the rules.
    """
    namespace, colon, value = identifier.partition(":")
    if not colon:
        raise BadRequest(
            "An identifier is written namespace:value.",
            code="bad_identifier",
            hint="For example email:mario@example.it",
        )
    rulebook = rulebook or await read_rulebook(conn, country)
    try:
        key = rulebook.key(namespace, value)
    except UnusableIdentifier as error:
        raise BadRequest(f"{identifier[:80]!r} cannot be looked up: {error}.", code="bad_identifier") from None
    person = await _sql.person_of_identifier(conn, namespace=key.namespace, value=key.value)
    if person is None:
        raise PersonNotFound(f"Nobody is known as {identifier[:80]}.")
    return int(person)


async def nodes_of(conn: Connection, person_id: int) -> list[asyncpg.Record]:
    """The identifiers of a person, strongest first: id, namespace, value, shared, created_at, source_name."""
    rows: list[asyncpg.Record] = await _sql.nodes_of_person(conn, person_id=person_id)
    return rows


async def links_of(conn: Connection, node_ids: Collection[int]) -> list[asyncpg.Record]:
    """The evidence around these nodes, newest first; ``refused_by`` names the rule that keeps one from counting."""
    rows: list[asyncpg.Record] = await _sql.links_of_nodes(conn, ids=list(node_ids))
    return rows


async def changes_of(conn: Connection, node_ids: Collection[int]) -> list[asyncpg.Record]:
    """Joins and splits these nodes took part in, newest first."""
    rows: list[asyncpg.Record] = await _sql.changes_of_nodes(conn, ids=list(node_ids))
    return rows


async def recent_changes(conn: Connection, *, before: int | None = None, limit: int = 50) -> list[asyncpg.Record]:
    """Joins and splits of everybody, newest first."""
    rows: list[asyncpg.Record] = await _sql.recent_changes(conn, before=before, limit=limit)
    return rows


async def refused_links(conn: Connection, *, before: int | None = None, limit: int = 50) -> list[asyncpg.Record]:
    """Violations: links that do not count at present and the rule that says so, newest first."""
    rows: list[asyncpg.Record] = await _sql.refused_links(conn, before=before, limit=limit)
    return rows


async def shared_identifiers(conn: Connection, *, limit: int = 100) -> list[asyncpg.Record]:
    """Identifiers over their sharing cap: tills, switchboards, info@."""
    rows: list[asyncpg.Record] = await _sql.shared_identifiers(conn, limit=limit)
    return rows


def _reason(reason: str) -> str:
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise BadRequest("Say why.", code="reason_missing", hint="The reason is kept in the audit.")
    if len(reason) > MAX_REASON:
        raise BadRequest(f"The reason is over {MAX_REASON} characters.", code="reason_too_long")
    return reason


async def join(conn: Connection, person_a: int, person_b: int, *, actor: str, reason: str) -> int:
    """Say that two persons are one, whatever the limits say; returns the person they now are.

    Ends earlier splits of the same identifiers. Raises PersonNotFound, Conflict when they are one already.
    """
    reason = _reason(reason)
    one, other = await resolve(conn, person_a), await resolve(conn, person_b)
    if one == other:
        raise Conflict("They are one person already.", code="already_joined")
    side_a = [row["id"] for row in await nodes_of(conn, one)]
    side_b = [row["id"] for row in await nodes_of(conn, other)]
    await _decide(conn, "join", side_a, side_b, actor=actor, reason=reason)
    return await resolve(conn, min(one, other))


async def split(
    conn: Connection, person_id: int, nodes: Collection[int], *, actor: str, reason: str
) -> tuple[int, int]:
    """Take identifiers out of a person; they become one person of their own.

    Returns (the person that keeps the others, the person of ``nodes``). Raises PersonNotFound, BadRequest when the
    nodes are not all his or are all he has.
    """
    reason = _reason(reason)
    person = await resolve(conn, person_id)
    members = {row["id"] for row in await nodes_of(conn, person)}
    leaving = set(nodes)
    if not leaving or not leaving <= members:
        raise BadRequest("Name identifiers of this person.", code="not_his_identifiers")
    staying = members - leaving
    if not staying:
        raise BadRequest("At least one identifier must stay.", code="nothing_stays")
    await _decide(conn, "split", sorted(staying), sorted(leaving), actor=actor, reason=reason)
    return await resolve(conn, min(staying)), await resolve(conn, min(leaving))


async def undo(conn: Connection, change_id: int, *, actor: str, reason: str = "undone") -> Connected:
    """Undo a join or a split of the audit. Raises NotFound, Conflict when it is undone already or void by now."""
    row = await _sql.change_for_update(conn, id=change_id)
    if row is None:
        raise NotFound(f"There is no change {change_id}.", code="change_not_found")
    if row["undone_at"] is not None:
        raise Conflict("It has been undone already.", code="already_undone")
    people = {node["id"]: node["person_id"] for node in await _sql.nodes_by_id(conn, ids=row["moved"] + row["kept"])}
    # Some may have been erased since.
    moved, kept = [[node for node in row[side] if node in people] for side in ("moved", "kept")]
    if not moved or not kept:
        raise Conflict("There is nothing left to undo.", code="nothing_to_undo")
    together = bool({people[node] for node in moved} & {people[node] for node in kept})
    if (row["kind"] == "join") != together:
        raise Conflict("Later events have undone it already.", code="nothing_to_undo")
    kind = "split" if row["kind"] == "join" else "join"
    # Undoing by hand what a hand did is taking the hand away; what events did needs a decision against it.
    if row["decision_id"] is not None and await _sql.void_decision(conn, id=row["decision_id"], actor=actor):
        await _sql.void_remains(conn, id=row["decision_id"], actor=actor)
        await _sql.revive_ended(conn, id=row["decision_id"])
        result = await _settle(conn, moved + kept, actor=actor, reason=reason, decision_id=None)
    else:
        result = await _decide(conn, kind, kept, moved, actor=actor, reason=reason)
    await _sql.mark_undone(conn, id=change_id, actor=actor)
    return result


async def _decide(
    conn: Connection, kind: str, side_a: list[int], side_b: list[int], *, actor: str, reason: str
) -> Connected:
    opposed = "split" if kind == "join" else "join"
    ended = await _sql.void_opposed(conn, kind=opposed, side_a=side_a, side_b=side_b, actor=actor)
    decision = await _sql.insert_decision(conn, kind=kind, actor=actor, reason=reason, side_a=side_a, side_b=side_b)
    if kind == "split":
        await _keep_remains(conn, ended, (set(side_a), set(side_b)), actor=actor)
    return await _settle(conn, side_a + side_b, actor=actor, reason=reason, decision_id=int(decision))


async def _keep_remains(
    conn: Connection, ended: Iterable[asyncpg.Record], sides: tuple[set[int], set[int]], *, actor: str
) -> None:
    """Of joins by hand that a split ended, what stands on one side of it still holds: nobody took that apart."""
    for join in ended:
        for side in sides:
            one, other = sorted(side & set(join["side_a"])), sorted(side & set(join["side_b"]))
            if one and other:
                await _sql.insert_decision(
                    conn,
                    kind="join",
                    actor=actor,
                    reason=f"what remains of join {join['id']}",
                    side_a=one,
                    side_b=other,
                )


async def _settle(conn: Connection, ids: list[int], *, actor: str, reason: str, decision_id: int | None) -> Connected:
    rulebook = await read_rulebook(conn)
    result = await settle_nodes(conn, ids, rulebook.namespaces, actor=actor, reason=reason, decision_id=decision_id)
    await write_changes(conn, result, actor=actor, reason=reason)
    return result


async def write_changes(conn: Connection, result: Connected, *, actor: str, reason: str) -> None:
    """Put joins and splits on the timelines of the persons they made."""
    now = datetime.now(UTC)
    await timeline.append(
        conn,
        [
            identity_event(
                change.moved[0],
                change.person_id,
                "Person Joined" if change.kind == "join" else "Person Split",
                {
                    "person_id": change.person_id,
                    "other_person_id": change.other_id,
                    "moved_nodes": change.moved,
                    "actor": actor,
                    "reason": reason,
                },
                at=now,
            )
            for change in result.changes
        ],
    )


def identity_event(
    node_id: int,
    person_id: int,
    name: str,
    properties: Mapping[str, Any],
    *,
    at: datetime,
    source_id: int | None = None,
) -> NewEvent:
    """What identity writes on the timeline."""
    return NewEvent(
        timeline.lane_of(person_id),
        node_id,
        "identity",
        name,
        "system",
        None,
        source_id,
        f"identity:{uuid.uuid4()}",
        at,
        at,
        properties=msgspec.json.encode(properties).decode(),
    )


# Households -------------------------------------------------------------------------------------------


async def household_of(conn: Connection, person_id: int) -> list[asyncpg.Record]:
    """The people of the person's households: id, name, node_id, person_id, role."""
    rows: list[asyncpg.Record] = await _sql.household_of_person(conn, person_id=person_id)
    return rows


async def group_household(conn: Connection, name: str, persons: Iterable[int], *, actor: str, reason: str) -> int:
    """Group persons as a household; nobody is merged. Returns its id. Raises PersonNotFound, BadRequest."""
    reason = _reason(reason)
    name = name.replace("\x00", "").strip()
    if not name:
        raise BadRequest("A household needs a name.", code="name_missing")
    members = sorted({await resolve(conn, person) for person in persons})
    if not members:
        raise BadRequest("A household needs members.", code="members_missing")
    household = int(await _sql.create_household(conn, name=name[:200], actor=actor))
    await _change_household(conn, household, name, members, (), actor=actor, reason=reason)
    return household


async def add_to_household(conn: Connection, household: int, person: int, *, actor: str, reason: str) -> None:
    """Add a person to a household. Raises NotFound, PersonNotFound."""
    await _require_household(conn, household)
    members = [await resolve(conn, person)]
    await _change_household(conn, household, None, members, (), actor=actor, reason=_reason(reason))


async def remove_from_household(conn: Connection, household: int, person: int, *, actor: str, reason: str) -> None:
    """Take a person out of a household. Raises NotFound, PersonNotFound."""
    await _require_household(conn, household)
    members = [await resolve(conn, person)]
    await _change_household(conn, household, None, (), members, actor=actor, reason=_reason(reason))


async def _require_household(conn: Connection, household: int) -> None:
    if not await _sql.household_exists(conn, id=household):
        raise NotFound(f"There is no household {household}.", code="household_not_found")


async def _change_household(
    conn: Connection,
    household: int,
    name: str | None,
    added: Collection[int],
    removed: Collection[int],
    *,
    actor: str,
    reason: str,
) -> None:
    for person in added:
        await _sql.add_household_member(conn, household_id=household, node_id=person, role=None, actor=actor)
    for person in removed:
        await _sql.remove_household_member(conn, household_id=household, person_id=person)
    now = datetime.now(UTC)
    details = {"household_id": household, "name": name, "actor": actor, "reason": reason}
    await timeline.append(
        conn,
        [
            identity_event(
                person,
                person,
                "Household Changed",
                {**details, "change": "added" if person in added else "removed"},
                at=now,
            )
            for person in (*added, *removed)
        ],
    )


# Rules --------------------------------------------------------------------------------------------------


async def change_rules(
    conn: Connection,
    *,
    namespaces: Iterable[Namespace] = (),
    blocked: Iterable[tuple[str, str, str]] = (),
    unblocked: Iterable[tuple[str, str]] = (),
    actor: str,
    reason: str,
) -> Connected:
    """Change namespaces and blocked values and replay everybody by the new rules, in one transaction.

    ``blocked`` are (namespace, pattern, reason). Raises BadRequest for two namespaces of one priority.
    """
    reason = _reason(reason)
    await conn.execute("select pg_advisory_xact_lock($1)", RULES_LOCK)
    try:
        for namespace in namespaces:
            await _sql.upsert_namespace(conn, **msgspec.structs.asdict(namespace))
    except asyncpg.UniqueViolationError:
        raise BadRequest("Two namespaces cannot have one priority.", code="priority_taken") from None
    for name, pattern, why in blocked:
        await _sql.insert_blocked(conn, namespace=name, pattern=pattern, reason=why)
    for name, pattern in unblocked:
        await _sql.delete_blocked(conn, namespace=name, pattern=pattern)
    await _sql.bump_version(conn)
    rulebook = await read_rulebook(conn)
    result = await rebuild(conn, rulebook.namespaces, actor=actor, reason=reason)
    await write_changes(conn, result, actor=actor, reason=reason)
    return result


async def rulebook(conn: Connection, country: str = "IT") -> Rulebook:
    """The rules as they are now."""
    return await read_rulebook(conn, country)


def key_of(node: Node) -> Key:
    """The identifier of a node as people write it."""
    return Key(node.namespace, node.value)
