"""Stock on the real database: availability, promises of it, movements, counts, the till, what is low and at risk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.support.books import check_books
from tests.support.stocked import Stocked, stocked
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead, WouldBreakPromises
from unisono.commerce.inventory import reading
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.errors import BadLocation, BadStock, LocationUnknown, NotEnough, RiskUnknown
from unisono.commerce.inventory.model import Location, Need, NoPlan, Pickup, Plan, Ship, StockLine, StockNeed, TillSale
from unisono.commerce.inventory.service import Why
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import Conflict

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WHY = Why("anna@alpestre.example", "delivery", "delivery:1")


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Stocked]:
    """Milano, Roma and a warehouse; a shoe, a sock, and a set of one shoe with two socks."""
    conn = await asyncpg.connect(dsn)
    yield await stocked(conn, now=NOW)
    await check_books(conn)
    await conn.close()


async def free(shop: Stocked, sku: str, channel: str = "web", now: datetime = NOW) -> dict[str, int]:
    """What each place can promise."""
    found = await inventory.availability(shop.conn, [shop[sku]], channel=channel, now=now)
    return {place.location_code: place.available for place in found[shop[sku]]}


async def hold(shop: Stocked, key: str, *needs: tuple[str, str, int], until: int = 15, **more: Any) -> list[Any]:
    """Hold (sku, place, units) for some minutes."""
    at = more.pop("now", NOW)
    wanted = [StockNeed(shop[sku], code, units) for sku, code, units in needs]
    return await inventory.hold_stock(
        shop.conn,
        wanted,
        channel=more.pop("channel", "web"),
        node_id=None,
        key=key,
        expires_at=at + until * MINUTE,
        reason="checkout",
        reference=more.pop("reference", None),
        now=at,
    )


async def row(shop: Stocked, sku: str, code: str) -> Any:
    """The stock row of a sku in a place."""
    [found] = await reading.stock(shop.conn, skus=[sku], locations=[code], now=NOW)
    return found


async def test_safety_is_for_the_shelf(shop: Stocked) -> None:
    """Remote channels leave the safety stock; the store sells to the last one."""
    await shop.receive("shoe", "milano", 3)
    await inventory.set_levels(shop.conn, [(shop["shoe"], "milano", 2, None)], now=NOW)
    assert await free(shop, "shoe") == {"milano": 1}
    assert await free(shop, "shoe", "store") == {"milano": 3}
    with pytest.raises(NotEnough) as short:
        await hold(shop, "k", ("shoe", "milano", 2))
    assert short.value.lines == ({"sku": "shoe", "asked": 2, "available": 1, "location": "milano"},)
    assert len(await hold(shop, "k", ("shoe", "milano", 3), channel="store")) == 1


async def test_nearby_first(shop: Stocked) -> None:
    """With a point on the map the nearest place comes first, with its distance; else places come by name."""
    for code in ("roma", "milano", "warehouse"):
        await shop.receive("shoe", code, 1)
    found = await inventory.availability(
        shop.conn, [shop["shoe"]], channel="web", near=(41.9, 12.5), locations=["roma", "milano"], now=NOW
    )
    assert [(place.location_code, place.distance_km) for place in found[shop["shoe"]]] == [
        ("roma", 0.4),
        ("milano", 477.3),
    ]
    store = await inventory.availability(shop.conn, [shop["shoe"]], channel="store", now=NOW)
    assert [(place.name, place.on_hand) for place in store[shop["shoe"]]] == [
        ("Magazzino", 1),
        ("Milano", 1),
        ("Roma", 1),
    ]
    assert await inventory.availability(shop.conn, [10**6], channel="web", now=NOW) == {10**6: []}


async def test_a_closed_place_promises_nothing(shop: Stocked) -> None:
    """Its stock is not offered, and asking for it says why not."""
    await shop.receive("shoe", "roma", 5)
    roma = await inventory.location(shop.conn, "roma")
    await inventory.save_location(
        shop.conn, Location(code="roma", name="Roma", kind="store", timezone=roma.timezone, closed_at=NOW)
    )
    assert await free(shop, "shoe") == {}
    with pytest.raises(LocationUnknown):
        await hold(shop, "k", ("shoe", "roma", 1))


async def test_a_kit_is_promised_in_parts(shop: Stocked) -> None:
    """A set is as many as its parts allow in one place; holding it holds them, and its shortage is told in sets."""
    await shop.receive("shoe", "milano", 4)
    await shop.receive("sock", "milano", 5)
    await shop.receive("shoe", "roma", 9)
    assert await free(shop, "set") == {"milano": 2}
    lines = await inventory.hold_stock_lines(
        shop.conn,
        [StockNeed(shop["set"], "milano", 2), StockNeed(shop["shoe"], "milano", 1)],
        channel="web",
        node_id=None,
        key="k",
        expires_at=None,
        reason="checkout",
        reference="cart:1",
        now=NOW,
    )
    assert [[hold.quantity for hold in line] for line in lines] == [[2, 4], [1]]
    assert await free(shop, "set") == {"milano": 0}
    assert await free(shop, "sock") == {"milano": 1}
    with pytest.raises(NotEnough) as short:
        await hold(shop, "n", ("set", "milano", 1), ("shoe", "milano", 1))
    assert short.value.lines == ({"sku": "set", "asked": 1, "available": 0, "location": "milano"},)
    with pytest.raises(NotEnough) as twice:
        await hold(shop, "n", ("sock", "milano", 1), ("sock", "milano", 1))
    assert twice.value.lines == ({"sku": "sock", "asked": 2, "available": 1, "location": "milano"},)
    for refused in (inventory.receive, inventory.count, inventory.damage):
        with pytest.raises(BadStock) as kit:
            await refused(shop.conn, [StockLine(shop["set"], "milano", 1)], WHY, now=NOW)
        assert kit.value.code == "kit_has_no_stock"


async def test_what_cannot_be_held_says_so(shop: Stocked) -> None:
    """Nothing asked, negative units, an unknown sku or place, a sku without stock: a clear error, nothing written."""
    await shop.receive("shoe", "milano", 1)
    with pytest.raises(BadStock):
        await hold(shop, "k")
    with pytest.raises(BadStock):
        await hold(shop, "k", ("shoe", "milano", -1))
    with pytest.raises(LocationUnknown):
        await hold(shop, "k", ("shoe", "atlantis\x00", 1))
    with pytest.raises(LocationUnknown):
        await hold(shop, "k", ("shoe", "atlantis", 1))
    shop.variants["ghost"] = 10**6
    with pytest.raises(SkuUnknown):
        await hold(shop, "k", ("ghost", "milano", 1))
    with pytest.raises(NotEnough) as none:
        await hold(shop, "k", ("sock", "milano", 1))
    assert none.value.lines[0]["available"] == 0
    assert await shop.conn.fetchval("select count(*) from hold") == 0


async def test_a_key_tells_repeats_from_others(shop: Stocked) -> None:
    """Repeated: the same holds; for something else: refused; after its death: it says so."""
    await shop.receive("shoe", "milano", 2)
    first = await hold(shop, "k", ("shoe", "milano", 1))
    assert await hold(shop, "k", ("shoe", "milano", 1)) == first
    with pytest.raises(Conflict) as reused:
        await hold(shop, "k", ("shoe", "milano", 2))
    assert reused.value.code == "hold_key_reused"
    with pytest.raises(HoldDead):
        await hold(shop, "k", ("shoe", "milano", 1), now=NOW + 15 * MINUTE)


async def test_handed_over_it_leaves_once(shop: Stocked) -> None:
    """Held, firm, handed over twice: one movement, one unit fewer; given back it is on the shelf again, or broken."""
    await shop.receive("shoe", "milano", 3)
    ids = [one.id for one in await hold(shop, "k", ("shoe", "milano", 2))]
    await inventory.commit(shop.conn, ids, now=NOW)
    for _ in range(2):
        await inventory.hand_over(shop.conn, ids, reference="order:7", actor="anna", now=NOW)
    assert (await row(shop, "shoe", "milano")).on_hand == 1
    moves = await reading.movements(shop.conn, reference="order:7")
    assert [(move.quantity, move.reason) for move in moves] == [(-2, "handed over")]
    back = Why("anna", "return", "return:1", key="return:1")
    for _ in range(2):
        await inventory.put_back(shop.conn, [StockLine(shop["shoe"], "roma", 1)], back, now=NOW)
    broken = Why("anna", "return", "return:2", key="return:2")
    await inventory.put_back(shop.conn, [StockLine(shop["set"], "milano", 1)], broken, condition="damaged", now=NOW)
    assert [(await row(shop, "shoe", code)).on_hand for code in ("roma", "milano")] == [1, 1]
    assert [(await row(shop, sku, "milano")).damaged for sku in ("shoe", "sock")] == [1, 2]


async def test_the_till_overrules_with_a_reason_and_raises_a_task(shop: Stocked) -> None:
    """Promised units are not sold over the counter by accident; with a reason they are, and the promise is at risk
    until units come or somebody settles it."""
    await shop.receive("shoe", "milano", 2)
    ids = [one.id for one in await hold(shop, "k", ("shoe", "milano", 1), reference="order:9")]
    await inventory.commit(shop.conn, ids, now=NOW)
    sale: dict[str, Any] = {"reference": "till:1", "actor": "till:milano:1", "occurred_at": NOW, "now": NOW}
    with pytest.raises(WouldBreakPromises):
        await inventory.sell_at_till(shop.conn, "milano", [(shop["shoe"], 2)], **sale)
    assert (await row(shop, "shoe", "milano")).on_hand == 2
    sold = await inventory.sell_at_till(
        shop.conn, "milano", [(shop["shoe"], 1), (shop["shoe"], 2)], override_reason="in the customer's hands", **sale
    )
    assert (sold.moved, sold.found, sold.at_risk) == (3, 1, 1)
    [risk] = await reading.risks(shop.conn, locations=["milano"])
    assert (risk.quantity, risk.still_at_risk, risk.reference) == (1, 1, "till:1")
    assert [promise.reference for promise in await reading.promises(shop.conn, now=NOW)] == ["order:9"]
    again = await inventory.sell_at_till(shop.conn, "milano", [(shop["shoe"], 3)], override_reason="x", **sale)
    assert again.moved == 0
    await check_books(shop.conn)
    await shop.receive("shoe", "milano", 1)
    assert await reading.risks(shop.conn) == []
    [covered] = await reading.risks(shop.conn, settled=True)
    assert (covered.outcome, covered.settled_by) == ("covered by stock", "unisono")


async def test_people_settle_what_is_at_risk(shop: Stocked) -> None:
    """With what came of it, once; without an outcome, or for a task that is none, it is refused."""
    await shop.receive("shoe", "milano", 1)
    await hold(shop, "k", ("shoe", "milano", 1))
    sale: dict[str, Any] = {"reference": "till:1", "actor": "t", "occurred_at": NOW, "now": NOW}
    await inventory.sell_at_till(shop.conn, "milano", [(shop["shoe"], 1)], override_reason="sold", **sale)
    [risk] = await reading.risks(shop.conn)
    with pytest.raises(BadStock):
        await inventory.settle_risk(shop.conn, risk.id, outcome=" \x00", actor="anna", now=NOW)
    await inventory.settle_risk(shop.conn, risk.id, outcome="called the customer", actor="anna", now=NOW)
    with pytest.raises(RiskUnknown):
        await inventory.settle_risk(shop.conn, risk.id, outcome="again", actor="anna", now=NOW)


async def test_a_receipt_from_before_the_count_moves_nothing(shop: Stocked) -> None:
    """An offline till uploads after the shelf was counted: the count has seen its sales; later ones do move."""
    await shop.receive("shoe", "milano", 10)
    found = await inventory.count(shop.conn, [StockLine(shop["shoe"], "milano", 7)], Why("anna", "count"), now=NOW)
    assert found == {(shop["shoe"], "milano"): -3}
    sales = [
        TillSale(location_code="milano", lines=((shop["shoe"], 2),), reference=f"r{n}", occurred_at=NOW + n * MINUTE)
        for n in (-1, 0, 1)
    ]
    sold = await inventory.sell(shop.conn, sales, actor="till", now=NOW + 5 * MINUTE)
    assert (sold.moved, sold.counted_since, sold.unknown) == (2, 4, 0)
    assert (await row(shop, "shoe", "milano")).on_hand == 5


async def test_a_count_told_late_knows_what_moved_after_it(shop: Stocked) -> None:
    """Counted at nine, told at ten, one sold at half past: the sale still counts; an older count says nothing."""
    await shop.receive("shoe", "milano", 10, now=NOW - 90 * MINUTE)
    sale = NOW - 30 * MINUTE
    await inventory.sell_at_till(
        shop.conn, "milano", [(shop["shoe"], 1)], reference="r", actor="t", occurred_at=sale, now=NOW
    )
    line = [StockLine(shop["shoe"], "milano", 8)]
    nine = NOW - 60 * MINUTE
    assert await inventory.count(shop.conn, line, Why("a", "count"), now=NOW, counted_at=nine) == {
        (shop["shoe"], "milano"): -2
    }
    assert (await row(shop, "shoe", "milano")).on_hand == 7
    older = await inventory.count(shop.conn, line, Why("a", "count"), now=NOW, counted_at=nine - MINUTE)
    assert list(older.values()) == [0]
    assert (await row(shop, "shoe", "milano")).counted_at == nine


async def test_a_count_below_the_promises_puts_them_at_risk(shop: Stocked) -> None:
    """What is not there cannot be handed over, whoever was promised it."""
    await shop.receive("shoe", "milano", 3)
    await hold(shop, "k", ("shoe", "milano", 3))
    await inventory.count(shop.conn, [StockLine(shop["shoe"], "milano", 1)], Why("anna", "count", "count:1"), now=NOW)
    [risk] = await reading.risks(shop.conn)
    assert (risk.quantity, risk.reason, risk.reference) == (2, "count", "count:1")


async def test_unknown_stock_is_left_alone(shop: Stocked) -> None:
    """A receipt of a thing or a store without stock rows moves nothing and is no error."""
    await shop.receive("shoe", "milano", 1)
    sales = [
        TillSale(location_code=code, lines=((variant, 1),), reference=f"r{n}", occurred_at=NOW)
        for n, (code, variant) in enumerate(
            [("milano", shop["sock"]), ("atlantis", shop["shoe"]), ("milano", 10**6), ("\x00", shop["shoe"])]
        )
    ]
    sold = await inventory.sell(shop.conn, sales, actor="till", now=NOW)
    assert (sold.moved, sold.unknown) == (0, 4)


async def test_many_receipts_are_few_statements(shop: Stocked) -> None:
    """Three hundred receipts, sets among them, are moved with the statements of one."""
    await shop.receive("shoe", "milano", 1000)
    await shop.receive("sock", "milano", 1000)
    sales = [
        TillSale(
            location_code="milano", lines=((shop["set"], 1), (shop["shoe"], 1)), reference=f"r{n}", occurred_at=NOW
        )
        for n in range(300)
    ]
    seen: list[str] = []
    with shop.conn.query_logger(lambda record: seen.append(record.query)):
        sold = await inventory.sell(shop.conn, sales, actor="till", now=NOW)
        await asyncio.sleep(0)
    assert sold.moved == 300 * 4
    assert len(seen) <= 12
    assert [(await row(shop, sku, "milano")).on_hand for sku in ("shoe", "sock")] == [400, 400]


async def test_units_travel_together_or_not_at_all(shop: Stocked) -> None:
    """A transfer takes only free units; on the way they are nobody's to promise until they arrive."""
    await shop.receive("shoe", "warehouse", 5)
    await hold(shop, "k", ("shoe", "warehouse", 2))
    line = [StockLine(shop["shoe"], "warehouse", 3)]
    with pytest.raises(WouldBreakPromises):
        await inventory.transfer(shop.conn, [StockLine(shop["shoe"], "warehouse", 4)], "milano", WHY, now=NOW)
    with pytest.raises(BadStock):
        await inventory.transfer(shop.conn, line, "warehouse", WHY, now=NOW)
    await inventory.transfer(shop.conn, line, "milano", WHY, now=NOW, on_the_way=True)
    assert await free(shop, "shoe") == {"warehouse": 0, "milano": 0}
    assert (await row(shop, "shoe", "milano")).incoming == 3
    arrived = [StockLine(shop["shoe"], "milano", 3)]
    await inventory.receive(shop.conn, arrived, WHY, now=NOW, expected=True)
    assert (await row(shop, "shoe", "milano")).incoming == 0
    assert await free(shop, "shoe") == {"warehouse": 0, "milano": 3}
    await inventory.transfer(shop.conn, arrived, "roma", Why("a", "transfer", key="t1"), now=NOW)
    with pytest.raises(BadStock) as none:
        await inventory.adjust(shop.conn, [StockLine(shop["shoe"], "roma", -1)], WHY, now=NOW, state="damaged")
    assert none.value.code == "not_so_many_damaged"


