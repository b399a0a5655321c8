"""Conditions on events, in SQL. Two kinds of queries come out of it.

A *scan column* is an aggregate over one pass of the log, shared by all conditions that need no more than sums and
the last instants: whether something happened at all, counts and sums no time takes anything off, sequences that must
not go on. An *own* query has window functions: how the total falls as events leave their window one by one.
"""

# ruff: noqa: S608 - the texts are ours alone; whatever a rule says is a parameter.

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from unisono.customers.segments import seasons
from unisono.customers.segments.model import EARLIEST, Happening, Pattern, Sequel, World, named
from unisono.customers.segments.rules import EVENT_FIELDS, FOREVER, bounds, meets, reads_detail
from unisono.customers.segments.sqltext import Writer, always, events_of, worth_of
from unisono.customers.segments.values import number_of, split, steps_of
from unisono.customers.timeline.vocabulary import purchases


class Selected(NamedTuple):
    """Events of a condition."""

    names: tuple[str, ...]
    where: list[str]
    """Conditions on the row ``e``; the names and the oldest instant are told apart, for what scans share."""
    since: str
    """The oldest instant that matters."""
    end: str
    """Until when an event is seen; 'infinity' for ever."""
    lasting: bool
    """Whether events are seen for ever."""

    @property
    def condition(self) -> str:
        """All of it."""
        return " and ".join(self.where)


class Scan(NamedTuple):
    """Aggregates of one condition over the shared pass, and its number made of them."""

    selected: tuple[Selected, ...]
    aggregates: list[str]
    worth: str
    """Names the aggregates ``{0}``, ``{1}``."""
    nothing: int
    """Of persons without any of the events."""


def selected(
    writer: Writer, world: World, pattern: Pattern | Happening, within: int | None, extra: Happening | None = None
) -> Selected:
    """The events of a pattern that are seen now; ``rules.expiry``."""
    names = named(pattern.names)
    seen_for = world.horizon_of(detail=reads_detail(pattern))
    bought = [name for name in names if name in purchases()]
    now, oldest = writer.moment, EARLIEST
    ends, where = [], [f"e.name = any({writer.arg(list(names), 'text[]')})"]
    if within is not None:
        oldest = now - timedelta(seconds=within)
        ends.append(f"e.occurred_at + {writer.seconds(within)}")
    if bought and seen_for is not None:
        horizon = writer.seconds(seen_for.total_seconds())
        limit = now - seen_for
        if len(bought) == len(names):
            oldest = max(oldest, limit)
            ends.append(f"e.occurred_at + {horizon}")
        else:
            is_purchase = f"e.name = any({writer.arg(bought, 'text[]')})"
            where.append(f"(not {is_purchase} or e.occurred_at > {writer.arg(limit, 'timestamptz')})")
            ends.append(f"case when {is_purchase} then e.occurred_at + {horizon} else 'infinity' end")
    if extra is not None:
        more, until = _window(writer, world, extra)
        where += more
        ends += until
    sign = ">=" if oldest <= EARLIEST else ">"
    since = f"{sign} {writer.arg(max(oldest, EARLIEST), 'timestamptz')}"
    where += [f"e.occurred_at {since}", *writer.where(pattern.where, "e")]
    end = f"least({', '.join(ends)})" if len(ends) > 1 else (ends[0] if ends else "'infinity'::timestamptz")
    return Selected(names, where, since, end, not ends)


def _window(writer: Writer, world: World, rule: Happening) -> tuple[list[str], list[str]]:
    """Conditions of ``between`` or ``season``, and until when the event is seen because of them."""
    if rule.between is not None:
        start, end = bounds(rule, world.timezone)
        found = [f"e.occurred_at >= {writer.arg(start, 'timestamptz')}"] if start is not None else []
        return found + ([f"e.occurred_at < {writer.arg(end, 'timestamptz')}"] if end is not None else []), []
    if rule.season is None:
        return [], []
    windows = seasons.remembered(rule.season.name, rule.season.years, writer.moment, world.country, world.timezone)
    if not windows:
        return ["false"], []
    cases = " ".join(
        f"when e.occurred_at >= {writer.arg(window.start, 'timestamptz')} "
        f"and e.occurred_at < {writer.arg(window.end, 'timestamptz')} "
        f"then {writer.arg(window.forgotten, 'timestamptz')}"
        for window in windows
    )
    until = f"case {cases} end"
    return [f"{until} is not null"], [until]


