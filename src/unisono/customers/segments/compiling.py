"""A rule as one SQL statement over everybody, or over given persons: (person_id, member, until).

The same meaning as ``rules.evaluate``, condition by condition the same number; a property test holds them equal.
Conditions on events share one pass over the log where they can. Nothing of a rule is put into the text: names,
values and instants are parameters. PostgreSQL 15 or newer, no extension.
"""

# ruff: noqa: S608 - the texts are ours alone; whatever a rule says is a parameter.

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple, assert_never

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
)
from unisono.customers.segments.rules import FOREVER, trait_steps, worth
from unisono.customers.segments.sqlevents import Scan, followed_sql, nothing_tallied, scan_of, tallied_sql
from unisono.customers.segments.sqltext import Writer, always, events_of
from unisono.customers.segments.sqltraits import (
    computed_sql,
    consent_worth,
    consents_sql,
    identity_sql,
    near_worth,
    said_sql,
    trait_worth,
)
from unisono.kit.database import Connection

_PARAMETER = re.compile(r"\$([0-9]+)::")


class Compiled(NamedTuple):
    """A statement and its parameters, in the order of ``$1``, ``$2``."""

    sql: str
    args: list[Any]


def compile_rule(rule: Rule, now: datetime, world: World, persons: Collection[int] | None = None) -> Compiled:
    """(person_id, member, until) of everybody, identified or not, or of ``persons`` (ids of persons as they are now).

    Run it by ``rows_of``, or within ``quickly``.
    """
    query = _Query(now, world, persons)
    value = query.worth(rule)
    until = f"case when abs(worth) < {FOREVER} then timestamptz 'epoch' + abs(worth) * interval '1 microsecond' end"
    sql = f"select person_id, worth > 0 as member, {until} as until from ({query.people(f'{value} as worth')}) as asked"
    return query.compiled(sql)


def compile_counts(
    rule: Rule, now: datetime, world: World, persons: Collection[int] | None = None, *, many: int = 0
) -> Compiled:
    """One row: ``people``, ``members``, ``alone`` (members of each part of the rule), ``together`` (members of
    the first part, of the first two, and so on: the funnel), and ``some``, so ``many`` members, evenly drawn.

    The parts are those right under the topmost group; a single condition is its own only part.
    """
    query = _Query(now, world, persons)
    parts = list(rule.of) if isinstance(rule, (All, AnyOf, NoneOf)) and rule.of else [rule]
    values = ", ".join(f"{query.worth(part)} as part{number}" for number, part in enumerate(parts))
    numbers = range(len(parts))
    joined = [_joined(rule, [f"part{n}" for n in range(number + 1)]) for number in numbers]
    alone = ", ".join(f"count(*) filter (where part{number} > 0)" for number in numbers)
    together = ", ".join(f"count(*) filter (where {value} > 0)" for value in joined)
    some = drawn(many, f"filter (where {joined[-1]} > 0)") if many else "null::bigint[]"
    sql = (
        f"select count(*) as people, count(*) filter (where {joined[-1]} > 0) as members, "
        f"array[{alone}] as alone, array[{together}] as together, {some} as some "
        f"from ({query.people(values)}) as asked"
    )
    return query.compiled(sql)


def drawn(many: int, condition: str = "") -> str:
    """So many persons, evenly drawn. The same hash always: who asks twice sees the same people, and a change of the
    rule by whom it moves."""
    return f"(array_agg(person_id order by hashint8(person_id)) {condition})[1:{int(many)}]"


async def rows_of(conn: Connection, compiled: Compiled) -> list[Any]:
    """The rows of a compiled statement, run as such statements run best. Needs a transaction around it."""
    await quickly(conn)
    rows: list[Any] = await conn.fetch(compiled.sql, *compiled.args)
    return rows


async def quickly(conn: Connection) -> None:
    """For the rest of the transaction: no compiling by the server, which takes longer than most answers, memory for
    large groups, and more than one process for a large log: the planner's own price of handing rows over keeps it to
    one although two are quicker."""
    await conn.execute(
        "select set_config('jit', 'off', true), set_config('work_mem', '64MB', true), "
        "set_config('hash_mem_multiplier', '4', true), set_config('parallel_setup_cost', '100', true), "
        "set_config('parallel_tuple_cost', '0.01', true)"
    )


def _joined(rule: Rule, values: Sequence[str]) -> str:
    if isinstance(rule, AnyOf):
        return f"greatest({', '.join(values)})"
    if isinstance(rule, NoneOf):
        return f"-greatest({', '.join(values)})"
    return f"least({', '.join(values)})"


