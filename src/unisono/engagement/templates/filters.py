"""The filters a template may use: none reads a file, none grows without bound, each forgets that a text was markup.

A filter gives plain values, so what it made is escaped where it is printed. Amounts of ``money`` are minor units,
amounts of ``amount`` major ones; both are written as people of the language write them.
"""

from __future__ import annotations

import functools
import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, DecimalException
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal
from liquid import Undefined
from liquid.exceptions import FilterArgumentError, OutputStreamLimitError
from liquid.filter import with_context
from markupsafe import Markup

from unisono.kit.money import MoneyError, exponent, format_money, to_minor

MAX_TEXT: Final = 512 * 1024
"""Characters a filter may give, as many as a whole message may have bytes."""
MAX_ITEMS: Final = 10_000
MAX_NUMBER: Final = 10**18

Filter = Callable[..., Any]


def text_of(value: Any) -> str:
    """A value as plain text: nothing for nothing, true and false in small letters, a list one after the other."""
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "".join(text_of(item) for item in value)
    return str(value)


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or value is None or isinstance(value, Undefined):
        return Decimal(0)
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise OutputStreamLimitError("a number is too large", token=None)
    try:
        number = Decimal(value) if isinstance(value, (int, Decimal)) else Decimal(text_of(value)[:40].strip() or "0")
    except DecimalException:
        raise FilterArgumentError(f"{text_of(value)[:40]!r} is not a number", token=None) from None
    if not number.is_finite() or abs(number) > MAX_NUMBER:
        raise OutputStreamLimitError("a number is too large", token=None)
    return number


def _plain(number: Decimal) -> int | Decimal:
    if abs(number) > MAX_NUMBER:
        raise OutputStreamLimitError("a number is too large", token=None)
    return int(number) if number == number.to_integral_value() else number


def _count(value: Any, default: int = 0) -> int:
    return default if value is None else int(_number(value))


def _list(value: Any) -> list[Any]:
    if value is None or isinstance(value, Undefined):
        return []
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        return [value]
    found = [item for item, _ in zip(value, range(MAX_ITEMS + 1), strict=False)]
    if len(found) > MAX_ITEMS:
        raise OutputStreamLimitError("a list is too long", token=None)
    return found


