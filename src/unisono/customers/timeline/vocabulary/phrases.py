"""The words a placeholder of a summary becomes. Each is empty when the event does not tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal

from unisono.customers.timeline.vocabulary.facts import lookup, read
from unisono.customers.timeline.vocabulary.model import EventSpec
from unisono.kit.money import MoneyError, format_money, to_minor

Phrase = Callable[[Mapping[str, Any], str, EventSpec | None], str]

MAX_WORDS: Final = 60
MAX_QUOTE: Final = 80

_MONEY: Final = ("total", "revenue", "value")
_LABELS: Final[Mapping[str, str]] = {
    "messenger": "Messenger",
    "whatsapp": "WhatsApp",
    "instagram": "Instagram",
    "telegram": "Telegram",
    "sms": "SMS",
    "email": "e-mail",
    "web": "web",
}
_EN: Final = Locale("en")
_IT: Final = Locale("it")


def cut(text: str, limit: int) -> str:
    """``text`` on one line, without control characters, cut at ``limit`` characters with an ellipsis."""
    # Only the head is cleaned: a text of two megabytes says no more than its first line.
    plain = " ".join("".join(ch if ch.isprintable() else " " for ch in text[: limit * 4]).split())
    return clip(plain, limit)


def clip(line: str, limit: int) -> str:
    """``line`` as it is (no-break spaces of amounts stay), cut at ``limit`` characters with an ellipsis."""
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def raw(value: object) -> str:
    """A property as it came, when it is a text or a number."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e15 else ""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else ""
    return cut(value, MAX_WORDS) if isinstance(value, str) else ""


def _first(*paths: str) -> Phrase:
    def phrase(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
        del locale, spec
        return next((words for path in paths if (words := raw(lookup(facts, path)))), "")

    return phrase


def _babel(locale: str) -> Locale:
    return _IT if locale.lower().startswith("it") else _EN


def _is_italian(locale: str) -> bool:
    return _babel(locale) is _IT


def _what(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
    named = _first("name", "product_name", "title", "sku", "product_id")(facts, locale, spec)
    rows = facts.get("products")
    if named or not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], Mapping):
        return named
    return _first("name", "sku", "product_id")(read(rows[0]), locale, spec)


def _items(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
    del spec
    rows = facts.get("products")
    if not isinstance(rows, list) or not rows:
        return ""
    count = sum(_quantity(row) for row in rows)
    number = format_decimal(count, locale=_babel(locale))
    if _is_italian(locale):
        return f"{number} {'articolo' if count == 1 else 'articoli'}"
    return f"{number} {'item' if count == 1 else 'items'}"


def _quantity(row: object) -> int:
    """Pieces of a line; a weight (0.350 kg of ham) is one piece, and so is a line that does not say."""
    number = _number(row.get("quantity")) if isinstance(row, Mapping) else None
    if number is None or number != int(number) or not 0 < number < 10**6:
        return 1
    return int(number)


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = msgspec.convert(value, Decimal, strict=False)
    except (msgspec.ValidationError, UnicodeError):
        return None
    return number if number.is_finite() and number.adjusted() < 18 else None


def _value(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
    currency = lookup(facts, spec.currency if spec else "currency")
    if not isinstance(currency, str):
        return ""
    for path in (spec.value if spec else ()) or _MONEY:
        amount = lookup(facts, path)
        if isinstance(amount, (str, int, float, Decimal)):
            try:
                return format_money(to_minor(amount, currency), currency, locale)
            except MoneyError:
                continue
    return ""


def _points(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
    del spec
    number = _number(facts.get("points"))
    if number is None:
        return ""
    size = abs(number)
    unit = ("punto", "punti") if _is_italian(locale) else ("point", "points")
    return f"{format_decimal(size, locale=_babel(locale))} {unit[0] if size == 1 else unit[1]}"


def _via(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
    word = _first("platform", "channel", "namespace")(facts, locale, spec)
    return _LABELS.get(word.lower(), word)


def _quote(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
    del locale, spec
    for key in ("text", "message_body", "body", "comment", "review_body", "message"):
        value = facts.get(key)
        if isinstance(value, str) and (words := cut(value, MAX_QUOTE)):
            return f"“{words}”"
    return ""


def _answer(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
    said = raw(facts.get("answer"))
    score = raw(facts.get("score"))
    if said or not score:
        return said
    top = _first("scale")(facts, locale, spec).rsplit("-", 1)[-1].strip()
    return f"{score}/{top}" if top.isdigit() else score


def _lasted(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
    del locale, spec
    seconds = _number(facts.get("duration", facts.get("conversation_duration")))
    if seconds is None or seconds <= 0:
        return ""
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds / 60 + Decimal("0.5"))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _when(path: str) -> Phrase:
    def phrase(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
        del spec
        value = facts.get(path)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return ""
        try:
            instant = msgspec.convert(value, datetime, strict=False)
        except (msgspec.ValidationError, UnicodeError):
            return ""
        # In the zone the client wrote it in: the appointment is at the hour of the store.
        return format_datetime(instant.replace(tzinfo=None), "d MMM y, HH:mm", locale=_babel(locale))

    return phrase


_CONSENT_WORDS = {
    "requested": ("Consent asked, to be confirmed", "Consenso chiesto, da confermare"),
    "refused": ("Consent refused", "Consenso rifiutato"),
    "expired": ("Consent ended", "Consenso scaduto"),
}
"""What is neither given nor withdrawn: English, Italian."""


def _consent(facts: Mapping[str, Any], locale: str, spec: EventSpec | None) -> str:
    del spec
    special = _CONSENT_WORDS.get(str(facts.get("status")).lower()[:20])
    if special:
        return special[_is_italian(locale)]
    granted = facts.get("granted", facts.get("status"))
    word = str(granted).lower()[:20]
    if word in {"true", "1", "yes", "granted", "given", "subscribed", "confirmed", "opted_in"}:
        return "Consenso dato" if _is_italian(locale) else "Consent given"
    if word in {"false", "0", "no", "withdrawn", "denied", "revoked", "unsubscribed", "opted_out"}:
        return "Consenso revocato" if _is_italian(locale) else "Consent withdrawn"
    return ""


PHRASES: Final[Mapping[str, Phrase]] = {
    "what": _what,
    "items": _items,
    "value": _value,
    "points": _points,
    "via": _via,
    "quote": _quote,
    "answer": _answer,
    "lasted": _lasted,
    "day": _when("starts_at"),
    "until": _when("expires_at"),
    "consent": _consent,
    "where": _first("store_name", "store_id"),
    "agent": _first("agent_name", "agent", "clerk_name", "agent_username", "agent_id", "clerk_id"),
    "touch": _first("touchpoint_name", "campaign_name", "touchpoint_id", "place", "code"),
    "coupon": _first("coupon_name", "coupon_id", "code", "coupon"),
    "subject": _first("email_subject", "subject", "campaign_name"),
    "campaign": _first("campaign_name", "campaign.name", "campaign", "title", "campaign_id"),
    "page": _first("name", "title", "path", "url"),
}
"""Placeholder to words; a placeholder that is not here is the property of that name, as it came."""
