"""Whether a rule makes sense, pure: mistakes are refused with their place, unknown names are only warned of."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from unisono.customers.consent.model import CHANNELS
from unisono.customers.segments import seasons
from unisono.customers.segments.model import (
    CLOCKED,
    PURCHASES,
    All,
    AnyOf,
    Calendar,
    Consent,
    Happening,
    InSegment,
    Near,
    NoneOf,
    Pattern,
    Rule,
    RuleError,
    Sequel,
    Trait,
    Where,
    World,
    leaves,
    named,
)
from unisono.customers.segments.rules import EVENT_FIELDS, bounds, reads_detail
from unisono.customers.segments.values import number_of, steps_of, time_of
from unisono.customers.timeline.vocabulary import purchases, resolve
from unisono.kit.reasons import Reason

LONGEST = 10 * 366 * 86_400
"""Seconds a window may last."""

MOST_DAYS = 180
"""Days before an anniversary."""

MOST_NAMES = 50
MOST_VALUES = 1000
MOST_TEXT = 500
MOST_STEPS = 8
HALF_EARTH_KM = 20_038

_NUMERIC = frozenset({"at_least", "at_most", "more_than", "less_than"})


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What there is, to warn of what there is not; None: nobody looked."""

    events: Collection[str] | None = None
    """Names of events that came in, beside the vocabulary's."""
    traits: Collection[str] | None = None
    segments: Collection[str] | None = None


class Warned(msgspec.Struct, frozen=True):
    """Something that may be a mistake."""

    path: str
    reason: Reason


def check_rule(rule: Rule, world: World, names: Names | None = None) -> list[Warned]:
    """What may be a mistake in a rule. Raises RuleError, naming the place, for what cannot be meant."""
    warnings: list[Warned] = []
    _walk(rule, "$", world, names or Names(), warnings)
    return warnings


def find_cycle(code: str, rule: Rule, others: Mapping[str, Rule]) -> tuple[str, ...] | None:
    """The way from a segment back to itself through the segments it asks about; None when there is none.

    ``others`` are the rules of all other segments, by code.
    """
    rules = {**others, code: rule}
    seen: set[str] = set()

    def search(at: str, way: tuple[str, ...]) -> tuple[str, ...] | None:
        for leaf in leaves(rules[at]) if at in rules else ():
            if not isinstance(leaf, InSegment):
                continue
            if leaf.segment == code:
                return (*way, code)
            if leaf.segment not in seen:
                seen.add(leaf.segment)
                found = search(leaf.segment, (*way, leaf.segment))
                if found is not None:
                    return found
        return None

    return search(code, (code,))


def _refuse(path: str, message: str) -> RuleError:
    return RuleError(f"{message} - at `{path}`")


def _walk(rule: Rule, path: str, world: World, names: Names, warnings: list[Warned]) -> None:
    match rule:
        case All() | AnyOf() | NoneOf():
            if not rule.of:
                raise _refuse(f"{path}.of", "A group needs at least one condition")
            for place, child in enumerate(rule.of):
                _walk(child, f"{path}.of[{place}]", world, names, warnings)
        case Trait():
            _trait(rule, path, world, names, warnings)
        case Consent():
            if rule.channel not in (*CHANNELS, "any"):
                raise _refuse(
                    f"{path}.channel", f"Consent is bound to no such channel; there are {', '.join(CHANNELS)}"
                )
        case Happening():
            _happening(rule, path, world, names, warnings)
        case Sequel():
            _sequel(rule, path, world, names, warnings)
        case InSegment():
            _text(rule.segment, f"{path}.segment")
            if names.segments is not None and rule.segment not in names.segments:
                reason = Reason("segment_unknown", "There is no segment {segment}.", {"segment": rule.segment})
                warnings.append(Warned(f"{path}.segment", reason))
        case Near():
            _near(rule, path)
        case Calendar():
            _calendar(rule, path)


def _text(text: Any, path: str, longest: int = MOST_TEXT) -> None:
    if not isinstance(text, str) or not text.strip():
        raise _refuse(path, "A text is needed")
    if len(text) > longest:
        raise _refuse(path, f"The text is longer than {longest} characters")
    try:
        unreadable = "\x00" in text or not text.encode()
    except UnicodeEncodeError:
        unreadable = True
    if unreadable:
        raise _refuse(path, "The text holds characters that cannot be stored")


def _path(text: str, path: str) -> tuple[str, ...]:
    _text(text, path)
    steps = steps_of(text)
    if len(steps) > MOST_STEPS or any(not step.removesuffix("[]") for step in steps):
        raise _refuse(path, f"A path is names joined by dots, at most {MOST_STEPS}, such as products[].category")
    return steps


