"""What promotions and prices may ask about a person, over all his identifiers, in one statement.

The live segments he is in are his segments and his audiences, beside those that traits of these names say (lists of
names, from other systems); ``tier`` (a name) and ``birthday`` (a date) are traits too. His orders are those placed
under any of his identifiers, cancelled ones aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import msgspec

from unisono.commerce.promotions.model import NOBODY, PersonFacts
from unisono.customers.profiles.rules import TraitSaid, fold_traits
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.carts")


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


_said = msgspec.json.Decoder(list[TraitSaid]).decode


def known_from(row: Mapping[str, Any]) -> Known:
    """What a row says of the person who asks."""
    if row["asking"] is None:
        return Known(NOBODY, row["timezone"])
    folded = fold_traits(_said(row["traits"])) if row["traits"] else {}
    traits = {name: trait.value for name, trait in folded.items()}
    tier = traits.get("tier")
    segments = frozenset(row["segments"] or ())
    return Known(
        PersonFacts(
            person_id=row["asking"],
            identified=row["identified"],
            segments=_names(traits.get("segments")) | segments,
            tier=tier if isinstance(tier, str) and tier else None,
            audiences=_names(traits.get("audiences")) | segments,
            orders_before=row["orders"],
            birthday=_day(traits.get("birthday")),
            traits=traits,
        ),
        row["timezone"],
    )


async def known_of(conn: Connection, node_id: int | None, *, store_id: str | None = None) -> Known:
    """What is known of the person of a node; nobody in particular without one. One statement."""
    return known_from(await _sql.facts_of_node(conn, node=node_id, store_id=store_id))


async def facts_of(conn: Connection, node_id: int | None) -> PersonFacts:
    """What promotions may ask about the person of a node. One statement."""
    return (await known_of(conn, node_id)).person
