"""Stock behind its screens: which skus a search means, how much is at risk, who promises are for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from unisono.commerce.catalog import searching
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.customers.identity import service as identity
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.console.lists")

MOST_PRODUCTS = 60
"""Products of a search whose stock is shown."""


async def skus_of(conn: Connection, text: str, language: str) -> list[str]:
    """The skus somebody means: one by its code or barcode, else those of products with these words that have stock."""
    try:
        return [(await catalog.variant_by_code(conn, text)).sku]
    except SkuUnknown:
        found = await searching.search(conn, text, language=language, statuses=searching.ALL, limit=MOST_PRODUCTS)
    skus = [sku for product in found.products for sku in product.skus]
    return [row["sku"] for row in await _sql.skus_with_stock(conn, skus=skus)]


async def orders_of(conn: Connection, holds: Iterable[str]) -> dict[str, str]:
    """Hold id to the number of the order it is for, of those that are for one."""
    rows = await _sql.orders_of_holds(conn, holds=[UUID(hold) for hold in holds])
    return {row["hold_id"]: row["number"] for row in rows}


async def any_stock(conn: Connection) -> bool:
    """Whether stock is kept of anything."""
    return bool(await _sql.any_stock(conn))


async def open_risks(conn: Connection, places: Collection[str] | None) -> int:
    """Promises at risk in these places that wait for somebody."""
    return int(await _sql.open_risks(conn, locations=None if places is None else list(places)))


async def owners(conn: Connection, nodes: Iterable[int | None], stores: Collection[str] | None) -> dict[int, int]:
    """Node -> whose it is now; of somebody bound to stores only people seen there."""
    persons = await identity.persons_of(conn, {node for node in nodes if node is not None})
    if stores is None:
        return persons
    rows = await _sql.seen_in_stores(conn, persons=sorted(set(persons.values())), stores=list(stores))
    seen = {row["person_id"] for row in rows}
    return {node: person for node, person in persons.items() if person in seen}