def _span(seconds: int, path: str) -> None:
    if not 0 < seconds <= LONGEST:
        raise _refuse(path, f"A span is 1 to {LONGEST} seconds")


def _value(op: str, value: Any, path: str, world: World) -> None:
    """Whether the value fits the operator."""
    if op in ("known", "unknown"):
        if value is not None:
            raise _refuse(path, f"`{op}` takes no value")
    elif op in ("one_of", "none_of"):
        if not isinstance(value, list) or not 0 < len(value) <= MOST_VALUES:
            raise _refuse(path, f"`{op}` needs a list of 1 to {MOST_VALUES} values")
        for place, one in enumerate(value):
            _scalar(one, f"{path}[{place}]")
    elif op in ("is", "is_not"):
        _scalar(value, path)
    elif op in ("contains", "starts_with"):
        if isinstance(value, (bool, list)) or value is None:
            raise _refuse(path, f"`{op}` needs a text")
        _text(str(value), path)
    elif op in _NUMERIC:
        _number(value, path)
    elif op in ("before", "after") and time_of(value, world.timezone) is None:
        raise _refuse(path, f"`{op}` needs a day such as 2026-05-04 or an instant such as 2026-05-04T18:00:00Z")


def _scalar(value: Any, path: str) -> None:
    if isinstance(value, str):
        _text(value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _number(value, path)
    elif not isinstance(value, bool):
        raise _refuse(path, "A text, a number, true or false is needed")


def _number(value: Any, path: str) -> None:
    if isinstance(value, (bool, list)) or number_of(value) is None:
        raise _refuse(path, "A number smaller than 10^15 is needed")


def _trait(rule: Trait, path: str, world: World, names: Names, warnings: list[Warned]) -> None:
    steps = _path(rule.trait, f"{path}.trait")
    if steps[0].endswith("[]"):
        raise _refuse(f"{path}.trait", "A trait's name has no brackets: a list stands for each of its elements")
    if rule.op == "anniversary_within":
        if type(rule.value) is not int or not 0 <= rule.value <= MOST_DAYS:
            raise _refuse(f"{path}.value", f"`anniversary_within` needs 0 to {MOST_DAYS} days")
    elif rule.op in CLOCKED:
        if type(rule.value) is not int:
            raise _refuse(f"{path}.value", f"`{rule.op}` needs seconds")
        _span(rule.value, f"{path}.value")
    else:
        _value(rule.op, rule.value, f"{path}.value", world)
    own = ("identified", "namespaces", *world.computed)
    if names.traits is not None and steps[0] not in (*own, *names.traits):
        reason = Reason(
            "trait_unknown", "Nobody was found with a trait {trait}: is it spelt like this?", {"trait": steps[0]}
        )
        warnings.append(Warned(f"{path}.trait", reason))


def _names(given: Sequence[str], path: str, names: Names, warnings: list[Warned]) -> None:
    if not 0 < len(given) <= MOST_NAMES:
        raise _refuse(path, f"1 to {MOST_NAMES} names of events are needed")
    for place, name in enumerate(given):
        _text(name, f"{path}[{place}]", 200)
        if name != PURCHASES and names.events is not None and resolve(name) is None and name not in names.events:
            reason = Reason("event_unknown", "No event {event} was found: is it spelt like this?", {"event": name})
            warnings.append(Warned(f"{path}[{place}]", reason))


def _wheres(where: Iterable[Where], path: str, world: World) -> None:
    for place, condition in enumerate(where):
        _path(condition.path, f"{path}[{place}].path")
        _value(condition.op, condition.value, f"{path}[{place}].value", world)


def _happening(rule: Happening, path: str, world: World, names: Names, warnings: list[Warned]) -> None:
    _names(rule.names, f"{path}.names", names, warnings)
    _wheres(rule.where, f"{path}.where", world)
    if rule.measure in ("sum", "distinct"):
        if rule.path is None:
            raise _refuse(f"{path}.path", f"A {rule.measure} needs the path of what it takes")
        _path(rule.path, f"{path}.path")
    elif rule.path is not None:
        raise _refuse(f"{path}.path", "Only a sum or a distinct takes a path")
    _number(rule.amount, f"{path}.amount")
    if sum(window is not None for window in (rule.within, rule.between, rule.season)) > 1:
        raise _refuse(path, "One of within, between and season is enough")
    if rule.within is not None:
        _span(rule.within.seconds, f"{path}.within.seconds")
    if rule.between is not None:
        _between(rule, path, world)
    if rule.season is not None:
        if not seasons.known(rule.season.name):
            raise _refuse(f"{path}.season.name", f"There is no such season; there are {_season_names()}")
        if not 1 <= rule.season.years <= 10:
            raise _refuse(f"{path}.season.years", "1 to 10 years")
    for name, seconds in _reach(rule, world):
        _retention(rule, seconds, f"{path}.{name}", world, warnings)


def _between(rule: Happening, path: str, world: World) -> None:
    start, end = bounds(rule, world.timezone)
    said = rule.between
    if said is None or (said.from_ is None and said.until is None):
        raise _refuse(f"{path}.between", "`from` or `until` is needed")
    for name, text, instant in (("from", said.from_, start), ("until", said.until, end)):
        if text is not None and instant is None:
            raise _refuse(f"{path}.between.{name}", "A day such as 2026-05-04 or an instant is needed")
    if start is not None and end is not None and start >= end:
        raise _refuse(f"{path}.between", "`until` must be later than `from`")


def _reach(rule: Happening, world: World) -> Iterable[tuple[str, float]]:
    """The window's name, and seconds it reaches back, or at least when its end has come."""
    if rule.within is not None:
        yield "within", rule.within.seconds
    if rule.season is not None:
        yield "season", rule.season.years * 365 * 86_400
    start, end = bounds(rule, world.timezone)
    if start is not None and end is not None:
        yield "between", (end - start).total_seconds()


def _retention(pattern: Pattern | Happening, seconds: float, path: str, world: World, warnings: list[Warned]) -> None:
    """Warn of a window that reaches further than the law lets purchases be seen, naming its clock."""
    seen_for = world.horizon_of(detail=reads_detail(pattern))
    if seen_for is None or seconds <= seen_for.total_seconds() or not set(named(pattern.names)) & set(purchases()):
        return
    reason = Reason(
        "beyond_retention",
        "Purchases are seen for {days} days only: the legal setting purchases_marketing_months.",
        {"days": seen_for.days},
    )
    if seen_for != world.horizon_of(detail=False):
        reason = Reason(
            "beyond_detail_retention",
            "What purchases hold is seen for {days} days only: the legal setting purchases_profiling_months.",
            {"days": seen_for.days},
        )
    warned = Warned(path, reason)
    if warned not in warnings:
        warnings.append(warned)


def _sequel(rule: Sequel, path: str, world: World, names: Names, warnings: list[Warned]) -> None:
    for name, pattern in (("first", rule.first), ("then", rule.then)):
        _names(pattern.names, f"{path}.{name}.names", names, warnings)
        _wheres(pattern.where, f"{path}.{name}.where", world)
        _retention(pattern, rule.window or 0, f"{path}.window", world, warnings)
    _span(rule.within, f"{path}.within")
    if rule.window is not None:
        _span(rule.window, f"{path}.window")
        if rule.negated and rule.window <= rule.within:
            raise _refuse(f"{path}.window", "The window must be longer than the time there is to follow")


def _near(rule: Near, path: str) -> None:
    if rule.store is None:
        for name, value, most in (("latitude", rule.latitude, 90), ("longitude", rule.longitude, 180)):
            if value is None or isinstance(value, bool) or not math.isfinite(value) or abs(value) > most:
                raise _refuse(f"{path}.{name}", f"-{most} to {most} degrees, or a store's code in `store`")
    else:
        _text(rule.store, f"{path}.store", 100)
    if not math.isfinite(rule.km) or not 0 < rule.km <= HALF_EARTH_KM:
        raise _refuse(f"{path}.km", f"More than 0 and at most {HALF_EARTH_KM} kilometres")


def _calendar(rule: Calendar, path: str) -> None:
    if rule.season is not None:
        if rule.from_ is not None or rule.until is not None:
            raise _refuse(path, "Either a season or days")
        if not seasons.known(rule.season):
            raise _refuse(f"{path}.season", f"There is no such season; there are {_season_names()}")
        return
    for name, text in (("from", rule.from_), ("until", rule.until)):
        if text is None or seasons.month_day(text) is None:
            raise _refuse(f"{path}.{name}", "A day of the year such as 12-24 is needed")


def _season_names() -> str:
    return ", ".join([*seasons.NAMED, seasons.PUBLIC_HOLIDAYS])


OWN_PATHS = EVENT_FIELDS
"""Paths of events that are not properties, for those who complete what is typed."""
