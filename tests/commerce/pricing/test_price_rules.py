"""What something costs: the pure rules, beside a model too simple to be wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.commerce.pricing.model import Announced, Fact, PriceList
from unisono.commerce.pricing.rules import price_at, split_tax
from unisono.kit.money import format_money, to_minor

DAY0 = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = st.integers(min_value=0, max_value=40)
PLACES = st.sampled_from([None, "web", "store"])
STORES = st.sampled_from([None, "milano", "roma"])
AUDIENCES = st.sampled_from([None, "members", "staff"])


def hour(n: int) -> datetime:
    return DAY0 + timedelta(hours=n)


@st.composite
def periods(draw: st.DrawFn) -> tuple[datetime | None, datetime | None]:
    """A period open at either side."""
    begins, lasts = draw(st.none() | HOURS), draw(st.none() | st.integers(1, 20))
    return None if begins is None else hour(begins), None if lasts is None else hour((begins or 0) + lasts)


@st.composite
def shops(draw: st.DrawFn) -> tuple[list[PriceList], list[Fact]]:
    """Some lists and what they ask for one variant."""
    lists = []
    for number in range(draw(st.integers(1, 5))):
        starts_at, ends_at = draw(periods())
        lists.append(
            PriceList(
                id=number + 1,
                code=f"list-{number}",
                name="",
                currency=draw(st.sampled_from(["EUR", "EUR", "CHF"])),
                tax_included=draw(st.booleans()),
                channel=draw(PLACES),
                store_id=draw(STORES),
                audience=draw(AUDIENCES),
                starts_at=starts_at,
                ends_at=ends_at,
                priority=draw(st.integers(0, 1)),
                disabled_at=draw(st.none() | HOURS.map(hour)),
            )
        )
    facts = []
    for number in range(draw(st.integers(0, 10))):
        begins, lasts = draw(HOURS), draw(st.none() | st.integers(1, 10))
        amount = draw(st.none() | st.integers(0, 5))
        owner = draw(st.sampled_from(lists)).id
        ends = None if lasts is None else hour(begins + lasts)
        facts.append(Fact(number + 1, owner, 7, amount, hour(begins), ends))
    return lists, draw(st.permutations(facts))


def model(
    lists: list[PriceList], facts: list[Fact], channel: str | None, store: str | None, audiences: set[str], at: datetime
) -> tuple[str, int] | None:
    """The rule read aloud: candidates sorted step by step, the weakest criterion first."""
    candidates = []
    for one in lists:
        if one.currency != "EUR" or (one.starts_at and at < one.starts_at) or (one.ends_at and at >= one.ends_at):
            continue
        if one.disabled_at and at >= one.disabled_at:
            continue
        if one.channel not in {None, channel} or one.store_id not in {None, store}:
            continue
        if one.audience not in {None, *audiences}:
            continue
        held = [
            f for f in facts if f.price_list_id == one.id and f.starts_at <= at and not (f.ends_at and at >= f.ends_at)
        ]
        held.sort(key=lambda f: f.id)
        held.sort(key=lambda f: f.starts_at)
        if held and held[-1].amount_minor is not None:
            candidates.append((one, held[-1].amount_minor))
    candidates.sort(key=lambda c: c[0].id)
    candidates.sort(key=lambda c: c[0].starts_at.timestamp() if c[0].starts_at else float("-inf"))
    for special in ("channel", "store_id", "audience"):
        candidates.sort(key=lambda c: getattr(c[0], special) is not None)
    candidates.sort(key=lambda c: c[0].priority)
    return (candidates[-1][0].code, candidates[-1][1]) if candidates else None


@given(shop=shops(), channel=PLACES, store=STORES, audiences=st.sets(st.sampled_from(["members", "staff"])), n=HOURS)
def test_a_price_is_what_the_plain_reading_of_the_rule_gives(shop, channel, store, audiences, n) -> None:
    """Whatever the lists, the facts and their order."""
    lists, facts = shop
    answer = price_at(
        facts, lists, channel=channel, store_id=store, audiences=audiences, currency="EUR", at=hour(n), tax_rate_bp=1
    )
    found = None if answer is None else (answer.price_list, answer.amount_minor)
    assert found == model(lists, facts, channel, store, audiences, hour(n))


@given(shop=shops(), channel=PLACES, store=STORES, n=HOURS)
def test_nothing_changes_before_the_next_change_that_was_told(shop, channel, store, n) -> None:
    """A channel may keep a price until ``next_change_at``: it is the same at every instant until then."""
    lists, facts = shop

    def at(instant: datetime):
        return price_at(
            facts, lists, channel=channel, store_id=store, audiences={"members"}, currency="EUR", at=instant
        )

    answer = at(hour(n))
    if answer is None:
        return
    until = answer.next_change_at or hour(200)
    assert until > hour(n)
    for later in range(n, 100):
        if hour(later) < until:
            kept = at(hour(later))
            assert kept is not None
            assert (kept.amount_minor, kept.price_list) == (answer.amount_minor, answer.price_list)


def test_a_list_without_a_price_leaves_the_choice_to_the_next() -> None:
    """An amount of None takes the variant out of a strong list; the weaker one asks its price again."""
    lists = [
        PriceList(id=1, code="base", name="", currency="EUR", tax_included=True),
        PriceList(id=2, code="strong", name="", currency="EUR", tax_included=True, priority=9),
    ]
    facts = [Fact(1, 1, 7, 100, hour(0)), Fact(2, 2, 7, 80, hour(0)), Fact(3, 2, 7, None, hour(5))]

    def amount(n: int) -> int | None:
        answer = price_at(facts, lists, channel="web", store_id=None, audiences=(), currency="EUR", at=hour(n))
        return answer and answer.amount_minor

    assert [amount(0), amount(4), amount(5)] == [80, 80, 100]


def test_a_reduction_is_shown_only_beside_the_price_it_was_announced_for() -> None:
    """Somebody who pays another price sees no percentage."""
    base = PriceList(id=1, code="base", name="", currency="EUR", tax_included=True)
    members = PriceList(id=2, code="members", name="", currency="EUR", tax_included=True, audience="members")
    facts = [Fact(1, 1, 7, 7000, hour(0)), Fact(2, 2, 7, 6500, hour(0))]
    told = [Announced(1, 1, 7, 7000, 8000, 1250, "strict", hour(0), hour(10))]

    def answer(n: int, *audiences: str):
        found = price_at(
            facts, [base, members], channel=None, store_id=None, audiences=audiences, currency="EUR", at=hour(n),
            announced=told,
        )  # fmt: skip
        assert found is not None
        return found

    everybody = answer(1).reduction
    assert everybody is not None
    assert (everybody.prior_minor, everybody.percent_bp, everybody.percent) == (8000, 1250, 12)
    assert answer(1).next_change_at == hour(10)
    assert answer(1, "members").reduction is None
    assert answer(10).reduction is None


def test_golden_g7_tax_inside_a_price() -> None:
    """12.20 with 22 % in it is 10.00 + 2.20; 3 x 0.99 = 2.97 is 2.43 + 0.54."""
    assert split_tax(1220, 2200, included=True) == (1000, 220, 1220)
    assert split_tax(3 * 99, 2200, included=True) == (243, 54, 297)
    assert split_tax(1000, 2200, included=False) == (1000, 220, 1220)
    assert split_tax(-1220, 2200, included=True) == (-1000, -220, -1220)


def test_golden_g21_tax_and_amounts_follow_the_digits_of_the_currency() -> None:
    """Yen have no cents, Kuwaiti dinar have a thousand fils: 550 yen hold 50 of tax, 1.250 dinar are 1250."""
    assert to_minor("550", "JPY") == 550
    assert split_tax(to_minor("550", "JPY"), 1000, included=True) == (500, 50, 550)
    assert to_minor("1.250", "KWD") == 1250
    assert split_tax(to_minor("1.250", "KWD"), 500, included=False) == (1250, 63, 1313)
    assert format_money(1313, "KWD").replace("\N{NO-BREAK SPACE}", " ") == "KWD 1.313"


@given(amount=st.integers(-(10**15), 10**15), rate=st.integers(0, 10_000), included=st.booleans())
def test_net_and_tax_add_up_to_the_last_unit(amount: int, rate: int, included: bool) -> None:
    """And the tax is the exact one to within half a unit."""
    net, tax, gross = split_tax(amount, rate, included=included)
    assert net + tax == gross
    assert amount == (gross if included else net)
    assert abs(2 * (tax * 10_000 - net * rate)) <= (10_000 + rate if included else 10_000)


@pytest.mark.parametrize("included", [True, False])
def test_no_tax_is_no_tax(included: bool) -> None:
    """A rate of 0 leaves the amount whole."""
    assert split_tax(999, 0, included=included) == (999, 0, 999)
