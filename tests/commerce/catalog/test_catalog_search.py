"""Finding products, in Italian and English, and showing them in a channel and a language."""

from __future__ import annotations

from typing import Any

import pytest

from unisono.commerce.catalog import pages, searching
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.errors import BadCursor, CategoryUnknown, ProductUnknown
from unisono.commerce.catalog.model import (
    AttributeInput,
    CategoryInput,
    ComponentInput,
    ImageInput,
    ProductInput,
    VariantInput,
)
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import BadRequest

TREE = [
    CategoryInput(code="casa", names={"it": "Casa", "en": "Home"}),
    CategoryInput(code="cucina", parent="casa", names={"it": "Cucina", "en": "Kitchen"}),
    CategoryInput(code="sport", names={"it": "Sport"}),
]


def product(code: str, name: str, **more: Any) -> ProductInput:
    """A product of one variant, whose sku is its code."""
    return ProductInput(code=code, name=name, **{"variants": [VariantInput(sku=code)]} | more)


SHELF = [
    product("m1", "Macchina per caffè espresso", brand="Alpestre", category="cucina"),
    product("m2", "Caffettiera", category="cucina", description="Per il caffè di ogni mattina."),
    product("s1", "Scarpe rosse da corsa", category="sport"),
    product("s2", "Scarpa rossa", category="sport", status="retired"),
    product("s3", "Running shoes", category="sport", attributes=[AttributeInput(name="surface", value="trail")]),
    product(
        "k1",
        "Servizio da tavola",
        category="casa",
        attributes=[AttributeInput(name="name", value="Dinner set", language="en")],
        variants=[VariantInput(sku="k1-rosso", options={"colore": "rosso"}, barcodes=["036000291452"])],
    ),
]


@pytest.fixture
async def shelf(pool: Pool) -> Pool:
    """A few products."""
    async with transaction(pool) as conn:
        await catalog.save_categories(conn, TREE, "test")
        assert not (await catalog.save_products(conn, SHELF, "test")).rejected
    return pool


async def found(pool: Pool, text: str, **more: Any) -> list[str]:
    """The codes of what a search finds, the best first."""
    async with pool.acquire() as conn:
        return [one.code for one in (await searching.search(conn, text, **{"language": "it"} | more)).products]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("caffè", ["m1", "m2"]),
        ("CAFFE", ["m1", "m2"]),
        ("macchine caffè", ["m1"]),
        ("macchina del caffè", ["m1"]),
        ("caff", ["m1", "m2"]),
        ("scarpa rossa", ["s1"]),
        ("scarpa rosse cors", ["s1"]),
        ("shoe", ["s3"]),
        ("shoes for run", ["s3"]),
        ("trail", ["s3"]),
        ("dinner", ["k1"]),
        ("rosso", ["k1", "s1"]),
        ("kitchen", ["m1", "m2"]),
        ("alpestre", ["m1"]),
        ("alpestre scarpe", []),
        ("mattina", ["m2"]),
        ("m1", ["m1"]),
        ("k1-rosso", ["k1"]),
        ("0036000291452", ["k1"]),
        ("036000291452", ["k1"]),
        ("!!!", []),
        ("' | & :* \\", []),
        ("x" * 200, []),
    ],
)
async def test_words_are_found_in_their_forms_without_accents_and_unfinished(
    shelf: Pool, text: str, codes: list[str]
) -> None:
    """Every word must be there; codes are found exactly; punctuation finds nothing and breaks nothing."""
    english = "en" if text in ("shoes for run",) else "it"
    result = await found(shelf, text, language=english)
    assert sorted(result) == sorted(codes)
    assert result[:1] == codes[:1]


async def test_a_code_that_fits_exactly_comes_before_words(shelf: Pool) -> None:
    """Somebody who types a sku wants that one."""
    async with transaction(shelf) as conn:
        await catalog.save_products(conn, [product("caffè", "Tazzina")], "test")
    assert await found(shelf, "caffè") == ["caffè", "m1", "m2"]


async def test_what_is_not_sold_is_not_found_unless_asked_for(shelf: Pool) -> None:
    """Retired products stay readable."""
    assert await found(shelf, "s2") == []
    assert await found(shelf, "s2", statuses=searching.ALL) == ["s2"]


async def test_a_category_narrows_to_what_is_in_it_and_below(shelf: Pool) -> None:
    """One that does not exist is an error, not an empty page."""
    assert await found(shelf, "ross", category="casa") == ["k1"]
    assert await found(shelf, "caffe", category="casa") == ["m1", "m2"]
    with pytest.raises(CategoryUnknown):
        await found(shelf, "caffe", category="nowhere")


@pytest.mark.parametrize("code", ["it's", "back\\slash", "a & b | !c", "@casa", "'", "(", "=active"])
async def test_a_category_may_be_called_anything(shelf: Pool, code: str) -> None:
    """Its code is no part of the language searches are written in."""
    async with transaction(shelf) as conn:
        await catalog.save_categories(conn, [CategoryInput(code=code, parent="casa")], "test")
        await catalog.save_products(conn, [product("new", "Tovaglia", category=code)], "test")
    assert await found(shelf, "tovaglie", category=code) == ["new"]
    assert await found(shelf, "tovaglie", category="casa") == ["new"]
    assert await found(shelf, "tovaglie", category="sport") == []
    assert await found(shelf, "=active") == []


