"""What callers bound to stores may do with stock, and lines as they are sent: by sku."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

import msgspec
from litestar.params import Parameter, QueryParameter

from unisono.access.guards import Principal
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.inventory.errors import BadStock
from unisono.commerce.inventory.model import StockLine
from unisono.kit.database import Connection
from unisono.kit.errors import Forbidden
from unisono.kit.sql import load

_sql = load("unisono.commerce.inventory")

MAX_LINES = 5_000
"""Lines of one request."""

Skus = Annotated[list[str] | None, QueryParameter(name="sku", max_items=200, description="May be repeated.")]
Codes = Annotated[list[str] | None, QueryParameter(name="location", max_items=200, description="May be repeated.")]
Limit = Annotated[int, Parameter(ge=1, le=500)]


class LineInput(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of a sku in a place."""

    sku: str
    location: str
    quantity: int


def own_stores(principal: Principal, codes: Collection[str]) -> None:
    """Raises Forbidden (``store_not_yours``) when somebody bound to stores would change another."""
    foreign = sorted(set(codes) - principal.stores) if principal.stores is not None else []
    if foreign:
        raise Forbidden(f"{foreign[0][:64]} is not one of your stores.", code="store_not_yours")


def seen_stores(principal: Principal, codes: Collection[str] | None) -> list[str] | None:
    """The stores a list may show: those asked for, of somebody bound to stores only the own ones."""
    if principal.stores is None:
        return None if codes is None else list(codes)
    return sorted(principal.stores if codes is None else principal.stores & set(codes))


async def lines_of(conn: Connection, lines: Sequence[LineInput]) -> list[StockLine]:
    """The lines with their variants' ids. Raises SkuUnknown, BadStock for none or too many."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise BadStock(f"1 to {MAX_LINES} lines are taken at once, not {len(lines)}.")
    skus = {line.sku for line in lines if "\x00" not in line.sku}
    ids = {row["sku"]: row["id"] for row in await _sql.variant_ids(conn, skus=list(skus))}
    for line in lines:
        if line.sku not in ids:
            raise SkuUnknown(f"There is no sku {line.sku[:100]!r}.")
    return [StockLine(ids[line.sku], line.location, line.quantity) for line in lines]
