"""Catalogues from files: what a trial run says happens, happens; what is refused is told; again changes nothing."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unisono.cli.main import main
from unisono.commerce.catalog import pages
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.columns import BadMapping, understand
from unisono.commerce.catalog.importing import ImportReport, import_file, import_table
from unisono.commerce.catalog.tables import UnreadableFile, read_csv
from unisono.kit.database import Pool

SHOP = """\
sku,product_code,name,brand,category_path,barcodes,option:size,attribute:name@en,components,prep_minutes,images
shoe-42,shoe,Scarpa,Alpestre,Sport > Scarpe,4006381333931,42,Shoe,,,https://img.example/a.jpg|https://img.example/b.jpg
shoe-43,shoe,Scarpa,Alpestre,Sport > Scarpe,own:12345678 036000291452,43,Shoe,,,
box,,Scatola di scarpe,,Sport,,,,shoe-42*2|lace,5,
lace,,Laccio,,Sport,,,,,,
bad-1,,Cattivo,,,4006381333932,,,,,
bad-2,,,,,,,,,,
bad-3,,Cattivo,,Sport > !,,,,,,
bad-4,,Cattivo,,,,,,nothing*1,,
bad-5,,Cattivo,,,,,,,1000000000,
lace,,Laccio due,,,,,,,,
bad-6,too,few
"""


def written(folder: Path, text: str, name: str = "shop.csv") -> Path:
    """A file with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


async def contents(pool: Pool) -> dict[str, list[tuple[Any, ...]]]:
    """Everything an import writes but ids and times."""
    return {
        "product": [
            tuple(row) for row in await pool.fetch(
                """select product.code, name, brand, category.code, status, description from product
                   left join category on category.id = category_id order by 1""")
        ],
        "variant": [
            tuple(row) for row in await pool.fetch(
                """select sku, name, options, status, tax_class, is_kit, prep_minutes,
                          array(select code from barcode where variant_id = variant.id order by 1)
                   from variant order by 1""")
        ],
        "kit": [tuple(row) for row in await pool.fetch("select count(*), sum(quantity) from kit_component")],
        "attribute": [tuple(row) for row in await pool.fetch("select name, language, value from product_attribute")],
        "change": [tuple(row) for row in await pool.fetch("select subject, sequence from change order by 1, 2")],
    }  # fmt: skip


def numbers(report: ImportReport) -> tuple[int, int, int, int]:
    """Created, updated, unchanged, rejected."""
    return report.created, report.updated, report.unchanged, report.rejected


async def test_a_file_becomes_products_and_what_is_bad_in_it_is_told(pool: Pool, tmp_path: Path) -> None:
    """Kits before their parts, variants of one product, categories made on the way, refused rows kept to be mended."""
    rejects = tmp_path / "rejects.csv"
    report = await import_file(pool, written(tmp_path, SHOP), dry_run=False, language="it", rejects=rejects)
    assert numbers(report) == (4, 0, 0, 7)
    assert report.rows == 11
    assert (report.before.variants, report.after.variants, report.after.products) == (0, 4, 3)
    assert report.in_catalogue == 4
    assert report.categories_created == 2
    assert report.reasons == {
        "bad_gtin": 1, "name_missing": 1, "bad_category": 1, "component_unknown": 1, "bad_number": 1, "sku_twice": 1,
        "row_shape": 1,
    }  # fmt: skip
    lines = list(csv.DictReader(rejects.open(encoding="utf-8")))
    assert report.reject_file == str(rejects)
    assert sorted(int(row["line"] or 0) for row in lines if row["line"]) == [6, 7, 8, 9, 10, 11]
    async with pool.acquire() as conn:
        page = await pages.product_page(conn, "shoe-43", language="en")
        box = await catalog.variant_by_code(conn, "box")
        assert [quantity for _, quantity in (await catalog.components(conn, [box.id]))[box.id]] == [2, 1]
        assert (await catalog.variant_by_code(conn, "12345678")).sku == "shoe-43"
    assert (page.name, page.sku, len(page.variants), len(page.images)) == ("Shoe", "shoe-43", 2, 2)
    assert [category.name for category in page.categories] == ["Sport", "Scarpe"]
    assert page.variants[1].barcodes == ("0036000291452", "own:12345678")
    assert box.prep_minutes == 5


