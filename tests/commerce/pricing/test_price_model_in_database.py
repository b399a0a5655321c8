"""What the statements leave out must not matter: answers from the database equal the rules over everything stored."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tests.support.pricing import make_variants
from unisono.commerce.pricing import honest, loading, rules
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import Announced, Fact, Observation
from unisono.commerce.pricing.restoring import beneath
from unisono.kit.database import Connection, Pool, transaction

DAY0 = datetime(2026, 3, 1, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")
HOURS = 60 * 24


def hour(n: int) -> datetime:
    return DAY0 + timedelta(hours=n)


async def fill(conn: Connection, dice: random.Random) -> list[int]:
    """Lists of every sort, and for each of 120 variants some random facts, reductions and observations."""

    def span(longest: int) -> tuple[datetime, datetime | None]:
        begins = dice.randrange(HOURS)
        return hour(begins), dice.choice([None, hour(begins + dice.randint(1, longest))])

    for number in range(12):
        begins, ends = span(HOURS)
        await conn.execute(
            """insert into price_list (code, name, currency, channel, store_id, audience, starts_at, ends_at, priority,
                                       disabled_at) values ($1, '', $2, $3, $4, $5, $6, $7, $8, $9)""",
            f"l{number}",
            dice.choice(["EUR"] * 9 + ["CHF"]),
            dice.choice([None, None, "web", "store"]),
            dice.choice([None, None, "milano", "roma"]),
            dice.choice([None, None, None, "members"]),
            dice.choice([None, None, begins]),
            ends,
            dice.randrange(2),
            dice.choice([None, None, None, hour(dice.randrange(HOURS))]),
        )
    lists = [row["id"] for row in await conn.fetch("select id from price_list")]
    ids = list((await make_variants(conn, [f"S{n}" for n in range(120)])).values())
    facts, told, seen = [], [], []
    for variant in ids:
        for _ in range(dice.randint(1, 14)):
            amount = dice.choice([None, *range(1, 12)])
            facts.append((dice.choice(lists), variant, amount, *span(300), "test"))
        own = [one for one in facts if one[1] == variant] or facts
        for _ in range(dice.randint(0, 4)):
            begins, ends = span(300)
            withdrawn = dice.choice([None, None, hour(dice.randrange(HOURS))])
            by = None if withdrawn is None else "test"
            owner, _, amount, *_ = dice.choice(own)
            told.append((variant, owner, amount or 1, begins, ends, withdrawn, by, "sales"))
        for _ in range(dice.randint(0, 3)):
            where = dice.choice([None, "web", "store"]), dice.choice([None, "milano"])
            origin = dice.choice(["channel", "receipt", "list", "import"])
            seen.append((variant, *where, dice.randint(1, 12), *span(300), origin))
    await conn.executemany(
        """insert into price (price_list_id, variant_id, amount_minor, starts_at, ends_at, recorded_by)
           values ($1, $2, $3, $4, $5, $6)""",
        facts,
    )
    await conn.executemany(
        """insert into price_announcement (variant_id, price_list_id, currency, new_minor, prior_minor, percent_bp,
               rule, evidence, starts_at, ends_at, announced_by, withdrawn_at, withdrawn_by, campaign)
           values ($1, $2, 'EUR', $3, 20, 1, 'strict', '{}', $4, $5, 'test', $6, $7, $8)""",
        told,
    )
    await conn.executemany(
        """insert into price_observation (variant_id, channel, store_id, amount_minor, currency, observed_at, until,
               origin) values ($1, $2, $3, $4, 'EUR', $5, $6, $7)""",
        seen,
    )
    return ids


async def everything(conn: Connection) -> dict[str, list[Any]]:
    """All that is stored, as the rules want it."""
    facts = await conn.fetch("select id, price_list_id, variant_id, amount_minor, starts_at, ends_at from price")
    told = await conn.fetch(
        """select id, price_list_id, variant_id, new_minor, prior_minor, percent_bp, rule, starts_at, ends_at,
                  withdrawn_at, campaign from price_announcement"""
    )
    seen = await conn.fetch(
        """select id, variant_id, channel, store_id, amount_minor, currency, observed_at, until, origin
           from price_observation where origin <> 'list'"""
    )
    return {
        "facts": [Fact(**row) for row in facts],
        "told": [Announced(**row) for row in told],
        "seen": [Observation(**row) for row in seen],
    }


async def test_the_one_statement_answers_as_the_rule_does_over_all_facts(pool: Pool) -> None:
    """Amount, list, reduction and next change, at places and instants thrown by dice."""
    dice = random.Random(7)
    answered = reduced = 0
    async with transaction(pool) as conn:
        ids = await fill(conn, dice)
        lists, stored = await pricing.price_lists(conn), await everything(conn)
        for _ in range(40):
            place: dict[str, Any] = {
                "channel": dice.choice([None, "web", "store"]),
                "store_id": dice.choice([None, "milano", "roma"]),
                "audiences": dice.choice([(), ("members",)]),
                "currency": dice.choice(["EUR", "EUR", "EUR", "CHF"]),
                "at": hour(dice.randrange(HOURS)),
            }
            found = await pricing.prices(conn, ids, **place)
            for variant in ids:
                expected = rules.price_at(
                    [one for one in stored["facts"] if one.variant_id == variant],
                    lists,
                    **place,
                    tax_rate_bp=2200,
                    announced=[one for one in stored["told"] if one.variant_id == variant],
                )
                assert found.get(variant) == expected, place
                answered += expected is not None
                reduced += expected is not None and expected.reduction is not None
    assert answered > 500
    assert reduced > 10


async def test_reductions_are_judged_as_if_everything_stored_was_read(pool: Pool) -> None:
    """Facts covered or over before the window are not loaded; the evidence is the same to the last interval."""
    dice = random.Random(11)
    rules_seen = set()
    async with transaction(pool) as conn:
        ids = await fill(conn, dice)
        lists, stored = await pricing.price_lists(conn), await everything(conn)
        for own in lists:
            at = hour(dice.randrange(31 * 24, HOURS))
            wanted = [loading.Wanted(variant, dice.randint(0, 9)) for variant in ids]
            loaded = await loading.cases(conn, own, wanted, starts_at=at, campaign="sales", zone=ROME)
            for case in loaded:
                full = honest.Case(
                    sku=case.sku,
                    variant_id=case.variant_id,
                    price_list=own,
                    new_minor=case.new_minor,
                    starts_at=at,
                    zone=ROME,
                    campaign="sales",
                    tax_rate_bp=2200,
                    lists=lists,
                    facts=[one for one in stored["facts"] if one.variant_id == case.variant_id],
                    observations=[one for one in stored["seen"] if one.variant_id == case.variant_id],
                    announced=[one for one in stored["told"] if one.variant_id == case.variant_id],
                )
                found, expected = honest.judge(case), honest.judge(full)
                assert sorted(found.intervals, key=repr) == sorted(expected.intervals, key=repr)
                assert (found.prior_minor, found.rule, found.refused) == (
                    expected.prior_minor,
                    expected.rule,
                    expected.refused,
                )
                rules_seen.add(found.rule)
    assert rules_seen == {"strict", "progressive"}


@st.composite
def stacks(draw: st.DrawFn) -> tuple[list[Fact], Fact]:
    """Facts of one list and variant, and one more that is to be taken away."""
    facts = []
    for number in range(draw(st.integers(1, 7))):
        begins, lasts = draw(st.integers(0, 30)), draw(st.none() | st.integers(1, 20))
        ends = None if lasts is None else hour(begins + lasts)
        facts.append(Fact(number + 1, 1, 7, draw(st.none() | st.integers(1, 4)), hour(begins), ends))
    return facts, facts.pop(draw(st.integers(0, len(facts) - 1)))


@given(stack=stacks(), after=st.integers(0, 30))
def test_layers_beneath_a_price_that_goes_leave_what_would_be_there_without_it(stack, after) -> None:
    """At every hour after, whatever is planned beneath and after; and they leave no gap."""
    rest, gone = stack
    begins = max(gone.starts_at, hour(after))
    if gone.ends_at is not None and gone.ends_at <= begins:
        return
    layers = beneath(rest, begins, gone.ends_at)
    assert (layers[0].starts_at, layers[-1].ends_at) == (begins, gone.ends_at)
    assert all(one.ends_at == other.starts_at for one, other in pairwise(layers))
    restored = [
        Fact(100 + n, 1, 7, layer.amount_minor, layer.starts_at, layer.ends_at) for n, layer in enumerate(layers)
    ]
    for n in range(100):
        at = hour(n)
        if at >= begins:
            now = rules.fact_at([*rest, gone, *restored], at)
            wanted = rules.fact_at(rest, at)
            assert (now and now.amount_minor) == (wanted and wanted.amount_minor)
