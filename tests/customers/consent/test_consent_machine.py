"""Anything said, joined and taken apart in any order: the kept states are the fold of the ledger after every step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.support.consent import NOW, granted, make_node
from unisono.customers.consent import service
from unisono.customers.consent.ledger import as_entry, as_state
from unisono.customers.consent.model import OBJECTIONS, Allowed, Legal, State
from unisono.customers.consent.rules import allowed, fold
from unisono.customers.consent.timing import ConsentExpiry
from unisono.customers.timers.model import Timer
from unisono.kit.database import Connection

LEGAL = Legal()
NODES = 3


class Database:
    """The database the machine works on, from the thread Hypothesis runs in."""

    def __init__(self, conn: asyncpg.Connection[asyncpg.Record]) -> None:
        self.conn = conn
        self.loop = asyncio.get_running_loop()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run it where the connection lives."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """An empty database."""
    conn = await asyncpg.connect(dsn)
    yield Database(conn)
    await conn.close()


async def fire_expiries(conn: Connection, now: Any) -> None:
    """What the timers do at an instant, in order."""
    rows = await conn.fetch("select * from timer where kind = 'consent.expiry' and due_at <= $1 order by due_at", now)
    for row in rows:
        payload = {"node_id": 0, **json.loads(row["payload"])}
        timer = Timer(
            id=row["id"], kind=row["kind"], key=row["key"], due_at=row["due_at"], not_after=None, payload=payload,
            state="pending", attempts=1, try_at=row["due_at"], fired_at=now,
        )  # fmt: skip
        await ConsentExpiry().fire(conn, timer)


async def states_and_folds(conn: Connection) -> tuple[dict[Any, State], dict[Any, State]]:
    """What is kept, and what the ledger says."""
    kept = [as_state(row) for row in await conn.fetch("select * from consent_state")]
    groups: dict[Any, list[Any]] = {}
    for row in await conn.fetch("select * from consent_entry"):
        groups.setdefault((row["node_id"], row["purpose"], row["channel"]), []).append(as_entry(row))
    folded = {name: state for name, entries in groups.items() if (state := fold(entries)) is not None}
    return {(one.node_id, one.purpose, one.channel): one for one in kept}, folded


def machine(database: Database) -> type[RuleBasedStateMachine]:
    """The machine on this database."""

    class Saying(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            database.do(
                database.conn.execute(
                    "truncate node, event, timer, consent_entry, consent_state, suppression, opt_in_request cascade"
                )
            )
            self.nodes = [
                database.do(make_node(database.conn, "email", f"{number}@example.it")) for number in range(NODES)
            ]
            self.now = NOW
            self.said = 0

        def do(self, work: Any) -> Any:
            async def within() -> Any:
                async with database.conn.transaction():
                    return await work

            return database.do(within())

        @rule(
            node=st.integers(0, NODES - 1),
            action=st.sampled_from(["granted", "refused", "withdrawn", "requested", "confirmed"]),
            ago=st.integers(0, 30),
            lasts=st.none() | st.integers(31, 40),
        )
        def say(self, node: int, action: str, ago: int, lasts: int | None) -> None:
            self.said += 1
            at = self.now - timedelta(minutes=ago)
            ends = at + timedelta(minutes=lasts) if lasts and action in ("granted", "confirmed") else None
            entry = granted(self.nodes[node], action=action, at=at, expires_at=ends, key=f"k{self.said}")
            first = self.do(service.record(database.conn, [entry], now=self.now))
            again = self.do(service.record(database.conn, [entry], now=self.now))
            assert first == again

        @rule(node=st.integers(0, NODES - 1), category=st.sampled_from(["coffee", "tea"]))
        def sell(self, node: int, category: str) -> None:
            self.do(
                service.soft_opt_in(
                    database.conn,
                    self.nodes[node],
                    order_ref=str(self.said),
                    category=category,
                    at=self.now,
                    source="t",
                    actor="t",
                    now=self.now,
                )
            )

        @rule(node=st.integers(0, NODES - 1))
        def withdraw(self, node: int) -> None:
            self.do(service.withdraw(database.conn, [self.nodes[node]], source="t", actor="t", now=self.now))
            standing = database.do(service.standing_of_nodes(database.conn, self.nodes))
            mine = [one for one in standing.states if one.node_id == self.nodes[node] and one.channel == "email"]
            assert [one.status in OBJECTIONS for one in mine] == [True]

        @rule(minutes=st.integers(1, 40))
        def wait(self, minutes: int) -> None:
            self.now += timedelta(minutes=minutes)
            self.do(fire_expiries(database.conn, self.now))

        @rule(one=st.integers(0, NODES - 1), other=st.integers(0, NODES - 1))
        def join(self, one: int, other: int) -> None:
            sql = "update node set person_id = (select person_id from node where id = $2) where id = $1"
            database.do(database.conn.execute(sql, self.nodes[one], self.nodes[other]))

        @rule(node=st.integers(0, NODES - 1))
        def split(self, node: int) -> None:
            database.do(database.conn.execute("update node set person_id = id where id = $1", self.nodes[node]))

        @invariant()
        def kept_is_folded(self) -> None:
            if hasattr(self, "nodes"):
                kept, folded = database.do(states_and_folds(database.conn))
                assert kept == folded

        @invariant()
        def an_objection_silences_the_person_who_has_the_address_now(self) -> None:
            if not hasattr(self, "nodes"):
                return
            rows = database.do(database.conn.fetch("select id, person_id from node"))
            persons: dict[int, list[int]] = {}
            for row in rows:
                persons.setdefault(row["person_id"], []).append(row["id"])
            standings = database.do(service.standings(database.conn, list(persons)))
            for person, nodes in persons.items():
                states = [one for one in standings[person].states if one.channel == "email"]
                assert {one.node_id for one in states} <= set(nodes)
                objected = any(one.status in OBJECTIONS for one in states)
                for node in nodes:
                    answer = allowed(
                        standings[person], address=node, channel="email", purpose="marketing", at=self.now,
                        legal=LEGAL, category="tea",
                    )  # fmt: skip
                    assert not (objected and isinstance(answer, Allowed))

    return Saying


async def test_states_are_the_fold_of_the_ledger_whatever_is_said(database: Database) -> None:
    """And nobody gets marketing while one of the addresses he has at that moment stands for a no."""
    await asyncio.to_thread(
        run_state_machine_as_test,
        machine(database),
        settings=settings(max_examples=20, stateful_step_count=15, deadline=None),
    )
