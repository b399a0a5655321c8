"""The person graph is a pure function of nodes, links, decisions and rules: shown on thousands of random histories."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.graph import (
    START,
    STEP,
    assert_same_as_replay,
    clear,
    groups,
    install,
    persons,
    seen,
    write,
)
from unisono.customers.collect.model import Incoming
from unisono.customers.identity.model import Decision, Key, Link, Namespace, Strength
from unisono.customers.identity.rulebook import Rulebook
from unisono.customers.identity.rules import replay

RULES = [
    Namespace("user_id", "person", 10, 1, 3, identifies=True),
    Namespace("loyalty_card", "person", 20, 2, 2, identifies=True),
    Namespace("email", "person", 30, 2, 2),
    Namespace("phone", "person", 40, 1, 2),
    Namespace("device_id", "device", 50, None, 3),
    Namespace("anonymous_id", "device", 60, None, 2),
]
"""As the defaults, with limits and caps small enough for random histories to meet them."""

NAMESPACES = {namespace.name: namespace for namespace in RULES}
BELIEVED = {"user_id", "device_id", "anonymous_id"}

Seen = tuple[tuple[tuple[str, str, Strength], ...], int]
"""The identifiers of one event and when it happened, in steps."""


@st.composite
def sightings(draw: st.DrawFn) -> Seen:
    """One event of a server (all proofs) or of a browser (e-mail, phone and card are hints)."""
    trusted = draw(st.booleans())
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(NAMESPACES)), st.sampled_from("1234")), min_size=1, max_size=4, unique=True
        )
    )
    claims: list[tuple[str, str, Strength]] = [
        (name, value, "proof" if trusted or name in BELIEVED else "hint") for name, value in keys
    ]
    if all(strength == "hint" for _, _, strength in claims):
        claims.append(("anonymous_id", draw(st.sampled_from("1234")), "proof"))
    return tuple(claims), draw(st.integers(0, 30))


history = st.lists(st.lists(sightings(), min_size=1, max_size=3), min_size=1, max_size=4)
"""Batches of events of one small world."""

crowd = st.lists(st.lists(sightings(), min_size=2, max_size=6), min_size=4, max_size=8)
"""Many events of one small world: identifiers get shared, persons contested."""

histories = st.lists(history, min_size=1, max_size=25) | st.lists(crowd, min_size=1, max_size=5)


def events_of(batch: Iterable[Seen], world: str, rulebook: Rulebook) -> list[Incoming]:
    """The batch under the keys of one world, so that many worlds share a database and never touch."""
    return [
        seen([(name, f"{world}.{value}", strength) for name, value, strength in claims], START + STEP * at, rulebook)
        for claims, at in batch
    ]


def world_of(person_of: dict[Key, Key], world: str) -> dict[Key, Key]:
    """The part of one world, without its name."""

    def bare(key: Key) -> Key:
        return Key(key.namespace, key.value.partition(".")[2])

    return {bare(node): bare(person) for node, person in person_of.items() if node.value.partition(".")[0] == world}


class Graph:
    """A database with the rules above, used again and again."""

    def __init__(self, dsn: str, loop: asyncio.AbstractEventLoop) -> None:
        self.dsn = dsn
        self.loop = loop
        self.conn: asyncpg.Connection[asyncpg.Record]
        self.rulebook: Rulebook

    async def open(self) -> None:
        """Connect and install the rules."""
        self.conn = await asyncpg.connect(self.dsn)
        self.rulebook = await install(self.conn, RULES)

    async def write(self, *batches: list[Incoming]) -> None:
        """Write each batch in a transaction of its own."""
        for batch in batches:
            if batch:
                await write(self.conn, batch, self.rulebook)

    async def hold(self, check: Any, *drawn: Any) -> None:
        """Run one example on an empty graph."""
        await clear(self.conn)
        await check(self, *drawn)


@pytest.fixture
async def graph(dsn: str) -> AsyncIterator[Graph]:
    """An empty graph."""
    graph = Graph(dsn, asyncio.get_running_loop())
    await graph.open()
    yield graph
    await graph.conn.close()


async def for_all(graph: Graph, check: Any, examples: int, *strategies: st.SearchStrategy[Any]) -> None:
    """Hold a property of the database for many examples; Hypothesis runs beside the loop the connection lives on."""

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.tuples(*strategies))
    def hold(drawn: tuple[Any, ...]) -> None:
        asyncio.run_coroutine_threadsafe(graph.hold(check, *drawn), graph.loop).result()

    await asyncio.to_thread(hold)


async def write_worlds(graph: Graph, worlds: list[list[list[Seen]]]) -> None:
    """Write the first batches of all worlds together, then the second ones, and so on."""
    for turn in range(max(map(len, worlds))):
        batch: list[Incoming] = []
        for number, batches in enumerate(worlds):
            if turn < len(batches):
                batch += events_of(batches[turn], f"w{number}", graph.rulebook)
        await graph.write(batch)


async def test_incremental_is_replay_from_scratch(graph: Graph) -> None:
    """After any batches the database holds what a replay of all nodes and links gives; a rebuild changes nothing."""

    async def check(graph: Graph, worlds: list[list[list[Seen]]]) -> None:
        await write_worlds(graph, worlds)
        await assert_same_as_replay(graph.conn, graph.rulebook)

    await for_all(graph, check, 120, histories)


async def test_order_within_a_transaction_does_not_matter(graph: Graph) -> None:
    """The events of a batch in any order give the same persons, down to who stands for them."""

    async def check(graph: Graph, worlds: list[list[list[Seen]]], rng: random.Random) -> None:
        for turn in range(max(map(len, worlds))):
            batch: list[Incoming] = []
            for number, batches in enumerate(worlds):
                if turn < len(batches):
                    shuffled = rng.sample(batches[turn], len(batches[turn]))
                    batch += events_of(batches[turn], f"a{number}", graph.rulebook)
                    batch += events_of(shuffled, f"b{number}", graph.rulebook)
            rng.shuffle(batch)
            await graph.write(batch)
        found = await persons(graph.conn)
        for number in range(len(worlds)):
            assert world_of(found, f"a{number}") == world_of(found, f"b{number}")

    await for_all(graph, check, 60, histories, st.randoms(use_true_random=False))


async def test_batches_do_not_matter(graph: Graph) -> None:
    """A history in many transactions, in one, and one event at a time gives the same persons."""

    async def check(graph: Graph, worlds: list[list[list[Seen]]]) -> None:
        for turn in range(max(map(len, worlds))):
            batch: list[Incoming] = []
            for number, batches in enumerate(worlds):
                if turn < len(batches):
                    batch += events_of(batches[turn], f"many{number}", graph.rulebook)
            await graph.write(batch)
        flat = [[event for batch in batches for event in batch] for batches in worlds]
        together = [event for n, events in enumerate(flat) for event in events_of(events, f"one{n}", graph.rulebook)]
        await graph.write(together)
        for turn in range(max(map(len, flat))):
            await graph.write(
                [
                    event
                    for number, events in enumerate(flat)
                    for event in events_of(events[turn : turn + 1], f"each{number}", graph.rulebook)
                ]
            )
        found = await persons(graph.conn)
        for number in range(len(worlds)):
            one = groups(world_of(found, f"one{number}"))
            assert groups(world_of(found, f"many{number}")) == one
            assert groups(world_of(found, f"each{number}")) == one

    await for_all(graph, check, 60, histories)


async def test_every_person_keeps_the_law(graph: Graph) -> None:
    """No person has more identifiers of a kind than allowed, each is named by his strongest and oldest identifier,
    shared identifiers are alone, and each event's node has a person."""

    async def check(graph: Graph, worlds: list[list[list[Seen]]]) -> None:
        await write_worlds(graph, worlds)
        rows = await graph.conn.fetch("select id, namespace, value, person_id, shared from node")
        members: dict[int, list[asyncpg.Record]] = defaultdict(list)
        for row in rows:
            members[row["person_id"]].append(row)
        for person, nodes in members.items():
            for name, rule in NAMESPACES.items():
                count = sum(node["namespace"] == name for node in nodes)
                assert rule.max_per_person is None or count <= rule.max_per_person
            best = min(nodes, key=lambda node: (NAMESPACES[node["namespace"]].priority, node["id"]))
            assert best["id"] == person
            assert len(nodes) == 1 or not any(node["shared"] for node in nodes)
        lost = "select count(*) from event left join node on node.id = event.node_id where node.id is null"
        assert await graph.conn.fetchval(lost) == 0

    await for_all(graph, check, 60, histories)


