"""What promotions and prices may ask about a person, over all his identifiers, in one statement.

It is read from traits: ``segments`` and ``audiences`` (lists of names), ``tier`` (a name), ``birthday`` (a date); and
from the orders placed under any of his identifiers, cancelled ones aside.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import asyncpg
import msgspec

from unisono.commerce.promotions.model import NOBODY, PersonFacts
from unisono.customers.profiles.rules import TraitSaid, fold_traits
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.carts")
_decode = msgspec.json.Decoder().decode


class Known(NamedTuple):
    """Facts about a person, and the time zone of the store asked about (None: no such store)."""

    person: PersonFacts
    timezone: str | None


def _names(value: Any) -> frozenset[str]:
    """A list of names; one name alone is a list of one. What is no name is left out."""
    many = value if isinstance(value, list) else [value]
    return frozenset(name for name in many if isinstance(name, str) and name)


def _day(value: Any) -> date | None:
    """A date, also where somebody wrote an instant; None for what is none."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _traits(rows: list[asyncpg.Record]) -> dict[str, Any]:
    said = [
        TraitSaid(
            row["name"],
            _decode(row["value"]),
            row["occurred_at"],
            row["source_name"],
            row["source_kind"],
            row["node_id"],
        )
        for row in rows
        if row["name"] is not None
    ]
    return {name: trait.value for name, trait in fold_traits(said).items()}


async def known_of(conn: Connection, node_id: int | None, *, store_id: str | None = None) -> Known:
    """What is known of the person of a node; nobody in particular without one. One statement."""
    rows = await _sql.facts_of_node(conn, node=node_id, store_id=store_id)
    first = rows[0]
    if first["person_id"] is None:
        return Known(NOBODY, first["timezone"])
    traits = _traits(rows)
    tier = traits.get("tier")
    return Known(
        PersonFacts(
            person_id=first["person_id"],
            identified=first["identified"],
            segments=_names(traits.get("segments")),
            tier=tier if isinstance(tier, str) and tier else None,
            audiences=_names(traits.get("audiences")),
            orders_before=first["orders"],
            birthday=_day(traits.get("birthday")),
            traits=traits,
        ),
        first["timezone"],
    )


async def facts_of(conn: Connection, node_id: int | None) -> PersonFacts:
    """What promotions may ask about the person of a node. One statement."""
    return (await known_of(conn, node_id)).person
