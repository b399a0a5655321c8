"""Whether what comes in can be kept at all: texts, numbers and addresses of one item, every mistake named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from unisono.commerce.catalog import rules
from unisono.commerce.catalog.model import (
    AttributeInput,
    CategoryInput,
    ImageInput,
    ProductInput,
    VariantInput,
)
from unisono.kit.reasons import Reason

MAX_CODE: Final = 100
MAX_NAME: Final = 500
MAX_DESCRIPTION: Final = 20_000
MAX_VALUE_BYTES: Final = 20_000
MAX_URL: Final = 2_000
MAX_PREP_MINUTES: Final = 10_080
"""A week of somebody's hands."""
MAX_COMPONENT: Final = 1_000
LIMITS: Final = {
    "variants": 500, "attributes": 500, "images": 50, "barcodes": 20, "components": 50, "options": 10, "names": 50,
}  # fmt: skip
"""How many of each a product, variant or category may have."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def storable(text: str) -> bool:
    """Whether PostgreSQL keeps the text: no NUL, no lone surrogate, and no other control characters but white space."""
    return text.isprintable() or not any(
        (letter < " " and letter not in "\t\n\r") or letter == "\x7f" or "\ud800" <= letter <= "\udfff"
        for letter in text
    )


def _text(field: str, value: str, longest: int, *, empty: bool = False) -> Iterator[Reason]:
    if len(value) > longest:
        yield Reason("too_long", "{field} has more than {longest} characters.", {"field": field, "longest": longest})
    elif not storable(value):
        yield Reason("bad_text", "{field} contains characters that cannot be kept.", {"field": field})
    elif not empty and not value.strip():
        yield Reason("empty", "{field} is empty.", {"field": field})


def _code(field: str, value: str) -> Iterator[Reason]:
    yield from _text(field, value, MAX_CODE)
    if value != value.strip() or "\n" in value or "\t" in value or "\r" in value:
        yield Reason("bad_text", "{field} has spaces around it or line ends in it.", {"field": field})


def _many(field: str, count: int) -> Iterator[Reason]:
    if count > LIMITS[field]:
        yield Reason("too_many", "More than {most} {field}.", {"field": field, "most": LIMITS[field]})


def _language(field: str, value: str) -> Iterator[Reason]:
    if len(value) > 35 or not _LANGUAGE.fullmatch(value):
        yield Reason("bad_language", "{field}: a language is written like it or it-CH.", {"field": field})


def check_text_map(field: str, texts: Mapping[str, str], longest: int) -> Iterator[Reason]:
    """Problems of a map from language to text."""
    for language, text in texts.items():
        yield from _language(field, language)
        yield from _text(field, text, longest)


def _attribute(attribute: AttributeInput) -> Iterator[Reason]:
    field = f"attribute {attribute.name[:40]}"
    yield from _code("attribute name", attribute.name)
    if attribute.channel is not None:
        yield from _code(f"{field} channel", attribute.channel)
    if attribute.language is not None:
        yield from _language(field, attribute.language)
    try:
        encoded = msgspec.json.encode(attribute.value)
    except (UnicodeEncodeError, RecursionError):
        yield Reason("bad_text", "{field} contains characters that cannot be kept.", {"field": field})
        return
    if len(encoded) > MAX_VALUE_BYTES:
        yield Reason(
            "too_long", "{field} has more than {longest} characters.", {"field": field, "longest": MAX_VALUE_BYTES}
        )
    elif b"\\u0000" in encoded and not _nul_free(attribute.value):
        yield Reason("bad_text", "{field} contains characters that cannot be kept.", {"field": field})


def _nul_free(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" not in value
    if isinstance(value, Mapping):
        return all(_nul_free(key) and _nul_free(item) for key, item in value.items())
    return not isinstance(value, list | tuple) or all(map(_nul_free, value))


def _image(image: ImageInput) -> Iterator[Reason]:
    yield from check_text_map("image text", image.alt, MAX_NAME)
    if len(image.url) > MAX_URL or not storable(image.url) or re.search(r"\s", image.url):
        yield Reason("bad_image", "An image is an https address of at most {longest} characters.", {"longest": MAX_URL})
        return
    try:
        parts = urlsplit(image.url)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        good = False
    if not good:
        yield Reason("bad_image", "An image is an https address of at most {longest} characters.", {"longest": MAX_URL})


def _barcode(given: str) -> Iterator[Reason]:
    yield from _code("barcode", given)
    if rules.stored_barcode(given) is None:
        yield Reason(
            "bad_gtin",
            "{barcode} is no GTIN: its check digit is wrong. A code of your own is written own:{barcode}.",
            {"barcode": given[:MAX_CODE]},
        )


def check_variant(variant: VariantInput) -> Iterator[Reason]:
    """Every problem of a variant that can be seen without looking at the catalogue."""
    yield from _code("sku", variant.sku)
    if variant.name is not UNSET and variant.name is not None:
        yield from _text("variant name", variant.name, MAX_NAME)
    if variant.options is not UNSET:
        yield from _many("options", len(variant.options))
        for name, value in variant.options.items():
            yield from _code("option", name)
            yield from _text(f"option {name[:40]}", value, 200)
    if variant.prep_minutes is not UNSET and not 0 <= variant.prep_minutes <= MAX_PREP_MINUTES:
        yield Reason("bad_number", "{field} is from {least} to {most}.",
                     {"field": "prep_minutes", "least": 0, "most": MAX_PREP_MINUTES})  # fmt: skip
    if isinstance(variant.on_sale_since, datetime):
        since = variant.on_sale_since
        if since.tzinfo is None or not _EARLIEST <= since <= _LATEST:
            yield Reason("bad_time", "{field} needs a time zone and a sensible year.", {"field": "on_sale_since"})
    if variant.barcodes is not UNSET:
        yield from _many("barcodes", len(variant.barcodes))
        for barcode in variant.barcodes[: LIMITS["barcodes"]]:
            yield from _barcode(barcode)
    if variant.components is not UNSET:
        yield from _components(variant)
    if variant.attributes:
        yield from _many("attributes", len(variant.attributes))
        for attribute in variant.attributes[: LIMITS["attributes"]]:
            yield from _attribute(attribute)


def _components(variant: VariantInput) -> Iterator[Reason]:
    components = variant.components if variant.components is not UNSET else []
    yield from _many("components", len(components))
    if len({component.sku for component in components}) < len(components):
        yield Reason("component_twice", "A component is named twice.", {})
    for component in components[: LIMITS["components"]]:
        yield from _code("component", component.sku)
        if not 1 <= component.quantity <= MAX_COMPONENT:
            yield Reason("bad_number", "{field} is from {least} to {most}.",
                         {"field": "quantity", "least": 1, "most": MAX_COMPONENT})  # fmt: skip


def check_product(item: ProductInput) -> list[Reason]:
    """Every problem of a product that can be seen without looking at the catalogue."""
    found = list(_code("code", item.code))
    if item.name is not UNSET:
        found += _text("name", item.name, MAX_NAME)
    if item.brand is not UNSET and item.brand is not None:
        found += _text("brand", item.brand, 200)
    if item.description is not UNSET and item.description is not None:
        found += _text("description", item.description, MAX_DESCRIPTION, empty=True)
    if item.attributes:
        found += _many("attributes", len(item.attributes))
        for attribute in item.attributes[: LIMITS["attributes"]]:
            found += _attribute(attribute)
    if item.images is not UNSET:
        found += _many("images", len(item.images))
        for image in item.images[: LIMITS["images"]]:
            found += _image(image)
    found += _many("variants", len(item.variants))
    for variant in item.variants[: LIMITS["variants"]]:
        found += check_variant(variant)
    if len(item.variants) > 1 and len({variant.sku for variant in item.variants}) < len(item.variants):
        found.append(Reason("sku_twice", "A sku is named twice.", {}))
    return found


def check_category(item: CategoryInput) -> list[Reason]:
    """Every problem of a category that can be seen without looking at the tree."""
    found = list(_code("code", item.code))
    if item.names is not UNSET:
        found += _many("names", len(item.names))
        found += check_text_map("name", item.names, MAX_NAME)
    return found
