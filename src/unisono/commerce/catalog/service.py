"""The door of the catalogue: what is sold, by which codes, in which categories."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import overload

import asyncpg
import msgspec
from msgspec import UNSET

from unisono.access import audit
from unisono.commerce.catalog import rules, writing
from unisono.commerce.catalog.checking import check_category, check_product, storable
from unisono.commerce.catalog.errors import CatalogueRefused, SkuUnknown
from unisono.commerce.catalog.model import CategoryInput, ProductInput, SaveReport, Variant
from unisono.commerce.catalog.planning import make_plan
from unisono.kit.database import Connection
from unisono.kit.reasons import Reason, in_words
from unisono.kit.sql import load

_sql = load("unisono.commerce.catalog")
_decode = msgspec.json.Decoder().decode


@overload
async def variants(conn: Connection, *, skus: Collection[str]) -> dict[str, Variant]: ...
@overload
async def variants(conn: Connection, *, ids: Collection[int]) -> dict[int, Variant]: ...
async def variants(
    conn: Connection, *, skus: Collection[str] | None = None, ids: Collection[int] | None = None
) -> dict[str, Variant] | dict[int, Variant]:
    """Variants by sku or by id, those that exist, whatever their status; one statement."""
    wanted = [sku for sku in skus or () if storable(sku)]
    rows = await _sql.variants(conn, ids=[one for one in ids or () if 0 < one < 2**63], skus=wanted)
    found = [_variant(row) for row in rows]
    if ids is not None:
        return {variant.id: variant for variant in found}
    return {variant.sku: variant for variant in found}


def _variant(row: asyncpg.Record) -> Variant:
    options = _decode(row["options"])
    tags = _decode(row["tags"]) if row["tags"] else []
    return Variant(
        id=row["id"],
        sku=row["sku"],
        product_id=row["product_id"],
        product_code=row["product_code"],
        name=rules.variant_name(row["product_name"], row["own_name"], options),
        brand=row["brand"],
        category_codes=tuple(row["category_codes"] or ()),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        options=options,
        tax_class=row["tax_class"],
        tax_rate_bp=row["rate_bp"],
        is_kit=row["is_kit"],
        prep_minutes=row["prep_minutes"],
        status=rules.effective_status(row["product_status"], row["status"]),
        on_sale_since=row["on_sale_since"],
        price_version=row["price_version"],
    )


async def variant_by_code(conn: Connection, code: str) -> Variant:
    """The variant of a sku, of a GTIN in any of its lengths, or of a barcode of the shop's own. Raises SkuUnknown."""
    wanted = code.strip()
    sku = None
    if wanted and len(wanted) <= 120 and storable(wanted):
        sku = await _sql.sku_of_code(conn, code=wanted, barcodes=rules.scanned_barcodes(wanted))
    if sku is None:
        shown = wanted[:60].encode("ascii", "replace").decode() if not storable(wanted[:60]) else wanted[:60]
        raise SkuUnknown(f"No product has the code {shown!r}.")
    return (await variants(conn, skus=[sku]))[sku]


async def components(conn: Connection, variant_ids: Collection[int]) -> dict[int, tuple[tuple[int, int], ...]]:
    """What is in kits: (component's variant id, units in one kit), down to what is no kit itself.

    Variants that are no kits are not in the answer.
    """
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    for row in await _sql.components(conn, ids=list(variant_ids)):
        found[row["root"]] = (*found.get(row["root"], ()), (row["component_id"], row["quantity"]))
    return found


async def save_products(
    conn: Connection, items: Sequence[ProductInput], actor: str, *, offered_at: datetime | None = None
) -> SaveReport:
    """Make or change products and their variants in the caller's transaction; about fifteen statements for any number.

    A bad item is rejected with every reason and spoils no other. What did not change is not written. Each product that
    changed moves its version by one and is one change of the subject ``product:<code>``. ``offered_at`` (UTC) is when a
    variant that becomes active and names no date is first on sale; None leaves that unknown, as for goods sold before.
    """
    report = await write_products(conn, items, offered_at=offered_at)
    if report.created or report.updated:
        detail = {"created": report.created, "updated": report.updated, "codes": [item.code for item in items][:20]}
        await audit.record(conn, actor=actor, action="product.save", detail=detail)
    return report


async def write_products(
    conn: Connection, items: Sequence[ProductInput], *, offered_at: datetime | None = None
) -> SaveReport:
    """As `save_products`, for callers that write the audit themselves: an import is one entry, not one a chunk."""
    checked = [check_product(item) for item in items]
    await writing.lock(conn)
    state = await writing.load_state(conn, [item for item, bad in zip(items, checked, strict=True) if not bad])
    plan = make_plan(items, checked, state, offered_at=offered_at)
    await writing.write_plan(conn, plan, state)
    return plan.report()


async def save_categories(conn: Connection, items: Sequence[CategoryInput], actor: str) -> int:
    """Make or change categories in the caller's transaction, all or none; says how many changed.

    Raises CatalogueRefused with every reason when one is malformed, names an unknown parent, or would come to lie
    below itself or more than twelve deep.
    """
    changed = await write_categories(conn, items)
    if changed:
        await audit.record(
            conn, actor=actor, action="category.save", detail={"codes": [item.code for item in items][:20]}
        )
    return changed


async def write_categories(conn: Connection, items: Sequence[CategoryInput]) -> int:
    """As `save_categories`, for callers that write the audit themselves."""
    reasons = [reason for item in items for reason in check_category(item)]
    if reasons:
        raise refused(reasons)
    await writing.lock(conn)
    tree = {row["code"]: (row["parent"], _decode(row["names"])) for row in await _sql.load_categories(conn)}
    after = dict(tree)
    for item in items:
        parent, names = after.get(item.code, (None, {}))
        after[item.code] = (
            parent if item.parent is UNSET else item.parent,
            names if item.names is UNSET else item.names,
        )
    changed = [item.code for item in items if after[item.code] != tree.get(item.code)]
    parents = {code: parent for code, (parent, _) in after.items()}
    reasons = _tree_reasons(changed, parents)
    if reasons:
        raise refused(reasons)
    codes = list(dict.fromkeys(changed))
    if codes:
        names = [msgspec.json.encode(after[code][1]).decode() for code in codes]
        await _sql.write_categories(conn, codes=codes, names=names)
        await _sql.place_categories(conn, codes=codes, parents=[parents[code] for code in codes])
        below = await _sql.products_in_categories(conn, codes=[code for code in codes if code in tree])
        if below:
            await _sql.refresh_search(conn, codes=[row["code"] for row in below])
    return len(codes)


def _tree_reasons(changed: Sequence[str], parents: dict[str, str | None]) -> list[Reason]:
    found = []
    for code in changed:
        parent = parents[code]
        if parent is not None and parent not in parents:
            found.append(Reason("category_unknown", "There is no category {category}.", {"category": parent[:100]}))
    moved = set(changed)
    for code in parents:
        path = rules.category_path(code, parents)
        if path is None and (code in moved or not found):
            found.append(
                Reason(
                    "category_cycle",
                    "The category {category} would lie below itself, or more than {most} deep.",
                    {"category": code, "most": rules.MAX_CATEGORY_DEPTH},
                )
            )
    return found


def refused(reasons: Sequence[Reason]) -> CatalogueRefused:
    """The error that tells every reason, the first in words."""
    return CatalogueRefused(in_words(reasons[0]), reasons=[msgspec.to_builtins(reason) for reason in reasons[:50]])
