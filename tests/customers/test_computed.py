"""Computed traits and summaries: equal to a naive recomputation, whatever the order, batches, joins and splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.log import START, make_nodes, new_event, write
from unisono.customers.profiles.computed import ComputedTraitsReader, person_values, rebuild_computed
from unisono.customers.profiles.declaring import (
    DeclarationError,
    Declared,
    compile_traits,
    read_declaration,
    read_value,
)
from unisono.customers.profiles.folding import Folder, values_at
from unisono.customers.profiles.partials import Partial, merged, number, text_of
from unisono.customers.timeline.model import Event, NewEvent
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Connection, Pool

DECLARATION = read_declaration()
CATEGORIES = ["Shoes", "Bags", "Ünder", 'a "quoted" one']


class Said(NamedTuple):
    """An event of the property tests: which node, what, when, how much."""

    node: int
    what: str
    minute: int
    euros: int
    channel: str
    store: str | None
    category: str


def properties(said: Said) -> dict[str, Any]:
    money = {"total": said.euros, "currency": "EUR"}
    lines = {"products": [{"category": said.category}, {"category": said.category.upper()}]}
    return {
        "Order Completed": money | lines,
        "Receipt Issued": money | lines,
        "Return Made": money,
        "Order Refunded": {"total": -said.euros, "currency": "EUR"},
        "Product Viewed": {"category": said.category},
        "Email Sent": {},
        "Traits Updated": {"language": "it" if said.euros % 2 else "en"},
    }[said.what]


def as_new(said: Said, nodes: Sequence[int], person: int) -> NewEvent:
    kind = "identify" if said.what == "Traits Updated" else "track"
    at = START + timedelta(minutes=said.minute)
    return new_event(
        nodes[said.node],
        said.what,
        person=person,
        at=at,
        channel=said.channel,
        kind=kind,
        store=said.store,
        **properties(said),
    )


def as_event(said: Said, number: int = 1) -> Event:
    new = as_new(said, range(100), 1)
    return Event(
        1, number, new.node_id, new.node_id, new.type, new.name, new.channel, new.store_id, None, new.message_id,
        new.occurred_at, new.received_at, properties(said),
    )  # fmt: skip


def at(said: Said) -> datetime:
    return START + timedelta(minutes=said.minute)


def naive(events: Sequence[Said]) -> dict[str, Any]:
    """What the traits are, computed the slow and obvious way."""
    acts = [e for e in events if e.what != "Email Sent"]
    bought = [e for e in events if e.what in ("Order Completed", "Receipt Issued")]
    back = [e for e in events if e.what in ("Return Made", "Order Refunded")]
    viewed = [e for e in events if e.what == "Product Viewed"]
    told = [e for e in events if e.what == "Traits Updated"]

    def most(values: Sequence[str]) -> str | None:
        counted = Counter(values)
        return min(counted, key=lambda value: (-counted[value], value), default=None)

    def last(some: Sequence[Said], value: Any) -> Any:
        return value(max(some, key=lambda e: (e.minute, msgspec.json.encode(value(e)).decode()))) if some else None

    def money(e: Said) -> list[Any]:
        return [e.euros * 100, "EUR"]

    last_paid = last(bought, money)
    spent = sum(e.euros for e in bought) * 100
    categories = [c for e in bought for c in (e.category, e.category.upper())] + [e.category for e in viewed]
    return {
        "first_seen": min(map(at, acts), default=None),
        "last_seen": max(map(at, acts), default=None),
        "last_channel": last(acts, lambda e: e.channel),
        "favourite_channel": most([e.channel for e in acts]),
        "touches_count": len(acts),
        "messages_count": len(events) - len(acts),
        "orders_count": len(bought),
        "lifetime_value": {"EUR": spent - sum(e.euros for e in back) * 100} if bought or back else {},
        "average_order_value": {"EUR": int(spent / len(bought) + 0.5)} if bought else {},
        "favourite_store": most([e.store for e in events if e.store]),
        "first_purchase_at": min(map(at, bought), default=None),
        "last_purchase_at": max(map(at, bought), default=None),
        "last_purchase_value": {last_paid[1]: last_paid[0]} if last_paid else None,
        "last_purchase_channel": last(bought, lambda e: e.channel),
        "favourite_category": most(categories),
        "returns_count": len([e for e in back if e.what == "Return Made"]),
        "preferred_language": last(told, lambda e: "it" if e.euros % 2 else "en"),
        "visits_count": 0,
        "last_visit_at": None,
        "pages_count": 0,
    }


def said(nodes: int) -> st.SearchStrategy[Said]:
    return st.builds(
        Said,
        node=st.integers(0, nodes - 1),
        what=st.sampled_from(
            [
                "Order Completed",
                "Receipt Issued",
                "Return Made",
                "Order Refunded",
                "Product Viewed",
                "Email Sent",
                "Traits Updated",
            ]
        ),
        minute=st.integers(0, 6),
        euros=st.integers(0, 500),
        channel=st.sampled_from(["web", "app", "store"]),
        store=st.sampled_from([None, "MI01", "RM02"]),
        category=st.sampled_from(CATEGORIES),
    )


@given(st.lists(said(3), max_size=30), st.data())
@settings(max_examples=150, deadline=None)
def test_values_equal_the_naive_ones_in_any_order_and_grouping(events: list[Said], data: st.DataObject) -> None:
    """Shuffled, cut into batches and summed in any order, the partial results give the naive values."""
    folder = Folder(DECLARATION)
    shuffled = data.draw(st.permutations(events))
    batches = []
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        batches.append(folder.fold(as_event(e) for e in shuffled[:size]))
        shuffled = shuffled[size:]
    parts: dict[str, list[Partial]] = {}
    for batch in data.draw(st.permutations(batches)):
        for (_, key), partial in batch.items():
            parts.setdefault(key, []).append(partial)
    values = {
        name: read_value(trait, merged(parts.get(DECLARATION.accumulator_of[name].key, [])))
        for name, trait in DECLARATION.traits.items()
    }
    assert values == naive(events)


class Op(NamedTuple):
    """A step of the database's property test."""

    kind: str
    said: Said
    other: int
    take_other: bool


