"""The law of segments, pure: is a person in, and until when does time alone leave that so.

Every condition is worth one number: the instant (microseconds since 1970) at which time alone may change it,
positive while it holds, negative while it does not; FOREVER when it never does. Then ``all`` is the least of its
parts, ``any`` the greatest, ``none`` the contrary of the greatest: a true ``all`` ends with its first part that
ends, a false one stays false as long as its most lasting false part. ``compiling`` writes the same numbers in SQL;
a property test holds the two equal.

What is exact: the instant of every single condition, but of sequences where a purchase leaves the law's retention
(there it may be early). A false ``all`` and a true ``any`` of several conditions may be early too: asked again then,
they name the next instant. Never is one late.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias, assert_never

from unisono.customers.consent.model import ANY, OBJECTIONS
from unisono.customers.segments import seasons
from unisono.customers.segments.model import (
    CLOCKED,
    EARLIEST,
    NEGATIVE,
    All,
    AnyOf,
    Calendar,
    Consent,
    ConsentSeen,
    Event,
    Facts,
    Happening,
    InSegment,
    Near,
    NoneOf,
    Pattern,
    Rule,
    Sequel,
    Trait,
    Truth,
    Value,
    Where,
    World,
    named,
)
from unisono.customers.segments.values import (
    day_of,
    elements,
    lower,
    midnight,
    number_of,
    plain,
    reached,
    split,
    step_into,
    steps_of,
    text_of,
    time_of,
    weekday,
    zone,
)
from unisono.customers.timeline.vocabulary import purchases

FOREVER = 2**63 - 1
"""Of a condition that time never changes."""

EARTH_KM = 6371.0088
"""Mean radius, IUGG."""

SOFT = "soft_opt_in"
"""The basis of an e-mail about own similar products after a sale: allowed, but not asked for."""

EVENT_FIELDS = ("channel", "store_id", "hour", "weekday")
"""Paths that are the event's own, not its properties': that it happened, where and when."""

_MICROSECOND = timedelta(microseconds=1)
_PURCHASES = frozenset(purchases())
_HERE = World()


def evaluate(rule: Rule, facts: Facts, now: datetime, world: World = _HERE) -> Truth:
    """Whether the rule holds for a person now, and until when time alone leaves that so (None: for ever)."""
    return truth(worth(rule, facts, now, world))


def truth(value: int) -> Truth:
    """A condition's number as an answer."""
    return Truth(value > 0, None if abs(value) >= FOREVER else seasons.EPOCH + abs(value) * _MICROSECOND)


def worth(rule: Rule, facts: Facts, now: datetime, world: World) -> int:
    """A rule's number: see the head of this file."""
    match rule:
        case All():
            return min((worth(child, facts, now, world) for child in rule.of), default=FOREVER)
        case AnyOf():
            return max((worth(child, facts, now, world) for child in rule.of), default=-FOREVER)
        case NoneOf():
            return -max((worth(child, facts, now, world) for child in rule.of), default=-FOREVER)
        case Trait():
            return _trait(rule, facts, now, world)
        case Consent():
            return _consent(rule, facts, now)
        case Happening():
            return _tallied(rule, contributions(rule, facts, now, world))
        case Sequel():
            return _sequel(rule, facts, now, world)
        case InSegment():
            return _always((rule.segment in facts.segments) == rule.member)
        case Near():
            return _always(_distance_within(rule, facts))
        case Calendar():
            return _calendar(rule, now, world)
    assert_never(rule)


def _always(holds: bool) -> int:
    return FOREVER if holds else -FOREVER


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - seasons.EPOCH) // _MICROSECOND


def _from_until(start: datetime, end: datetime | None, now: datetime) -> int:
    """True from ``start`` on, until before ``end``."""
    if now < start:
        return -micros(start) if end is None or start < end else -FOREVER
    if end is None:
        return FOREVER
    return micros(end) if now < end else -FOREVER


# Comparing -----------------------------------------------------------------------------------------


def compare(op: str, wanted: Value, found: Sequence[Any], timezone: str) -> bool:
    """Whether one of the values found is as wanted; ``is_not``, ``none_of`` and ``unknown``: none of them is.

    ``before`` is earlier than an instant, ``after`` at it or later. An empty text is nothing known.
    """
    if op in NEGATIVE:
        return not compare(NEGATIVE[op], wanted, found, timezone)
    if op == "known":
        return any(value != "" for value in found)
    test = _test(op, wanted, timezone)
    return any(test(value) for value in found)


