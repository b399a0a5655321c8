"""What the names inside a rule are called: events, details of theirs, channels, purposes, as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from babel.dates import get_day_names

from unisono.customers.segments.model import PURCHASES
from unisono.customers.timeline.vocabulary import label, resolve
from unisono.kit.i18n import translations
from unisono.kit.marking import N_
from unisono.kit.names import CHANNELS
from unisono.kit.reasons import DAYS, Reason

Say = Callable[[str], str]


NAMES: Mapping[str, str] = {
    "channel": N_("the channel"),
    "store_id": N_("the store"),
    "hour": N_("the hour"),
    "weekday": N_("the day of the week"),
    "total": N_("total"),
    "revenue": N_("revenue"),
    "quantity": N_("quantity"),
    "price": N_("price"),
    "rating": N_("rating"),
    "score": N_("score"),
    "category": N_("category"),
    "brand": N_("brand"),
    "coupon": N_("coupon"),
    "products[].category": N_("the category of a product"),
    "products[].brand": N_("the brand of a product"),
    "products[].name": N_("the name of a product"),
    "products[].sku": N_("the sku of a product"),
    "products[].price": N_("the price of a product"),
    "products[].quantity": N_("the quantity of a product"),
    "birthday": N_("birthday"),
    "city": N_("city"),
    "country": N_("country"),
    "gender": N_("gender"),
    "language": N_("language"),
    "points": N_("points"),
    "tier": N_("tier"),
    "identified": N_("whether we know who it is"),
    "namespaces": N_("kinds of identifiers there are"),
}
"""Details of events and traits that most shops have -> what they are called; others are shown as they are."""

PURPOSES: Mapping[str, str] = {
    "marketing": N_("marketing"),
    "profiling": N_("profiling"),
    "contract": N_("contract"),
    "third_party": N_("third parties"),
    "tracking": N_("tracking"),
    "statistics": N_("statistics"),
}

LINES: Mapping[str, str] = {
    "web": N_("Web"),
    "app": N_("App"),
    "store": N_("Store"),
    "messages": N_("Messages"),
    "email": N_("E-mail"),
    "service": N_("Service"),
    "call": N_("Call"),
}
"""Channels events come by."""


def event_called(name: str, language: str) -> str:
    """An event by its name for people."""
    if name == PURCHASES:
        return translations(language).gettext(N_("purchases"))
    spec = resolve(name)
    return label(spec, language) if spec is not None and spec.name == name else name


def worded(piece: Reason, language: str) -> Reason:
    """A piece of a sentence with the names in it as people of a language read them."""
    say, values = translations(language).gettext, dict(piece.values)
    about = values.get("name")
    for key, value in piece.values.items():
        if not isinstance(value, str):
            continue
        match key:
            case "events":
                values[key] = " / ".join(event_called(name, language) for name in value.split(" / "))
            case "name" | "path":
                values[key] = say(NAMES[value]) if value in NAMES else value
            case "purpose":
                values[key] = say(PURPOSES.get(value, value))
            case "channel":
                values[key] = say(CHANNELS.get(value, value))
            case "value":
                values[key] = _value(about, value, language, say)
    return Reason(piece.code, piece.text, values) if values != piece.values else piece


def _value(about: Any, value: str, language: str, say: Say) -> str:
    known: Mapping[str, str] = {}
    if about == "channel":
        known = {code: say(text) for code, text in LINES.items()}
    elif about == "weekday":
        names = get_day_names(locale=language)
        known = {day: str(names[place]) for place, day in enumerate(DAYS)}
    return ", ".join(known.get(one, one) for one in value.split(", ")) if known else value
