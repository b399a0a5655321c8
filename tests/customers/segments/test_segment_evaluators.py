"""Two evaluators, one meaning: for each person and in SQL, and time alone changes nothing before it is said to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import segments as drawn
from unisono.customers.profiles.declaring import Declaration, read_declaration
from unisono.customers.segments.compiling import compile_rule, quickly
from unisono.customers.segments.knowing import facts_of
from unisono.customers.segments.model import Facts, Rule, World, decode, encode_json
from unisono.customers.segments.needs import needs_of
from unisono.customers.segments.rules import evaluate

Law = tuple[int | None, int | None]
"""Days for which purchases are seen, and what they hold."""

EXAMPLES = 30
MICROSECOND = timedelta(microseconds=1)


class Held:
    """A furnished database, and each example in a transaction that is undone."""

    def __init__(self, conn: asyncpg.Connection, declaration: Declaration) -> None:
        self.conn = conn
        self.declaration = declaration
        self.loop = asyncio.get_running_loop()

    async def example(self, check: Any, *parts: Any) -> None:
        """Run one example and undo it."""
        transaction = self.conn.transaction()
        await transaction.start()
        try:
            await quickly(self.conn)
            await check(self, *parts)
        finally:
            await transaction.rollback()

    async def for_all(self, check: Any, *strategies: st.SearchStrategy[Any], examples: int = EXAMPLES) -> None:
        """Hold a property for many examples; Hypothesis runs beside the loop the connection lives on."""

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.tuples(*strategies))
        def hold(parts: tuple[Any, ...]) -> None:
            asyncio.run_coroutine_threadsafe(self.example(check, *parts), self.loop).result()

        await asyncio.to_thread(hold)


@pytest.fixture
async def held(dsn: str, tmp_path: Path) -> AsyncIterator[Held]:
    """A database with sources, segments and computed traits."""
    extra = tmp_path / "computed.yaml"
    extra.write_text(drawn.EXTRA, "utf-8")
    declaration = read_declaration(extra)
    conn = await asyncpg.connect(dsn)
    await drawn.furnish(conn, declaration)
    yield Held(conn, declaration)
    await conn.close()


async def known(held: Held, persons: list[int], rule: Rule, now: datetime, world: World) -> dict[int, Facts]:
    """The facts the rule needs, with the segments each person is in."""
    facts = await facts_of(held.conn, persons, needs_of(rule, world), world, now)
    rows = await held.conn.fetch(
        "select person_id, code from segment_member join segment on segment.id = segment_id where status = 'live'"
    )
    member_of: dict[int, set[str]] = {}
    for row in rows:
        member_of.setdefault(row["person_id"], set()).add(row["code"])
    return {
        person: Facts(
            **{name: getattr(one, name) for name in one.__struct_fields__ if name != "segments"},
            segments=frozenset(member_of.get(person, ())),
        )
        for person, one in facts.items()
    }


async def compare(held: Held, persons: list[int], rule: Rule, now: datetime, world: World) -> list[datetime]:
    """Hold both evaluators together at an instant; returns the instants at which time may change something."""
    facts = await known(held, persons, rule, now, world)
    said = {person: evaluate(rule, one, now, world) for person, one in facts.items()}
    for chosen in (None, persons):
        compiled = compile_rule(rule, now, world, chosen)
        rows = await held.conn.fetch(compiled.sql, *compiled.args)
        counted = {row["person_id"]: (row["member"], row["until"]) for row in rows}
        assert counted == said, f"{encode_json(rule)} at {now.isoformat()}"
    for person, answer in said.items():
        assert answer.until is None or answer.until > now
        if answer.until is not None:
            before = evaluate(rule, facts[person], answer.until - MICROSECOND, world)
            assert before.member == answer.member, f"{encode_json(rule)}: late at {now.isoformat()}"
    return sorted({answer.until for answer in said.values() if answer.until is not None})


async def hold_together(held: Held, population: Any, rules: list[Rule], now: datetime, law: Law) -> None:
    """At an instant, and wherever time changes something, and right before."""
    persons = await drawn.populate(held.conn, population, held.declaration)
    purchase_days, detail_days = law
    world = drawn.world_of(held.declaration, purchase_days=purchase_days, detail_days=detail_days)
    for rule in rules:
        for turn in (await compare(held, persons, rule, now, world))[:2]:
            await compare(held, persons, rule, turn, world)
            await compare(held, persons, rule, turn - MICROSECOND, world)


LAWS: tuple[Law, ...] = ((730, 365), (730, 365), (2, 1), (2, None), (None, 1), (None, None))
DAYS = st.sampled_from(LAWS)


async def test_both_evaluators_say_the_same(held: Held) -> None:
    """Member and until are equal for rules of every kind and nesting, at random instants and exactly at the turns."""
    await held.for_all(
        hold_together, drawn.populations, st.lists(drawn.rules, min_size=1, max_size=3), drawn.nows, DAYS
    )


@pytest.mark.parametrize("kind", sorted(drawn.KINDS))
async def test_both_evaluators_say_the_same_of(held: Held, kind: str) -> None:
    """A condition alone, of each kind."""
    rules = st.lists(drawn.KINDS[kind].map(decode), min_size=2, max_size=4)
    await held.for_all(hold_together, drawn.populations, rules, drawn.nows, DAYS)


_BOUGHT = st.fixed_dictionaries(
    {
        "name": st.sampled_from(("Order Completed", "Receipt Issued", "Product Viewed")),
        "at": st.integers(-8, 8).map(lambda n: drawn.START + n * drawn.UNIT),
        "channel": st.just("store"),
        "store_id": st.just("MI-01"),
        "properties": st.sampled_from(({"total": 10}, {"total": 3}, {})),
    }
)
_BUYERS = st.lists(
    st.lists(_BOUGHT, min_size=1, max_size=4).map(
        lambda events: {
            "nodes": [{"namespace": "user_id", "traits": [], "consents": [], "events": events}],
            "segments": (),
        }
    ),
    min_size=2,
    max_size=4,
)
_ASKED = st.fixed_dictionaries(
    {
        "names": st.sampled_from((["purchases"], ["purchases", "Product Viewed"], ["Order Completed"])),
        "where": st.sampled_from(
            (
                [],
                [{"path": "total", "op": "known"}],
                [{"path": "total", "op": "unknown"}],
                [{"path": "channel", "op": "is", "value": "store"}],
            )
        ),
    }
)
_SECONDS = st.sampled_from((6, 24, 30, 48)).map(lambda hours: hours * 3600)
_MEASURED = st.sampled_from(
    ({}, {"measure": "days"}, *({"measure": how, "path": "total"} for how in ("sum", "distinct")),
     {"measure": "distinct", "path": "hour"})
)  # fmt: skip
_LAWFUL = {
    "event": st.builds(
        lambda asked, measured, op, amount, within: {
            "is": "event", **asked, **measured, "op": op, "amount": amount,
            **({} if within is None else {"within": {"seconds": within}}),
        },
        _ASKED, _MEASURED, st.sampled_from(("at_least", "at_most", "exactly")), st.sampled_from((1, 2, 10)),
        st.none() | _SECONDS,
    ),
    "sequence": st.builds(
        lambda first, then, within, negated, window: {
            "is": "sequence", "first": first, "then": then, "within": within, "negated": negated, "window": window
        },
        _ASKED, _ASKED, _SECONDS, st.booleans(), st.none() | _SECONDS.map(lambda seconds: seconds * 3),
    ),
}  # fmt: skip
_CLOSE = st.sampled_from(((2, 1), (3, 2), (None, 1), (1, 2)))


@pytest.mark.parametrize("kind", sorted(_LAWFUL))
async def test_both_evaluators_forget_what_purchases_held_before_that_there_were_any(held: Held, kind: str) -> None:
    """Conditions that read detail and such that do not, over purchases around both of the law's clocks."""
    rules = st.lists(_LAWFUL[kind].map(decode), min_size=3, max_size=4)
    nows = st.integers(-2, 16).map(lambda n: drawn.START + n * drawn.UNIT)
    await held.for_all(hold_together, _BUYERS, rules, nows, _CLOSE)


