"""Who a message is for, as templates see them: traits, points, segments; many persons with a statement each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg
import msgspec

from unisono.customers.profiles.computed import as_partial, declared
from unisono.customers.profiles.declaring import read_value
from unisono.customers.profiles.partials import Partial, merged
from unisono.customers.profiles.rules import (
    LANGUAGE,
    Trait,
    TraitSaid,
    display_name,
    fold_traits,
    language_of,
    trait_said,
)
from unisono.engagement.templates.model import Needs
from unisono.kit.database import Connection
from unisono.kit.money import EXPONENTS, format_money
from unisono.kit.sql import load

_sql = load("unisono.engagement.templates")
_decode = msgspec.json.Decoder().decode

NAMES: Final = frozenset({"name", "firstName", "first_name", "lastName", "last_name"})
SPELLED: Final = {"first_name": "firstName", "last_name": "lastName", "postal_code": "postalCode"}
"""What templates call a trait, and what it is often called."""
OURS: Final = frozenset({"id", "name", "first_name", "last_name", "identified", "traits"})
"""Fields of a person that are no traits of that very name."""


class People:
    """The persons of some nodes and all their nodes."""

    def __init__(self, rows: Iterable[asyncpg.Record]) -> None:
        self.person_of: dict[int, int] = {}
        self.nodes: dict[int, dict[int, tuple[str, str]]] = defaultdict(dict)
        self.identified: set[int] = set()
        for row in rows:
            self.person_of[row["asked"]] = row["person_id"]
            self.nodes[row["person_id"]][row["id"]] = (row["namespace"], row["value"])
            if row["level"] == "person":
                self.identified.add(row["person_id"])

    @property
    def node_ids(self) -> list[int]:
        """Every node of all of them."""
        return [node for nodes in self.nodes.values() for node in nodes]

    @property
    def ids(self) -> list[int]:
        """The persons."""
        return list(self.nodes)


async def people_of(conn: Connection, nodes: Collection[int]) -> People:
    """The persons of these nodes. One statement."""
    return People(await _sql.people_of_nodes(conn, nodes=list(set(nodes))))


def traits_wanted(needs: Needs, *, prices: bool) -> set[str] | None:
    """The names of the traits to read: None for all, when the person is gone through as a whole."""
    wanted: set[str] = {"timezone", "audiences"} if prices else {"timezone"}
    if not needs.of("person"):
        return wanted
    for path in needs.paths:
        root, _, rest = path.partition(".")
        if root != "person":
            continue
        parts = rest.split(".")
        if not parts[0] or (parts[0] == "traits" and len(parts) == 1):
            return None
        name = parts[1] if parts[0] == "traits" else parts[0]
        wanted |= {name, SPELLED.get(name, name)} | (NAMES if name in NAMES else set())
    return wanted


async def spoken_to(conn: Connection, node: int) -> str | None:
    """The language the person of a node wants to be spoken to in; None when nobody said it."""
    traits = await traits_of(conn, await people_of(conn, [node]), set(LANGUAGE))
    return next(map(language_of, traits.values()), None)


async def traits_of(conn: Connection, people: People, names: set[str] | None) -> dict[int, dict[str, Trait]]:
    """The traits of each person, one value each. One statement."""
    rows = await _sql.traits_of_people(conn, nodes=people.node_ids, names=None if names is None else sorted(names))
    said: dict[int, list[TraitSaid]] = defaultdict(list)
    for row in rows:
        said[row["person_id"]].append(trait_said(row))
    return {person: fold_traits(some) for person, some in said.items()}


async def computed_of(conn: Connection, people: People, names: set[str] | None) -> dict[int, dict[str, Any]]:
    """The computed traits of these names of each person. Two statements, none when no such trait is kept."""
    declaration = await declared(conn) if names is None or names - NAMES - {"timezone", "audiences"} else None
    if declaration is None:
        return {}
    kept = {name: trait for name, trait in declaration.traits.items() if names is None or name in names}
    if not kept:
        return {}
    keys = {name: declaration.accumulator_of[name].key for name in kept}
    parts: dict[tuple[int, str], list[Partial]] = defaultdict(list)
    for row in await _sql.computed_of_people(conn, nodes=people.node_ids, partials=sorted(set(keys.values()))):
        parts[row["person_id"], row["trait"]].append(as_partial(row))
    whole = {key: merged(some) for key, some in parts.items()}
    nothing = Partial()
    return {
        person: {name: read_value(trait, whole.get((person, keys[name]), nothing)) for name, trait in kept.items()}
        for person in people.ids
    }


async def points_of(conn: Connection, people: People) -> dict[int, int]:
    """The points of each person who has any. One statement."""
    return {row["person_id"]: row["points"] for row in await _sql.points_of_people(conn, nodes=people.node_ids)}


async def segments_of(conn: Connection, people: People) -> dict[int, list[str]]:
    """The codes of the live segments of each person. One statement."""
    found: dict[int, list[str]] = defaultdict(list)
    for row in await _sql.segments_of_people(conn, persons=people.ids):
        found[row["person_id"]].append(row["code"])
    return found


def person_values(
    person: int, people: People, traits: Mapping[str, Trait], computed: Mapping[str, Any], language: str
) -> dict[str, Any]:
    """A person as ``person`` in a template. What somebody wrote about himself is text there and never a template."""
    values: dict[str, Any] = {name: _written(value, language) for name, value in computed.items()}
    values |= {name: trait.value for name, trait in traits.items()}
    name = display_name(dict(traits))
    first = _text(values.get("first_name")) or _text(values.get("firstName")) or (name or "").split(" ")[0]
    last = _text(values.get("last_name")) or _text(values.get("lastName"))
    addresses = dict(reversed(people.nodes[person].values()))
    return {
        "email": addresses.get("email"),
        "phone": addresses.get("phone"),
        "loyalty_card": addresses.get("loyalty_card"),
        **values,
        "id": person,
        "name": name,
        "first_name": first or None,
        "last_name": last or None,
        "identified": person in people.identified,
        "traits": values,
    }


def _written(value: Any, language: str) -> Any:
    """A computed trait; money in words, the largest amount first where there are several currencies."""
    if isinstance(value, dict) and value and all(currency in EXPONENTS for currency in value):
        return ", ".join(
            format_money(minor, currency, language)
            for currency, minor in sorted(value.items(), key=lambda one: (-one[1], one[0]))
        )
    return value


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def zone_of(traits: Mapping[str, Trait]) -> str | None:
    """The zone a person is known to live in; None where it is not, or is none."""
    said = traits["timezone"].value if "timezone" in traits else None
    if not isinstance(said, str) or not 0 < len(said) < 64:
        return None
    try:
        ZoneInfo(said)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return said


def audiences_of(traits: Mapping[str, Trait], segments: Iterable[str]) -> frozenset[str]:
    """The audiences whose prices a person gets: those said of him, and his segments."""
    said = traits["audiences"].value if "audiences" in traits else None
    named = said if isinstance(said, list) else [said]
    return frozenset([one for one in named if isinstance(one, str) and one] + list(segments))