# the pure rules -------------------------------------------------------------------------------------------


def plain_replay(
    nodes: dict[int, Key], links: list[Link], namespaces: dict[str, Namespace]
) -> tuple[frozenset[frozenset[int]], set[tuple[int, int]]]:
    """The rules once more, as slowly and plainly as they can be written: sets of nodes, joined link by link.

    Returns who is together and which links were refused.
    """
    rank = {node: namespaces[key.namespace].priority for node, key in nodes.items()}
    shared = set()
    for node, key in nodes.items():
        partners: dict[str, set[int]] = defaultdict(set)
        for link in links:
            if node in (link.a, link.b):
                other = link.b if node == link.a else link.a
                if rank[other] < rank[node]:
                    partners[nodes[other].namespace].add(other)
        if any(len(found) > namespaces[key.namespace].sharing_cap for found in partners.values()):
            shared.add(node)

    def order(link: Link) -> tuple[Any, ...]:
        low, high = sorted([(rank[n], nodes[n].value) for n in (link.a, link.b)])
        device = any(namespaces[nodes[n].namespace].level == "device" for n in (link.a, link.b))
        newest = -link.at.timestamp()
        strong = (low[0], high[0])
        return (device, link.strength == "hint", *((newest, strong) if device else (strong, newest)), low, high)

    people = [{node} for node in nodes]
    refused = set()
    for link in sorted(links, key=order):
        one = next(person for person in people if link.a in person)
        other = next(person for person in people if link.b in person)
        if link.a in shared or link.b in shared:
            refused.add((link.a, link.b))
            continue
        if one is other:
            continue
        both = [nodes[node].namespace for node in one | other]
        over = any(
            rule.max_per_person is not None
            and both.count(name) > rule.max_per_person
            and any(nodes[n].namespace == name for n in one)
            and any(nodes[n].namespace == name for n in other)
            for name, rule in namespaces.items()
        )
        known = all(any(namespaces[nodes[n].namespace].identifies for n in person) for person in (one, other))
        if over or (link.strength == "hint" and known):
            refused.add((link.a, link.b))
        else:
            people.remove(other)
            one |= other
    return frozenset(frozenset(person) for person in people), refused


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[int, Key], list[Link]]:
    """Nodes and links of any kind, their ids in any order."""
    keys = [Key(name, value) for name in sorted(NAMESPACES) for value in "123"]
    ids = draw(st.permutations(range(1, len(keys) + 1)))
    nodes = dict(zip(ids, keys, strict=True))
    pairs = st.tuples(st.sampled_from(ids), st.sampled_from(ids)).filter(lambda pair: pair[0] != pair[1])
    links = [
        Link(a, b, START + STEP * draw(st.integers(0, 12)), draw(st.sampled_from(["proof", "hint"])))
        for a, b in draw(st.lists(pairs, max_size=24, unique=True))
    ]
    return nodes, links


