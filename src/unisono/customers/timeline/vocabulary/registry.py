"""All events by name. ``resolve`` runs once an event on the intake path: one look-up, or a bounded cache."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from unisono.customers.timeline.vocabulary import account, commerce, loyalty, media, messaging, service, store
from unisono.customers.timeline.vocabulary.model import EventSpec, Family

MAX_NAME: Final = 200
"""A longer name is no name of ours; it is not folded nor remembered."""

_SEPARATORS = re.compile(r"[\s_\-.]+")


class DuplicateName(ValueError):
    """Two events of the vocabulary answer to one name: a mistake in the vocabulary itself."""


def fold(name: str) -> str:
    """The key under which ``Order Completed``, ``order_completed`` and ``orderCompleted`` are one name."""
    return _SEPARATORS.sub("", name).casefold()


def _by_exact_name(specs: Iterable[EventSpec]) -> dict[str, EventSpec]:
    names: dict[str, EventSpec] = {}
    for spec in specs:
        for name in (spec.name, *spec.aliases):
            if names.setdefault(name, spec) is not spec:
                raise DuplicateName(name)
    return names


def _by_folded_name(names: Mapping[str, EventSpec]) -> dict[str, EventSpec]:
    folded: dict[str, EventSpec] = {}
    for name, spec in names.items():
        if folded.setdefault(fold(name), spec) is not spec:
            raise DuplicateName(name)
    return folded


SPECS: Final[tuple[EventSpec, ...]] = (
    *commerce.EVENTS,
    *store.EVENTS,
    *loyalty.EVENTS,
    *service.EVENTS,
    *messaging.EVENTS,
    *account.EVENTS,
    *media.EVENTS,
)
"""Every event, in the order of the reference."""

_EXACT: Final = _by_exact_name(SPECS)
_FOLDED: Final = _by_folded_name(_EXACT)


def resolve(name: str) -> EventSpec | None:
    """The record of the event called ``name``, in any case and spacing, or by an alias; ``None`` if unknown."""
    return _EXACT.get(name) or _remembered(name)


def canonical(name: str) -> str:
    """The canonical name, or ``name`` exactly as given when the vocabulary does not have it."""
    spec = resolve(name)
    return name if spec is None else spec.name


def spec_for(type: str, name: str | None) -> EventSpec | None:
    """The record of a call of the protocol: of ``track`` by its event name, of the others by their type."""
    if type == "track":
        return resolve(name) if name else None
    return account.BY_TYPE.get(type)


def all_specs() -> tuple[EventSpec, ...]:
    """Every event of the vocabulary."""
    return SPECS


def purchases() -> tuple[str, ...]:
    """The canonical names of the events that count as a purchase."""
    return tuple(spec.name for spec in SPECS if spec.is_purchase)


def of_family(family: Family) -> tuple[EventSpec, ...]:
    """The events of one family."""
    return tuple(spec for spec in SPECS if spec.family is family)


def _remembered(name: str) -> EventSpec | None:
    return _folded(name) if len(name) <= MAX_NAME else None


@lru_cache(maxsize=4096)
def _folded(name: str) -> EventSpec | None:
    return _FOLDED.get(fold(name))
