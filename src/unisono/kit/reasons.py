"""Reasons: why something is so, in words that can be translated and values that can be checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date, format_datetime, get_day_names

from unisono.kit.i18n import translations
from unisono.kit.localtime import known_zone
from unisono.kit.money import format_money
from unisono.kit.names import OF_VALUES

Anything = TypeVar("Anything")

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Reason(msgspec.Struct, frozen=True):
    """One reason. ``code`` is stable; ``text`` is an English msgid with {named} places that ``values`` fill.

    Amounts in ``values`` are minor units under names ending in ``_minor`` beside a ``currency``; instants and days
    are ISO 8601 texts under names ending in ``_at``, told by the clocks of ``zone`` where there is one; days of the
    week are listed as ``mon, tue`` under ``weekdays``; channels are their codes under ``channel`` and ``chosen``; what
    is under ``label`` is a msgid itself, or somebody's own words.
    """

    code: str
    text: str
    values: dict[str, Any] = {}


def in_words(reason: Reason, language: str = "en", timezone: str = "UTC") -> str:
    """A reason as people of a language read it: money and times written their way. English where untranslated."""
    text = translations(language).gettext(reason.text)
    # A reason that names a zone speaks of the clocks there, whoever reads it.
    own = known_zone(reason.values.get("zone"))
    timezone = timezone if own is None else own.key
    filled = {name: _written(name, value, reason.values, language, timezone) for name, value in reason.values.items()}
    try:
        return text.format(**filled)
    except (KeyError, IndexError, ValueError):
        # A text with a place nobody fills is a mistake of ours; the code and the bare text still say what it is.
        return text


def told(value: Anything, language: str = "en", timezone: str = "UTC") -> Anything:
    """The same structs, lists and mappings with every reason in them filled in; values are kept for programs."""
    return cast("Anything", _told(value, language, timezone))


def _told(value: Any, language: str, timezone: str) -> Any:
    if isinstance(value, Reason):
        return Reason(value.code, in_words(value, language, timezone), value.values)
    if isinstance(value, msgspec.Struct):
        changed = {}
        for name in value.__struct_fields__:
            before = getattr(value, name)
            after = _told(before, language, timezone)
            if after is not before:
                changed[name] = after
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, (tuple, list)):
        items = [_told(item, language, timezone) for item in value]
        same = all(after is before for after, before in zip(items, value, strict=True))
        return value if same else type(value)(items)
    if isinstance(value, dict):
        return {name: _told(item, language, timezone) for name, item in value.items()}
    return value


def _written(name: str, value: Any, values: Mapping[str, Any], language: str, timezone: str) -> str:
    currency = values.get("currency")
    if name.endswith("_minor") and isinstance(value, int) and isinstance(currency, str):
        return format_money(value, currency, language)
    if name.endswith("_at") and isinstance(value, str):
        return _instant(value, language, timezone)
    if name in OF_VALUES and isinstance(value, str) and value in OF_VALUES[name]:
        return translations(language).gettext(OF_VALUES[name][value])
    if name == "label" and value:
        return translations(language).gettext(str(value))
    if name == "weekdays" and isinstance(value, str):
        names = get_day_names(locale=language)
        return ", ".join(str(names[DAYS.index(day)]) if day in DAYS else day for day in value.split(", "))
    return str(value)


def _instant(value: str, language: str, timezone: str) -> str:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    if len(value) <= len("2026-01-01"):
        return str(format_date(date(at.year, at.month, at.day), "d MMMM", locale=language))
    local = at.astimezone(ZoneInfo(timezone)) if at.tzinfo else at
    return str(format_datetime(local, "d MMM, HH:mm", locale=language))