async def test_damaged_units_are_kept_apart(shop: Stocked) -> None:
    """Off the shelf, not sold, and thrown away with a reason; promised ones only when somebody says so."""
    await shop.receive("shoe", "milano", 3)
    await hold(shop, "k", ("shoe", "milano", 2))
    line = [StockLine(shop["shoe"], "milano", 2)]
    with pytest.raises(WouldBreakPromises):
        await inventory.damage(shop.conn, line, WHY, now=NOW)
    await inventory.damage(shop.conn, line, WHY, now=NOW, overrule="the roof leaks")
    await inventory.adjust(
        shop.conn, [StockLine(shop["shoe"], "milano", -1)], Why("a", "thrown away"), now=NOW, state="damaged"
    )
    found = await row(shop, "shoe", "milano")
    assert (found.on_hand, found.damaged, found.at_risk, found.available) == (1, 1, 1, 0)


async def test_expected_units_are_told_and_not_promised(shop: Stocked) -> None:
    """Channels see how many come and when; when they have come the date is gone."""
    await inventory.expect(shop.conn, [StockLine(shop["shoe"], "milano", 6)], WHY, now=NOW, arriving_at=NOW + MINUTE)
    [place] = (await inventory.availability(shop.conn, [shop["shoe"]], channel="web", now=NOW))[shop["shoe"]]
    assert (place.available, place.incoming, place.incoming_at) == (0, 6, NOW + MINUTE)
    await inventory.receive(shop.conn, [StockLine(shop["shoe"], "milano", 8)], WHY, now=NOW, expected=True)
    [place] = (await inventory.availability(shop.conn, [shop["shoe"]], channel="web", now=NOW))[shop["shoe"]]
    assert (place.available, place.incoming, place.incoming_at) == (8, 0, None)