def _test(op: str, wanted: Value, timezone: str) -> Callable[[Any], bool]:
    if op == "is":
        return same_as(wanted)
    if op == "one_of":
        tests = [same_as(one) for one in (wanted if isinstance(wanted, list) else [wanted])]
        return lambda value: any(test(value) for test in tests)
    if op in ("contains", "starts_with"):
        part = lower(str(wanted))
        if op == "contains":
            return lambda value: (text := text_of(value)) is not None and part in text
        return lambda value: (text := text_of(value)) is not None and text.startswith(part)
    if op in ("before", "after"):
        instant = time_of(wanted, timezone) or EARLIEST
        early = op == "before"
        return lambda value: (at := time_of(value, timezone)) is not None and (at < instant) == early
    limit = number_of(wanted) or Decimal(0)
    return lambda value: (number := number_of(value)) is not None and meets(op, number, limit)


def same_as(wanted: Any) -> Callable[[Any], bool]:
    """Whether a value is the wanted one: true and false themselves, numbers by value, texts without case."""
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    if isinstance(wanted, (int, float)):
        limit = number_of(wanted)
        return lambda value: limit is not None and number_of(value) == limit
    text = lower(str(wanted))
    return lambda value: text_of(value) == text


def meets(op: str, number: Decimal | int, limit: Decimal) -> bool:
    """Whether a number is at least, at most, exactly, more or less than a limit."""
    match op:
        case "at_least":
            return number >= limit
        case "at_most":
            return number <= limit
        case "more_than":
            return number > limit
        case "less_than":
            return number < limit
    return number == limit


# Traits, consent, place, calendar ------------------------------------------------------------------


def trait_steps(path: str, world: World) -> tuple[str, tuple[str, ...]]:
    """The name of a trait and the way into its value. Computed money without a currency is the company's."""
    name, *steps = steps_of(path)
    if not steps and name in world.computed and world.computed[name].measure == "money":
        steps = [world.currency]
    return name, tuple(steps)


def trait_values(path: str, facts: Facts, world: World) -> list[Any]:
    """What is known of the person under a trait's path."""
    name, steps = trait_steps(path, world)
    value: Any
    if name == "identified":
        value = facts.identified
    elif name == "namespaces":
        value = list(facts.namespaces)
    else:
        value = facts.traits.get(name)
    return list(reached(value, steps))


def _trait(rule: Trait, facts: Facts, now: datetime, world: World) -> int:
    found = trait_values(rule.trait, facts, world)
    if rule.op not in CLOCKED:
        return _always(compare(rule.op, rule.value, found, world.timezone))
    span = int(number_of(rule.value) or 0)
    if rule.op == "anniversary_within":
        return max((anniversary(value, span, now, world.timezone) for value in found), default=-FOREVER)
    times = [at for value in found if (at := time_of(value, world.timezone)) is not None]
    return max((_clocked(rule.op, at, timedelta(seconds=span), now) for at in times), default=-FOREVER)


def _clocked(op: str, at: datetime, span: timedelta, now: datetime) -> int:
    """within_last: from the instant on, for that long. not_within_last: from then on. within_next: before it."""
    if op == "within_last":
        return _from_until(at, at + span, now)
    if op == "not_within_last":
        return _from_until(at + span, None, now)
    return _from_until(at - span, at, now)


def anniversary(value: Any, days: int, now: datetime, timezone: str) -> int:
    """From so many local days before the anniversary to its end; of 29 February it is the 28th in other years."""
    day = day_of(value, timezone)
    if day is None:
        return -FOREVER
    this = now.astimezone(zone(timezone)).year
    best = -FOREVER
    for year in range(this - 1, this + 3):
        anniversary = seasons.day_in(year, day.month, day.day)
        start = midnight(anniversary - timedelta(days=days), timezone)
        best = max(best, _from_until(start, midnight(anniversary + timedelta(days=1), timezone), now))
    return best


def _consent(rule: Consent, facts: Facts, now: datetime) -> int:
    """Of all addresses the most restrictive: a refusal or withdrawal on one outweighs a grant on another.

    A grant ends the instant it expires, swept or not. What the law allows without a consent is no grant.
    """
    states = said_of(rule, facts)
    refused = any(state.status in OBJECTIONS for state in states)
    if rule.status == "withdrawn":
        return _always(refused)
    granted = -FOREVER
    if not refused:
        for state in states:
            alive = state.expires_at is None or state.expires_at > now
            if state.status == "granted" and state.basis != SOFT and alive:
                granted = max(granted, FOREVER if state.expires_at is None else micros(state.expires_at))
    return granted if rule.status == "granted" else -granted


def said_of(rule: Consent, facts: Facts) -> list[ConsentSeen]:
    """What was said of a purpose and channel. A no to all marketing was said of each channel, too, as long as no later
    consent to that one has lifted it: ``consent.rules.marketing_states``."""
    states = [state for state in facts.consents if state.purpose == rule.purpose and state.channel == rule.channel]
    if rule.purpose != "marketing" or rule.channel == ANY:
        return states
    lifted = max((state.since for state in states if state.status == "granted" and state.basis != SOFT), default=None)
    everywhere = (state for state in facts.consents if (state.purpose, state.channel) == ("marketing", ANY))
    return states + [
        state for state in everywhere if state.status in OBJECTIONS and (lifted is None or state.since >= lifted)
    ]