async def test_a_trial_run_says_what_will_happen_and_writes_nothing(pool: Pool, tmp_path: Path) -> None:
    """The same numbers and reasons as the run itself, with parts of any size."""
    path = written(tmp_path, SHOP)
    before = await contents(pool)
    for part in (1, 3, 100):
        table = read_csv(path.read_bytes())
        trial = await import_table(pool, table, dry_run=True, part=part)
        assert numbers(trial) == (4, 0, 0, 7)
        assert (trial.categories_created, trial.after, trial.in_catalogue) == (2, trial.before, 0)
        assert await contents(pool) == before
    real = await import_file(pool, path, dry_run=False)
    assert (numbers(real), real.reasons) == (numbers(trial), trial.reasons)
    assert numbers(await import_file(pool, path, dry_run=True)) == (0, 0, 4, 7)


async def test_an_import_that_was_interrupted_is_run_again(pool: Pool, tmp_path: Path) -> None:
    """What was written stays; the second run adds the rest; the result is that of one run, each change told once."""
    rows = [f"sku-{number},Prodotto {number},{number % 3}" for number in range(50)]
    table = read_csv("\n".join(["sku,name,attribute:shelf", *rows]).encode())

    class Pulled(Exception):
        """Somebody pulled the plug."""

    def pull(done: int, total: int) -> None:
        if done >= 20:
            raise Pulled

    with pytest.raises(Pulled):
        await import_table(pool, table, dry_run=False, part=10, progress=pull)
    assert await pool.fetchval("select count(*) from variant") == 20
    told: list[tuple[int, int]] = []
    report = await import_table(pool, table, dry_run=False, part=10, progress=lambda *now: told.append(now))
    assert numbers(report) == (30, 0, 20, 0)
    assert told[-1] == (50, 50)
    assert await pool.fetchval("select count(*) from change where kind = 'product'") == 50
    assert numbers(await import_table(pool, table, dry_run=False)) == (0, 0, 50, 0)
    assert await pool.fetchval("select max(version) from product") == 1


CELL = st.sampled_from(["", "a", "b", "c"])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]), CELL, st.sampled_from(["", "X", "Y"]),
        st.sampled_from(["", "96385074", "036000291452", "96385075"]), st.sampled_from(["", "a", "b*2", "c|d", "zz"]),
    ),
    max_size=8,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=1, max_size=3), st.sampled_from([1, 2, 100]))
async def test_a_trial_run_is_never_wrong(pool: Pool, files: list[Any], part: int) -> None:
    """Whatever the rows, whatever is there already, wherever the parts end: the run does what was said."""
    await pool.execute("truncate product, category, change cascade")
    for rows in files:
        text = "\n".join([",".join(row) for row in [("sku", "product_code", "name", "barcode", "components"), *rows]])
        table = read_csv(text.encode())
        trial = await import_table(pool, table, dry_run=True, part=part)
        real = await import_table(pool, table, dry_run=False, part=part)
        assert numbers(real) == numbers(trial)
        assert real.reasons == trial.reasons
        assert sum(numbers(real)) == real.rows == len(rows)
        assert real.after.variants - real.before.variants == real.created
        assert real.in_catalogue == real.rows - real.rejected


async def test_parquet_and_csv_of_the_same_rows_give_the_same_catalogue(pool: Pool, tmp_path: Path) -> None:
    """Numbers with gaps, lists and dates included."""
    pq.write_table(
        pa.table(
            {
                "sku": pa.array([1001.0, 1002.0]),
                "title": ["Uno", "Due"],
                "ean": [["96385074"], None],
                "prep_minutes": pa.array([None, 5], pa.int64()),
                "unknown": [1, 2],
            }
        ),
        tmp_path / "shop.parquet",
    )
    report = await import_file(pool, tmp_path / "shop.parquet", dry_run=False)
    assert numbers(report) == (2, 0, 0, 0)
    assert report.columns == {"sku": "sku", "title": "name", "ean": "barcodes", "prep_minutes": "prep_minutes"}
    assert report.ignored == ("unknown",)
    text = "sku;title;ean;prep_minutes\r\n1001;Uno;96385074;\r\n1002;Due;;5\r\n"
    assert numbers(await import_file(pool, written(tmp_path, "\ufeff" + text), dry_run=False)) == (0, 0, 2, 0)