async def test_low_stock_is_told_once_and_taken_back(shop: Stocked) -> None:
    """At the level, by a promise or a sale, one change says low; when there is more again, another says so."""

    async def told() -> list[bool]:
        rows = await shop.conn.fetch("select data::jsonb->'low' as low from change where data ? 'low' order by id")
        return [row["low"] == "true" for row in rows]

    await shop.receive("shoe", "milano", 5)
    await inventory.set_levels(shop.conn, [(shop["shoe"], "milano", None, 3)], now=NOW)
    assert await told() == []
    ids = [one.id for one in await hold(shop, "k", ("shoe", "milano", 2))]
    assert await told() == [True]
    await hold(shop, "k2", ("shoe", "milano", 1), until=1)
    assert await told() == [True]
    assert (await row(shop, "shoe", "milano")).low_since == NOW
    assert [found.sku for found in await reading.stock(shop.conn, low=True, now=NOW)] == ["shoe"]
    await inventory.release(shop.conn, ids, now=NOW, reason="x")
    assert await told() == [True, False]
    await holds.release(shop.conn, [(await hold(shop, "k3", ("shoe", "milano", 4)))[0].id], now=NOW, reason="x")
    assert await told() == [True, False, True]
    assert [await inventory.refresh_low(shop.conn, now=NOW) for _ in range(2)] == [1, 0]
    assert await told() == [True, False, True, False]
    sale: dict[str, Any] = {"reference": "r", "actor": "t", "occurred_at": NOW, "now": NOW}
    await inventory.sell_at_till(shop.conn, "milano", [(shop["shoe"], 2)], **sale)
    assert (await told())[-1] is True


