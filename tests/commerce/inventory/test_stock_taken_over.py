"""Stock that was kept elsewhere comes in at once: books as a count would have begun them, and begun only once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.stocked import Stocked, stocked
from unisono.commerce.inventory import reading
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.errors import BadStock, LocationUnknown
from unisono.commerce.inventory.service import FirstCount
from unisono.demo.findings import Findings
from unisono.demo.live.checking import check_promises
from unisono.kit.database import Connection, Pool, transaction

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
COUNTED = datetime(2026, 5, 3, 20, tzinfo=UTC)


async def take_over(conn: Connection, *lines: FirstCount) -> int:
    """Take these lines over."""
    return await inventory.take_over(
        conn, lines, actor="test", reason="moved from the old system", counted_at=COUNTED, now=NOW
    )


async def rows(shop: Stocked) -> dict[tuple[str, str], tuple[int, int, int]]:
    """On hand, safety and version of every stock."""
    found = await reading.stock(shop.conn, limit=100, now=NOW)
    return {(row.sku, row.location): (row.on_hand, row.safety, row.version) for row in found}


async def test_books_begin_with_units_movement_and_change(pool: Pool) -> None:
    """Every invariant of stock holds after it, the change feed knows, and a shelf without units has not changed."""
    async with transaction(pool) as conn:
        shop = await stocked(conn, now=NOW)
        begun = await take_over(
            conn,
            FirstCount(shop["shoe"], "milano", 7, 1),
            FirstCount(shop["shoe"], "roma", 0),
            FirstCount(shop["sock"], "warehouse", 120),
        )
        assert begun == 3
        assert await rows(shop) == {
            ("shoe", "milano"): (7, 1, 1),
            ("shoe", "roma"): (0, 0, 0),
            ("sock", "warehouse"): (120, 0, 1),
        }
        findings = Findings()
        await check_promises(findings, conn)
        assert findings.failed == 0
        [movement] = await reading.movements(conn, skus=["shoe"])
        assert (movement.quantity, movement.reason, movement.at) == (7, "moved from the old system", COUNTED)


async def test_a_pair_that_is_kept_already_stays_as_it_is(pool: Pool) -> None:
    """The same lines again begin nothing, whatever was moved in between."""
    async with transaction(pool) as conn:
        shop = await stocked(conn, now=NOW)
        await shop.receive("shoe", "milano", 2)
        line = FirstCount(shop["shoe"], "roma", 3)
        assert await take_over(conn, FirstCount(shop["shoe"], "milano", 9), line) == 1
        assert await take_over(conn, line) == 0
        assert (await rows(shop))["shoe", "milano"][0] == 2


async def test_receipts_of_before_the_count_move_nothing_and_later_ones_do(pool: Pool) -> None:
    """The count has seen what was sold before it."""
    async with transaction(pool) as conn:
        shop = await stocked(conn, now=NOW)
        await take_over(conn, FirstCount(shop["shoe"], "milano", 5))
        for number, at in enumerate((COUNTED - timedelta(days=1), COUNTED + timedelta(hours=1))):
            await inventory.sell_at_till(
                conn, "milano", [(shop["shoe"], 1)], reference=f"r{number}", actor="till", occurred_at=at, now=NOW
            )
        assert (await rows(shop))["shoe", "milano"][0] == 4


async def test_what_cannot_be_is_refused_whole(pool: Pool) -> None:
    """Kits, unknown places, negative units, a pair named twice, a count of tomorrow: an error, and nothing begun."""
    async with transaction(pool) as conn:
        shop = await stocked(conn, now=NOW)
        good = FirstCount(shop["shoe"], "milano", 1)
        for bad in (
            FirstCount(shop["set"], "milano", 1),
            FirstCount(shop["sock"], "milano", -1),
            FirstCount(shop["sock"], "milano", 10**13),
            FirstCount(shop["shoe"], "milano", 2),
        ):
            with pytest.raises(BadStock):
                await take_over(conn, good, bad)
        with pytest.raises(LocationUnknown):
            await take_over(conn, good, FirstCount(shop["sock"], "nowhere", 1))
        with pytest.raises(BadStock):
            await inventory.take_over(
                conn, [good], actor="test", reason="count", counted_at=NOW + timedelta(days=1), now=NOW
            )
        assert await rows(shop) == {}
