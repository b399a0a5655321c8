"""Promotions kept and quoted: versions, limits, coupons, calendar, over the real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.support.log import make_nodes
from tests.support.promotions import NOON, amount, basket, line, percent, reasons
from unisono.commerce.promotions import knowing
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.due import PromotionTurns
from unisono.commerce.promotions.errors import BadPromotion, CouponTaken, PromotionConflict, PromotionUsedUp
from unisono.commerce.promotions.model import Definition, NewCoupons, PersonFacts, Promotion, Quote
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Connection, Pool

LATER = NOON + timedelta(minutes=15)


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    """A connection; each statement is a transaction of its own unless a test says otherwise."""
    async with pool.acquire() as connection:
        yield connection


def written(code: str, *effects: dict[str, Any], **more: Any) -> Definition:
    return msgspec.convert({"code": code, "name": code.title(), "effects": effects, **more}, Definition)


async def active(conn: Connection, code: str, *effects: dict[str, Any], **more: Any) -> Promotion:
    async with conn.transaction():
        return await promotions.save_promotion(
            conn, written(code, *effects, **more), actor="test", now=NOON, status="active"
        )


async def hold(conn: Connection, found: Quote, asked: Any, reference: str, node: int | None = None) -> None:
    async with conn.transaction():
        await promotions.hold_uses(conn, found, asked, reference=reference, node_id=node, expires_at=LATER, now=NOON)


async def commit(conn: Connection, reference: str, *, now: Any = NOON) -> None:
    async with conn.transaction():
        await promotions.commit_uses(conn, reference, order_number=reference.upper(), now=now)


async def offers(conn: Connection, code: str) -> list[tuple[int, bool]]:
    rows = await conn.fetch(
        "select sequence, (data->>'live')::bool as live from change where subject = $1 order by id", f"offer:{code}"
    )
    return [(row["sequence"], row["live"]) for row in rows]


async def test_a_promotion_is_kept_with_every_version_and_told(conn: Connection) -> None:
    """Saying the same again is nothing; each change and status is a version and a change without a gap."""
    first = await active(conn, "ten", percent(1000))
    assert (await active(conn, "ten", percent(1000))).version == first.version == 1
    async with conn.transaction():
        second = await promotions.save_promotion(conn, written("ten", percent(1100)), actor="test", now=NOON)
        await promotions.set_status(conn, "ten", "paused", actor="test", now=NOON)
        await promotions.set_status(conn, "ten", "active", actor="test", now=NOON)
    assert (second.status, second.version) == ("active", 2)
    assert await offers(conn, "ten") == [(1, True), (2, True), (3, False), (4, True)]
    kept = await promotions.versions_of(conn, "ten")
    assert [one.version for one in kept] == [4, 3, 2, 1]
    assert kept[-1].definition == written("ten", percent(1000))


async def test_somebody_elses_change_is_not_overwritten(conn: Connection) -> None:
    """With the version one has seen, a later one refuses."""
    await active(conn, "ten", percent(1000))
    with pytest.raises(PromotionConflict, match="changed by somebody"):
        await promotions.save_promotion(conn, written("ten", percent(2000)), actor="test", now=NOON, expected_version=7)


async def test_what_has_ended_stays_ended(conn: Connection) -> None:
    """Neither another status nor another definition."""
    await active(conn, "ten", percent(1000))
    await promotions.set_status(conn, "ten", "ended", actor="test", now=NOON)
    with pytest.raises(PromotionConflict):
        await promotions.set_status(conn, "ten", "active", actor="test", now=NOON)
    with pytest.raises(PromotionConflict):
        await active(conn, "ten", percent(2000))


async def test_a_quote_takes_three_statements_at_most(pool: Pool, conn: Connection) -> None:
    """Also with coupons, limits a person, and definitions this process sees for the first time."""
    (node,) = await make_nodes(conn, 1)
    for number in range(20):
        await active(conn, f"p{number}", percent(100 + number), per_person=1 if number % 2 else None)
    await active(conn, "coupons", amount(500), needs_coupon=True, currency="EUR")
    await promotions.make_coupons(conn, "coupons", NewCoupons(kind="generic", code="FIVE"), actor="test", now=NOON)
    asked = basket(line(unit=100_00), coupons=("five",), person=PersonFacts(person_id=node))
    await promotions.quote(conn, asked, now=NOON)  # the driver learns types, once a connection
    knowing.forget()
    for _ in range(2):
        seen: list[str] = []
        conn.add_query_logger(lambda query, seen=seen: seen.append(query.query))
        found = await promotions.quote(conn, asked, now=NOON)
        conn._con._query_loggers.clear()  # type: ignore[union-attr]
        assert len(seen) <= 3
        assert len(found.applied) == 21


async def test_a_definition_changed_elsewhere_counts_at_once(pool: Pool, conn: Connection) -> None:
    """What a process remembers is of a version, and the version is asked for each time."""
    await active(conn, "ten", percent(1000))
    asked = basket(line(unit=100_00))
    assert (await promotions.quote(conn, asked, now=NOON)).total_minor == 90_00
    await active(conn, "ten", percent(2000))
    assert (await promotions.quote(conn, asked, now=NOON)).total_minor == 80_00
    await promotions.set_status(conn, "ten", "paused", actor="test", now=NOON)
    assert (await promotions.quote(conn, asked, now=NOON)).total_minor == 100_00


async def test_a_unique_coupon_is_used_once(conn: Connection) -> None:
    """Held by who pays; the other is told; given back when the order is cancelled."""
    await active(conn, "five", amount(500), needs_coupon=True, currency="EUR")
    batch = await promotions.make_coupons(conn, "five", NewCoupons(), actor="test", now=NOON)
    (code,) = batch.coupons
    asked = basket(line(unit=20_00), coupons=(code.lower(),))
    found = await promotions.quote(conn, asked, now=NOON)
    assert (found.total_minor, found.applied[0].coupon, found.coupons[0].accepted) == (15_00, code, True)
    await hold(conn, found, asked, "checkout:1")
    again = await promotions.quote(conn, asked, now=NOON)
    assert (again.total_minor, reasons(again, "five")) == (20_00, ["coupon_used"])
    assert (await promotions.quote(conn, asked, now=NOON, reference="checkout:1")).total_minor == 15_00
    with pytest.raises(CouponTaken):
        await hold(conn, found, asked, "checkout:2")
    await commit(conn, "checkout:1")
    await commit(conn, "checkout:1")
    seen = await promotions.coupon(conn, code, now=LATER)
    assert (seen.usable, seen.used, [reason.code for reason in seen.reasons]) == (False, 1, ["coupon_used"])
    assert [(use.state, use.order_number) for use in seen.uses] == [("committed", "CHECKOUT:1")]
    async with conn.transaction():
        assert await promotions.release_uses(conn, "checkout:1", now=LATER) == 1
        assert await promotions.release_uses(conn, "checkout:1", now=LATER) == 0
    assert (await promotions.coupon(conn, code, now=LATER)).usable


async def test_expired_uses_are_dead_without_a_sweep(conn: Connection) -> None:
    """At the instant of expiry the coupon and the person's use are free; the first payer, late, is refused."""
    (node,) = await make_nodes(conn, 1)
    await active(conn, "five", amount(500), needs_coupon=True, currency="EUR", per_person=1)
    (code,) = (await promotions.make_coupons(conn, "five", NewCoupons(), actor="test", now=NOON)).coupons
    asked = basket(line(unit=20_00), coupons=(code,), person=PersonFacts(person_id=node))
    found = await promotions.quote(conn, asked, now=NOON)
    await hold(conn, found, asked, "a", node)
    held = await promotions.quote(conn, asked, now=LATER - timedelta(seconds=1))
    assert set(reasons(held, "five")) == {"already_used", "coupon_used"}
    assert (await promotions.quote(conn, asked, now=LATER)).total_minor == 15_00
    async with conn.transaction():
        await promotions.hold_uses(
            conn, found, asked, reference="b", node_id=node, expires_at=LATER + timedelta(hours=1), now=LATER
        )
    with pytest.raises(CouponTaken):
        await commit(conn, "a", now=LATER)
    await commit(conn, "b", now=LATER)


