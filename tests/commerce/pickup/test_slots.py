"""Slots and appointments on the database: made on demand, held like goods, each given once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.counter import events_of, make_person, make_place, make_variant, stock_up
from unisono.commerce.inventory.errors import NotEnough
from unisono.commerce.inventory.model import Need
from unisono.commerce.orders.slots import ahead, appointments, service
from unisono.commerce.orders.slots.errors import (
    AppointmentState,
    BadSlot,
    NoSlotRule,
    PlaceUnknown,
    SlotTaken,
)
from unisono.commerce.orders.slots.model import Appointment, NewAppointment, SlotAsk, SlotRule
from unisono.customers.profiles.upcoming import upcoming_items
from unisono.kit.database import Pool, transaction

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
TEN = datetime(2026, 6, 1, 8, tzinfo=UTC)
"""Ten in Rome."""


@pytest.fixture
async def store(pool: Pool) -> AsyncIterator[Pool]:
    """Milano, with Anna's time by the quarter of an hour and two pairs of hands behind the counter."""
    await make_place(pool)
    async with transaction(pool) as conn:
        for rule in (
            SlotRule(store_id="milano", kind="appointment", resource="anna", slot_minutes=15, capacity=1),
            SlotRule(store_id="milano", kind="ahead", slot_minutes=15, capacity=30, lead_minutes=20),
        ):
            await service.set_rule(conn, rule, now=NOW)
    yield pool


async def book(pool: Pool, node: int, at: datetime = TEN, *, minutes: int = 30, **more: Any) -> Appointment:
    """An appointment with Anna."""
    new = NewAppointment(
        node_id=node, store_id="milano", starts_at=at, minutes=minutes, resource="anna", service="Fitting", **more
    )
    async with transaction(pool) as conn:
        return await appointments.book(conn, new, now=NOW)


async def test_golden_g16(store: Pool) -> None:
    """Anna 10:00-10:30 held; 10:15 refused; cancelled: free at once."""
    one, other = await make_person(store, "one", "other")
    first = await book(store, one)
    with pytest.raises(SlotTaken) as refused:
        await book(store, other, TEN + timedelta(minutes=15))
    assert refused.value.extra["offers"][0] == (TEN + timedelta(minutes=30)).isoformat()
    async with transaction(store) as conn:
        await appointments.cancel(conn, first.id, actor="test", reason="ill", now=NOW)
    second = await book(store, other, TEN + timedelta(minutes=15))
    assert (second.state, second.ends_at) == ("booked", TEN + timedelta(minutes=45))


async def test_golden_g16_of_two_confirmations_one_wins(store: Pool) -> None:
    """The other is told that it is booked already."""
    (node,) = await make_person(store, "one")
    pending = await book(store, node, confirm_minutes=10)
    assert pending.state == "pending"
    assert await events_of(store, node) == []

    async def confirm() -> str:
        async with transaction(store) as conn:
            return (await appointments.confirm(conn, pending.id, actor="test", now=NOW)).state

    results = await asyncio.gather(confirm(), confirm(), return_exceptions=True)
    assert sorted(str(result) for result in results if isinstance(result, str)) == ["booked"]
    (lost,) = [result for result in results if not isinstance(result, str)]
    assert isinstance(lost, AppointmentState)
    assert lost.extra["state"] == "booked"
    assert [name for name, _ in await events_of(store, node)] == ["Appointment Booked"]


async def test_a_pending_time_is_free_at_the_instant_it_was_to_be_confirmed(store: Pool) -> None:
    """Whether or not anybody swept; confirming it then is refused."""
    one, other = await make_person(store, "one", "other")
    pending = await book(store, one, confirm_minutes=10)
    late = NOW + timedelta(minutes=10)
    async with transaction(store) as conn:
        found = await appointments.find(conn, pending.id, now=late)
        assert (found.state, found.reason) == ("cancelled", "not confirmed in time")
        new = NewAppointment(node_id=other, store_id="milano", starts_at=TEN, minutes=30, resource="anna")
        assert (await appointments.book(conn, new, now=late)).state == "booked"
    with pytest.raises(AppointmentState):
        async with transaction(store) as conn:
            await appointments.confirm(conn, pending.id, actor="test", now=late)


