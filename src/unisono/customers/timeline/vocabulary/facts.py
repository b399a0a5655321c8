"""Reading the properties of a payload as they come: other spellings of keys, amounts as texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from unisono.customers.timeline.vocabulary.model import EventSpec
from unisono.kit.money import MoneyError, to_minor

SYNONYMS: Final = {"id": "product_id"}
"""Keys of version 1 of the commerce spec, used where a product has none of the present key."""

_MAX_KEY: Final = 100
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GAP = re.compile(r"[\s\-.]+")


@lru_cache(maxsize=4096)
def snake(key: str) -> str:
    """``orderId``, ``Order ID`` and ``order-id`` are ``order_id``."""
    return _GAP.sub("_", _HUMP.sub("_", key.strip())).lower().replace("__", "_")


def read(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties under snake-case keys; a key spelt that way already wins over another spelling.

    Missing values (``null``, empty texts) are left out; so are keys longer than any of ours.
    """
    facts: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in properties.items():
        if value is None or value == "" or len(key) > _MAX_KEY:
            continue
        plain = snake(key)
        (facts if plain == key else others)[plain] = value
    for old, new in SYNONYMS.items():
        if old in facts:
            others.setdefault(new, facts[old])
    return others | facts


def lookup(facts: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted ``path`` (``campaign.name``), ``None`` where the way ends."""
    value: Any = facts
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def value_of(
    spec: EventSpec, properties: Mapping[str, Any], default_currency: str | None = None
) -> tuple[int, str] | None:
    """The money of an event: minor units and ISO 4217 code, or ``None`` if it names none that can be read.

    The first readable path of ``spec.value`` counts. Without a currency ``default_currency`` (the shop's) is
    meant; without that either there is no amount, since minor units cannot be known.
    """
    facts = read(properties)
    currency = lookup(facts, spec.currency) or default_currency
    if not isinstance(currency, str):
        return None
    for path in spec.value:
        amount = lookup(facts, path)
        if isinstance(amount, (str, int, float, Decimal)):
            try:
                return to_minor(amount, currency), currency.strip().upper()
            except MoneyError:
                continue
    return None
