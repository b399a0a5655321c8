"""Money is exact: minor units by ISO 4217, half up, never a guess."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.kit.money import EXPONENTS, MAX_MINOR, MoneyError, exponent, format_money, to_decimal, to_minor

currencies = st.sampled_from(sorted(EXPONENTS))


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (500, "JPY", 500),
        ("5.00", "EUR", 500),
        ("1.250", "KWD", 1250),
        (1.25, "KWD", 1250),
        ("1", "CLF", 10_000),
        (Decimal("84"), "eur", 8400),
    ],
)
def test_minor_units_follow_the_currency(amount: Decimal | str | float, currency: str, minor: int) -> None:
    """Golden example G21: JPY 500 is 500, EUR 5.00 is 500, KWD 1.250 is 1250."""
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize(
    ("amount", "minor"),
    [
        ("0.005", 1),
        ("0.015", 2),
        ("0.025", 3),
        ("-0.005", -1),
        (1.005, 101),
        (2.675, 268),
        (0.1 + 0.2, 30),
        ("0.00" + "4" * 50, 0),
        ("1e-999999", 0),
        ("0e99", 0),
        ("-0", 0),
    ],
)
def test_half_a_cent_rounds_away_from_zero(amount: str | float, minor: int) -> None:
    """Half up on what is printed: no banker's rounding, no binary surprise, no double rounding."""
    assert to_minor(amount, "EUR") == minor


@pytest.mark.parametrize(
    "amount",
    ["", "abc", "1,50", "NaN", "Infinity", float("nan"), float("inf"), True, "1e400", "1e999999", "9" * 200],
)
def test_what_is_not_an_amount_is_refused(amount: str | float) -> None:
    """Poison raises a money error and nothing else, and at once."""
    with pytest.raises(MoneyError):
        to_minor(amount, "EUR")


def test_an_integer_of_five_thousand_digits_is_refused() -> None:
    """Python refuses to print it, so the message must not try."""
    with pytest.raises(MoneyError):
        to_minor(10**5000, "EUR")


@pytest.mark.parametrize("currency", ["", "EURO", "XXX", "12", "€", "x" * 10_000])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    """No currency has two digits by default."""
    with pytest.raises(MoneyError):
        exponent(currency)


def test_the_largest_amount_is_the_one_a_bigint_holds() -> None:
    """One more than the column can hold is refused before it reaches the database."""
    assert to_minor(MAX_MINOR, "JPY") == MAX_MINOR
    with pytest.raises(MoneyError):
        to_minor(MAX_MINOR + 1, "JPY")


@given(minor=st.integers(-MAX_MINOR, MAX_MINOR), currency=currencies)
def test_major_and_minor_are_inverse(minor: int, currency: str) -> None:
    """Every integer survives the way to major units and back, as a Decimal and as a text."""
    major = to_decimal(minor, currency)
    assert to_minor(major, currency) == minor
    assert to_minor(format(major, "f"), currency) == minor


@given(amount=st.decimals(-10_000_000, 10_000_000, places=7), currency=currencies)
def test_rounding_is_the_nearest_and_symmetric(amount: Decimal, currency: str) -> None:
    """The result is never more than half a unit away, and the sign changes nothing else."""
    minor = to_minor(amount, currency)
    assert abs(to_decimal(minor, currency) - amount) * 10 ** exponent(currency) <= Decimal("0.5")
    assert to_minor(-amount, currency) == -minor


@given(cents=st.integers(-(10**12), 10**12))
def test_a_float_means_what_it_prints(cents: int) -> None:
    """Prices sent as JSON numbers keep their cents."""
    assert to_minor(cents / 100, "EUR") == cents


@given(poison=st.text() | st.floats(), currency=st.text(max_size=5) | currencies)
def test_any_input_gives_an_integer_or_a_money_error(poison: str | float, currency: str) -> None:
    """Nothing else escapes."""
    with contextlib.suppress(MoneyError):
        assert isinstance(to_minor(poison, currency), int)


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "text"),
    [
        (8400, "EUR", "en", "€84.00"),
        (123456, "EUR", "it", "1.234,56\N{NO-BREAK SPACE}€"),
        (1234567, "EUR", "it-IT", "12.345,67\N{NO-BREAK SPACE}€"),
        (500, "JPY", "en", "¥500"),
        (1250, "kwd", "en", "KWD\N{NO-BREAK SPACE}1.250"),
        (-500, "EUR", "en", "-€5.00"),
        (8400, "EUR", "xx-nowhere", "€84.00"),
    ],
)
def test_money_is_written_as_people_write_it(minor: int, currency: str, locale: str, text: str) -> None:
    """Symbols and separators by locale, digits by ISO 4217."""
    assert format_money(minor, currency, locale) == text
