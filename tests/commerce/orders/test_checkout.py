"""Checkout on the real database: held, paid, placed, once; golden G12; every way it can fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from tests.support.carts import STORE
from tests.support.ordering import APPROVE, Till, open_till
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.errors import CartInCheckout
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.errors import (
    CheckoutChanged,
    CheckoutNotFound,
    CheckoutOver,
    GoodsGone,
    OfferGone,
    PaymentDeclined,
    PaymentUnknown,
)
from unisono.commerce.orders.model import PayRequest
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Definition, NewCoupons
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import UnisonoError

DECLINE = PayRequest(provider="test", token="tok_decline")


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Till]:
    """Three of A and three of B in the store; whatever happens, the books are right."""
    till = await open_till(pool, A=3, B=3)
    yield till
    await till.check()


async def test_held_paid_placed(shop: Till) -> None:
    """Holds, order, lines, parcel, history, event and change are there together; the cart is ordered."""
    node = await shop.node()
    checkout = await shop.begin(node, ("A", 2), ("B", 1), shipping_minor=490, source_order_id="w-1")
    assert (checkout.state, checkout.expires_at - shop.now) == ("open", timedelta(minutes=15))
    assert [(await shop.good(sku))["held"] for sku in "AB"] == [2, 1]
    order = await shop.pay(checkout)
    assert (order.source, order.source_order_id, order.total_minor) == ("web", "w-1", 3490)
    assert (order.status, order.payment_status, order.node_id) == ("open", "authorised", node)
    good = await shop.good("A")
    assert (good["held"], good["committed"], good["capacity"]) == (0, 2, 3)
    detail = await shop.detail(order.number)
    assert [(one.kind, one.state, one.location) for one in detail.fulfilments] == [("ship", "planned", STORE)]
    assert [(line.sku, line.quantity, line.total_minor) for line in order.lines] == [("A", 2, 2000), ("B", 1, 1000)]
    assert [entry.what for entry in detail.history] == ["placed"]
    assert [(e.action, e.outcome) for e in detail.payments[0].entries] == [
        ("authorise", "started"),
        ("authorise", "done"),
    ]
    assert await shop.value("select status from cart where id = $1", UUID(checkout.cart_id)) == "ordered"
    [event] = await shop.events("Order Completed")
    said = json.loads(event["properties"])
    assert event["message_id"] == f"unisono:order:{order.number}:completed"
    assert said | {"order_id": order.number, "total": 34.9, "revenue": 30, "shipping": 4.9, "currency": "EUR"} == said
    assert said["checkout_id"] == checkout.id
    assert [(p["sku"], p["price"], p["quantity"]) for p in said["products"]] == [("A", 10, 2), ("B", 10, 1)]


async def test_begun_again_with_the_same_order_id_it_is_the_same(shop: Till) -> None:
    """Same id, same cart: the same checkout. Another cart: refused. The cart itself cannot be begun twice."""
    node, other = await shop.node(), await shop.node()
    first = await shop.begin(node, ("A", 1), source_order_id="w-1")
    assert await shop.begin_cart(UUID(first.cart_id), source_order_id="w-1") == first
    with pytest.raises(CheckoutChanged):
        await shop.begin(other, ("A", 1), source_order_id="w-1")
    with pytest.raises(CartInCheckout):
        await shop.begin_cart(UUID(first.cart_id), source_order_id="w-2")
    assert (await shop.good("A"))["held"] == 1


async def test_paid_five_times_at_once_it_is_one_order(shop: Till) -> None:
    """Five requests with one checkout: one order, one payment, the same answer."""
    checkout = await shop.begin(await shop.node(), ("A", 1))
    answers = await asyncio.gather(*(shop.pay(checkout) for _ in range(5)))
    assert (
        len({msgspec.json.encode(answer) for answer in (msgspec.structs.replace(a, person_id=None) for a in answers)})
        == 1
    )
    assert await shop.value("select count(*) from sales_order") == 1
    assert await shop.value("select count(*) from payment") == 1
    assert await shop.value("select count(*) from payment_entry where outcome = 'done'") == 1


async def test_a_declined_payment_leaves_the_basket_held_and_another_may_be_tried(shop: Till) -> None:
    """Refused, told on the timeline, tried again, placed; nobody was charged twice."""
    node = await shop.node()
    checkout = await shop.begin(node, ("A", 1))
    with pytest.raises(PaymentDeclined):
        await shop.pay(checkout, DECLINE)
    assert (await shop.good("A"))["held"] == 1
    [failed] = await shop.events("Payment Failed")
    assert failed["node_id"] == node
    order = await shop.pay(checkout)
    assert order.payment_status == "authorised"


async def test_left_alone_it_expires_and_everything_is_free(shop: Till) -> None:
    """At its instant, not before: goods free, the cart the buyer's again, saying that the payment failed."""
    checkout = await shop.begin(await shop.node(), ("A", 3))
    with pytest.raises(PaymentDeclined):
        await shop.pay(checkout, DECLINE)
    await shop.fire(checkout.expires_at - timedelta(microseconds=1))
    assert (await shop.good("A"))["held"] == 3
    await shop.fire(checkout.expires_at)
    assert (await shop.good("A"))["held"] == 0
    cart = await shop.pool.fetchrow("select status, trouble from cart where id = $1", UUID(checkout.cart_id))
    assert cart is not None
    assert tuple(cart) == ("active", "payment_failed")
    async with shop.pool.acquire() as conn:
        assert (await orders.get_checkout(conn, UUID(checkout.id))).state == "expired"


