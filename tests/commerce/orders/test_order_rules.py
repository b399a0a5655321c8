"""The law of orders: states, sums, what a unit brings back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.commerce.orders import rules
from unisono.commerce.orders.errors import BadOrder, NothingToCancel, NothingToReturn, OrderState
from unisono.commerce.orders.model import NewLine, OrderLine, Status
from unisono.kit.allocation import largest_remainder


def line(quantity: int = 3, unit: int = 1000, discount: int = 0, **more: Any) -> OrderLine:
    """A line of three for 10.00 each."""
    base: dict[str, Any] = {"tax_rate_bp": 2200, "tax_minor": 0, "total_minor": quantity * unit - discount}
    return OrderLine(
        id=1,
        position=0,
        variant_id=1,
        sku="shoe",
        name="Shoe",
        quantity=quantity,
        unit_minor=unit,
        discount_minor=discount,
        **(base | more),
    )


@given(st.integers(0, 10**9), st.integers(1, 300), st.data())
def test_units_brought_back_in_any_portions_add_up_to_the_line(total: int, quantity: int, data: Any) -> None:
    """However returns are cut into portions, the money is the line's total to the cent."""
    start = refunded = 0
    while start < quantity:
        count = data.draw(st.integers(1, quantity - start))
        refunded += rules.share_of_units(total, quantity, start, count)
        start += count
    assert refunded == total


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_a_unit_is_its_share_by_the_largest_remainder(total: int, quantity: int) -> None:
    """Unit by unit it is the allocation used everywhere else."""
    units = [rules.share_of_units(total, quantity, at, 1) for at in range(quantity)]
    assert units == largest_remainder(total, [1] * quantity)


def test_sums_with_tax_inside_and_on_top() -> None:
    """Tax inside the price changes no total; a net price list adds it."""
    lines = [line(2, 500, 100, tax_minor=162), line(1, 300, tax_minor=54)]
    assert rules.add_up(lines, shipping=490, tax_included=True) == (1300, 100, 216, 1690)
    assert rules.add_up(lines, shipping=490, tax_included=False) == (1300, 100, 216, 1906)


def test_every_state_says_what_may_follow() -> None:
    """The table is whole; the end states have no way out."""
    assert set(rules.NEXT) == set(get_args(Status))
    assert rules.NEXT["cancelled"] == rules.NEXT["returned"] == frozenset()


@pytest.mark.parametrize(("old", "new"), [("completed", "cancelled"), ("cancelled", "open"), ("returned", "completed")])
def test_a_state_cannot_follow_any_other(old: Status, new: Status) -> None:
    """What is handed over cannot be cancelled, what is over stays over."""
    with pytest.raises(OrderState):
        rules.check_move(old, new)


def test_the_state_follows_the_lines() -> None:
    """Nothing left: cancelled. All handed over: completed, also when some was cancelled. All back: returned."""
    assert rules.status_of([line(cancelled=3)], "open") == "cancelled"
    assert rules.status_of([line(cancelled=1, handed_over=2)], "open") == "completed"
    assert rules.status_of([line(handed_over=3, returned=1)], "completed") == "completed"
    assert rules.status_of([line(handed_over=3, returned=3)], "completed") == "returned"
    assert rules.status_of([line(handed_over=1)], "ready") == "ready"


def test_limits_of_cancelling_and_returning() -> None:
    """Only what is not handed over can be cancelled, only what was handed over can come back, none twice."""
    some = line(quantity=5, handed_over=3, returned=1, cancelled=1)
    rules.check_cancel(some, 1)
    rules.check_return(some, 2)
    with pytest.raises(NothingToCancel):
        rules.check_cancel(some, 2)
    with pytest.raises(NothingToReturn):
        rules.check_return(some, 3)
    for check in (rules.check_cancel, rules.check_return):
        with pytest.raises(BadOrder):
            check(some, 0)
        with pytest.raises(BadOrder):
            check(some, -1)


def test_a_returned_unit_brings_back_its_share_of_the_discount_and_of_tax_on_top() -> None:
    """10.00 less a discount of 0.10 on three: 9.97, 9.97, 9.96; net prices bring their tax back too."""
    some = line(discount=10, tax_minor=657)
    assert [rules.worth(some, 1, n, tax_included=True) for n in range(3)] == [997, 997, 996]
    assert rules.worth(some, 3, 0, tax_included=False) == 2990 + 657


def test_the_payment_state_is_that_of_all_payments() -> None:
    """Paid, authorised, voided, refunded in part and in whole, also by cash for a card."""

    def paid(state: str, captured: int = 0, refunded: int = 0) -> SimpleNamespace:
        return SimpleNamespace(state=state, captured_minor=captured, refunded_minor=refunded)

    assert rules.payment_status_of([]) == "unpaid"
    assert rules.payment_status_of([paid("pending")]) == "unpaid"
    assert rules.payment_status_of([paid("declined"), paid("authorised")]) == "authorised"
    assert rules.payment_status_of([paid("captured", 100)]) == "paid"
    assert rules.payment_status_of([paid("captured", 100, 30)]) == "partly_refunded"
    assert rules.payment_status_of([paid("refunded", 100, 100)]) == "refunded"
    assert rules.payment_status_of([paid("captured", 100)], refunded_aside=100) == "refunded"
    assert rules.payment_status_of([paid("voided")]) == "voided"


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [NewLine(sku="a")] * 501,
        [NewLine(sku="a", quantity=-1)],
        [NewLine(sku="a", quantity=0)],
        [NewLine(sku="a", quantity=10**9)],
        [NewLine(sku="")],
        [NewLine(sku="a\x00")],
        [NewLine(sku="a", unit_minor=-5)],
        [NewLine(sku="a", unit_minor=2**62)],
        [NewLine(sku="a", unit_minor=100, discount_minor=101)],
    ],
)
def test_lines_that_cannot_be_are_refused(lines: list[NewLine]) -> None:
    """None, too many, negative, endless, nameless, dearer than reason, discounted below nothing."""
    with pytest.raises(BadOrder):
        rules.check_lines(lines)


@pytest.mark.parametrize("currency", ["", "euro", "€", "XX1", "ZZZ"])
def test_a_currency_is_of_iso_4217(currency: str) -> None:
    """Anything else is refused, small letters are not."""
    assert rules.check_currency("eur") == "EUR"
    with pytest.raises(Exception, match=r"currency"):
        rules.check_currency(currency)
