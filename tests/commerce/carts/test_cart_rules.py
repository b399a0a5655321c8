"""The law of carts: merging, taking apart, what has changed since somebody looked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.commerce.carts import codes, rules
from unisono.commerce.carts.model import MAX_LINES, MAX_QUANTITY, Before, Line, Rule, Side

START = datetime(2026, 3, 3, 10, tzinfo=UTC)
GUEST, ACCOUNT = 7, 3
A, B, C = 1, 2, 3
RULES: tuple[Rule, ...] = ("sum", "max")


def line(variant: int, quantity: int, node: int = ACCOUNT, *, minute: int = 0, seen: int = 1000) -> Line:
    at = START + timedelta(minutes=minute)
    return Line(
        variant_id=variant,
        sku=f"S{variant}",
        quantity=quantity,
        channel="web",
        store_id=None,
        seen_minor=seen,
        seen_at=at,
        node_id=node,
        note=None,
        added_at=at,
    )


def side(quantities: Mapping[int, int], node: int = ACCOUNT, *, minute: int = 0, coupons: tuple[str, ...] = ()) -> Side:
    made = [line(variant, quantity, node, minute=minute) for variant, quantity in quantities.items()]
    return Side(lines=rules.in_order(made), coupons=coupons)


def units(of: Side) -> dict[int, int]:
    return {line.variant_id: line.quantity for line in of.lines}


OWN, OTHER = side({A: 1, C: 1}), side({A: 2, B: 1}, GUEST, minute=5)


# Golden example G17 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "wanted"), [("sum", {A: 3, B: 1, C: 1}), ("max", {A: 2, B: 1, C: 1})])
def test_g17_a_guest_and_an_account(rule: Rule, wanted: dict[int, int]) -> None:
    """Guest {A2, B1} and account {A1, C1}."""
    merged = rules.merge(OWN, OTHER, rule, {})
    assert units(merged.side) == wanted
    assert merged.notices == ()


def test_g17_a_stock_of_two_caps_the_sum_with_a_notice() -> None:
    """The notice says what was wanted and what was kept."""
    merged = rules.merge(OWN, OTHER, "sum", {A: 2})
    assert units(merged.side) == {A: 2, B: 1, C: 1}
    (notice,) = merged.notices
    assert notice.code == "merge_capped"
    assert notice.values == {"sku": "S1", "wanted": 3, "kept": 2, "available": 2}
    assert notice.text.format(**notice.values) == "3 of S1 were wanted together, 2 are kept."


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("stock", [{}, {A: 2}, {A: 0}])
def test_g17_undoing_restores_both(rule: Rule, stock: dict[int, int | None]) -> None:
    """Line by line as they were, capped or not."""
    merged = rules.merge(OWN, OTHER, rule, stock)
    apart = rules.undo(merged.side, Before(own=OWN, other=OTHER, gained=merged.gained), node_id=ACCOUNT)
    assert (apart.own, apart.other) == (OWN, OTHER)


# Merging -------------------------------------------------------------------------------------------------

quantities = st.dictionaries(st.integers(1, 8), st.integers(1, 12), max_size=6)
stocks = st.dictionaries(st.integers(1, 8), st.one_of(st.none(), st.integers(0, 15)), max_size=8)


@given(quantities, quantities, st.sampled_from(RULES), stocks)
def test_a_merge_never_takes_away_and_never_asks_for_more_than_there_is(
    own: dict[int, int], other: dict[int, int], rule: Rule, stock: dict[int, int | None]
) -> None:
    """Of each product at least the larger of both, at most their sum; above stock only what one of them had alone;
    and whatever is less than wanted is said."""
    merged = rules.merge(side(own), side(other, GUEST), rule, stock)
    found = units(merged.side)
    assert found.keys() == own.keys() | other.keys()
    said = {notice.values["sku"] for notice in merged.notices}
    for variant, quantity in found.items():
        a, b = own.get(variant, 0), other.get(variant, 0)
        wanted = a + b if rule == "sum" else max(a, b)
        limit = stock.get(variant)
        assert max(a, b) <= quantity <= wanted
        assert limit is None or quantity <= max(limit, a, b)
        assert (quantity < wanted) == (f"S{variant}" in said)


@given(quantities, quantities, st.sampled_from(RULES), stocks)
def test_undoing_at_once_restores_both_exactly(
    own: dict[int, int], other: dict[int, int], rule: Rule, stock: dict[int, int | None]
) -> None:
    """Whatever the rule and the stock; also after the snapshot was written and read."""
    mine, theirs = side(own, coupons=("TEN",)), side(other, GUEST, minute=3, coupons=("TEN", "FREE"))
    merged = rules.merge(mine, theirs, rule, stock)
    before = Before(own=mine, other=theirs, gained=merged.gained)
    read = msgspec.json.decode(msgspec.json.encode(before), type=Before)
    apart = rules.undo(merged.side, read, node_id=ACCOUNT)
    assert (apart.own, apart.other) == (mine, theirs)


@given(quantities, quantities, st.data())
def test_what_is_in_two_carts_after_undoing_is_what_was_in_one(
    own: dict[int, int], other: dict[int, int], data: st.DataObject
) -> None:
    """With the sum rule units are neither made nor lost, whatever was added and taken out between."""
    merged = rules.merge(side(own), side(other, GUEST), "sum", {})
    now = data.draw(st.dictionaries(st.integers(1, 8), st.integers(1, 30), max_size=8))
    apart = rules.undo(side(now), Before(own=side(own), other=side(other, GUEST), gained=merged.gained), node_id=3)
    stays, goes = units(apart.own), units(apart.other)
    for variant in now.keys() | other.keys() | own.keys():
        assert stays.get(variant, 0) + goes.get(variant, 0) == now.get(variant, 0)
        assert goes.get(variant, 0) <= other.get(variant, 0)


def test_no_line_grows_beyond_what_a_line_can_be() -> None:
    """9,999 units and a notice."""
    merged = rules.merge(side({A: MAX_QUANTITY}), side({A: 5}, GUEST), "sum", {})
    assert units(merged.side) == {A: MAX_QUANTITY}
    assert merged.notices[0].values["kept"] == MAX_QUANTITY


def test_what_does_not_fit_into_a_full_cart_is_named_and_comes_back() -> None:
    """200 lines; the others are in the notice and in the other cart after undoing."""
    own = side(dict.fromkeys(range(1, MAX_LINES + 1), 1))
    other = side({1: 1, 500: 4, 501: 2}, GUEST)
    merged = rules.merge(own, other, "sum", {})
    assert len(merged.side.lines) == MAX_LINES
    (notice,) = merged.notices
    assert (notice.code, notice.values["skus"]) == ("merge_left_out", ["S500", "S501"])
    apart = rules.undo(merged.side, Before(own=own, other=other, gained=merged.gained), node_id=ACCOUNT)
    assert units(apart.other) == {1: 1, 500: 4, 501: 2}


def test_the_price_seen_last_is_the_one_that_was_seen() -> None:
    """Whichever cart it was seen in."""
    own = Side(lines=(line(A, 1, minute=0, seen=1000),), coupons=())
    other = Side(lines=(line(A, 1, GUEST, minute=9, seen=900),), coupons=())
    assert rules.merge(own, other, "sum", {}).side.lines[0].seen_minor == 900
    assert rules.merge(other, own, "sum", {}).side.lines[0].seen_minor == 900


# What was changed since the merge ------------------------------------------------------------------------


def _undo_with(now: dict[int, int], rule: Rule = "sum") -> tuple[dict[int, int], dict[int, int]]:
    merged = rules.merge(OWN, OTHER, rule, {})
    before = Before(own=OWN, other=OTHER, gained=merged.gained)
    lines = {line.variant_id: line for line in merged.side.lines}
    changed = [
        msgspec.structs.replace(lines.get(variant) or line(variant, 1, minute=30), quantity=quantity)
        for variant, quantity in now.items()
    ]
    apart = rules.undo(Side(lines=rules.in_order(changed), coupons=()), before, node_id=ACCOUNT)
    return units(apart.own), units(apart.other)


def test_what_was_added_since_stays_in_the_cart_that_went_on() -> None:
    """Two more of A, one more of B, which was the guest's alone, and a new product."""
    assert _undo_with({A: 5, B: 2, C: 1, 9: 4}) == ({A: 3, B: 1, C: 1, 9: 4}, {A: 2, B: 1})


