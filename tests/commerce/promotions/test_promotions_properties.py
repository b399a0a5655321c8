"""What holds of any basket and any promotions: the same euro in any order and channel, nothing below zero."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.promotions import NOON, line, promotion
from unisono.commerce.pricing.rules import split_tax
from unisono.commerce.promotions.model import Basket, BasketLine, PersonFacts, Promotion, Quote, UseState
from unisono.commerce.promotions.rules import evaluate

SKUS = ("a1", "a2", "b1", "b2", "c1")
CATEGORIES = ("a", "b", "c", "all")

lines_of = st.one_of(
    st.none(),
    st.fixed_dictionaries({"skus": st.lists(st.sampled_from(SKUS), min_size=1, max_size=3)}),
    st.fixed_dictionaries({"categories": st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=2)}),
    st.fixed_dictionaries({"but_not": st.fixed_dictionaries({"skus": st.just(["a1"])})}),
)
levels = st.sampled_from(["catalogue", "order"])
small = st.integers(1, 3)
amounts = st.integers(1, 4000)


def effect(kind: str, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({"kind": st.just(kind), **fields})


effects = st.one_of(
    effect(
        "percent_off", percent_bp=st.integers(1, 10_000), lines=lines_of, level=levels, cap_minor=st.none() | amounts
    ),
    effect("amount_off", amount_minor=amounts, lines=lines_of, level=levels),
    effect("fixed_price", price_minor=amounts, lines=lines_of.filter(bool)),
    effect(
        "buy_get", buy_quantity=small, get_quantity=small, buy=lines_of, get=lines_of, percent_bp=st.integers(1, 10_000)
    ),
    effect(
        "bundle",
        price_minor=amounts,
        items=st.lists(
            st.fixed_dictionaries({"lines": lines_of.filter(bool), "quantity": small}), min_size=1, max_size=3
        ),
    ),
    effect("gift", sku=st.just("gift")),
    effect("shipping_off", amount_minor=st.none() | amounts),
    effect("points", factor_bp=st.just(20_000)),
)
plain = st.one_of(
    effect("subtotal", at_least_minor=st.integers(0, 8000), lines=lines_of),
    effect("quantity", at_least=st.integers(0, 6), lines=lines_of),
    effect("distinct", at_most=st.integers(0, 4)),
    effect("known"),
    effect("weekdays", any_of=st.lists(st.sampled_from(["wed", "sun"]), min_size=1)),
)
conditions = st.recursive(
    plain,
    lambda inner: st.one_of(
        effect("all", of=st.lists(inner, max_size=3)),
        effect("any", of=st.lists(inner, min_size=1, max_size=3)),
        effect("not", of=inner),
    ),
    max_leaves=5,
)


@st.composite
def promotion_sets(draw: st.DrawFn) -> tuple[list[Promotion], UseState]:
    """Promotions with groups, priorities, companions and budgets."""
    found, budgets = [], {}
    for number in range(draw(st.integers(0, 6))):
        code = f"p{number}"
        combinable = draw(st.integers(0, 4)) > 0
        found.append(
            promotion(
                code,
                draw(effects),
                conditions=draw(st.none() | conditions),
                priority=draw(st.integers(0, 1)),
                exclusive_group=draw(st.sampled_from([None, None, "g", "h"])),
                combinable=combinable,
                combines_with=draw(st.sampled_from([None, None, ["p0", "p1", "p2"]])) if combinable else None,
            )
        )
        if draw(st.integers(0, 5)) == 0:
            budgets[code] = draw(st.integers(0, 3000))
    return found, UseState(budget_left_minor=budgets)


def basket_lines() -> st.SearchStrategy[list[BasketLine]]:
    """Lines of one sku have one price; each has its own name."""
    made = st.builds(
        lambda sku, quantity, rate: (sku, quantity, rate),
        st.sampled_from(SKUS),
        st.integers(1, 5),
        st.sampled_from([2200, 1000, 0]),
    )
    prices = st.fixed_dictionaries({sku: st.integers(0, 3000) for sku in SKUS})
    return st.tuples(st.lists(made, max_size=6), prices).map(
        lambda both: [
            line(sku, both[1][sku], quantity, line_id=str(number), tax_rate_bp=rate)
            for number, (sku, quantity, rate) in enumerate(both[0])
        ]
    )


def of(lines: list[BasketLine], *, included: bool = True, channel: str = "web") -> Basket:
    return Basket(
        currency="EUR",
        channel=channel,
        store_id=None if channel == "web" else "milano",
        at=NOON,
        lines=tuple(lines),
        tax_included=included,
        shipping_minor=590,
        person=PersonFacts(person_id=1),
    )


def essence(quote: Quote) -> object:
    """What must not depend on any order: totals, what applied for how much, why others did not, each line's part."""
    return (
        quote.total_minor,
        quote.tax_minor,
        quote.shipping_minor,
        sorted((one.code, one.amount_minor, one.gifts, one.points_factor) for one in quote.applied),
        [(one.code, one.reasons, one.missing_minor) for one in quote.rejected],
        sorted((one.line_id, one.discount_minor, one.tax_minor) for one in quote.lines),
    )


