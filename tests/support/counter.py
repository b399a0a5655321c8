"""A store with goods on its shelf, for tests of what waits at its counter."""

from __future__ import annotations

import json
from typing import Any

from tests.support.log import make_nodes
from unisono.kit.database import Connection, Pool

WEEK = {day: [["09:00", "13:00"], ["15:30", "19:30"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}
"""A shop in Italy: a long lunch, closed on Sundays."""


async def make_place(
    conn: Connection | Pool, code: str = "milano", *, opening: dict[str, Any] | None = None, zone: str = "Europe/Rome"
) -> int:
    """A store."""
    made = await conn.fetchval(
        """insert into location (code, name, kind, timezone, opening, address, picks_up)
           values ($1, initcap($1), 'store', $2, $3, $4, true) returning id""",
        code,
        zone,
        json.dumps(WEEK if opening is None else opening),
        json.dumps({"street": "Via Torino 1", "city": code.title(), "postcode": "20123"}),
    )
    return int(made)


async def make_variant(conn: Connection | Pool, sku: str = "SHOE-42", *, prep_minutes: int = 0) -> int:
    """A product of one variant."""
    product = await conn.fetchval(
        "insert into product (code, name) values ($1, $2) returning id", f"P-{sku}", f"Product {sku}"
    )
    made = await conn.fetchval(
        "insert into variant (product_id, sku, prep_minutes) values ($1, $2, $3) returning id",
        product,
        sku,
        prep_minutes,
    )
    return int(made)


async def stock_up(conn: Connection | Pool, variant: int, place: int, units: int, *, safety: int = 0) -> int:
    """Units of a variant in a place; returns the good."""
    key = await conn.fetchval(
        "select variant.sku || '@' || location.code from variant, location where variant.id = $1 and location.id = $2",
        variant,
        place,
    )
    good = await conn.fetchval(
        "insert into good (kind, key, capacity) values ('stock', $1, $2) returning id", key, units
    )
    await conn.execute(
        "insert into stock (good_id, variant_id, location_id, safety) values ($1, $2, $3, $4)",
        good,
        variant,
        place,
        safety,
    )
    return int(good)


async def make_person(conn: Connection | Pool, *identifiers: str) -> list[int]:
    """Nodes, each a person of its own until somebody joins them."""
    return await make_nodes(conn, len(identifiers) or 1)


async def events_of(conn: Connection | Pool, node: int) -> list[tuple[str, dict[str, Any]]]:
    """Names and properties of the events of a node, oldest first."""
    rows = await conn.fetch("select name, properties from event where node_id = $1 order by occurred_at, id", node)
    return [(row["name"], json.loads(row["properties"] or "{}")) for row in rows]