async def test_going_back_frees_everything_at_once(shop: Till) -> None:
    """The buyer goes back to the cart; begun again under the same order id it is open anew."""
    checkout = await shop.begin(await shop.node(), ("A", 3), source_order_id="w-1")
    async with transaction(shop.pool) as conn:
        back = await orders.cancel_checkout(conn, UUID(checkout.id), now=shop.now)
    assert (back.state, (await shop.good("A"))["held"]) == ("expired", 0)
    shop.later(minutes=1)
    again = await shop.begin_cart(UUID(checkout.cart_id), source_order_id="w-1")
    assert (again.id, again.state) == (checkout.id, "open")
    assert (await shop.pay(again)).source_order_id == "w-1"
    async with transaction(shop.pool) as conn:
        with pytest.raises(CheckoutOver):
            await orders.cancel_checkout(conn, UUID(checkout.id), now=shop.now)


async def test_golden_g12(shop: Till) -> None:
    """Three on hand; A holds one until 10:15, B one until 10:20; at 10:16 C asks for two and gets them. A's payment,
    begun in time, is answered at 10:17: the goods cannot be held again, the payment goes back, A is told where else."""
    await shop.location("roma", ships=False)
    await shop.receive("roma", A=5)
    anna, bruno, carla = [await shop.node() for _ in range(3)]
    a = await shop.begin(anna, ("A", 1), fulfilment="pickup", location=STORE)
    shop.later(minutes=5)
    await shop.begin(bruno, ("A", 1), fulfilment="pickup", location=STORE)
    start = shop.now
    shop.now = start + timedelta(minutes=9)
    paying = asyncio.create_task(shop.pay(a, PayRequest(provider="test", token="tok_slow")))
    await asyncio.sleep(0.5)
    shop.now = start + timedelta(minutes=11)
    c = await shop.begin(carla, ("A", 2), fulfilment="pickup", location=STORE)
    shop.later(minutes=1)
    with pytest.raises(GoodsGone) as gone:
        await paying
    assert gone.value.extra["lines"] == [{"sku": "A", "asked": 1, "available": 0}]
    assert [(one["location"], one["available"]) for one in gone.value.extra["alternatives"]] == [("roma", 5)]
    payment = await shop.pool.fetchrow("select state, order_id from payment")
    assert payment is not None
    assert tuple(payment) == ("voided", None)
    [told] = await shop.events("Payment Failed")
    assert (told["node_id"], json.loads(told["properties"])["reason"]) == (anna, "goods_gone")
    assert (await shop.pay(c)).status == "open"


