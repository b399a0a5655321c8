"""The prior price of a reduction: the golden examples, the law's four regimes, a day-by-day model."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.commerce.pricing.honest import DAYS, Case, judge, midnight, percent_bp, window_before
from unisono.commerce.pricing.model import Announced, Fact, Observation, PriceList
from unisono.commerce.pricing.rules import price_at

ROME = ZoneInfo("Europe/Rome")
BASE = PriceList(id=1, code="base", name="Base", currency="EUR", tax_included=True)


def day(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=ROME).astimezone(UTC)


def fact(number: int, amount: int | None, starts: datetime, ends: datetime | None = None, owner: int = 1) -> Fact:
    return Fact(number, owner, 7, amount, starts, ends)


G1 = [fact(1, 10000, day(3, 1)), fact(2, 8000, day(3, 20), day(3, 26))]
"""1 March 100.00; 20 to 25 March 80.00; 26 March 100.00 again."""


def case(new: int, starts: datetime, facts: list[Fact], **more: object) -> Case:
    values = {"sku": "A", "variant_id": 7, "price_list": BASE, "zone": ROME, "lists": [BASE]} | more
    return Case(new_minor=new, starts_at=starts, facts=facts, **values)  # type: ignore[arg-type]


def test_golden_g1_the_lowest_price_of_the_thirty_days_counts_not_the_last() -> None:
    """Announced on 10 April at 70.00: window 11 March to 9 April, lowest 80.00, 12.5 % and not 30 %."""
    found = judge(case(7000, day(4, 10, 9), G1))
    assert (found.window.first_day, found.window.last_day) == (date(2026, 3, 11), date(2026, 4, 9))
    assert (found.prior_minor, found.percent_bp, found.rule, found.refused) == (8000, 1250, "strict", None)
    assert found.lowest is not None
    assert (found.lowest.starts_at, found.lowest.ends_at, found.lowest.source) == (day(3, 20), day(3, 26), "list:base")
    assert [(one.amount_minor, one.starts_at, one.ends_at) for one in found.intervals] == [
        (10000, day(3, 11), day(3, 20)),
        (8000, day(3, 20), day(3, 26)),
        (10000, day(3, 26), day(4, 10)),
    ]


def test_golden_g3_a_price_that_was_asked_lately_is_no_reduction() -> None:
    """Now 1.29, before 1.69, lowest of 30 days 1.29: refused."""
    facts = [fact(1, 129, day(3, 1)), fact(2, 169, day(3, 30))]
    found = judge(case(129, day(4, 10), facts))
    assert (found.prior_minor, found.percent_bp, found.refused) == (129, None, "not_below_prior")


def test_the_window_is_thirty_days_of_the_company_also_when_the_clocks_change() -> None:
    """Its first instant counts, the one before does not; its last counts, midnight of the announcement does not."""
    window = window_before(day(4, 10, 9), ROME)
    assert window.ends_at - window.starts_at == timedelta(days=DAYS, hours=-1)
    for begins, lasts, prior in (
        (window.starts_at - timedelta(hours=1), 1, 10000),
        (window.starts_at - timedelta(hours=1), 2, 100),
        (window.ends_at - timedelta(hours=1), 1, 100),
        (window.ends_at, 1, 10000),
    ):
        facts = [fact(1, 10000, day(1, 1)), fact(2, 100, begins, begins + timedelta(hours=lasts))]
        assert judge(case(50, day(4, 10, 9), facts)).prior_minor == prior


def test_a_price_observed_in_the_channel_counts_as_much_as_a_list() -> None:
    """One day at 59.00 in the shop window is the prior price, whatever the lists say; elsewhere it does not count."""
    here = msgspec.structs.replace(BASE, channel="store", store_id="milano")
    seen = Observation(5, 7, "store", "milano", 5900, "EUR", day(4, 1), day(4, 2), "channel")

    def prior(*observations: Observation) -> int | None:
        lists = [here]
        return judge(case(5000, day(4, 10), G1, price_list=here, lists=lists, observations=observations)).prior_minor

    assert prior(seen) == 5900
    assert prior(msgspec.structs.replace(seen, store_id="roma")) == 8000
    assert prior(msgspec.structs.replace(seen, channel="web", store_id=None)) == 8000
    assert prior(msgspec.structs.replace(seen, store_id=None)) == 5900
    assert prior(msgspec.structs.replace(seen, currency="CHF")) == 8000
    assert prior(msgspec.structs.replace(seen, until=None)) == 5900
    assert prior(msgspec.structs.replace(seen, observed_at=day(2, 1), until=day(3, 11))) == 8000
    assert prior(msgspec.structs.replace(seen, observed_at=day(2, 1), until=None)) == 8000


def test_a_reduction_everywhere_is_measured_on_the_lowest_price_anywhere() -> None:
    """Milano asked 75.00 for a day: a reduction announced in all stores starts from there, one in Roma does not."""
    milano = PriceList(id=2, code="milano", name="", currency="EUR", tax_included=True, store_id="milano")
    roma = PriceList(id=3, code="roma", name="", currency="EUR", tax_included=True, store_id="roma")
    facts = [*G1, fact(3, 7500, day(4, 1), day(4, 2), owner=2)]
    lists = [BASE, milano, roma]
    assert judge(case(7000, day(4, 10), facts, lists=lists)).prior_minor == 7500
    assert judge(case(7000, day(4, 10), facts, lists=lists, price_list=roma)).prior_minor == 8000


def test_what_members_paid_was_not_asked_of_everybody() -> None:
    """A members' price is not the prior price (17-bis(2): the generality of consumers)."""
    members = PriceList(id=2, code="members", name="", currency="EUR", tax_included=True, audience="members")
    facts = [*G1, fact(3, 6000, day(3, 1), owner=2)]
    assert judge(case(7000, day(4, 10), facts, lists=[BASE, members])).prior_minor == 8000