async def test_an_appointment_is_upcoming_until_it_is_kept(store: Pool) -> None:
    """Its events carry the dates; what is settled tells so once."""
    (node,) = await make_person(store, "one")
    made = await book(store, node)
    (coming,) = await upcoming_items(store, [node], limit=5, now=NOW)
    assert (coming.name, coming.at, coming.store_id) == ("Appointment", TEN, "milano")
    async with transaction(store) as conn:
        kept = await appointments.settle(conn, made.id, kept=True, actor="anna@shop", now=TEN)
    assert (kept.state, kept.settled_by) == ("kept", "anna@shop")
    assert await upcoming_items(store, [node], limit=5, now=NOW) == []
    for again in (True, False):
        with pytest.raises(AppointmentState):
            async with transaction(store) as conn:
                await appointments.settle(conn, made.id, kept=again, actor="test", now=TEN)
    assert [name for name, _ in await events_of(store, node)] == ["Appointment Booked", "Appointment Kept"]


async def test_a_pending_appointment_that_is_called_off_tells_nothing(store: Pool) -> None:
    """Nobody was told of it, so nobody is told that it is off."""
    (node,) = await make_person(store, "one")
    pending = await book(store, node, confirm_minutes=10)
    async with transaction(store) as conn:
        await appointments.cancel(conn, pending.id, actor="test", reason="changed my mind", now=NOW)
    assert await events_of(store, node) == []


async def test_twenty_who_want_one_time_get_it_once(store: Pool) -> None:
    """The slot does not exist as a row before; whoever comes makes it, one has it."""
    nodes = await make_person(store, *(f"p{n}" for n in range(20)))
    results = await asyncio.gather(*(book(store, node) for node in nodes), return_exceptions=True)
    assert sum(isinstance(result, Appointment) for result in results) == 1
    assert sum(isinstance(result, SlotTaken) for result in results) == 19
    assert await store.fetchval("select count(*) from capacity_slot") == 2
    assert await store.fetchval("select max(held + committed) from good where kind = 'slot'") == 1


async def test_overlapping_wishes_in_any_order_never_overlap_when_granted(store: Pool) -> None:
    """Half hours from every quarter: neighbours lock the same slots in the same order."""
    nodes = await make_person(store, *(f"p{n}" for n in range(12)))
    wishes = [book(store, node, TEN + timedelta(minutes=15 * (n % 6))) for n, node in enumerate(nodes)]
    results = await asyncio.gather(*wishes, return_exceptions=True)
    granted = sorted(result.starts_at for result in results if isinstance(result, Appointment))
    assert all(isinstance(result, Appointment | SlotTaken) for result in results), results
    assert len(granted) >= 2
    assert all(other - one >= timedelta(minutes=30) for one, other in itertools.pairwise(granted))


async def test_looking_writes_nothing(store: Pool) -> None:
    """A slot becomes a row when somebody takes of it."""
    rules = await service.slot_rules(store, "milano", kind="ahead")
    where = await service.locate(store, "milano")
    days = await service.days_of(store, where, rules, TEN.date(), now=NOW)
    assert len(days[""].cells) == 32
    assert await store.fetchval("select count(*) from capacity_slot") == 0


async def take_work(pool: Pool, key: str, at: datetime, minutes: int) -> SlotAsk:
    """Hands for an order."""
    async with transaction(pool) as conn:

        async def asking() -> SlotAsk:
            return await service.work_asks(conn, "milano", at, minutes, now=NOW)

        ask, _ = await service.take(
            conn, asking, key=key, node_id=None, expires_at=NOW + timedelta(minutes=15), reference=key, now=NOW
        )
        return ask


