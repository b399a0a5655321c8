"""Many who decide about the same people at once: caps hold over processes, channels and merges."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.support.consent import Somebody, granted, make_node, people
from tests.support.forking import Fork
from tests.support.policy_process import ACCOUNTS, BEGIN, CHANNELS, ROME, decide_some
from unisono.customers.consent import ledger
from unisono.engagement.policy import facts, service
from unisono.engagement.policy.model import Asked
from unisono.kit.database import Connection, Pool, transaction

OVER = """
select mine.person_id, contact.at, count(*)
from contact join node as mine on mine.id = contact.node_id
join node as other on other.person_id = mine.person_id
join contact as before on before.node_id = other.id
where contact.at - before.at >= interval '0' and contact.at - before.at < $1::interval
group by mine.person_id, contact.id, contact.at having count(*) > $2
"""
"""Contacts that end a window with more than so many in it, over all identifiers of the person."""


async def agreed(conn: Connection, somebody: Somebody) -> None:
    """Marketing on every channel, given long ago."""
    whatsapp = await somebody.another(conn, "whatsapp")
    addresses = {"email": somebody.email, "sms": somebody.phone, "whatsapp": whatsapp}
    entries = [
        granted(node, channel=channel, at=BEGIN - timedelta(days=400), action="confirmed")
        for channel, node in addresses.items()
    ]
    await ledger.record(conn, entries, now=BEGIN - timedelta(days=400))


async def a_crowd(pool: Pool, count: int) -> list[Somebody]:
    async with transaction(pool) as conn:
        made = await people(conn, count)
        for somebody in made:
            await agreed(conn, somebody)
    return made


def ask(number: int, node: int, *channels: str) -> Asked:
    return Asked(message_id=number, node_id=node, purpose="marketing", channels=channels or CHANNELS, due_at=BEGIN)


@pytest.mark.slow
async def test_eight_processes_never_exceed_one_a_day_and_three_a_week(pool: Pool, dsn: str) -> None:
    """On the same ten people, over three channels, in one instant and in many, whoever decides first."""
    await a_crowd(pool, 10)
    workers = [Fork("policy_process", (dsn, seed, 15)) for seed in range(1, 9)]
    assert [await asyncio.to_thread(worker.wait, 120) for worker in workers] == [0] * 8
    assert await pool.fetch(OVER, timedelta(days=1), 1) == []
    assert await pool.fetch(OVER, timedelta(days=7), 3) == []
    booked = await pool.fetchrow(
        "select count(*) as all, count(distinct channel) as channels, count(distinct node_id) as nodes from contact"
    )
    assert booked is not None
    # Three a week over ten days for ten people: the caps bound something, and nobody was starved.
    assert 20 <= booked["all"] <= 60
    assert (booked["channels"], booked["nodes"] >= 20) == (3, True)


async def test_two_at_once_in_one_process_send_one(pool: Pool) -> None:
    """Twenty claims at the same time for one person: one message goes."""
    (somebody,) = await a_crowd(pool, 1)
    nodes = somebody.nodes
    outcomes = await asyncio.gather(
        *(decide_some(pool, [ask(number, nodes[number % 3])], BEGIN) for number in range(1, 21))
    )
    assert sorted(outcome for found in outcomes for outcome in found.values()) == ["hold"] * 19 + ["send"]


async def test_what_two_halves_got_adds_up_when_they_are_one(pool: Pool) -> None:
    """R9: each was written to today; joined, the person has had two, and gets no third."""
    one, other = await a_crowd(pool, 2)
    await decide_some(pool, [ask(1, one.user), ask(2, other.user)], BEGIN)
    await pool.execute("update node set person_id = $1 where person_id = $2", one.person, other.person)
    async with transaction(pool) as conn:
        policy = await service.current(conn)
        found = await facts.load(conn, [ask(3, other.email)], policy=policy, accounts=ACCOUNTS, company=ROME, now=BEGIN)
    assert (found[3].person_id, len(found[3].contacts)) == (one.person, 2)


async def test_who_waited_for_half_a_person_waits_for_the_whole_one(pool: Pool) -> None:
    """Two begin with two halves that are joined while one waits: he waits for the other, and sees what it booked."""
    one, other = await a_crowd(pool, 2)
    first, second = await pool.acquire(), await pool.acquire()
    try:
        holding, waiting = first.transaction(), second.transaction()
        await holding.start()
        await facts.lock_persons(first, [one.user, other.user])
        await waiting.start()
        task = asyncio.create_task(facts.lock_persons(second, [other.user]))
        await asyncio.sleep(0.1)
        assert not task.done()
        await pool.execute("update node set person_id = $1 where person_id = $2", one.person, other.person)
        await service.book(first, [], now=BEGIN)
        await first.execute(
            "insert into contact (key, node_id, at, channel, purpose, weight, origin) "
            "values ('x', $1, $2, 'email', 'marketing', 1, 'message')",
            one.user,
            BEGIN,
        )
        await holding.commit()
        assert (await task)[other.user] == one.person
        policy = await service.current(second)
        found = await facts.load(
            second, [ask(3, other.user)], policy=policy, accounts=ACCOUNTS, company=ROME, now=BEGIN
        )
        assert len(found[3].contacts) == 1
        await waiting.commit()
    finally:
        await pool.release(first)
        await pool.release(second)


async def test_locks_of_many_taken_in_any_order_do_not_deadlock(pool: Pool) -> None:
    """Thirty claims of the same twenty persons, each naming them in another order, all end."""
    crowd = await a_crowd(pool, 20)
    orders = [crowd[turn:] + crowd[:turn] for turn in range(0, 20, 3)] * 4

    async def claim(order: list[Somebody], base: int) -> None:
        asked = [ask(base + place, somebody.user, "email") for place, somebody in enumerate(order)]
        await decide_some(pool, asked, BEGIN)

    async with asyncio.timeout(60):
        await asyncio.gather(*(claim(order, 1000 * place) for place, order in enumerate(orders, 1)))
    assert await pool.fetchval("select count(*) from contact") == 20


async def test_whoever_is_erased_meanwhile_is_left_out(pool: Pool) -> None:
    """An identifier that is gone has no person, no facts and no decision."""
    (somebody,) = await a_crowd(pool, 1)
    async with transaction(pool) as conn:
        assert await facts.lock_persons(conn, [somebody.user, 10**12]) == {somebody.user: somebody.person}
        policy = await service.current(conn)
        asked = [ask(1, somebody.user), ask(2, 10**12)]
        found = await facts.load(conn, asked, policy=policy, accounts=ACCOUNTS, company=ROME, now=BEGIN)
        assert set(found) == {1}
        assert await make_node(conn, "email") not in found
