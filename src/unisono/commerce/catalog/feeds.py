"""Products in the formats shops and search engines exchange: schema.org JSON-LD and Google's product feed. Pure.

The caller knows prices and availability; here is only how they are written. Sources: schema.org Product, Offer and
ProductGroup; Google Merchant Center's product data specification (support.google.com/merchants/answer/7052112, prices
6324371, availability 6324448, sale dates 6324460) and its merchant listing structured data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from unisono.commerce.catalog import rules
from unisono.kit.money import to_decimal

Availability = Literal["in_stock", "out_of_stock", "preorder", "backorder"]
"""Google's words; a preorder or backorder needs the instant it ends."""

SCHEMA_AVAILABILITY: Final[dict[str, str]] = {
    "in_stock": "https://schema.org/InStock",
    "out_of_stock": "https://schema.org/OutOfStock",
    "preorder": "https://schema.org/PreOrder",
    "backorder": "https://schema.org/BackOrder",
}

GOOGLE_COLUMNS: Final = (
    "id", "title", "description", "link", "image_link", "additional_image_link", "availability", "availability_date",
    "price", "sale_price", "sale_price_effective_date", "brand", "gtin", "identifier_exists", "condition",
    "product_type", "item_group_id", "color", "size", "is_bundle",
)  # fmt: skip
"""The header of the feed: names of attributes as Google has them."""

_LONGEST: Final = {
    "id": 50, "title": 150, "description": 5000, "brand": 70, "item_group_id": 50, "product_type": 750,
    "color": 100, "size": 100,
}  # fmt: skip
"""Characters Google takes."""

_COLOURS: Final = frozenset({"color", "colour", "colore"})
_SIZES: Final = frozenset({"size", "taglia", "misura"})
MAX_MORE_IMAGES: Final = 10


class FeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One variant as it is offered: what it is, what it costs, whether it can be had."""

    sku: str
    product_code: str
    name: str
    description: str | None = None
    brand: str | None = None
    category_path: Sequence[str] = ()
    """Names from the root down."""
    options: Mapping[str, str] = {}
    barcodes: Sequence[str] = ()
    is_kit: bool = False
    url: str
    images: Sequence[str] = ()
    price_minor: int
    """What it costs now, in minor units of ``currency``, as the channel shows it."""
    currency: str
    tax_included: bool = True
    prior_minor: int | None = None
    """The prior price an announced reduction is measured on; None when there is none."""
    reduction_starts_at: datetime | None = None
    reduction_ends_at: datetime | None = None
    availability: Availability
    available_at: datetime | None = None


def _amount(minor: int, currency: str) -> str:
    return str(to_decimal(minor, currency))


def _gtin(item: FeedItem) -> str | None:
    """The first GTIN among the barcodes, as it is printed on the goods."""
    codes = [rules.gtin(code) for code in item.barcodes]
    return next((rules.shown_barcode(code) for code in codes if code), None)


def google_row(item: FeedItem) -> dict[str, str]:
    """One variant by Google's attributes; what it has no value for is missing.

    A reduction is ``price`` (the prior price) beside ``sale_price``. Texts are cut to what Google takes.
    """
    reduced = item.prior_minor is not None and item.prior_minor > item.price_minor
    gtin = _gtin(item)
    options = {name.casefold(): value for name, value in item.options.items()}
    waiting = item.availability in ("preorder", "backorder") and item.available_at is not None
    row: dict[str, str | None] = {
        "id": item.sku,
        "title": item.name,
        "description": item.description or item.name,
        "link": item.url,
        "image_link": item.images[0] if item.images else None,
        "additional_image_link": ",".join(url.replace(",", "%2C") for url in item.images[1 : MAX_MORE_IMAGES + 1]),
        "availability": item.availability,
        "availability_date": _minute(item.available_at) if waiting and item.available_at else None,
        "price": _google_price(item.prior_minor if reduced and item.prior_minor else item.price_minor, item.currency),
        "sale_price": _google_price(item.price_minor, item.currency) if reduced else None,
        "sale_price_effective_date": _sale_dates(item) if reduced else None,
        "brand": item.brand,
        "gtin": gtin,
        "identifier_exists": "yes" if gtin else "no",
        "condition": "new",
        "product_type": " > ".join(item.category_path),
        "item_group_id": item.product_code if item.product_code != item.sku else None,
        "color": next((value for name, value in options.items() if name in _COLOURS), None),
        "size": next((value for name, value in options.items() if name in _SIZES), None),
        "is_bundle": "yes" if item.is_kit else None,
    }
    return {name: value[: _LONGEST.get(name, 2000)] for name, value in row.items() if value}


def _google_price(minor: int, currency: str) -> str:
    return f"{_amount(minor, currency)} {currency}"


def _minute(at: datetime) -> str:
    """An instant as Google writes it: 2026-05-04T09:00Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _sale_dates(item: FeedItem) -> str | None:
    if item.reduction_starts_at is None or item.reduction_ends_at is None:
        return None
    return f"{_minute(item.reduction_starts_at)}/{_minute(item.reduction_ends_at)}"