async def test_levels_are_told_with_the_promises_of_the_moment(shop: Stocked) -> None:
    """A hold that died unnoticed is neither in what is told of low stock nor in the books behind it."""
    await shop.receive("shoe", "milano", 2)
    await hold(shop, "k", ("shoe", "milano", 2), until=1)
    await inventory.set_levels(shop.conn, [(shop["shoe"], "milano", None, 2)], now=NOW + MINUTE)
    told = await shop.conn.fetchval("select data::text from change order by id desc limit 1")
    assert '"held": 0' in told
    assert '"low": true' in told


async def test_a_plan_from_the_stock_of_the_moment(shop: Stocked) -> None:
    """G15 on the database: 3 in Milano and 4 in the warehouse, 5 wanted."""
    await shop.receive("shoe", "milano", 3)
    await shop.receive("shoe", "warehouse", 4)
    needs = [Need(shop["shoe"], 5)]
    shipped = await inventory.plan(shop.conn, needs, Ship(), channel="web", now=NOW)
    assert isinstance(shipped, Plan)
    assert [parcel.location_code for parcel in shipped.parcels] == ["warehouse", "milano"]
    refused = await inventory.plan(shop.conn, needs, Pickup("milano"), channel="web", now=NOW)
    assert isinstance(refused, NoPlan)
    assert refused.reasons[0].text.format(**refused.reasons[0].values) == "3 in Milano now"