async def test_a_product_that_moves_with_its_category_is_found_where_it_is(shelf: Pool) -> None:
    """Narrowing follows the tree, the status and the product's own category."""
    assert await found(shelf, "caffettiera", category="casa") == ["m2"]
    async with transaction(shelf) as conn:
        await catalog.save_categories(conn, [CategoryInput(code="cucina", parent=None)], "test")
    assert await found(shelf, "caffettiera", category="casa") == []
    async with transaction(shelf) as conn:
        await catalog.save_products(conn, [ProductInput(code="m2", category="sport")], "test")
    assert await found(shelf, "caffettiera", category="sport") == ["m2"]
    async with transaction(shelf) as conn:
        await catalog.save_products(conn, [ProductInput(code="m2", status="draft")], "test")
    assert await found(shelf, "caffettiera", category="sport") == []
    assert await found(shelf, "caffettiera", statuses=["draft"]) == ["m2"]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_follow_each_other_without_gaps_or_repeats(shelf: Pool, limit: int) -> None:
    """Of a search and of the list of all."""
    whole = await found(shelf, "casa")
    paged: list[str] = []
    after = None
    async with shelf.acquire() as conn:
        while True:
            page = await searching.search(conn, "casa", language="it", limit=limit, after=after)
            paged += [one.code for one in page.products]
            after = page.next
            if after is None:
                break
        assert paged == whole
        assert sorted(whole) == ["k1", "m1", "m2"]
        codes: list[str] = []
        while True:
            listed = await searching.list_products(conn, limit=limit, after=after)
            codes += [one.code for one in listed.products]
            after = listed.next
            if after is None:
                break
    assert codes == sorted(item.code for item in SHELF)


async def test_bad_questions_have_clear_answers(shelf: Pool) -> None:
    """Too long, unreadable, or a place that was never given out."""
    with pytest.raises(BadRequest, match="200 characters"):
        await found(shelf, "x" * 201)
    with pytest.raises(BadRequest):
        await found(shelf, "a\x00b")
    for cursor in ("x", "1-", "99999999999-1", "1-1;drop table product"):
        with pytest.raises(BadCursor):
            await found(shelf, "caffe", after=cursor)


async def test_what_changed_is_found_by_its_new_words_only(shelf: Pool) -> None:
    """Of the product, and of the category it is in."""
    async with transaction(shelf) as conn:
        await catalog.save_products(conn, [ProductInput(code="m2", name="Bollitore", description=None)], "test")
        await catalog.save_categories(conn, [CategoryInput(code="sport", names={"it": "Montagna"})], "test")
    assert await found(shelf, "caffettiera") == []
    assert await found(shelf, "bollitori") == ["m2"]
    assert sorted(await found(shelf, "montagna")) == ["s1", "s3"]
    assert await found(shelf, "sport") == []


async def test_a_page_shows_a_product_as_a_channel_and_a_language_see_it(shelf: Pool) -> None:
    """Names and attributes by fallback, categories named, the variant asked for told from its sisters."""
    async with transaction(shelf) as conn:
        await catalog.save_products(
            conn,
            [
                ProductInput(
                    code="k1",
                    images=[ImageInput(url="https://img.example/k1.jpg", alt={"it": "Piatti", "en": "Plates"})],
                    attributes=[AttributeInput(name="badge", value="app only", channel="app")],
                    variants=[
                        VariantInput(
                            sku="k1-set",
                            name="Set doppio",
                            components=[ComponentInput(sku="k1-rosso", quantity=2)],
                            attributes=[AttributeInput(name="badge", value="two in one")],
                        )
                    ],
                )
            ],
            "test",
        )
        english = await pages.product_page(conn, "36000291452".zfill(13), channel="app", language="en")
        italian = await pages.product_page(conn, "k1-set", channel="web", language="it")
        with pytest.raises(ProductUnknown):
            await pages.product_page(conn, "nothing")
        with pytest.raises(ProductUnknown):
            await pages.product_page(conn, "\x00")
    assert (english.name, english.sku, english.attributes) == ("Dinner set", "k1-rosso", {"badge": "app only"})
    assert [category.name for category in english.categories] == ["Home"]
    assert english.images[0].alt == "Plates"
    assert english.variants[0].name == "Dinner set, rosso"
    assert english.variants[0].barcodes == ("0036000291452",)
    assert (italian.name, italian.sku, italian.attributes) == ("Servizio da tavola", "k1-set", {})
    kit = italian.variants[1]
    assert (kit.name, kit.is_kit, kit.attributes) == ("Set doppio", True, {"badge": "two in one"})
    assert [(part.sku, part.quantity) for part in kit.components] == [("k1-rosso", 2)]


async def test_the_tree_names_each_category_after_its_parent(shelf: Pool) -> None:
    """With its way from the root and how many products it has itself."""
    async with shelf.acquire() as conn:
        tree = await pages.categories(conn)
    assert [(one.code, one.parent, one.path, one.products) for one in tree] == [
        ("casa", None, ("casa",), 1),
        ("cucina", "casa", ("casa", "cucina"), 2),
        ("sport", None, ("sport",), 3),
    ]
