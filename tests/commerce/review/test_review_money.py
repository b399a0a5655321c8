"""Money to the last cent: units sent, called off and brought back in any order never give back what was not taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.ordering import Till, open_till
from unisono.commerce.orders import rules
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.errors import OrderState
from unisono.commerce.orders.model import CancelLine, Order, OrderLine, PayRequest, ReturnAsked, ReturnRequest
from unisono.commerce.orders.pickup import service as parcels
from unisono.kit.database import Pool, transaction


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Till]:
    """Three of A in the store and two in another one, nothing else; the books are right at the end."""
    till = await open_till(pool, A=3)
    await till.location("roma")
    await till.receive("roma", A=2)
    yield till
    await till.check()


async def ship(shop: Till, order: Order, units: int) -> Order:
    """The parcel of so many units leaves."""
    async with transaction(shop.pool) as conn:
        found = await parcels.parcels_of(conn, order.number)
        one = next(parcel for parcel in found if sum(line.quantity for line in parcel.lines) == units)
        done = await parcels.ship(conn, order.number, one.id, carrier=None, tracking=None, actor="anna", now=shop.now)
    await orders.finish_all(shop.pool, done.calls, clock=lambda: shop.now)
    return (await shop.detail(order.number)).order


async def call_off(shop: Till, order: Order, units: int | None = None) -> Order:
    """Units nobody has yet, or all of them, are cancelled."""
    lines = None if units is None else [CancelLine(order.lines[0].id, units)]
    async with transaction(shop.pool) as conn:
        changed = await orders.cancel(conn, order.number, lines=lines, reason="no", actor="anna", now=shop.now)
    return await shop.change(changed)


async def bring(shop: Till, order: Order, units: int, **more: Any) -> int:
    """Units come back; what is given back for them."""
    asked = ReturnRequest(lines=(ReturnAsked(order.lines[0].id, units),), reason="too small", **more)
    async with transaction(shop.pool) as conn:
        made = await orders.return_lines(conn, order.number, asked, actor="anna", now=shop.now)
    await orders.finish_all(shop.pool, made.calls, clock=lambda: shop.now)
    return made.made.refund_minor


async def money(shop: Till, order: Order) -> tuple[int, int]:
    """What was taken and what was given back."""
    payment = (await shop.detail(order.number)).payments[0]
    return payment.captured_minor, payment.refunded_minor


async def test_calling_off_what_was_never_taken_gives_nothing_back(shop: Till) -> None:
    """Five in two parcels: three are sent and paid, two called off: the customer has paid for the three he has."""
    order = await shop.buy(await shop.node(), ("A", 5))
    order = await ship(shop, order, 3)
    assert await money(shop, order) == (3000, 0)
    order = await call_off(shop, order)
    assert await money(shop, order) == (3000, 0)
    assert (order.status, order.refunded_minor, order.payment_status) == ("completed", 0, "paid")
    assert await bring(shop, order, 3) == 3000
    assert await money(shop, order) == (3000, 3000)


async def test_calling_off_what_was_taken_gives_it_back(shop: Till) -> None:
    """Paid at once: the two called off come back in money, the three sent stay paid, and come back in full later."""
    order = await shop.pay(
        await shop.begin(await shop.node(), ("A", 5)),
        PayRequest(provider="test", token="tok_approve", capture=True),
    )
    order = await ship(shop, order, 3)
    order = await call_off(shop, order)
    assert await money(shop, order) == (5000, 2000)
    assert (order.status, order.refunded_minor) == ("completed", 2000)
    assert await bring(shop, order, 1) + await bring(shop, order, 2) == 3000
    assert await money(shop, order) == (5000, 5000)


@pytest.mark.parametrize("at_once", [True, False])
async def test_cents_that_do_not_divide(shop: Till, at_once: bool) -> None:
    """Five for 50.02 with the sending: whatever leaves and comes back in between, nothing and no cent is left over."""
    async with transaction(shop.pool) as conn:
        await conn.execute("update price set amount_minor = 999")
    order = await shop.pay(
        await shop.begin(await shop.node(), ("A", 5), shipping_minor=7),
        PayRequest(provider="test", token="tok_approve", capture=at_once),
    )
    order = await ship(shop, order, 3)
    order = await call_off(shop, order, 1)
    order = await ship(shop, order, 1)
    taken, back = await money(shop, order)
    assert taken - back == 4 * 999 + 7
    assert await bring(shop, order, 3) == 3 * 999
    assert await bring(shop, order, 1, refund_shipping=True) == 999 + 7
    taken, back = await money(shop, order)
    assert taken - back == 0


async def test_what_sending_cost_comes_back_once_with_whichever_return_asks_for_it(shop: Till) -> None:
    """Not with the first alone: something was given back before, for goods or as an apology; nothing was for none."""
    order = await shop.pay(
        await shop.begin(await shop.node(), ("A", 5), shipping_minor=490),
        PayRequest(provider="test", token="tok_approve", capture=True),
    )
    order = await ship(shop, order, 3)
    order = await ship(shop, order, 2)
    assert await bring(shop, order, 1) == 1000
    assert await bring(shop, order, 1, refund_shipping=True, refund_to="none") == 0
    assert await bring(shop, order, 1, refund_shipping=True) == 1490
    assert await bring(shop, order, 1, refund_shipping=True) == 1000
    assert await bring(shop, order, 1) == 1000
    assert await money(shop, order) == (5490, 4490)


def _line(quantity: int, total: int) -> OrderLine:
    return OrderLine(
        id=1,
        position=0,
        variant_id=1,
        sku="A",
        name="A",
        quantity=quantity,
        unit_minor=0,
        discount_minor=0,
        tax_rate_bp=0,
        tax_minor=0,
        total_minor=total,
    )


@given(
    st.integers(1, 9),
    st.integers(0, 1000),
    st.lists(st.tuples(st.sampled_from(("hand", "cancel", "return")), st.integers(1, 4)), max_size=14),
)
def test_each_unit_is_paid_once_and_given_back_once(quantity: int, total: int, steps: list[tuple[str, int]]) -> None:
    """Handed over, called off and brought back in any order: what was taken for units handed over is what they bring
    back, and with what was called off it is the line's total."""
    line, taken, spared, back = _line(quantity, total), 0, 0, 0
    for what, asked in [*steps, ("hand", quantity), ("return", quantity)]:
        room = line.handed_over - line.returned if what == "return" else quantity - line.handed_over - line.cancelled
        count = min(asked, room)
        if not count:
            continue
        if what == "hand":
            taken += rules.worth(line, count, line.handed_over, tax_included=True)
            line = replace(line, handed_over=line.handed_over + count)
        elif what == "cancel":
            spared += rules.worth(line, count, rules.cancelled_from(line, count), tax_included=True)
            line = replace(line, cancelled=line.cancelled + count)
        else:
            back += rules.worth(line, count, line.returned, tax_included=True)
            line = replace(line, returned=line.returned + count)
    assert taken + spared == total
    assert taken == back