class Small(ComputedTraitsReader):
    """Small batches, so that many boundaries fall between related events."""

    batch_size = 3


operations = st.lists(
    st.builds(
        Op,
        st.sampled_from(["event", "join", "drain", "event", "rename", "split"]),
        said(4),
        st.integers(1, 3),
        st.booleans(),
    ),
    min_size=8,
    max_size=30,
)


@given(operations, st.integers(1, 3))
@settings(
    max_examples=40,
    deadline=None,
    # Shrinking a failure would take minutes against a database; the steps as found tell enough.
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_the_reader_equals_a_naive_recomputation_through_joins_and_splits(
    pool: Pool, ops: list[Op], lanes: int
) -> None:
    """Whatever joins, splits and renames come between the batches: values and summaries are those of the present."""
    async with pool.acquire() as conn:
        await conn.execute(
            "truncate event, node, computed_trait, person_summary, log_reader, parked_event, computed_declaration"
            " cascade"
        )
        nodes = await make_nodes(conn, 4)
        person = list(nodes)
        events: list[Said] = []
        worker = Worker(pool, [Small(DECLARATION)], lanes=lanes)
        for op in ops:
            if op.kind == "event":
                events.append(op.said)
                await write(conn, [as_new(op.said, nodes, person[op.said.node])])
            elif op.kind == "drain":
                await worker.drain()
            else:
                await change_persons(conn, op, nodes, person)
        await worker.drain()
        assert await conn.fetchval("select count(*) from parked_event") == 0
        await compare(conn, events, nodes, person)
        await rebuild_computed(pool, lambda _: None)
        await compare(conn, events, nodes, person)


async def change_persons(conn: Connection, op: Op, nodes: list[int], person: list[int]) -> None:
    """Move nodes as identity does, with the events it writes: a join and a split tell, a rename does not."""
    a, b = op.said.node, (op.said.node + op.other) % len(nodes)
    one, other = person[a], person[b]
    if op.kind == "join" and one != other:
        target = other if op.take_other else one
        source = one if op.take_other else other
        moved = [i for i, p in enumerate(person) if p == source]
        await move(conn, nodes, person, moved, target, ("Person Joined", target, source))
    elif op.kind == "split" and nodes[a] != one:
        await move(conn, nodes, person, [a], nodes[a], ("Person Split", nodes[a], one))
    elif op.kind == "rename":
        # Another node becomes the one a person is named by, as when a stronger identifier arrives with an event.
        group = [i for i, p in enumerate(person) if p == one]
        await move(conn, nodes, person, group, nodes[group[op.other % len(group)]], None)


async def move(
    conn: Connection,
    nodes: list[int],
    person: list[int],
    moved: list[int],
    target: int,
    told: tuple[str, int, int] | None,
) -> None:
    ids = [nodes[i] for i in moved]
    for i in moved:
        person[i] = target
    async with conn.transaction():
        await conn.execute("update node set person_id = $1 where id = any($2)", target, ids)
        if told:
            name, now, before = told
            event = new_event(
                ids[0], name, person=target, channel="system", kind="identity",
                person_id=now, other_person_id=before, moved_nodes=ids,
            )  # fmt: skip
        else:
            event = new_event(ids[0], "Noted", person=target, channel="system")
        await conn.copy_records_to_table("event", records=[event], columns=event._fields)


async def compare(conn: Connection, events: list[Said], nodes: list[int], person: list[int]) -> None:
    summaries = {row["person_id"]: row for row in await conn.fetch("select * from person_summary")}
    assert set(summaries) <= set(person)
    for who in set(person):
        theirs = [e for e in events if person[e.node] == who]
        expected = naive(theirs)
        mine = [node for node, p in zip(nodes, person, strict=True) if p == who]
        assert await person_values(conn, mine) == expected
        if not theirs:
            continue
        summary = summaries[who]
        assert summary["first_at"] == expected["first_seen"]
        assert summary["last_at"] == expected["last_seen"]
        assert summary["orders"] == expected["orders_count"]
        spent = expected["lifetime_value"]
        assert summary["currency"] == (
            "EUR" if "EUR" in spent else max(spent, key=lambda code: spent[code], default=None)
        )
        assert summary["value_minor"] == spent.get(summary["currency"], 0)
        assert summary["events"] == len(theirs)
        assert summary["store_id"] == expected["favourite_store"]
        assert list(summary["channels"]) == sorted({e.channel for e in theirs if e.what != "Email Sent"})


async def test_a_new_trait_is_left_out_until_the_past_is_counted(pool: Pool, tmp_path: Path) -> None:
    """A trait declared later shows nothing rather than half a count; the rebuild fills it and harms no other."""
    own = tmp_path / "traits.yaml"
    own.write_text("bags_seen: {kind: count, events: [Product Viewed], where: {category: Bags}}")
    later = read_declaration(own)
    async with pool.acquire() as conn:
        (node,) = await make_nodes(conn, 1)
        await write(conn, [new_event(node, category="Bags"), new_event(node, category="Shoes")])
        await Worker(pool, [ComputedTraitsReader(DECLARATION)]).drain()
        await write(conn, [new_event(node, category="Bags")])
        await Worker(pool, [ComputedTraitsReader(later)]).drain()
        values = await person_values(conn, [node])
        assert "bags_seen" not in values
        assert values["touches_count"] == 3
        told: list[int] = []
        await rebuild_computed(pool, told.append, everything=False)
        assert told[-1] == 3
        assert (await person_values(conn, [node]))["bags_seen"] == 2
        await write(conn, [new_event(node, category="Bags")])
        await Worker(pool, [ComputedTraitsReader(later)]).drain()
        values = await person_values(conn, [node])
        assert (values["bags_seen"], values["touches_count"]) == (3, 4)


async def test_a_rebuild_does_not_count_what_is_parked(pool: Pool) -> None:
    """An event that waits is counted when it is taken in, not by a rebuild before that: once in all."""

    class Ill(ComputedTraitsReader):
        ill = True

        async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
            if self.ill and any(event.name == "poison" for event in events):
                raise ZeroDivisionError
            await super().handle(conn, events)

    reader = Ill(DECLARATION)
    async with pool.acquire() as conn:
        (node,) = await make_nodes(conn, 1)
        await write(conn, [new_event(node, "good"), new_event(node, "poison")])
        worker = Worker(pool, [reader])
        await worker.drain()
        await rebuild_computed(pool, lambda _: None)
        assert (await person_values(conn, [node]))["touches_count"] == 1
        reader.ill = False
        await conn.execute("update parked_event set next_try_at = now()")
        await worker.drain()
        assert (await person_values(conn, [node]))["touches_count"] == 2


async def test_the_summary_carries_the_name_the_profile_shows(pool: Pool) -> None:
    """The list's name is folded from the traits of all the person's nodes, by the profile's own rule."""
    async with pool.acquire() as conn:
        one, other = await make_nodes(conn, 2, "email")
        await conn.execute("update node set person_id = $1 where id = $2", one, other)
        await conn.execute(
            "insert into trait (node_id, name, source_id, value, occurred_at) values"
            " ($1, 'firstName', 1, '\"Mario\"', now()), ($2, 'lastName', 1, '\"Rossi\"', now())",
            one,
            other,
        )
        await write(conn, [new_event(other)])
        await Worker(pool, [ComputedTraitsReader(DECLARATION)]).drain()
        row = await conn.fetchrow("select person_id, name, identified from person_summary")
        assert tuple(row) == (one, "Mario Rossi", True)


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ("x: {kind: sum}", "needs a property"),
        ("x: {kind: count, property: a}", "takes no property"),
        ("x: {kind: last, property: $colour}", "there is no $colour"),
        ("x: {kind: mean}", "mean"),
        ("x: {kind: count, evnts: [a]}", "evnts"),
        ("x: {kind: average, property: total}", "one of $value"),
        ("orders_count: {kind: count}", "orders_count cannot be declared otherwise"),
        ("- 1", "object"),
        ("x: [", "parsing"),
    ],
)
def test_a_wrong_declaration_is_refused_with_the_reason(tmp_path: Path, declared: str, complaint: str) -> None:
    """What cannot be kept is refused when the worker starts, and the message names it."""
    own = tmp_path / "traits.yaml"
    own.write_text(declared)
    with pytest.raises(DeclarationError, match=complaint.replace("$", r"\$")):
        read_declaration(own)


