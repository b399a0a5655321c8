"""Each effect, what it leaves to others, and which of several applies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.promotions import amount, applied, basket, line, percent, promotion, quote, reasons, spoken
from unisono.commerce.promotions.model import Promotion, Quote, UseState

A, B = {"skus": ["a"]}, {"skus": ["b"]}


def discounts(found: Quote) -> list[int]:
    return [one.discount_minor for one in found.lines]


def codes(found: Quote) -> list[str]:
    return [one.code for one in found.applied]


# Prices ---------------------------------------------------------------------------------------------------


def test_a_percentage_is_capped_and_the_cap_is_shared() -> None:
    """At both levels, in proportion."""
    lines = (line("a", 3000), line("b", 1000))
    for level in ("order", "catalogue"):
        found = quote(basket(*lines), promotion("p", percent(5000, level=level, cap_minor=1000), currency="EUR"))
        assert discounts(found) == [750, 250]


def test_an_amount_never_takes_more_than_there_is() -> None:
    """A voucher of 50 on goods of 20 is 20; nothing is below zero."""
    found = quote(basket(line("a", 2000)), promotion("p", amount(5000), currency="EUR"))
    assert (found.total_minor, applied(found, "p").amount_minor) == (0, 2000)
    empty = quote(basket(line("a", 2000)), promotion("p", amount(5000)), promotion("q", amount(10)))
    assert reasons(empty, "q") == ["nothing_left"]


def test_an_amount_off_each_unit() -> None:
    """At catalogue level the price of each unit falls, to nothing at least."""
    found = quote(basket(line("a", 500, 3), line("b", 100, 2)), promotion("p", amount(200, level="catalogue")))
    assert discounts(found) == [600, 200]


def test_a_fixed_price_only_lowers() -> None:
    """What costs less already stays."""
    found = quote(
        basket(line("a", 500, 2), line("b", 100)),
        promotion("p", {"kind": "fixed_price", "price_minor": 300, "lines": {}}),
    )
    assert discounts(found) == [400, 0]


# Deals on units -------------------------------------------------------------------------------------------

THREE_FOR_TWO = {"kind": "buy_get", "buy_quantity": 2, "get_quantity": 1}


@pytest.mark.parametrize(("units", "free"), [(2, 0), (3, 1), (5, 1), (6, 2), (9, 3)])
def test_three_for_two_again_and_again(units: int, free: int) -> None:
    """One of each three is free; of two one is missing."""
    found = quote(basket(line("a", 700, units)), promotion("p", THREE_FOR_TWO))
    assert found.discount_minor == free * 700
    if not free:
        assert spoken(found, "p") == ["1 more."]


def test_the_cheapest_are_free() -> None:
    """Over all matching lines; with a limit of times, only so often; at half price, half."""
    lines = (line("a", 1000, 2), line("b", 300, 2), line("c", 200, 2), line("z", 10))
    wanted = {"buy": {"skus": ["a", "b", "c"]}}
    assert discounts(quote(basket(*lines), promotion("p", {**THREE_FOR_TWO, **wanted}))) == [0, 0, 400, 0]
    once = {**THREE_FOR_TWO, **wanted, "max_times": 1, "percent_bp": 5000}
    assert discounts(quote(basket(*lines), promotion("p", once))) == [0, 0, 100, 0]


def test_buy_one_thing_get_another() -> None:
    """Two coffees, a croissant at half price; what is missing is named."""
    deal = {**THREE_FOR_TWO, "buy": A, "get": B, "percent_bp": 5000}
    found = quote(basket(line("a", 300, 5), line("b", 120, 3)), promotion("p", deal))
    assert discounts(found) == [0, 120]
    missing = quote(basket(line("a", 300)), promotion("p", deal))
    assert spoken(missing, "p") == ["1 more of b.", "1 more of a."]


def test_a_unit_is_not_bought_and_given_at_once() -> None:
    """Where the same goods serve both sides, the cheapest is given as far as enough stay to be bought."""
    deal = {"kind": "buy_get", "buy_quantity": 1, "get_quantity": 1, "buy": A, "get": {"skus": ["a", "b"]}}
    assert discounts(quote(basket(line("a", 100), line("b", 900)), promotion("p", deal))) == [0, 900]
    assert discounts(quote(basket(line("a", 100, 2), line("b", 900)), promotion("p", deal))) == [100, 0]


def test_a_bundle_costs_its_price_the_dearest_first_and_never_more_than_its_parts() -> None:
    """A menu of 10.00 out of a main and a drink; the pair that costs less by itself is left alone."""
    menu = {"kind": "bundle", "price_minor": 1000, "items": [{"lines": {"categories": ["m"]}}, {"lines": B}]}
    lines = (line("m1", 1200), line("m2", 500), line("b", 300, 2))
    found = quote(basket(*lines), promotion("menu", menu))
    assert found.discount_minor == 500
    assert sum(discounts(found)[:1]) == 400
    assert spoken(quote(basket(line("m1", 1200)), promotion("menu", menu)), "menu") == ["1 more of b."]


def test_bundles_with_goods_that_fit_several_parts_are_found() -> None:
    """The only drink goes where nothing else fits."""
    menu = {
        "kind": "bundle",
        "price_minor": 500,
        "items": [{"lines": {"skus": ["a", "b"]}}, {"lines": B}, {"lines": {"skus": ["a", "b", "c"]}}],
    }
    found = quote(basket(line("a", 400), line("b", 300), line("c", 100)), promotion("menu", menu))
    assert found.discount_minor == 300
    short = quote(basket(line("a", 400, 3)), promotion("menu", menu))
    assert spoken(short, "menu") == ["1 more of b."]


def test_a_unit_counts_for_one_deal_only() -> None:
    """What is in the bundle is not in the three for two as well, and that is said."""
    menu = {"kind": "bundle", "price_minor": 100, "items": [{"lines": A, "quantity": 2}]}
    found = quote(basket(line("a", 400, 3)), promotion("menu", menu), promotion("deal", THREE_FOR_TWO))
    assert (codes(found), reasons(found, "deal")) == (["menu"], ["units_taken"])


def test_percentages_come_on_top_of_deals() -> None:
    """A tenth off what the three for two leaves."""
    found = quote(
        basket(line("a", 1000, 3)),
        promotion("tenth", percent(1000, level="catalogue")),
        promotion("deal", THREE_FOR_TWO),
    )
    assert found.total_minor == 1800


# What is no price of goods --------------------------------------------------------------------------------


def test_a_gift_is_named_and_no_line() -> None:
    """Out of stock it is not promised, and the rest of the promotion stands."""
    both = promotion("p", {"kind": "gift", "sku": "g"}, percent(1000))
    found = quote(basket(line()), both)
    assert [(gift.sku, gift.quantity) for gift in applied(found, "p").gifts] == [("g", 1)]
    without = quote(basket(line()), both, state=UseState(out_of_stock=frozenset({"g"})))
    assert (applied(without, "p").gifts, without.discount_minor) == ((), 100)
    assert "gift_out_of_stock" in [reason.code for reason in applied(without, "p").reasons]
    alone = quote(
        basket(line()), promotion("p", {"kind": "gift", "sku": "g"}), state=UseState(out_of_stock=frozenset({"g"}))
    )
    assert reasons(alone, "p") == ["gift_out_of_stock"]


def test_shipping_and_points() -> None:
    """Shipping falls by an amount; points double and double again, with some on top."""
    found = quote(
        basket(line(), shipping_minor=590),
        promotion("ship", {"kind": "shipping_off", "amount_minor": 300}),
        promotion("points", {"kind": "points", "factor_bp": 20000}, {"kind": "points", "factor_bp": 15000, "bonus": 5}),
    )
    assert (found.shipping_minor, found.shipping_discount_minor, found.total_minor) == (290, 300, 1290)
    assert (applied(found, "points").points_factor, applied(found, "points").points_bonus) == (30000, 5)
    assert reasons(quote(basket(line()), promotion("ship", {"kind": "shipping_off"})), "ship") == ["no_shipping"]


# Which of several -----------------------------------------------------------------------------------------


def of_group(code: str, percent_bp: int, **more: Any) -> Promotion:
    return promotion(code, percent(percent_bp), exclusive_group="g", **more)


def test_of_a_group_the_best_for_the_customer_applies() -> None:
    """The other is told what that saves."""
    found = quote(basket(line(unit=3200)), of_group("a", 1000), of_group("b", 2000), promotion("c", percent(500)))
    assert sorted(codes(found)) == ["b", "c"]
    assert spoken(found, "a") == ["b of the same group is better: it saves 640."]


def test_of_a_group_priority_comes_before_the_amount() -> None:
    """Whoever set it wants it so."""
    found = quote(basket(line()), of_group("a", 1000, priority=1), of_group("b", 2000))
    assert (codes(found), spoken(found, "b")) == (["a"], ["a of the same group comes first."])


def test_one_that_does_nothing_keeps_no_other_of_its_group_away() -> None:
    """Neither does one whose budget is used up."""
    deal = promotion("deal", THREE_FOR_TWO, exclusive_group="g", priority=1)
    found = quote(basket(line()), deal, of_group("b", 2000))
    assert (codes(found), spoken(found, "deal")) == (["b"], ["2 more."])
    poor = quote(basket(line()), of_group("a", 9000), of_group("b", 2000), state=UseState(budget_left_minor={"a": 899}))
    assert (codes(poor), reasons(poor, "a")) == (["b"], ["budget_used_up"])


def test_one_that_combines_with_none_is_weighed_against_all_others_together() -> None:
    """30 % alone against 20 % and 15 % together: 30 against 32."""
    others = (promotion("a", percent(2000)), promotion("b", percent(1500)))
    found = quote(basket(line(unit=10000)), promotion("lone", percent(3000), combinable=False), *others)
    assert (sorted(codes(found)), reasons(found, "lone")) == (["a", "b"], ["not_combinable"])
    better = quote(basket(line(unit=10000)), promotion("lone", percent(3300), combinable=False), *others)
    assert codes(better) == ["lone"]
    assert spoken(better, "a") == ["It cannot be combined with lone."]
    first = promotion("lone", percent(100), combinable=False, priority=5)
    assert codes(quote(basket(line(unit=10000)), first, *others)) == ["lone"]


def test_some_combine_with_named_others_only() -> None:
    """Both must allow it: a with b, b with all, c with all; a and c exclude each other."""
    a = promotion("a", percent(1000), combines_with=["b"])
    found = quote(basket(line(unit=10000)), a, promotion("b", percent(1000)), promotion("c", percent(2000)))
    assert (sorted(codes(found)), reasons(found, "a")) == (["b", "c"], ["not_combinable"])


def test_limits_are_told() -> None:
    """Uses, budgets, and the person's own."""
    limited = promotion("p", percent(1000), per_person=1, max_uses=5, budget_minor=100, currency="EUR")
    state = UseState(uses_left={"p": 0}, budget_left_minor={"p": 0})
    assert reasons(quote(basket(line()), limited, state=state), "p") == ["person_unknown", "used_up", "budget_used_up"]
