"""The identity graph in tests: install rules, write histories through the pipeline, compare with a replay."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from tests.support.secret import TEST_SECRET
from unisono.customers.collect import pipeline
from unisono.customers.collect.model import Claim, Incoming
from unisono.customers.identity.graph import as_decision, rebuild
from unisono.customers.identity.model import BlockedValue, Decision, Key, Link, Namespace, Resolution, Strength
from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.customers.identity.rules import replay
from unisono.kit.database import Connection as Conn

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(hours=2)
"""Between two moments of a history."""


async def install(conn: Conn, namespaces: Iterable[Namespace], blocked: Iterable[BlockedValue] = ()) -> Rulebook:
    """Replace the rules of an empty database."""
    await conn.execute("delete from blocked_value")
    await conn.execute("delete from namespace")
    await conn.executemany(
        """insert into namespace (name, level, priority, max_per_person, sharing_cap, normaliser, identifies,
           searchable, label) values ($1, $2, $3, $4, $5, $6, $7, false, $1)""",
        [
            (n.name, n.level, n.priority, n.max_per_person, n.sharing_cap, n.normaliser, n.identifies)
            for n in namespaces
        ],
    )
    await conn.executemany(
        "insert into blocked_value (namespace, pattern, reason) values ($1, $2, $3)",
        [(b.namespace, b.pattern, b.reason) for b in blocked],
    )
    await conn.execute("update identity_setting set version = version + 1")
    return await read_rulebook(conn)


def seen(
    claims: Iterable[tuple[str, str, Strength]], at: datetime, rulebook: Rulebook, message_id: str | None = None
) -> Incoming:
    """An event that carries these (namespace, value, strength); the strongest proof is what it happened under."""
    made = [Claim(Key(namespace, value), strength) for namespace, value, strength in claims]
    made.sort(key=lambda claim: (claim.strength == "hint", rulebook.priority(claim.key), claim.key.value))
    assert made[0].strength == "proof"
    return Incoming(
        message_id=message_id or uuid.uuid4().hex,
        type="track",
        name="Seen",
        channel="web",
        occurred_at=at,
        received_at=at,
        sent_at=None,
        original_at=None,
        claims=made,
        source_id=1,
    )


async def write(conn: Conn, events: Sequence[Incoming], rulebook: Rulebook) -> pipeline.Written:
    """Write events in one transaction."""
    async with conn.transaction():
        return await pipeline.write(conn, events, [], rulebook, TEST_SECRET)


async def clear(conn: Conn) -> None:
    """Forget everybody."""
    await conn.execute("truncate node, link, event, trait, search_entry, identity_change, identity_decision cascade")


async def facts(conn: Conn) -> tuple[dict[int, Key], list[Link], list[Decision]]:
    """All nodes, links and decisions that count, as the rules want them."""
    nodes = {
        row["id"]: Key(row["namespace"], row["value"])
        for row in await conn.fetch("select id, namespace, value from node")
    }
    links = [Link(*row) for row in await conn.fetch("select node_a, node_b, last_at, strength from link")]
    decisions = [
        as_decision(row) for row in await conn.fetch("select * from identity_decision where voided_at is null")
    ]
    return nodes, links, decisions


async def stored(conn: Conn) -> dict[Key, tuple[int, int, bool, bool]]:
    """Person, cluster, shared and contested of every node."""
    rows = await conn.fetch("select namespace, value, person_id, cluster_id, shared, contested from node")
    return {Key(row[0], row[1]): (row[2], row[3], row[4], row[5]) for row in rows}


async def refusals(conn: Conn) -> dict[tuple[int, int], str]:
    """The links that do not count; of two shared ends either may be named."""
    rows = await conn.fetch("select node_a, node_b, refused_by from link where refused_by is not null")
    return {(row[0], row[1]): plain(row[2]) for row in rows}


def plain(rule: str) -> str:
    """The rule without the name of the shared end."""
    return "shared" if rule.startswith("shared:") else rule


async def assert_same_as_replay(conn: Conn, rulebook: Rulebook) -> Resolution:
    """What the database holds is what a replay of everything from scratch gives, and a rebuild changes nothing."""
    nodes, links, decisions = await facts(conn)
    fresh = replay(nodes, links, decisions, rulebook.namespaces)
    before = await stored(conn)
    refused = await refusals(conn)
    for node, key in nodes.items():
        person, _, shared, _ = before[key]
        assert (key, nodes[person]) == (key, nodes[fresh.person_of[node]])
        assert (key, shared) == (key, node in fresh.shared)
    assert refused == {pair: plain(rule) for pair, rule in fresh.refused.items() if pair in {(x.a, x.b) for x in links}}
    tx = conn.transaction()
    await tx.start()
    result = await rebuild(conn, rulebook.namespaces, actor="test", reason="test")
    assert result.changes == []
    assert await stored(conn) == before
    assert await refusals(conn) == refused
    await tx.rollback()
    return fresh


async def persons(conn: Conn) -> dict[Key, Key]:
    """Node -> the node that stands for its person."""
    rows = await conn.fetch(
        """select node.namespace, node.value, person.namespace, person.value
           from node join node person on person.id = node.person_id"""
    )
    return {Key(row[0], row[1]): Key(row[2], row[3]) for row in rows}


def groups(person_of: Mapping[Key, Key]) -> frozenset[frozenset[Key]]:
    """Who belongs together, whoever stands for them."""
    found: dict[Key, set[Key]] = {}
    for node, person in person_of.items():
        found.setdefault(person, set()).add(node)
    return frozenset(frozenset(members) for members in found.values())
