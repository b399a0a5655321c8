"""Orders changed: placed by other systems and tills, cancelled, handed over, captured, refunded, returned."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.support.carts import STORE
from tests.support.ordering import Till, open_till
from tests.support.pricing import make_list, put
from tests.support.secret import TEST_SECRET
from unisono.commerce.inventory import service as inventory
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.errors import (
    BadOrder,
    GoodsGone,
    NothingToCancel,
    NothingToReturn,
    OrderNotFound,
    OrderState,
)
from unisono.commerce.orders.model import CancelLine, NewOrder, Order, PayRequest, ReturnAsked, ReturnRequest
from unisono.commerce.orders.money import Changed
from unisono.commerce.orders.returns import Returned
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import UnisonoError


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Till]:
    """Ten of A and ten of B in the store; whatever happens, the books are right."""
    till = await open_till(pool, A=10, B=10)
    yield till
    await till.check()


def sold(**more: Any) -> dict[str, Any]:
    """An order of another system: two of A and one of B, priced there."""
    lines = ({"sku": "A", "quantity": 2, "unit_minor": 1000, "discount_minor": 1}, {"sku": "B", "unit_minor": 500})
    return {"source": "shop", "source_order_id": "1", "lines": lines, "channel": "web", **more}


async def place(shop: Till, **more: Any) -> Order:
    """That order, as the API reads it."""
    asked = msgspec.convert(sold(**more), NewOrder)
    async with transaction(shop.pool) as conn:
        return (await orders.place_direct(conn, asked, secret=TEST_SECRET, actor="test", now=shop.now)).order


async def cancel(shop: Till, number: str, *units: tuple[int, int], reason: str = "changed my mind") -> Changed:
    """Cancel units, or everything."""
    lines = [CancelLine(*unit) for unit in units] or None
    async with transaction(shop.pool) as conn:
        return await orders.cancel(conn, number, lines=lines, reason=reason, actor="anna", now=shop.now)


async def give(shop: Till, order: Order, **units: int) -> Order:
    """Units (by sku) are handed over: holds consumed, then the order."""
    lines = {line.sku: line.id for line in order.lines}
    async with transaction(shop.pool) as conn:
        held = await conn.fetch(
            "select hold_id from order_hold join order_line on order_line.id = order_line_id"
            " where order_hold.order_id = $1 and sku = any($2)",
            order.id,
            list(units),
        )
        ids = [row["hold_id"] for row in held]
        await inventory.hand_over(conn, ids, reference=f"order:{order.number}", actor="anna", now=shop.now)
        given = {lines[sku]: count for sku, count in units.items()}
        changed = await orders.hand_over(conn, order.id, given, actor="anna", now=shop.now)
    return await shop.change(changed)


async def bring_back(shop: Till, number: str, *units: tuple[int, int], **more: Any) -> Returned:
    """Units of lines come back."""
    request = ReturnRequest(lines=tuple(ReturnAsked(*unit) for unit in units), **({"reason": "too small"} | more))
    async with transaction(shop.pool) as conn:
        made = await orders.return_lines(conn, number, request, actor="anna", now=shop.now)
    await orders.finish_all(shop.pool, made.calls, clock=lambda: shop.now)
    return made


async def test_an_order_of_another_system_is_one_however_often_it_is_sent(shop: Till) -> None:
    """Five at once: one order, its goods held once, the same answer."""
    answers = await asyncio.gather(*(place(shop, identifier="email:anna@example.it") for _ in range(5)))
    assert len({(one.number, one.version, one.total_minor) for one in answers}) == 1
    assert (await shop.good("A"))["committed"] == 2
    [event] = await shop.events("Order Completed")
    assert event["node_id"] == answers[0].node_id
    assert await shop.value("select namespace from node where id = $1", event["node_id"]) == "email"


async def test_a_till_sells_from_the_shelf_at_once(shop: Till) -> None:
    """Carried away: the units are gone, the order is completed and paid, and can be brought back."""
    order = await place(
        shop,
        source=f"till:{STORE}:1",
        channel="store",
        store_id=STORE,
        fulfilment="carry",
        payment={"provider": "cash"},
    )
    assert (order.status, order.payment_status) == ("completed", "paid")
    assert [line.handed_over for line in order.lines] == [2, 1]
    good = await shop.good("A")
    assert (good["capacity"], good["committed"]) == (8, 0)


async def test_what_is_promised_a_till_sells_only_with_a_reason(shop: Till) -> None:
    """All ten are promised: refused, and with a reason sold, the promise at risk and a task for people."""
    await shop.buy(await shop.node(), ("A", 10))
    carry = {"channel": "store", "store_id": STORE, "fulfilment": "carry", "source": f"till:{STORE}:1"}
    with pytest.raises(UnisonoError) as refused:
        await place(shop, **carry)
    assert refused.value.code == "would_break_promises"
    assert await shop.value("select count(*) from sales_order") == 1
    await place(shop, **carry, override_reason="the customer stands here")
    assert (await shop.good("A"))["at_risk"] == 2
    assert await shop.value("select quantity from promise_at_risk") == 2


async def test_b2b_prices_are_net_and_tax_comes_on_top(shop: Till) -> None:
    """The company's list counts, tax is added, and coming back a unit brings its tax back too."""
    async with transaction(shop.pool) as conn:
        await make_list(conn, "b2b", audience="b2b", tax_included=False)
        await put(conn, "A", 800, to="b2b", now=shop.now)
    order = await place(
        shop, kind="b2b", lines=[{"sku": "A", "quantity": 3}], company="user_id:acme", payment={"provider": "transfer"}
    )
    assert (order.kind, order.tax_included) == ("b2b", False)
    assert (order.subtotal_minor, order.tax_minor, order.total_minor) == (2400, 528, 2928)
    assert order.company_node is not None
    payment = (await shop.detail(order.number)).payments[0]
    async with transaction(shop.pool) as conn:
        await orders.confirm_payment(conn, payment.id, reference="CRO", accepted=True, actor="anna", now=shop.now)
    await give(shop, order, A=3)
    made = await bring_back(shop, order.number, (order.lines[0].id, 1))
    assert made.made.refund_minor == 976


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"lines": []}, "bad_lines"),
        ({"lines": [{"sku": "A", "quantity": -1}]}, "bad_quantity"),
        ({"lines": [{"sku": "A", "quantity": 10**9}]}, "bad_quantity"),
        ({"lines": [{"sku": "nothing"}]}, "sku_unknown"),
        ({"lines": [{"sku": "A\x00"}]}, "bad_sku"),
        ({"lines": [{"sku": "A", "unit_minor": 2**60}]}, "bad_amount"),
        ({"lines": [{"sku": "A", "unit_minor": 1}, {"sku": "B"}]}, "prices_mixed"),
        ({"lines": [{"sku": "A"}], "currency": "USD"}, "no_price"),
        ({"currency": "EURO"}, "bad_currency"),
        ({"currency": "ZZZ"}, "bad_money"),
        ({"source": ""}, "bad_source"),
        ({"source_order_id": "x" * 300}, "bad_source_order_id"),
        ({"identifier": "nobody"}, "bad_identifier"),
        ({"fulfilment": "pickup"}, "location_missing"),
        ({"fulfilment": "carry", "store_id": "atlantis"}, "location_unknown"),
        ({"placed_at": "2030-01-01T00:00:00Z"}, "bad_time"),
        ({"shipping_minor": -1}, "bad_amount"),
        ({"payment": {"provider": "terminal"}}, "reference_missing"),
        ({"payment": {"provider": "cash", "amount_minor": 10**7}}, "overpaid"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(shop: Till, asked: dict[str, Any], code: str) -> None:
    """A clear error with a code; not a row is written."""
    with pytest.raises(UnisonoError) as error:
        await place(shop, **asked)
    assert error.value.code == code
    for table in ("sales_order", "order_line", "payment", "hold", "event"):
        assert await shop.value(f"select count(*) from {table}") == 0, table


async def test_more_than_there_is_is_refused_with_what_there_is(shop: Till) -> None:
    """The whole order is refused, with the lines that lack."""
    with pytest.raises(GoodsGone) as gone:
        await place(shop, lines=[{"sku": "A", "quantity": 11, "unit_minor": 1}, {"sku": "B", "unit_minor": 1}])
    assert gone.value.extra["lines"] == [{"sku": "A", "asked": 11, "available": 10}]


async def test_cancelled_whole_everything_goes_back(shop: Till) -> None:
    """Goods free, payment let go, parcel cancelled, told once; cancelled again it changes nothing."""
    order = await shop.buy(await shop.node(), ("A", 4))
    after = await shop.change(await cancel(shop, order.number))
    assert (after.status, after.payment_status, after.refunded_minor) == ("cancelled", "voided", 0)
    assert (await shop.good("A"))["committed"] == 0
    detail = await shop.detail(order.number)
    assert [one.state for one in detail.fulfilments] == ["cancelled"]
    assert [entry.what for entry in detail.history] == ["placed", "cancelled", "voided"]
    again = await cancel(shop, order.number)
    assert again.order.version == after.version
    assert len(await shop.events("Order Cancelled")) == 1


async def test_cancelled_in_part_the_rest_stays_promised(shop: Till) -> None:
    """Three of four: one stays held and is captured alone; what is cancelled is given back by its share."""
    node = await shop.node()
    order = await shop.pay(
        await shop.begin(node, ("A", 4), ("B", 1)), PayRequest(provider="test", token="tok_approve", capture=True)
    )
    assert order.payment_status == "paid"
    line = order.lines[0]
    after = await shop.change(await cancel(shop, order.number, (line.id, 3)))
    assert (after.status, after.payment_status, after.refunded_minor) == ("open", "partly_refunded", 3000)
    assert (await shop.good("A"))["committed"] == 1
    with pytest.raises(NothingToCancel):
        await cancel(shop, order.number, (line.id, 2))
    given = await give(shop, after, A=1, B=1)
    assert given.status == "completed"
    assert (await shop.good("A"))["capacity"] == 9
    with pytest.raises(OrderState):
        await cancel(shop, order.number)


async def test_two_cancel_the_same_units_at_once(shop: Till) -> None:
    """One of them does; the other is told to look again; the goods are given back once."""
    order = await shop.buy(await shop.node(), ("A", 4))
    line = order.lines[0].id
    results = await asyncio.gather(*(cancel(shop, order.number, (line, 4)) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(one, Changed) for one in results) == 1
    assert all(isinstance(one, Changed | UnisonoError) for one in results), results
    assert (await shop.good("A"))["committed"] == 0


async def test_money_is_taken_as_goods_are_handed_over(shop: Till) -> None:
    """Authorised at the checkout; the first parcel takes its worth and the shipping, the second the rest."""
    order = await shop.buy(await shop.node(), ("A", 2), ("B", 1), shipping_minor=490)
    assert order.payment_status == "authorised"
    order = await give(shop, order, A=2)
    payment = (await shop.detail(order.number)).payments[0]
    assert (payment.captured_minor, order.status) == (2490, "open")
    order = await give(shop, order, B=1)
    payment = (await shop.detail(order.number)).payments[0]
    assert (payment.captured_minor, order.status, order.payment_status) == (3490, "completed", "paid")


async def test_captured_and_refunded_by_hand_never_beyond(shop: Till) -> None:
    """All that is reserved, once; no more back than was taken; each told."""
    order = await shop.buy(await shop.node(), ("A", 1))
    async with transaction(shop.pool) as conn:
        changed = await orders.capture(conn, order.number, actor="anna", now=shop.now)
    assert (await shop.change(changed)).payment_status == "paid"
    async with transaction(shop.pool) as conn:
        with pytest.raises(OrderState):
            await orders.capture(conn, order.number, actor="anna", now=shop.now)
        with pytest.raises(OrderState):
            await orders.refund(conn, order.number, amount=1001, reason="x", actor="anna", now=shop.now)
        changed = await orders.refund(conn, order.number, amount=300, reason="late", actor="anna", now=shop.now)
    after = await shop.change(changed)
    assert (after.payment_status, after.refunded_minor) == ("partly_refunded", 300)
    [event] = await shop.events("Order Refunded")
    assert json.loads(event["properties"])["total"] == 3


async def test_a_refund_the_provider_refuses_is_seen(shop: Till) -> None:
    """It stays owed: the history says so, the payment's state is what the provider says."""
    refuse = PayRequest(provider="test", token="tok_refund_declined", capture=True)
    order = await shop.pay(await shop.begin(await shop.node(), ("A", 1)), refuse)
    after = await shop.change(await cancel(shop, order.number))
    assert (after.status, after.payment_status) == ("cancelled", "paid")
    assert "refund declined" in [entry.what for entry in (await shop.detail(order.number)).history]


async def test_brought_back_line_by_line_in_any_store(shop: Till) -> None:
    """Bought on the web, brought back in the store: share of the discount to the cent, sellable on the shelf, damaged
    beside it, the card refunded; all of it back: returned."""
    await shop.location("roma")
    order = await place(shop, payment={"provider": "cash"}, identifier="user_id:anna")
    order = await give(shop, order, A=2, B=1)
    a, b = order.lines
    first = await bring_back(shop, order.number, (a.id, 1), store_id="roma", key="slip-1")
    again = await bring_back(shop, order.number, (a.id, 1), store_id="roma", key="slip-1")
    assert first.made == again.made
    assert first.made.refund_minor == 1000
    assert (await shop.good("A", "roma"))["capacity"] == 1
    with pytest.raises(NothingToReturn):
        await bring_back(shop, order.number, (a.id, 2))
    request = ReturnRequest(
        lines=(ReturnAsked(a.id, 1, "damaged"), ReturnAsked(b.id, 1)), reason="broken", store_id=STORE, channel="store"
    )
    async with transaction(shop.pool) as conn:
        last = await orders.return_lines(conn, order.number, request, actor="anna", now=shop.now)
    after = await shop.change(Changed(last.order, last.calls))
    assert last.made.refund_minor == 999 + 500
    assert (after.status, after.payment_status, after.refunded_minor) == ("returned", "refunded", 2499)
    damaged = "select damaged from stock join location on location.id = location_id where code = $1 and damaged > 0"
    assert await shop.value(damaged, STORE) == 1
    assert [row["name"] for row in await shop.events("Return Made", "Order Refunded")] == [
        "Return Made",
        "Order Refunded",
    ] * 2


async def test_a_card_may_be_given_back_in_cash_or_not_at_all(shop: Till) -> None:
    """Cash for a card payment counts as given back; a return without refund moves goods alone."""
    order = await shop.buy(await shop.node(), ("A", 2))
    order = await give(shop, order, A=2)
    line = order.lines[0].id
    cash = await bring_back(shop, order.number, (line, 1), refund_to="cash", store_id=STORE)
    assert (cash.calls, cash.order.payment_status, cash.order.refunded_minor) == ((), "partly_refunded", 1000)
    none = await bring_back(shop, order.number, (line, 1), refund_to="none", store_id=STORE)
    assert (none.made.refund_minor, none.order.refunded_minor, none.order.status) == (0, 1000, "returned")


async def test_nothing_is_returned_that_was_not_handed_over(shop: Till) -> None:
    """Nor of an order that is none, nor lines that are none, nor a line twice."""
    order = await shop.buy(await shop.node(), ("A", 2))
    line = order.lines[0].id
    for units, error in (([(line, 1)], NothingToReturn), ([(line + 9, 1)], BadOrder), ([], BadOrder)):
        with pytest.raises(error):
            await bring_back(shop, order.number, *units)
    with pytest.raises(OrderNotFound):
        await bring_back(shop, "U-1", (line, 1))
    given = await give(shop, order, A=2)
    with pytest.raises(BadOrder):
        await bring_back(shop, given.number, (line, 1), (line, 1))
    with pytest.raises(BadOrder):
        await bring_back(shop, given.number, (line, 1), store_id=STORE, reason="")


async def test_merged_and_split_people_keep_what_happened_under_their_identifiers(shop: Till) -> None:
    """Orders stay on their node: joined they are one person's, split again each has the own."""
    anna, anon = await shop.node(), await shop.node("anonymous_id")
    await shop.buy(anna, ("A", 1))
    await shop.buy(anon, ("B", 1))
    await shop.join(anna, anon)
    async with shop.pool.acquire() as conn:
        assert len(await orders.orders_of(conn, [anna, anon])) == 2
        [bought] = await orders.bought_by(conn, [anna, anon])
        assert (bought.orders, bought.total_minor) == (2, 2000)
        page = await orders.page(conn, orders.OrderFilter(nodes=[anna, anon]))
        assert len({order.person_id for order in page.orders}) == 1
    await shop.split(await shop.value("select person_id from node where id = $1", anna), anon)
    async with shop.pool.acquire() as conn:
        assert [one.node_id for one in await orders.orders_of(conn, [anon])] == [anon]
