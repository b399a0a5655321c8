"""Looking a payload over. The verdict warns and never refuses: an unknown or odd event is kept as it came."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import msgspec

from unisono.customers.timeline.vocabulary.facts import lookup, read
from unisono.customers.timeline.vocabulary.model import EventSpec, Facts, Issue, Verdict
from unisono.customers.timeline.vocabulary.registry import resolve
from unisono.kit.money import MoneyError, exponent, to_minor

MAX_ISSUES: Final = 20
"""Enough to mend a client; a cart of ten thousand wrong lines says the same thing each time."""


class Field(msgspec.Struct, frozen=True):
    """One property of a schema, taken apart."""

    name: str
    type: Any
    nested: type[Facts] | None
    many: bool
    kind: str
    """What a person would call it: text, amount, yes or no ..."""


def check(name: str, properties: object) -> Verdict:
    """What should be mended in a ``track`` payload: missing, mistyped or unreadable properties."""
    spec = resolve(name)
    if spec is None:
        return Verdict(name, ())
    if properties is None:
        properties = {}
    if not isinstance(properties, Mapping):
        return Verdict(spec.name, (Issue("", f"expected an object, got {_shown(properties)}"),))
    facts = read(properties)
    return Verdict(spec.name, tuple(islice(_issues(spec, facts), MAX_ISSUES)))


def _issues(spec: EventSpec, facts: Mapping[str, Any]) -> Iterator[Issue]:
    for choice in spec.needs:
        if not any(lookup(facts, path) is not None for path in choice):
            yield Issue(choice[0], "missing" if len(choice) == 1 else f"missing: one of {', '.join(choice)}")
    yield from _money(spec, facts)
    yield from _types(spec.schema, facts, "")


def _money(spec: EventSpec, facts: Mapping[str, Any]) -> Iterator[Issue]:
    currency = lookup(facts, spec.currency)
    if isinstance(currency, str):
        try:
            exponent(currency)
        except MoneyError as error:
            yield Issue(spec.currency, error.detail)
    if not spec.is_purchase:
        return
    if not any(lookup(facts, path) is not None for path in spec.value):
        yield Issue(spec.value[0], "missing: a purchase without an amount counts as one without revenue")
    elif currency is None:
        yield Issue(spec.currency, "missing: the currency of the shop is meant")


def _types(schema: type[Facts], facts: Mapping[str, Any], path: str) -> Iterator[Issue]:
    for field in fields_of(schema):
        value = facts.get(field.name)
        if value is None:
            continue
        here = f"{path}{field.name}"
        if field.nested is not None:
            yield from _nested(field, field.nested, value, here)
        elif not _fits(value, field.type):
            yield Issue(here, f"expected {field.kind}, got {_shown(value)}")


def _nested(field: Field, schema: type[Facts], value: object, here: str) -> Iterator[Issue]:
    if not field.many:
        rows = [(here, value)]
    elif isinstance(value, list):
        rows = [(f"{here}[{index}]", row) for index, row in enumerate(value)]
    else:
        yield Issue(here, f"expected {field.kind}, got {_shown(value)}")
        return
    for place, row in rows:
        if isinstance(row, Mapping):
            yield from _types(schema, read(row), f"{place}.")
        else:
            yield Issue(place, f"expected an object, got {_shown(row)}")


def _fits(value: object, kind: Any) -> bool:
    try:
        converted = msgspec.convert(value, kind, strict=False)
    except (msgspec.ValidationError, UnicodeError):  # a lone surrogate cannot be read as a number
        return False
    if isinstance(converted, Decimal):
        return _is_amount(converted)
    # nan and the infinities are numbers to JSON readers, not to anyone counting
    return not isinstance(converted, float) or abs(converted) < float("inf")


def _is_amount(amount: Decimal) -> bool:
    try:
        to_minor(amount, "EUR")
    except MoneyError:
        return False
    return True


def _shown(value: object) -> str:
    # Containers are not printed: five thousand levels of them would be.
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return repr(value[:40] if isinstance(value, str) else value)[:60]


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (Decimal, "an amount"),
    (datetime, "an instant"),
    (bool, "yes or no"),
    (float, "a number"),
    (int, "a whole number"),
)


@lru_cache(maxsize=512)
def fields_of(schema: type[Facts]) -> tuple[Field, ...]:
    """The properties of ``schema`` in the order they are written."""
    return tuple(_field(field.name, field.type) for field in msgspec.structs.fields(schema))


def _field(name: str, declared: Any) -> Field:
    options = [arm for arm in typing.get_args(declared) or (declared,) if arm is not types.NoneType]
    lists = [arm for arm in options if typing.get_origin(arm) is list]
    leaves = [*(typing.get_args(lists[0]) if lists else ()), *(arm for arm in options if arm not in lists)]
    nested = next((leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, Facts)), None)
    kind = "an object" if nested else _kind(leaves)
    if lists:
        kind = f"a list of {nested.__name__.lower()}" if nested else f"a list of texts{' or one' * (len(options) > 1)}"
    return Field(name, declared, nested, bool(lists), kind)


def _kind(leaves: list[Any]) -> str:
    if str in leaves:
        return "text" if float in leaves or int not in leaves else "an id"
    return next(label for python, label in _KINDS if python in leaves)
