"""Products in the console, on the real database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.console import Site, text_of
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import AttributeInput, CategoryInput, ComponentInput, ProductInput, VariantInput
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import NewPrice, NewPriceList
from unisono.kit.database import transaction

CSV = "sku,name,category_path,barcodes\nA-1,Trail shoe,Shoes > Trail,8001234567897\nA-2,,Shoes,\nA-3,Shoe,Shoes,123\n"


async def stock_the_shop(site: Site) -> None:
    """A jacket in two sizes with a price, a kit of it, texts by channel and language."""
    now = datetime.now(UTC)
    jacket = ProductInput(
        code="JACKET",
        name="Trail jacket",
        brand="Alpestre",
        category="jackets",
        variants=[
            VariantInput(sku="J/M", options={"size": "M"}, barcodes=["8001234567897"]),
            VariantInput(sku="J-L", options={"size": "L"}),
        ],
        attributes=[
            AttributeInput(name="care", value="Wash cold"),
            AttributeInput(name="care", value="Lavare a freddo", language="it"),
        ],
    )
    kit = ProductInput(
        code="KIT",
        name="Winter kit",
        variants=[VariantInput(sku="K", components=[ComponentInput(sku="J/M", quantity=2)])],
    )
    async with transaction(site.pool) as conn:
        await catalog.save_categories(
            conn, [CategoryInput(code="jackets", names={"en": "Jackets", "it": "Giacche"})], "t"
        )
        await catalog.save_products(conn, [jacket], "t")
        await catalog.save_products(conn, [kit], "t")
        await pricing.create_list(conn, NewPriceList(code="base", name="Base", currency="EUR"))
        await pricing.set_prices(conn, "base", [NewPrice("J/M", 12900)], actor="t", now=now)


async def test_products_are_listed_searched_and_filtered_and_their_states_differ(site: Site) -> None:
    await site.sign_in_as("marketer")
    assert "No products yet" in text_of((await site.get("/console/products")).text)
    await stock_the_shop(site)
    page = text_of((await site.get("/console/products")).text)
    assert "Trail jacket" in page
    assert "€129.00" in page
    assert "Trail jacket" in text_of((await site.get("/console/products?q=8001234567897")).text)
    none = text_of((await site.get("/console/products?q=zebra&status=draft")).text)
    assert "contains “zebra”, draft" in none
    assert "Clear the filter" in none
    assert "Winter kit" not in text_of((await site.get("/console/products?category=jackets")).text)
    assert (await site.get("/console/products?category=none")).status_code == 404
    assert (await site.get("/console/products?q=x&after=zz")).status_code == 400


async def test_a_product_shows_its_variants_texts_kits_and_who_uses_it(site: Site) -> None:
    await stock_the_shop(site)
    await site.sign_in_as("marketer")
    for code in ("JACKET", "J%2FM", "08001234567897"):
        answer = await site.get(f"/console/products/{code}")
        assert answer.status_code == 200
        page = text_of(answer.text)
        assert "Wash cold" in page
        assert "Winter kit" not in page
        assert "Price list" in page
        assert "Kit" in page
    assert "2 × Trail jacket, M" in text_of((await site.get("/console/products/KIT")).text)
    assert (await site.get("/console/products/NOPE")).status_code == 404


async def test_a_product_is_made_and_changed_part_by_part_and_audited(site: Site) -> None:
    await stock_the_shop(site)
    await site.sign_in_as("owner")
    save = "/console/products-save"
    made = await site.post(save, {"part": "new", "code": "CAP", "name": "Cap"})
    assert made.headers["location"] == "/console/products/CAP"
    await site.post(
        save, {"part": "product", "code": "CAP", "name": "Wool cap", "brand": "Alpestre", "status": "draft"}
    )
    await site.post(
        save, {"part": "variant", "code": "CAP", "sku": "CAP", "barcodes": "own:12345678", "options": "colour: red"}
    )
    await site.post(save, {"part": "attribute", "code": "CAP", "name": "care", "value": "By hand", "channel": "app"})
    await site.post(save, {"part": "images", "code": "CAP", "images": "https://images.example/cap.jpg The cap"})
    page = text_of((await site.get("/console/products/CAP")).text)
    for text in ("Wool cap", "draft", "own:12345678", "colour: red", "By hand", "The cap"):
        assert text in page
    assert len(await site.audit("product.save")) == 7
    again = await site.post(save, {"part": "product", "code": "CAP", "name": "Wool cap"}, follow_redirects=True)
    assert "Nothing was changed." in text_of(again.text)


async def test_a_new_product_takes_no_code_that_another_has(site: Site) -> None:
    await stock_the_shop(site)
    await site.sign_in_as("owner")
    form = {"part": "new", "code": "JACKET", "name": "Something else", "sku": "OTHER"}
    answer = await site.post("/console/products-save", form)
    assert answer.status_code == 409
    assert "There is such a product already" in text_of(answer.text)
    assert 'value="Something else"' in answer.text
    assert await site.pool.fetchval("select name from product where code = 'JACKET'") == "Trail jacket"
    assert await site.pool.fetchval("select count(*) from variant where sku = 'OTHER'") == 0


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"part": "variant", "sku": "J-L", "barcodes": "8001234567890"}, "8001234567890"),
        ({"part": "product", "name": ""}, "name is empty"),
        ({"part": "images", "images": "http://images.example/x.jpg"}, "http://images.example/x.jpg"),
        ({"part": "product", "name": "X", "status": "sold"}, "This form cannot be read"),
        ({"part": "nonsense"}, "This form cannot be read"),
        ({"part": "variant", "sku": "J-L", "prep_minutes": "soon"}, "This number cannot be read"),
    ],
)
async def test_a_bad_change_is_refused_with_its_reason_and_changes_nothing(
    site: Site, form: dict[str, str], said: str
) -> None:
    await stock_the_shop(site)
    await site.sign_in_as("owner")
    before = await site.pool.fetch("select * from product order by id")
    answer = await site.post("/console/products-save", {"code": "JACKET", **form})
    assert answer.status_code == 400
    assert said in text_of(answer.text)
    assert await site.pool.fetch("select * from product order by id") == before


async def test_an_import_is_tried_first_then_done(site: Site) -> None:
    await site.sign_in_as("owner")
    tried = await site.post("/console/catalogue-import", {"csv": CSV, "deed": "check"})
    page = text_of(tried.text)
    assert "What would happen" in page
    assert "Import 2 rows" in page
    assert await site.pool.fetchval("select count(*) from product") == 0
    done = await site.post("/console/catalogue-import", {"csv": CSV, "deed": "import"})
    assert "What happened" in text_of(done.text)
    assert await site.pool.fetchval("select count(*) from variant") == 2
    file = {"file": ("goods.csv", CSV.encode(), "text/csv")}
    again = await site.client.post("/console/catalogue-import", data={"_csrf_token": site.csrf}, files=file)
    assert "goods.csv" in text_of(again.text)
    assert (await site.post("/console/catalogue-import", {})).status_code == 400
    unclear = await site.post("/console/catalogue-import", {"csv": "colour\nred"})
    assert "The columns of the file are not clear" in text_of(unclear.text)
    assert len(await site.audit("catalogue.import")) == 1


async def test_who_may_only_read_sees_no_forms_and_cannot_post(site: Site) -> None:
    await stock_the_shop(site)
    await site.sign_in_as("clerk", "milano")
    page = await site.get("/console/products/JACKET")
    assert "Save the variant" not in page.text
    assert (await site.post("/console/products-save", {"part": "new", "code": "X", "name": "X"})).status_code == 403
    assert (await site.get("/console/catalogue-import")).status_code == 403


async def test_the_palette_finds_products_by_name_and_by_code(site: Site) -> None:
    await stock_the_shop(site)
    await site.sign_in_as("marketer")
    for query in ("trail jack", "8001234567897", "J/M"):
        assert "/console/products/JACKET" in (await site.get("/console/palette", params={"q": query})).text
    assert "New promotion" in text_of((await site.get("/console/palette", params={"q": "promo"})).text)
    assert (await site.get("/console/palette", params={"q": "x" * 300})).status_code == 200
