"""From events to partial results, pure: what a batch adds to each node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unisono.customers.profiles.declaring import HOW_MANY, Accumulator, Declaration
from unisono.customers.profiles.partials import MAX_VALUE, Partial, number, text_of
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.vocabulary import resolve, value_of
from unisono.customers.timeline.vocabulary.facts import read

Batch = dict[tuple[int, str], Partial]
"""(node id, key of the partial result) -> what to add to it."""

_REMEMBERED = 10_000


def values_at(facts: Mapping[str, Any], path: str) -> list[Any]:
    """The values at a path such as ``products[].category``; ``[]`` after a name goes through a list."""
    found: list[Any] = [facts]
    for step in path.split("."):
        name = step.removesuffix("[]")
        found = [value[name] for value in found if isinstance(value, Mapping) and value.get(name) is not None]
        if step != name:
            found = [item for value in found if isinstance(value, list) for item in value]
    return found


class Folder:
    """Folds events by one declaration; remembers which kinds of events concern which partial results."""

    def __init__(self, declaration: Declaration, only: frozenset[str] | None = None) -> None:
        self._accumulators = [
            accumulator for key, accumulator in declaration.accumulators.items() if only is None or key in only
        ]
        self._concerned: dict[tuple[str, str, str], tuple[Accumulator, ...]] = {}

    def concerned(self, event: Event) -> tuple[Accumulator, ...]:
        """The partial results that take events like this. What happened to the graph is no act of a person."""
        key = (event.name, event.type, event.channel)
        known = self._concerned.get(key)
        if known is None:
            if len(self._concerned) > _REMEMBERED:
                self._concerned.clear()
            if event.type == "identity" or event.channel == "system":
                known = ()
            else:
                known = tuple(acc for acc in self._accumulators if acc.looks_at(*key))
            self._concerned[key] = known
        return known

    def fold(self, events: Iterable[Event]) -> Batch:
        """What these events add up to."""
        batch: Batch = {}
        for event in events:
            facts: dict[str, Any] | None = None
            for accumulator in self.concerned(event):
                if accumulator.paths == ("$channel",) and not accumulator.where:
                    partial = _partial(batch, event.node_id, accumulator.key)
                    partial.see(event.occurred_at, f'"{event.channel}"')
                    if accumulator.measure == "tally":
                        partial.tick(event.channel)
                    continue
                if facts is None:
                    facts = read(event.properties)
                if all(facts.get(name) == wanted for name, wanted in accumulator.where):
                    _take(batch, event, facts, accumulator)
        return batch


def _partial(batch: Batch, node: int, key: str) -> Partial:
    known = batch.get((node, key))
    if known is None:
        known = batch[node, key] = Partial()
    return known


def _take(batch: Batch, event: Event, facts: Mapping[str, Any], accumulator: Accumulator) -> None:
    if accumulator.measure == "times":
        _partial(batch, event.node_id, accumulator.key).see(event.occurred_at)
    elif accumulator.measure == "money":
        _take_money(batch, event, accumulator)
    else:
        values = _values(event, facts, accumulator.paths)
        if accumulator.measure == "number":
            numbers = [exact for value in values if (exact := number(value)) is not None]
            if numbers:
                partial = _partial(batch, event.node_id, accumulator.key)
                partial.see(event.occurred_at)
                partial.total += sum(numbers)
            return
        texts = [text for value in values if (text := text_of(value)) is not None]
        if not texts:
            return
        partial = _partial(batch, event.node_id, accumulator.key)
        partial.see(event.occurred_at, texts[0])
        if accumulator.measure == "tally":
            for value in values:
                if isinstance(value, str) and value:
                    partial.tick(value[:MAX_VALUE])


def _take_money(batch: Batch, event: Event, accumulator: Accumulator) -> None:
    spec = resolve(event.name)
    money = value_of(spec, event.properties, accumulator.currency) if spec else None
    if money is None:
        return
    amount, currency = money
    partial = _partial(batch, event.node_id, accumulator.key)
    if event.name in accumulator.subtract:
        # A return may state its amount with or without a minus; money goes back either way.
        partial.tick(currency, -abs(amount))
        return
    partial.see(event.occurred_at, f'[{amount}, "{currency}"]')
    partial.tick(currency, amount)
    partial.tick(HOW_MANY + currency)


def _values(event: Event, facts: Mapping[str, Any], paths: Iterable[str]) -> list[Any]:
    for path in paths:
        if path == "$channel":
            return [event.channel]
        if path == "$name":
            return [event.name]
        if path == "$store":
            return [event.store_id] if event.store_id else []
        found = values_at(facts, path)
        if found:
            return found
    return []
