"""Click and collect, and parcels: ready, handed over once, or taken back and refunded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from tests.support.counter import events_of, make_person, make_place, make_variant, stock_up
from tests.support.secret import TEST_SECRET
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.duties import PaymentTimer
from unisono.commerce.orders.model import DirectPayment, NewLine, NewOrder
from unisono.commerce.orders.pickup import service
from unisono.commerce.orders.pickup.errors import NotPaid, PickupNotFound, PickupState
from unisono.commerce.orders.pickup.model import CounterPayment, Done, Parcel
from unisono.commerce.orders.pickup.timing import PickupTimeout
from unisono.commerce.orders.reservations.errors import WrongCode
from unisono.customers.profiles.upcoming import upcoming_items
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import BadRequest

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
"""Monday, ten in Rome."""
COLLECT_BY = datetime(2026, 6, 9, 17, 30, tzinfo=UTC)
"""The closing of the seventh day of opening after it: Sunday does not count."""


class Store(NamedTuple):
    """Milano with five pairs, and somebody with an identifier."""

    pool: Pool
    good: int
    node: int
    identifier: str


@pytest.fixture
async def store(pool: Pool) -> AsyncIterator[Store]:
    place = await make_place(pool)
    await pool.execute("update location set ships = true")
    variant = await make_variant(pool)
    good = await stock_up(pool, variant, place, 5)
    (node,) = await make_person(pool)
    yield Store(pool, good, node, await pool.fetchval("select namespace || ':' || value from node where id = $1", node))


async def order(store: Store, number: str = "W-1", *, paid: bool = True, units: int = 2, **more: Any) -> Parcel:
    """Two pairs at 80.00 to be collected in Milano."""
    asked = NewOrder(
        **{
            "source": "web",
            "source_order_id": number,
            "lines": (NewLine(sku="SHOE-42", quantity=units, unit_minor=8000, tax_rate_bp=2200),),
            "identifier": store.identifier,
            "fulfilment": "pickup",
            "location": "milano",
            "payment": DirectPayment(provider="cash") if paid else None,
            **more,
        }
    )
    async with transaction(store.pool) as conn:
        placed = (await orders.place_direct(conn, asked, secret=TEST_SECRET, actor="test", now=NOW)).order
        (parcel,) = await service.parcels_of(conn, placed.number)
        return parcel


async def ready(store: Store, parcel: Parcel) -> Done:
    async with transaction(store.pool) as conn:
        return await service.make_ready(conn, parcel.id, days=7, actor="clerk", now=NOW)


async def hand_over(store: Store, parcel: Parcel, *, now: datetime = NOW, **more: Any) -> Done:
    async with transaction(store.pool) as conn:
        code = await service.code_of(conn, parcel.id)
        assert code is not None
        return await service.hand_over(conn, parcel.id, code, actor="clerk", now=now, **more)


def worker(store: Store) -> TimerWorker:
    return TimerWorker(store.pool, [PickupTimeout()])


async def units(store: Store) -> tuple[int, int, int]:
    row = await store.pool.fetchrow("select capacity, held, committed from good where id = $1", store.good)
    assert row is not None
    return row["capacity"], row["held"], row["committed"]


async def names(store: Store) -> list[str]:
    return [name for name, _ in await events_of(store.pool, store.node)]


async def test_the_life_of_a_pick_up(store: Store) -> None:
    """Gathered, ready, told with the code, handed over: the shelf, the order and the person know."""
    parcel = await order(store)
    assert (parcel.state, parcel.due_minor, await units(store)) == ("planned", 0, (5, 0, 2))
    async with transaction(store.pool) as conn:
        assert (await service.start_picking(conn, parcel.id, actor="clerk", now=NOW)).parcel.state == "picking"
    done = await ready(store, parcel)
    assert (done.parcel.state, done.parcel.collect_by) == ("ready", COLLECT_BY)
    assert (await orders.get(store.pool, parcel.order_number)).status == "ready"
    told = dict(await events_of(store.pool, store.node))["Order Ready for Pickup"]
    code = await service.code_of(store.pool, parcel.id)
    assert (told["order_id"], told["expires_at"], told["pickup_code"], told["store_id"]) == (
        parcel.order_number,
        COLLECT_BY.isoformat(),
        code,
        "milano",
    )
    (coming,) = await upcoming_items(store.pool, [store.node], limit=5, now=NOW)
    assert (coming.name, coming.at) == ("Pick-up", COLLECT_BY)
    assert [one.id for one in await service.waiting(store.pool, ["milano"])] == [parcel.id]
    collected = await hand_over(store, parcel)
    assert (collected.parcel.state, collected.parcel.handed_by) == ("handed_over", "clerk")
    assert await units(store) == (3, 0, 0)
    found = await orders.get(store.pool, parcel.order_number)
    assert (found.status, found.lines[0].handed_over) == ("completed", 2)
    assert await service.waiting(store.pool, ["milano"]) == []
    assert await worker(store).drain(COLLECT_BY + timedelta(days=1)) == 0
    assert await names(store) == ["Order Completed", "Order Ready for Pickup", "Order Collected"]
    sequences = await store.pool.fetch("select sequence from change where kind = 'order' order by id")
    assert [row["sequence"] for row in sequences] == list(range(1, len(sequences) + 1))


async def test_what_nobody_came_for_is_cancelled_and_refunded(store: Store) -> None:
    """At the instant, once; the pairs are for sale again, the money is given back in full."""
    parcel = await order(store)
    await ready(store, parcel)
    assert await worker(store).drain(COLLECT_BY - timedelta(microseconds=1)) == 0
    await worker(store).drain(COLLECT_BY)
    found = await orders.get(store.pool, parcel.order_number)
    assert (found.status, found.refunded_minor) == ("cancelled", 16000)
    assert (await service.get(store.pool, parcel.id)).state == "not_collected"
    assert await units(store) == (5, 0, 0)
    await TimerWorker(store.pool, [PaymentTimer()]).drain(COLLECT_BY + timedelta(minutes=5))
    refunded = await store.pool.fetchrow("select state, refunded_minor from payment")
    assert refunded is not None and tuple(refunded) == ("refunded", 16000)
    told = await names(store)
    assert told.count("Order Not Collected") == told.count("Order Refunded") == told.count("Order Cancelled") == 1
    with pytest.raises(PickupState):
        await hand_over(store, parcel, now=COLLECT_BY)


async def test_hand_over_and_the_end_in_the_same_moment_never_both_never_neither(store: Store) -> None:
    """Forty times: the worker takes back what the clerk gives out."""
    await store.pool.execute("update good set capacity = 1000 where id = $1", store.good)
    gone = 0
    for n in range(40):
        parcel = await order(store, f"R-{n}")
        await ready(store, parcel)
        results = await asyncio.gather(
            worker(store).drain(COLLECT_BY), hand_over(store, parcel, now=COLLECT_BY), return_exceptions=True
        )
        assert not isinstance(results[0], BaseException), results
        await worker(store).drain(COLLECT_BY + timedelta(minutes=1))
        state = (await service.get(store.pool, parcel.id)).state
        handed = isinstance(results[1], Done)
        assert state == ("handed_over" if handed else "not_collected"), results
        assert (await orders.get(store.pool, parcel.order_number)).refunded_minor == (0 if handed else 16000)
        gone += 2 * handed
    assert await units(store) == (1000 - gone, 0, 0)


async def test_ten_clerks_hand_it_over_once(store: Store) -> None:
    """Nine are told that it is gone; two pairs leave, not twenty."""
    parcel = await order(store)
    results = await asyncio.gather(*(hand_over(store, parcel) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(result, Done) for result in results) == 1
    assert sum(isinstance(result, PickupState) for result in results) == 9, results
    assert await units(store) == (3, 0, 0)
    assert (await names(store)).count("Order Collected") == 1


async def test_pay_in_store_is_paid_at_the_counter(store: Store) -> None:
    """Without money nothing is handed over; with it the order is paid and completed."""
    parcel = await order(store, paid=False)
    assert parcel.due_minor == 16000
    with pytest.raises(NotPaid) as refused:
        await hand_over(store, parcel)
    assert refused.value.extra == {"due_minor": 16000, "currency": "EUR"}
    for bad in (CounterPayment(provider="terminal"), CounterPayment(provider="cash", tendered_minor=100)):
        with pytest.raises(BadRequest):
            await hand_over(store, parcel, payment=bad)
    assert await units(store) == (5, 0, 2)
    await hand_over(store, parcel, payment=CounterPayment(provider="cash", tendered_minor=20000))
    found = await orders.get(store.pool, parcel.order_number)
    assert (found.status, found.payment_status) == ("completed", "paid")
    paid = await store.pool.fetchrow("select state, captured_minor, provider from payment")
    assert paid is not None and tuple(paid) == ("captured", 16000, "cash")


async def test_unpaid_and_not_collected_gives_nothing_back(store: Store) -> None:
    """There is nothing to refund; the goods are free."""
    parcel = await order(store, paid=False)
    await ready(store, parcel)
    await worker(store).drain(COLLECT_BY)
    found = await orders.get(store.pool, parcel.order_number)
    assert (found.status, found.refunded_minor, found.payment_status) == ("cancelled", 0, "unpaid")
    assert await units(store) == (5, 0, 0)


async def test_the_code_is_read_as_people_say_it(store: Store) -> None:
    """In any case, with O for 0 and I for 1; another's code, or none, opens nothing."""
    parcel, other = await order(store), await order(store, "W-2")
    await store.pool.execute("update fulfilment set code = 'A0B1C2D3' where id = $1", parcel.id)
    for said in ("a0b1-c2d3", "AOBI C2D3", "pickup:A0B1C2D3"):
        assert (await service.check_code(store.pool, parcel.id, said)).id == parcel.id
        assert (await service.by_code(store.pool, said)).id == parcel.id
    their = await service.code_of(store.pool, other.id)
    for wrong in (their, "", "undefined", "\x00", "x" * 9999):
        with pytest.raises(WrongCode):
            await service.check_code(store.pool, parcel.id, wrong or "")
    with pytest.raises(PickupNotFound):
        await service.by_code(store.pool, "ZZZZZZZZ")