@settings(max_examples=300, deadline=None)
@given(basket_lines(), promotion_sets(), st.booleans(), st.randoms(use_true_random=False))
def test_no_order_changes_a_cent(
    lines: list[BasketLine], given_promotions: tuple[list[Promotion], UseState], included: bool, chance: object
) -> None:
    """Lines and promotions in any order, in any channel: the same quote."""
    promotions, state = given_promotions
    first = evaluate(of(lines, included=included), promotions, state)
    chance.shuffle(lines)  # type: ignore[attr-defined]
    chance.shuffle(promotions)  # type: ignore[attr-defined]
    for channel in ("web", "store", "app", "messages"):
        assert essence(evaluate(of(lines, included=included, channel=channel), promotions, state)) == essence(first)


@settings(max_examples=300, deadline=None)
@given(basket_lines(), promotion_sets(), st.booleans())
def test_sums_add_up_and_nothing_is_below_zero(
    lines: list[BasketLine], given_promotions: tuple[list[Promotion], UseState], included: bool
) -> None:
    """Shares are discounts, discounts are amounts; taxes are those of what is left; each promotion is told once."""
    promotions, state = given_promotions
    quote = evaluate(of(lines, included=included), promotions, state)
    for one in quote.lines:
        assert one.discount_minor == sum(share.amount_minor for share in one.shares)
        assert all(share.amount_minor > 0 for share in one.shares)
        assert one.total_minor == one.gross_minor - one.discount_minor >= 0
    rates = {one.line_id: one.tax_rate_bp for one in lines}
    assert quote.tax_minor == sum(
        split_tax(one.total_minor, rates[one.line_id], included=included).tax for one in quote.lines
    )
    assert quote.shipping_minor >= 0
    assert quote.discount_minor + quote.shipping_discount_minor == sum(one.amount_minor for one in quote.applied)
    by_code = {
        one.code: sum(share.amount_minor for row in quote.lines for share in row.shares if share.code == one.code)
        for one in quote.applied
    }
    assert all(by_code[one.code] == one.amount_minor - one.shipping_minor for one in quote.applied)
    goods = quote.subtotal_minor - quote.discount_minor + quote.shipping_minor
    assert quote.total_minor == goods + (0 if included else quote.tax_minor)
    told = [one.code for one in quote.applied] + [one.code for one in quote.rejected]
    assert sorted(told) == sorted(one.code for one in promotions)
    assert all(one.reasons for one in (*quote.applied, *quote.rejected))
    for one in (*quote.applied, *quote.rejected):
        for reason in one.reasons:
            assert reason.text.format_map(reason.values)
    assert all(state.budget_left_minor.get(one.code, 10**9) >= one.amount_minor for one in quote.applied)


@settings(max_examples=300, deadline=None)
@given(basket_lines(), promotion_sets())
def test_what_applies_together_may_stand_together(
    lines: list[BasketLine], given_promotions: tuple[list[Promotion], UseState]
) -> None:
    """No two of a group, nobody beside one that stands alone or does not name him."""
    promotions, state = given_promotions
    of_code = {one.code: one for one in promotions}
    quote = evaluate(of(lines), promotions, state)
    taken = [of_code[one.code] for one in quote.applied]
    for one in taken:
        for other in taken:
            if other is not one:
                assert one.combinable
                assert one.combines_with is None or other.code in one.combines_with
                assert one.exclusive_group is None or one.exclusive_group != other.exclusive_group


@settings(max_examples=200, deadline=None)
@given(basket_lines(), promotion_sets())
def test_a_definition_survives_writing_and_reading(
    lines: list[BasketLine], given_promotions: tuple[list[Promotion], UseState]
) -> None:
    """As JSON, the same promotion and the same quote."""
    promotions, state = given_promotions
    read = [msgspec.json.decode(msgspec.json.encode(one, order="deterministic"), type=Promotion) for one in promotions]
    assert read == promotions
    assert essence(evaluate(of(lines), read, state)) == essence(evaluate(of(lines), promotions, state))