@pytest.mark.parametrize(
    "bad",
    [
        {"code": "a b"},
        {"code": "a@b"},
        {"code": "a/b"},
        {"code": ""},
        {"code": "x" * 65},
        {"name": " "},
        {"name": "x\x00"},
        {"timezone": "Europe/Nowhere"},
        {"latitude": 45.0},
        {"latitude": 91.0, "longitude": 0.0},
        {"latitude": float("nan"), "longitude": 0.0},
        {"address": {"street": "\x00"}},
        {"address": {"street": "x" * 20_000}},
        {"opening": {"mon": [["9", "13"]]}},
    ],
)
async def test_a_place_that_cannot_be_is_refused(shop: Stocked, bad: dict[str, Any]) -> None:
    """And what was there stays as it was."""
    good: dict[str, Any] = {"code": "milano", "name": "Milano 2", "kind": "store", "timezone": "Europe/Rome"}
    with pytest.raises(BadLocation):
        await inventory.save_location(shop.conn, Location(**{**good, **bad}))
    assert (await inventory.location(shop.conn, "milano")).name == "Milano"


async def test_stock_is_made_once_by_many(pool: Pool) -> None:
    """Six deliveries of the same new things at once, in opposite orders: no deadlock, all units there."""
    async with transaction(pool) as conn:
        shop = await stocked(conn, now=NOW)
    lines = [StockLine(shop[sku], code, 1) for sku in ("shoe", "sock") for code in ("milano", "roma", "warehouse")]

    async def deliver(number: int) -> None:
        async with transaction(pool) as conn:
            order = lines if number % 2 else lines[::-1]
            await inventory.receive(conn, order, Why("a", "delivery", key=f"d{number // 2}"), now=NOW)

    await asyncio.gather(*(deliver(number) for number in range(12)))
    async with pool.acquire() as conn:
        assert await conn.fetchval("select array_agg(distinct capacity) from good") == [6]
        await check_books(conn)
