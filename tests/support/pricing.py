"""Products to put a price on, and the shortest ways to do it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import NewPrice, NewPriceList, PriceAnswer
from unisono.kit.database import Connection

NOW = datetime(2026, 4, 10, 9, 0, tzinfo=UTC)


async def make_variants(conn: Connection, skus: Iterable[str], *, category: int | None = None) -> dict[str, int]:
    """A product and its one variant for each sku."""
    rows = await conn.fetch(
        """with made as (
               insert into product (code, name, category_id)
               select 'P-' || sku, sku, $2 from unnest($1::text[]) as wanted (sku)
               returning id, name)
           insert into variant (product_id, sku) select id, name from made returning sku, id""",
        list(skus),
        category,
    )
    return {row["sku"]: row["id"] for row in rows}


async def make_list(conn: Connection, code: str = "base", **more: object) -> None:
    """A list in euro, tax included, for everybody unless told otherwise."""
    await pricing.create_list(conn, NewPriceList(**{"code": code, "name": code, "currency": "EUR", **more}))  # type: ignore[arg-type]


async def put(
    conn: Connection,
    sku: str,
    amount: int | None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    *,
    to: str = "base",
    now: datetime = NOW,
    history: bool = False,
) -> None:
    """One price into a list."""
    price = NewPrice(sku, amount, starts_at, ends_at)
    await pricing.set_prices(conn, to, [price], actor="test", now=now, history=history)


async def asked(
    conn: Connection,
    variant_id: int,
    at: datetime = NOW,
    *,
    channel: str | None = "web",
    store_id: str | None = None,
    audiences: frozenset[str] = frozenset(),
    currency: str = "EUR",
) -> PriceAnswer | None:
    """What one variant costs."""
    found = await pricing.prices(
        conn, [variant_id], channel=channel, store_id=store_id, audiences=audiences, currency=currency, at=at
    )
    return found.get(variant_id)
