"""One row a person for lists, kept from the partial results of the nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from unisono.customers.profiles.declaring import Declaration
from unisono.customers.profiles.rules import TraitSaid, display_name, fold_traits, trait_said
from unisono.kit.arrays import SEPARATOR, int_list, text_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.profiles")


async def refresh(
    conn: Connection, declaration: Declaration, *, nodes: Collection[int] = (), persons: Collection[int] = ()
) -> None:
    """Write the summaries of these persons and of those the nodes belong to; drop those of persons who are no more.

    One transaction at a time does this: another one, with an older idea of who is who, could bring a person back
    that a join has ended.
    """
    await _sql.refresh_lock(conn)
    rows = await _sql.persons_with_names(conn, persons=int_list(persons), nodes=int_list(nodes))
    everybody = sorted({row["person_id"] for row in rows})
    said: dict[int, list[TraitSaid]] = defaultdict(list)
    for row in rows:
        if row["name"] is not None:
            said[row["person_id"]].append(trait_said(row))
    names = {person: name for person, traits in said.items() if (name := display_name(fold_traits(traits)))}
    keys = {trait: accumulator.key for trait, accumulator in declaration.accumulator_of.items()}
    await _sql.drop_ghosts(conn, persons=int_list(everybody))
    await _sql.refresh_summaries(
        conn,
        persons=int_list(everybody),
        named=int_list(names),
        names=text_list(name.replace(SEPARATOR, " ") for name in names.values()),
        touches=keys["touches_count"],
        messages=keys["messages_count"],
        orders=keys["orders_count"],
        value=keys["lifetime_value"],
        store=keys["favourite_store"],
        currency=declaration.currency,
    )
