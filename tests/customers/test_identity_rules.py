"""Whose identifier is this: known situations, by the pure rules and through the database alike."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.database import own_database
from tests.support.graph import START, STEP, Conn, assert_same_as_replay, clear, install, persons, seen, write
from unisono.customers.identity.graph import settle_nodes
from unisono.customers.identity.model import BlockedValue, Decision, Key, Link, Namespace, Strength
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.rulebook import Rulebook
from unisono.customers.identity.rules import replay

FILE = json.loads((Path(__file__).parents[1] / "data" / "identity_scenarios.json").read_text("utf-8"))

MORE: list[dict[str, Any]] = [
    {
        "name": "a device goes to a second person and back again",
        "unique": ["crm_id"],
        "events": [
            {"crm_id": "anna", "device_id": "d1"},
            {"crm_id": "bruno", "device_id": "d1"},
            {"crm_id": "anna", "device_id": "d1"},
        ],
        "together": [["anna", "d1"]],
        "apart": [["bruno", "d1"], ["anna", "bruno"]],
    },
    {
        "name": "a login nobody is tied to",
        "unique": ["crm_id"],
        "events": [
            {"login_id": "l1", "device_id": "d1"},
            {"crm_id": "anna", "device_id": "d2"},
        ],
        "together": [["l1", "d1"], ["anna", "d2"]],
        "apart": [["anna", "l1"]],
    },
    {
        "name": "a login that gets its person later",
        "unique": ["crm_id"],
        "events": [
            {"login_id": "l1", "device_id": "d1"},
            {"login_id": "l1", "device_id": "d2"},
            {"crm_id": "anna", "login_id": "l1"},
        ],
        "together": [["anna", "d1"], ["anna", "d2"]],
        "apart": [],
    },
    {
        "name": "a browser that forgets who it is",
        "unique": ["crm_id"],
        "events": [
            {"crm_id": "anna", "device_id": "d1"},
            {"device_id": "d2"},
            {"crm_id": "anna", "device_id": "d2"},
        ],
        "together": [["anna", "d1"], ["d1", "d2"]],
        "apart": [],
    },
    {
        "name": "three people, one phone number after the other",
        "unique": ["crm_id", "phone"],
        "events": [
            {"crm_id": "anna", "phone": "p1"},
            {"crm_id": "bruno", "phone": "p1"},
            {"crm_id": "carla", "phone": "p1"},
        ],
        "together": [["carla", "p1"]],
        "apart": [["anna", "bruno"], ["bruno", "carla"], ["anna", "p1"]],
    },
    {
        "name": "one household telephone, many e-mail addresses",
        "unique": ["crm_id"],
        "events": [
            {"crm_id": "anna", "email": "e1", "phone": "p1"},
            {"crm_id": "bruno", "email": "e2", "phone": "p1"},
        ],
        "together": [["anna", "e1"], ["bruno", "e2"], ["bruno", "p1"]],
        "apart": [["anna", "bruno"], ["e1", "e2"]],
    },
    {
        "name": "a guest order with a wrong e-mail address",
        "unique": ["crm_id", "email"],
        "events": [
            {"crm_id": "anna", "email": "anna"},
            {"email": "ana", "device_id": "d1"},
            {"crm_id": "anna", "device_id": "d1"},
        ],
        "together": [["anna", "d1"]],
        "apart": [["anna", "ana"]],
        "keys": {"anna": "crm_id"},
    },
    {
        "name": "an e-mail address that was somebody else's before",
        "unique": ["crm_id", "email"],
        "events": [
            {"crm_id": "anna", "email": "info"},
            {"crm_id": "bruno", "email": "info"},
            {"crm_id": "anna", "email": "a"},
        ],
        "together": [["bruno", "info"], ["anna", "a"]],
        "apart": [["anna", "info"], ["anna", "bruno"]],
    },
    {
        "name": "two devices of one visitor that never signed in",
        "unique": ["crm_id"],
        "events": [{"idfa": "i1", "device_id": "d1"}, {"idfa": "i1", "device_id": "d2"}],
        "together": [["d1", "d2"]],
        "apart": [],
    },
    {
        "name": "the shop's tablet, used by many",
        "unique": ["crm_id"],
        "events": [{"crm_id": f"c{n}", "device_id": "tablet"} for n in range(12)],
        "together": [],
        "apart": [["c0", "c11"], ["c11", "tablet"], ["c0", "tablet"]],
    },
]

SCENARIOS = [*FILE["scenarios"], *MORE]


def namespaces_of(scenario: dict[str, Any]) -> list[Namespace]:
    """The scenario's kinds of identifiers, strongest first."""
    return [
        Namespace(
            name,
            "device" if name in FILE["device_namespaces"] else "person",
            rank,
            1 if name in scenario["unique"] else None,
            identifies=name == "crm_id",
        )
        for rank, name in enumerate(FILE["priority"], 1)
    ]