async def test_what_expired_and_is_still_free_is_taken_anew_with_the_payment(conn: Connection) -> None:
    """The customer who pays late gets it when nobody else has it."""
    await active(conn, "five", amount(500), currency="EUR", max_uses=1, budget_minor=500)
    asked = basket(line(unit=20_00))
    await hold(conn, await promotions.quote(conn, asked, now=NOON), asked, "a")
    await commit(conn, "a", now=LATER + timedelta(hours=1))
    assert await conn.fetchval("select state from promotion_use") == "committed"
    assert [tuple(row) for row in await conn.fetch("select held, committed from good order by id")] == [
        (0, 500),
        (0, 1),
    ]


async def test_putting_aside_twice_is_once_and_other_promotions_replace_it(conn: Connection) -> None:
    """The same reference never holds a budget twice."""
    await active(conn, "five", amount(500), currency="EUR", budget_minor=1000)
    small, large = basket(line(unit=3_00)), basket(line(unit=20_00))
    for asked, held in ((small, 300), (small, 300), (large, 500)):
        found = await promotions.quote(conn, asked, now=NOON, reference="a")
        await hold(conn, found, asked, "a")
        assert await conn.fetchval("select held from good where key = 'five'") == held
    other = await promotions.quote(conn, large, now=NOON)
    await hold(conn, other, large, "b")
    exhausted = await promotions.quote(conn, large, now=NOON)
    assert reasons(exhausted, "five") == ["budget_used_up"]
    with pytest.raises(PromotionUsedUp):
        await hold(conn, other, large, "c")


