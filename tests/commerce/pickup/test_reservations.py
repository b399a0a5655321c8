"""Reservations: kept until the deadline to the instant, handed over once, limits that hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from tests.support.counter import events_of, make_person, make_place, make_variant, stock_up
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.inventory.errors import NotEnough
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.model import DirectPayment
from unisono.commerce.orders.reservations import service
from unisono.commerce.orders.reservations.errors import (
    BadReservation,
    ReservationNotFound,
    ReservationRefused,
    ReservationState,
    WrongCode,
)
from unisono.commerce.orders.reservations.model import NewReservation, Policy, ReceiptReference, Reservation
from unisono.commerce.orders.reservations.timing import ReservationExpiry, ReservationReminder
from unisono.commerce.orders.slots.errors import PlaceUnknown
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import NewPrice, NewPriceList
from unisono.customers.identity import service as identity
from unisono.customers.profiles.upcoming import upcoming_items
from unisono.customers.timers import service as timers
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Pool, transaction

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
"""Monday, ten in Rome."""
DEADLINE = datetime(2026, 6, 2, 17, 30, tzinfo=UTC)
"""Tuesday's closing: 19:30 in Rome."""
POLICY = Policy()


class Store(NamedTuple):
    """A store with three pairs of a shoe."""

    pool: Pool
    good: int
    variant: int
    nodes: list[int]


@pytest.fixture
async def store(pool: Pool) -> AsyncIterator[Store]:
    place = await make_place(pool)
    variant = await make_variant(pool)
    good = await stock_up(pool, variant, place, 3)
    yield Store(pool, good, variant, await make_person(pool, *"abcdefgh"))


async def reserve(
    store: Store, node: int = 0, *, now: datetime = NOW, policy: Policy = POLICY, **more: Any
) -> Reservation:
    """One pair for one of the people."""
    new = NewReservation(
        **{"node_id": store.nodes[node], "code": "SHOE-42", "store_id": "milano", "channel": "app", **more}
    )
    async with transaction(store.pool) as conn:
        return await service.reserve(conn, new, policy=policy, now=now)


async def hand_over(store: Store, made: Reservation, *, now: datetime = NOW, **more: Any) -> Reservation:
    async with transaction(store.pool) as conn:
        return await service.hand_over(conn, made.id, made.code, actor="clerk", now=now, **more)


async def units(store: Store) -> tuple[int, int, int]:
    """What the good has: on hand, held, committed."""
    row = await store.pool.fetchrow("select capacity, held, committed from good where id = $1", store.good)
    assert row is not None
    return row["capacity"], row["held"], row["committed"]


def worker(store: Store) -> TimerWorker:
    return TimerWorker(store.pool, [ReservationExpiry(), ReservationReminder()])


async def names(store: Store, node: int = 0) -> list[str]:
    return [name for name, _ in await events_of(store.pool, store.nodes[node])]


async def test_a_reservation_keeps_units_until_the_next_closing(store: Store) -> None:
    """Hold, row, event, change and timers, all of it or nothing."""
    made = await reserve(store)
    assert (made.state, made.deadline, made.name) == ("held", DEADLINE, "Product SHOE-42")
    assert await units(store) == (3, 1, 0)
    ((name, told),) = await events_of(store.pool, store.nodes[0])
    assert (name, told["reservation_id"], told["sku"]) == ("Product Reserved", made.id, "SHOE-42")
    assert (told["expires_at"], told["store_id"]) == (DEADLINE.isoformat(), "milano")
    (coming,) = await upcoming_items(store.pool, [store.nodes[0]], limit=5, now=NOW)
    assert (coming.name, coming.at) == ("Reservation ends", DEADLINE)
    expiry = await timers.find_timer(store.pool, "reservation.expiry", made.id)
    reminder = await timers.find_timer(store.pool, "reservation.reminder", made.id)
    assert expiry is not None and expiry.due_at == DEADLINE
    assert reminder is not None and (reminder.due_at, reminder.not_after) == (DEADLINE - timedelta(hours=2), DEADLINE)
    change = await store.pool.fetchrow("select * from change where kind = 'reservation'")
    assert change is not None and (change["subject"], change["sequence"]) == (f"reservation:{made.id}", 1)


