"""The graph in the database: find or make nodes, record links, keep persons up to date.

All functions work inside the caller's transaction. Persons are kept incrementally by replaying only the clusters
that new evidence touches; a cluster is a superset of what links could ever join, so the outcome is the same as a
replay of everything (tests/customers/test_identity_properties.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
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
)
from unisono.customers.identity.rules import changes, replay
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.identity")

LINK_REFRESH = timedelta(hours=1)
"""A known link seen again is written again only after this long, as long as nothing in its cluster is refused: then
the order of its links decides nothing. In a contested cluster every sighting counts."""

RULES_LOCK = 7_104_519_204
"""Advisory lock: shared by who links, exclusive for who changes the rules."""


def _node(row: asyncpg.Record) -> Node:
    return Node(**dict(row))


async def find_or_create(conn: Connection, keys: Mapping[Key, int | None]) -> tuple[dict[Key, Node], set[int]]:
    """The nodes of these keys (key -> source id that names it), made where missing.

    Returns the nodes and the ids of those this transaction made.
    """
    wanted = list(keys)
    found = await _fetch(conn, wanted)
    missing = sorted(key for key in wanted if key not in found)
    new: set[int] = set()
    if missing:
        rows = await _sql.create_nodes(
            conn,
            namespaces=[key.namespace for key in missing],
            values=[key.value for key in missing],
            sources=[keys[key] for key in missing],
        )
        for row in rows:
            node = _node(row)
            found[Key(node.namespace, node.value)] = node
            new.add(node.id)
        lost = [key for key in missing if key not in found]
        if lost:
            found.update(await _fetch(conn, lost))
    return found, new


async def _fetch(conn: Connection, keys: Sequence[Key]) -> dict[Key, Node]:
    rows = await _sql.find_nodes(conn, namespaces=[key.namespace for key in keys], values=[key.value for key in keys])
    return {Key(row["namespace"], row["value"]): _node(row) for row in rows}


class Connected(msgspec.Struct):
    """What connecting a batch gave."""

    nodes: dict[Key, Node]
    person_of: dict[int, int]
    """Node id -> person id, for every node of the batch and every node the batch moved."""
    changes: list[PersonChange]
    new: set[int]


async def connect(
    conn: Connection,
    keys: Mapping[Key, int | None],
    observations: Sequence[Observation],
    namespaces: Mapping[str, Namespace],
    *,
    actor: str = "system",
) -> Connected:
    """Find or make the nodes of a batch, record what links them and bring their persons up to date."""
    nodes, new = await find_or_create(conn, keys)
    result = Connected(nodes, {node.id: node.person_id for node in nodes.values()}, [], new)
    news = await _worth_writing(conn, observations, nodes)
    if not news:
        return result
    await conn.execute("select pg_advisory_xact_lock_shared($1)", RULES_LOCK)
    touched: set[int] = set()
    for (a, b), observation in news.items():
        one, other = nodes[observation.strong], nodes[observation.weak]
        # A shared identifier is out of the game: its links are evidence, not a reason to replay.
        if not (one.shared or other.shared):
            touched |= {a, b}
    locked = await _lock(conn, touched, nodes, new)
    fresh = await _record(conn, news)
    to_replay = {
        node.cluster_id for node in locked.values() if node.id in touched and (node.contested or node.id in fresh)
    }
    if to_replay:
        await _replay(conn, locked, to_replay, result, namespaces, actor=actor)
    return result


async def _worth_writing(
    conn: Connection, observations: Sequence[Observation], nodes: Mapping[Key, Node]
) -> dict[tuple[int, int], Observation]:
    """The newest observation of each pair, where it says something the stored link does not."""
    newest: dict[tuple[int, int], Observation] = {}
    for observation in observations:
        pair = (nodes[observation.strong].id, nodes[observation.weak].id)
        known = newest.get(pair)
        if known is None or (observation.at, observation.strength) > (known.at, known.strength):
            newest[pair] = observation
    if not newest:
        return newest
    rows = await _sql.find_links(conn, a=[a for a, _ in newest], b=[b for _, b in newest])
    for row in rows:
        pair = (row["node_a"], row["node_b"])
        observation = newest[pair]
        contested = nodes[observation.weak].contested
        fresh_until = row["last_at"] if contested else row["last_at"] + LINK_REFRESH
        stronger = row["strength"] == "hint" and observation.strength == "proof"
        if observation.at <= fresh_until and not stronger:
            del newest[pair]
    return dict(sorted(newest.items()))


async def _lock(
    conn: Connection, touched: Collection[int], nodes: Mapping[Key, Node], new: Collection[int]
) -> dict[int, Node]:
    """Lock the clusters of the touched nodes and read all their nodes as they are under the lock.

    Nodes made by this transaction are invisible to others and need no lock.
    """
    known = {node.id: node for node in nodes.values()}
    clusters = {known[node].cluster_id for node in touched if node not in new}
    held: set[int] = set()
    loaded = {node: known[node] for node in touched if node in new}
    while clusters - held:
        await _sql.lock_clusters(conn, clusters=sorted(clusters - held))
        held |= clusters
        # Whoever held the lock before us may have joined our clusters with others: look again.
        rows = await _sql.nodes_by_id(conn, ids=[node for node in touched if node not in new])
        clusters = {row["cluster_id"] for row in rows}
    if held:
        rows = await _sql.nodes_of_clusters(conn, clusters=sorted(clusters))
        loaded.update({row["id"]: _node(row) for row in rows})
    return loaded


async def _record(conn: Connection, news: Mapping[tuple[int, int], Observation]) -> set[int]:
    """Write the links; returns the nodes that got a new one."""
    rows = await _sql.record_links(
        conn,
        a=[a for a, _ in news],
        b=[b for _, b in news],
        strengths=[o.strength for o in news.values()],
        sources=[o.source_id for o in news.values()],
        reasons=[o.reason for o in news.values()],
        messages=[o.message_id for o in news.values()],
        ats=[o.at for o in news.values()],
    )
    return {node for row in rows if row["fresh"] for node in (row["node_a"], row["node_b"])}


async def _replay(
    conn: Connection,
    loaded: Mapping[int, Node],
    clusters: Collection[int],
    result: Connected,
    namespaces: Mapping[str, Namespace],
    *,
    actor: str,
    reason: str = "identified",
    decision_id: int | None = None,
) -> None:
    """Replay the clusters, write what changed, and tell ``result``."""
    before = {node.id: node for node in loaded.values()}
    links = await _sql.links_among(conn, ids=list(before))
    decisions = await _sql.decisions_touching(conn, ids=list(before))
    shared = [node.id for node in before.values() if node.shared]
    found = await settle(conn, before, links, decisions, namespaces, known_shared=shared)
    result.person_of.update(found)
    moved = changes(before, found, result.new)
    result.changes.extend(moved)
    if moved:
        await record_changes(conn, moved, actor=actor, reason=reason, decision_id=decision_id)


async def settle(
    conn: Connection,
    before: Mapping[int, Node],
    links: Iterable[asyncpg.Record],
    decisions: Iterable[asyncpg.Record],
    namespaces: Mapping[str, Namespace],
    *,
    known_shared: Collection[int],
) -> dict[int, int]:
    """Replay these nodes and links and write what differs from what is stored; returns node id -> person id."""
    keys = {node.id: Key(node.namespace, node.value) for node in before.values()}
    rules_of = {}
    evidence = []
    for row in links:
        if row["a"] in keys and row["b"] in keys:
            rules_of[row["a"], row["b"]] = row["refused_by"]
            evidence.append(Link(row["a"], row["b"], row["at"], row["strength"]))
    resolution = replay(keys, evidence, [as_decision(row) for row in decisions], namespaces, known_shared=known_shared)
    contested_clusters = {
        resolution.cluster_of[end]
        for (a, b), rule in resolution.refused.items()
        if not rule.startswith("shared:")
        for end in (a, b)
    }
    updates = []
    for node in before.values():
        cluster = resolution.cluster_of[node.id]
        now = (
            resolution.person_of[node.id],
            cluster,
            node.id in resolution.shared,
            cluster in contested_clusters,
        )
        if now != (node.person_id, node.cluster_id, node.shared, node.contested):
            updates.append((node.id, *now))
    if updates:
        ids, persons, clusters, shared, contested = map(list, zip(*updates, strict=True))
        await _sql.write_persons(conn, ids=ids, persons=persons, clusters=clusters, shared=shared, contested=contested)
    rules = [
        (pair, resolution.refused.get(pair)) for pair, rule in rules_of.items() if resolution.refused.get(pair) != rule
    ]
    if rules:
        await _sql.write_refusals(
            conn,
            a=[pair[0] for pair, _ in rules],
            b=[pair[1] for pair, _ in rules],
            rules=[rule for _, rule in rules],
        )
    return dict(resolution.person_of)


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
    await conn.execute("select pg_advisory_xact_lock_shared($1)", RULES_LOCK)
    rows = await _sql.nodes_by_id(conn, ids=list(ids))
    nodes = {Key(row["namespace"], row["value"]): _node(row) for row in rows}
    locked = await _lock(conn, {node.id for node in nodes.values()}, nodes, ())
    result = Connected(nodes, {}, [], set())
    await _replay(
        conn,
        locked,
        {node.cluster_id for node in locked.values()},
        result,
        namespaces,
        actor=actor,
        reason=reason,
        decision_id=decision_id,
    )
    return result


async def rebuild(conn: Connection, namespaces: Mapping[str, Namespace], *, actor: str, reason: str) -> Connected:
    """Replay the whole graph from scratch; what comes out differently is written and audited."""
    await conn.execute("select pg_advisory_xact_lock($1)", RULES_LOCK)
    await _sql.lock_all(conn)
    before = {row["id"]: _node(row) for row in await _sql.all_nodes(conn)}
    # Whether an identifier is shared follows from the links alone here, so nobody stays shared out of habit.
    found = await settle(
        conn, before, await _sql.all_links(conn), await _sql.all_decisions(conn), namespaces, known_shared=()
    )
    result = Connected({}, found, changes(before, found, ()), set())
    if result.changes:
        await record_changes(conn, result.changes, actor=actor, reason=reason)
    return result