def test_traits_that_ask_the_same_share_a_partial_result() -> None:
    """A page view costs one row for all that is kept of every touch."""
    folder = Folder(DECLARATION)
    event = as_event(Said(1, "Email Sent", 0, 0, "web", None, "Bags"))
    view = msgspec.structs.replace(event, name="Page Viewed", type="page", properties={"path": "/"})
    keys = {key for _, key in folder.fold([view])}
    assert keys == {DECLARATION.accumulator_of["last_channel"].key, DECLARATION.accumulator_of["pages_count"].key}


def test_another_meaning_is_another_partial_result() -> None:
    """Changing what a trait looks at, or the currency meant, names its partial results anew."""
    euro, dollar = read_declaration(currency="EUR"), read_declaration(currency="USD")
    assert euro.accumulator_of["lifetime_value"].key != dollar.accumulator_of["lifetime_value"].key
    assert euro.accumulator_of["pages_count"].key == dollar.accumulator_of["pages_count"].key


def test_odd_values_neither_break_nor_bend_a_sum() -> None:
    """Numbers that are none, too large or too small to be real are left out; sums are exact."""
    assert number(float("nan")) is None
    assert number(1e300) is None
    assert number(10**400) is None
    assert number(True) is None
    assert sum(filter(None, [number(0.1)] * 10)) == 1
    assert text_of([1]) is None
    assert values_at({"a": [{"b": 1}, 2, {"b": None}]}, "a[].b") == [1]
    assert values_at({"a": {"b": 1}}, "a[].b") == []


