"""The state around some items, and the writing of a plan: so many statements whatever the number of items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from unisono.commerce.catalog import rules
from unisono.commerce.catalog.model import ProductInput, VariantInput
from unisono.commerce.catalog.planning import Plan, has_components
from unisono.commerce.catalog.state import AttributeKey, ImageRow, ProductRow, State, VariantRow
from unisono.commerce.changes.model import NewChange
from unisono.commerce.changes.service import record_changes
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.catalog")

_decode = msgspec.json.Decoder().decode
LOCK = 0x756E69_63617461
"""The advisory lock of who writes the catalogue."""


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def lock(conn: Connection) -> None:
    """Become the one writer of the catalogue until the caller's transaction ends."""
    await _sql.lock_catalogue(conn, key=LOCK)


async def load_state(conn: Connection, items: Sequence[ProductInput], state: State | None = None) -> State:
    """The catalogue around these items, all of them well-formed.

    A state given is filled up: what it knows already stays as it is, so that a trial run sees its own earlier items.
    """
    state = state or State()
    given = [variant for item in items for variant in item.variants]
    parts = {part.sku for variant in given if has_components(variant) for part in variant.components or ()}
    codes = sorted({item.code for item in items} - state.products.keys())
    skus = sorted(({variant.sku for variant in given} | parts) - state.variants.keys())
    found = [ProductRow(*row) for row in await _sql.load_products(conn, codes=codes)]
    state.products.update((row.code, row) for row in found)
    rows = [
        VariantRow(row[0], row[1], row[2], _decode(row[3]), *row[4:])
        for row in await _sql.load_variants(conn, skus=skus, codes=codes)
        if row[0] not in state.variants
    ]
    for row in rows:
        state.put_variant(row)
    await _load_barcodes(conn, given, [row.sku for row in rows], state)
    if found:
        await _load_details(conn, [row.code for row in found], state)
    if not state.kits and (parts or any(row.is_kit for row in rows)):
        for kit in await _sql.load_kits(conn):
            state.kits.setdefault(kit["kit"], {})[kit["component"]] = kit["quantity"]
    state.categories |= {row["code"] for row in await _sql.load_categories(conn)}
    state.tax_classes = {row["code"] for row in await _sql.load_tax_classes(conn)}
    return state


async def _load_barcodes(conn: Connection, given: Sequence[VariantInput], skus: Sequence[str], state: State) -> None:
    codes = {
        rules.stored_barcode(code) or ""
        for variant in given
        if variant.barcodes is not msgspec.UNSET
        for code in variant.barcodes
    }
    if not codes and not skus:
        return
    found: dict[str, set[str]] = {sku: set() for sku in skus}
    for row in await _sql.load_barcodes(conn, codes=sorted(codes - state.owners.keys()), skus=list(skus)):
        if row["sku"] in found:
            found[row["sku"]].add(row["code"])
        elif row["code"] not in state.released:
            state.owners.setdefault(row["code"], row["sku"])
    for sku, own in found.items():
        state.put_barcodes(sku, frozenset(own - state.released))


async def _load_details(conn: Connection, codes: Sequence[str], state: State) -> None:
    for row in await _sql.load_attributes(conn, codes=codes):
        state.attributes[AttributeKey(*row[:5])] = _decode(row[5])
    for row in await _sql.load_images(conn, codes=codes):
        image = ImageRow(row["url"], _decode(row["alt"]), row["sku"])
        state.images[row["product"]] = (*state.images.get(row["product"], ()), image)


async def write_plan(conn: Connection, plan: Plan, state: State) -> None:
    """Write what a plan decided, its changes and its search words."""
    touched = [state.products[code] for code in plan.touched_products]
    created = [state.products[code] for code in plan.new_products]
    versions = dict.fromkeys(plan.new_products, 1)
    if created:
        await _sql.insert_products(conn, **_product_columns(created))
    if touched:
        versions.update(await _sql.update_products(conn, **_product_columns(touched)))
    await _write_variants(conn, plan, state)
    await _write_barcodes(conn, plan, state)
    if plan.kits:
        await _write_kits(conn, plan, state)
    await _write_attributes(conn, plan)
    if plan.images:
        await _write_images(conn, plan, state)
    if versions:
        await _sql.refresh_search(conn, codes=list(versions))
        await record_changes(conn, [_change(code, version, state) for code, version in versions.items()])