def assert_as_told(scenario: dict[str, Any], person_of: dict[Key, Any]) -> None:
    """Who is together and who apart is as the scenario says."""

    def of(value: str) -> Any:
        found = [person for key, person in sorted(person_of.items()) if key.value == value]
        return found[0]

    for one, other in scenario["together"]:
        assert of(one) == of(other), f"{one} and {other} should be one"
    for one, other in scenario["apart"]:
        assert of(one) != of(other), f"{one} and {other} should be two"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_scenarios_by_the_pure_rules(scenario: dict[str, Any]) -> None:
    """Each situation, replayed from its links, gives the persons it tells of."""
    namespaces = {namespace.name: namespace for namespace in namespaces_of(scenario)}
    ids: dict[Key, int] = {}
    links: dict[tuple[int, int], Link] = {}
    for moment, event in enumerate(scenario["events"]):
        keys = sorted((Key(*item) for item in event.items()), key=lambda key: namespaces[key.namespace].priority)
        nodes = [ids.setdefault(key, len(ids) + 1) for key in keys]
        for weak in nodes[1:]:
            links[nodes[0], weak] = Link(nodes[0], weak, START + STEP * moment)
    found = replay({node: key for key, node in ids.items()}, list(links.values()), [], namespaces)
    assert_as_told(scenario, {key: found.person_of[node] for key, node in ids.items()})


@pytest.fixture(scope="module")
async def conn(server_dsn: str, template_dsn: str) -> AsyncIterator[Conn]:
    """One database for the module, emptied by each test."""
    async with own_database(server_dsn) as dsn:
        conn = await asyncpg.connect(dsn)
        yield conn
        await conn.close()


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
async def test_scenarios_through_the_database(conn: Conn, scenario: dict[str, Any], together: bool) -> None:
    """Each situation, written as events in many transactions or in one, gives the persons it tells of."""
    await clear(conn)
    rulebook = await install(conn, namespaces_of(scenario))
    events = [
        seen([(name, value, "proof") for name, value in event.items()], START + STEP * moment, rulebook)
        for moment, event in enumerate(scenario["events"])
    ]
    for batch in [events] if together else [[event] for event in events]:
        await write(conn, batch, rulebook)
    assert_as_told(scenario, await persons(conn))
    await assert_same_as_replay(conn, rulebook)


# limits, caps, hints, blocked values, decisions -------------------------------------------------------------

RULES = [
    Namespace("user_id", "person", 10, 1, 20, identifies=True),
    Namespace("card", "person", 20, 2, 3, identifies=True, normaliser="card"),
    Namespace("email", "person", 30, 5, 3, normaliser="email"),
    Namespace("anonymous_id", "device", 40, None, 3),
]


class World:
    """An empty graph under the rules above, told event by event."""

    def __init__(self, conn: Conn, rulebook: Rulebook) -> None:
        self.conn = conn
        self.rulebook = rulebook
        self.moments = 0

    async def tell(self, strength: Strength = "proof", **values: str) -> None:
        """One event; with ``hint``, everything but the first identifier is a hint."""
        self.moments += 1
        claims: list[tuple[str, str, Strength]] = [
            (name, value, "proof" if n == 0 else strength) for n, (name, value) in enumerate(values.items())
        ]
        await write(self.conn, [seen(claims, START + STEP * self.moments, self.rulebook)], self.rulebook)

    async def one(self, *values: str) -> bool:
        """Whether these are one person."""
        found = {key.value: person for key, person in (await persons(self.conn)).items()}
        return len({found[value] for value in values}) == 1

    async def why(self, value: str) -> set[str]:
        """The rules that refuse links with this identifier."""
        rows = await self.conn.fetch(
            """select refused_by from link join node on node.id in (node_a, node_b)
               where node.value = $1 and refused_by is not null""",
            value,
        )
        return {row["refused_by"] for row in rows}

    async def decide(self, kind: str, side_a: list[str], side_b: list[str]) -> None:
        """Record a decision about identifiers and settle it."""
        ids = {row["value"]: row["id"] for row in await self.conn.fetch("select id, value from node")}
        a, b = [ids[value] for value in side_a], [ids[value] for value in side_b]
        async with self.conn.transaction():
            await self.conn.execute(
                "insert into identity_decision (kind, actor, reason, side_a, side_b)"
                " values ($1, 'test', 'test', $2, $3)",
                kind,
                a,
                b,
            )
            await self.conn.execute("update node set decided = true where id = any($1::bigint[])", a + b)
            await settle_nodes(self.conn, a + b, self.rulebook.namespaces, actor="test", reason="test")