def test_sums_of_a_property_and_several_currencies() -> None:
    """Plain numbers are added; money is kept apart by currency, and the shop's own is meant where none is named."""
    declaration = compile_traits({**DECLARATION.traits, "minutes": Declared(kind="sum", where_from="minutes")}, "EUR")
    folder = Folder(declaration)
    base = as_event(Said(1, "Order Completed", 0, 0, "web", None, "Bags"))
    batch = folder.fold(
        [
            msgspec.structs.replace(base, properties={"total": "10.50", "minutes": 1.5}),
            msgspec.structs.replace(base, properties={"total": 3, "currency": "JPY", "minutes": 2}),
            msgspec.structs.replace(base, properties={"total": "free", "minutes": "many"}),
        ]
    )
    parts = {key: partial for (_, key), partial in batch.items()}
    value = {
        name: read_value(trait, parts.get(declaration.accumulator_of[name].key, Partial()))
        for name, trait in declaration.traits.items()
    }
    assert value["lifetime_value"] == {"EUR": 1050, "JPY": 3}
    assert value["average_order_value"] == {"EUR": 1050, "JPY": 3}
    assert value["orders_count"] == 3
    assert value["minutes"] == 3.5


def test_the_reader_is_a_log_reader() -> None:
    """Its name is where its position is kept: it never changes."""
    assert issubclass(ComputedTraitsReader, LogReader)
    assert ComputedTraitsReader.name == "profiles"
