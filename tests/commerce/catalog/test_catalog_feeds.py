"""Feeds: the formats shops exchange, written exactly."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.commerce.catalog.feeds import (
    GOOGLE_COLUMNS,
    FeedItem,
    google_row,
    google_tsv,
    product_json_ld,
    script_text,
)


def item(**more: Any) -> FeedItem:
    """A shoe at 84.00 euros."""
    fields: dict[str, Any] = {
        "sku": "shoe-42",
        "product_code": "shoe",
        "name": "Trail shoe, 42, red",
        "description": "Runs uphill.",
        "brand": "Alpestre",
        "category_path": ["Sport", "Shoes"],
        "options": {"Taglia": "42", "colour": "red"},
        "barcodes": ["own:12345678", "036000291452"],
        "url": "https://shop.example/shoe?v=42",
        "images": ["https://img.example/1.jpg", "https://img.example/2,a.jpg"],
        "price_minor": 8400,
        "currency": "EUR",
        "availability": "in_stock",
    }
    return FeedItem(**fields | more)


def test_a_row_has_googles_names_and_formats() -> None:
    """Prices as "84.00 EUR", availability in Google's words, the GTIN as printed, the group of its sisters."""
    assert google_row(item()) == {
        "id": "shoe-42",
        "title": "Trail shoe, 42, red",
        "description": "Runs uphill.",
        "link": "https://shop.example/shoe?v=42",
        "image_link": "https://img.example/1.jpg",
        "additional_image_link": "https://img.example/2%2Ca.jpg",
        "availability": "in_stock",
        "price": "84.00 EUR",
        "brand": "Alpestre",
        "gtin": "0036000291452",
        "identifier_exists": "yes",
        "condition": "new",
        "product_type": "Sport > Shoes",
        "item_group_id": "shoe",
        "color": "red",
        "size": "42",
    }


def test_a_reduction_is_the_prior_price_and_the_sale_price() -> None:
    """With the time it holds; without a prior price above it there is no sale."""
    row = google_row(
        item(
            prior_minor=12000,
            reduction_starts_at=datetime(2026, 4, 10, 7, 0, tzinfo=UTC),
            reduction_ends_at=datetime(2026, 4, 20, 21, 59, tzinfo=UTC),
        )
    )
    assert (row["price"], row["sale_price"]) == ("120.00 EUR", "84.00 EUR")
    assert row["sale_price_effective_date"] == "2026-04-10T07:00Z/2026-04-20T21:59Z"
    assert "sale_price" not in google_row(item(prior_minor=8400))


@pytest.mark.parametrize(
    ("minor", "currency", "written"), [(500, "JPY", "500 JPY"), (500, "EUR", "5.00 EUR"), (1250, "KWD", "1.250 KWD")]
)
def test_each_currency_has_its_own_decimals(minor: int, currency: str, written: str) -> None:
    """Golden example 21, outward."""
    assert google_row(item(price_minor=minor, currency=currency))["price"] == written


def test_a_preorder_says_when_and_a_product_without_gtin_says_so() -> None:
    """Google wants both."""
    row = google_row(
        item(availability="preorder", available_at=datetime(2026, 9, 1, tzinfo=UTC), barcodes=[], is_kit=True)
    )
    assert (row["availability"], row["availability_date"]) == ("preorder", "2026-09-01T00:00Z")
    assert (row["identifier_exists"], row["is_bundle"], "gtin" in row) == ("no", "yes", False)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=5))
def test_every_line_has_every_column_whatever_the_texts(texts: list[tuple[str, str, str]]) -> None:
    """A tab or a line end in a name moves nothing to another column."""
    items = [item(name=name, description=text, brand=brand) for name, text, brand in texts]
    lines = "".join(google_tsv(items)).split("\n")
    assert lines[-1] == ""
    assert lines[0].split("\t") == list(GOOGLE_COLUMNS)
    assert len(lines) == len(items) + 2
    for line in lines[1:-1]:
        cells = dict(zip(GOOGLE_COLUMNS, line.split("\t"), strict=True))
        assert (cells["id"], cells["price"]) == ("shoe-42", "84.00 EUR")
        assert len(cells["title"]) <= 150 and len(cells["description"]) <= 5000


def test_one_variant_is_a_product_with_an_offer() -> None:
    """As schema.org names things; the prior price is struck through."""
    page = product_json_ld([item(prior_minor=12000, reduction_ends_at=datetime(2026, 4, 20, 22, 0, tzinfo=UTC))])
    assert (page["@context"], page["@type"], page["sku"], page["gtin"]) == (
        "https://schema.org", "Product", "shoe-42", "0036000291452",
    )  # fmt: skip
    offer = page["offers"]
    assert (offer["price"], offer["priceCurrency"], offer["availability"]) == (
        "84.00", "EUR", "https://schema.org/InStock",
    )  # fmt: skip
    assert offer["priceValidUntil"] == "2026-04-20T22:00:00+00:00"
    assert [(one["price"], one.get("priceType")) for one in offer["priceSpecification"]] == [
        ("84.00", None),
        ("120.00", "https://schema.org/StrikethroughPrice"),
    ]


def test_several_variants_are_a_group() -> None:
    """Varying by what their options say."""
    page = product_json_ld([item(), item(sku="shoe-43", options={"size": "43"})], name="Trail shoe")
    assert (page["@type"], page["productGroupID"], page["name"]) == ("ProductGroup", "shoe", "Trail shoe")
    assert page["variesBy"] == ["https://schema.org/color", "https://schema.org/size"]
    assert [one["sku"] for one in page["hasVariant"]] == ["shoe-42", "shoe-43"]
    with pytest.raises(ValueError):
        product_json_ld([])
    with pytest.raises(ValueError):
        product_json_ld([item(), item(product_code="hat")])


@given(TEXTS)
def test_no_text_ends_the_script_it_stands_in(text: str) -> None:
    """What a supplier calls a product is no code of ours."""
    written = script_text(product_json_ld([item(name=text + "</script><script>alert(1)</script><!--")]))
    assert not re.search("[<>&]", written)
    assert msgspec.json.decode(written)["name"].endswith("<!--")