def _happening(rule: Happening, writer: Writer, world: World) -> Selected:
    within = None if rule.within is None else rule.within.seconds
    return selected(writer, world, rule, within, rule)


def presence(rule: Happening) -> int:
    """1 where the condition means "at all", -1 where it means "never", 0 where it means a number."""
    if rule.measure not in ("count", "days"):
        return 0
    limit = number_of(rule.amount) or Decimal(0)
    none, one, many = (meets(rule.op, count, limit) for count in (0, 1, 2))
    if one != many or none == one:
        return 0
    return 1 if one else -1


def scan_of(rule: Happening | Sequel, writer: Writer, world: World) -> Scan | None:
    """The condition as aggregates of the shared pass; None where it needs a query of its own."""
    if isinstance(rule, Sequel):
        return _interrupted(rule, writer, world) if rule.negated else None
    chosen = _happening(rule, writer, world)
    sign = presence(rule)
    if sign:
        aggregate = f"max({chosen.end}) filter (where {chosen.condition})"
        worth = f"case when {{0}} is null then {-sign * FOREVER} else {sign} * {worth_of('{0}')} end"
        return Scan((chosen,), [aggregate], worth, -sign * FOREVER)
    if chosen.lasting and rule.measure in ("count", "sum"):
        limit = number_of(rule.amount) or Decimal(0)
        total = "count(*)" if rule.measure == "count" else f"sum({_weight(rule, writer)})"
        holds = writer.meets(rule.op, "coalesce({0}, 0)", limit)
        return Scan(
            (chosen,),
            [f"{total} filter (where {chosen.condition})"],
            always(holds),
            FOREVER if meets(rule.op, 0, limit) else -FOREVER,
        )
    return None


def _interrupted(rule: Sequel, writer: Writer, world: World) -> Scan:
    """A sequence that must not go on: the last ``first``, and whatever came after it.

    Purchases and other events are seen for different times, so each is asked for its last.
    """
    first = selected(writer, world, rule.first, rule.window)
    then = selected(writer, world, rule.then, None)
    bought = writer.arg(list(purchases()), "text[]")
    columns = [
        f"max(e.occurred_at) filter (where {chosen.condition} and {sign}(e.name = any({bought})))"
        for chosen in (first, then)
        for sign in ("", "not ")
    ]
    first_ends = _kept(0, rule.first, rule.window, writer, world)
    then_ends = _kept(2, rule.then, None, writer, world)
    x = "greatest({0}, {1})"
    end = f"greatest({', '.join(f'case when {{{i}}} = {x} then {first_ends[i]} end' for i in (0, 1))})"
    after = f"greatest({', '.join(f'case when {{{i + 2}}} > {x} then {then_ends[i]} end' for i in (0, 1))})"
    due = f"{x} + {writer.seconds(rule.within)}"
    worth = (
        f"case when {x} is null then -{FOREVER} when {after} is not null then -{worth_of(after)} "
        f"when {writer.now} < {due} then -{worth_of(f'least({due}, {end})')} else {worth_of(end)} end"
    )
    return Scan((first, then), columns, worth, -FOREVER)


def _kept(place: int, pattern: Pattern, window: int | None, writer: Writer, world: World) -> list[str]:
    """Until when the last purchase, aggregate ``place``, and the last other event, the next one, are seen."""
    horizon = world.horizon_of(detail=reads_detail(pattern))
    ends = []
    for at, keep in ((place, None if horizon is None else horizon.total_seconds()), (place + 1, None)):
        spans = [span for span in (keep, window) if span is not None]
        ends.append(f"{{{at}}} + {writer.seconds(min(spans))}" if spans else "'infinity'::timestamptz")
    return ends


