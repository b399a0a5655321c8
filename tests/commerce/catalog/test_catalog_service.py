"""The catalogue's door on a real database: what is saved is found, what is bad is named and changes nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.errors import CatalogueRefused, SkuUnknown
from unisono.commerce.catalog.model import (
    AttributeInput,
    CategoryInput,
    ComponentInput,
    ImageInput,
    ProductInput,
    SaveReport,
    VariantInput,
)
from unisono.kit.database import Pool, transaction

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


def shoe(**more: Any) -> ProductInput:
    """A product of two variants."""
    fields: dict[str, Any] = {
        "code": "shoe",
        "name": "Scarpa da trekking",
        "brand": "Alpestre",
        "variants": [
            VariantInput(sku="shoe-42", options={"size": "42"}, barcodes=["4006381333931"]),
            VariantInput(sku="shoe-43", options={"size": "43"}),
        ],
    }
    return ProductInput(**fields | more)


async def save(pool: Pool, *items: ProductInput, offered_at: datetime | None = None) -> SaveReport:
    """Save in a transaction of its own."""
    async with transaction(pool) as conn:
        return await catalog.save_products(conn, items, "test", offered_at=offered_at)


async def snapshot(pool: Pool) -> dict[str, list[str]]:
    """Everything the room owns, and the changes."""
    tables = "product variant barcode kit_component product_attribute product_image product_search category change"
    return {
        table: [row[0] for row in await pool.fetch(f"select t::text from {table} t order by 1")]
        for table in tables.split()
    }


def codes_of(report: SaveReport) -> list[list[str]]:
    """The codes of the reasons of each rejected item."""
    return [[reason.code for reason in item.reasons] for item in report.rejected]


async def test_a_saved_product_is_found_by_sku_by_id_and_by_each_code(pool: Pool) -> None:
    """With its category's path, its tags, its tax rate and a name that tells it from its sisters."""
    async with transaction(pool) as conn:
        await catalog.save_categories(
            conn, [CategoryInput(code="sport"), CategoryInput(code="shoes", parent="sport")], "test"
        )
    tags = [AttributeInput(name="tags", value=["summer", "outlet"])]
    report = await save(pool, shoe(category="shoes", attributes=tags), offered_at=NOW)
    assert (report.created, report.updated, report.outcomes) == (1, 0, ("created",))
    async with pool.acquire() as conn:
        found = (await catalog.variants(conn, skus=["shoe-42", "nowhere"]))["shoe-42"]
        assert await catalog.variants(conn, ids=[found.id, -1, 2**70]) == {found.id: found}
        for code in ("shoe-42", " 4006381333931 ", "04006381333931"):
            assert await catalog.variant_by_code(conn, code) == found
        with pytest.raises(SkuUnknown):
            await catalog.variant_by_code(conn, "4006381333932")
        with pytest.raises(SkuUnknown):
            await catalog.variant_by_code(conn, "a\x00b")
    assert found.name == "Scarpa da trekking, 42"
    assert found.category_codes == ("sport", "shoes")
    assert found.tags == ("summer", "outlet")
    assert (found.tax_class, found.tax_rate_bp, found.status, found.on_sale_since) == ("standard", 2200, "active", NOW)


async def test_a_upc_of_twelve_digits_and_its_form_of_thirteen_are_one_barcode(pool: Pool) -> None:
    """Golden example 20, at the till: whichever form is scanned, the same variant is sold."""
    await save(pool, shoe(variants=[VariantInput(sku="a", barcodes=["036000291452"])]))
    async with pool.acquire() as conn:
        for code in ("036000291452", "0036000291452", "00036000291452"):
            assert (await catalog.variant_by_code(conn, code)).sku == "a"
    again = await save(
        pool, ProductInput(code="b", name="B", variants=[VariantInput(sku="b", barcodes=["0036000291452"])])
    )
    assert codes_of(again) == [["barcode_taken"]]


async def test_saving_the_same_again_writes_nothing(pool: Pool) -> None:
    """No version moves, no channel is told, so an import can be repeated."""
    item = shoe(images=[ImageInput(url="https://img.example/1.jpg")], attributes=[AttributeInput(name="a", value=1)])
    await save(pool, item)
    before = await snapshot(pool)
    report = await save(pool, item)
    assert report.outcomes == ("unchanged",)
    assert await snapshot(pool) == before