@pytest.fixture
async def world(conn: Conn) -> AsyncIterator[World]:
    """Such a world; whatever is told, in the end the database holds what a replay from scratch gives."""
    await clear(conn)
    world = World(conn, await install(conn, RULES))
    yield world
    await assert_same_as_replay(conn, world.rulebook)


async def test_a_unique_identifier_is_never_doubled(world: World) -> None:
    """A link that would give a person a second user id is refused and says so; the newest device link wins."""
    await world.tell(user_id="anna", anonymous_id="d1")
    await world.tell(user_id="bruno", anonymous_id="d1")
    assert await world.one("bruno", "d1")
    assert not await world.one("anna", "bruno")
    assert await world.why("d1") == {"unique:user_id"}


async def test_limits_refuse_the_oldest(world: World) -> None:
    """A person may have two cards; of three, the newest two count."""
    for card in ("C1", "C2", "C3"):
        await world.tell(user_id="anna", card=card)
    assert await world.one("anna", "C2", "C3")
    assert not await world.one("anna", "C1")
    assert await world.why("C1") == {"limit:card"}


async def test_a_shared_identifier_links_nobody(world: World) -> None:
    """An address more than three cards are tied to is a switchboard: it stops linking, those it held come apart."""
    for n in range(3):
        await world.tell(user_id=f"u{n}", email="info@shop.it")
    assert await world.one("u2", "info@shop.it")
    await world.tell(user_id="u3", email="info@shop.it")
    assert not await world.one("u3", "info@shop.it")
    assert await world.why("info@shop.it") == {"shared:email"}
    assert await world.conn.fetchval("select shared from node where value = 'info@shop.it'")
    await world.tell(user_id="u4", email="info@shop.it")
    assert not await world.one("u4", "info@shop.it")


async def test_a_partner_that_is_shared_itself_still_counts(world: World) -> None:
    """A browser four addresses were typed on is shared, also when one of the addresses is shared by then."""
    for n in range(4):
        await world.tell(user_id=f"u{n}", email="info@shop.it")
    await world.tell(email="info@shop.it", anonymous_id="kiosk")
    for n in range(3):
        await world.tell(email=f"e{n}@x.it", anonymous_id="kiosk")
    assert await world.conn.fetchval("select shared from node where value = 'kiosk'")


async def test_hints_join_visitors_but_never_two_known_people(world: World) -> None:
    """What a browser says of an address joins it to the person that has no name yet, not to a second known one."""
    await world.tell("hint", anonymous_id="d1", email="a@x.it")
    assert await world.one("d1", "a@x.it")
    await world.tell(user_id="anna", email="a@x.it")
    assert await world.one("d1", "anna")
    await world.tell("hint", user_id="bruno", email="a@x.it")
    assert not await world.one("anna", "bruno")
    assert await world.why("bruno") & {"hint", "unique:user_id"}


async def test_a_hint_becomes_a_proof(world: World) -> None:
    """What was only said becomes known when a trusted system says it; a later hint does not weaken it."""
    await world.tell(card="C1", email="a@x.it")
    await world.tell("hint", card="C2", email="a@x.it")
    assert not await world.one("C1", "C2")
    await world.tell("proof", card="C2", email="a@x.it")
    assert await world.one("C1", "C2")
    await world.tell("hint", card="C2", email="a@x.it")
    assert await world.one("C1", "C2")


async def test_a_proof_in_the_same_batch_as_a_later_hint_stays_a_proof(world: World) -> None:
    """Proof and hint of one link in one transaction: it is a proof of the later time, as if they had come apart."""
    rulebook = world.rulebook
    await world.tell(card="C1", email="a@x.it")
    events = [
        seen([("card", "C2", "proof"), ("email", "a@x.it", strength)], START + STEP * moment, rulebook)
        for moment, strength in ((10, "proof"), (11, "hint"))
    ]
    await write(world.conn, events, rulebook)
    assert await world.one("C1", "C2")
    row = await world.conn.fetchrow("select strength, last_at from link order by last_at desc limit 1")
    assert tuple(row) == ("proof", START + STEP * 11)