def _change(code: str, version: int, state: State) -> NewChange:
    row = state.products[code]
    skus = [variant.sku for variant in state.variants_of(code)]
    data = {"code": code, "name": row.name, "status": row.status, "category": row.category, "skus": skus}
    return NewChange("product", f"product:{code}", version, data)


def _product_columns(rows: Sequence[ProductRow]) -> dict[str, list[Any]]:
    return {
        "codes": [row.code for row in rows],
        "names": [row.name for row in rows],
        "brands": [row.brand for row in rows],
        "categories": [row.category for row in rows],
        "statuses": [row.status for row in rows],
        "descriptions": [row.description for row in rows],
    }


async def _write_variants(conn: Connection, plan: Plan, state: State) -> None:
    created = [state.variants[sku] for sku in plan.new_variants]
    if created:
        await _sql.insert_variants(conn, products=[row.product for row in created], **_variant_columns(created))
    if plan.changed_variants:
        await _sql.update_variants(conn, **_variant_columns([state.variants[sku] for sku in plan.changed_variants]))


def _variant_columns(rows: Sequence[VariantRow]) -> dict[str, list[Any]]:
    return {
        "skus": [row.sku for row in rows],
        "names": [row.name for row in rows],
        "options": [_json(row.options) if row.options else "{}" for row in rows],
        "statuses": [row.status for row in rows],
        "tax_classes": [row.tax_class for row in rows],
        "kits": [row.is_kit for row in rows],
        "minutes": [row.prep_minutes for row in rows],
        "since": [row.on_sale_since for row in rows],
    }


async def _write_barcodes(conn: Connection, plan: Plan, state: State) -> None:
    if not plan.barcodes:
        return
    pairs = [(code, sku) for sku in plan.barcodes for code in sorted(state.barcodes[sku])]
    codes = [code for code, _ in pairs]
    await _sql.drop_barcodes(conn, owners=list(plan.barcodes), codes=codes)
    if pairs:
        await _sql.write_barcodes(conn, codes=codes, skus=[sku for _, sku in pairs])


async def _write_kits(conn: Connection, plan: Plan, state: State) -> None:
    await _sql.drop_components(conn, kits=list(plan.kits))
    parts = [(kit, sku, quantity) for kit in plan.kits for sku, quantity in state.kits[kit].items()]
    if parts:
        kits, components, quantities = (list(column) for column in zip(*parts, strict=True))
        await _sql.write_components(conn, kits=kits, components=components, quantities=quantities)


async def _write_attributes(conn: Connection, plan: Plan) -> None:
    gone = [key for key, value in plan.attributes.items() if value is None]
    kept = [(key, value) for key, value in plan.attributes.items() if value is not None]
    if gone:
        await _sql.drop_attributes(conn, **_attribute_columns(gone))
    if kept:
        values = [_json(value) for _, value in kept]
        await _sql.write_attributes(conn, **_attribute_columns([key for key, _ in kept]), values=values)


def _attribute_columns(keys: Sequence[AttributeKey]) -> dict[str, list[Any]]:
    return {
        "products": [key.product for key in keys],
        "skus": [key.sku for key in keys],
        "names": [key.name for key in keys],
        "channels": [key.channel for key in keys],
        "languages": [key.language for key in keys],
    }


async def _write_images(conn: Connection, plan: Plan, state: State) -> None:
    await _sql.drop_images(conn, products=list(plan.images))
    rows = [(code, place, image) for code in plan.images for place, image in enumerate(state.images[code])]
    if rows:
        await _sql.write_images(
            conn,
            products=[code for code, _, _ in rows],
            skus=[image.sku for _, _, image in rows],
            positions=[place for _, place, _ in rows],
            urls=[image.url for _, _, image in rows],
            alts=[_json(image.alt) for _, _, image in rows],
        )