class _Query:
    """The parts of one statement as they come up."""

    def __init__(self, now: datetime, world: World, persons: Collection[int] | None) -> None:
        self.world = world
        self.writer = Writer(world.timezone, now)
        self._persons = None if persons is None else self.writer.arg(sorted(persons), "bigint[]")
        self._tables: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._scans: list[Scan] = []

    @property
    def _only(self) -> str:
        return "" if self._persons is None else f"where node.person_id = any({self._persons})"

    @property
    def head(self) -> str:
        """The named queries."""
        tables = dict(self._tables)
        if self._scans:
            tables["scan"] = self._scan()
        return "with " + ", ".join(f"{name} as ({sql})" for name, sql in tables.items()) + " " if tables else ""

    def compiled(self, sql: str) -> Compiled:
        """The whole statement. A piece that was made and not used leaves a parameter nobody names: it goes."""
        whole = self.head + sql
        used = sorted({int(number) for number in _PARAMETER.findall(whole)})
        places = {old: new for new, old in enumerate(used, 1)}
        text = _PARAMETER.sub(lambda found: f"${places[int(found[1])]}::", whole)
        return Compiled(text, [self.writer.args[number - 1] for number in used])

    def people(self, columns: str) -> str:
        """Those columns of every person, everything joined."""
        names = [*self._tables, *(["scan"] if self._scans else [])]
        joins = " ".join(f"left join {name} on {name}.person_id = people.id" for name in names)
        only = "" if self._persons is None else f" and people.id = any({self._persons})"
        return (
            f"select people.id as person_id, {columns} from node as people {joins} where people.id = people.person_id"
            f"{only}"
        )

    def _table(self, stem: str, sql: str) -> str:
        """A named query; the same one is there once."""
        if sql not in self._names:
            self._names[sql] = self.writer.name(stem)
            self._tables[self._names[sql]] = sql
        return self._names[sql]

    def _scan(self) -> str:
        """One pass over the log for all conditions that share it."""
        writer = self.writer
        chosen = [selected for scan in self._scans for selected in scan.selected]
        names = sorted({name for selected in chosen for name in selected.names})
        inner, outer = [], []
        for number, scan in enumerate(self._scans):
            columns = [f"c{number}_{place}" for place in range(len(scan.aggregates))]
            inner += [f"{sql} as {column}" for sql, column in zip(scan.aggregates, columns, strict=True)]
            outer.append(f"{scan.worth.format(*columns)} as w{number}")
        old = " or ".join(f"e.occurred_at {since}" for since in sorted({selected.since for selected in chosen}))
        rows = (
            f"select node.person_id, {', '.join(inner)} {events_of(self._only)} "
            f"e.name = any({writer.arg(names, 'text[]')}) "
            f"and ({old}) group by node.person_id"
        )
        return f"select person_id, {', '.join(outer)} from ({rows}) as once"

    def worth(self, rule: Rule) -> str:
        """A rule's number as an expression over ``people``."""
        match rule:
            case All() | AnyOf() | NoneOf():
                return _joined(rule, [self.worth(child) for child in rule.of]) if rule.of else self._constant(rule)
            case Trait():
                return trait_worth(rule, self.writer, self._trait(rule.trait))
            case Consent():
                name = self._table("consent", consents_sql(rule, self.writer, self._only))
                return consent_worth(rule, name)
            case Happening():
                return self._happening(rule)
            case Sequel():
                scan = scan_of(rule, self.writer, self.world)
                if scan is not None:
                    return self._scanned(scan)
                return self._own("followed", followed_sql(rule, self.writer, self.world, self._only), -FOREVER)
            case InSegment():
                return self._member(rule)
            case Near():
                return near_worth(rule, self.writer, self._trait("latitude"), self._trait("longitude"))
            case Calendar():
                return self._constant(rule)
        assert_never(rule)

    def _constant(self, rule: Rule) -> str:
        """What is the same for everybody is asked of nobody."""
        return f"({worth(rule, Facts(person_id=0), self.writer.moment, self.world)})::bigint"

    def _happening(self, rule: Happening) -> str:
        scan = scan_of(rule, self.writer, self.world)
        if scan is not None:
            return self._scanned(scan)
        sql = tallied_sql(rule, self.writer, self.world, self._only)
        return self._own("tally", sql, nothing_tallied(rule))

    def _own(self, stem: str, sql: str, nothing: int) -> str:
        return f"coalesce({self._table(stem, sql)}.worth, {nothing})"

    def _scanned(self, scan: Scan) -> str:
        self._scans.append(scan)
        return f"coalesce(scan.w{len(self._scans) - 1}, {scan.nothing})"

    def _trait(self, path: str) -> str:
        name, steps = trait_steps(path, self.world)
        computed = self.world.computed.get(name)
        if name in ("identified", "namespaces"):
            value = f"{self._table('who', identity_sql(name, self._only))}.value"
        elif computed is not None:
            value = f"{self._table('computed', computed_sql(computed, self.writer, self._only))}.value"
            if computed.kind == "count" or computed.measure == "number":
                value = f"coalesce({value}, '0')"
        else:
            value = f"{self._table('said', said_sql(name, self.writer, self._only))}.value"
        return self.writer.into(value, steps)

    def _member(self, rule: InSegment) -> str:
        code = self.writer.arg(rule.segment, "text")
        only = "" if self._persons is None else f" and member.person_id = any({self._persons})"
        name = self._table(
            "segment",
            "select member.person_id from segment_member as member join segment on segment.id = member.segment_id "
            f"where segment.status = 'live' and segment.code = {code}{only}",
        )
        return always(f"({name}.person_id is not null) = {'true' if rule.member else 'false'}")
