"""Pieces of SQL that read values the way ``values`` and ``rules`` do. Texts only; nothing of a rule is ever put in
them but as a parameter.

An expression named ``x`` is jsonb and may be null, one named ``t`` is text, one named ``at`` an instant.
"""

# ruff: noqa: S608 - the texts are ours alone; whatever a rule says is a parameter.

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from unisono.customers.segments.model import NEGATIVE, Where
from unisono.customers.segments.rules import EVENT_FIELDS, FOREVER
from unisono.customers.segments.values import (
    LONGEST_NUMBER,
    LOWER,
    NUMBER,
    TIME,
    lower,
    number_of,
    split,
    steps_of,
    time_of,
)
from unisono.kit.reasons import DAYS

Test = Callable[[str], str]
"""An expression of jsonb -> an expression of truth, null for no."""


class Writer:
    """The parameters of one statement, each once, and names for what is inside."""

    def __init__(self, timezone: str, now: datetime) -> None:
        self.args: list[Any] = []
        self._known: dict[tuple[str, str], str] = {}
        self._names = 0
        self.timezone = timezone
        self.moment = now

    @property
    def now(self) -> str:
        """The instant asked about."""
        return self.arg(self.moment, "timestamptz")

    def arg(self, value: Any, kind: str) -> str:
        """A parameter of that type."""
        key = (repr(value), kind)
        if key not in self._known:
            self.args.append(value)
            self._known[key] = f"${len(self.args)}::{kind}"
        return self._known[key]

    def seconds(self, number: float) -> str:
        """An interval of seconds; never of days, which a change of clocks would stretch."""
        return f"make_interval(secs => {self.arg(float(number), 'float8')})"

    def name(self, stem: str) -> str:
        """A name nothing else has."""
        self._names += 1
        return f"{stem}{self._names}"

    @property
    def zone(self) -> str:
        """The company's zone."""
        return self.arg(self.timezone, "text")

    # Texts, numbers, times ------------------------------------------------------------------------

    def lowered(self, t: str) -> str:
        """Small letters, as ``values.lower``."""
        capitals = self.arg("".join(map(chr, LOWER)), "text")
        small = self.arg("".join(LOWER.values()), "text")
        ascii_lower = f'lower({t} collate "C")'
        return (
            f"case when octet_length({t}) = char_length({t}) then {ascii_lower} "
            f"else translate({ascii_lower}, {capitals}, {small}) end"
        )

    def number(self, x: str) -> str:
        """``values.number_of``."""
        t = f"({x} #>> '{{}}')"
        return (
            f"case jsonb_typeof({x}) "
            f"when 'number' then case when abs(({x})::numeric) < 1000000000000000 then trunc(({x})::numeric, 6) end "
            f"when 'string' then case when octet_length({t}) <= {LONGEST_NUMBER} and {t} ~ {self.arg(NUMBER, 'text')} "
            f"and abs({t}::numeric) < 1000000000000000 then trunc({t}::numeric, 6) end end"
        )

    def text(self, x: str) -> str:
        """``values.text_of``."""
        lowered = self.lowered(f"({x} #>> '{{}}')")
        return (
            f"case jsonb_typeof({x}) when 'string' then {lowered} "
            f"when 'number' then trim_scale({self.number(x)})::text when 'boolean' then {x} #>> '{{}}' end"
        )

    def _valid(self, x: str, answer: str) -> str:
        """``answer``, which may name the text ``t.t``, where it is a time; else null."""
        last = "extract(day from make_date(left(t.t, 4)::int, substr(t.t, 6, 2)::int, 1) + interval '1 month - 1 day')"
        return (
            f"(select case when t.t ~ {self.arg(TIME, 'text')} then case when substr(t.t, 9, 2)::int <= {last} "
            f"then {answer} end end "
            f"from (select case when jsonb_typeof({x}) = 'string' then {x} #>> '{{}}' end offset 0) as t (t))"
        )

    def instant(self, x: str) -> str:
        """``values.time_of``."""
        return self._valid(
            x,
            f"case when char_length(t.t) = 10 then t.t::timestamp at time zone {self.zone} "
            "when substr(t.t, 11) ~ '[Z+-]' then t.t::timestamptz "
            "else t.t::timestamp at time zone 'UTC' end",
        )

    def day(self, x: str) -> str:
        """``values.day_of``."""
        local = f"({self.instant(x)} at time zone {self.zone})::date"
        return f"coalesce({self._valid(x, 'case when char_length(t.t) = 10 then t.t::date end')}, {local})"

    # Comparing ------------------------------------------------------------------------------------

    def compared(self, op: str, wanted: Any, x: str) -> str:
        """``rules.compare`` over what a path ends in: a value, or a list of which any may do; never null."""
        if op in NEGATIVE:
            return f"not {self.compared(NEGATIVE[op], wanted, x)}"
        test = self._test(op, wanted)
        item = self.name("v")
        return self.once(
            x,
            lambda value: (
                f"(case jsonb_typeof({value}) when 'array' then exists (select 1 from jsonb_array_elements({value}) "
                f"as {item} (v) where {test(f'{item}.v')}) else coalesce({test(value)}, false) end)"
            ),
        )

    def _lettered(self, x: str) -> str:
        """The text of a value where a text of letters is looked for: only texts hold one, and in small ASCII letters
        it is the same whatever becomes of the others."""
        return f"case when jsonb_typeof({x}) = 'string' then lower(({x} #>> '{{}}') collate \"C\") end"

    def _test(self, op: str, wanted: Any) -> Test:
        if op == "known":
            return lambda x: f"({x} <> 'null' and {x} <> '\"\"')"
        if op == "is":
            return self._same(wanted)
        if op == "one_of":
            return self._one_of(wanted if isinstance(wanted, list) else [wanted])
        if op in ("contains", "starts_with"):
            part = self.arg(lower(str(wanted)), "text")
            call = "strpos" if op == "contains" else "starts_with"
            read = self._lettered if _letters([lower(str(wanted))]) else self.text
            return lambda x: f"({call}({read(x)}, {part}){' > 0' if op == 'contains' else ''})"
        if op in ("before", "after"):
            instant = self.arg(time_of(wanted, self.timezone) or datetime.fromisoformat("1970-01-01Z"), "timestamptz")
            return lambda x: f"({self.instant(x)} {'<' if op == 'before' else '>='} {instant})"
        limit = number_of(wanted) or Decimal(0)
        return lambda x: f"({self.meets(op, self.number(x), limit)})"

    def _same(self, wanted: Any) -> Test:
        if isinstance(wanted, bool):
            return lambda x: f"({x} = '{'true' if wanted else 'false'}')"
        if isinstance(wanted, (int, float)):
            limit = number_of(wanted)
            return lambda x: f"({self.number(x)} = {self.arg(limit, 'numeric')})"
        text = self.arg(lower(str(wanted)), "text")
        read = self._lettered if _letters([lower(str(wanted))]) else self.text
        return lambda x: f"({read(x)} = {text})"

    def _one_of(self, wanted: Sequence[Any]) -> Test:
        texts = [lower(one) for one in wanted if isinstance(one, str)]
        others = [self._same(one) for one in wanted if not isinstance(one, str)]
        read = self._lettered if _letters(texts) else self.text

        def test(x: str) -> str:
            parts = [other(x) for other in others]
            if texts:
                parts.append(f"{read(x)} = any({self.arg(texts, 'text[]')})")
            return "(" + " or ".join(parts or ["false"]) + ")"

        return test

    def meets(self, op: str, number: str, limit: Decimal) -> str:
        """``rules.meets``."""
        signs = {"at_least": ">=", "at_most": "<=", "more_than": ">", "less_than": "<", "exactly": "="}
        return f"{number} {signs[op]} {self.arg(limit, 'numeric')}"

    # Paths ----------------------------------------------------------------------------------------

    def into(self, x: str, steps: Sequence[str]) -> str:
        """``values.step_into``."""
        return f"({' -> '.join([x, *(self.arg(step, 'text') for step in steps)])})" if steps else x

    def once(self, x: str, read: Test) -> str:
        """What is read of ``x``, which is taken out of an event once however often it is named: each time the whole
        event would be unpacked (2.1 KB on average; 153,000 of them summed in 1.3 s, so in 0.6)."""
        if ".properties -> " not in x:
            return read(x)
        item = self.name("x")
        return f"(select {read(f'{item}.v')} from (select {x} offset 0) as {item} (v))"

    def items(self, x: str) -> str:
        """The elements of a list as rows; none where it is none."""
        listed = self.once(x, lambda value: f"case jsonb_typeof({value}) when 'array' then {value} else '[]' end")
        return f"jsonb_array_elements({listed})"

    def holds(self, asked: Sequence[tuple[Sequence[str], Where]], x: str) -> list[str]:
        """``rules._holds`` as conditions."""
        lists: dict[tuple[str, ...], list[tuple[Sequence[str], Where]]] = {}
        found = []
        for steps, condition in asked:
            before, rest = split(steps)
            if rest is not None:
                lists.setdefault(before, []).append((rest, condition))
            else:
                found.append(self.compared(condition.op, condition.value, self.into(x, before)))
        for before, inner in lists.items():
            item = self.name("i")
            every = " and ".join(self.holds(inner, f"{item}.v"))
            found.append(f"exists (select 1 from {self.items(self.into(x, before))} as {item} (v) where {every})")
        return found

    def where(self, where: Sequence[Where], event: str) -> list[str]:
        """``rules.matches`` as conditions on a row of event."""
        found, asked = [], []
        for condition in where:
            if condition.path in EVENT_FIELDS:
                found.append(self.compared(condition.op, condition.value, self.own(condition.path, event)))
            else:
                asked.append((steps_of(condition.path), condition))
        return found + self.holds(asked, f"{event}.properties")

    def own(self, field: str, event: str) -> str:
        """A field of the event itself, as jsonb."""
        local = f"{event}.occurred_at at time zone {self.zone}"
        if field == "hour":
            return f"to_jsonb(extract(hour from {local})::int)"
        if field == "weekday":
            return f"to_jsonb(({self.arg(list(DAYS), 'text[]')})[extract(isodow from {local})::int])"
        return f"to_jsonb({event}.{field})"

    def reached(self, x: str, steps: Sequence[str], asked: Sequence[tuple[Sequence[str], Where]] = ()) -> str:
        """``values.reached`` as rows of one column ``v``; of the first list only the elements that hold ``asked``."""
        before, rest = split(steps)
        end = self.into(x, before)
        item = self.name("r")
        if rest is None:
            listed = self.once(
                end,
                lambda value: (
                    f"case jsonb_typeof({value}) when 'array' then {value} else jsonb_build_array({value}) end"
                ),
            )
            return f"select {item}.v from jsonb_array_elements({listed}) as {item} (v) where {item}.v <> 'null'"
        inner = self.name("r")
        every = " and ".join(["true", *self.holds(asked, f"{item}.v")])
        return (
            f"select {inner}.v from {self.items(end)} as {item} (v) "
            f"cross join lateral ({self.reached(f'{item}.v', rest)}) as {inner} (v) where {every}"
        )


def _letters(wanted: Sequence[str]) -> bool:
    """Whether no number, true or false can be meant or hold these, and no letter beyond ASCII."""
    return all(text.isascii() and any(c.isalpha() and c not in "truefals" for c in text) for text in wanted)


def events_of(only: str) -> str:
    """Events with their persons, up to the conditions. ``only`` limits the nodes; without it everybody is asked, and
    then one pass over the log beats looking up each node's events: adding nothing keeps the planner from that."""
    if only:
        return f"from event as e join node on node.id = e.node_id {only} and"
    return "from event as e join node on node.id = e.node_id + 0 where"


def worth_of(at: str) -> str:
    """An instant as a condition's number; 'infinity' is FOREVER. ``at`` must not be null."""
    return f"least(extract(epoch from {at}) * 1000000, {FOREVER})::bigint"


def always(condition: str) -> str:
    """A condition time never changes as its number."""
    return f"case when {condition} then {FOREVER} else -{FOREVER} end"
