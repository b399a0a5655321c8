"""More examples of the golden kind, each reckoned by hand: prior prices, lists, stacking, currencies, tax, codes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.promotions import amount, applied, basket, line, percent, promotion, quote
from unisono.commerce.catalog.rules import gtin
from unisono.commerce.inventory.model import Need, NoPlan, Parcel, Pickup, Plan, Ship, StockAt
from unisono.commerce.inventory.rules import allocate
from unisono.commerce.pricing.honest import Case, judge
from unisono.commerce.pricing.model import Evidence, Fact, PriceList
from unisono.commerce.pricing.rules import price_at, split_tax
from unisono.kit.allocation import largest_remainder
from unisono.kit.money import format_money, to_minor

ROME = ZoneInfo("Europe/Rome")
BASE = PriceList(id=1, code="base", name="Base", currency="EUR", tax_included=True)


def rome(*parts: int) -> datetime:
    """A local time in Rome."""
    return datetime(*parts, tzinfo=ROME).astimezone(UTC)  # type: ignore[misc,arg-type]


def fact(number: int, amount_minor: int | None, starts: datetime, ends: datetime | None = None, of: int = 1) -> Fact:
    return Fact(number, of, 7, amount_minor, starts, ends)


def judged(new: int, at: datetime, *facts: Fact, **more: Any) -> Evidence:
    values: dict[str, Any] = {"sku": "A", "variant_id": 7, "price_list": BASE, "zone": ROME, "lists": [BASE]}
    return judge(Case(new_minor=new, starts_at=at, facts=list(facts), **(values | more)))


@pytest.mark.parametrize(
    ("announced", "first", "last"),
    [
        # 30 days before 10 November hold the night that has 25 hours; before 10 April the one that has 23.
        ((2026, 11, 10, 9), date(2026, 10, 11), date(2026, 11, 9)),
        ((2026, 4, 10, 9), date(2026, 3, 11), date(2026, 4, 9)),
        ((2027, 3, 1, 0), date(2027, 1, 30), date(2027, 2, 28)),
        ((2028, 3, 1, 0), date(2028, 1, 31), date(2028, 2, 29)),
        ((2027, 3, 31, 23), date(2027, 3, 1), date(2027, 3, 30)),
        ((2027, 1, 1, 0), date(2026, 12, 2), date(2026, 12, 31)),
    ],
)
def test_the_thirty_days_are_days_of_the_calendar(announced: tuple[int, ...], first: date, last: date) -> None:
    """The first hour of the first day counts and the last of the day before it does not; likewise at the other end."""
    at = rome(*announced)
    found = judged(1, at, fact(1, 10000, rome(2026, 1, 1)))
    assert (found.window.first_day, found.window.last_day) == (first, last)
    begin, end = rome(first.year, first.month, first.day), rome(*announced[:3])
    hour = 3600
    for starts, ends, prior in (
        (begin.timestamp() - hour, begin.timestamp(), 10000),
        (begin.timestamp(), begin.timestamp() + hour, 4000),
        (end.timestamp() - hour, end.timestamp(), 4000),
    ):
        low = fact(2, 4000, datetime.fromtimestamp(starts, UTC), datetime.fromtimestamp(ends, UTC))
        assert judged(1, at, fact(1, 10000, rome(2026, 1, 1)), low).prior_minor == prior


def test_percentages_are_of_the_prior_price_and_never_flattered() -> None:
    """Two thirds of 9.99 is 3.33 off 9.99, 33.33 %; one cent off 100.00 is 0.01 %; to nothing is 100 %."""
    for prior, new, told in ((999, 666, 3333), (10000, 9999, 1), (10000, 0, 10000), (3, 2, 3333), (129, 128, 77)):
        assert judged(new, rome(2026, 4, 10), fact(1, prior, rome(2026, 1, 1))).percent_bp == told


def test_a_price_that_was_withdrawn_in_the_window_was_not_asked_then() -> None:
    """Nothing asked for a week: what counts is the lowest of the days on which it was for sale."""
    facts = [fact(1, 9000, rome(2026, 1, 1)), fact(2, None, rome(2026, 3, 20)), fact(3, 9500, rome(2026, 3, 27))]
    found = judged(8000, rome(2026, 4, 10), *facts)
    assert (found.prior_minor, found.percent_bp) == (9000, 1111)
    later = judged(8000, rome(2026, 4, 20), *facts)
    assert later.prior_minor == 9500


def test_of_lists_of_one_priority_the_most_particular_counts() -> None:
    """An audience before a store, a store before a channel, a channel before all; then the later; priority over it."""
    places: list[dict[str, Any]] = [{}, {"channel": "store"}, {"store_id": "milano"}, {"audience": "members"}]
    lists = [PriceList(id=at + 1, code=f"l{at}", name="", currency="EUR", tax_included=True, **more)
             for at, more in enumerate(places)]  # fmt: skip
    facts = [fact(at, 100 * (at + 1), rome(2026, 1, 1), of=at + 1) for at in range(4)]
    for count in (4, 3, 2, 1):
        found = price_at(
            facts, lists[:count], channel="store", store_id="milano", audiences={"members"}, currency="EUR",
            at=rome(2026, 5, 1),
        )  # fmt: skip
        assert found is not None
        assert found.amount_minor == 100 * count
    strong = PriceList(id=9, code="strong", name="", currency="EUR", tax_included=True, priority=1)
    newer = PriceList(id=10, code="newer", name="", currency="EUR", tax_included=True, starts_at=rome(2026, 4, 1))
    asked: dict[str, Any] = {"channel": "web", "store_id": None, "audiences": (), "currency": "EUR"}
    both = [*facts, fact(8, 900, rome(2026, 1, 1), of=9), fact(9, 50, rome(2026, 1, 1), of=10)]
    at_may = price_at(both, [lists[0], strong, newer], at=rome(2026, 5, 1), **asked)
    assert at_may is not None
    assert at_may.amount_minor == 900
    assert [
        found.amount_minor
        for moment in (rome(2026, 3, 31, 23), rome(2026, 4, 1))
        if (found := price_at(both, [lists[0], newer], at=moment, **asked)) is not None
    ] == [100, 50]


def test_three_promotions_and_free_sending() -> None:
    """100.00: 20 % off the shelf 80.00, 10 % off the order 72.00, a voucher of 5.00: 67.00; 4.90 of sending free.
    Shared over 60.00 and 40.00: 19.80 and 13.20, each as 12.00 + 4.80 + 3.00 and 8.00 + 3.20 + 2.00."""
    found = quote(
        basket(line("a", 60_00), line("b", 40_00), shipping_minor=4_90),
        promotion("voucher", amount(5_00)),
        promotion("free", {"kind": "shipping_off"}),
        promotion("tenth", percent(1000), priority=5),
        promotion("shelf", percent(2000, level="catalogue")),
    )
    assert [(one.total_minor, [share.amount_minor for share in one.shares]) for one in found.lines] == [
        (40_20, [12_00, 4_80, 3_00]),
        (26_80, [8_00, 3_20, 2_00]),
    ]
    assert (found.discount_minor, found.shipping_minor, found.total_minor) == (33_00, 0, 67_00)
    assert applied(found, "free").amount_minor == 4_90
    # 40.20 holds 7.25 of 22 %, 26.80 holds 4.83.
    assert found.tax_minor == 7_25 + 4_83


def test_tax_on_top_after_a_shared_discount() -> None:
    """33.33 at 22 % and 10.00 at 4 %, 10.00 off both: 7.69 and 2.31 off; 25.64 + 5.64 and 7.69 + 0.31: 39.28."""
    lines = (line("a", 33_33), line("b", 10_00, tax_rate_bp=400))
    found = quote(basket(*lines, tax_included=False), promotion("ten", amount(10_00)))
    assert [(one.discount_minor, one.total_minor, one.tax_minor) for one in found.lines] == [
        (7_69, 25_64, 5_64),
        (2_31, 7_69, 31),
    ]
    assert (found.tax_minor, found.total_minor) == (5_95, 39_28)


def test_yen_have_no_cents_and_dinars_a_thousand() -> None:
    """Three at 333 JPY with 10 % inside: 999, of it 91; a tenth off is 99.9, rounded 100, and leaves 899. Three at
    1.250 KWD with 5 % on top: 3.750 + 0.188; a tenth off: 3.375 + 0.169."""
    yen = basket(line("a", 333, 3, tax_rate_bp=1000), currency="JPY")
    assert (quote(yen).total_minor, quote(yen).tax_minor) == (999, 91)
    tenth = quote(yen, promotion("tenth", percent(1000)))
    assert (tenth.discount_minor, tenth.total_minor, tenth.tax_minor) == (100, 899, 82)
    dinars = basket(line("a", 1250, 3, tax_rate_bp=500), currency="KWD", tax_included=False)
    assert (quote(dinars).total_minor, quote(dinars).tax_minor) == (3938, 188)
    reduced = quote(dinars, promotion("tenth", percent(1000)))
    assert (reduced.discount_minor, reduced.total_minor, reduced.tax_minor) == (375, 3544, 169)
    assert [to_minor(*one) for one in (("333", "JPY"), ("1.250", "KWD"), ("5.00", "EUR"))] == [333, 1250, 500]
    assert (format_money(1250, "KWD"), format_money(500, "JPY")) == ("KWD\xa01.250", "¥500")


def test_largest_remainder_by_hand() -> None:
    """One cent over three goes to the dearest; 100 over 1, 1, 1 to the first; over nothing but one, to that one."""
    assert largest_remainder(1, [10, 30, 20]) == [0, 1, 0]
    assert largest_remainder(100, [1, 1, 1]) == [34, 33, 33]
    assert largest_remainder(7, [0, 5, 0]) == [0, 7, 0]
    assert largest_remainder(10_00, [33_33, 33_33, 33_34]) == [3_33, 3_33, 3_34]
    assert largest_remainder(5, [2, 2, 2, 2]) == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("gross", "rate", "tax"),
    [(1220, 2200, 220), (297, 2200, 54), (1, 2200, 0), (3, 2200, 1), (104, 400, 4), (999, 1000, 91), (100, 0, 0)],
)
def test_tax_inside_by_hand(gross: int, rate: int, tax: int) -> None:
    """Half a cent is rounded up, of either sign; what came back is taken apart as it was."""
    assert split_tax(gross, rate, included=True) == (gross - tax, tax, gross)
    assert split_tax(-gross, rate, included=True) == (tax - gross, -tax, -gross)


def test_codes_on_goods() -> None:
    """A 12-digit UPC is its 13-digit form and its 14-digit one; a book, a case of 14 digits, a short one of 8."""
    assert gtin("4006381333931") == "04006381333931"
    assert gtin("4006381333932") is None
    assert gtin("036000291452") == gtin("0036000291452") == gtin("00036000291452") == "00036000291452"
    assert gtin("9780306406157") == "09780306406157"
    assert gtin("96385074") == "00000096385074"
    assert [gtin(bad) for bad in ("", "0" * 13, "40063813339", "400638133393a", "４００６３８１３３３９３１")] == [
        None
    ] * 5


def test_where_goods_come_from_by_hand() -> None:
    """Seven of one: 4 from the warehouse, 3 from Milano. Two kinds of which no place has both: two parcels. Eight:
    refused with what there is. To be collected where there are four: at once."""

    def at(code: str, variant: int, available: int) -> StockAt:
        kind: Any = "warehouse" if code == "hub" else "store"
        return StockAt(variant_id=variant, location_code=code, name=code.title(), available=available, kind=kind)

    stock = [at("milano", 1, 3), at("hub", 1, 4), at("milano", 2, 1)]
    assert allocate([Need(1, 7)], stock, Ship()) == Plan(
        (Parcel("hub", (Need(1, 4),)), Parcel("milano", (Need(1, 3),)))
    )
    assert allocate([Need(1, 4), Need(2, 1)], stock, Ship()) == Plan(
        (Parcel("hub", (Need(1, 4),)), Parcel("milano", (Need(2, 1),)))
    )
    short = allocate([Need(1, 8)], stock, Ship())
    assert isinstance(short, NoPlan)
    assert short.reasons[0].values == {"asked": 8, "available": 7}
    assert allocate([Need(1, 2), Need(1, 1)], stock, Pickup("milano")) == Plan((Parcel("milano", (Need(1, 3),)),))
