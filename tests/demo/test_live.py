"""The retailer as live objects: what the data say of the shop, what is invented by rule, made once, killed or not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.demo.mini import STORES, write_mini
from tests.support.secret import TEST_KEY
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.opening import opening_hours
from unisono.commerce.pricing import service as pricing
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.language import (
    AmountOff,
    Bundle,
    BuyGet,
    FixedPrice,
    Gift,
    MorePoints,
    PercentOff,
    ShippingOff,
)
from unisono.demo.findings import Findings
from unisono.demo.live import places, shelves
from unisono.demo.live.checking import check_promises
from unisono.demo.live.figures import Figures
from unisono.demo.live.loading import LiveReport, drain_orders, load_live
from unisono.demo.live.offers import invented
from unisono.demo.retailer import load_year
from unisono.kit.database import Pool, connection, transaction
from unisono.kit.settings import Settings

TODAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


async def load(pool: Pool, folder: Path, *, limit: int | None = None) -> LiveReport:
    """Load the year and the shop, and say nothing."""
    report = await load_year(
        pool, Settings(secret_key=TEST_KEY), limit_households=limit, progress=lambda _: None, folder=folder, today=TODAY
    )
    return await load_live(
        pool,
        limit_households=limit,
        shift_days=report.shift_days,
        progress=lambda _: None,
        folder=folder,
        now=NOW,
    )


def lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of goods that are counted in pieces."""
    rows = pq.read_table(folder / "transactions.parquet").to_pylist()
    return [row for row in rows if row["product_id"] != 9]