def test_what_was_taken_out_since_comes_off_the_own_share_first() -> None:
    """Of three A one stays: it is the guest's."""
    assert _undo_with({A: 1, B: 1, C: 1}) == ({C: 1}, {A: 1, B: 1})


def test_a_product_taken_out_since_stays_out_of_both() -> None:
    """With either rule."""
    assert _undo_with({B: 1, C: 1}) == ({C: 1}, {B: 1})
    assert _undo_with({B: 1, C: 1}, "max") == ({C: 1}, {B: 1})


def test_what_was_added_to_the_others_line_since_is_under_the_cart_that_keeps_it() -> None:
    """So it does not leave with the other's identifier."""
    merged = rules.merge(OWN, OTHER, "sum", {})
    lines = [msgspec.structs.replace(one, quantity=one.quantity + 1) for one in merged.side.lines]
    apart = rules.undo(
        Side(lines=tuple(lines), coupons=()), Before(own=OWN, other=OTHER, gained=merged.gained), node_id=ACCOUNT
    )
    assert {one.node_id for one in apart.own.lines} == {ACCOUNT}
    assert {one.node_id for one in apart.other.lines} == {GUEST}


def test_a_price_looked_at_since_is_the_one_that_was_seen() -> None:
    """The older one of before the merge does not come back."""
    merged = rules.merge(OWN, OTHER, "sum", {})
    later = START + timedelta(hours=2)
    looked = tuple(msgspec.structs.replace(one, seen_minor=800, seen_at=later) for one in merged.side.lines)
    apart = rules.undo(
        Side(lines=looked, coupons=()), Before(own=OWN, other=OTHER, gained=merged.gained), node_id=ACCOUNT
    )
    assert {one.seen_minor for one in apart.own.lines} == {800}
    assert {one.seen_minor for one in apart.other.lines} == {1000}


