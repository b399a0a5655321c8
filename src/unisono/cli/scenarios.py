"""``unisono identity scenarios FILE``: histories of identifiers and what they must come to.

The file holds namespaces in order of priority, which of them are devices, and scenarios: which namespaces are
unique, events (namespace -> value) oldest first, pairs that must be together and pairs that must be apart. Each is
run through the pure rules and, event by event, through the collector's own transaction in a scratch database.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec

from unisono.customers.collect import pipeline
from unisono.customers.collect.model import Incoming
from unisono.customers.identity.model import Claim, Key, Link, Namespace
from unisono.customers.identity.rulebook import Rulebook
from unisono.customers.identity.rules import replay
from unisono.kit.migrations import migrate
from unisono.kit.secret import SIZE, Secret


class Scenario(msgspec.Struct, frozen=True):
    """One history and what must come of it."""

    name: str
    unique: list[str]
    events: list[dict[str, str]]
    together: list[tuple[str, str]] = []
    apart: list[tuple[str, str]] = []
    note: str = ""


class ScenarioFile(msgspec.Struct, frozen=True):
    """Scenarios that share their namespaces."""

    priority: list[str]
    device_namespaces: list[str]
    scenarios: list[Scenario]


def namespaces_of(file: ScenarioFile, scenario: Scenario) -> dict[str, Namespace]:
    """The scenario's namespaces as rules."""
    return {
        name: Namespace(
            name,
            "device" if name in file.device_namespaces else "person",
            rank,
            1 if name in scenario.unique else None,
        )
        for rank, name in enumerate(file.priority)
    }


def by_rules(scenario: Scenario, namespaces: dict[str, Namespace]) -> dict[str, int]:
    """Value -> person, by the pure rules."""
    nodes: dict[Key, int] = {}
    links: dict[tuple[int, int], datetime] = {}
    for number, event in enumerate(scenario.events):
        keys = _ordered(event, namespaces)
        ids = [nodes.setdefault(key, len(nodes) + 1) for key in keys]
        for weak in ids[1:]:
            links[ids[0], weak] = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    evidence = [Link(a, b, at) for (a, b), at in links.items()]
    found = replay({node: key for key, node in nodes.items()}, evidence, (), namespaces)
    return {key.value: found.person_of[node] for key, node in nodes.items()}


def _ordered(event: dict[str, str], namespaces: dict[str, Namespace]) -> list[Key]:
    return sorted((Key(*item) for item in event.items()), key=lambda key: namespaces[key.namespace].priority)


async def by_database(
    conn: asyncpg.Connection[asyncpg.Record], scenario: Scenario, namespaces: dict[str, Namespace]
) -> dict[str, int]:
    """Value -> person, by the collector's own transaction, one event at a time."""
    await conn.execute("truncate node, link, namespace cascade; truncate event, trait, search_entry")
    for namespace in namespaces.values():
        await conn.execute(
            "insert into namespace (name, level, priority, max_per_person, sharing_cap, label)"
            " values ($1, $2, $3, $4, $5, $1)",
            namespace.name,
            namespace.level,
            namespace.priority,
            namespace.max_per_person,
            namespace.sharing_cap,
        )
    rulebook = Rulebook(1, list(namespaces.values()), [], "IT")
    secret = Secret(secrets.token_bytes(SIZE))
    for number, event in enumerate(scenario.events):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        claims = [Claim(key, "proof") for key in _ordered(event, namespaces)]
        one = Incoming(f"scenario-{number}", "track", "Scenario", "server", at, at, None, None, claims, 1)
        async with conn.transaction():
            await pipeline.write(conn, [one], [], rulebook, secret)
    return {row["value"]: row["person_id"] for row in await conn.fetch("select value, person_id from node")}


def problems_of(scenario: Scenario, people: dict[str, int]) -> list[str]:
    """What is not as it must be."""
    wrong = [f"{a} and {b} are apart" for a, b in scenario.together if people[a] != people[b]]
    wrong += [f"{a} and {b} are together" for a, b in scenario.apart if people[a] == people[b]]
    return wrong


async def run_scenarios(content: bytes, dsn: str) -> int:
    """Run a file; prints one line a scenario, returns 1 if any failed."""
    file = msgspec.json.decode(content, type=ScenarioFile)
    name = f"unisono_scratch_{uuid.uuid4().hex[:8]}"
    admin = await asyncpg.connect(dsn)
    await admin.execute(f'create database "{name}"')
    failed = 0
    try:
        conn = await asyncpg.connect(urlunsplit(urlsplit(dsn)._replace(path=f"/{name}")))
        await migrate(conn)
        for scenario in file.scenarios:
            namespaces = namespaces_of(file, scenario)
            wrong = [f"rules: {text}" for text in problems_of(scenario, by_rules(scenario, namespaces))]
            stored = await by_database(conn, scenario, namespaces)
            wrong += [f"database: {text}" for text in problems_of(scenario, stored)]
            failed += bool(wrong)
            print(f"{'FAIL' if wrong else 'ok  '}  {scenario.name}{': ' + '; '.join(wrong) if wrong else ''}")
        await conn.close()
    finally:
        await admin.execute(f'drop database if exists "{name}" with (force)')
        await admin.close()
    print(f"{len(file.scenarios)} scenarios, {failed} failed.")
    return 1 if failed else 0