async def test_a_gesture_before_the_return_is_part_of_what_goes_back(shop: Till) -> None:
    """29.97 for three, 20.01 given back as a gesture: the three bring back the 9.96 that are left, one by one."""
    async with transaction(shop.pool) as conn:
        await conn.execute("update price set amount_minor = 999")
    order = await shop.pay(
        await shop.begin(await shop.node(), ("A", 3)),
        PayRequest(provider="test", token="tok_approve", capture=True),
    )
    order = await ship(shop, order, 3)
    async with transaction(shop.pool) as conn:
        changed = await orders.refund(conn, order.number, amount=2001, reason="late", actor="anna", now=shop.now)
    order = await shop.change(changed)
    assert [await bring(shop, order, 1) for _ in range(3)] == [996, 0, 0]
    assert await money(shop, order) == (2997, 2997)
    assert (await shop.detail(order.number)).order.payment_status == "refunded"


async def test_no_cash_for_what_was_never_paid(shop: Till) -> None:
    """Sent on a transfer that has not come: brought back it gives no money, in whatever way it is asked for."""
    begun = await shop.begin(await shop.node(), ("A", 3))
    order = await ship(shop, await shop.pay(begun, PayRequest(provider="transfer")), 3)
    for way in ("original", "cash", "transfer"):
        with pytest.raises(OrderState):
            await bring(shop, order, 1, refund_to=way)
    assert await bring(shop, order, 1, refund_to="none") == 0
