"""People, what they do, and segments over them, for tests of segments: each step in a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from tests.support.log import ManualClock, make_nodes, new_event, write
from unisono.customers.identity import service as identity
from unisono.customers.segments import service as segments
from unisono.customers.segments.checking import SegmentsCheck
from unisono.customers.segments.counting import everybody
from unisono.customers.segments.filling import SegmentFill
from unisono.customers.segments.live import SegmentsReader
from unisono.customers.segments.model import decode_json
from unisono.customers.segments.service import Changes, NewSegment, Segment
from unisono.customers.segments.standing import present_world
from unisono.customers.segments.timing import SegmentsDue
from unisono.customers.timeline.worker import Worker
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Pool, transaction
from unisono.kit.settings import Settings

NOW = datetime(2026, 5, 13, 10, 0, tzinfo=UTC)
"""A Wednesday; noon in Rome."""

SETTINGS = Settings()

ABANDONED: dict[str, Any] = {
    "is": "sequence",
    "first": {"names": ["Product Added"]},
    "then": {"names": ["Order Completed"]},
    "within": 3600,
    "negated": True,
}
"""Put into the cart and not bought for an hour."""


def did(name: str, at_least: int = 1, seconds: int | None = None) -> dict[str, Any]:
    """So often, of all times or lately."""
    rule: dict[str, Any] = {"is": "event", "names": [name], "op": "at_least", "amount": at_least}
    return rule if seconds is None else rule | {"within": {"seconds": seconds}}


class Town:
    """People and their segments, a clock that stands still, a reader and a worker of timers that work when told."""

    def __init__(self, pool: Pool, lanes: int = 2) -> None:
        self.pool = pool
        self.clock = ManualClock(NOW)
        self.reader = SegmentsReader(SETTINGS, self.tell)
        self.worker = Worker(pool, [self.reader], lanes, clock=self.tell)
        self.due = SegmentsDue(SETTINGS)
        self.fill = SegmentFill(SETTINGS, self.tell)
        self.check = SegmentsCheck(SETTINGS, self.tell)
        self.timers = TimerWorker(pool, [self.due, self.fill, self.check], self.tell)

    def tell(self) -> datetime:
        """The clock of everybody in town."""
        return self.clock()

    @property
    def now(self) -> datetime:
        """The present."""
        return self.tell()

    async def people(self, count: int, namespace: str = "user_id") -> list[int]:
        """Some new persons, each of one identifier."""
        async with transaction(self.pool) as conn:
            return await make_nodes(conn, count, namespace)

    async def segment(self, code: str, rule: dict[str, Any], *, fill: bool = True) -> Segment:
        """A live segment, counted."""
        async with transaction(self.pool) as conn:
            new = NewSegment(code=code, name=code.title(), rule=rule)
            await segments.create(conn, new, actor="test", now=self.now)
            made = await segments.publish(conn, code, now=self.now)
        if fill:
            await self.timers.drain()
        return made

    async def change(self, code: str, rule: dict[str, Any], *, fill: bool = True) -> Segment:
        """Another rule."""
        async with transaction(self.pool) as conn:
            made = await segments.change(conn, code, Changes(rule=rule), actor="test", now=self.now)
        if fill:
            await self.timers.drain()
        return made

    async def does(self, node: int, *names: str, ago: timedelta = timedelta(), **properties: Any) -> None:
        """Events of a node, now or some time ago; received now."""
        person = await self.pool.fetchval("select person_id from node where id = $1", node)
        events = [
            new_event(node, name, person=person, at=self.now - ago, **properties)._replace(received_at=self.now)
            for name in names
        ]
        async with self.pool.acquire() as conn:
            await write(conn, events)

    async def says(self, node: int, **traits: Any) -> None:
        """Traits of a node, and the call that carried them."""
        async with self.pool.acquire() as conn, conn.transaction():
            for name, value in traits.items():
                await conn.execute(
                    "insert into trait (node_id, name, source_id, value, occurred_at) values ($1, $2, 1, $3, $4)"
                    " on conflict (node_id, name, source_id) do update set value = excluded.value",
                    node,
                    name,
                    msgspec.json.encode(value).decode(),
                    self.now,
                )
            person = await conn.fetchval("select person_id from node where id = $1", node)
            await write(conn, [new_event(node, "Traits Updated", person=person, at=self.now, kind="identify")])

    async def join(self, one: int, other: int) -> int:
        """Say that two are one; who they are now."""
        async with transaction(self.pool) as conn:
            return await identity.join(conn, one, other, actor="test", reason="same")

    async def split(self, person: int, *nodes: int) -> tuple[int, int]:
        """Say that these identifiers are somebody else."""
        async with transaction(self.pool) as conn:
            return await identity.split(conn, person, nodes, actor="test", reason="not the same")

    async def read(self) -> None:
        """Take in what has happened."""
        await self.worker.drain()

    async def later(self, **amount: float) -> None:
        """Time passes, and what is due happens."""
        self.clock.forward(**amount)
        await self.timers.drain()

    async def members(self, code: str) -> list[int]:
        """Who is in."""
        rows = await self.pool.fetch(
            "select person_id from segment_member join segment on segment.id = segment_id where code = $1 order by 1",
            code,
        )
        return [row["person_id"] for row in rows]

    async def counted(self, code: str) -> list[int]:
        """Who should be in, counted afresh from what is known."""
        async with self.pool.acquire() as conn, conn.transaction():
            rule = decode_json(await conn.fetchval("select definition from segment where code = $1", code))
            world = await present_world(conn, SETTINGS)
            return sorted((await everybody(conn, rule, self.now, world)).members)

    async def told(self, code: str | None = None) -> list[tuple[int, str, str]]:
        """(person then, Entered or Left, why) in the order they were told."""
        rows: Sequence[asyncpg.Record] = await self.pool.fetch(
            "select node_id, name, properties from event where name in ('Segment Entered', 'Segment Left') order by id"
        )
        found = []
        for row in rows:
            said = msgspec.json.decode(row["properties"])
            if code is None or said["segment"] == code:
                found.append((row["node_id"], row["name"].removeprefix("Segment "), said["reason"]))
        return found