def google_tsv(items: Iterable[FeedItem]) -> Iterator[str]:
    """The feed line by line, header first, each line with its end; for streams of any length.

    A tab-separated file has no quoting that all readers share, so tabs and line ends in texts become spaces.
    """
    yield "\t".join(GOOGLE_COLUMNS) + "\n"
    for item in items:
        row = google_row(item)
        yield "\t".join(" ".join(row.get(name, "").split()) for name in GOOGLE_COLUMNS) + "\n"


def _offer(item: FeedItem) -> dict[str, Any]:
    price = _amount(item.price_minor, item.currency)
    now = {
        "@type": "UnitPriceSpecification",
        "price": price,
        "priceCurrency": item.currency,
        "valueAddedTaxIncluded": item.tax_included,
    }
    offer: dict[str, Any] = {
        "@type": "Offer",
        "url": item.url,
        "price": price,
        "priceCurrency": item.currency,
        "availability": SCHEMA_AVAILABILITY[item.availability],
        "itemCondition": "https://schema.org/NewCondition",
        "priceSpecification": now,
    }
    if item.prior_minor is not None and item.prior_minor > item.price_minor:
        before = {
            "@type": "UnitPriceSpecification",
            "priceType": "https://schema.org/StrikethroughPrice",
            "price": _amount(item.prior_minor, item.currency),
            "priceCurrency": item.currency,
            "valueAddedTaxIncluded": item.tax_included,
        }
        offer["priceSpecification"] = [now, before]
        if item.reduction_ends_at is not None:
            offer["priceValidUntil"] = item.reduction_ends_at.astimezone(UTC).isoformat()
    if item.available_at is not None and item.availability in ("preorder", "backorder"):
        offer["availabilityStarts"] = item.available_at.astimezone(UTC).isoformat()
    return offer


def _product(item: FeedItem) -> dict[str, Any]:
    gtin = _gtin(item)
    options = {name.casefold(): value for name, value in item.options.items()}
    found = {
        "@type": "Product",
        "sku": item.sku,
        "name": item.name,
        "description": item.description,
        "brand": {"@type": "Brand", "name": item.brand} if item.brand else None,
        "category": " > ".join(item.category_path) or None,
        "gtin": gtin,
        "image": list(item.images) or None,
        "url": item.url,
        "color": next((value for name, value in options.items() if name in _COLOURS), None),
        "size": next((value for name, value in options.items() if name in _SIZES), None),
        "offers": _offer(item),
    }
    return {name: value for name, value in found.items() if value is not None}


def product_json_ld(items: Sequence[FeedItem], *, name: str | None = None) -> dict[str, Any]:
    """A product page as schema.org JSON-LD: a Product, or a ProductGroup (called ``name``) of several variants.

    Raises ValueError for no variant, and for variants of different products.
    """
    if not items:
        raise ValueError("a product without variants is not offered")
    if len({item.product_code for item in items}) > 1:
        raise ValueError("the variants are of several products")
    first = items[0]
    if len(items) == 1:
        return {"@context": "https://schema.org", **_product(first)}
    varying = [
        f"https://schema.org/{word}"
        for word, names in (("color", _COLOURS), ("size", _SIZES))
        if any(option.casefold() in names for item in items for option in item.options)
    ]
    group = {
        "@context": "https://schema.org",
        "@type": "ProductGroup",
        "productGroupID": first.product_code,
        "name": name or first.name,
        "description": first.description,
        "brand": {"@type": "Brand", "name": first.brand} if first.brand else None,
        "variesBy": varying or None,
        "hasVariant": [_product(item) for item in items],
    }
    return {key: value for key, value in group.items() if value is not None}


def script_text(json_ld: Mapping[str, Any]) -> str:
    """JSON-LD to stand inside a ``<script>`` element: no text in it can end the element."""
    text = msgspec.json.encode(json_ld).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