def distance(rule: Near, facts: Facts) -> float | None:
    """Kilometres over the great circle from the person's place to the rule's; None when his is not known."""
    place = []
    for name, most in (("latitude", 90), ("longitude", 180)):
        number = number_of(facts.traits.get(name))
        if number is None or abs(number) > most:
            return None
        place.append(math.radians(float(number)))
    latitude, longitude = place
    there = math.radians(float(rule.latitude or 0)), math.radians(float(rule.longitude or 0))
    a = (
        math.sin((there[0] - latitude) / 2) ** 2
        + math.cos(latitude) * math.cos(there[0]) * math.sin((there[1] - longitude) / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(a)))


def _distance_within(rule: Near, facts: Facts) -> bool:
    km = distance(rule, facts)
    return km is not None and km <= float(rule.km)


def _calendar(rule: Calendar, now: datetime, world: World) -> int:
    name = seasons.season_name(rule.season, rule.from_, rule.until)
    holds, change = seasons.edge(name, now, world.country, world.timezone)
    until = FOREVER if change is None else micros(change)
    return until if holds else -until


# Events --------------------------------------------------------------------------------------------


def reads_detail(pattern: Pattern | Happening) -> bool:
    """Whether a condition looks at what events hold, not only at their being: of purchases the law has two clocks."""
    measured = isinstance(pattern, Happening) and pattern.path is not None and pattern.path not in EVENT_FIELDS
    return measured or any(condition.path not in EVENT_FIELDS for condition in pattern.where)


def of_names(names: Sequence[str], facts: Facts) -> Iterable[Event]:
    """The person's events of these names."""
    for name in named(names):
        yield from facts.events.get(name, ())


def matches(event: Event, where: Sequence[Where], timezone: str) -> bool:
    """Whether an event carries what is asked."""
    asked = []
    for condition in where:
        if condition.path in EVENT_FIELDS:
            own = _own(event, condition.path, timezone)
            if not compare(condition.op, condition.value, list(elements(own)), timezone):
                return False
        else:
            asked.append((steps_of(condition.path), condition))
    return _holds(asked, event.properties, timezone)


def _own(event: Event, field: str, timezone: str) -> Any:
    match field:
        case "channel":
            return event.channel
        case "store_id":
            return event.store_id
        case "hour":
            return event.at.astimezone(zone(timezone)).hour
    return weekday(event.at, timezone)


def _holds(asked: Sequence[tuple[Sequence[str], Where]], value: Any, timezone: str) -> bool:
    """All conditions hold; those that go through the same list hold for one element of it."""
    lists: dict[tuple[str, ...], list[tuple[Sequence[str], Where]]] = {}
    for steps, condition in asked:
        before, rest = split(steps)
        if rest is not None:
            lists.setdefault(before, []).append((rest, condition))
        elif not compare(condition.op, condition.value, list(elements(step_into(value, before))), timezone):
            return False
    for before, inner in lists.items():
        items = step_into(value, before)
        if not isinstance(items, list) or not any(_holds(inner, item, timezone) for item in items):
            return False
    return True


def measured(rule: Happening, event: Event, timezone: str) -> list[Any]:
    """The values at the measured path; of a list that ``where`` asks about too, only of the elements that fit."""
    steps = steps_of(rule.path or "")
    if rule.path in EVENT_FIELDS:
        return list(elements(_own(event, rule.path or "", timezone)))
    before, rest = split(steps)
    if rest is None:
        return list(reached(event.properties, steps))
    inner = []
    for condition in rule.where:
        there, after = split(steps_of(condition.path))
        if after is not None and there == before and condition.path not in EVENT_FIELDS:
            inner.append((after, condition))
    items = step_into(event.properties, before)
    return [
        value
        for item in (items if isinstance(items, list) else ())
        if _holds(inner, item, timezone)
        for value in reached(item, rest)
    ]


Ends: TypeAlias = Callable[[Event], int | None]
"""When an event is no longer seen; None: it is not."""


def expiry(pattern: Pattern | Happening, within: timedelta | None, world: World, *, extra: Ends | None = None) -> Ends:
    """The end of the window an event is seen in, and of purchases the law's clock."""
    horizon = world.horizon_of(detail=reads_detail(pattern))

    def until(event: Event) -> int | None:
        if event.at < EARLIEST:
            return None
        end = FOREVER
        if extra is not None:
            inside = extra(event)
            if inside is None:
                return None
            end = inside
        if within is not None:
            end = min(end, micros(event.at + within))
        if horizon is not None and event.name in _PURCHASES:
            end = min(end, micros(event.at + horizon))
        return end

    return until


