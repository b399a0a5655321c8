"""What is known of some persons, loaded for all of them at once: at most seven statements, whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from unisono.customers.profiles.computed import as_partial
from unisono.customers.profiles.declaring import Declared, read_value
from unisono.customers.profiles.partials import Partial, merged
from unisono.customers.profiles.rules import TraitSaid, fold_traits, trait_said
from unisono.customers.segments.model import (
    EARLIEST,
    ConsentSeen,
    Event,
    Facts,
    World,
    decode_properties,
)
from unisono.customers.segments.needs import Needs
from unisono.customers.timeline.vocabulary import purchases
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.segments")


@lru_cache(maxsize=1024)
def _declared(definition: str) -> Declared:
    return msgspec.json.decode(definition, type=Declared)


class _Identifiers(NamedTuple):
    person_of: dict[int, int]
    namespaces: dict[int, set[str]]
    identified: set[int]


async def facts_of(
    conn: Connection, persons: Collection[int], needs: Needs, world: World, now: datetime
) -> dict[int, Facts]:
    """What rules with these needs look at, by person; without the segments they are in. Who has no identifier any
    more is left out."""
    known = await _identifiers(conn, persons)
    if not known.person_of:
        return {}
    nodes = int_list(known.person_of)
    traits = await _traits(conn, nodes, known.person_of, needs)
    computed = await _computed(conn, nodes, known.person_of, needs, world)
    consents = await _consents(conn, nodes, known.person_of, needs)
    events = await _events(conn, nodes, known.person_of, needs, world, now)
    return {
        person: Facts(
            person_id=person,
            identified=person in known.identified,
            namespaces=sorted(known.namespaces[person]),
            traits={**traits.get(person, {}), **computed.get(person, {})},
            consents=consents.get(person, ()),
            events=events.get(person, {}),
        )
        for person in known.namespaces
    }


async def _identifiers(conn: Connection, persons: Collection[int]) -> _Identifiers:
    found = _Identifiers({}, defaultdict(set), set())
    for row in await _sql.nodes_of_persons(conn, persons=int_list(persons)):
        found.person_of[row["id"]] = row["person_id"]
        found.namespaces[row["person_id"]].add(row["namespace"])
        if row["identifies"]:
            found.identified.add(row["person_id"])
    return found


async def _traits(
    conn: Connection, nodes: str, person_of: Mapping[int, int], needs: Needs
) -> dict[int, dict[str, Any]]:
    if not needs.traits:
        return {}
    said: dict[int, list[TraitSaid]] = defaultdict(list)
    for row in await _sql.traits_of_nodes(conn, nodes=nodes, names=sorted(needs.traits)):
        said[person_of[row["node_id"]]].append(trait_said(row, decode_properties))
    return {person: {name: trait.value for name, trait in fold_traits(of).items()} for person, of in said.items()}


async def _computed(
    conn: Connection, nodes: str, person_of: Mapping[int, int], needs: Needs, world: World
) -> dict[int, dict[str, Any]]:
    wanted = {name: world.computed[name] for name in needs.computed if name in world.computed}
    if not wanted:
        return {}
    parts: dict[int, dict[str, list[Partial]]] = defaultdict(lambda: defaultdict(list))
    partials = sorted({trait.partial for trait in wanted.values()})
    for row in await _sql.computed_of_nodes(conn, nodes=nodes, partials=partials):
        parts[person_of[row["node_id"]]][row["trait"]].append(as_partial(row))
    nothing = Partial()
    values: dict[int, dict[str, Any]] = {}
    for person in set(person_of.values()):
        whole = {key: merged(some) for key, some in parts[person].items()} if person in parts else {}
        values[person] = {
            name: read_value(_declared(trait.definition), whole.get(trait.partial, nothing))
            for name, trait in wanted.items()
        }
    return values


async def _consents(
    conn: Connection, nodes: str, person_of: Mapping[int, int], needs: Needs
) -> dict[int, Sequence[ConsentSeen]]:
    found: dict[int, list[ConsentSeen]] = defaultdict(list)
    if needs.consents:
        for row in await _sql.consents_of_nodes(conn, nodes=nodes):
            found[person_of[row["node_id"]]].append(
                ConsentSeen(
                    row["purpose"], row["channel"], row["status"], row["expires_at"], row["basis"], row["since"]
                )
            )
    return dict(found)


async def _events(
    conn: Connection, nodes: str, person_of: Mapping[int, int], needs: Needs, world: World, now: datetime
) -> dict[int, dict[str, list[Event]]]:
    """Events by person and name. What purchases hold is not even read where the law lets nobody look at it."""
    if not needs.events:
        return {}
    names = sorted(needs.events)
    horizon = world.horizon_of(detail=True)
    detailed = dict.fromkeys(purchases(), now - horizon) if horizon is not None else {}
    rows = await _sql.events_of_nodes(
        conn,
        nodes=nodes,
        names=names,
        sinces=[needs.since(name, now) or EARLIEST for name in names],
        details=[detailed.get(name, EARLIEST) if needs.events[name].properties else None for name in names],
    )
    found: dict[int, dict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        properties = row["properties"]
        found[person_of[row["node_id"]]][row["name"]].append(
            Event(
                row["name"],
                row["occurred_at"],
                row["channel"],
                row["store_id"],
                decode_properties(properties) if properties else {},
            )
        )
    return {person: dict(by_name) for person, by_name in found.items()}
