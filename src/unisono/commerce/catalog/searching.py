"""Finding products: by code, by words in Italian and English, by category."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final

import asyncpg

from unisono.commerce.catalog import rules
from unisono.commerce.catalog.checking import storable
from unisono.commerce.catalog.errors import BadCursor, CategoryUnknown
from unisono.commerce.catalog.model import FoundProduct, ProductList, Status
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

_sql = load("unisono.commerce.catalog")

MAX_TEXT: Final = 200
MAX_RANKED: Final = 5_000
"""Of more products that fit than this only so many are ranked: "national" is on two thirds of the demo's shelves
(64,000 products: 95 ms without the limit, 20 with it)."""

CONFIGURATIONS: Final = {"it": "italian", "en": "english"}
"""Language to PostgreSQL's text search configuration; words of other languages are found as written."""

SOLD: Final[tuple[Status, ...]] = ("active",)
ALL: Final[tuple[Status, ...]] = ("active", "draft", "retired")

_CURSOR = re.compile(r"(\d{1,10})-(\d{1,18})")


def without_accents(text: str) -> str:
    """Text as the index has it: lower case, without accents."""
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text.lower()))


async def search(
    conn: Connection,
    text: str,
    *,
    language: str | None = None,
    category: str | None = None,
    statuses: Collection[Status] = SOLD,
    limit: int = 20,
    after: str | None = None,
) -> ProductList:
    """Products that contain every word of ``text``, the best first; the last word may be unfinished.

    A sku, product code or barcode (a GTIN in any of its lengths) that fits exactly comes before all else. Words are
    found in their Italian and English forms, accents and case aside; ``language`` says which words are too common to
    count. Raises BadRequest for more than 200 characters, CategoryUnknown, BadCursor.
    """
    if len(text) > MAX_TEXT or not storable(text):
        raise BadRequest(f"A search is a text of at most {MAX_TEXT} characters.", code="bad_search")
    await _check_category(conn, category)
    code = text.strip()
    score, last_id = _cursor(after)
    words = without_accents(code).split()
    last = words[-1] if words else ""
    beginning = re.sub(r"['\\]", " ", last).strip()
    base = rules.languages_of(language)
    rows = await _sql.search(
        conn,
        config=CONFIGURATIONS.get(base[-1] if base else "", "simple"),
        first=" ".join(words[:-1]),
        last=last,
        beginning=f"'{beginning}':*" if beginning else "",
        code=code,
        barcodes=rules.scanned_barcodes(code),
        narrowed=_narrowed(category, statuses),
        after_score=score,
        after_id=last_id,
        most=MAX_RANKED,
        limit=limit + 1,
    )
    more = len(rows) > limit
    rows = rows[:limit]
    return ProductList(
        products=tuple(_found(row) for row in rows),
        next=f"{rows[-1]['score']}-{rows[-1]['id']}" if more else None,
    )


async def list_products(
    conn: Connection,
    *,
    category: str | None = None,
    statuses: Collection[Status] = ALL,
    limit: int = 50,
    after: str | None = None,
) -> ProductList:
    """Products by code, of a category and those below it or of all. Raises CategoryUnknown, BadCursor."""
    await _check_category(conn, category)
    if after is not None and not storable(after):
        raise BadCursor("This is no place in the list.")
    rows = await _sql.list_products(conn, category=category, statuses=list(statuses), after=after, limit=limit + 1)
    more = len(rows) > limit
    rows = rows[:limit]
    return ProductList(products=tuple(_found(row) for row in rows), next=rows[-1]["code"] if more else None)


def _narrowed(category: str | None, statuses: Collection[Status]) -> str:
    """A query for the words that stand for a category and for statuses in the index."""
    wanted = "(" + " | ".join(f"'={status}'" for status in statuses) + ")" if statuses else "'='"
    if category is None:
        return wanted
    quoted = category.replace("\\", "\\\\").replace("'", "''")
    return f"{wanted} & '@{quoted}'"


async def _check_category(conn: Connection, category: str | None) -> None:
    if category is not None and not (storable(category) and await _sql.category_exists(conn, code=category)):
        raise CategoryUnknown("There is no such category.")


def _cursor(after: str | None) -> tuple[int | None, int | None]:
    if after is None:
        return None, None
    parts = _CURSOR.fullmatch(after)
    if parts is None or int(parts[1]) >= 2**31:
        raise BadCursor("This is no place in a search.")
    return int(parts[1]), int(parts[2])


def _found(row: asyncpg.Record) -> FoundProduct:
    return FoundProduct(
        code=row["code"],
        name=row["name"],
        brand=row["brand"],
        category=row["category"],
        status=row["status"],
        skus=tuple(row["skus"]),
        image=row["image"],
    )
