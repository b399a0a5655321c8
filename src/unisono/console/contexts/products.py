"""Products: the list, the page of one, imports."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from unisono.console.contexts.shared import Amount, Badge, Chip, Choice, Paging, Problem, Struct
from unisono.kit.reasons import Reason


class ProductRow(Struct, frozen=True, kw_only=True):
    """A product in the list. ``stock`` are the units on hand in all places; None: no stock is kept of it."""

    code: str
    name: str
    href: str
    brand: str = ""
    category: str = ""
    variants: int = 1
    badge: Badge | None = None
    price: Amount | None = None
    prior: Amount | None = None
    stock: int | None = None
    available: int | None = None


class Products(Struct, frozen=True, kw_only=True):
    """``/console/products``."""

    TEMPLATE: ClassVar[str] = "products.html"

    rows: Sequence[ProductRow]
    paging: Paging
    query: str = ""
    category: str = ""
    categories: Sequence[Choice] = ()
    chips: Sequence[Chip] = ()
    any_products: bool = True
    filter_sentence: str = ""
    clear_href: str = "?"
    can_write: bool = False
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None


class PartRow(Struct, frozen=True, kw_only=True):
    """What is in a kit."""

    sku: str
    name: str
    quantity: int
    href: str


class ProductVariantRow(Struct, frozen=True, kw_only=True):
    """A variant with what it costs in the chosen channel and what there is of it."""

    sku: str
    name: str
    price_href: str
    options: Sequence[tuple[str, str]] = ()
    badge: Badge | None = None
    barcodes: Sequence[str] = ()
    tax_class: str = ""
    tax_rate_bp: int = 0
    prep_minutes: int = 0
    on_sale_since: datetime | None = None
    price: Amount | None = None
    prior: Amount | None = None
    percent: int = 0
    stock: int | None = None
    available: int | None = None
    places: int = 0
    parts: Sequence[PartRow] = ()
    is_kit: bool = False
    chosen: bool = False


class AttributeLine(Struct, frozen=True, kw_only=True):
    """One attribute as it is kept; empty sku, channel or language stand for all. ``counts``: it is the one shown in the
    chosen channel and language."""

    name: str
    value: str
    sku: str = ""
    channel: str = ""
    channel_label: str = ""
    language: str = ""
    counts: bool = False


class PictureRow(Struct, frozen=True, kw_only=True):
    """A picture by its address: it is never fetched by us, and the page shows no foreign ones."""

    url: str
    alt: str = ""
    sku: str = ""


class UsedBy(Struct, frozen=True, kw_only=True):
    """Something that names the product. ``what`` is translated."""

    what: str
    label: str
    href: str | None = None


class Product(Struct, frozen=True, kw_only=True):
    """``/console/products/{code}``. ``channel`` and ``language`` are those its texts and prices are shown in."""

    TEMPLATE: ClassVar[str] = "product.html"

    code: str
    name: str
    version: int
    status: str = "active"
    badge: Badge | None = None
    brand: str = ""
    category: str = ""
    path: Sequence[str] = ()
    description: str = ""
    channels: Sequence[Choice] = ()
    languages: Sequence[Choice] = ()
    variants: Sequence[ProductVariantRow] = ()
    attributes: Sequence[AttributeLine] = ()
    pictures: Sequence[PictureRow] = ()
    used_by: Sequence[UsedBy] = ()
    categories: Sequence[Choice] = ()
    taxes: Sequence[Choice] = ()
    statuses: Sequence[Choice] = ()
    can_write: bool = False
    part: str = ""
    """The form that was sent, when it was refused."""
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None


class RefusedLine(Struct, frozen=True, kw_only=True):
    """A row of a file that was not taken."""

    line: int
    sku: str
    reasons: Sequence[Reason]


class ImportOutcome(Struct, frozen=True, kw_only=True):
    """What an import did, or a trial run would do; numbers are of rows."""

    dry_run: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    categories_created: int
    products_before: int
    products_after: int
    in_catalogue: int
    seconds: float
    columns: Sequence[tuple[str, str]] = ()
    ignored: Sequence[str] = ()
    refused: Sequence[RefusedLine] = ()


class CatalogueImport(Struct, frozen=True, kw_only=True):
    """``/console/catalogue-import``. ``known`` are the names of the columns that can be read."""

    TEMPLATE: ClassVar[str] = "catalogue_import.html"

    csv: str = ""
    file_name: str = ""
    outcome: ImportOutcome | None = None
    problem: Problem | None = None
    known: Sequence[str] = ()