async def test_a_change_of_any_part_moves_the_version_by_one_and_is_one_change(pool: Pool) -> None:
    """The sequence of the subject has no gaps, so a channel that misses one knows."""
    await save(pool, shoe())
    for more in (
        {"name": "Scarpa", "variants": []},
        {"variants": [VariantInput(sku="shoe-42", prep_minutes=3)]},
        {"variants": [VariantInput(sku="shoe-42", barcodes=[])]},
        {"variants": [], "attributes": [AttributeInput(name="colour", value="red", language="en")]},
        {"variants": [], "attributes": [AttributeInput(name="colour", value=None, language="en")]},
        {"variants": [], "images": [ImageInput(url="https://img.example/2.jpg", sku="shoe-43")]},
        {"variants": [VariantInput(sku="shoe-44")]},
        {"status": "retired", "variants": []},
    ):
        await save(pool, ProductInput(code="shoe", **more))  # type: ignore[arg-type]
    rows = await pool.fetch("select sequence, data from change where subject = 'product:shoe' order by sequence")
    assert [row["sequence"] for row in rows] == list(range(1, 10))
    assert await pool.fetchval("select version from product") == 9
    assert msgspec.json.decode(rows[-1]["data"])["skus"] == ["shoe-42", "shoe-43", "shoe-44"]
    assert await pool.fetchval("select count(*) from barcode") == 0
    assert await pool.fetchval("select count(*) from product_attribute") == 0


async def test_a_bad_item_is_named_with_every_reason_and_spoils_no_other(pool: Pool) -> None:
    """The good ones before and behind it are written."""
    bad = ProductInput(
        code="bad",
        name="x" * 600,
        images=[ImageInput(url="http://img.example/1.jpg")],
        variants=[VariantInput(sku="bad-1", barcodes=["4006381333932"], prep_minutes=10**9)],
    )
    report = await save(pool, shoe(), bad, ProductInput(code="hat", name="Hat"))
    assert report.outcomes == ("created", "rejected", "created")
    assert [item.index for item in report.rejected] == [1]
    assert codes_of(report) == [["too_long", "bad_image", "bad_number", "bad_gtin"]]
    assert await pool.fetchval("select array_agg(code order by code) from product") == ["hat", "shoe"]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (ProductInput(code="new"), "name_missing"),
        (ProductInput(code="", name="x"), "empty"),
        (ProductInput(code=" x", name="x"), "bad_text"),
        (ProductInput(code="n\x00", name="x"), "bad_text"),
        (ProductInput(code="n", name="\ud800"), "bad_text"),
        (ProductInput(code="n", name="x" * 2_000_000), "too_long"),
        (ProductInput(code="n", name="x", category="nowhere"), "category_unknown"),
        (ProductInput(code="n", name="x", variants=[VariantInput(sku="shoe-42")]), "sku_elsewhere"),
        (ProductInput(code="n", name="x", variants=[VariantInput(sku="n", tax_class="odd")]), "tax_class_unknown"),
        (ProductInput(code="n", name="x", variants=[VariantInput(sku="n"), VariantInput(sku="n")]), "sku_twice"),
        (ProductInput(code="n", name="x", variants=[VariantInput(sku="n", prep_minutes=-1)]), "bad_number"),
        (ProductInput(code="n", name="x", attributes=[AttributeInput(name="a", value="b\x00")]), "bad_text"),
        (ProductInput(code="n", name="x", attributes=[AttributeInput(name="a", value={"b": ["\x00"]})]), "bad_text"),
        (ProductInput(code="n", name="x", attributes=[AttributeInput(name="a", value=1, language="Klingon!")]),
         "bad_language"),
        (ProductInput(code="n", name="x", images=[ImageInput(url="javascript:alert(1)")]), "bad_image"),
        (ProductInput(code="n", name="x", images=[ImageInput(url="https://user@host/")]), "bad_image"),
        (ProductInput(code="n", name="x", images=[ImageInput(url="https://x/", sku="hat")]), "image_sku_unknown"),
        (ProductInput(code="n", name="x", variants=[VariantInput(sku="n", on_sale_since=datetime(2026, 1, 1))]),
         "bad_time"),
    ],
)  # fmt: skip
async def test_what_cannot_be_kept_is_refused_and_changes_nothing(pool: Pool, item: ProductInput, reason: str) -> None:
    """Each with the code of its reason."""
    await save(pool, shoe())
    before = await snapshot(pool)
    assert codes_of(await save(pool, item)) == [[reason]]
    assert await snapshot(pool) == before


async def test_a_kit_is_its_parts_down_to_the_last_and_never_contains_itself(pool: Pool) -> None:
    """A kit may stand before its parts in one save; quantities multiply along the way."""

    def kit(sku: str, **parts: int) -> ProductInput:
        inside = [ComponentInput(sku=part, quantity=quantity) for part, quantity in parts.items()]
        return ProductInput(code=sku, name=sku, variants=[VariantInput(sku=sku, components=inside)])

    await save(pool, kit("box", cup=6, lid=6), kit("cup"), kit("lid"), kit("pallet", box=10, lid=1))
    async with pool.acquire() as conn:
        found = await catalog.variants(conn, skus=["box", "cup", "lid", "pallet"])
        parts = await catalog.components(conn, [variant.id for variant in found.values()])
    assert (found["box"].is_kit, found["cup"].is_kit) == (True, False)
    assert parts == {
        found["box"].id: ((found["cup"].id, 6), (found["lid"].id, 6)),
        found["pallet"].id: ((found["cup"].id, 60), (found["lid"].id, 61)),
    }
    before = await snapshot(pool)
    refused = await save(pool, kit("box", pallet=1), kit("cup", box=1), kit("lid", lid=1), kit("new", nothing=1))
    assert codes_of(refused)[3] == ["component_unknown"]
    assert all("kit_cycle" in reasons for reasons in codes_of(refused)[:3])
    assert await snapshot(pool) == before
    await save(pool, kit("box"))
    async with pool.acquire() as conn:
        assert not (await catalog.variants(conn, skus=["box"]))["box"].is_kit