def together(person_of: dict[int, int]) -> frozenset[frozenset[int]]:
    """Sets of nodes that are one person."""
    found: dict[int, set[int]] = defaultdict(set)
    for node, person in person_of.items():
        found[person].add(node)
    return frozenset(frozenset(nodes) for nodes in found.values())


@settings(max_examples=1500, deadline=None)
@given(worlds())
def test_the_replay_is_the_law_plainly_written(world: tuple[dict[int, Key], list[Link]]) -> None:
    """The replay gives the persons and the refusals of a slow, plain reading of the rules."""
    nodes, links = world
    found = replay(nodes, links, [], NAMESPACES)
    people, refused = plain_replay(nodes, links, NAMESPACES)
    assert together(found.person_of) == people
    assert set(found.refused) == refused


@settings(max_examples=600, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_neither_ids_nor_order_decide_who_is_together(
    world: tuple[dict[int, Key], list[Link]], rng: random.Random
) -> None:
    """Other ids and another order of the same facts give the same persons."""
    nodes, links = world
    others = dict(zip(nodes, rng.sample(range(1000, 2000), len(nodes)), strict=True))
    renamed = [Link(others[link.a], others[link.b], link.at, link.strength) for link in links]
    rng.shuffle(renamed)
    one = replay(nodes, links, [], NAMESPACES)
    two = replay({others[node]: key for node, key in nodes.items()}, renamed, [], NAMESPACES)
    assert {frozenset(others[n] for n in person) for person in together(one.person_of)} == together(two.person_of)


@settings(max_examples=600, deadline=None)
@given(
    worlds(),
    st.lists(
        st.tuples(st.sampled_from(["join", "split"]), st.sets(st.integers(1, 18), min_size=2, max_size=4)), max_size=3
    ),
)
def test_decisions_hold(world: tuple[dict[int, Key], list[Link]], decided: list[tuple[Any, set[int]]]) -> None:
    """What a person split stays apart, and what is joined with no split against it is together."""
    nodes, links = world
    decisions = []
    for number, (kind, members) in enumerate(decided, 1):
        ordered = sorted(members)
        decisions.append(Decision(number, kind, frozenset(ordered[:1]), frozenset(ordered[1:]), START + STEP * 20))
    found = replay(nodes, links, decisions, NAMESPACES).person_of
    for decision in decisions:
        pairs = [(a, b) for a in decision.side_a for b in decision.side_b]
        if decision.kind == "split":
            assert all(found[a] != found[b] for a, b in pairs)
        elif all(other.kind == "join" for other in decisions):
            assert all(found[a] == found[b] for a, b in pairs)
