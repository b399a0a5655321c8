"""The law's two clocks of purchases over live segments: time runs out by itself, and a switched clock takes effect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.segmenting import SETTINGS, Town, did
from unisono.customers.consent import service as consent
from unisono.customers.segments import standing
from unisono.customers.segments.checking import check
from unisono.kit.database import Pool, transaction

WINE: dict[str, Any] = did("purchases") | {"where": [{"path": "products[].category", "op": "is", "value": "wine"}]}
BOTTLE = [{"category": "wine"}]


@pytest.fixture
async def town(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Town:
    """Two segments, of who bought and of who bought wine; the law's settings are read at every look."""
    monkeypatch.setattr(standing, "WORLD_KEPT", 0.0)
    town = Town(pool)
    await town.segment("bought", did("purchases"))
    await town.segment("wine", WINE)
    return town


async def switch(town: Town, name: str, months: int | None) -> None:
    """Somebody switches one of the clocks, or (None) lets it go back."""
    async with transaction(town.pool) as conn:
        await consent.set_legal(conn, name, months, reason="asked by counsel", actor="test", now=town.now)


async def prove(town: Town) -> None:
    """What each night does."""
    for row in await town.pool.fetch("select id from segment order by id"):
        await check(town.pool, row["id"], SETTINGS, clock=town.tell, patience=0)  # nobody reads meanwhile


async def test_detail_ends_after_twelve_months_and_the_purchase_after_twenty_four(town: Town) -> None:
    """Nothing happens but time: out of the segment of wine at that microsecond, of buyers a year later."""
    (anna,) = await town.people(1)
    await town.does(anna, "Order Completed", products=BOTTLE)
    await town.read()
    await town.later(days=364, hours=23, minutes=59, seconds=59, microseconds=999_999)
    assert await town.members("wine") == [anna]
    await town.later(microseconds=1)
    assert (await town.members("wine"), await town.members("bought")) == ([], [anna])
    await town.later(days=365)
    assert await town.members("bought") == []
    assert [why for _, way, why in await town.told() if way == "Left"] == ["time", "time"]


@pytest.mark.parametrize(
    ("setting", "moved", "stays"),
    [("purchases_profiling_months", "wine", "bought"), ("purchases_marketing_months", "bought", None)],
)
async def test_a_switched_clock_is_in_force_for_whoever_is_judged_next(
    town: Town, setting: str, moved: str, stays: str | None
) -> None:
    """At his next event, and for everybody at the nightly proof; switched back, they are in again."""
    anna, bruno = await town.people(2)
    for person in (anna, bruno):
        await town.does(person, "Order Completed", ago=timedelta(days=200), products=BOTTLE)
    await town.read()
    assert await town.members(moved) == [anna, bruno]
    await switch(town, setting, 6)
    await town.does(anna, "Order Completed", ago=timedelta(days=300), products=BOTTLE)
    await town.read()
    assert await town.members(moved) == [bruno]
    await prove(town)
    assert await town.members(moved) == []
    assert stays is None or await town.members(stays) == [anna, bruno]
    await switch(town, setting, None)
    await prove(town)
    assert await town.members(moved) == [anna, bruno]
    for code in ("bought", "wine"):
        assert await town.members(code) == await town.counted(code)


async def test_timers_follow_a_switched_clock(town: Town) -> None:
    """Shortened after the purchase, the night sets the earlier instant; lengthened, the old one moves nobody."""
    (anna,) = await town.people(1)
    await town.does(anna, "Order Completed", products=BOTTLE)
    await town.read()
    await switch(town, "purchases_profiling_months", 6)
    await prove(town)
    await town.later(days=182)
    assert await town.members("wine") == []
    await switch(town, "purchases_profiling_months", 24)
    await prove(town)
    assert await town.members("wine") == [anna]
    await town.later(days=183)
    assert await town.members("wine") == [anna]
    await town.later(days=365)
    assert await town.members("wine") == []