async def test_the_life_of_a_reservation(store: Store) -> None:
    """Ready, reminded, handed over: each told once, in order, with a sequence without gaps."""
    made = await reserve(store)
    async with transaction(store.pool) as conn:
        ready = await service.make_ready(conn, made.id, actor="clerk", now=NOW + timedelta(minutes=5))
    assert ready.state == "ready"
    assert await worker(store).drain(DEADLINE - timedelta(hours=2)) == 1
    done = await hand_over(store, made, now=DEADLINE - timedelta(microseconds=1))
    assert (done.state, done.settled_by) == ("collected", "clerk")
    assert await units(store) == (2, 0, 0)
    assert await worker(store).drain(DEADLINE + timedelta(days=1)) == 0
    assert await names(store) == [
        "Product Reserved",
        "Reservation Ready",
        "Reservation Reminder",
        "Reservation Collected",
    ]
    sequences = await store.pool.fetch("select sequence from change where kind = 'reservation' order by id")
    assert [row["sequence"] for row in sequences] == [1, 2, 3]
    assert await upcoming_items(store.pool, [store.nodes[0]], limit=5, now=NOW) == []


async def test_at_the_deadline_it_is_dead_without_anybody_noticing(store: Store) -> None:
    """Handing over is refused, the units are somebody else's, and the list says expired: no timer has fired."""
    made = await reserve(store, quantity=3)
    assert (await service.get(store.pool, made.id, now=DEADLINE)).state == "expired"
    with pytest.raises(ReservationState):
        await hand_over(store, made, now=DEADLINE)
    with pytest.raises(NotEnough):
        await reserve(store, 1, now=DEADLINE - timedelta(microseconds=1), until=DEADLINE + timedelta(days=2))
    assert (await reserve(store, 1, now=DEADLINE, quantity=3)).state == "held"
    found, _ = await service.reservations(store.pool, now=DEADLINE, states=["expired"])
    assert [one.id for one in found] == [made.id]


async def test_the_timer_writes_the_end_down_once(store: Store) -> None:
    """Event, change, free units; the reminder before it is skipped when the worker slept over both."""
    made = await reserve(store)
    assert await worker(store).drain(DEADLINE + timedelta(minutes=1)) == 2
    assert (await service.get(store.pool, made.id, now=NOW)).state == "expired"
    assert await units(store) == (3, 0, 0)
    assert await names(store) == ["Product Reserved", "Reservation Expired"]
    reminder = await timers.find_timer(store.pool, "reservation.reminder", made.id)
    assert reminder is not None and reminder.state == "skipped"


async def test_expiry_and_hand_over_in_the_same_moment_never_both_never_neither(store: Store) -> None:
    """A hundred times: the worker at the deadline, the clerk a microsecond before it."""
    outcomes = {"collected": 0, "expired": 0}
    await store.pool.execute("update good set capacity = 1000 where id = $1", store.good)
    for n in range(100):
        made = await reserve(store, n % 8, policy=Policy(floor=1000))
        results = await asyncio.gather(
            worker(store).drain(DEADLINE),
            hand_over(store, made, now=DEADLINE - timedelta(microseconds=1)),
            return_exceptions=True,
        )
        refused = isinstance(results[1], ReservationState)
        state = (await service.get(store.pool, made.id, now=NOW)).state
        assert state == ("expired" if refused else "collected"), results
        outcomes[state] += 1
    row = await store.pool.fetchrow("select capacity, held, committed from good where id = $1", store.good)
    assert row is not None
    assert tuple(row) == (1000 - outcomes["collected"], 0, 0)
    told = await store.pool.fetchval(
        "select count(*) from event where name in ('Reservation Collected', 'Reservation Expired')"
    )
    assert told == 100


