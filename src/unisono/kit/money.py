"""Money: integers in minor units, exponents by ISO 4217, printed by locale.

An amount that cannot be read is refused, never guessed: a wrong price is worse than a missing one.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.numbers import NumberPattern, get_currency_symbol, parse_pattern

from unisono.kit.errors import BadRequest

MAX_MINOR: Final = 2**63 - 1
"""The largest amount a ``bigint`` column holds."""

_MAX_TEXT: Final = 64  # a longer "number" is no price; parsing it would only cost time
_EXACT: Final = Context(prec=120, rounding=ROUND_HALF_UP)

_ZERO: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"
_FOUR: Final = "CLF UYW"
_TWO: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR "
    "LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB "
    "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ZWL"
)

EXPONENTS: Final[dict[str, int]] = {
    code: digits for digits, codes in ((0, _ZERO), (2, _TWO), (3, _THREE), (4, _FOUR)) for code in codes.split()
}
"""Currency code to the number of digits after the point (ISO 4217 list one, and some withdrawn lately)."""


class MoneyError(BadRequest):
    """An amount or a currency cannot be read."""

    code = "bad_money"
    title = "The amount is not valid"


def exponent(currency: str) -> int:
    """How many digits follow the point in ``currency`` (any case): 2 for EUR, 0 for JPY, 3 for KWD.

    Raises ``MoneyError`` for a code that is not in ISO 4217.
    """
    digits = EXPONENTS.get(currency)
    if digits is None:
        digits = EXPONENTS.get(currency.strip().upper())
    if digits is None:
        raise MoneyError(f"{currency[:16]!r} is not an ISO 4217 currency code")
    return digits


def to_minor(amount: Decimal | str | float, currency: str) -> int:
    """``amount`` in the minor units of ``currency``, half a unit rounded away from zero.

    A float is read as it is printed (0.1 is one tenth). Strings use a point for decimals and no grouping.
    Raises ``MoneyError`` for anything else: NaN, infinity, booleans, "1,50", amounts past a ``bigint``.
    """
    digits = exponent(currency)
    value = _decimal(amount)
    # The magnitude is looked at first, or "1e999999" would build a number of a million digits.
    if value and value.adjusted() + digits > 18:
        raise MoneyError(f"the amount {value:.3g} is too large")
    if value and value.adjusted() + digits < -1:
        return 0
    minor = int(_EXACT.quantize(_EXACT.scaleb(value, digits), Decimal(1)))
    if abs(minor) > MAX_MINOR:
        raise MoneyError(f"the amount {value:.3g} is too large")
    return minor


def to_decimal(minor: int, currency: str) -> Decimal:
    """The exact amount in major units: 500 EUR cents are ``Decimal("5.00")``."""
    return _EXACT.scaleb(Decimal(minor), -exponent(currency))


def format_money(minor: int, currency: str, locale: str = "en") -> str:
    """``minor`` units as people write them: ``€84.00`` in ``en``, ``84,00 €`` in ``it``.

    The digits are those of ISO 4217 whatever the locale data prefers.
    An unknown locale is written as English.
    """
    code = currency.strip().upper()
    place, pattern = _pattern(locale, code)
    return str(pattern.apply(to_decimal(minor, code), place, currency=code, currency_digits=False))


def _decimal(amount: Decimal | str | float) -> Decimal:
    if isinstance(amount, bool):
        raise MoneyError("a yes or no is not an amount")
    text = amount if isinstance(amount, (str, Decimal)) else _text_of(amount)
    if isinstance(text, str):
        text = text.strip()
        if not text or len(text) > _MAX_TEXT:
            raise MoneyError(f"{text[:32]!r} is not an amount")
    try:
        value = Decimal(text)
    except DecimalException:
        raise MoneyError(f"{str(amount)[:32]!r} is not an amount") from None
    if not value.is_finite():
        raise MoneyError(f"{value} is not an amount")
    return value


def _text_of(amount: float) -> str | Decimal:
    # An int goes straight in: str() of one with more than 4,300 digits raises.
    return Decimal(amount) if isinstance(amount, int) else repr(amount)


@lru_cache(maxsize=512)
def _pattern(locale: str, code: str) -> tuple[Locale, NumberPattern]:
    try:
        place = Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        place = Locale("en")
    written = place.currency_formats["standard"].pattern
    if get_currency_symbol(code, place)[-1].isalpha():
        # Letters touching digits read badly: Unicode TR 35 puts a no-break space between them.
        written = written.replace("¤#", "¤\N{NO-BREAK SPACE}#")
    pattern = parse_pattern(written)
    pattern.frac_prec = (exponent(code), exponent(code))
    return place, pattern