async def test_hands_run_out_and_the_ready_time_stays_honest(store: Pool) -> None:
    """Thirty minutes of hands in each quarter: the third order of twenty is ready a slot later."""
    first = await take_work(store, "a", TEN, 20)
    assert first.ready_at == TEN + timedelta(minutes=15)
    second = await take_work(store, "b", TEN, 20)
    assert len(second.asks) == 2  # ten of this slot, ten of the one before
    for key in ("c", "d"):
        await take_work(store, key, TEN - timedelta(minutes=15), 10)
    with pytest.raises(SlotTaken):
        await take_work(store, "e", TEN, 1)
    rows = await store.fetch("select held, capacity from good where kind = 'slot' order by key")
    assert [tuple(row) for row in rows] == [(30, 30), (30, 30)]


async def test_the_same_hands_are_never_given_twice(store: Pool) -> None:
    """Two of fourteen fill the slot, the second with what was free before it; a full slot is offered to nobody."""
    wishes = (take_work(store, f"k{n}", TEN, 25) for n in range(14))
    results = await asyncio.gather(*wishes, return_exceptions=True)
    assert all(isinstance(result, SlotAsk | SlotTaken) for result in results), results
    assert sum(isinstance(result, SlotAsk) for result in results) == 2
    assert await store.fetchval("select bool_and(held <= capacity) from good where kind = 'slot'")


async def test_a_changed_rule_moves_what_is_to_come_but_no_promise(store: Pool) -> None:
    """Fewer hands: a slot keeps what is promised of it, and nothing is promised beyond."""
    await take_work(store, "a", TEN, 25)
    rule = SlotRule(store_id="milano", kind="ahead", slot_minutes=15, capacity=10)
    async with transaction(store) as conn:
        await service.set_rule(conn, rule, now=NOW)
    assert await store.fetchval("select capacity from good where kind = 'slot'") == 25
    async with transaction(store) as conn:
        await service.set_rule(conn, SlotRule(store_id="milano", kind="ahead", slot_minutes=20, capacity=40), now=NOW)
    where = await service.locate(store, "milano")
    rules = await service.slot_rules(store, "milano", kind="ahead")
    cells = (await service.days_of(store, where, rules, TEN.date(), now=NOW))[""].cells
    near = [(cell.span.starts_at.hour, cell.span.starts_at.minute, cell.left) for cell in cells[2:6]]
    assert near == [(7, 40, 40), (8, 0, 15), (8, 20, 40), (8, 40, 40)]


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"slot_minutes": 4}, BadSlot),
        ({"slot_minutes": 2000}, BadSlot),
        ({"capacity": 0}, BadSlot),
        ({"capacity": 10**9}, BadSlot),
        ({"lead_minutes": -1}, BadSlot),
        ({"days_ahead": 91}, BadSlot),
        ({"resource": "a/b"}, BadSlot),
        ({"resource": "a\x00"}, BadSlot),
        ({"store_id": "nowhere"}, PlaceUnknown),
        ({"store_id": "mil\x00ano"}, PlaceUnknown),
    ],
)
async def test_a_rule_nobody_can_work_by_is_refused(store: Pool, rule: dict[str, Any], error: type) -> None:
    """And nothing is written."""
    fields = {"store_id": "milano", "kind": "pickup", "slot_minutes": 30, "capacity": 4, **rule}
    with pytest.raises(error):
        async with transaction(store) as conn:
            await service.set_rule(conn, SlotRule(**fields), now=NOW)
    assert await store.fetchval("select count(*) from slot_rule") == 2


async def test_times_outside_what_is_offered_are_refused(store: Pool) -> None:
    """Too soon, too far, closed, between two slots, without a rule, without a zone."""
    (node,) = await make_person(store, "one")
    for at in (
        NOW - timedelta(days=1),
        TEN + timedelta(days=30),
        datetime(2026, 6, 1, 12, tzinfo=UTC),
        TEN + timedelta(minutes=7),
    ):
        with pytest.raises(SlotTaken):
            await book(store, node, at)
    with pytest.raises(BadSlot):
        await book(store, node, TEN.replace(tzinfo=None))
    with pytest.raises(BadSlot):
        await book(store, node, minutes=10**6)
    with pytest.raises(NoSlotRule):
        async with transaction(store) as conn:
            await service.place_asks(conn, "milano", "pickup", TEN, now=NOW)
    assert await store.fetchval("select count(*) from hold") == 0