SAME_INSTANT = ("ab", "a b", "a'b", "B", "é", 'a"b', "12", 12, 3, 12.5, 91, 0.1, -3, True, False, "x\ny", "a\\b")
SAME_INSTANT_TOO = (None, [12], ["ab", "B"], {"a": 1}, {"bb": 1})


@pytest.mark.parametrize("trait", ["city", "email"])
async def test_of_two_values_said_at_once_both_take_the_same(held: Held, trait: str) -> None:
    """Every pair, said in the same instant by two sources: the better one, else as spelt."""
    values = (*SAME_INSTANT, *SAME_INSTANT_TOO)
    pairs = [(one, other) for one in values for other in values]
    population = [
        {
            "nodes": [
                {
                    "namespace": "user_id",
                    "traits": [
                        {"name": trait, "value": one, "source": "browser", "at": drawn.START},
                        {"name": trait, "value": other, "source": "till", "at": drawn.START},
                    ],
                    "consents": [],
                    "events": [],
                }
            ],
            "segments": (),
        }
        for one, other in pairs
    ]

    async def check(held: Held) -> None:
        persons = await drawn.populate(held.conn, population, held.declaration)
        world = drawn.world_of(held.declaration)
        for value in SAME_INSTANT:
            rule = decode({"is": "trait", "trait": trait, "op": "is", "value": value})
            await compare(held, persons, rule, drawn.START, world)

    await held.example(check)
