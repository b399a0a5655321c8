"""The law of profiles, pure: which of several said values counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

SOURCE_RANK: dict[str | None, int] = {
    "till": 0,
    "connector": 1,
    "server": 1,
    "import": 2,
    "app": 3,
    "browser": 3,
    "system": 4,
    None: 5,
}
"""Whom to believe first where a trait asks for the better source: who saw a document before who typed a form."""

BY_SOURCE = frozenset(
    {"email", "phone", "birthday", "gender", "vat_number", "tax_code", "loyalty_card", "firstName", "lastName", "name"}
)
"""Traits for which the better source wins over the later word; for all others the latest wins."""


class TraitSaid(msgspec.Struct, frozen=True):
    """A trait as one source said it of one identifier."""

    name: str
    value: Any
    spelt: str
    """The value as the database writes it, which decides between two said in the same instant."""
    at: datetime
    source: str | None
    source_kind: str | None
    node_id: int


class Trait(msgspec.Struct, frozen=True):
    """The value that counts, who said it and when."""

    value: Any
    at: datetime
    source: str | None
    node_id: int
    others: int = 0
    """How many other sources or identifiers say something different."""


def trait_said(row: asyncpg.Record, decode: Callable[[str], Any] = msgspec.json.decode) -> TraitSaid:
    """A trait of its row: name, value (JSON), occurred_at, source_kind, and if it is read, source_name and node_id."""
    return TraitSaid(
        row["name"],
        decode(row["value"]),
        row["value"],
        row["occurred_at"],
        row.get("source_name"),
        row["source_kind"],
        row.get("node_id", 0),
    )


def fold_traits(said: Iterable[TraitSaid]) -> dict[str, Trait]:
    """One value a trait: the latest, or for traits in BY_SOURCE the latest of the best source."""
    best: dict[str, TraitSaid] = {}
    values: dict[str, set[str]] = {}
    for item in said:
        values.setdefault(item.name, set()).add(item.spelt)
        known = best.get(item.name)
        if known is None or _rank(item) < _rank(known):
            best[item.name] = item
    return {
        name: Trait(item.value, item.at, item.source, item.node_id, len(values[name]) - 1)
        for name, item in sorted(best.items())
    }


def _rank(item: TraitSaid) -> tuple[Any, ...]:
    newest = -item.at.timestamp()
    if item.name in BY_SOURCE:
        return (SOURCE_RANK.get(item.source_kind, 5), newest, item.spelt)
    return (0, newest, item.spelt)


LANGUAGE: Final = ("language", "locale")
"""Traits that say in which language somebody wants to be spoken to, the first before the second."""


def language_of(traits: Mapping[str, Trait]) -> str | None:
    """The language a person wants to be spoken to in; None when nobody said it."""
    for name in LANGUAGE:
        value = traits[name].value if name in traits else None
        if isinstance(value, str) and 0 < len(value) <= 35:
            return value
    return None


def display_name(traits: dict[str, Trait]) -> str | None:
    """What to call a person: the name, or first and last name."""

    def text(*names: str) -> str:
        for name in names:
            value = traits[name].value if name in traits else None
            if isinstance(value, str) and value.strip():
                return value.strip()
        return ""

    whole = text("name")
    if whole:
        return whole[:200]
    parts = f"{text('firstName', 'first_name')} {text('lastName', 'last_name')}".strip()
    return parts[:200] or None