async def test_goods_and_hands_are_held_together_or_not_at_all(store: Pool) -> None:
    """Eight orders at once for five cakes and ninety minutes of hands: three are made, nothing is left half held."""
    place = int(await store.fetchval("select id from location"))
    cake = await make_variant(store, "CAKE", prep_minutes=30)
    await stock_up(store, cake, place, 5)

    async def wish(n: int) -> ahead.Held:
        async with transaction(store) as conn:
            return await ahead.hold(
                conn,
                "milano",
                TEN,
                [Need(cake, 1)],
                channel="app",
                node_id=None,
                key=f"order-{n}",
                expires_at=NOW + timedelta(minutes=15),
                reference=f"cart:{n}",
                now=NOW,
            )

    results = await asyncio.gather(*(wish(n) for n in range(8)), return_exceptions=True)
    held = [result for result in results if isinstance(result, ahead.Held)]
    assert all(isinstance(result, ahead.Held | SlotTaken | NotEnough) for result in results), results
    assert len(held) == 1  # thirty minutes fill the slot; who comes after is offered another
    assert held[0].ask.ready_at == TEN + timedelta(minutes=15)
    goods = {
        row["kind"]: row["held"] for row in await store.fetch("select kind, sum(held) as held from good group by kind")
    }
    assert goods == {"stock": 1, "slot": 30}


async def test_a_time_is_offered_only_if_the_goods_are_there(store: Pool) -> None:
    """Hands alone make no cake: the reason says how many are left, and holding says the same."""
    place = int(await store.fetchval("select id from location"))
    cake = await make_variant(store, "CAKE", prep_minutes=10)
    await stock_up(store, cake, place, 2)
    some = await ahead.offers(store, "milano", "ahead", day=TEN.date(), needs=[Need(cake, 2)], now=NOW)
    assert (some.needs, some.reasons) == (20, [])
    assert some.offers[0].starts_at == NOW + timedelta(hours=1)
    assert some.offers[0].ready_at == some.offers[0].ends_at
    none = await ahead.offers(store, "milano", "ahead", day=TEN.date(), needs=[Need(cake, 3)], now=NOW)
    assert (none.offers, none.reasons[0].code) == ([], "not_enough_stock")
    with pytest.raises(NotEnough) as short:
        async with transaction(store) as conn:
            await ahead.hold(
                conn,
                "milano",
                TEN,
                [Need(cake, 3)],
                channel="app",
                node_id=None,
                key="k",
                expires_at=None,
                reference="r",
                now=NOW,
            )
    assert short.value.lines[0]["available"] == 2
    assert await store.fetchval("select count(*) from hold") == 0


@pytest.mark.parametrize(("day", "slots"), [("2026-10-25", 100), ("2027-03-28", 92)])
async def test_on_the_days_the_clocks_change_every_slot_can_be_had_once(pool: Pool, day: str, slots: int) -> None:
    """25 and 23 hours of quarters: each is another good, also the hour that comes twice."""
    every_day = {name: [["00:00", "24:00"]] for name in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    await make_place(pool, opening=every_day)
    at = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(days=1)
    rule = SlotRule(store_id="milano", kind="pickup", slot_minutes=15, capacity=1)
    async with transaction(pool) as conn:
        await service.set_rule(conn, rule, now=at)
        found = await ahead.offers(conn, "milano", "pickup", day=datetime.fromisoformat(day).date(), now=at)
    assert len(found.offers) == slots
    assert len({offer.starts_at for offer in found.offers}) == slots
    for n, offer in enumerate(found.offers[6:16]):
        async with transaction(pool) as conn:

            async def asking(at_slot: datetime = offer.starts_at) -> SlotAsk:
                return await service.place_asks(conn, "milano", "pickup", at_slot, now=at)

            await service.take(conn, asking, key=f"k{n}", node_id=None, expires_at=None, reference="r", now=at)
            with pytest.raises(SlotTaken):
                await asking()
    assert await pool.fetchval("select count(*) from capacity_slot") == 10
