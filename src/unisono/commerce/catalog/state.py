"""The part of the catalogue a plan is made on: rows as they are, and as earlier items of the same plan leave them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple


class ProductRow(NamedTuple):
    """A product as it is kept."""

    code: str
    name: str
    brand: str | None
    category: str | None
    status: str
    description: str | None


class VariantRow(NamedTuple):
    """A variant as it is kept."""

    sku: str
    product: str
    name: str | None
    options: dict[str, str]
    status: str
    tax_class: str
    is_kit: bool
    prep_minutes: int
    on_sale_since: datetime | None


class AttributeKey(NamedTuple):
    """Which attribute: of a product, or of one of its variants."""

    product: str
    sku: str | None
    name: str
    channel: str | None
    language: str | None


class ImageRow(NamedTuple):
    """A picture of a product."""

    url: str
    alt: dict[str, str]
    sku: str | None


class State:
    """What is known of the catalogue around some items. Planning changes it as writing would."""

    def __init__(self) -> None:
        self.products: dict[str, ProductRow] = {}
        self.variants: dict[str, VariantRow] = {}
        self.owners: dict[str, str] = {}
        """Barcode as kept -> sku."""
        self.released: set[str] = set()
        """Barcodes a variant has given up here: what the database says of them is past."""
        self.barcodes: dict[str, frozenset[str]] = {}
        """Sku -> its barcodes."""
        self.attributes: dict[AttributeKey, Any] = {}
        self.images: dict[str, tuple[ImageRow, ...]] = {}
        self.kits: dict[str, dict[str, int]] = {}
        self.categories: set[str] = set()
        self.tax_classes: set[str] = set()
        self._of_product: dict[str, set[str]] = {}

    def put_variant(self, row: VariantRow) -> None:
        """Keep a variant as it is now."""
        self.variants[row.sku] = row
        self._of_product.setdefault(row.product, set()).add(row.sku)

    def variants_of(self, product: str) -> list[VariantRow]:
        """The variants of a product."""
        return [self.variants[sku] for sku in sorted(self._of_product.get(product, ()))]

    def put_barcodes(self, sku: str, codes: frozenset[str]) -> None:
        """Give a variant these barcodes instead of those it had."""
        for code in self.barcodes.get(sku, frozenset()) - codes:
            self.owners.pop(code, None)
            self.released.add(code)
        self.barcodes[sku] = codes
        for code in codes:
            self.owners[code] = sku