def test_prices_with_and_without_tax_are_compared_on_one_basis() -> None:
    """81.97 + 22 % was asked as 100.00."""
    net = PriceList(id=2, code="net", name="", currency="EUR", tax_included=False, priority=1)
    facts = [fact(1, 12000, day(1, 1)), fact(2, 8197, day(3, 1), owner=2)]
    assert judge(case(7000, day(4, 10), facts, lists=[BASE, net], tax_rate_bp=2200)).prior_minor == 10000


def growing(new: int, at: datetime, *, ends: datetime | None = None, prior: int = 10000, campaign: str = "sales"):
    return Announced(9, 1, 7, new, prior, percent_bp(prior, new), "strict", at, ends, None, campaign)


def test_a_reduction_that_grows_within_a_campaign_keeps_the_prior_price_of_its_first() -> None:
    """100.00, then 20 % off from 1 July and 40 % from 15 July: both measured on 100.00."""
    facts = [fact(1, 10000, day(1, 1)), fact(2, 8000, day(7, 1))]
    first = growing(8000, day(7, 1))
    found = judge(case(6000, day(7, 15), facts, announced=[first], campaign="sales"))
    assert (found.rule, found.prior_minor, found.percent_bp, found.based_on) == ("progressive", 10000, 4000, 9)
    assert judge(case(6000, day(7, 15), facts, announced=[first])).prior_minor == 8000
    other = judge(case(6000, day(7, 15), facts, announced=[first], campaign="another"))
    assert (other.rule, other.prior_minor) == ("strict", 8000)


def test_a_campaign_that_was_interrupted_or_shrinks_is_measured_anew() -> None:
    """Ended a day too early, withdrawn, the full price asked in between, or a smaller reduction: strict again."""
    facts = [fact(1, 10000, day(1, 1)), fact(2, 8000, day(7, 1))]
    early = growing(8000, day(7, 1), ends=day(7, 14))
    withdrawn = msgspec.structs.replace(growing(8000, day(7, 1)), withdrawn_at=day(7, 10))
    full = [*facts, fact(3, 10000, day(7, 5), day(7, 6))]
    for new, told, known in (
        (6000, early, facts),
        (6000, withdrawn, facts),
        (6000, growing(8000, day(7, 1)), full),
        (6000, growing(5000, day(7, 1)), facts),
    ):
        found = judge(case(new, day(7, 15), known, announced=[told], campaign="sales"))
        assert (found.rule, found.prior_minor) == ("strict", 8000)


def test_a_young_product_is_measured_on_what_was_asked_since_it_is_on_the_market() -> None:
    """On sale since 1 April: what the list said before is no price anybody could pay; the period is told."""
    facts = [fact(1, 5000, day(3, 1)), fact(2, 9000, day(4, 1)), fact(3, 8500, day(4, 5))]
    found = judge(case(7000, day(4, 10), facts, on_sale_since=day(4, 1)))
    assert (found.rule, found.prior_minor, found.window.first_day) == ("young", 8500, date(2026, 4, 1))
    old = judge(case(4000, day(4, 10), facts, on_sale_since=day(3, 11)))
    assert (old.rule, old.prior_minor) == ("strict", 5000)


