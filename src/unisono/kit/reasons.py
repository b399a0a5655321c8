"""Reasons: why something is so, in words that can be translated and values that can be checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date, format_datetime

from unisono.kit.i18n import translations
from unisono.kit.money import format_money


class Reason(msgspec.Struct, frozen=True):
    """One reason. ``code`` is stable; ``text`` is an English msgid with {named} places that ``values`` fill.

    Amounts in ``values`` are minor units under names ending in ``_minor`` beside a ``currency``; instants and days
    are ISO 8601 texts under names ending in ``_at``.
    """

    code: str
    text: str
    values: dict[str, Any] = {}


class Worded(msgspec.Struct, frozen=True):
    """A reason in somebody's language."""

    code: str
    text: str
    values: dict[str, Any] = {}


def in_words(reason: Reason, language: str = "en", timezone: str = "UTC") -> str:
    """A reason as people of a language read it: money and times written their way. English where untranslated."""
    text = translations(language).gettext(reason.text)
    filled = {name: _written(name, value, reason.values, language, timezone) for name, value in reason.values.items()}
    try:
        return text.format(**filled)
    except (KeyError, IndexError, ValueError):
        # A text with a place nobody fills is a mistake of ours; the code and the bare text still say what it is.
        return text


def worded(reason: Reason, language: str = "en", timezone: str = "UTC") -> Worded:
    """A reason with its text filled in, its values kept for programs."""
    return Worded(reason.code, in_words(reason, language, timezone), reason.values)


def _written(name: str, value: Any, values: Mapping[str, Any], language: str, timezone: str) -> str:
    currency = values.get("currency")
    if name.endswith("_minor") and isinstance(value, int) and isinstance(currency, str):
        return format_money(value, currency, language)
    if name.endswith("_at") and isinstance(value, str):
        return _instant(value, language, timezone)
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
