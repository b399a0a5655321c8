"""Why somebody is in or out, pure: the rule step by step, with what was seen of the person at each."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from unisono.customers.segments.model import (
    All,
    AnyOf,
    Calendar,
    Consent,
    Facts,
    Happening,
    InSegment,
    Near,
    NoneOf,
    Rule,
    Sequel,
    Trait,
    World,
    children,
)
from unisono.customers.segments.rules import (
    contributions,
    described,
    distance,
    said_of,
    seen,
    trait_values,
    truth,
    worth,
)
from unisono.customers.segments.sentence import Pieces, condition
from unisono.kit.reasons import Reason

SHOWN = 5
"""Values of a list that are named."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a rule as it is for one person."""

    is_: str = msgspec.field(name="is")
    sentence: Pieces
    """The condition in words; of a group what joins it."""
    holds: bool
    until: datetime | None
    """When time alone may change that; None: never."""
    seen: Pieces = ()
    """What was found of the person."""
    of: tuple[Step, ...] = ()


def explain(rule: Rule, facts: Facts, now: datetime, world: World) -> Step:
    """The rule as a tree of steps: what is asked, whether it holds, until when, and what was seen."""
    holds, until = truth(worth(rule, facts, now, world))
    return Step(
        is_=rule.__struct_config__.tag,  # type: ignore[arg-type]
        sentence=condition(rule),
        holds=holds,
        until=until,
        seen=_seen(rule, facts, now, world),
        of=tuple(explain(child, facts, now, world) for child in children(rule)),
    )


def _seen(rule: Rule, facts: Facts, now: datetime, world: World) -> Pieces:
    match rule:
        case Trait():
            return (_values(trait_values(rule.trait, facts, world)),)
        case Consent():
            states = sorted({state.status for state in said_of(rule, facts)})
            if not states:
                return (Reason("never_asked", "Never asked."),)
            return (Reason("states", "Said: {states}.", {"states": ", ".join(states)}),)
        case Happening():
            return _counted(rule, facts, now, world)
        case Sequel():
            return _last(rule, facts, now, world)
        case InSegment():
            if rule.segment in facts.segments:
                return (Reason("is_in", "In {segment}.", {"segment": rule.segment}),)
            return (Reason("is_out", "Not in {segment}.", {"segment": rule.segment}),)
        case Near():
            km = distance(rule, facts)
            if km is None:
                return (Reason("place_unknown", "The place is not known."),)
            return (Reason("distance", "{km} km away.", {"km": round(km, 1)}),)
        case Calendar():
            return (Reason("today", "It is {now_at}.", {"now_at": now.isoformat()}),)
        case All() | AnyOf() | NoneOf():
            return ()


def _values(found: list[object]) -> Reason:
    if not found:
        return Reason("nothing_known", "Nothing is known.")
    if len(found) == 1 and isinstance(found[0], datetime):
        return Reason("seen_at", "It is {value_at}.", {"value_at": found[0].isoformat()})
    return Reason("seen", "It is {value}.", {"value": ", ".join(described(value) for value in found[:SHOWN])})


def _counted(rule: Happening, facts: Facts, now: datetime, world: World) -> Pieces:
    rows = contributions(rule, facts, now, world)
    total = sum((weight for _, weight in rows), Decimal(0))
    pieces = [Reason("counted", "Counted: {total}.", {"total": described(total)})]
    fitting = [event.at for _, event in seen(rule, facts, now, world)]
    if fitting:
        pieces.append(Reason("last_seen", "The last one was on {last_at}.", {"last_at": max(fitting).isoformat()}))
    return tuple(pieces)


def _last(rule: Sequel, facts: Facts, now: datetime, world: World) -> Pieces:
    pieces = []
    firsts, thens = ([e.at for _, e in seen(pattern, facts, now, world)] for pattern in (rule.first, rule.then))
    if not firsts:
        return (Reason("never_happened", "It never happened."),)
    pieces.append(Reason("first_seen", "It last happened on {first_at}.", {"first_at": max(firsts).isoformat()}))
    if thens:
        pieces.append(
            Reason("then_seen", "What may follow last happened on {then_at}.", {"then_at": max(thens).isoformat()})
        )
    return tuple(pieces)