async def test_held_anew_when_the_goods_are_still_there(shop: Till) -> None:
    """The time ran out while the payment was on its way and nobody else came: the order is placed all the same."""
    checkout = await shop.begin(await shop.node(), ("A", 3))
    shop.later(minutes=14)
    paying = asyncio.create_task(shop.pay(checkout, PayRequest(provider="test", token="tok_slow")))
    await asyncio.sleep(0.5)
    shop.later(minutes=2)
    order = await paying
    assert (order.status, (await shop.good("A"))["committed"]) == ("open", 3)
    assert await shop.value("select state from checkout") == "placed"


async def test_nobody_is_charged_for_goods_that_are_gone_already(shop: Till) -> None:
    """Paid after the time, when somebody else has the goods: refused before any call to the provider."""
    late, quick = await shop.node(), await shop.node()
    checkout = await shop.begin(late, ("A", 3))
    shop.later(minutes=16)
    await shop.buy(quick, ("A", 3))
    with pytest.raises(GoodsGone):
        await shop.pay(checkout)
    assert await shop.value("select count(*) from payment") == 1


async def test_a_coupon_is_held_while_it_is_paid_and_used_once(shop: Till) -> None:
    """Two baskets, one coupon: refused to the second while the first pays. The first runs out, the second buys with
    it; the first one's payment, answered only now, goes back, and he is told which coupon is gone."""
    written = {"code": "ten", "name": "Ten", "effects": [{"kind": "amount_off", "amount_minor": 100}]}
    coupon = msgspec.convert(written | {"needs_coupon": True, "currency": "EUR"}, Definition)
    async with transaction(shop.pool) as conn:
        await promotions.save_promotion(conn, coupon, actor="test", now=shop.now, status="active")
        made = await promotions.make_coupons(conn, "ten", NewCoupons(), actor="test", now=shop.now)
    views = [await shop.add(await shop.node(), ("A", 1)) for _ in range(2)]
    for view in views:
        async with transaction(shop.pool) as conn:
            await carts.set_coupons(conn, view.id, made.coupons, shop.touch())
    first = await shop.begin_cart(views[0].id)
    assert first.quote.offer.total_minor == 900
    assert (await shop.begin_cart(views[1].id, source_order_id="w-2")).quote.offer.total_minor == 1000
    shop.later(minutes=14)
    paying = asyncio.create_task(shop.pay(first, PayRequest(provider="test", token="tok_slow")))
    await asyncio.sleep(0.5)
    shop.later(minutes=2)
    second = await shop.begin_cart(views[1].id, source_order_id="w-2")
    order = await shop.pay(second)
    assert (order.total_minor, tuple(order.coupons)) == (900, made.coupons)
    with pytest.raises(OfferGone) as gone:
        await paying
    assert gone.value.extra["coupon"] == made.coupons[0]
    states = await shop.pool.fetch("select state from payment order by created_at")
    assert [row["state"] for row in states] == ["voided", "authorised"]
    assert (await shop.good("A"))["committed"] == 1


async def test_a_shipment_is_split_over_places_and_a_pickup_is_not(shop: Till) -> None:
    """Golden G15: five wanted, three in Milano and four in the warehouse: sent in two parcels, not collected there."""
    await shop.location("warehouse", kind="warehouse", picks_up=False)
    await shop.receive("warehouse", A=4)
    node = await shop.node()
    view = await shop.add(node, ("A", 5))
    with pytest.raises(GoodsGone) as refused:
        await shop.begin_cart(view.id, fulfilment="pickup", location=STORE)
    assert refused.value.extra["lines"] == [{"sku": "A", "asked": 5, "available": 3}]
    assert refused.value.extra["can_ship"] is True
    order = await shop.pay(await shop.begin_cart(view.id))
    parcels = (await shop.detail(order.number)).fulfilments
    assert {(one.location, *one.lines.values()) for one in parcels} == {("warehouse", 4), (STORE, 1)}