async def test_steps_only_go_forward(store: Store) -> None:
    """What is handed over is neither gathered nor ready nor handed over again."""
    parcel = await order(store)
    await hand_over(store, parcel)
    for step in (
        service.start_picking(store.pool, parcel.id, actor="x", now=NOW),
        service.make_ready(store.pool, parcel.id, days=7, actor="x", now=NOW),
    ):
        with pytest.raises(PickupState):
            await step
    with pytest.raises(PickupNotFound):
        await service.get(store.pool, 10**15)


async def test_a_shipment_goes_out_and_arrives(store: Store) -> None:
    """The goods leave the shelf when the parcel does; carrier and number are told."""
    parcel = await order(store, fulfilment="ship", location=None)
    assert parcel.kind == "ship"
    async with transaction(store.pool) as conn:
        sent = await service.ship(
            conn, parcel.order_number, parcel.id, carrier="SDA", tracking="IT123", actor="clerk", now=NOW
        )
    assert (sent.parcel.state, sent.parcel.shipped_at, await units(store)) == ("shipped", NOW, (3, 0, 0))
    async with transaction(store.pool) as conn:
        there = await service.deliver(conn, parcel.order_number, parcel.id, actor="SDA", now=NOW + timedelta(days=2))
    assert there.parcel.state == "delivered"
    told = dict(await events_of(store.pool, store.node))
    assert (told["Order Shipped"]["carrier"], told["Order Shipped"]["tracking_number"]) == ("SDA", "IT123")
    assert list(told) == ["Order Completed", "Order Shipped", "Order Delivered"]
    assert (await orders.get(store.pool, parcel.order_number)).status == "completed"
    for again in (
        service.ship(store.pool, parcel.order_number, parcel.id, carrier=None, tracking=None, actor="x", now=NOW),
        service.deliver(store.pool, parcel.order_number, parcel.id, actor="x", now=NOW),
    ):
        with pytest.raises(PickupState):
            await again
    with pytest.raises(PickupNotFound):
        await service.deliver(store.pool, "U-1", parcel.id, actor="x", now=NOW)
    with pytest.raises(BadRequest):
        await service.ship(store.pool, "U-1", parcel.id, carrier="a\x00", tracking=None, actor="x", now=NOW)
