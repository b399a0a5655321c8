"""Finding stock by sku for many requests of one moment with one statement, as the taker takes their holds with one.

A connection taken and given back costs as much as the look-up itself; fifty who ask at once share both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.inventory import finding, promising
from unisono.commerce.inventory.errors import LocationUnknown
from unisono.commerce.inventory.model import StockNeed
from unisono.commerce.inventory.promising import Asked
from unisono.kit.database import Pool, connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.inventory")

Wanted = tuple[str, str, int]
"""Sku, place, units."""

Rows = Mapping[tuple[str, str], asyncpg.Record]


class Asker:
    """Turns skus and places into asks of goods, for everybody in this process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._next: set[tuple[str, str]] = set()
        self._reading: asyncio.Task[Rows] | None = None
        self._lock = asyncio.Lock()

    async def ask(self, wanted: Sequence[Wanted], channel: str, *, now: datetime) -> tuple[list[StockNeed], Asked]:
        """The needs by variant, and what they ask of goods. Raises as `promising.ask_for` does."""
        pairs = {(sku, code) for sku, code, _ in wanted}
        for sku, code in pairs:
            if _broken(sku):
                raise SkuUnknown("There is no such sku.")
            if _broken(code):
                raise LocationUnknown("There is no such place.")
        rows = await self._find(pairs)
        found: dict[finding.Pair, finding.Found] = {}
        needs = []
        for sku, code, units in wanted:
            row = rows[sku, code]
            if row["variant_id"] is None:
                raise SkuUnknown(f"There is no sku {sku[:100]!r}.")
            found[row["variant_id"], code] = finding.found_of(row, now)
            needs.append(StockNeed(row["variant_id"], code, units))
        if any(one.is_kit for one in found.values()):
            async with connection(self._pool) as conn:
                return needs, await promising.ask_for(conn, needs, channel, now=now)
        return needs, promising.asks_of(needs, found, {}, channel)

    async def _find(self, pairs: Collection[tuple[str, str]]) -> Rows:
        """Join those who wait for the next statement; the first of them starts it when the one before is back."""
        self._next.update(pairs)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="stock-asker")
        # One who goes away does not take the others' answer with him.
        return await asyncio.shield(self._reading)

    async def _read(self) -> Rows:
        async with self._lock:
            pairs, self._next, self._reading = sorted(self._next), set(), None
            async with connection(self._pool) as conn:
                rows = await _sql.find_stock_by_sku(
                    conn, skus=[sku for sku, _ in pairs], codes=[code for _, code in pairs]
                )
        return {(row["asked"], row["code"]): row for row in rows}


def _broken(text: str) -> bool:
    """Whether the database could not even be asked for it."""
    return "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)
