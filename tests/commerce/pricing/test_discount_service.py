"""Reductions announced, begun, ended and withdrawn, in the database."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.pricing import NOW, asked, make_list, make_variants, put
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.due import PricesDue
from unisono.commerce.pricing.errors import (
    AnnouncementOver,
    AnnouncementUnknown,
    DiscountNotHonest,
    PricesNotValid,
    WithoutEffect,
)
from unisono.commerce.pricing.exporting import evidence_csv
from unisono.commerce.pricing.model import Announcement, Evidence, NewDiscount, NewObservation, Terms
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Connection, Pool, transaction
from unisono.kit.errors import BadRequest, TooLarge

ROME = ZoneInfo("Europe/Rome")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def day(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=ROME).astimezone(UTC)


async def golden_g1(conn: Connection, sku: str = "A") -> int:
    """1 March 100.00; 20 to 25 March 80.00; 26 March 100.00 again."""
    ids = await make_variants(conn, [sku])
    await make_list(conn)
    await put(conn, sku, 10000, day(3, 1), now=day(3, 1))
    await put(conn, sku, 8000, day(3, 20), day(3, 26), now=day(3, 2))
    return ids[sku]


async def announced(
    conn: Connection, new: int, *, now: datetime = NOW, sku: str = "A", **terms: object
) -> Announcement:
    """One reduction in the list everybody has."""
    asking = Terms(**terms)  # type: ignore[arg-type]
    made = await pricing.announce(conn, "base", [NewDiscount(sku, new)], asking, actor="test", zone=ROME, now=now)
    return made[0]


async def test_golden_g1_announced_shown_told_and_proved(pool: Pool) -> None:
    """70.00 on 10 April: 12.5 % beside the price in every channel, on the feed, and in the evidence."""
    async with transaction(pool) as conn:
        variant = await golden_g1(conn)
        made = await announced(conn, 7000, ends_at=NOW + 7 * DAY)
        assert (made.prior_minor, made.percent_bp, made.rule) == (8000, 1250, "strict")
        answers = [await asked(conn, variant, channel=channel) for channel in ("web", "store", None)]
        after = await asked(conn, variant, NOW + 7 * DAY)
        told = json.loads(await conn.fetchval("select data from change order by id desc limit 1"))
        seen = await conn.fetchrow("select * from price_observation order by id desc limit 1")
        proof = await pricing.evidence(conn, made.id)
    for answer in answers:
        assert answer is not None
        assert answer.amount_minor == 7000
        assert answer.reduction is not None
        assert (answer.reduction.prior_minor, answer.reduction.percent) == (8000, 12)
        assert answer.next_change_at == NOW + 7 * DAY
    assert after is not None
    assert (after.amount_minor, after.reduction) == (10000, None)
    assert (told["why"], told["reduction"]["prior_minor"], told["prices"][0]["amount_minor"]) == (
        "announced",
        8000,
        7000,
    )
    assert (seen["origin"], seen["amount_minor"], seen["until"]) == ("announcement", 7000, NOW + 7 * DAY)
    assert proof.lowest is not None
    assert (proof.lowest.amount_minor, len(proof.intervals)) == (8000, 3)


async def test_golden_g3_is_refused_with_the_evidence_and_nothing_is_written(pool: Pool) -> None:
    """A good reduction beside a false one is not announced either: all or none."""
    async with transaction(pool) as conn:
        await golden_g1(conn)
        await make_variants(conn, ["milk"])
        await put(conn, "milk", 129, now=day(3, 1))
        await put(conn, "milk", 169, now=day(3, 30))
        before = await conn.fetchval("select count(*) from change")
        items = [NewDiscount("A", 7000), NewDiscount("milk", 129)]
        with pytest.raises(DiscountNotHonest) as caught:
            await pricing.announce(conn, "base", items, Terms(), actor="test", zone=ROME, now=NOW)
        problem = caught.value.problem()
        assert (problem["status"], problem["code"]) == (409, "discount_not_honest")
        (refused,) = problem["refused"]
        assert (refused["sku"], refused["refused"], refused["prior_minor"]) == ("milk", "not_below_prior", 129)
        assert (refused["window"]["first_day"], refused["window"]["last_day"]) == ("2026-03-11", "2026-04-09")
        assert refused["lowest"]["source"] == "list:base"
        assert await conn.fetchval("select count(*) from change") == before
        assert await conn.fetchval("select count(*) from price_announcement") == 0
        dry = await pricing.check(conn, "base", items, Terms(), zone=ROME, now=NOW)
        assert [(one.sku, one.percent_bp, one.refused) for one in dry] == [
            ("A", 1250, None),
            ("milk", None, "not_below_prior"),
        ]


async def test_an_observation_changes_the_prior_price_and_the_database_holds_the_rule_too(pool: Pool) -> None:
    """What the shop window showed for a day counts; a row that is no reduction cannot be stored at all."""
    async with transaction(pool) as conn:
        await golden_g1(conn)
        seen = NewObservation(
            sku="A", amount_minor=6900, currency="eur", observed_at=day(4, 2), until=day(4, 3), channel="store"
        )
        assert await pricing.observe(conn, [seen], now=NOW) == 1
        with pytest.raises(DiscountNotHonest):
            await announced(conn, 6900)
        assert (await announced(conn, 6899)).percent_bp == 1
        with pytest.raises(Exception, match="check constraint"):
            await conn.execute("update price_announcement set new_minor = prior_minor")


async def test_observations_that_cannot_be_true_are_refused_together(pool: Pool) -> None:
    """Unknown skus, no currency, negative, the future, an end before its beginning."""
    async with transaction(pool) as conn:
        await make_variants(conn, ["A"])

        def seen(**more: object) -> NewObservation:
            values = {"sku": "A", "amount_minor": 1, "currency": "EUR", "observed_at": NOW} | more
            return NewObservation(**values)  # type: ignore[arg-type]

        bad = [
            seen(sku="x"),
            seen(currency="EURO"),
            seen(amount_minor=-1),
            seen(observed_at=NOW + HOUR),
            seen(until=NOW - HOUR),
            seen(store_id=""),
        ]
        with pytest.raises(PricesNotValid) as caught:
            await pricing.observe(conn, bad, now=NOW)
        codes = [one["code"] for one in caught.value.extra["problems"]]
        assert codes == ["sku_unknown", "wrong_currency", "bad_amount", "bad_period", "bad_period", "bad_place"]
        assert await conn.fetchval("select count(*) from price_observation") == 0


async def test_a_growing_campaign_keeps_its_first_prior_price(pool: Pool) -> None:
    """20 % and then 40 % of 100.00 through the database; the older comes back when the larger one ends."""
    async with transaction(pool) as conn:
        variant = (await make_variants(conn, ["A"]))["A"]
        await make_list(conn)
        await put(conn, "A", 10000, now=day(1, 1))
        await announced(conn, 8000, now=day(7, 1), campaign="sales")
        second = await announced(conn, 6000, now=day(7, 15), campaign="sales", ends_at=day(7, 20))
        assert (second.rule, second.prior_minor, second.percent_bp) == ("progressive", 10000, 4000)
        found = [await asked(conn, variant, day(7, n)) for n in (10, 16, 21)]
    shown = [(one.amount_minor, one.reduction.percent) for one in found if one and one.reduction]
    assert shown == [(8000, 20), (6000, 40), (8000, 20)]


async def test_a_category_that_spoils_is_exempt_with_all_below_it(pool: Pool) -> None:
    """Bread below fresh food: measured on the price right before; no longer exempt, on the thirty days again."""
    async with transaction(pool) as conn:
        fresh = await conn.fetchval("insert into category (code) values ('fresh') returning id")
        bread = await conn.fetchval("insert into category (code, parent_id) values ('bread', $1) returning id", fresh)
        await make_variants(conn, ["loaf"], category=bread)
        await make_list(conn)
        await put(conn, "loaf", 150, now=day(3, 1))
        await put(conn, "loaf", 300, now=day(4, 9))
        await pricing.set_exempt(conn, "fresh", "spoils within days")
        assert await pricing.exempt_categories(conn) == {"fresh": "spoils within days"}
        (dry,) = await pricing.check(conn, "base", [NewDiscount("loaf", 200)], Terms(), zone=ROME, now=NOW)
        assert (dry.rule, dry.prior_minor, dry.refused) == ("exempt", 300, None)
        await pricing.set_exempt(conn, "fresh", None)
        with pytest.raises(DiscountNotHonest):
            await announced(conn, 200, sku="loaf")


async def test_a_young_product_is_measured_since_it_is_sold(pool: Pool) -> None:
    """On sale since 1 April, with an introductory price in the list before that nobody could pay."""
    async with transaction(pool) as conn:
        variant = (await make_variants(conn, ["A"]))["A"]
        await conn.execute("update variant set on_sale_since = $2 where id = $1", variant, day(4, 1))
        await make_list(conn)
        await put(conn, "A", 5000, now=day(3, 1))
        await put(conn, "A", 9000, now=day(3, 31))
        made = await announced(conn, 7000)
        proof = await pricing.evidence(conn, made.id)
    assert (made.rule, made.prior_minor, proof.window.first_day.isoformat()) == ("young", 9000, "2026-04-01")


async def test_a_reduction_nobody_would_pay_is_refused(pool: Pool) -> None:
    """A stronger list asks another price, or the list is not open then."""
    async with transaction(pool) as conn:
        await golden_g1(conn)
        await make_list(conn, "strong", priority=5)
        await put(conn, "A", 9000, to="strong")
        with pytest.raises(WithoutEffect, match="strong"):
            await announced(conn, 7000)
        await make_list(conn, "later", priority=9, starts_at=NOW + DAY)
        with pytest.raises(WithoutEffect):
            await pricing.announce(conn, "later", [NewDiscount("A", 7000)], Terms(), actor="test", zone=ROME, now=NOW)


async def test_withdrawn_the_price_goes_back_and_what_was_shown_stays(pool: Pool) -> None:
    """Also when another price was planned beneath it; twice is as once; an ended one is over."""
    async with transaction(pool) as conn:
        variant = await golden_g1(conn)
        made = await announced(conn, 7000, ends_at=NOW + 4 * DAY)
        await put(conn, "A", 9500, NOW + 2 * DAY)
        at = NOW + DAY
        taken = await pricing.withdraw(conn, made.id, actor="test", now=at, reason="a mistake")
        assert (taken.withdrawn_at, taken.withdrawn_by, taken.withdrawn_for) == (at, "test", "a mistake")
        found = [await asked(conn, variant, NOW + n * DAY) for n in (0, 1, 2, 5)]
        assert [(one.amount_minor, one.reduction is not None) for one in found if one] == [
            (7000, True),
            (10000, False),
            (9500, False),
            (9500, False),
        ]
        told = await conn.fetchval("select data->>'why' from change order by id desc limit 1")
        assert told == "withdrawn"
        changes = await conn.fetchval("select count(*) from change")
        assert await pricing.withdraw(conn, made.id, actor="other", now=at + HOUR) == taken
        assert await conn.fetchval("select count(*) from change") == changes
        with pytest.raises(AnnouncementUnknown):
            await pricing.withdraw(conn, 2**70, actor="test", now=at)
        with pytest.raises(BadRequest):
            await pricing.withdraw(conn, made.id, actor="test", now=at, reason="x" * 501)


async def test_withdrawn_before_it_began_it_never_shows(pool: Pool) -> None:
    """And with keep_price the lower price stays without being called a reduction; an ended one is over."""
    async with transaction(pool) as conn:
        variant = await golden_g1(conn)
        ahead = await announced(conn, 7000, starts_at=NOW + DAY, ends_at=NOW + 3 * DAY)
        await pricing.withdraw(conn, ahead.id, actor="test", now=NOW)
        found = await asked(conn, variant, NOW + 2 * DAY)
        assert found is not None
        assert (found.amount_minor, found.reduction) == (10000, None)
        kept = await announced(conn, 7500, ends_at=NOW + DAY)
        await pricing.withdraw(conn, kept.id, actor="test", now=NOW + HOUR, keep_price=True)
        found = await asked(conn, variant, NOW + HOUR)
        assert found is not None
        assert (found.amount_minor, found.reduction) == (7500, None)
        over = await announced(conn, 7400, now=NOW + 2 * HOUR, ends_at=NOW + 3 * HOUR)
        with pytest.raises(AnnouncementOver):
            await pricing.withdraw(conn, over.id, actor="test", now=NOW + 3 * HOUR)


async def fire(pool: Pool, at: datetime) -> None:
    """Let all timers fire that are due by an instant."""
    await TimerWorker(pool, [PricesDue(ROME)], lambda: at).drain(at)


async def test_prices_set_ahead_are_told_again_when_they_begin_and_end(pool: Pool) -> None:
    """One timer an instant for all skus; the observation is written when it is true, not before."""
    async with transaction(pool) as conn:
        await make_variants(conn, ["A", "B"])
        await make_list(conn)
        for sku in ("A", "B"):
            await put(conn, sku, 1000)
            await put(conn, sku, 800, NOW + DAY, NOW + 2 * DAY)
        await conn.execute("delete from price_observation")
        assert await conn.fetchval("select count(*) from timer where state = 'pending'") == 2
    for at, amounts in ((NOW + DAY, [800]), (NOW + 2 * DAY, [1000])):
        await fire(pool, at)
        async with transaction(pool) as conn:
            rows = await conn.fetch("select subject, data from change order by id desc limit 2")
            assert {row["subject"] for row in rows} == {"price:A", "price:B"}
            told = [json.loads(row["data"]) for row in rows]
            assert {one["why"] for one in told} == {"due"}
            assert [price["amount_minor"] for price in told[0]["prices"]] == amounts
    async with transaction(pool) as conn:
        seen = await conn.fetch("select amount_minor, observed_at from price_observation")
        assert [tuple(row) for row in seen] == [(800, NOW + DAY)] * 2
        numbers = await conn.fetch("select sequence from change where subject = 'price:A' order by id")
        assert [row["sequence"] for row in numbers] == [1, 2, 3, 4]


async def test_a_list_that_opens_is_told_for_every_sku_in_it(pool: Pool) -> None:
    """Its own period is no fact of a sku, yet it changes what they cost."""
    async with transaction(pool) as conn:
        await make_variants(conn, ["A", "B"])
        await make_list(conn, "christmas", starts_at=NOW + DAY, ends_at=NOW + 9 * DAY)
        await put(conn, "A", 500, to="christmas")
        await conn.execute("delete from change")
    await fire(pool, NOW + DAY)
    async with transaction(pool) as conn:
        assert [tuple(row) for row in await conn.fetch("select subject, sequence from change")] == [("price:A", 2)]


async def test_a_reduction_announced_ahead_is_judged_again_when_it_begins(pool: Pool) -> None:
    """A flash sale between announcement and beginning makes its percentage false: it is not shown, the price stays."""
    async with transaction(pool) as conn:
        variant = await golden_g1(conn)
        ahead = await announced(conn, 7000, starts_at=day(4, 20))
        await put(conn, "A", 7200, day(4, 15), day(4, 16))
        false = (await asked(conn, variant, day(4, 20))).reduction
        assert false is not None
        assert false.prior_minor == 8000
    await fire(pool, day(4, 20))
    async with transaction(pool) as conn:
        found = await asked(conn, variant, day(4, 20))
        assert found is not None
        assert (found.amount_minor, found.reduction) == (7000, None)
        (kept,) = await pricing.announcements(conn, sku="A")
        assert (kept.id, kept.withdrawn_by) == (ahead.id, "system")
        again = await announced(conn, 6900, now=day(4, 20, 1))
        assert again.prior_minor == 7200


async def test_a_hundred_reductions_at_once_and_not_one_twice(pool: Pool) -> None:
    """As a sale begins; the same sku twice, none at all, too many are refused."""
    async with transaction(pool) as conn:
        skus = [f"S{n}" for n in range(100)]
        await make_variants(conn, skus)
        await make_list(conn)
        for sku in skus:
            await put(conn, sku, 1000, now=day(3, 1))
        items = [NewDiscount(sku, 800) for sku in skus]
        made = await pricing.announce(conn, "base", items, Terms(campaign="spring"), actor="test", zone=ROME, now=NOW)
        assert {(one.prior_minor, one.percent_bp) for one in made} == {(1000, 2000)}
        live = await pricing.announcements(conn, campaign="spring", live_at=NOW, limit=200)
        assert len(live) == 100
        for wrong, error in (([], TooLarge), (items * 11, TooLarge), ([items[0]] * 2, BadRequest)):
            with pytest.raises(error):
                await pricing.announce(conn, "base", wrong, Terms(), actor="test", zone=ROME, now=NOW)
        with pytest.raises(PricesNotValid):
            await announced(conn, 1, sku="nobody")
        with pytest.raises(BadRequest):
            await announced(conn, 1, campaign="\x00", sku="S1")


async def test_two_at_once_cannot_both_reduce_from_the_same_price_and_then_grow(pool: Pool) -> None:
    """Announcing waits for whoever announces the same sku; both are judged on what is stored, both stand."""
    async with transaction(pool) as conn:
        variant = await golden_g1(conn)

    async def one(new: int) -> Announcement:
        async with transaction(pool) as conn:
            return await announced(conn, new)

    made = await asyncio.gather(one(7000), one(6500))
    async with transaction(pool) as conn:
        found = await asked(conn, variant)
        rows = await conn.fetch("select sequence from change where subject = 'price:A' order by id")
    assert {one.prior_minor for one in made} == {8000}
    assert found is not None
    assert found.amount_minor == made[0].new_minor or found.amount_minor == made[1].new_minor
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))


async def test_the_evidence_is_a_table_for_a_spreadsheet(pool: Pool) -> None:
    """Every interval with its source, the lowest marked; a sku that looks like a formula is text."""
    async with transaction(pool) as conn:
        await golden_g1(conn, "=A1")
        made = await announced(conn, 7000, sku="=A1")
        proof = await pricing.evidence(conn, made.id)
    rows = list(csv.DictReader(io.StringIO(evidence_csv(proof))))
    assert [(row["asked"], row["lowest"]) for row in rows] == [("100.00", ""), ("80.00", "yes"), ("100.00", "")]
    assert {(row["sku"], row["prior_price"], row["percent"], row["first_day"]) for row in rows} == {
        ("'=A1", "80.00", "12.50", "2026-03-11")
    }
    assert isinstance(proof, Evidence)


async def test_the_history_of_a_place_has_lists_and_observations(pool: Pool) -> None:
    """Interval by interval, clipped to the period asked for."""
    async with transaction(pool) as conn:
        variant = await golden_g1(conn)
        seen = NewObservation(sku="A", amount_minor=9900, currency="EUR", observed_at=day(3, 28), store_id="milano")
        await pricing.observe(conn, [seen], now=NOW)

        async def told(store_id: str | None) -> list[tuple[int, str]]:
            found = await pricing.history(
                conn, variant, channel="store", store_id=store_id, currency="EUR", since=day(3, 19),
                until=day(4, 1), zone=ROME,
            )  # fmt: skip
            return [(one.amount_minor, one.source) for one in found]

        listed = [(10000, "list:base"), (8000, "list:base"), (10000, "list:base")]
        assert await told("roma") == listed
        assert await told("milano") == [*listed, (9900, "observation:channel")]