async def test_a_sighting_within_the_hour_counts(world: World) -> None:
    """The last one seen on a device has it, even when sightings are minutes apart and arrive late."""
    rulebook = world.rulebook

    async def at(minute: int, user: str) -> None:
        claims: list[tuple[str, str, Strength]] = [("user_id", user, "proof"), ("anonymous_id", "d1", "proof")]
        await write(world.conn, [seen(claims, START + timedelta(minutes=minute), rulebook)], rulebook)

    await at(0, "anna")
    await at(30, "anna")
    await at(20, "bruno")
    assert await world.one("anna", "d1")


async def test_a_split_holds_against_old_and_new_links(world: World) -> None:
    """What a person took apart stays apart, whatever events say afterwards."""
    await world.tell(user_id="anna", email="a@x.it")
    await world.decide("split", ["anna"], ["a@x.it"])
    assert not await world.one("anna", "a@x.it")
    await world.tell(user_id="anna", email="a@x.it")
    assert not await world.one("anna", "a@x.it")


async def test_a_join_overrules_limits(world: World) -> None:
    """What a person joined is one, although both have a user id, and new evidence leaves it so."""
    await world.tell(user_id="anna", email="a@x.it")
    await world.tell(user_id="ann", email="b@x.it")
    await world.decide("join", ["anna"], ["ann"])
    assert await world.one("anna", "ann", "a@x.it", "b@x.it")
    await world.tell(user_id="ann", anonymous_id="d1")
    assert await world.one("anna", "d1")


def test_the_newest_decision_wins() -> None:
    """Of a join and a later split of the same identifiers, both standing, the split holds."""
    nodes = {1: Key("user_id", "a"), 2: Key("user_id", "b")}
    rules = {namespace.name: namespace for namespace in RULES}
    sides = (frozenset({1}), frozenset({2}))
    join, split = Decision(1, "join", *sides, START), Decision(2, "split", *sides, START + STEP)
    found = replay(nodes, [], [join, split], rules)
    assert found.person_of[1] != found.person_of[2]


BLOCKED = [BlockedValue("*", "undefined"), BlockedValue("email", "noreply@*"), BlockedValue("email", "test@test.com")]


@pytest.mark.parametrize(
    ("namespace", "value", "blocked"),
    [
        ("user_id", "undefined", True),
        ("user_id", "UNDEFINED", True),
        ("user_id", " undefined ", True),
        ("user_id", "undefined1", False),
        ("user_id", "0000", True),
        ("user_id", "0-0", True),
        ("user_id", "10", False),
        ("email", "NoReply@shop.it", True),
        ("email", "Test@Test.com", True),
        ("email", "mailto:test@test.com", True),
        ("email", "mario@example.it", False),
        ("user_id", "noreply@shop.it", False),
        ("card", "00-00 00", True),
        ("card", "12-34", False),
        ("no_such", "x", True),
        ("user_id", "a" * 257, True),
        ("user_id", "a\ufffd", True),
        ("user_id", "\ud800", True),
        ("email", "mario@", True),
        ("email", "mario", True),
    ],
)
def test_values_that_are_nobody(namespace: str, value: str, blocked: bool) -> None:
    """Blocked values never stand for a person, in whatever spelling; values that only look like them do."""
    rulebook = Rulebook(1, RULES, BLOCKED, "IT")
    if blocked:
        with pytest.raises(UnusableIdentifier):
            rulebook.key(namespace, value)
    else:
        assert rulebook.key(namespace, value).namespace == namespace


@pytest.mark.parametrize(
    ("namespace", "spellings"),
    [
        ("email", ["Mario@Example.IT", " mario@example.it ", "mailto:mario@example.it", "MARIO@EXAMPLE.IT"]),
        ("card", ["0400 1234", "0400-1234", "0400.1234", "04001234"]),
        ("phone", ["333 1234567", "+39 333 1234567", "0039 333 1234567", "+39-333-12.34.567"]),
    ],
)
def test_one_spelling(namespace: str, spellings: list[str]) -> None:
    """An identifier written in several ways is one identifier."""
    rules = [*RULES, Namespace("phone", "person", 35, 5, normaliser="phone")]
    rulebook = Rulebook(1, rules, BLOCKED, "IT")
    assert len({rulebook.key(namespace, spelling) for spelling in spellings}) == 1