async def test_ten_clerks_hand_it_over_once(store: Store) -> None:
    """One unit leaves; nine are told that it is gone."""
    made = await reserve(store)
    results = await asyncio.gather(*(hand_over(store, made) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(result, Reservation) for result in results) == 1
    assert sum(isinstance(result, ReservationState) for result in results) == 9
    assert await units(store) == (2, 0, 0)


@pytest.mark.parametrize("first", ["receipt", "hand-over"])
async def test_with_a_receipt_the_unit_leaves_once_whichever_comes_first(store: Store, first: str) -> None:
    """The till's receipt and the hand-over move stock under one reference."""
    made = await reserve(store, quantity=2)
    receipt = ReceiptReference(till_id="till-1", receipt_id="R-77")
    reference = service.receipt_key("milano", receipt)

    async def till() -> None:
        async with transaction(store.pool) as conn:
            await service.inventory.sell_at_till(
                conn,
                "milano",
                [(store.variant, 2)],
                reference=reference,
                actor="till",
                override_reason="the till sold it",
                occurred_at=NOW,
                now=NOW,
            )

    if first == "receipt":
        await till()
    done = await hand_over(store, made, receipt=receipt)
    if first == "hand-over":
        await till()
    assert done.receipt == reference
    assert await units(store) == (1, 0, 0)
    moved = await store.pool.fetchval("select sum(quantity) from stock_movement where state = 'on_hand'")
    assert moved == -2


async def test_paid_at_the_counter_it_becomes_an_order(store: Store) -> None:
    """At the price of the day, once, under the identifier it was reserved with; the unit leaves once."""
    async with transaction(store.pool) as conn:
        await pricing.create_list(conn, NewPriceList(code="base", name="base", currency="EUR"))
        await pricing.set_prices(conn, "base", [NewPrice("SHOE-42", 8900, None, None)], actor="test", now=NOW)
    made = await reserve(store, now=NOW + timedelta(minutes=1))
    assert (made.unit_minor, made.currency) == (8900, "EUR")
    later = NOW + timedelta(hours=1)
    done = await hand_over(store, made, now=later, payment=DirectPayment(provider="cash"))
    assert done.order_number is not None
    order = await orders.get(store.pool, done.order_number)
    assert (order.node_id, order.status, order.payment_status, order.total_minor) == (
        store.nodes[0],
        "completed",
        "paid",
        8900,
    )
    assert await units(store) == (2, 0, 0)
    assert await names(store) == ["Product Reserved", "Order Completed", "Reservation Collected"]


async def test_a_cancelled_reservation_frees_its_units_at_once(store: Store) -> None:
    """And cannot be handed over, cancelled or made ready any more."""
    made = await reserve(store, quantity=3)
    async with transaction(store.pool) as conn:
        done = await service.cancel(conn, made.id, actor="mario", reason="too small", channel="app", now=NOW)
    assert (done.state, done.reason) == ("cancelled", "too small")
    assert await units(store) == (3, 0, 0)
    assert (await reserve(store, 1, quantity=3)).state == "held"
    with pytest.raises(ReservationState):
        await hand_over(store, made)
    for again in (service.cancel(store.pool, made.id, actor="x", reason="", now=NOW),
                  service.make_ready(store.pool, made.id, actor="x", now=NOW)):  # fmt: skip
        with pytest.raises(ReservationState):
            await again
    assert await names(store) == ["Product Reserved", "Reservation Cancelled"]


async def test_it_is_extended_once_to_the_next_closing(store: Store) -> None:
    """The hold, the timers and what is to come move with it."""
    made = await reserve(store)
    async with transaction(store.pool) as conn:
        longer = await service.extend(conn, made.id, policy=POLICY, now=NOW)
    assert longer.deadline == DEADLINE + timedelta(days=1)
    (coming,) = await upcoming_items(store.pool, [store.nodes[0]], limit=5, now=NOW)
    assert coming.at == longer.deadline
    assert await worker(store).drain(DEADLINE + timedelta(minutes=1)) == 0
    with pytest.raises(ReservationState, match="extended once"):
        await service.extend(store.pool, made.id, policy=POLICY, now=NOW)
    assert (await hand_over(store, made, now=longer.deadline - timedelta(seconds=1))).state == "collected"


async def test_the_code_must_be_its_own(store: Store) -> None:
    """As it is typed, in any case; another reservation's is refused and changes nothing."""
    made, other = await reserve(store), await reserve(store, 1)
    for code in (other.code, "", "x" * 5000, "\x00", "undefined"):
        with pytest.raises(WrongCode):
            async with transaction(store.pool) as conn:
                await service.hand_over(conn, made.id, code, actor="clerk", now=NOW)
    typed = f" {made.code[:4].lower()}-{made.code[4:].lower()} "
    assert (await service.check_code(store.pool, made.id, typed, now=NOW)).id == made.id
    assert (await service.by_code(store.pool, typed, now=NOW)).id == made.id
    assert await units(store) == (3, 2, 0)


async def test_open_reservations_are_limited_over_all_identifiers(store: Store) -> None:
    """Two identifiers of one person count together; ten requests at once get no more."""
    policy = Policy(most_open=2)
    await store.pool.execute("update good set capacity = 100 where id = $1", store.good)
    async with transaction(store.pool) as conn:
        await identity.join(conn, store.nodes[0], store.nodes[1], actor="test", reason="same person")
    results = await asyncio.gather(*(reserve(store, n % 2, policy=policy) for n in range(10)), return_exceptions=True)
    assert sum(isinstance(result, Reservation) for result in results) == 2
    refused = [result for result in results if isinstance(result, ReservationRefused)]
    assert len(refused) == 8
    assert refused[0].reasons[0].code == "reservations_open"
    assert str(refused[0]) == "2 reservations are open, more than 2 are not granted."
    assert await units(store) == (100, 2, 0)
    assert (await reserve(store, 2, policy=policy)).state == "held"


async def test_who_often_does_not_come_gets_fewer(store: Store) -> None:
    """Three missed of four are 75 percent: one open reservation, and the reason says why."""
    await store.pool.execute("update good set capacity = 100 where id = $1", store.good)
    await hand_over(store, await reserve(store))
    for _ in range(3):
        await reserve(store)
    await worker(store).drain(DEADLINE)
    later = DEADLINE + timedelta(minutes=1)
    found = await service.no_show(store.pool, [store.nodes[0]], POLICY, now=later)
    assert (found.score, found.allowed_open, found.track.expired) == (75, 1, 3)
    await reserve(store, now=later)
    with pytest.raises(ReservationRefused, match="75 percent"):
        await reserve(store, now=later)


async def test_what_a_merge_joins_a_split_takes_apart_again(store: Store) -> None:
    """A reservation stays with its identifier: the person shown follows (R9)."""
    made = await reserve(store, 1)
    async with transaction(store.pool) as conn:
        await identity.join(conn, store.nodes[0], store.nodes[1], actor="test", reason="same person")
    joined = await service.get(store.pool, made.id, now=NOW)
    async with transaction(store.pool) as conn:
        await identity.split(conn, joined.person_id, [store.nodes[1]], actor="test", reason="not the same")
    apart = await service.get(store.pool, made.id, now=NOW)
    assert (joined.node_id, joined.person_id) == (store.nodes[1], store.nodes[0])
    assert (apart.node_id, apart.person_id) == (store.nodes[1], store.nodes[1])


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"quantity": 0}, BadReservation),
        ({"quantity": -1}, BadReservation),
        ({"quantity": 10**9}, BadReservation),
        ({"quantity": 4}, NotEnough),
        ({"code": "nothing"}, SkuUnknown),
        ({"code": "SHOE\x00"}, SkuUnknown),
        ({"store_id": "atlantis"}, PlaceUnknown),
        ({"until": NOW}, BadReservation),
        ({"until": NOW + timedelta(days=15)}, BadReservation),
        ({"until": (NOW + timedelta(days=1)).replace(tzinfo=None)}, BadReservation),
        ({"note": "x" * 501}, BadReservation),
        ({"note": "a\x00"}, BadReservation),
        ({"node_id": 2**62}, identity.PersonNotFound),
    ],
)
async def test_what_cannot_be_reserved_is_refused_and_changes_nothing(
    store: Store, wish: dict[str, Any], error: type[Exception]
) -> None:
    """No hold, no row, no event, no timer."""
    with pytest.raises(error):
        await reserve(store, **wish)
    for table in ("hold", "reservation", "event", "timer"):
        assert await store.pool.fetchval(f"select count(*) from {table}") == 0