def test_columns_are_understood_by_their_names_or_as_told() -> None:
    """In English and Italian, however they are spelled; a mapping wins."""
    columns = understand(["SKU", "Product Name", "Marca", "EAN", "Attribute: Colour@it", "Prezzo"])
    assert columns.used == {
        "SKU": "sku", "Product Name": "name", "Marca": "brand", "EAN": "barcodes",
        "Attribute: Colour@it": "attribute:Colour@it",
    }  # fmt: skip
    assert columns.ignored == ["Prezzo"]
    assert understand(["id", "sku", "title", "name"]).used == {"sku": "sku", "name": "name"}
    told = understand(["Cod.", "Testo", "sku"], {"Cod.": "sku", "Testo": "attribute:testo@it"})
    assert told.used == {"Cod.": "sku", "Testo": "attribute:testo@it"}
    for header, mapping in (
        (["name"], {}),
        (["sku", "SKU"], {}),
        (["sku"], {"SKU": "sku"}),
        (["sku", "x"], {"x": "colour"}),
        (["a", "b"], {"a": "sku", "b": "sku"}),
    ):
        with pytest.raises(BadMapping):
            understand(header, mapping)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"name\nx\n",
        b"sku,name\na,Caff\xe8\n",
        b'sku,name\na,"never closed\n',
        b"sku,sku\na,b\n",
        b"PK\x03\x04 this is a spreadsheet",
        "sku,name\n".encode("utf-16"),
        b"sku," + b",".join(b"attribute:a%d" % number for number in range(600)) + b"\n",
    ],
)
async def test_a_file_that_cannot_be_read_changes_nothing(pool: Pool, content: bytes) -> None:
    """It is looked through to its end before the first row is written."""
    before = await contents(pool)
    with pytest.raises((UnreadableFile, BadMapping)):
        await import_table(pool, read_csv(content), dry_run=False)
    assert await contents(pool) == before


async def test_poisoned_rows_are_refused_and_the_others_taken(pool: Pool) -> None:
    """NUL, two megabytes, a billion minutes, a category that is its own parent's child."""
    rows = [
        'a\x00,Name,,',
        f"b,{'x' * 2_000_000},,",
        "c,Name,1000000000000,",
        "d,Name,-5,",
        "e,Name\x00,,",
        "f,Name,,Uno\x00 > Due",
        "g,Name,," + " > ".join("abcdefghijklmnop"),
        "h,Good,5,Uno > Due",
    ]  # fmt: skip
    text = "\n".join(["sku,name,prep_minutes,category_path", *rows])
    report = await import_table(pool, read_csv(text.encode()), dry_run=False)
    assert numbers(report) == (1, 0, 0, 7)
    assert await pool.fetchval("select array_agg(sku) from variant") == ["h"]
    assert Counter(reason.code for row in report.refused for reason in row.reasons) == {
        "bad_text": 3, "too_long": 1, "bad_number": 2, "bad_category": 2,
    }  # fmt: skip


def test_the_command_takes_a_file_and_says_what_came_of_it(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 when rows were refused, 2 when the file cannot be read."""
    path = written(tmp_path, SHOP.replace("sku,", "Articolo,", 1))
    base = ["--database-url", dsn, "catalog", "import", str(path), "--map", "Articolo=sku"]
    assert main([*base, "--dry-run"]) == 1
    assert "4 would be created" in capsys.readouterr().out
    assert main(base) == 1
    out = capsys.readouterr().out
    assert "4 created, 0 updated, 0 unchanged, 7 rejected" in out
    assert "The catalogue has 3 products and 4 variants" in out
    assert "line 6 bad-1: 4006381333932 is no GTIN" in out
    assert (tmp_path / "shop.rejected.csv").is_file()
    assert main(["--database-url", dsn, "catalog", "import", str(tmp_path / "nowhere.csv")]) == 2
    assert main([*base[:-1], "Articolo"]) == 2
    assert "HEADER=COLUMN" in capsys.readouterr().err
