"""From (variant, place) to the good that counts its units; rows are made where somebody brings the first unit."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import asyncpg

from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.model import NewGood
from unisono.commerce.inventory.errors import BadStock, LocationUnknown
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.inventory")

Pair = tuple[int, str]
"""A variant's id and a place's code."""


class Found(NamedTuple):
    """What there is of a pair; ``good_id`` is None where no stock is kept."""

    variant_id: int
    code: str
    sku: str
    is_kit: bool
    location_id: int
    good_id: int | None
    safety: int
    low_at: int | None


async def find(conn: Connection, pairs: Collection[Pair], *, now: datetime) -> dict[Pair, Found]:
    """Each pair as it stands. Raises SkuUnknown, and LocationUnknown for a place that is none or closed for good."""
    asked = sorted(set(pairs))
    for variant_id, code in asked:
        if not 0 < variant_id < 2**63:
            raise SkuUnknown(f"There is no variant {variant_id}.")
        if "\x00" in code:
            raise LocationUnknown("There is no such place.")
    rows = await _sql.find_stock(conn, variants=[pair[0] for pair in asked], codes=[pair[1] for pair in asked])
    for row in rows:
        if row["sku"] is None:
            raise SkuUnknown(f"There is no variant {row['variant_id']}.")
    return {(row["variant_id"], row["code"]): found_of(row, now) for row in rows}


def found_of(row: asyncpg.Record, now: datetime) -> Found:
    """What a row says. Raises LocationUnknown for a place that is none or closed for good."""
    if row["location_id"] is None:
        raise LocationUnknown(f"There is no place {row['code'][:64]!r}.")
    if row["closed_at"] is not None and row["closed_at"] <= now:
        raise LocationUnknown(f"{row['code']} is closed for good.", code="location_closed")
    return Found(
        row["variant_id"],
        row["code"],
        row["sku"],
        row["is_kit"],
        row["location_id"],
        row["good_id"],
        row["safety"] or 0,
        row["low_at"],
    )


async def kept(conn: Connection, pairs: Collection[Pair]) -> dict[Pair, int]:
    """The goods of those pairs that stock is kept of."""
    asked = sorted(pair for pair in set(pairs) if 0 < pair[0] < 2**63 and "\x00" not in pair[1])
    rows = await _sql.find_stock(conn, variants=[pair[0] for pair in asked], codes=[pair[1] for pair in asked])
    return {(row["variant_id"], row["code"]): row["good_id"] for row in rows if row["good_id"] is not None}


async def ensure(conn: Connection, pairs: Collection[Pair], *, now: datetime) -> dict[Pair, int]:
    """The good of each pair, made where there was none. Raises BadStock for a kit: its parts have the stock."""
    found = await find(conn, pairs, now=now)
    kit = next((one for one in found.values() if one.is_kit), None)
    if kit is not None:
        raise BadStock(f"{kit.sku} is a kit: its parts have the stock.", code="kit_has_no_stock")
    new = [one for one in found.values() if one.good_id is None]
    made: dict[tuple[str, str], int] = {}
    if new:
        made = await holds.ensure_goods(conn, [NewGood("stock", f"{one.sku}@{one.code}") for one in new])
        await _sql.insert_stock(
            conn,
            goods=[made["stock", f"{one.sku}@{one.code}"] for one in new],
            variants=[one.variant_id for one in new],
            locations=[one.location_id for one in new],
        )
    return {
        pair: one.good_id if one.good_id is not None else made["stock", f"{one.sku}@{one.code}"]
        for pair, one in found.items()
    }


async def parts_of(conn: Connection, variant_ids: Collection[int]) -> dict[int, tuple[tuple[int, int], ...]]:
    """What one unit of each takes from the shelf: (variant, units). Of what is no kit: itself."""
    kits = await catalog.components(conn, variant_ids) if variant_ids else {}
    return {one: kits.get(one, ((one, 1),)) for one in variant_ids}
