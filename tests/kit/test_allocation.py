"""Amounts split over lines: nothing is lost, nobody pays for the order of the lines."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.kit.allocation import largest_remainder

AMOUNTS = st.integers(min_value=0, max_value=10**15)
WEIGHTS = st.lists(AMOUNTS, min_size=1, max_size=40).filter(any)


def test_golden_g6_an_order_discount_of_ten_euro_over_three_lines() -> None:
    """10.00 over 33.33 / 33.33 / 33.34 is 3.33 / 3.33 / 3.34."""
    assert largest_remainder(1000, [3333, 3333, 3334]) == [333, 333, 334]


def test_equal_lines_give_the_odd_cents_to_the_first() -> None:
    """Among equals the place decides, so that a receipt printed twice is the same."""
    assert largest_remainder(100, [1, 1, 1]) == [34, 33, 33]
    assert largest_remainder(-100, [1, 1, 1]) == [-34, -33, -33]


def test_a_line_without_weight_gets_nothing() -> None:
    """A gift at 0.00 takes no share of a discount."""
    assert largest_remainder(7, [0, 5, 0, 5]) == [0, 4, 0, 3]
    assert largest_remainder(0, [0, 0]) == [0, 0]
    assert largest_remainder(0, []) == []


def test_what_cannot_be_split_is_refused() -> None:
    """Money never vanishes because no line could take it."""
    for total, weights in ((1, []), (1, [0, 0]), (5, [3, -1])):
        with pytest.raises(ValueError, match=r"weight|split"):
            largest_remainder(total, weights)


@given(total=st.integers(min_value=-(10**15), max_value=10**15), weights=WEIGHTS)
def test_the_parts_add_up_and_each_is_within_one_unit_of_its_exact_share(total: int, weights: list[int]) -> None:
    """Nothing lost, nothing invented, nobody treated worse than rounding makes unavoidable."""
    parts = largest_remainder(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    assert all(abs(part - Fraction(total * weight, whole)) < 1 for part, weight in zip(parts, weights, strict=True))


@given(weights=WEIGHTS, data=st.data())
def test_no_line_gets_more_discount_than_it_costs(weights: list[int], data: st.DataObject) -> None:
    """A discount not above the sum never makes a line negative."""
    total = data.draw(st.integers(min_value=0, max_value=sum(weights)))
    assert all(0 <= part <= weight for part, weight in zip(largest_remainder(total, weights), weights, strict=True))


@given(total=AMOUNTS, weights=WEIGHTS, data=st.data())
def test_the_order_of_the_lines_changes_nobodys_part(total: int, weights: list[int], data: st.DataObject) -> None:
    """Lines of one weight may swap a cent among themselves; no weight gets more or less."""
    turned = data.draw(st.permutations(weights))
    before = Counter(zip(weights, largest_remainder(total, weights), strict=True))
    assert Counter(zip(turned, largest_remainder(total, turned), strict=True)) == before
