"""Promises on the real database: taken, made firm, given back, dead at their instant; and the news of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.support.books import check_books
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import BadHold, GoodUnknown, HoldDead, WouldBreakPromises
from unisono.commerce.holds.model import Ask, CapacityMove, Grant, HoldRequest, NewGood, Refusal, Shortage
from unisono.commerce.holds.sweeping import Sweeper
from unisono.commerce.holds.taker import Taker
from unisono.kit.database import Connection as Conn
from unisono.kit.database import Pool, transaction

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def ask(key: str, *asked: tuple[int, ...], until: int | None = 15, at: datetime = NOW, **more: Any) -> HoldRequest:
    """A request for (good, quantity, leave) that dies ``until`` minutes after ``at``."""
    expires = None if until is None else at + until * MINUTE
    return HoldRequest(key=key, asks=tuple(Ask(*one) for one in asked), expires_at=expires, **more)


@pytest.fixture
async def conn(dsn: str) -> AsyncIterator[Conn]:
    """One connection."""
    conn = await asyncpg.connect(dsn)
    yield conn
    await conn.close()


async def stock(conn: Conn, capacity: int, key: str = "shoe@milano") -> int:
    """A good with so many units."""
    made = await holds.ensure_goods(conn, [NewGood("stock", key, capacity)])
    return made["stock", key]


async def one(conn: Conn, request: HoldRequest, *, now: datetime = NOW) -> Grant | Refusal:
    """The answer to one request, in a transaction of its own."""
    async with conn.transaction():
        [answer] = await holds.take(conn, [request], now=now)
    return answer


async def granted(conn: Conn, request: HoldRequest, *, now: datetime = NOW) -> Grant:
    """The same, which must be granted."""
    answer = await one(conn, request, now=now)
    assert isinstance(answer, Grant)
    return answer


def ids(*grants: Grant) -> list[Any]:
    """The ids of their holds."""
    return [hold.id for grant in grants for hold in grant.holds]


async def test_three_units_and_a_hold_that_died(conn: Conn) -> None:
    """G12: of 3, A holds 1 until 10:15, B 1 until 10:20; at 10:16 C asks 2 and gets them; A's commit at 10:17 fails
    and holding it anew fails too."""
    good = await stock(conn, 3)
    a = await granted(conn, ask("a", (good, 1), until=15))
    b = await granted(conn, ask("b", (good, 1), until=20))
    at_1016, at_1017 = NOW + 16 * MINUTE, NOW + 17 * MINUTE
    c = await granted(conn, ask("c", (good, 2), at=at_1016), now=at_1016)
    with pytest.raises(HoldDead) as dead:
        async with conn.transaction():
            await holds.commit(conn, ids(a), now=at_1017)
    assert [hold.id for hold in dead.value.holds] == ids(a)
    assert await one(conn, ask("a2", (good, 1), at=at_1017), now=at_1017) == Refusal("a2", (Shortage(good, 1, 0),))
    await holds.commit(conn, ids(b, c), now=at_1017)
    assert (await holds.goods(conn, [good], now=at_1017))[good].available == 0
    await check_books(conn)


async def test_the_same_key_is_the_same_hold(conn: Conn) -> None:
    """Asked again, alone or in one batch, held or firm: the first answer, and nothing more is taken."""
    good = await stock(conn, 3)
    first = await granted(conn, ask("k", (good, 2)))
    assert await one(conn, ask("k", (good, 2))) == first
    again = await holds.take(conn, [ask("n", (good, 1)), ask("n", (good, 1)), ask("k", (good, 2))], now=NOW)
    assert again[0] == again[1]
    assert again[2] == first
    await holds.commit(conn, ids(first), now=NOW)
    firm = await granted(conn, ask("k", (good, 2)))
    assert ids(firm) == ids(first)
    assert firm.holds[0].state == "committed"
    await check_books(conn)


async def test_a_key_whose_hold_is_gone_wants_a_new_one(conn: Conn) -> None:
    """Dead or given back: repeating the key is refused, a new key is decided anew."""
    good = await stock(conn, 1)
    await granted(conn, ask("k", (good, 1)))
    late = NOW + 15 * MINUTE
    assert await one(conn, ask("k", (good, 1), at=late), now=late) == Refusal("k", code="dead")
    again = await granted(conn, ask("k2", (good, 1), at=late), now=late)
    await holds.release(conn, ids(again), now=late, reason="changed his mind")
    assert await one(conn, ask("k2", (good, 1), at=late), now=late) == Refusal("k2", code="dead")
    await check_books(conn)


async def test_a_key_used_for_something_else_is_refused(conn: Conn) -> None:
    """A key stands for one request; it never answers another one, be it for another good."""
    good, other = await stock(conn, 5), await stock(conn, 5, "boot@milano")
    first = await granted(conn, ask("k", (good, 2)))
    assert await one(conn, ask("k", (good, 3))) == Refusal("k", code="key_reused")
    assert await one(conn, ask("k", (other, 2))) == Refusal("k", code="key_reused")
    assert await one(conn, ask("k", (good, 2))) == first
    await check_books(conn)


async def test_a_request_of_several_goods_is_one_promise(conn: Conn) -> None:
    """All or none over goods and lines; each line has its own hold, in the order asked."""
    shoe, sock = await stock(conn, 2), await stock(conn, 1, "sock@milano")
    grant = await granted(conn, ask("k", (sock, 1), (shoe, 1), (shoe, 1), reference="order:1"))
    assert [(hold.good_id, hold.quantity) for hold in grant.holds] == [(sock, 1), (shoe, 1), (shoe, 1)]
    assert [hold.id for hold in await holds.find_by_reference(conn, ["order:1"])] == ids(grant)
    await holds.release(conn, ids(grant)[1:2], now=NOW, reason="one line less")
    assert await one(conn, ask("n", (shoe, 1), (sock, 1))) == Refusal("n", (Shortage(sock, 1, 0),))
    assert (await holds.goods(conn, [shoe], now=NOW))[shoe].available == 1
    await check_books(conn)


async def test_a_good_there_is_not_refuses_only_its_request(conn: Conn) -> None:
    """Others of the same batch are served."""
    good = await stock(conn, 1)
    answers = await holds.take(conn, [ask("x", (good, 1), (10**9, 1)), ask("y", (good, 1))], now=NOW)
    assert answers[0] == Refusal("x", code="good_unknown")
    assert isinstance(answers[1], Grant)
    await check_books(conn)


@pytest.mark.parametrize(
    "bad",
    [
        ask("k"),
        ask("k", (1, 0)),
        ask("k", (1, -1)),
        ask("k", (1, 10**18)),
        ask("k", (1, 1, -1)),
        ask("k", (0, 1)),
        ask("k", (2**63, 1)),
        ask("", (1, 1)),
        ask("k" * 201, (1, 1)),
        ask("k\x00", (1, 1)),
        ask("k\ud800", (1, 1)),
        ask("k", (1, 1), reason=""),
        ask("k", (1, 1), reference="\x00"),
        ask("k", (1, 1), node_id=2**64),
        ask("k", (1, 1), until=0),
        HoldRequest(key="k", asks=(Ask(1, 1),), expires_at=datetime(2030, 1, 1)),
        ask("k", *[(1, 1)] * 1001),
    ],
)
async def test_what_cannot_be_held_is_refused_before_anything_is_touched(conn: Conn, bad: HoldRequest) -> None:
    """A clear error, and not one row written."""
    await stock(conn, 5)
    with pytest.raises(BadHold):
        await holds.take(conn, [bad], now=NOW)
    assert await conn.fetchval("select count(*) from hold") == 0


async def test_said_twice_is_fine(conn: Conn) -> None:
    """Commit, release and consume twice move the units once; too late for any of them says so."""
    good = await stock(conn, 5)
    a, b = await granted(conn, ask("a", (good, 2))), await granted(conn, ask("b", (good, 1)))
    for _ in range(2):
        await holds.commit(conn, ids(a, b), now=NOW)
    for _ in range(2):
        assert await holds.consume(conn, ids(a), now=NOW) == {}
    await holds.commit(conn, ids(a), now=NOW)
    assert await holds.release(conn, ids(a), now=NOW, reason="too late, it is gone") == 0
    assert [await holds.release(conn, ids(b), now=NOW, reason="cancelled") for _ in range(2)] == [1, 0]
    state = (await holds.goods(conn, [good], now=NOW))[good]
    assert (state.capacity, state.held_live, state.committed, state.available) == (3, 0, 0, 3)
    for refused in (holds.commit(conn, ids(b), now=NOW), holds.consume(conn, ids(b), now=NOW)):
        with pytest.raises(HoldDead):
            await refused
    with pytest.raises(HoldDead) as unknown:
        await holds.commit(conn, [uuid4()], now=NOW)
    assert len(unknown.value.missing) == 1
    assert await holds.release(conn, [uuid4()], now=NOW, reason="never was") == 0
    await check_books(conn)


async def test_only_what_is_firm_leaves(conn: Conn) -> None:
    """A hold that was not committed cannot be handed over, and one dead among several stops them all."""
    good = await stock(conn, 5)
    a, b = await granted(conn, ask("a", (good, 1))), await granted(conn, ask("b", (good, 1), until=1))
    with pytest.raises(HoldDead):
        await holds.consume(conn, ids(a), now=NOW)
    with pytest.raises(HoldDead):
        await holds.commit(conn, ids(a, b), now=NOW + MINUTE)
    assert [hold.state for hold in await holds.find(conn, ids(a))] == ["held"]
    await check_books(conn)


async def test_a_refusal_in_a_transaction_that_goes_on_keeps_the_books(conn: Conn) -> None:
    """Who catches the refusal and takes other goods in the same transaction finds the dead units free."""
    good = await stock(conn, 1)
    dead = await granted(conn, ask("a", (good, 1), until=1))
    later = NOW + MINUTE
    async with conn.transaction():
        with pytest.raises(HoldDead):
            await holds.commit(conn, ids(dead), now=later)
        [again] = await holds.take(conn, [ask("b", (good, 1), at=later)], now=later)
        assert isinstance(again, Grant)
    await check_books(conn)
    await holds.release(conn, ids(again), now=later, reason="x")
    stale = await granted(conn, ask("c", (good, 1), until=1, at=later), now=later)
    async with conn.transaction():
        with pytest.raises(WouldBreakPromises):
            await holds.change_capacity(conn, good, -2, now=later + MINUTE)
    with pytest.raises(HoldDead):
        await holds.renew(conn, ids(stale), expires_at=None, now=later + MINUTE)
    await check_books(conn)


async def test_dead_holds_need_no_sweep(conn: Conn) -> None:
    """At its instant a hold is gone for readers, for takers and for the till, though its row says held."""
    good = await stock(conn, 2)
    await granted(conn, ask("a", (good, 2), until=5))
    at = NOW + 5 * MINUTE
    assert (await holds.goods(conn, [good], now=at - timedelta(microseconds=1)))[good].available == 0
    state = (await holds.goods(conn, [good], now=at))[good]
    assert (state.held_live, state.available) == (0, 2)
    assert await conn.fetchval("select held from good") == 2
    assert (await holds.change_capacity(conn, good, -2, now=at)).capacity == 0
    await check_books(conn)


async def test_a_renewed_hold_lives_on(conn: Conn) -> None:
    """Until its new instant, or for ever; a dead one is not revived."""
    good = await stock(conn, 1)
    a = await granted(conn, ask("a", (good, 1), until=5))
    await holds.renew(conn, ids(a), expires_at=NOW + 9 * MINUTE, now=NOW)
    assert isinstance(await one(conn, ask("b", (good, 1)), now=NOW + 8 * MINUTE), Refusal)
    with pytest.raises(HoldDead):
        await holds.renew(conn, ids(a), expires_at=None, now=NOW + 9 * MINUTE)
    with pytest.raises(BadHold):
        await holds.renew(conn, ids(a), expires_at=NOW, now=NOW)
    b = await granted(conn, ask("c", (good, 1), until=None))
    await holds.renew(conn, ids(b), expires_at=None, now=NOW)
    assert (await holds.goods(conn, [good], now=NOW + timedelta(days=999)))[good].available == 0
    await check_books(conn)


async def test_expiring_ends_only_what_is_due(conn: Conn) -> None:
    """The timer of a reservation may fire early, late or twice: firm and living holds stay."""
    good = await stock(conn, 3)
    due, live, firm = [
        await granted(conn, ask(key, (good, 1), until=until)) for key, until in (("a", 1), ("b", 9), ("c", 1))
    ]
    await holds.commit(conn, ids(firm), now=NOW)
    every = ids(due, live, firm)
    found = [await holds.release(conn, every, now=NOW + MINUTE, reason="x", expired=True) for _ in range(2)]
    assert found == [1, 0]
    assert [(await holds.find(conn, [one]))[0].state for one in every] == ["expired", "held", "committed"]
    await check_books(conn)


async def test_the_till_may_overrule_and_it_is_booked(conn: Conn) -> None:
    """Selling what is promised needs a word; then the broken promises are counted, until units come or promises go."""
    good = await stock(conn, 3)
    a, b = await granted(conn, ask("a", (good, 2))), await granted(conn, ask("b", (good, 1)))
    await holds.commit(conn, ids(a, b), now=NOW)
    with pytest.raises(WouldBreakPromises) as refused:
        await holds.change_capacity(conn, good, -1, now=NOW)
    assert (refused.value.asked, refused.value.available) == (1, 0)
    changed = (await holds.change_capacities(conn, [CapacityMove(good, -4)], now=NOW, overrule=True))[good]
    assert (changed.state.capacity, changed.missing, changed.put_at_risk, changed.state.at_risk) == (0, 1, 3, 3)
    await check_books(conn)
    assert (await holds.change_capacity(conn, good, 1, now=NOW)).at_risk == 2
    await holds.release(conn, ids(b), now=NOW, reason="told the customer")
    assert (await holds.goods(conn, [good], now=NOW))[good].at_risk == 1
    assert await holds.consume(conn, ids(a), now=NOW) == {good: 1}
    state = (await holds.goods(conn, [good], now=NOW))[good]
    assert (state.capacity, state.committed, state.at_risk, state.available) == (0, 0, 0, 0)
    await check_books(conn)


async def test_capacities_move_together_or_not_at_all(conn: Conn) -> None:
    """Of a transfer neither half happens alone; a good there is not is named."""
    one_, other = await stock(conn, 1), await stock(conn, 0, "shoe@roma")
    with pytest.raises(WouldBreakPromises):
        await holds.change_capacities(conn, [CapacityMove(other, 2), CapacityMove(one_, -2)], now=NOW)
    with pytest.raises(GoodUnknown):
        await holds.change_capacities(conn, [CapacityMove(one_, -1), CapacityMove(10**6, 1)], now=NOW)
    with pytest.raises(BadHold):
        await holds.change_capacity(conn, one_, 10**15, now=NOW)
    states = await holds.goods(conn, [one_, other, 10**6], now=NOW)
    assert {good: state.capacity for good, state in states.items()} == {one_: 1, other: 0}
    await check_books(conn)


async def test_goods_are_made_once(pool: Pool) -> None:
    """Many make the same goods at once, in any order: all get the same ids, and a capacity counts once."""
    wanted = [NewGood("stock", f"sku-{n}@milano", n) for n in range(30)]

    async def make(order: int) -> dict[tuple[str, str], int]:
        async with transaction(pool) as conn:
            return await holds.ensure_goods(conn, wanted[::order])

    found = await asyncio.gather(*(make(order) for order in (1, -1, 1, -1, 1, -1)))
    assert all(one == found[0] for one in found)
    async with pool.acquire() as conn:
        assert await conn.fetchval("select sum(capacity) from good") == sum(range(30))
        for bad in (NewGood("stock", ""), NewGood("stock", "x\x00"), NewGood("stock", "x", -1)):
            with pytest.raises(BadHold):
                await holds.ensure_goods(conn, [bad])


async def test_few_statements_however_many_requests(pool: Pool) -> None:
    """A batch of a hundred requests for twenty goods is three statements; so is its commit."""
    async with pool.acquire() as conn:
        made = await holds.ensure_goods(conn, [NewGood("stock", f"sku-{n}", 50) for n in range(20)])
        goods = list(made.values())
        # The driver asks once a connection what an array is.
        await holds.take(conn, [ask("first", (goods[0], 1))], now=NOW)
        seen: list[str] = []
        batch = [ask(f"k{n}", (goods[n % 20], 1), (goods[(n + 7) % 20], 2)) for n in range(100)]
        with conn.query_logger(lambda record: seen.append(record.query)):
            answers = await holds.take(conn, batch, now=NOW)
            await asyncio.sleep(0)  # the driver tells of a statement a turn later
            assert len(seen) == 3
            await holds.commit(conn, ids(*[one for one in answers if isinstance(one, Grant)]), now=NOW)
            await asyncio.sleep(0)
            assert len(seen) == 6
        await check_books(conn)


async def test_the_sweeper_tells_channels_of_free_units(pool: Pool) -> None:
    """After a hold died, a sweep writes the change; a second one finds nothing to say."""
    async with transaction(pool) as conn:
        made = await holds.ensure_goods(conn, [NewGood("stock", f"sku-{n}", 1) for n in range(3)])
        for good in made.values():
            await holds.take(conn, [ask(f"k{good}", (good, 1), until=1)], now=NOW)
    sweeper = Sweeper(pool, clock=lambda: NOW + MINUTE)
    assert [await sweeper.sweep(), await sweeper.sweep()] == [3, 0]
    async with pool.acquire() as conn:
        assert await conn.fetchval("select count(*) from change where (data->>'available')::int = 1") == 6
        await check_books(conn)


async def test_a_sweeper_that_runs_wakes_when_the_next_hold_dies(pool: Pool) -> None:
    """Nobody calls it: it sleeps until the instant and ends the hold then."""
    start = datetime.now(UTC)
    async with transaction(pool) as conn:
        good = (await holds.ensure_goods(conn, [NewGood("stock", "x", 1)]))["stock", "x"]
        expires = start + timedelta(seconds=0.4)
        await holds.take(conn, [HoldRequest(key="k", asks=(Ask(good, 1),), expires_at=expires)], now=start)
    running = asyncio.create_task(Sweeper(pool).run())
    async with asyncio.timeout(10):
        while await pool.fetchval("select held from good"):  # noqa: ASYNC110 - it is what is waited for
            await asyncio.sleep(0.02)
    assert datetime.now(UTC) >= expires
    running.cancel()


async def test_a_taker_gives_everything_once(pool: Pool) -> None:
    """Two hundred ask at once for sixty units through two takers: sixty get one, each key one answer."""
    async with transaction(pool) as conn:
        good = await stock(conn, 60)
    takers = [Taker(pool, clock=lambda: NOW) for _ in range(2)]
    requests = [ask(f"k{n % 100}", (good, 1)) for n in range(200)]
    answers = await asyncio.gather(*(takers[n % 2].take(request) for n, request in enumerate(requests)))
    # The same key came to different takers: n and n + 100 have one parity, so let them cross once more.
    again = await asyncio.gather(*(takers[(n + 1) % 2].take(request) for n, request in enumerate(requests)))
    assert answers == again
    assert len({one.key for one in answers if isinstance(one, Grant)}) == 60
    async with pool.acquire() as conn:
        assert await conn.fetchval("select held from good") == 60
        await check_books(conn)


async def test_one_key_at_once_for_different_goods_is_one_promise(pool: Pool) -> None:
    """Nothing but the key meets: one of the two is granted, the other is told that the key is taken."""
    async with transaction(pool) as conn:
        goods = [await stock(conn, 50, f"sku-{n}") for n in range(2)]
    taker = Taker(pool, clock=lambda: NOW)
    for n in range(15):
        answers = await asyncio.gather(*(taker.take(ask(f"k{n}", (good, 1))) for good in goods))
        assert sorted(type(answer).__name__ for answer in answers) == ["Grant", "Refusal"]
    async with pool.acquire() as conn:
        await check_books(conn)


async def test_a_bad_request_hurts_nobody_else_in_the_group(pool: Pool) -> None:
    """Who asks for nonsense, or was too late, is told; the others of the moment get their goods."""
    async with transaction(pool) as conn:
        good = await stock(conn, 50)
    instants = iter([NOW] * 3 + [NOW + 20 * MINUTE] * 9)
    taker = Taker(pool, clock=lambda: next(instants))
    asked = [ask("late", (good, 1), until=1), ask("fine", (good, 1), until=60), ask("bad", (good, 0))]
    late, fine, bad = await asyncio.gather(*(taker.take(one) for one in asked), return_exceptions=True)
    assert isinstance(late, BadHold)
    assert isinstance(fine, Grant)
    assert isinstance(bad, BadHold)


async def test_opposite_orders_do_not_lock_each_other_out(pool: Pool) -> None:
    """Baskets of the same goods in opposite orders, at once from six connections: no deadlock, exact books."""
    async with transaction(pool) as conn:
        made = await holds.ensure_goods(conn, [NewGood("stock", f"sku-{n}", 10_000) for n in range(6)])
    goods = list(made.values())

    async def buy(number: int) -> None:
        for n in range(12):
            async with transaction(pool) as conn:
                basket = [(good, 1) for good in (goods if number % 2 else goods[::-1])]
                [answer] = await holds.take(conn, [ask(f"k{number}-{n}", *basket)], now=NOW)
                assert isinstance(answer, Grant)
                await holds.commit(conn, ids(answer)[::-1], now=NOW)

    await asyncio.gather(*(buy(number) for number in range(6)))
    async with pool.acquire() as conn:
        assert await conn.fetchval("select sum(committed) from good") == 6 * 12 * 6
        await check_books(conn)
