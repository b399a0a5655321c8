"""Whether a definition makes sense and a basket is one: every mistake at once, each with its place."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from unisono.commerce.promotions import language as say
from unisono.commerce.promotions.errors import BadBasket, BadPromotion
from unisono.commerce.promotions.model import Basket, BasketLine, Definition
from unisono.kit.money import EXPONENTS
from unisono.kit.nesting import is_deep

MAX_DEFINITION = 1_000_000
"""Bytes of a definition."""

MAX_DEPTH = 10
MAX_CONDITIONS = 200
MAX_LINES = 1_000
MAX_COUPONS = 20
MAX_QUANTITY = 1_000_000
MAX_UNIT = 10**12
"""Minor units: a basket of the most and dearest lines stays within a bigint."""

YEARS = (1970, 2200)
"""No promotion is of other times; near the ends of the calendar the arithmetic ends too."""

RESERVED = frozenset({"conflicts", "import", "simulate"})
"""Codes that addresses of the API are named by."""

Problem = tuple[str, str]


# Definitions ----------------------------------------------------------------------------------------------


def read_definition(text: bytes | str, *, written_in: str = "json") -> Definition:
    """A definition from JSON or YAML (``written_in``). Raises BadPromotion, which says where."""
    if len(text) > MAX_DEFINITION:
        raise BadPromotion([("$", f"over {MAX_DEFINITION} bytes")])
    if is_deep(text):
        raise BadPromotion([("$", "nested too deeply")])
    try:
        if written_in == "json":
            found = msgspec.json.decode(text, type=Definition)
        else:
            found = msgspec.convert(_plain_yaml(text), Definition)
    except msgspec.ValidationError as error:
        detail, _, where = str(error).partition(" - at `")
        raise BadPromotion([(where.rstrip("`") or "$", detail)]) from None
    except (msgspec.DecodeError, yaml.YAMLError, ValueError, AttributeError) as error:
        # A day there is not (2026-99-99) is what the YAML library's constructors raise the last two for.
        raise BadPromotion([("$", f"not {written_in.upper()}: {' '.join(str(error).split())[:200]}")]) from None
    except RecursionError:
        raise BadPromotion([("$", "nested too deeply")]) from None
    check_definition(found)
    return found


def _plain_yaml(text: bytes | str) -> Any:
    # An alias can stand for a billion copies of what it names.
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
        raise BadPromotion([("$", "YAML aliases are not read")])
    return yaml.safe_load(text)


def check_definition(definition: Definition) -> None:
    """Raises BadPromotion with every mistake the types cannot tell."""
    problems = [
        *_texts(msgspec.to_builtins(definition), "$"),
        *_period(definition),
        *_company(definition),
        *_conditions(definition),
    ]
    if definition.code in RESERVED:
        problems.append(("$.code", "is the name of something else"))
    for number, effect in enumerate(definition.effects):
        problems += _effect(effect, f"$.effects[{number}]")
    levels = {level for effect in definition.effects if (level := say.level_of(effect)) is not None}
    if len(levels) > 1:
        problems.append(("$.effects", "effects at catalogue and at order level belong into two promotions"))
    if definition.currency is None and (places := list(_amounts(msgspec.to_builtins(definition), "$"))):
        problems.append(("$.currency", f"needed because of {places[0]}"))
    if definition.currency is not None and definition.currency not in EXPONENTS:
        problems.append(("$.currency", f"{definition.currency} is not an ISO 4217 currency code"))
    if problems:
        raise BadPromotion(problems)


def is_storable(text: str, allowed: str = "") -> bool:
    """Whether a text has neither control characters, but those ``allowed``, nor half characters."""
    return not any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in allowed for letter in text)


def is_near(instant: datetime) -> bool:
    """Whether an instant is of times that promotions are of."""
    return YEARS[0] <= instant.year <= YEARS[1]


def _texts(value: Any, where: str) -> Iterator[Problem]:
    if isinstance(value, str):
        if not is_storable(value, "\n\t" if where.startswith("$.texts") else ""):
            yield where, "contains characters that cannot be kept"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(key, f"{where}.{key!r}"[:200])
            yield from _texts(inner, f"{where}.{key}")
    elif isinstance(value, list | tuple | set | frozenset):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{where}[{number}]")


def _amounts(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith("_minor") and inner is not None:
                yield f"{where}.{key}"
            yield from _amounts(inner, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _amounts(inner, f"{where}[{number}]")


def _period(definition: Definition) -> Iterator[Problem]:
    for name in ("starts_at", "ends_at"):
        instant: datetime | None = getattr(definition, name)
        if instant is not None and instant.tzinfo is None:
            yield f"$.{name}", "needs a time zone, as 2026-05-01T00:00:00+02:00"
            return
        if instant is not None and not is_near(instant):
            yield f"$.{name}", f"is not in the years {YEARS[0]} to {YEARS[1]}"
    if definition.starts_at and definition.ends_at and definition.ends_at <= definition.starts_at:
        yield "$.ends_at", "is not after starts_at"


def _company(definition: Definition) -> Iterator[Problem]:
    if definition.combines_with is not None and not definition.combinable:
        yield "$.combines_with", "a promotion that is not combinable combines with none"
    if definition.budget_minor is not None and definition.currency is None:
        yield "$.currency", "needed because of $.budget_minor"


def _conditions(definition: Definition) -> Iterator[Problem]:
    if definition.conditions is None:
        return
    seen = 0
    for condition, where, depth in walk(definition.conditions):
        seen += 1
        if depth > MAX_DEPTH:
            yield where, f"conditions are nested over {MAX_DEPTH} deep"
            return
        yield from _condition(condition, where)
    if seen > MAX_CONDITIONS:
        yield "$.conditions", f"more than {MAX_CONDITIONS} conditions"


def walk(
    condition: say.Condition, where: str = "$.conditions", depth: int = 1
) -> Iterator[tuple[say.Condition, str, int]]:
    """A condition and all inside it, with place and depth."""
    yield condition, where, depth
    if isinstance(condition, say.NotThis):
        yield from walk(condition.of, f"{where}.of", depth + 1)
    elif isinstance(condition, say.AllOf | say.AnyOf):
        for number, inner in enumerate(condition.of):
            yield from walk(inner, f"{where}.of[{number}]", depth + 1)


def _condition(condition: say.Condition, where: str) -> Iterator[Problem]:
    if isinstance(condition, say.SubtotalOf):
        yield from _span(condition.at_least_minor, condition.at_most_minor, where, needed=True)
        yield from _lines(condition.lines, f"{where}.lines")
    elif isinstance(condition, say.UnitsOf | say.DistinctOf):
        yield from _span(condition.at_least, condition.at_most, where)
        yield from _lines(condition.lines, f"{where}.lines")
    elif isinstance(condition, say.OrdersBefore):
        yield from _span(condition.at_least, condition.at_most, where, needed=True)
    elif isinstance(condition, say.BetweenDates):
        if condition.first is None and condition.last is None:
            yield where, "says neither from nor to"
        elif condition.first and condition.last and condition.last < condition.first:
            yield f"{where}.to", "is before from"
    elif isinstance(condition, say.AtHours) and condition.first == condition.last:
        yield f"{where}.to", "is from itself: the whole day needs no condition"


def _span(least: int | None, most: int | None, where: str, *, needed: bool = False) -> Iterator[Problem]:
    if needed and least is None and most is None:
        yield where, "says neither the least nor the most"
    if least is not None and most is not None and most < least:
        yield where, "the most is below the least"


def _lines(lines: say.Lines | None, where: str, depth: int = 1) -> Iterator[Problem]:
    if lines is None:
        return
    if depth > MAX_DEPTH:
        yield where, f"nested over {MAX_DEPTH} deep"
        return
    yield from _span(lines.unit_at_least_minor, lines.unit_at_most_minor, where)
    yield from _lines(lines.but_not, f"{where}.but_not", depth + 1)


def _effect(effect: say.Effect, where: str) -> Iterator[Problem]:
    if isinstance(effect, say.PercentOff | say.AmountOff | say.FixedPrice):
        yield from _lines(effect.lines, f"{where}.lines")
    elif isinstance(effect, say.BuyGet):
        yield from _lines(effect.buy, f"{where}.buy")
        yield from _lines(effect.get, f"{where}.get")
    elif isinstance(effect, say.Bundle):
        for number, item in enumerate(effect.items):
            yield from _lines(item.lines, f"{where}.items[{number}].lines")
    elif isinstance(effect, say.MorePoints) and effect.factor_bp == 10_000 and not effect.bonus:
        yield where, "gives no points"


# Baskets --------------------------------------------------------------------------------------------------


def check_basket(basket: Basket) -> None:
    """Raises BadBasket for the first thing that is wrong."""
    if basket.currency not in EXPONENTS:
        raise BadBasket(f"{basket.currency[:16]!r} is not an ISO 4217 currency code.")
    if basket.at.tzinfo is None:
        raise BadBasket("The instant of the basket has no time zone.")
    if not is_near(basket.at):
        raise BadBasket(f"The instant of the basket is not in the years {YEARS[0]} to {YEARS[1]}.")
    try:
        ZoneInfo(basket.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadBasket(f"{basket.timezone[:64]!r} is not a time zone.") from None
    if len(basket.lines) > MAX_LINES:
        raise BadBasket(f"A basket has {MAX_LINES} lines at most.")
    if len(basket.coupons) > MAX_COUPONS:
        raise BadBasket(f"A basket has {MAX_COUPONS} coupons at most.")
    if any(not text.strip() or len(text) > 100 or not is_storable(text) for text in basket.coupons):
        raise BadBasket("A coupon has 1 to 100 characters.", code="bad_coupon")
    if not 0 <= basket.shipping_minor <= MAX_UNIT:
        raise BadBasket("Shipping cannot cost this.")
    if len({line.line_id for line in basket.lines}) < len(basket.lines):
        raise BadBasket("Two lines of the basket have one name.")
    for line in basket.lines:
        _check_line(line)


def _check_line(line: BasketLine) -> None:
    if not 0 < line.quantity <= MAX_QUANTITY:
        raise BadBasket(f"{line.sku[:100]}: a quantity is 1 to {MAX_QUANTITY}.", code="bad_quantity")
    if not 0 <= line.unit_minor <= MAX_UNIT:
        raise BadBasket(f"{line.sku[:100]}: a unit cannot cost this.", code="bad_amount")
    if not 0 <= line.tax_rate_bp <= 10_000:
        raise BadBasket(f"{line.sku[:100]}: there is no such tax rate.", code="bad_amount")
