"""Products as they are kept, as they come in, and as a channel shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from unisono.kit.reasons import Reason

Status = Literal["draft", "active", "retired"]
"""A draft is being prepared, a retired one cannot be sold any more but stays readable."""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """What is sold: one sku, with what other rooms need to price, promise and describe it."""

    id: int
    sku: str
    product_id: int
    product_code: str
    name: str
    """The product with what tells this variant from its sisters: "Trail shoe, 42, red"."""
    brand: str | None
    category_codes: tuple[str, ...]
    """From the root to the product's own category."""
    tags: tuple[str, ...]
    """The product's attribute ``tags``, where it is a list of texts."""
    options: dict[str, str]
    tax_class: str
    tax_rate_bp: int
    """Hundredths of a percent: 2200 is 22 %."""
    is_kit: bool
    prep_minutes: int
    status: Status
    """The more careful of the product's and the variant's own: only ``active`` can be sold."""
    on_sale_since: datetime | None
    price_version: int


class AttributeInput(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute: for every channel and language, or for the named ones. The value null removes it."""

    name: str
    value: Any
    channel: str | None = None
    language: str | None = None


class ImageInput(msgspec.Struct, frozen=True, kw_only=True):
    """A picture by its https address; it is never fetched. ``alt`` is language to text, ``sku`` whose picture it is."""

    url: str
    alt: dict[str, str] = {}
    sku: str | None = None


class ComponentInput(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of a sku in one kit."""

    sku: str
    quantity: int = 1


class VariantInput(msgspec.Struct, frozen=True, kw_only=True):
    """A variant to make or change: what is not named stays, a named list replaces the old one (attributes are merged).

    Barcodes of 8, 12, 13 or 14 digits must be GTINs; one of your own that looks like that is written ``own:12345678``.
    """

    sku: str
    name: str | UnsetType | None = UNSET
    options: dict[str, str] | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    tax_class: str | UnsetType = UNSET
    prep_minutes: int | UnsetType = UNSET
    on_sale_since: datetime | UnsetType | None = UNSET
    barcodes: list[str] | UnsetType = UNSET
    components: list[ComponentInput] | UnsetType = UNSET
    """What a kit consists of; an empty list makes it an ordinary variant again."""
    attributes: list[AttributeInput] = []


class ProductFields(msgspec.Struct, frozen=True, kw_only=True):
    """What of a product is to be made or changed: what is not named stays, variants that are not named stay too."""

    name: str | UnsetType = UNSET
    brand: str | UnsetType | None = UNSET
    category: str | UnsetType | None = UNSET
    """The code of an existing category."""
    status: Status | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    variants: list[VariantInput] = []
    attributes: list[AttributeInput] = []
    images: list[ImageInput] | UnsetType = UNSET


class ProductInput(ProductFields, frozen=True, kw_only=True):
    """A product to make or change, by its code."""

    code: str


class CategoryInput(msgspec.Struct, frozen=True, kw_only=True):
    """A category to make or change; ``names`` is language to name. What is not named stays."""

    code: str
    parent: str | UnsetType | None = UNSET
    names: dict[str, str] | UnsetType = UNSET


class RejectedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was not written, where it stood in what was given, and why."""

    index: int
    code: str
    reasons: tuple[Reason, ...]


Outcome = Literal["created", "updated", "unchanged", "rejected"]


class SaveReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each item; the numbers are of items and always add up to what was given."""

    created: int
    updated: int
    unchanged: int
    rejected: tuple[RejectedItem, ...]
    outcomes: tuple[Outcome, ...]
    """One an item, in the order given."""


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the category tree; ``path`` are the codes from the root to itself."""

    code: str
    parent: str | None
    names: dict[str, str]
    path: tuple[str, ...]
    products: int
    """Products that are in it directly."""


class CategoryView(msgspec.Struct, frozen=True, kw_only=True):
    """A category in somebody's language."""

    code: str
    name: str


class ImageView(msgspec.Struct, frozen=True, kw_only=True):
    """A picture with its text in somebody's language."""

    url: str
    alt: str
    sku: str | None


class ComponentView(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a kit."""

    sku: str
    name: str
    quantity: int


class VariantView(msgspec.Struct, frozen=True, kw_only=True):
    """A variant as a channel shows it."""

    sku: str
    name: str
    options: dict[str, str]
    status: Status
    barcodes: tuple[str, ...]
    tax_class: str
    tax_rate_bp: int
    is_kit: bool
    prep_minutes: int
    on_sale_since: datetime | None
    attributes: dict[str, Any]
    components: tuple[ComponentView, ...]


class ProductView(msgspec.Struct, frozen=True, kw_only=True):
    """A product as a channel shows it in a language: attributes by fallback, the variant asked for, its sisters."""

    code: str
    name: str
    brand: str | None
    description: str | None
    status: Status
    version: int
    categories: tuple[CategoryView, ...]
    """From the root to its own."""
    attributes: dict[str, Any]
    images: tuple[ImageView, ...]
    sku: str | None
    """The variant asked for; None when the product was."""
    variants: tuple[VariantView, ...]


class FoundProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product that a search or a list found."""

    code: str
    name: str
    brand: str | None
    category: str | None
    status: Status
    skus: tuple[str, ...]
    image: str | None


class ProductList(msgspec.Struct, frozen=True, kw_only=True):
    """Some products; ``next`` continues after them, None when there are no more."""

    products: tuple[FoundProduct, ...]
    next: str | None
