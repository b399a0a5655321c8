"""Products as a channel shows them: one page, the tree of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from unisono.commerce.catalog import rules
from unisono.commerce.catalog.checking import storable
from unisono.commerce.catalog.errors import ProductUnknown, SkuUnknown
from unisono.commerce.catalog.model import (
    Category,
    CategoryView,
    ComponentView,
    ImageView,
    ProductView,
    VariantView,
)
from unisono.commerce.catalog.service import variant_by_code
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.catalog")
_decode = msgspec.json.Decoder().decode


async def product_page(
    conn: Connection, code_or_sku: str, *, channel: str | None = None, language: str | None = None
) -> ProductView:
    """A product by its code, or by the sku or barcode of a variant, whatever its status.

    Attributes named ``name`` and ``description`` stand in for the product's own: so both can differ by channel and
    language. Raises ProductUnknown.
    """
    row, sku = await _find(conn, code_or_sku.strip())
    rows = await _sql.read_variants(conn, product_id=row["id"])
    known = {variant["sku"] for variant in rows}
    attributes = await attribute_rows(conn, row["code"])
    shared = rules.attributes_for(attributes, sku=None, channel=channel, language=language)
    name = _text(shared.get("name"), row["name"])
    parts = await _parts(conn, [variant["id"] for variant in rows if variant["is_kit"]])
    images = await _sql.load_images(conn, codes=[row["code"]])
    return ProductView(
        code=row["code"],
        name=name,
        brand=row["brand"],
        description=_text(shared.get("description"), row["description"]),
        status=row["status"],
        version=row["version"],
        categories=_categories(row, language),
        attributes={key: value for key, value in shared.items() if key not in ("name", "description")},
        images=tuple(
            ImageView(url=one["url"], alt=rules.text_in(_decode(one["alt"]), language), sku=one["sku"])
            for one in images
        ),
        sku=sku or (row["code"] if row["code"] in known else None),
        variants=tuple(
            _variant(
                variant,
                name,
                rules.attributes_for(attributes, sku=variant["sku"], channel=channel, language=language),
                parts.get(variant["id"], ()),
            )
            for variant in rows
        ),
    )


async def _find(conn: Connection, code: str) -> tuple[asyncpg.Record, str | None]:
    if storable(code) and len(code) <= 120:
        row = await _sql.read_product(conn, code=code)
        if row is not None:
            return row, None
        try:
            variant = await variant_by_code(conn, code)
        except SkuUnknown as unknown:
            raise ProductUnknown(unknown.detail) from unknown
        return await _sql.read_product(conn, code=variant.product_code), variant.sku
    raise ProductUnknown("No product has such a code.")


async def attribute_rows(conn: Connection, product_code: str) -> list[rules.AttributeRow]:
    """Every attribute of a product and its variants as it is kept, for those who maintain them."""
    return [
        rules.AttributeRow(one["name"], _decode(one["value"]), one["sku"], one["channel"], one["language"])
        for one in await _sql.load_attributes(conn, codes=[product_code])
    ]


def _text(value: Any, default: Any) -> Any:
    return value if isinstance(value, str) else default


def _categories(row: asyncpg.Record, language: str | None) -> tuple[CategoryView, ...]:
    codes: Sequence[str] = row["category_codes"] or ()
    names: list[dict[str, str]] = _decode(row["category_names"]) if codes else []
    return tuple(
        CategoryView(code=code, name=rules.text_in(texts, language, code))
        for code, texts in zip(codes, names, strict=True)
    )


async def _parts(conn: Connection, kit_ids: Sequence[int]) -> dict[int, tuple[ComponentView, ...]]:
    found: dict[int, tuple[ComponentView, ...]] = {}
    for row in await _sql.read_components(conn, ids=list(kit_ids)) if kit_ids else ():
        name = rules.variant_name(row["product_name"], row["own_name"], _decode(row["options"]))
        part = ComponentView(sku=row["sku"], name=name, quantity=row["quantity"])
        found[row["kit_id"]] = (*found.get(row["kit_id"], ()), part)
    return found


def _variant(
    row: asyncpg.Record, product_name: str, attributes: dict[str, Any], parts: tuple[ComponentView, ...]
) -> VariantView:
    options = _decode(row["options"])
    return VariantView(
        sku=row["sku"],
        name=rules.variant_name(product_name, row["name"], options),
        options=options,
        status=row["status"],
        barcodes=tuple(rules.shown_barcode(code) for code in row["barcodes"]),
        tax_class=row["tax_class"],
        tax_rate_bp=row["rate_bp"],
        is_kit=row["is_kit"],
        prep_minutes=row["prep_minutes"],
        on_sale_since=row["on_sale_since"],
        attributes={key: value for key, value in attributes.items() if key not in ("name", "description")},
        components=parts,
    )


async def categories(conn: Connection) -> list[Category]:
    """The whole tree, each node after its parent."""
    return [
        Category(
            code=row["code"],
            parent=row["parent"],
            names=_decode(row["names"]),
            path=tuple(row["path"]),
            products=row["products"],
        )
        for row in await _sql.read_categories(conn)
    ]