@given(quantities, quantities, quantities, st.sampled_from(RULES), stocks)
def test_of_three_carts_any_can_leave_first(
    a: dict[int, int], b: dict[int, int], c: dict[int, int], rule: Rule, stock: dict[int, int | None]
) -> None:
    """C went into B and B into A. C leaves, then B: C is as it was at once, B and A afterwards have no unit of C's,
    and no unit comes back twice."""
    one, two, three = side(a, 1), side(b, 2), side(c, 3)
    low = rules.merge(two, three, rule, stock)
    high = rules.merge(one, low.side, rule, stock)
    high_before = Before(own=one, other=low.side, gained=high.gained)

    gained, rest = rules.through(low.gained, high_before)
    first = rules.undo(high.side, Before(own=Side(lines=(), coupons=()), other=three, gained=gained))
    second = rules.undo(first.own, rest, node_id=1)
    assert units(second.own) == a
    assert first.other == three
    assert units(second.other) == b


# What has changed since somebody looked -------------------------------------------------------------------


def _codes(*, now: int | None = 1000, sold: bool = True, available: int | None = None, quantity: int = 3) -> list[str]:
    found = rules.explain(line(A, quantity), now_minor=now, currency="EUR", sold=sold, available=available)
    return [reason.code for reason in found]


def test_nothing_is_said_where_nothing_has_changed() -> None:
    """The same price and enough of it, or nobody counts it."""
    assert _codes() == _codes(available=3) == []


def test_a_price_that_has_changed_is_explained_with_both_amounts_the_channel_and_the_day() -> None:
    """Lower and higher are told apart."""
    (lower,) = rules.explain(line(A, 1), now_minor=900, currency="EUR", sold=True, available=None)
    assert lower.code == "price_lower"
    assert lower.values == {
        "before_minor": 1000,
        "now_minor": 900,
        "currency": "EUR",
        "channel": "web",
        "at": "2026-03-03T10:00:00+00:00",
    }
    assert lower.text.format(before_minor="10.00", channel="web", at="3 March", now_minor="9.00") == (
        "It was 10.00 on web on 3 March, it is 9.00 now."
    )
    assert _codes(now=1100) == ["price_higher"]


def test_too_few_none_no_longer_sold_and_without_a_price_are_told_apart() -> None:
    """What is no longer sold has neither a price nor a stock to speak of."""
    assert _codes(available=2) == ["only_left"]
    assert _codes(available=0) == ["none_left"]
    assert _codes(now=900, available=2) == ["price_lower", "only_left"]
    assert _codes(now=None) == ["no_price"]
    assert _codes(now=None, sold=False, available=0) == ["not_sold"]


# Codes ----------------------------------------------------------------------------------------------------


def test_a_code_is_read_however_it_is_typed_or_scanned() -> None:
    """Small letters, spaces, hyphens, the prefix of the picture, letters that are not in it."""
    code = codes.new_code()
    assert len(code) == 8
    assert codes.read_code(f" {code[:4].lower()}-{code[4:]} ") == code
    assert codes.read_code("cart:" + code) == code
    assert codes.read_code("2345678S") == "23456785"


@pytest.mark.parametrize("text", ["", "2345", "23456789X", "ABCDEFGH", "cart:", "2345678\x00", "٢٣٤٥٦٧٨٩", "x" * 5000])
def test_what_is_no_code_is_none(text: str) -> None:
    """Rather than another cart's."""
    assert codes.read_code(text) is None


def test_the_picture_is_an_svg_without_anything_from_elsewhere() -> None:
    """It scales, and it names no other place than the namespace of SVG."""
    picture = codes.qr_svg("23456789")
    assert picture.startswith("<svg")
    assert "viewBox" in picture
    assert picture.replace("http://www.w3.org/2000/svg", "").count("http") == 0
