"""The retailer's products as a catalogue: through the catalogue's own import, as any shop's file comes in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

from unisono.commerce.catalog.columns import CategoryTree
from unisono.commerce.catalog.importing import ImportReport, import_table
from unisono.commerce.catalog.tables import Row, Table
from unisono.commerce.pricing.service import find_variants
from unisono.demo.loading import ACTOR, LoadFailed
from unisono.demo.receipts import product_name, words
from unisono.kit.database import Pool, connection

HEADER: Final = ["sku", "name", "brand", "category_path", "tax_class", "prep_minutes"]
LANGUAGE: Final = "en"
COLUMNS: Final = (
    "product_id", "manufacturer_id", "department", "brand", "product_category", "product_type", "package_size",
)  # fmt: skip

PREPARED: Final = {
    "SANDWICHES": 4, "SUSHI": 5, "SALAD BAR": 3, "PREPARED FOOD": 5, "PARTY TRAYS": 15, "COFFEE SHOP": 2,
    "SERVICE BEVERAGE": 2, "CHICKEN/POULTRY": 6,
}  # fmt: skip
"""Invented: minutes of somebody's hands for one unit of what is made to order, by the data's category."""
COUNTERS: Final = frozenset({"DELI", "SALAD BAR", "CHEF SHOPPE", "RESTAURANT", "PASTRY"})
"""Departments that make things; frozen chicken of another one takes nobody's hands."""

Told = Callable[[int, int], None]
"""Called with (done, total) products."""


async def load_catalogue(pool: Pool, products: Any, tell: Told) -> ImportReport | None:
    """Bring the products in that the catalogue does not have; None when it has all of them.

    Raises LoadFailed when the catalogue refuses one.
    """
    skus = [str(product) for product in products["product_id"].to_pylist()]
    async with connection(pool) as conn:
        known = await find_variants(conn, skus)
    # Neighbours on the shelf are neighbours in the file: a part of the import then knows few categories.
    order = [(name, "ascending") for name in ("department", "product_category", "product_type", "product_id")]
    shelf = products.sort_by(order)
    rows = list(zip(*(shelf[name].to_pylist() for name in COLUMNS), strict=True))
    new = [row for row in rows if str(row[0]) not in known]
    if not new:
        return None
    report = await import_table(
        pool, Table(HEADER, len(new), lambda: _rows(new)), dry_run=False, progress=tell, actor=ACTOR, language=LANGUAGE
    )
    if report.rejected:
        raise LoadFailed(f"The catalogue refused {report.rejected} products: {report.reasons}.")
    return report


def _rows(products: Sequence[Sequence[Any]]) -> Iterator[Row]:
    for line, product in enumerate(products, 1):
        yield Row(line, cells(*product))


def category_codes(products: Any, wanted: Collection[int]) -> dict[int, str]:
    """The code of the category that the import gives each of these products."""
    tree = CategoryTree(LANGUAGE)
    rows = zip(*(products[name].to_pylist() for name in COLUMNS), strict=True)
    return {row[0]: tree.code_of(_path(*row[2:6])) for row in rows if row[0] in wanted}


def _path(department: str, brand: str, category: str | None, kind: str | None) -> list[str]:
    del brand
    return [part for part in (words(department), words(category), words(kind)) if part]


def cells(
    product: int,
    manufacturer: int,
    department: str,
    brand: str,
    category: str | None,
    kind: str | None,
    size: str | None,
) -> list[str]:
    """A product's row. The data know no tax and no name; the name is made as on the receipts."""
    path = " > ".join(_path(department, brand, category, kind))
    prepared = PREPARED.get(category or "", 0) if department in COUNTERS else 0
    name = product_name(kind, size) or f"{words(department)} {product}"
    return [str(product), name, f"{brand} {manufacturer}", path, "none", str(prepared)]
