"""Products as the console shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from unisono.commerce.catalog.importing import ImportReport
from unisono.commerce.catalog.model import Category, FoundProduct, VariantView
from unisono.commerce.catalog.rules import AttributeRow, attributes_for, text_in
from unisono.commerce.pricing.model import PriceAnswer
from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views.commerce import status_badge
from unisono.console.views.labels import channel_label
from unisono.console.words import Words

Stocks = Mapping[str, Any]
"""Sku (or product code) -> row with on_hand, available and places."""


def price_pair(answer: PriceAnswer | None) -> tuple[c.Amount | None, c.Amount | None]:
    """What it costs, and the prior price when that is a reduction."""
    if answer is None:
        return None, None
    now = c.Amount(minor=answer.amount_minor, currency=answer.currency)
    before = answer.reduction
    return now, c.Amount(minor=before.prior_minor, currency=answer.currency) if before else None


def product_row(
    found: FoundProduct, answer: PriceAnswer | None, stock: Any, names: Mapping[str, str], words: Words
) -> c.ProductRow:
    """A product in the list."""
    price, prior = price_pair(answer)
    return c.ProductRow(
        code=found.code,
        name=found.name,
        href=links.product(found.code),
        brand=found.brand or "",
        category=names.get(found.category or "", found.category or ""),
        variants=len(found.skus),
        badge=None if found.status == "active" else status_badge(found.status, words),
        price=price,
        prior=prior,
        stock=None if stock is None else stock["on_hand"],
        available=None if stock is None else stock["available"],
    )


def category_names(tree: Iterable[Category], words: Words) -> dict[str, str]:
    """Code -> the name in the reader's language."""
    return {one.code: text_in(one.names, words.language, one.code) for one in tree}


MOST_CATEGORIES = 400
"""More are not offered in a select; their codes can be typed in the address."""


def category_choices(tree: Sequence[Category], chosen: str, words: Words) -> list[c.Choice]:
    """The tree as choices, the deeper the further in; of a large one its upper levels and what is chosen."""
    names = category_names(tree, words)
    deepest = 12
    while deepest > 1 and sum(len(one.path) <= deepest for one in tree) > MOST_CATEGORIES:
        deepest -= 1
    return [
        c.Choice(
            value=one.code,
            label="\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}" * (len(one.path) - 1) + names[one.code],
            selected=one.code == chosen,
        )
        for one in tree
        if len(one.path) <= deepest or one.code == chosen
    ]


def variant_row(
    view: VariantView, answer: PriceAnswer | None, stock: Any, words: Words, *, chosen: bool = False
) -> c.ProductVariantRow:
    """A variant on its product's page."""
    price, prior = price_pair(answer)
    reduction = answer.reduction if answer else None
    return c.ProductVariantRow(
        sku=view.sku,
        name=view.name,
        price_href=links.price_of(view.sku),
        options=list(view.options.items()),
        badge=None if view.status == "active" else status_badge(view.status, words),
        barcodes=view.barcodes,
        tax_class=view.tax_class,
        tax_rate_bp=view.tax_rate_bp,
        prep_minutes=view.prep_minutes,
        on_sale_since=view.on_sale_since,
        price=price,
        prior=prior,
        percent=reduction.percent if reduction else 0,
        stock=None if stock is None else stock["on_hand"],
        available=None if stock is None else stock["available"],
        places=0 if stock is None else stock["places"],
        parts=[
            c.PartRow(sku=one.sku, name=one.name, quantity=one.quantity, href=links.product(one.sku))
            for one in view.components
        ],
        is_kit=view.is_kit,
        chosen=chosen,
    )


def value_text(value: Any) -> str:
    """A value as people read it: texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def attribute_lines(
    rows: Sequence[AttributeRow], *, sku: str | None, channel: str, language: str, words: Words
) -> list[c.AttributeLine]:
    """Every attribute that is kept, and which of those of a name counts here."""
    counted = attributes_for(rows, sku=sku, channel=channel, language=language)
    shown: set[str] = set()
    lines = []
    ordered = sorted(rows, key=lambda row: (row.name, row.sku or "", row.channel or "", row.language or ""))
    for row in ordered:
        fits = row.sku in (None, sku) and row.channel in (None, channel) and row.language in (None, language)
        counts = fits and row.name in counted and counted[row.name] == row.value and row.name not in shown
        if counts:
            shown.add(row.name)
        lines.append(
            c.AttributeLine(
                name=row.name,
                value=value_text(row.value),
                sku=row.sku or "",
                channel=row.channel or "",
                channel_label=channel_label(row.channel, words) if row.channel else "",
                language=row.language or "",
                counts=counts,
            )
        )
    return lines


def used_by(rows: Iterable[Any], words: Words) -> list[c.UsedBy]:
    """What names the product, as the database tells it."""
    said = {
        "promotion": words.gettext("Promotion"),
        "kit": words.gettext("Kit"),
        "price_list": words.gettext("Price list"),
        "discount": words.gettext("Discount announced"),
        "cart": words.gettext("Open carts"),
    }
    to: dict[str, Callable[[str], str]] = {
        "promotion": links.promotion,
        "kit": links.product,
        "price_list": links.price_list,
        "discount": lambda key: links.discount(int(key)),
    }
    return [
        c.UsedBy(
            what=said[row["what"]], label=row["label"], href=to[row["what"]](row["key"]) if row["what"] in to else None
        )
        for row in rows
    ]


def import_outcome(report: ImportReport) -> c.ImportOutcome:
    """What an import did or would do."""
    return c.ImportOutcome(
        dry_run=report.dry_run,
        rows=report.rows,
        created=report.created,
        updated=report.updated,
        unchanged=report.unchanged,
        rejected=report.rejected,
        categories_created=report.categories_created,
        products_before=report.before.variants,
        products_after=report.after.variants,
        in_catalogue=report.in_catalogue,
        seconds=report.seconds,
        columns=list(report.columns.items()),
        ignored=report.ignored,
        refused=[c.RefusedLine(line=one.line, sku=one.sku, reasons=one.reasons) for one in report.refused],
    )