async def test_a_limit_a_person_counts_over_all_his_identifiers(conn: Connection) -> None:
    """Used under one identifier, refused under another of the same person."""
    one, other, stranger = await make_nodes(conn, 3)
    await conn.execute("update node set person_id = $1 where id = any($2)", one, [one, other])
    await active(conn, "once", percent(1000), per_person=1)
    mine, again = (basket(line(), person=PersonFacts(person_id=node)) for node in (one, other))
    found = await promotions.quote(conn, mine, now=NOON)
    await hold(conn, found, mine, "a", one)
    refused = await promotions.quote(conn, again, now=NOON)
    assert reasons(refused, "once") == ["already_used"]
    with pytest.raises(PromotionUsedUp, match="used already"):
        await hold(conn, found, again, "b", other)
    its = basket(line(), person=PersonFacts(person_id=stranger))
    assert (await promotions.quote(conn, its, now=NOON)).discount_minor == 100
    assert reasons(await promotions.quote(conn, basket(line()), now=NOON), "once") == ["person_unknown"]


async def test_a_limit_cannot_fall_below_what_was_promised(conn: Connection) -> None:
    """Budgets grow and shrink, but not under what is used."""
    await active(conn, "five", amount(500), currency="EUR", budget_minor=1000)
    asked = basket(line(unit=20_00))
    await hold(conn, await promotions.quote(conn, asked, now=NOON), asked, "a")
    with pytest.raises(PromotionConflict, match="cannot be less"):
        await active(conn, "five", amount(500), currency="EUR", budget_minor=400)
    await active(conn, "five", amount(500), currency="EUR", budget_minor=500)
    assert reasons(await promotions.quote(conn, asked, now=NOON), "five") == ["budget_used_up"]


async def test_coupons_of_a_person_are_his_under_any_identifier(conn: Connection) -> None:
    """And nobody else's."""
    one, other, stranger = await make_nodes(conn, 3)
    await conn.execute("update node set person_id = $1 where id = any($2)", one, [one, other])
    await active(conn, "five", amount(500), currency="EUR", needs_coupon=True)
    made = await promotions.make_coupons(
        conn, "five", NewCoupons(people=(str(one),), batch="spring"), actor="test", now=NOON
    )
    his = basket(line(), coupons=made.coupons, person=PersonFacts(person_id=other))
    assert (await promotions.quote(conn, his, now=NOON)).discount_minor == 500
    for person in (PersonFacts(person_id=stranger), PersonFacts()):
        refused = await promotions.quote(conn, msgspec.structs.replace(his, person=person), now=NOON)
        assert reasons(refused, "five") == ["coupon_of_another"]
    assert await promotions.disable_coupons(conn, batch="spring", actor="test", now=NOON) == 1
    assert reasons(await promotions.quote(conn, his, now=NOON), "five") == ["coupon_disabled"]