@pytest.mark.parametrize(
    ("token", "state"),
    [
        ("tok_unknown_then_approved", "placed"),
        ("tok_unknown_then_declined", "open"),
        ("tok_unknown_never_arrived", "open"),
    ],
)
async def test_an_unknown_outcome_is_looked_up(shop: Till, token: str, state: str) -> None:
    """The answer was lost: the provider is asked what became of it before anything else is done."""
    checkout = await shop.begin(await shop.node(), ("A", 1))
    request = PayRequest(provider="test", token=token)
    if state == "placed":
        assert (await shop.pay(checkout, request)).payment_status == "authorised"
    elif token == "tok_unknown_never_arrived":
        with pytest.raises(PaymentUnknown):
            await shop.pay(checkout, request)
        shop.later(minutes=1)
        await shop.fire()
        assert await shop.value("select state from payment") == "declined"
    else:
        with pytest.raises(PaymentDeclined):
            await shop.pay(checkout, request)
    assert await shop.value("select state from checkout") == state


async def test_a_transfer_waits_and_its_order_with_it(shop: Till) -> None:
    """Placed unpaid; confirmed it is paid; another whose money never comes is cancelled at the deadline."""
    transfer = PayRequest(provider="transfer")
    paid = await shop.pay(await shop.begin(await shop.node(), ("A", 1)), transfer)
    never = await shop.pay(await shop.begin(await shop.node(), ("A", 2)), transfer)
    assert (paid.payment_status, never.payment_status) == ("unpaid", "unpaid")
    payment = (await shop.detail(paid.number)).payments[0]
    async with transaction(shop.pool) as conn:
        _, order = await orders.confirm_payment(
            conn, payment.id, reference="CRO 1", accepted=True, actor="anna", now=shop.now
        )
    assert order is not None
    assert order.payment_status == "paid"
    shop.later(days=7)
    await shop.fire()
    assert (await shop.detail(never.number)).order.status == "cancelled"
    assert (await shop.detail(paid.number)).order.status == "open"
    assert (await shop.good("A"))["committed"] == 1
    shop.later(minutes=1)
    await shop.fire()
    assert (await shop.detail(never.number)).order.payment_status == "voided"


async def test_at_the_counter_money_and_goods_change_hands_at_once(shop: Till) -> None:
    """Carried away from the store: cash is checked, the money is captured."""
    checkout = await shop.begin(await shop.node(), ("A", 1), fulfilment="carry", location=STORE, channel="store")
    with pytest.raises(UnisonoError) as short:
        await shop.pay(checkout, PayRequest(provider="cash", tendered_minor=500))
    assert short.value.code == "not_enough_cash"
    order = await shop.pay(checkout, PayRequest(provider="cash", tendered_minor=2000))
    assert order.payment_status == "paid"


async def test_a_checkout_that_is_none(shop: Till) -> None:
    """Unknown, or asked for things that cannot be: a clear error, nothing changed."""
    with pytest.raises(CheckoutNotFound):
        await orders.pay(shop.pool, UUID(int=1), APPROVE)
    view = await shop.add(await shop.node(), ("A", 1))
    for request, code in (
        ({"minutes": 0}, "bad_minutes"),
        ({"shipping_minor": -1}, "bad_amount"),
        ({"fulfilment": "pickup"}, "location_missing"),
        ({"source_order_id": "x\x00"}, "bad_source_order_id"),
        ({"fulfilment": "ahead", "location": STORE}, "slot_missing"),
    ):
        with pytest.raises(UnisonoError) as error:
            await shop.begin_cart(view.id, **request)
        assert error.value.code == code
    checkout = await shop.begin_cart(view.id)
    for bad in (PayRequest(provider="gold"), PayRequest(provider="test", token="no"), PayRequest(provider="terminal")):
        with pytest.raises(UnisonoError):
            await shop.pay(checkout, bad)
    assert await shop.value("select count(*) from payment") == 0