def test_what_comes_to_the_market_reduced_has_no_prior_price() -> None:
    """On sale since this morning: there is nothing it was reduced from."""
    found = judge(case(7000, day(4, 10, 12), G1, on_sale_since=day(4, 10, 8)))
    assert (found.refused, found.prior_minor, found.intervals) == ("no_prior_price", None, [])
    assert judge(case(7000, day(4, 10), [])).refused == "no_prior_price"


def test_fresh_food_is_measured_on_the_price_right_before() -> None:
    """3.00 at noon, 2.00 in the evening, though it was 1.50 last week; and still no reduction upwards."""
    facts = [fact(1, 150, day(3, 1)), fact(2, 300, day(4, 9))]
    found = judge(case(200, day(4, 10, 18), facts, exempt=True))
    assert (found.rule, found.prior_minor, found.percent_bp) == ("exempt", 300, 3333)
    assert judge(case(300, day(4, 10, 18), facts, exempt=True)).refused == "not_below_prior"


@given(prior=st.integers(1, 10**15), data=st.data())
def test_a_percentage_is_never_more_than_the_reduction(prior: int, data: st.DataObject) -> None:
    """Rounded down to a hundredth of a percent; one hundredth more would be too much."""
    new = data.draw(st.integers(0, prior - 1))
    told = percent_bp(prior, new)
    assert told * prior <= (prior - new) * 10_000 < (told + 1) * prior


PLACES = [None, "web", "store"]
STORES = [None, "milano", "roma"]
BEGIN = day(3, 8)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Lists, facts and observations that change on the hour, and a reduction on 10 April."""
    hours = st.integers(0, 33 * 24)
    lists = [
        PriceList(
            id=number + 1,
            code=f"l{number}",
            name="",
            currency="EUR",
            tax_included=True,
            channel=draw(st.sampled_from(PLACES)),
            store_id=draw(st.sampled_from(STORES)),
            audience=draw(st.sampled_from([None, None, "members"])),
            priority=draw(st.integers(0, 1)),
            starts_at=draw(st.none() | hours.map(lambda n: BEGIN + timedelta(hours=n))),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    facts, seen = [], []
    for number in range(draw(st.integers(0, 7))):
        begins, lasts = BEGIN + timedelta(hours=draw(hours)), draw(st.none() | st.integers(1, 300))
        ends = None if lasts is None else begins + timedelta(hours=lasts)
        owner = draw(st.sampled_from(lists)).id
        facts.append(fact(number + 1, draw(st.none() | st.integers(1, 9)), begins, ends, owner))
    for number in range(draw(st.integers(0, 2))):
        begins, lasts = BEGIN + timedelta(hours=draw(hours)), draw(st.none() | st.integers(1, 100))
        ends = None if lasts is None else begins + timedelta(hours=lasts)
        where = draw(st.sampled_from(PLACES)), draw(st.sampled_from(STORES))
        seen.append(Observation(number, 7, *where, draw(st.integers(1, 9)), "EUR", begins, ends, "channel"))
    own = draw(st.sampled_from(lists))
    return case(0, day(4, 10, draw(st.integers(0, 23))), facts, price_list=own, lists=lists, observations=seen)


@given(cases())
def test_the_prior_price_is_the_lowest_of_every_hour_of_every_day_at_every_place(one: Case) -> None:
    """Thirty days walked through hour by hour, in each channel and store the reduction would be seen in."""
    own, amounts = one.price_list, []
    for back in range(DAYS, 0, -1):
        today = date(2026, 4, 10) - timedelta(days=back)
        at = midnight(today, ROME)
        while at < midnight(today + timedelta(days=1), ROME):
            for channel in PLACES if own.channel is None else [own.channel]:
                for store in STORES if own.store_id is None else [own.store_id]:
                    answer = price_at(
                        one.facts, one.lists, channel=channel, store_id=store, audiences=(), currency="EUR", at=at
                    )
                    amounts += [] if answer is None else [answer.amount_minor]
                    amounts += [
                        seen.amount_minor
                        for seen in one.observations
                        if seen.observed_at <= at < (seen.until or seen.observed_at + timedelta(seconds=1))
                        and (seen.channel is None or channel in (None, seen.channel))
                        and (seen.store_id is None or store in (None, seen.store_id))
                    ]
            at += timedelta(hours=1)
    assert judge(one).prior_minor == min(amounts, default=None)


@pytest.mark.parametrize("zone", ["Europe/Rome", "America/New_York", "Asia/Tokyo"])
def test_days_are_those_of_the_company(zone: str) -> None:
    """Late on 10 April in Rome it is still the 10th in New York and already the 11th in Tokyo."""
    at = day(4, 10, 22)
    assert window_before(at, ZoneInfo(zone)).last_day == date(2026, 4, 10 if zone == "Asia/Tokyo" else 9)
