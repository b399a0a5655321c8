"""Collect, join, split and undo in any order: what people decide holds, what they undo is as it was before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import asyncpg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.support.graph import START, STEP, assert_same_as_replay, clear, install, seen, write
from unisono.customers.identity import service
from unisono.customers.identity.model import Namespace
from unisono.customers.identity.rulebook import Rulebook
from unisono.kit.errors import Conflict

RULES = [
    Namespace("user_id", "person", 10, 1, 20, identifies=True),
    Namespace("email", "person", 30, 3, 20),
    Namespace("anonymous_id", "device", 40, None, 20),
]

People = frozenset[frozenset[int]]


class Database:
    """The database the machine works on, from the thread Hypothesis runs in."""

    def __init__(self, conn: asyncpg.Connection[asyncpg.Record], rulebook: Rulebook) -> None:
        self.conn = conn
        self.rulebook = rulebook
        self.loop = asyncio.get_running_loop()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run it where the connection lives."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def people(self) -> People:
        """The identifiers of each person."""
        rows = await self.conn.fetch("select array_agg(id) as ids from node group by person_id")
        return frozenset(frozenset(row["ids"]) for row in rows)

    async def within(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run it in a transaction."""
        async with self.conn.transaction():
            return await work


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """An empty database with the rules above."""
    conn = await asyncpg.connect(dsn)
    yield Database(conn, await install(conn, RULES))
    await conn.close()


def machine(database: Database) -> type[RuleBasedStateMachine]:
    """The machine on this database."""

    class People(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            database.do(clear(database.conn))
            self.moment = 0
            self.sent = 0

        def people(self) -> frozenset[frozenset[int]]:
            return database.do(database.people())

        @rule(
            user=st.none() | st.sampled_from("abc"),
            email=st.none() | st.sampled_from("xyz"),
            device=st.sampled_from("123"),
        )
        def collect(self, user: str | None, email: str | None, device: str) -> None:
            self.moment += 1
            self.sent += 1
            claims = [("user_id", user), ("email", email), ("anonymous_id", device)]
            event = seen(
                [(name, value, "proof") for name, value in claims if value],
                START + STEP * self.moment,
                database.rulebook,
            )
            database.do(write(database.conn, [event], database.rulebook))

        @rule(data=st.data())
        def join(self, data: st.DataObject) -> None:
            people = sorted(self.people(), key=min)
            if len(people) < 2:
                return
            one, other = data.draw(st.lists(st.sampled_from(people), min_size=2, max_size=2, unique=True))
            self._join(min(one), min(other))
            after = self.people()
            assert any(one | other <= person for person in after)
            if data.draw(st.booleans()):
                self._undo_gives(frozenset(people))

        @rule(data=st.data())
        def split(self, data: st.DataObject) -> None:
            people = sorted((person for person in self.people() if len(person) > 1), key=min)
            if not people:
                return
            before = self.people()
            person = sorted(data.draw(st.sampled_from(people)))
            leaving = data.draw(st.sets(st.sampled_from(person), min_size=1, max_size=len(person) - 1))
            database.do(
                database.within(
                    service.split(database.conn, person[0], leaving, actor="test", reason="not the same person")
                )
            )
            after = self.people()
            # Each side is one person; whom the other side had displaced may come back to it.
            staying = frozenset(person) - leaving
            assert any(leaving <= found and not staying & found for found in after)
            assert any(staying <= found and not leaving & found for found in after)
            if data.draw(st.booleans()):
                self._undo_gives(before)

        @rule(data=st.data())
        def undo(self, data: st.DataObject) -> None:
            rows = database.do(
                database.conn.fetch("select id from identity_change where undone_at is null order by id")
            )
            if not rows:
                return
            row = database.do(
                database.conn.fetchrow(
                    "select * from identity_change where id = $1", data.draw(st.sampled_from([r["id"] for r in rows]))
                )
            )
            try:
                database.do(database.within(service.undo(database.conn, row["id"], actor="test")))
            except Conflict:
                return  # later events or decisions had undone it
            people = {node: person for person in self.people() for node in person}
            apart = not {people[n] for n in row["moved"]} & {people[n] for n in row["kept"]}
            assert apart or row["kind"] == "split" or row["decision_id"] is not None

        def _join(self, one: int, other: int) -> None:
            database.do(
                database.within(service.join(database.conn, one, other, actor="test", reason="the same person"))
            )

        def _undo_gives(self, before: frozenset[frozenset[int]]) -> None:
            newest = database.do(database.conn.fetchval("select max(id) from identity_change"))
            database.do(database.within(service.undo(database.conn, newest, actor="test")))
            assert self.people() == before

        @invariant()
        def nothing_is_lost_and_all_is_as_replayed(self) -> None:
            database.do(assert_same_as_replay(database.conn, database.rulebook))
            count = "select count(*) from event join node on node.id = node_id where type <> 'identity'"
            assert database.do(database.conn.fetchval(count)) == self.sent

    return People


async def test_collect_join_split_undo(database: Database) -> None:
    """Joined people are one, split identifiers are apart and each side is one, an undo at once restores everybody;
    no event is lost; and always the database holds what a replay from scratch gives."""
    await asyncio.to_thread(
        run_state_machine_as_test,
        machine(database),
        settings=settings(max_examples=60, stateful_step_count=14, deadline=None, database=None),
    )