def _window(rule: Happening, now: datetime, world: World) -> Ends:
    within = None if rule.within is None else timedelta(seconds=rule.within.seconds)
    if rule.between is not None:
        start, end = bounds(rule, world.timezone)

        def inside(event: Event) -> int | None:
            return FOREVER if (start is None or event.at >= start) and (end is None or event.at < end) else None

        return expiry(rule, within, world, extra=inside)
    if rule.season is not None:
        windows = seasons.remembered(rule.season.name, rule.season.years, now, world.country, world.timezone)

        def around(event: Event) -> int | None:
            return next((micros(w.forgotten) for w in windows if w.start <= event.at < w.end), None)

        return expiry(rule, within, world, extra=around)
    return expiry(rule, within, world)


def bounds(rule: Happening, timezone: str) -> tuple[datetime | None, datetime | None]:
    """The instants of ``between``; a day is its midnight."""
    if rule.between is None:
        return None, None
    return time_of(rule.between.from_, timezone), time_of(rule.between.until, timezone)


def seen(
    pattern: Pattern | Happening, facts: Facts, now: datetime, world: World, ends: Ends | None = None
) -> list[tuple[int, Event]]:
    """(until when it is seen, the event) of those a pattern means; without ``ends`` as long as the law allows."""
    ends = ends or expiry(pattern, None, world)
    present = micros(now)
    return [
        (end, event)
        for event in of_names(pattern.names, facts)
        if (end := ends(event)) is not None and end > present and matches(event, pattern.where, world.timezone)
    ]


def contributions(rule: Happening, facts: Facts, now: datetime, world: World) -> list[tuple[int, Decimal | int]]:
    """What adds up: (until when it is seen, how much) of each event, or of each different value or day."""
    counted = seen(rule, facts, now, world, _window(rule, now, world))
    if rule.measure == "count":
        return [(end, 1) for end, _ in counted]
    if rule.measure == "sum":
        return [(end, _sum(measured(rule, event, world.timezone))) for end, event in counted]
    last: dict[Any, int] = {}
    for end, event in counted:
        for key in _keys(rule, event, world.timezone):
            last[key] = max(last.get(key, 0), end)
    return [(end, 1) for end in last.values()]


def _keys(rule: Happening, event: Event, timezone: str) -> Iterable[Any]:
    if rule.measure == "days":
        return (event.at.astimezone(zone(timezone)).date(),)
    return {text for value in measured(rule, event, timezone) if (text := text_of(value)) is not None}


def _sum(values: Iterable[Any]) -> Decimal:
    return sum((number for value in values if (number := number_of(value)) is not None), Decimal(0))


def _tallied(rule: Happening, rows: Sequence[tuple[int, Decimal | int]]) -> int:
    limit = number_of(rule.amount) or Decimal(0)
    total: Decimal | int = sum(weight for _, weight in rows)
    holds = meets(rule.op, total, limit)
    by_end: dict[int, Decimal | int] = {}
    for end, weight in rows:
        if end < FOREVER:
            by_end[end] = by_end.get(end, 0) + weight
    until = FOREVER
    for end in sorted(by_end):
        total -= by_end[end]
        if meets(rule.op, total, limit) != holds:
            until = end
            break
    return until if holds else -until


def _occasions(
    pattern: Pattern, facts: Facts, now: datetime, window: int | None, world: World
) -> list[tuple[int, int]]:
    """(when, until when seen) of the events of a pattern that are seen now, in order."""
    ends = expiry(pattern, None if window is None else timedelta(seconds=window), world)
    return sorted((micros(event.at), end) for end, event in seen(pattern, facts, now, world, ends))


def _sequel(rule: Sequel, facts: Facts, now: datetime, world: World) -> int:
    """Negated: in from x + within on, x being the last ``first``, as long as no ``then`` came after x.

    A ``then`` at exactly x + within is in time; one at x itself did not come after it. Otherwise: some ``first`` x
    with a ``then`` after x and not later than x + within.
    """
    present, span = micros(now), rule.within * 1_000_000
    firsts = _occasions(rule.first, facts, now, rule.window, world)
    thens = _occasions(rule.then, facts, now, None, world)
    if not firsts:
        return -FOREVER
    if not rule.negated:
        best = -FOREVER
        for at, end in thens:
            best = max([best, *(min(end, other) for x, other in firsts if x < at <= x + span)])
        return best
    x, end = firsts[-1]
    after = [other for at, other in thens if at > x]
    if after:
        return -max(after)
    if present < x + span:
        return -min(x + span, end)
    return end


def described(value: Any) -> str:
    """A value as shown to people: at most 80 characters."""
    number = None if isinstance(value, str) else number_of(value)
    text = plain(number) if number is not None else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