def _weight(rule: Happening, writer: Writer) -> str:
    """What an event adds to a sum."""
    item = writer.name("s")
    steps = steps_of(rule.path or "")
    if rule.path not in EVENT_FIELDS and split(steps)[1] is None:

        def summed(value: str) -> str:
            each = f"(select sum({writer.number(f'{item}.v')}) from jsonb_array_elements({value}) as {item} (v))"
            return f"coalesce(case jsonb_typeof({value}) when 'array' then {each} else {writer.number(value)} end, 0)"

        return writer.once(writer.into("e.properties", steps), summed)
    return f"coalesce((select sum({writer.number(f'{item}.v')}) from ({_measured(rule, writer)}) as {item} (v)), 0)"


def _measured(rule: Happening, writer: Writer) -> str:
    """``rules.measured`` as rows of one column."""
    path = rule.path or ""
    if path in EVENT_FIELDS:
        item = writer.name("o")
        return f"select {item}.v from (select {writer.own(path, 'e')}) as {item} (v) where {item}.v is not null"
    steps = steps_of(path)
    before, rest = split(steps)
    asked = []
    if rest is not None:
        for condition in rule.where:
            there, after = split(steps_of(condition.path))
            if after is not None and there == before and condition.path not in EVENT_FIELDS:
                asked.append((after, condition))
    return writer.reached("e.properties", steps, asked)


def tallied_sql(rule: Happening, writer: Writer, world: World, only: str) -> str:
    """(person_id, worth) of a total that falls as events leave it; ``rules._tallied``."""
    chosen = _happening(rule, writer, world)
    source = f"{events_of(only)} {chosen.condition}"
    if rule.measure == "count":
        rows = f"select node.person_id, {chosen.end} as stop, 1::numeric as weight {source}"
    elif rule.measure == "sum":
        rows = f"select node.person_id, {chosen.end} as stop, {_weight(rule, writer)} as weight {source}"
    elif rule.measure == "days":
        day = f"(e.occurred_at at time zone {writer.zone})::date"
        rows = (
            f"select node.person_id, max({chosen.end}) as stop, 1::numeric as weight {source} "
            f"group by node.person_id, {day}"
        )
    else:
        item = writer.name("d")
        joined = source.replace(
            "from event as e", f"from event as e cross join lateral ({_measured(rule, writer)}) as {item} (v)", 1
        )
        key = writer.text(f"{item}.v")
        rows = (
            f"select node.person_id, max({chosen.end}) as stop, 1::numeric as weight {joined} "
            f"and ({key}) is not null group by node.person_id, {key}"
        )
    limit = number_of(rule.amount) or Decimal(0)
    now_holds, then_holds = writer.meets(rule.op, "total", limit), writer.meets(rule.op, "remainder", limit)
    return (
        f"select person_id, case when bool_or({now_holds}) then 1 else -1 end * least("
        f"extract(epoch from min(stop) filter (where stop < 'infinity' and ({then_holds}) <> ({now_holds}))) "
        f"* 1000000, {FOREVER})::bigint as worth from ("
        "select person_id, stop, sum(weight) over (partition by person_id) as total, coalesce(sum(weight) over "
        "(partition by person_id order by stop desc groups between unbounded preceding and 1 preceding), 0) "
        f"as remainder from ({rows} offset 0) as seen) as falling group by person_id"
    )


def nothing_tallied(rule: Happening) -> int:
    """Of persons without any of the events."""
    return FOREVER if meets(rule.op, 0, number_of(rule.amount) or Decimal(0)) else -FOREVER


def followed_sql(rule: Sequel, writer: Writer, world: World, only: str) -> str:
    """(person_id, worth) of those of whom some ``first`` was followed in time."""
    first = selected(writer, world, rule.first, rule.window)
    then = selected(writer, world, rule.then, None)
    rows = (
        f"select node.person_id, e.occurred_at, case when {first.condition} then {first.end} end as first_stop, "
        f"case when {then.condition} then {then.end} end as then_stop "
        f"{events_of(only)} "
        f"(({first.condition}) or ({then.condition}))"
    )
    return (
        f"select person_id, max({worth_of('least(best, then_stop)')}) as worth from ("
        "select person_id, then_stop, max(first_stop) over (partition by person_id order by occurred_at "
        f"range between {writer.seconds(rule.within)} preceding and '1 microsecond'::interval preceding) as best "
        f"from ({rows} offset 0) as occasions) as pairs where then_stop is not null and best is not null "
        "group by person_id"
    )
