"""The graph in the database: find or make nodes, record links, keep persons up to date.

All functions work inside the caller's transaction. Persons are kept incrementally by replaying only the clusters
that new evidence touches; a cluster is a superset of what links could ever join, so the outcome is the same as a
replay of everything (tests/customers/test_identity_properties.py).

A batch costs three statements when its identifiers and links are known, and at most ten when they are all new.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from unisono.customers.identity.model import (
    Decision,
    Key,
    Link,
    Namespace,
    Node,
    Observation,
    PersonChange,
    Resolution,
)
from unisono.customers.identity.rules import changes, replay, shared_nodes
from unisono.kit.arrays import flag_list, int_list, text_list, word_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.identity")

RULES_LOCK = 7_104_519_204
"""Advisory lock: shared by who links, exclusive for who changes the rules."""

Pair = tuple[int, int]


def _node(row: asyncpg.Record) -> Node:
    return Node(*row)


class RulesChanged(Exception):
    """The rules were changed after the caller read them: read them again and try again."""


class Connected(msgspec.Struct):
    """What connecting a batch gave."""

    nodes: dict[Key, Node]
    person_of: dict[int, int]
    """Node id -> person id, for every node of the batch and every node the batch moved."""
    changes: list[PersonChange]
    new: set[int]
    reborn: dict[Key, datetime] = {}
    """Those of the new that had been erased, and when."""


async def connect(
    conn: Connection,
    keys: Mapping[Key, int | None],
    observations: Sequence[Observation],
    namespaces: Mapping[str, Namespace],
    *,
    digest: Callable[[Key], bytes],
    version: int | None = None,
    actor: str = "system",
    check: Callable[[Mapping[Key, datetime]], None] | None = None,
) -> Connected:
    """Find or make the nodes of a batch (key -> source id that names it), record what links them, and bring their
    persons up to date.

    ``version`` is that of the rules the namespaces are from. Raises asyncpg.UniqueViolationError when another
    transaction made one of the nodes meanwhile, RulesChanged when the rules are others by now: try again.

    ``digest`` is that of tombstones: new nodes whose identifier was erased are found by it and begin anew. There is no
    other way to make a node, so nobody comes back unnoticed. ``check`` is told when identifiers of the batch were
    erased, if any were, before anything is written; it may raise.
    """
    nodes = await _find(conn, list(keys))
    erased = {key: node.not_before for key, node in nodes.items() if node.not_before is not None}
    new, reborn = await _reserve(conn, [key for key in keys if key not in nodes], nodes, digest)
    if check is not None and (erased or reborn):
        check(erased | reborn)
    known = {node.id: node for node in nodes.values()}
    result = Connected(nodes, {node: known[node].person_id for node in known}, [], new, reborn)
    newest = _newest(observations, nodes)
    replayable: set[int] = set()
    if newest:
        # A shared identifier is out of the game: its links are evidence, not a reason to replay.
        # Only a weaker partner must look again how many it is tied to by now.
        linkable = {
            node
            for pair in newest
            for node, other in (pair, pair[::-1])
            if not known[node].shared and (not known[other].shared or _stronger(known[other], known[node], namespaces))
        }
        held = await _lock(conn, {known[node].cluster_id for node in linkable if node not in new})
        replayable = await _record(conn, newest, known) & linkable
    if not replayable:
        await _create(conn, new, known, keys)
        await _begin_anew(conn, nodes, reborn)
        return result
    # Asked under the lock that keeps the rules as they are.
    if version is not None and await _sql.rules_version(conn) != version:
        raise RulesChanged
    before = await _around(conn, {node for node in replayable if node not in new}, held)
    before |= {node: known[node] for node in replayable if node in new}
    stored = await _stored_links(conn, before)
    resolution = await _replayed(conn, before, stored, namespaces)
    differing = _differences(before, resolution)
    await _create(conn, new, known | differing, keys)
    await _begin_anew(conn, nodes, reborn)
    await _write_persons(conn, [node for key, node in differing.items() if key not in new])
    await _write_refusals(conn, stored, resolution)
    result.person_of.update(resolution.person_of)
    result.changes.extend(changes(before, resolution.person_of, new))
    if result.changes:
        await record_changes(conn, result.changes, actor=actor, reason="identified")
    return result


async def _find(conn: Connection, keys: Sequence[Key]) -> dict[Key, Node]:
    rows = await _sql.find_nodes(
        conn,
        namespaces=text_list([key.namespace for key in keys]),
        values=text_list([key.value for key in keys]),
    )
    return {Key(row[1], row[2]): _node(row) for row in rows}


async def _reserve(
    conn: Connection, missing: Sequence[Key], nodes: dict[Key, Node], digest: Callable[[Key], bytes]
) -> tuple[set[int], dict[Key, datetime]]:
    """Give the missing keys ids and add them to ``nodes``; nothing is written yet. Also returns which were erased."""
    if not missing:
        return set(), {}
    # One order for everybody, so that transactions that make the same nodes wait for each other but never in a ring.
    wanted = sorted(missing)
    rows = await _sql.reserve_nodes(conn, digests=[digest(key) for key in wanted])
    for (node_id, _), key in zip(rows, wanted, strict=True):
        nodes[key] = Node(node_id, key.namespace, key.value, node_id, node_id)
    reborn = {key: erased_at for (_, erased_at), key in zip(rows, wanted, strict=True) if erased_at is not None}
    return {row[0] for row in rows}, reborn


async def _begin_anew(conn: Connection, nodes: Mapping[Key, Node], reborn: Mapping[Key, datetime]) -> None:
    if reborn:
        await _sql.begin_anew(conn, ids=[nodes[key].id for key in reborn], erased=list(reborn.values()))


async def _create(
    conn: Connection, new: Collection[int], nodes: Mapping[int, Node], sources: Mapping[Key, int | None]
) -> None:
    """Write new nodes, each with the person it belongs to already."""
    if not new:
        return
    rows = [nodes[node] for node in sorted(new)]
    await _sql.create_nodes(
        conn,
        ids=int_list(node.id for node in rows),
        namespaces=text_list(node.namespace for node in rows),
        values=text_list(node.value for node in rows),
        persons=int_list(node.person_id for node in rows),
        clusters=int_list(node.cluster_id for node in rows),
        shared=flag_list(node.shared for node in rows),
        contested=flag_list(node.contested for node in rows),
        sources=int_list(sources[Key(node.namespace, node.value)] for node in rows),
    )


def _newest(observations: Sequence[Observation], nodes: Mapping[Key, Node]) -> dict[Pair, Observation]:
    """The newest observation of each pair; it is a proof if one of them is, as if they had come apart."""
    newest: dict[Pair, Observation] = {}
    for observation in observations:
        pair = (nodes[observation.strong].id, nodes[observation.weak].id)
        known = newest.get(pair)
        if known is None:
            newest[pair] = observation
            continue
        last = observation if observation.at > known.at else known
        proof = "proof" in (observation.strength, known.strength)
        newest[pair] = last._replace(strength="proof") if proof and last.strength == "hint" else last
    return dict(sorted(newest.items()))


async def hold_rules(conn: Connection) -> None:
    """Keep the rules as they are until the transaction ends: before any table is locked, as who changes them does."""
    await _lock(conn, set())


async def _lock(conn: Connection, clusters: set[int]) -> set[int]:
    """Hold the rules as they are and these clusters to ourselves until the transaction ends.

    Nodes made by this transaction are invisible to others and need no lock.
    """
    await _sql.lock_clusters(conn, rules=RULES_LOCK, clusters=int_list(clusters))
    return clusters


async def _record(conn: Connection, newest: Mapping[Pair, Observation], known: Mapping[int, Node]) -> set[int]:
    """Write the links; returns the nodes whose persons that may change.

    Those are the ends of links never seen before, and of links in contested clusters, where the order decides.
    """
    rows = await _sql.record_links(
        conn,
        a=int_list(a for a, _ in newest),
        b=int_list(b for _, b in newest),
        strengths=word_list(seen.strength for seen in newest.values()),
        sources=int_list(seen.source_id for seen in newest.values()),
        reasons=word_list(seen.reason for seen in newest.values()),
        messages=text_list(seen.message_id for seen in newest.values()),
        ats=[seen.at for seen in newest.values()],
        rules=text_list(_shared_rule(pair, known) for pair in newest),
    )
    return {node for a, b, decides in rows if decides for node in (a, b)}


def _shared_rule(pair: Pair, known: Mapping[int, Node]) -> str | None:
    shared = [known[end] for end in pair if known[end].shared]
    return f"shared:{shared[0].namespace}" if shared else None


async def _around(conn: Connection, nodes: Collection[int], held: set[int]) -> dict[int, Node]:
    """All nodes of the clusters these are in, under the lock; clusters that grew meanwhile are locked too."""
    if not nodes:
        return {}
    ids = int_list(nodes)
    while True:
        loaded = {row[0]: _node(row) for row in await _sql.clusters_around(conn, ids=ids)}
        missing = {node.cluster_id for node in loaded.values()} - held
        if not missing:
            return loaded
        held |= await _lock(conn, missing)


async def _stored_links(conn: Connection, nodes: Mapping[int, Node]) -> dict[Pair, asyncpg.Record]:
    """The links of these nodes, as stored; the other end of some is a shared identifier, in a cluster of its own."""
    if not nodes:
        return {}
    rows = await _sql.links_among(conn, ids=int_list(nodes))
    return {(row[0], row[1]): row for row in rows}


def _stronger(one: Node, other: Node, namespaces: Mapping[str, Namespace]) -> bool:
    return namespaces[one.namespace].priority < namespaces[other.namespace].priority


def _over_their_cap(
    before: Mapping[int, Node], stored: Mapping[Pair, asyncpg.Record], namespaces: Mapping[str, Namespace]
) -> set[int]:
    """Nodes over their sharing cap, partners counted that are shared themselves and so in other clusters."""
    keys = {node.id: Key(node.namespace, node.value) for node in before.values()}
    for (a, b), row in stored.items():
        if row["beyond"]:
            keys.setdefault(b if a in before else a, Key(row["beyond"], ""))
    links = [Link(a, b, row["at"]) for (a, b), row in stored.items()]
    return set(shared_nodes(keys, links, namespaces)) & before.keys()


async def _replayed(
    conn: Connection,
    before: Mapping[int, Node],
    stored: Mapping[Pair, asyncpg.Record],
    namespaces: Mapping[str, Namespace],
    *,
    everything: bool = False,
) -> Resolution:
    """Replay these nodes with what is stored of them."""
    decided = [node.id for node in before.values() if node.decided]
    decisions = [as_decision(row) for row in await _sql.decisions_touching(conn, ids=decided)] if decided else []
    shared = {node.id for node in before.values() if node.shared}
    inside = [row for row in stored.values() if row[0] in before and row[1] in before]
    if not everything and len(inside) < len(stored):
        shared |= _over_their_cap(before, stored, namespaces)
    return replay(
        {node.id: Key(node.namespace, node.value) for node in before.values()},
        [Link(row[0], row[1], row[2], row[3]) for row in inside],
        decisions,
        namespaces,
        known_shared=shared,
    )


def _differences(before: Mapping[int, Node], resolution: Resolution) -> dict[int, Node]:
    """The nodes that are not as stored any more, as they are now."""
    contested_clusters = {
        resolution.cluster_of[end]
        for pair, rule in resolution.refused.items()
        if not rule.startswith("shared:")
        for end in pair
    }
    differing = {}
    for node in before.values():
        person, cluster = resolution.person_of[node.id], resolution.cluster_of[node.id]
        shared, contested = node.id in resolution.shared, cluster in contested_clusters
        if (
            person != node.person_id
            or cluster != node.cluster_id
            or shared != node.shared
            or contested != node.contested
        ):
            differing[node.id] = Node(
                node.id, node.namespace, node.value, person, cluster, shared, contested, node.decided
            )
    return differing


async def _write_persons(conn: Connection, nodes: Sequence[Node]) -> None:
    if nodes:
        await _sql.write_persons(
            conn,
            ids=int_list(node.id for node in nodes),
            persons=int_list(node.person_id for node in nodes),
            clusters=int_list(node.cluster_id for node in nodes),
            shared=flag_list(node.shared for node in nodes),
            contested=flag_list(node.contested for node in nodes),
        )


async def _write_refusals(conn: Connection, stored: Mapping[Pair, asyncpg.Record], resolution: Resolution) -> None:
    """Write which stored links count from now on, where that differs."""
    rules = [
        (pair, resolution.refused.get(pair))
        for pair, row in stored.items()
        if resolution.refused.get(pair) != row["refused_by"]
        and pair[0] in resolution.person_of
        and pair[1] in resolution.person_of
    ]
    if rules:
        await _sql.write_refusals(
            conn,
            a=[pair[0] for pair, _ in rules],
            b=[pair[1] for pair, _ in rules],
            rules=[rule for _, rule in rules],
        )


def as_decision(row: asyncpg.Record) -> Decision:
    """A stored decision as the rules want it."""
    return Decision(row["id"], row["kind"], frozenset(row["side_a"]), frozenset(row["side_b"]), row["at"])


async def record_changes(
    conn: Connection,
    moved: Iterable[PersonChange],
    *,
    actor: str,
    reason: str,
    decision_id: int | None = None,
) -> None:
    """Write the audit of persons that came together or apart."""
    rows: list[dict[str, Any]] = [
        {**msgspec.structs.asdict(change), "actor": actor, "reason": reason, "decision_id": decision_id}
        for change in moved
    ]
    await _sql.record_changes(conn, rows=msgspec.json.encode(rows).decode())


async def settle_nodes(
    conn: Connection,
    ids: Collection[int],
    namespaces: Mapping[str, Namespace],
    *,
    actor: str,
    reason: str,
    decision_id: int | None = None,
) -> Connected:
    """Replay the clusters of these nodes after a decision about them."""
    await _sql.mark_decided(conn, ids=list(ids))
    before = await _around(conn, ids, await _lock(conn, set()))
    return await _settle(conn, before, namespaces, actor=actor, reason=reason, decision_id=decision_id)


async def resettle(
    conn: Connection, ids: Collection[int], namespaces: Mapping[str, Namespace], *, actor: str, reason: str
) -> Connected:
    """Replay the clusters of these nodes after others they were linked with are gone."""
    before = await _around(conn, ids, await _lock(conn, set()))
    return await _settle(conn, before, namespaces, actor=actor, reason=reason)


async def rebuild(conn: Connection, namespaces: Mapping[str, Namespace], *, actor: str, reason: str) -> Connected:
    """Replay the whole graph from scratch; what comes out differently is written and audited."""
    await conn.execute("select pg_advisory_xact_lock($1)", RULES_LOCK)
    await _sql.lock_all(conn)
    before = {row[0]: _node(row) for row in await _sql.all_nodes(conn)}
    return await _settle(conn, before, namespaces, actor=actor, reason=reason, everything=True)


async def _settle(
    conn: Connection,
    before: Mapping[int, Node],
    namespaces: Mapping[str, Namespace],
    *,
    actor: str,
    reason: str,
    decision_id: int | None = None,
    everything: bool = False,
) -> Connected:
    """Replay these nodes, write and audit what differs.

    With ``everything`` whether an identifier is shared follows from the links alone: nobody stays shared out of
    habit.
    """
    if everything:
        stored = {(row[0], row[1]): row for row in await _sql.all_links(conn)}
        unshared = {key: msgspec.structs.replace(node, shared=False) for key, node in before.items()}
        resolution = await _replayed(conn, unshared, stored, namespaces, everything=True)
    else:
        stored = await _stored_links(conn, before)
        resolution = await _replayed(conn, before, stored, namespaces)
    await _write_persons(conn, list(_differences(before, resolution).values()))
    await _write_refusals(conn, stored, resolution)
    moved = changes(before, resolution.person_of, ())
    if moved:
        await record_changes(conn, moved, actor=actor, reason=reason, decision_id=decision_id)
    return Connected({}, dict(resolution.person_of), moved, set())