async def test_a_draft_or_a_place_without_pick_up_takes_no_reservations(store: Store) -> None:
    """Retired goods neither."""
    await store.pool.execute("update location set picks_up = false")
    with pytest.raises(BadReservation):
        await reserve(store)
    await store.pool.execute("update location set picks_up = true; update variant set status = 'retired'")
    with pytest.raises(BadReservation):
        await reserve(store)


async def test_ids_that_are_none_are_not_found(store: Store) -> None:
    """Whatever somebody types."""
    for number in ("", "undefined", "0", "\x00", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(ReservationNotFound):
            await service.get(store.pool, number, now=NOW)


async def test_pages_go_through_all_once(store: Store) -> None:
    """Newest first; a key that is none is refused."""
    made = [await reserve(store, n, now=NOW + timedelta(seconds=n // 2)) for n in range(3)]
    seen: list[str] = []
    key = None
    while True:
        page, key = await service.reservations(store.pool, now=NOW, after=key, limit=1)
        seen += [one.id for one in page]
        if key is None:
            break
    assert sorted(seen) == sorted(one.id for one in made)
    with pytest.raises(service.BadRequest):
        await service.reservations(store.pool, now=NOW, after="nonsense")
    waiting = await service.to_hand_over(store.pool, ["milano", "roma"], now=NOW)
    assert len(waiting) == 3
    assert await service.to_hand_over(store.pool, ["roma"], now=NOW) == []