async def test_a_retired_product_takes_its_variants_with_it_and_stays_readable(pool: Pool) -> None:
    """What was sold once can be read for ever; only active variants can be sold."""
    await save(pool, shoe(variants=[VariantInput(sku="shoe-42", status="draft"), VariantInput(sku="shoe-43")]))
    async with pool.acquire() as conn:
        found = await catalog.variants(conn, skus=["shoe-42", "shoe-43"])
    assert [found[sku].status for sku in ("shoe-42", "shoe-43")] == ["draft", "active"]
    await save(pool, ProductInput(code="shoe", status="retired"))
    async with pool.acquire() as conn:
        assert (await catalog.variant_by_code(conn, "shoe-43")).status == "retired"


async def test_a_draft_is_first_on_sale_when_it_becomes_active(pool: Pool) -> None:
    """The first time only; goods without a known date keep none."""
    await save(pool, shoe(status="draft"), offered_at=NOW)
    assert await pool.fetchval("select count(on_sale_since) from variant") == 0
    await save(pool, ProductInput(code="shoe", status="active"), offered_at=NOW)
    assert await pool.fetchval("select array_agg(distinct on_sale_since) from variant") == [NOW]
    await save(pool, ProductInput(code="shoe", status="draft"))
    await save(pool, ProductInput(code="shoe", status="active"), offered_at=NOW.replace(year=2027))
    assert await pool.fetchval("select array_agg(distinct on_sale_since) from variant") == [NOW]


async def test_a_category_never_lies_below_itself(pool: Pool) -> None:
    """All or none: a tree with a cycle changes nothing."""
    async with transaction(pool) as conn:
        tree = [CategoryInput(code="c", parent="b"), CategoryInput(code="b", parent="a"), CategoryInput(code="a")]
        assert await catalog.save_categories(conn, tree, "test") == 3
        assert await catalog.save_categories(conn, tree, "test") == 0
    before = await snapshot(pool)
    for bad, reason in (
        (CategoryInput(code="a", parent="c"), "category_cycle"),
        (CategoryInput(code="a", parent="a"), "category_cycle"),
        (CategoryInput(code="d", parent="nowhere"), "category_unknown"),
        (CategoryInput(code="d", names={"it": "n\x00"}), "bad_text"),
    ):
        with pytest.raises(CatalogueRefused) as error:
            async with transaction(pool) as conn:
                await catalog.save_categories(conn, [CategoryInput(code="x"), bad], "test")
        assert error.value.extra["reasons"][0]["code"] == reason
        assert await snapshot(pool) == before


async def test_two_writers_at_once_never_make_a_kit_contain_itself(pool: Pool) -> None:
    """Each alone would be right; one of the two is refused, whoever comes second."""
    await save(pool, *(ProductInput(code=sku, name=sku, variants=[VariantInput(sku=sku)]) for sku in "ab"))

    def kit(sku: str, part: str) -> ProductInput:
        return ProductInput(code=sku, variants=[VariantInput(sku=sku, components=[ComponentInput(sku=part)])])

    reports = await asyncio.gather(save(pool, kit("a", "b")), save(pool, kit("b", "a")))
    assert sorted(report.updated for report in reports) == [0, 1]
    assert await pool.fetchval("select count(*) from kit_component") == 1


async def test_writers_of_the_same_products_at_once_leave_no_gap_and_no_double(pool: Pool) -> None:
    """Twenty of them, in different orders: every product once, every version told once, a barcode with one owner."""
    items = [shoe(code=f"p{n}", variants=[VariantInput(sku=f"p{n}")]) for n in range(5)]

    async def write(turn: int) -> SaveReport:
        mine = [msgspec.structs.replace(item, brand=f"brand {turn}") for item in items]
        taker = msgspec.structs.replace(
            mine[turn % 5], variants=[VariantInput(sku=f"p{turn % 5}", barcodes=["4006381333931"])]
        )
        return await save(pool, *(reversed(mine) if turn % 2 else mine), taker)

    reports = await asyncio.gather(*(write(turn) for turn in range(20)))
    assert sum(report.created for report in reports) == 5
    rows = await pool.fetch(
        """select product.version, array_agg(sequence order by sequence) as told from product
           join change on subject = 'product:' || code group by product.id"""
    )
    assert [row["told"] for row in rows] == [list(range(1, row["version"] + 1)) for row in rows]
    assert len(rows) == 5
    assert await pool.fetchval("select count(*) from barcode") == 1