def weight_of(value: Any, room: int = MAX_TEXT) -> int:
    """Characters and members of a value with all that is in it, a thing as often as it is in it; counted no further
    than a little beyond ``room``: a list may name one long text ten thousand times, and each filter makes it so."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return 1
    weight = 1
    for inner in value:
        weight += weight_of(inner, room - weight)
        if weight > room:
            break
    return weight


def _fits(length: int) -> None:
    if length > MAX_TEXT:
        raise OutputStreamLimitError("a text is too long", token=None)


def _replace(value: Any, old: Any, new: Any = "") -> str:
    text, before, after = text_of(value), text_of(old), text_of(new)
    _fits(len(text) + (text.count(before) * len(after) if before else (len(text) + 1) * len(after)))
    return text.replace(before, after)


def _replace_first(value: Any, old: Any, new: Any = "") -> str:
    return text_of(value).replace(text_of(old), text_of(new), 1)


def _append(value: Any, more: Any) -> str:
    return text_of(value) + text_of(more)


def _capitalize(value: Any) -> str:
    text = text_of(value)
    return text[:1].upper() + text[1:]


def _title(value: Any) -> str:
    # str.title() breaks words at apostrophes: D'Angelo is right, l'Altro is not ours to judge; it is for SHOUTED names.
    return " ".join(_capitalize(word.lower()) for word in text_of(value).split(" "))


def _split(value: Any, separator: Any = " ") -> list[str]:
    text, between = text_of(value), text_of(separator)
    if not between:
        return _list(list(text[: MAX_ITEMS + 1]))
    return _list(text.split(between, MAX_ITEMS + 1)) if text else []


def _join(value: Any, separator: Any = " ") -> str:
    texts, between = [text_of(item) for item in _list(value)], text_of(separator)
    _fits(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def _truncate(value: Any, length: Any = 50, end: Any = "…") -> str:
    text, most, tail = text_of(value), max(0, _count(length)), text_of(end)
    return text if len(text) <= most else text[: max(0, most - len(tail))].rstrip() + tail


def _truncatewords(value: Any, length: Any = 15, end: Any = "…") -> str:
    words, most = text_of(value).split(), max(1, _count(length))
    return " ".join(words) if len(words) <= most else " ".join(words[:most]) + text_of(end)


def _slice(value: Any, start: Any, length: Any = 1) -> Any:
    whole = value if isinstance(value, list) else text_of(value)
    begin, many = _count(start), max(0, _count(length))
    if begin < 0:
        begin += len(whole)
    return whole[begin : begin + many] if begin >= 0 else whole[:0]


def _size(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, dict)) else 0


def _default(value: Any, instead: Any = "") -> Any:
    empty = (
        value is None or value is False or isinstance(value, Undefined) or (_size(value) == 0 and value in ("", [], {}))
    )
    return instead if empty or (isinstance(value, str) and not value.strip()) else value


def _key(item: Any, name: str | None) -> Any:
    return item.get(name) if name is not None and isinstance(item, Mapping) else (None if name is not None else item)


def _sort(value: Any, by: Any = None) -> list[Any]:
    name = None if by is None else text_of(by)

    def rank(item: Any) -> tuple[int, Any, str]:
        found = _key(item, name)
        number = isinstance(found, (int, float, Decimal)) and not isinstance(found, bool)
        return (0, found, "") if number else (1 if found is not None else 2, 0, text_of(found).casefold())

    return sorted(_list(value), key=rank)


def _where(value: Any, name: Any, wanted: Any = True) -> list[Any]:
    field = text_of(name)
    return [item for item in _list(value) if isinstance(item, Mapping) and item.get(field) == wanted]


def _uniq(value: Any, by: Any = None) -> list[Any]:
    name, seen = None if by is None else text_of(by), dict[str, Any]()
    for item in _list(value):
        seen.setdefault(repr(_key(item, name)), item)
    return list(seen.values())


def _map(value: Any, name: Any) -> list[Any]:
    return [_key(item, text_of(name)) for item in _list(value)]


def _sum(value: Any, by: Any = None) -> int | Decimal:
    name = None if by is None else text_of(by)
    return _plain(sum((_number(_key(item, name)) for item in _list(value)), Decimal(0)))


def _divided_by(value: Any, other: Any) -> int | Decimal:
    divisor = _number(other)
    if not divisor:
        raise FilterArgumentError("divided by zero", token=None)
    number = _number(value)
    whole = isinstance(value, int) and isinstance(other, int)
    return _plain(number // divisor) if whole else _plain(number / divisor)


def _modulo(value: Any, other: Any) -> int | Decimal:
    divisor = _number(other)
    if not divisor:
        raise FilterArgumentError("divided by zero", token=None)
    return _plain(_number(value) % divisor)


def _round(value: Any, digits: Any = 0) -> int | Decimal:
    places = min(12, max(0, _count(digits)))
    return _plain(_number(value).quantize(Decimal(1).scaleb(-places)))


def _url_encode(value: Any) -> str:
    return urllib.parse.quote_plus(text_of(value).encode("utf-8", "replace"))


def _newline_to_br(value: Any) -> Markup:
    return Markup("<br />\n").join(text_of(value).splitlines())


def _both(choose: Callable[[Decimal, Decimal], Decimal]) -> Filter:
    return lambda value, other: _plain(choose(_number(value), _number(other)))


PLAIN: Final[dict[str, Filter]] = {
    "append": _append,
    "prepend": lambda value, more: text_of(more) + text_of(value),
    "capitalize": _capitalize,
    "titlecase": _title,
    "downcase": lambda value: text_of(value).lower(),
    "upcase": lambda value: text_of(value).upper(),
    "strip": lambda value: text_of(value).strip(),
    "lstrip": lambda value: text_of(value).lstrip(),
    "rstrip": lambda value: text_of(value).rstrip(),
    "strip_newlines": lambda value: "".join(text_of(value).splitlines()),
    "squish": lambda value: " ".join(text_of(value).split()),
    "replace": _replace,
    "replace_first": _replace_first,
    "remove": _replace,
    "split": _split,
    "truncate": _truncate,
    "truncatewords": _truncatewords,
    "slice": _slice,
    "url_encode": _url_encode,
    "newline_to_br": _newline_to_br,
    "escape": text_of,  # the output is escaped anyway; once is right
    "default": _default,
    "size": _size,
    "first": lambda value: next(iter(_list(value)), None),
    "last": lambda value: next(iter(_list(value)[-1:]), None),
    "join": _join,
    "reverse": lambda value: _list(value)[::-1],
    "sort": _sort,
    "map": _map,
    "where": _where,
    "uniq": _uniq,
    "concat": lambda value, more: _list(_list(value) + _list(more)),
    "compact": lambda value: [item for item in _list(value) if item is not None],
    "sum": _sum,
    "plus": _both(lambda a, b: a + b),
    "minus": _both(lambda a, b: a - b),
    "times": _both(lambda a, b: a * b),
    "at_least": _both(max),
    "at_most": _both(min),
    "divided_by": _divided_by,
    "modulo": _modulo,
    "round": _round,
    "ceil": lambda value: int(_number(value).to_integral_value("ROUND_CEILING")),
    "floor": lambda value: int(_number(value).to_integral_value("ROUND_FLOOR")),
    "abs": lambda value: _plain(abs(_number(value))),
}


def _bounded(name: str, run: Filter) -> Filter:
    """The filter, its result measured, and whatever it cannot read said as a mistake of the template."""

    @functools.wraps(run)
    def bounded(*values: Any, **named: Any) -> Any:
        try:
            result = run(*values, **named)
        except (TypeError, ValueError, AttributeError) as error:
            raise FilterArgumentError(f"{name}: {error}", token=None) from error
        except ArithmeticError as error:
            raise FilterArgumentError(f"{name}: a number is too large or too small", token=None) from error
        many = isinstance(result, list) and len(result) > MAX_ITEMS
        if many or (isinstance(result, (str, list)) and weight_of(result) > MAX_TEXT):
            raise OutputStreamLimitError(f"{name} gives too much", token=None)
        return result

    return bounded


_PATTERN = re.compile(r"[GyYuQqMLwWdEecabhHKkmszZvVOXx\s.,:/'’\-A-Za-zÀ-ÿ]{1,40}")
_WIDTHS: Final = ("short", "medium", "long", "full")


@functools.lru_cache(maxsize=64)
def locale_of(language: str) -> Locale:
    """The locale of a language; English where nobody knows it."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")