async def test_thousands_of_coupons_are_made_at_once(conn: Connection) -> None:
    """Readable, unguessable, different; disabled as one batch."""
    await active(conn, "five", amount(500), currency="EUR", needs_coupon=True)
    async with conn.transaction():
        made = await promotions.make_coupons(
            conn, "five", NewCoupons(count=5_000, prefix="spring-", batch="b"), actor="test", now=NOON
        )
    assert len(set(made.coupons)) == 5_000
    assert all(code.startswith("SPRING-") and not set(code[7:]) & set("0O1I") for code in made.coupons)
    assert await promotions.disable_coupons(conn, batch="b", actor="test", now=NOON) == 5_000
    assert await conn.fetchval("select sum(capacity) from good where kind = 'coupon'") == 0


async def test_unknown_and_spare_coupons_are_told_apart(conn: Connection) -> None:
    """Each code that was entered has its answer."""
    await active(conn, "five", amount(500), currency="EUR", needs_coupon=True)
    first, second = (await promotions.make_coupons(conn, "five", NewCoupons(count=2), actor="test", now=NOON)).coupons
    found = await promotions.quote(conn, basket(line(), coupons=(first, second, "nobody")), now=NOON)
    told = {answer.coupon: answer.reasons[0].code for answer in found.coupons}
    assert sorted(told[code] for code in (first, second)) == ["coupon_accepted", "coupon_spare"]
    assert told["NOBODY"] == "coupon_unknown"


async def test_coupon_events_reach_the_timeline_of_known_persons(conn: Connection) -> None:
    """Applied and denied with the checkout, redeemed with the order; nothing for nobody."""
    (node,) = await make_nodes(conn, 1)
    await active(conn, "five", amount(500), currency="EUR", needs_coupon=True)
    first, second = (await promotions.make_coupons(conn, "five", NewCoupons(count=2), actor="test", now=NOON)).coupons
    asked = basket(line(), coupons=(first, "wrong"), person=PersonFacts(person_id=node))
    await hold(conn, await promotions.quote(conn, asked, now=NOON), asked, "a", node)
    await commit(conn, "a")
    nobody = basket(line(), coupons=(second,))
    await hold(conn, await promotions.quote(conn, nobody, now=NOON), nobody, "b")
    await commit(conn, "b")
    rows = await conn.fetch("select name, node_id, properties->>'coupon_id' as coupon from event order by id")
    assert [tuple(row) for row in rows] == [
        ("Coupon Applied", node, first),
        ("Coupon Denied", node, "WRONG"),
        ("Coupon Redeemed", node, first),
    ]


async def test_the_calendar_tells_the_feed_when_an_offer_begins_and_ends(pool: Pool, conn: Connection) -> None:
    """At each instant a change of the next sequence; a moved end is told at its new instant only."""
    begins, ends = NOON + timedelta(days=1), NOON + timedelta(days=2)
    await active(conn, "sale", percent(1000), starts_at=begins, ends_at=ends)
    await active(conn, "sale", percent(1000), starts_at=begins, ends_at=ends + timedelta(days=1))
    worker = TimerWorker(pool, [PromotionTurns()])
    await worker.drain(begins)
    assert await offers(conn, "sale") == [(1, False), (2, False), (3, True)]
    await worker.drain(ends)
    assert len(await offers(conn, "sale")) == 3
    await worker.drain(ends + timedelta(days=1))
    assert await offers(conn, "sale") == [(1, False), (2, False), (3, True), (4, False)]
    assert not (await promotions.quote(conn, basket(line()), now=ends + timedelta(days=1))).rejected


async def test_a_bad_definition_changes_nothing(conn: Connection) -> None:
    """Every mistake at once, each with its place."""
    bad = written("bad", percent(1000, cap_minor=500), amount(5, level="catalogue"))
    with pytest.raises(BadPromotion) as caught:
        await promotions.save_promotion(conn, bad, actor="test", now=NOON)
    assert [problem["where"] for problem in caught.value.extra["problems"]] == ["$.effects", "$.currency"]
    assert await conn.fetchval("select count(*) from promotion") == 0