def last_weeks(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the last thirteen weeks."""
    since = max(row["transaction_timestamp"] for row in rows) - timedelta(weeks=13)
    return [row for row in rows if row["transaction_timestamp"] > since]


async def test_products_lie_in_their_departments(pool: Pool, mini: Path) -> None:
    """Department, category and type are categories; a product is called as on the receipts, with one sku."""
    report = await load(pool, mini)
    assert (report.products, report.variants, report.places) == (9, 9, len(STORES) + 1)
    found = await pool.fetchrow(
        "select product.name, product.brand, category.code from product"
        " join category on category.id = product.category_id where product.code = '3'"
    )
    assert tuple(found) == ('Bread:"italian"/french, 20 oz', "National 3", "grocery/bread/bread-italian-french")


async def test_the_shelf_price_is_the_most_frequent_one_and_holds_from_the_end_of_the_data(
    pool: Pool, mini: Path
) -> None:
    """Counted here by hand; before the end of the data there is no price, so no truth is claimed for the past."""
    await load(pool, mini)
    counted: dict[tuple[int, int], int] = {}
    for row in last_weeks(lines(mini)):
        if row["product_id"] == 3:
            paid = row["sales_value"] + row["retail_disc"] + row["coupon_match_disc"]
            cents = round(paid * 100 / row["quantity"])
            counted[3, cents] = counted.get((3, cents), 0) + 1
    expected = max((times, cents) for (_, cents), times in counted.items())[1]
    async with connection(pool) as conn:
        variant = (await pricing.find_variants(conn, ["3"]))["3"]
        answers = [
            await pricing.prices(conn, [variant], channel="web", store_id="330", currency="USD", at=at)
            for at in (NOW, NOW - timedelta(days=9))
        ]
        fuel = (await pricing.find_variants(conn, ["9"]))["9"]
        assert await pricing.prices(conn, [fuel], channel="web", store_id=None, currency="USD", at=NOW) == {}
    assert answers[0][variant].amount_minor == expected
    assert answers[1] == {}
    evidence = await pool.fetch(
        "select distinct channel, origin from price_observation where store_id is not null and amount_minor > 0"
    )
    assert [tuple(row) for row in evidence] == [("store", "receipt")]


async def test_stock_is_two_weeks_of_mean_sales_and_old_receipts_do_not_move_it(pool: Pool, mini: Path) -> None:
    """By the documented rule; the year's receipts become orders afterwards and leave it as it is."""
    await load(pool, mini)
    sold = sum(row["quantity"] for row in last_weeks(lines(mini)) if (row["product_id"], row["store_id"]) == (3, 330))
    chain = sum(row["quantity"] for row in last_weeks(lines(mini)) if row["product_id"] == 3)

    async def seen() -> list[tuple[str, int, int]]:
        rows = await pool.fetch(
            "select location.code, good.capacity, stock.safety from stock join good on good.id = stock.good_id"
            " join location on location.id = stock.location_id join variant on variant.id = stock.variant_id"
            " where variant.sku = '3' order by 1"
        )
        return [tuple(row) for row in rows]

    before = await seen()
    on_hand = -(-sold * 2 // 13) + 1
    assert ("330", on_hand, 1 if on_hand > 3 else 0) in before
    assert ("WH-1", -(-chain * 4 // 13), 0) in before
    assert await drain_orders(pool, Settings(currency="USD")) > 0
    assert await seen() == before
    assert await pool.fetchval("select count(*) from sales_order where kind = 'receipt'") == await pool.fetchval(
        "select count(*) from event where name = 'Receipt Issued'"
    )
    assert await pool.fetchval("select count(*) from order_line where variant_id is null") == 0
    findings = Findings()
    async with connection(pool) as conn:
        await check_promises(findings, conn)
    assert findings.failed == 0


async def test_a_second_load_makes_nothing_and_leaves_what_people_changed(pool: Pool, mini: Path) -> None:
    """A renamed store and a paused promotion stay as people made them."""
    first = await load(pool, mini)
    async with transaction(pool) as conn:
        await promotions.set_status(conn, "gift", "paused", actor="anna", now=NOW)
        [place] = await inventory.locations(conn, ["330"])
        await conn.execute("update location set name = 'Main street' where code = '330'")
    again = await load(pool, mini)
    assert {name: getattr(again, name) for name in again.__struct_fields__ if name not in ("seconds", "active")} == {
        name: getattr(first, name) for name in first.__struct_fields__ if name not in ("seconds", "active")
    }
    assert again.active == first.active - 1
    assert place.name == "Store 330"
    assert await pool.fetchval("select name from location where code = '330'") == "Main street"


async def test_a_load_that_broke_off_is_finished_by_the_next(
    pool: Pool, mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off between two parts of the stock, the next load begins what is missing and nothing twice."""
    monkeypatch.setattr(shelves, "MAX_LINES", 5)
    take_over, calls = inventory.take_over, 0

    async def breaks(*args: Any, **kwargs: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise asyncio.CancelledError
        return await take_over(*args, **kwargs)

    monkeypatch.setattr(inventory, "take_over", breaks)
    with pytest.raises(asyncio.CancelledError):
        await load(pool, mini)
    assert await pool.fetchval("select count(*) from stock") == 10
    assert await pool.fetchval("select count(*) from promotion") == 0
    report = await load(pool, mini)
    assert report.stocks == 8 * len(STORES) + 8
    findings = Findings()
    async with connection(pool) as conn:
        await check_promises(findings, conn)
    assert findings.failed == 0


async def test_a_part_makes_what_its_households_bought(pool: Pool, mini: Path) -> None:
    """The shop of one household, then of all: what was made first stays, what is missing is added."""
    part = await load(pool, mini, limit=1)
    whole = await load(pool, mini)
    assert part.products <= whole.products == 9
    assert part.stocks <= whole.stocks
    assert part.promotions == whole.promotions


async def test_campaigns_end_as_their_dates_say_and_coupons_belong_to_those_that_run(
    pool: Pool, tmp_path: Path
) -> None:
    """A campaign beyond the data's end is live with its coupons, one for anybody and one for each household."""
    folder = write_mini(tmp_path)
    table = pq.read_table(folder / "campaign_descriptions.parquet").to_pylist()
    running = table[0] | {"campaign_id": 9, "end_date": datetime(2018, 2, 1)}
    _rewrite(folder, "campaign_descriptions", [*table, running])
    _rewrite(
        folder,
        "coupons",
        [
            *pq.read_table(folder / "coupons.parquet").to_pylist(),
            {"coupon_upc": 77, "product_id": 3, "campaign_id": 9},
            {"coupon_upc": 77, "product_id": 4, "campaign_id": 9},
        ],
    )
    received = [{"campaign_id": campaign, "household_id": household} for campaign in (8, 9) for household in (1, 2)]
    _rewrite(folder, "campaigns", received)
    await load(pool, folder)
    states = dict(await pool.fetch("select code, status from promotion where code like 'campaign-%'"))
    assert states == {"campaign-8": "ended", "campaign-9": "active"}
    coupons = await pool.fetch("select code, kind, node_id is not null as own from coupon where code like 'C9-%'")
    assert sorted((row["kind"], row["own"]) for row in coupons) == [
        ("generic", False),
        ("unique", True),
        ("unique", True),
    ]
    assert "C9-77" in {row["code"] for row in coupons}
    async with connection(pool) as conn:
        [effect] = (await promotions.find_promotion(conn, "campaign-9")).effects
    assert isinstance(effect, AmountOff)
    assert effect.lines is not None
    assert effect.lines.products == {"3", "4"}


def _rewrite(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    schema = pq.read_table(folder / f"{name}.parquet").schema
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / f"{name}.parquet")


def test_every_kind_of_effect_is_to_be_seen() -> None:
    """The invented promotions have all eight effects, and texts in both languages."""
    found = invented("1", ["31", "330"])
    effects = {type(effect) for one in found for effect in one.effects}
    assert effects == {AmountOff, Bundle, BuyGet, FixedPrice, Gift, MorePoints, PercentOff, ShippingOff}
    assert 12 <= len(found) <= 20
    assert all(set(one.texts) == {"en", "it"} for one in found)


def test_stores_are_places_by_rule() -> None:
    """No two of the data's stores lie on one point, all in one time zone's reach; every tenth never closes."""
    stores = range(1, 3_500, 7)
    assert len({places.coordinates(store) for store in stores}) == len(stores)
    night = datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert opening_hours(places.store_place(330), night).open
    assert not opening_hours(places.store_place(331), night).open
    for store in stores:
        latitude, longitude = places.coordinates(store)
        assert 38 < latitude < 42
        assert -85 < longitude < -81


def test_prices_seen_are_bounded_and_the_newest(mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for ten, the ten last seen are kept."""
    every = Figures(mini, None).seen_prices()
    monkeypatch.setattr("unisono.demo.live.figures.MOST_SEEN", 10)
    some = Figures(mini, None).seen_prices()
    assert len(every) > 10
    assert some == every[:10]
    assert min(one.at for one in some) >= max(one.at for one in every[10:])