@functools.lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _instant(value: Any, zone: ZoneInfo) -> datetime | date | None:
    if isinstance(value, str):
        text = value.strip()[:40]
        try:
            value = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
        except ValueError:
            return None
    if isinstance(value, datetime):
        try:
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(zone)
        except OverflowError:
            return None
    return value if isinstance(value, date) else None


def written_date(value: Any, form: str, language: str, timezone: str) -> str:
    """A day or an instant in words: ``form`` is short, medium, long, full, time, datetime, or a CLDR pattern."""
    place, at = locale_of(language), _instant(value, _zone(timezone))
    if at is None:
        return text_of(value)
    if form == "time":
        return (
            str(format_time(at.timetz(), "short", tzinfo=at.tzinfo, locale=place)) if isinstance(at, datetime) else ""
        )
    if form == "datetime" and isinstance(at, datetime):
        return f"{format_date(at.date(), 'long', locale=place)}, {at:%H:%M}"
    if form in _WIDTHS or form == "datetime":
        return str(format_date(at, form if form in _WIDTHS else "long", locale=place))
    if not _PATTERN.fullmatch(form):
        raise FilterArgumentError(f"{form[:40]!r} is not a form of dates", token=None)
    try:
        if isinstance(at, datetime):
            return str(format_datetime(at, form, tzinfo=_zone(timezone), locale=place))
        return str(format_date(at, form, locale=place))
    except (KeyError, ValueError, AttributeError):
        raise FilterArgumentError(f"{form[:40]!r} is not a form of dates", token=None) from None


def _asked(context: Any, name: str, default: str) -> str:
    found = context.resolve(name, default=None)
    return found if isinstance(found, str) and found else default


def _in_language(language: str) -> dict[str, Filter]:
    @with_context
    def money(value: Any, currency: Any = None, *, context: Any) -> str:
        code = text_of(currency) or _asked(context, "currency", "EUR")
        if value is None or isinstance(value, Undefined):
            return ""
        try:
            return format_money(int(_number(value)), code, language)
        except MoneyError as error:
            raise FilterArgumentError(error.detail, token=None) from error

    @with_context
    def amount(value: Any, currency: Any = None, *, context: Any) -> str:
        code = text_of(currency) or _asked(context, "currency", "EUR")
        if value is None or isinstance(value, Undefined):
            return ""
        try:
            return format_money(to_minor(_number(value), code), code, language)
        except MoneyError as error:
            raise FilterArgumentError(error.detail, token=None) from error

    @with_context
    def day(value: Any, form: Any = "long", *, context: Any) -> str:
        if value is None or isinstance(value, Undefined):
            return ""
        return written_date(value, text_of(form), language, _asked(context, "timezone", "UTC"))

    def number(value: Any, digits: Any = None) -> str:
        if value is None or isinstance(value, Undefined):
            return ""
        places = None if digits is None else min(12, max(0, _count(digits)))
        form = "#,##0.###" if places is None else "#,##0" + ("." + "0" * places if places else "")
        return str(format_decimal(_number(value), form, locale=locale_of(language)))

    return {"money": money, "amount": amount, "date": day, "number": number}


def filters_for(language: str) -> dict[str, Filter]:
    """Every filter there is, those of money, numbers and dates in this language."""
    # The words of a language are read from a file at first use: not within the time of somebody's message.
    format_money(0, "EUR", language)
    written_date(date(2026, 1, 1), "full", language, "UTC")
    kept = {name: _bounded(name, run) for name, run in PLAIN.items()}
    for name, run in _in_language(language).items():
        bounded = _bounded(name, run)
        if getattr(run, "with_context", False):
            bounded.with_context = True  # type: ignore[attr-defined]
        kept[name] = bounded
    return kept


def minor_digits(currency: str) -> int:
    """How many digits a currency has after the point; 2 where nobody knows it."""
    try:
        return exponent(currency)
    except MoneyError:
        return 2
