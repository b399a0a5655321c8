"""The declaration of computed traits, pure: read, checked, and boiled down to the partial results it needs.

Traits that look at the same events and the same property share a partial result, so a page view costs one row and
not five. A partial result is named by what it means: another meaning is another name, filled from the past anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from unisono.customers.profiles.partials import Partial
from unisono.customers.timeline.vocabulary import purchases
from unisono.kit.errors import UnisonoError

Kind = Literal["count", "first", "last", "sum", "average", "favourite"]
Measure = Literal["times", "values", "tally", "number", "money"]

OWN = ("$channel", "$store", "$name", "$value")
"""Properties every event has, or may have, beside its payload."""

HOW_MANY = "n "
"""Before a currency in a tally of money: how many amounts, beside their sum."""

ESSENTIAL = (
    "first_seen",
    "last_seen",
    "last_channel",
    "favourite_channel",
    "touches_count",
    "messages_count",
    "orders_count",
    "lifetime_value",
    "favourite_store",
)
"""Traits lists and pages are made of."""


class DeclarationError(UnisonoError):
    """The declaration of computed traits cannot be used."""

    code = "computed_traits"
    title = "The computed traits are not declared well"


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One trait as declared."""

    kind: Kind
    events: tuple[str, ...] = ()
    except_: tuple[str, ...] = msgspec.field(default=(), name="except")
    types: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    where: dict[str, str | int | float | bool] = {}
    where_from: str | tuple[str, ...] = msgspec.field(default=(), name="property")
    subtract: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Where the value may be."""
        return (self.where_from,) if isinstance(self.where_from, str) else self.where_from


class Accumulator(msgspec.Struct, frozen=True, kw_only=True):
    """A partial result to keep: which events, which property, what of it."""

    key: str
    measure: Measure
    names: frozenset[str]
    except_: frozenset[str]
    types: frozenset[str]
    channels: frozenset[str]
    where: tuple[tuple[str, str | int | float | bool], ...]
    paths: tuple[str, ...]
    subtract: frozenset[str]
    currency: str
    """ISO 4217 code of money that comes without one; empty where no money is meant."""

    def looks_at(self, name: str, kind: str, channel: str) -> bool:
        """Whether it takes events like this, their properties aside."""
        if name in self.subtract:
            return True
        return (
            (not self.names or name in self.names)
            and name not in self.except_
            and (not self.types or kind in self.types)
            and (not self.channels or channel in self.channels)
        )


class Declaration(msgspec.Struct, frozen=True):
    """All traits and the partial results they are read from."""

    traits: dict[str, Declared]
    accumulator_of: dict[str, Accumulator]
    """Trait name -> its partial result."""
    currency: str

    @property
    def accumulators(self) -> dict[str, Accumulator]:
        """Every partial result once, by key."""
        return {accumulator.key: accumulator for accumulator in self.accumulator_of.values()}


def read_value(trait: Declared, partial: Partial) -> Any:
    """What a trait says of a person: number, text, time; money as minor units by currency; None for nothing."""
    if trait.kind == "count":
        return partial.count
    if trait.kind in ("first", "last"):
        first = trait.kind == "first"
        if not trait.paths:
            return partial.first_at if first else partial.last_at
        text = partial.first_value if first else partial.last_value
        value = msgspec.json.decode(text) if text is not None else None
        return {value[1]: value[0]} if isinstance(value, list) else value
    if trait.kind == "favourite":
        return min(partial.tally, key=lambda key: (-partial.tally[key], key), default=None)
    if measure_of(trait) == "number":
        return int(partial.total) if partial.total == int(partial.total) else float(partial.total)
    sums = {key: amount for key, amount in sorted(partial.tally.items()) if not key.startswith(HOW_MANY)}
    if trait.kind == "sum":
        return sums
    return {
        currency: int((Decimal(amount) / partial.tally[HOW_MANY + currency]).to_integral_value(ROUND_HALF_UP))
        for currency, amount in sums.items()
        if partial.tally.get(HOW_MANY + currency)
    }


def _names(given: Iterable[str]) -> tuple[str, ...]:
    names: list[str] = []
    for name in given:
        names.extend(purchases() if name == "purchases" else (name,))
    return tuple(sorted(set(names)))


def _problem(name: str, trait: Declared) -> str | None:
    own = [path for path in trait.paths if path.startswith("$")]
    if any(path not in OWN for path in own):
        return f"{name}: there is no {own[0]}; there are {', '.join(OWN)}"
    if own and len(trait.paths) > 1:
        return f"{name}: {own[0]} stands alone"
    if trait.kind in ("sum", "average", "favourite") and not trait.paths:
        return f"{name}: a {trait.kind} needs a property"
    if trait.kind == "count" and trait.paths:
        return f"{name}: a count takes no property"
    if trait.kind == "average" and trait.paths != ("$value",):
        return f"{name}: an average is one of $value"
    if trait.kind == "favourite" and trait.paths == ("$value",):
        return f"{name}: money has no favourite"
    if trait.subtract and not (trait.kind == "sum" and trait.paths == ("$value",)):
        return f"{name}: only a sum of $value has something to subtract"
    return None


def measure_of(trait: Declared) -> Measure:
    """What must be kept for a trait."""
    if trait.paths == ("$value",):
        return "money"
    if not trait.paths:
        return "times"
    if trait.kind == "sum":
        return "number"
    return "tally" if trait.kind == "favourite" else "values"


def _selection(trait: Declared) -> dict[str, Any]:
    return {
        "events": _names(trait.events),
        "except": tuple(sorted(trait.except_)),
        "types": tuple(sorted(trait.types)),
        "channels": tuple(sorted(trait.channels)),
        "where": tuple(sorted((key, value) for key, value in trait.where.items())),
        "subtract": tuple(sorted(trait.subtract)),
    }


def _accumulator(selection: Mapping[str, Any], paths: Sequence[str], measure: Measure, currency: str) -> Accumulator:
    meant = currency if measure == "money" else ""
    meaning = msgspec.json.encode([selection, paths, measure, meant], order="sorted")
    return Accumulator(
        key=hashlib.blake2b(meaning, digest_size=6).hexdigest(),
        measure=measure,
        names=frozenset(selection["events"]),
        except_=frozenset(selection["except"]),
        types=frozenset(selection["types"]),
        channels=frozenset(selection["channels"]),
        where=selection["where"],
        paths=tuple(paths),
        subtract=frozenset(selection["subtract"]),
        currency=meant,
    )


def compile_traits(traits: Mapping[str, Declared], currency: str = "EUR") -> Declaration:
    """Boil declared traits down; ``currency`` is meant where an amount names none.

    Raises DeclarationError with every mistake found.
    """
    problems = [problem for name, trait in traits.items() if (problem := _problem(name, trait))]
    if problems:
        raise DeclarationError("; ".join(problems))
    wanted = {name: (_selection(trait), trait.paths, measure_of(trait)) for name, trait in traits.items()}
    stored = {(repr(selection), paths, measure) for selection, paths, measure in wanted.values()}

    def shared(selection: Mapping[str, Any], paths: tuple[str, ...], measure: Measure) -> Accumulator:
        """A richer partial result over the same events tells the same, where another trait keeps one."""
        key = repr(selection)
        richer: tuple[Measure, ...] = ("tally", "values")
        for other in richer:
            # Every event has a channel, so a partial result over it counts every event.
            if measure == "times" and (key, ("$channel",), other) in stored:
                return shared(selection, ("$channel",), other)
        if measure == "values" and (key, paths, "tally") in stored:
            measure = "tally"
        return _accumulator(selection, paths, measure, currency)

    return Declaration(dict(traits), {name: shared(*what) for name, what in wanted.items()}, currency)


def _parse(text: str, origin: str) -> dict[str, Declared | None]:
    try:
        return msgspec.convert(yaml.safe_load(text) or {}, dict[str, Declared | None], strict=False)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise DeclarationError(
            f"{origin}: {error}", hint="The comments of computed_traits.yaml tell the form."
        ) from None


def read_declaration(path: Path | None = None, currency: str = "EUR") -> Declaration:
    """The package's traits and, over them, those of a file; a trait set to null is left out.

    Raises DeclarationError.
    """
    packaged = (resources.files("unisono.customers.profiles") / "computed_traits.yaml").read_text("utf-8")
    traits = _parse(packaged, "computed_traits.yaml")
    if path is not None:
        try:
            own = _parse(path.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise DeclarationError(f"{path} cannot be read: {error}") from None
        fixed = [name for name in own if name in ESSENTIAL]
        if fixed:
            raise DeclarationError(f"{path}: {', '.join(fixed)} cannot be declared otherwise", hint="Use other names.")
        traits.update(own)
    return compile_traits({name: trait for name, trait in traits.items() if trait is not None}, currency)
