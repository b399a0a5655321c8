"""Each condition: when it holds, and what is said to be missing when it does not."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.promotions import basket, line, percent, promotion, quote, reasons, spoken
from unisono.commerce.promotions.model import Basket, PersonFacts

ROME = ZoneInfo("Europe/Rome")
VIP = PersonFacts(
    person_id=7,
    segments=frozenset({"vip"}),
    tier="gold",
    audiences=frozenset({"trade"}),
    orders_before=2,
    birthday=date(1990, 5, 15),
    traits={"student": True},
)
NEWCOMER = PersonFacts(person_id=8)
VISITOR = PersonFacts(person_id=9, identified=False)

SHOES = {"categories": ["s"]}


def at(day: str, time: str = "12:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{time}:00").replace(tzinfo=ROME)


def holds(condition: dict[str, Any], asked: Basket) -> list[str]:
    """No reasons against it, or their codes."""
    found = quote(asked, promotion("p", percent(1000), conditions=condition, currency="EUR"))
    assert bool(found.applied) != bool(found.rejected)
    return reasons(found, "p")


BASKET = basket(line("s1", 2000, 2), line("s2", 1000), line("t1", 590, brand="Acme", tags=("new",)), person=VIP)

HELD: list[dict[str, Any]] = [
    {"kind": "subtotal", "at_least_minor": 5590},
    {"kind": "subtotal", "at_least_minor": 5000, "at_most_minor": 5000, "lines": SHOES},
    {"kind": "quantity", "at_least": 3, "lines": SHOES},
    {"kind": "quantity", "at_most": 0, "lines": {"skus": ["x"]}},
    {"kind": "quantity", "lines": {"brands": ["Acme"]}},
    {"kind": "quantity", "lines": {"tags": ["new", "old"]}},
    {"kind": "quantity", "at_least": 4, "lines": {"categories": ["all"]}},
    {"kind": "quantity", "at_most": 3, "lines": {"but_not": {"skus": ["t1"]}}},
    {"kind": "quantity", "at_least": 2, "lines": {"unit_at_least_minor": 1500}},
    {"kind": "distinct", "at_least": 2, "lines": SHOES},
    {"kind": "segment", "any_of": ["vip", "other"]},
    {"kind": "tier", "any_of": ["gold"]},
    {"kind": "audience", "any_of": ["trade"]},
    {"kind": "trait", "name": "student", "any_of": [True]},
    {"kind": "orders_before", "at_least": 2, "at_most": 2},
    {"kind": "known"},
    {"kind": "birthday", "days_before": 2},
    {"kind": "channel", "any_of": ["web"]},
    {"kind": "weekdays", "any_of": ["wed"]},
    {"kind": "hours", "from": "12:00", "to": "12:01"},
    {"kind": "hours", "from": "22:00", "to": "12:30"},
    {"kind": "dates", "from": "2026-05-13", "to": "2026-05-13"},
    {"kind": "all", "of": []},
    {"kind": "any", "of": [{"kind": "tier", "any_of": ["silver"]}, {"kind": "known"}]},
    {"kind": "not", "of": {"kind": "first_order"}},
]
MISSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"kind": "subtotal", "at_least_minor": 6000}, ["amount_missing"]),
    ({"kind": "subtotal", "at_most_minor": 5000}, ["amount_above"]),
    ({"kind": "quantity", "at_least": 4, "lines": SHOES}, ["units_missing"]),
    ({"kind": "quantity", "at_most": 3}, ["units_above"]),
    ({"kind": "distinct", "at_least": 3, "lines": SHOES}, ["kinds_missing"]),
    ({"kind": "quantity", "lines": {"reduced": True}}, ["units_missing"]),
    ({"kind": "segment", "any_of": ["other"]}, ["not_in_segment"]),
    ({"kind": "tier", "any_of": ["silver"]}, ["tier_missing"]),
    ({"kind": "audience", "any_of": ["staff"]}, ["not_in_audience"]),
    ({"kind": "trait", "name": "student", "any_of": [1]}, ["trait_missing"]),
    ({"kind": "first_order"}, ["not_first_order"]),
    ({"kind": "orders_before", "at_least": 3}, ["orders_missing"]),
    ({"kind": "birthday", "days_before": 1}, ["birthday_far"]),
    ({"kind": "channel", "any_of": ["store"]}, ["other_channel"]),
    ({"kind": "store", "any_of": ["milano"]}, ["other_store"]),
    ({"kind": "weekdays", "any_of": ["sat", "sun"]}, ["other_weekday"]),
    ({"kind": "hours", "from": "12:01", "to": "12:00"}, ["other_hour"]),
    ({"kind": "dates", "from": "2026-05-14"}, ["not_begun"]),
    ({"kind": "dates", "to": "2026-05-12"}, ["over"]),
    ({"kind": "coupon", "any_of": ["TEN"]}, ["coupon_needed"]),
    ({"kind": "not", "of": {"kind": "known"}}, ["excluded", "person_known"]),
    (
        {"kind": "any", "of": [{"kind": "tier", "any_of": ["silver"]}, {"kind": "first_order"}]},
        ["one_of", "tier_missing", "not_first_order"],
    ),
    (
        {"kind": "all", "of": [{"kind": "known"}, {"kind": "first_order"}, {"kind": "quantity", "at_least": 9}]},
        ["not_first_order", "units_missing"],
    ),
]


@pytest.mark.parametrize("condition", HELD, ids=str)
def test_a_condition_holds(condition: dict[str, Any]) -> None:
    """And so does not its negation."""
    assert holds(condition, BASKET) == []
    assert holds({"kind": "not", "of": condition}, BASKET)[0] == "excluded"


@pytest.mark.parametrize(("condition", "codes"), MISSED, ids=str)
def test_a_condition_does_not_hold(condition: dict[str, Any], codes: list[str]) -> None:
    """Every reason is said; the negation holds."""
    assert holds(condition, BASKET) == codes
    assert holds({"kind": "not", "of": condition}, BASKET) == []


def test_what_is_missing_is_told_in_words() -> None:
    """4.10 more of an amount, one more unit, when it begins."""
    found = quote(
        basket(line("s1", 45_90)),
        promotion("sum", percent(1), currency="EUR", conditions={"kind": "subtotal", "at_least_minor": 50_00}),
        promotion("units", percent(1), conditions={"kind": "quantity", "at_least": 2, "lines": SHOES}),
        promotion("later", percent(1), starts_at="2026-06-01T00:00:00+02:00"),
    )
    assert spoken(found, "sum") == ["410 more is missing."]
    assert spoken(found, "units") == ["1 more of s."]
    assert spoken(found, "later") == ["It begins on 2026-06-01T00:00:00+02:00."]
    assert next(one.missing_minor for one in found.rejected if one.code == "sum") == 4_10


def test_the_first_order_is_of_people_we_know() -> None:
    """Neither of a visitor nor of nobody."""
    first = {"kind": "first_order"}
    assert holds(first, basket(line(), person=NEWCOMER)) == []
    assert holds(first, basket(line(), person=VISITOR)) == ["person_unknown"]
    assert holds(first, basket(line())) == ["person_unknown"]


@pytest.mark.parametrize(
    ("born", "today", "days", "near"),
    [
        ("1990-01-02", "2025-12-30", {"days_before": 3}, True),
        ("1990-01-02", "2025-12-29", {"days_before": 3}, False),
        ("1990-12-30", "2026-01-02", {"days_after": 3}, True),
        ("2000-02-29", "2026-02-28", {}, True),
        ("2000-02-29", "2028-02-28", {}, False),
        ("2000-02-29", "2028-02-29", {}, True),
    ],
)
def test_birthdays_over_new_year_and_leap_days(born: str, today: str, days: dict[str, int], near: bool) -> None:
    """The nearest birthday counts, whichever year it is in."""
    person = PersonFacts(person_id=1, birthday=date.fromisoformat(born))
    codes = holds({"kind": "birthday", **days}, basket(line(), person=person, at=at(today)))
    assert (codes == []) is near


def test_days_and_hours_are_those_of_the_basket() -> None:
    """Half past midnight in Rome is the day before in New York."""
    night = at("2026-05-16", "00:30")
    saturday = {"kind": "weekdays", "any_of": ["sat"]}
    assert holds(saturday, basket(line(), at=night)) == []
    assert holds(saturday, basket(line(), at=night, timezone="America/New_York")) == ["other_weekday"]
    late = {"kind": "hours", "from": "22:00", "to": "02:00"}
    assert holds(late, basket(line(), at=night)) == []
    assert holds(late, basket(line(), at=at("2026-05-16", "02:00"))) == ["other_hour"]


def test_a_promotion_counts_from_its_beginning_until_before_its_end() -> None:
    """Both are instants; another currency, a draft and a pause are told as well."""
    period = {"starts_at": "2026-05-13T12:00:00+02:00", "ends_at": "2026-05-13T12:00:01+02:00"}
    assert quote(basket(line()), promotion("p", percent(1000), **period)).applied
    over = quote(basket(line()), promotion("p", percent(1000), ends_at="2026-05-13T12:00:00+02:00"))
    assert reasons(over, "p") == ["over"]
    other = quote(basket(line()), promotion("p", percent(1000), currency="CHF", status="paused"))
    assert reasons(other, "p") == ["not_active", "other_currency"]


def test_a_reduced_price_can_be_left_out() -> None:
    """Goods with a prior price above their price are reduced."""
    lines = (line("a", 800, prior_minor=1000), line("b", 800), line("c", 800, prior_minor=800))
    found = quote(basket(*lines), promotion("p", percent(5000, lines={"reduced": False})))
    assert [one.discount_minor for one in found.lines] == [0, 400, 400]
