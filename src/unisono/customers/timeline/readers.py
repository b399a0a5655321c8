"""Readers of the log: what one is, where it stands, how its lanes are shared out.

A reader follows every event in commit order. Its effects and its position commit together, so each event takes
effect exactly once, whoever is killed when (RULES R2). The number of lanes may change: the old lanes are brought to
one position first, under their locks, so that nothing is done twice or left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import ClassVar

import msgspec

from unisono.customers.timeline.model import BEGINNING, LANES, Event, Position
from unisono.customers.timeline.service import as_event
from unisono.customers.timeline.watching import is_gone
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.timeline")


class LogReader(ABC):
    """Something that follows the log: give it a name and say what an event does."""

    name: ClassVar[str]
    """Its position is kept under this name: stable for ever."""
    batch_size: ClassVar[int] = 1000
    linger: ClassVar[float] = 0.05
    """Seconds between two turns that emptied a lane: under a steady flow batches of some size, not one event each. A
    turn costs six statements; whoever nobody waits for lingers longer. After a silence an event is taken at once."""
    wakes: ClassVar[bool] = False
    """Whether others follow what it writes (events, changes): then they are woken after each batch."""

    @abstractmethod
    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Take these events in, inside the given transaction, in which the position moves too.

        Each lane hands its events over in log order. Read before the first write: from that on, everybody who
        follows the log waits for this transaction. Whatever is raised is held against the events, tried again
        one by one, and parks the person whose event it is.
        """

    async def prepare(self, conn: Connection, *, first: bool) -> None:
        """Called when a worker starts, before any event; ``first`` when the reader has never run anywhere."""
        return


async def lanes_of(conn: Connection, reader: str) -> int | None:
    """How many lanes the reader has at present; None when it never ran."""
    rows = await _sql.readers_of(conn, reader=reader)
    return int(rows[0]["lanes"]) if rows else None


async def start_lanes(conn: Connection, reader: str, lanes: int, at: Position = BEGINNING) -> bool:
    """Give a reader that never ran its lanes, inside the caller's transaction; whether it never ran."""
    if not 1 <= lanes <= LANES:
        raise ValueError(f"a reader has 1 to {LANES} lanes, not {lanes}")
    await _sql.wait_for_lane(conn, reader=reader, lane=-1)
    if await lanes_of(conn, reader) is not None:
        return False
    await replace_lanes(conn, reader, lanes, at, 0)
    return True


async def lock_all_lanes(conn: Connection, reader: str) -> list[tuple[int, int, Position, int]]:
    """Keep every worker out of the reader until the transaction ends.

    Returns (lane, lanes, position, processed) of each lane; empty when the reader never ran.
    """
    await _sql.wait_for_lane(conn, reader=reader, lane=-1)
    for row in await _sql.readers_of(conn, reader=reader):
        await _sql.wait_for_lane(conn, reader=reader, lane=row["lane"])
    rows = await _sql.readers_of(conn, reader=reader)
    return [(row["lane"], row["lanes"], Position(row["txid"], row["event_id"]), row["processed"]) for row in rows]


@asynccontextmanager
async def held_lanes(conn: Connection, reader: str) -> AsyncIterator[list[tuple[int, int, Position, int]]]:
    """As ``lock_all_lanes``, for longer than a transaction: as long as the block, or the connection, lasts."""
    held: list[int] = []
    try:
        for lane in [-1, *(row["lane"] for row in await _sql.readers_of(conn, reader=reader))]:
            await _sql.hold_lane(conn, reader=reader, lane=lane)
            held.append(lane)
        rows = await _sql.readers_of(conn, reader=reader)
        yield [(row["lane"], row["lanes"], Position(row["txid"], row["event_id"]), row["processed"]) for row in rows]
    finally:
        if not is_gone(conn):
            for lane in held:
                await _sql.let_lane_go(conn, reader=reader, lane=lane)


async def read_lane(
    conn: Connection, start: Position, until: Position, *, lane: int, lanes: int, limit: int
) -> list[Event]:
    """The next settled events of a lane after ``start``, up to and with ``until``."""
    rows = await _sql.follow(
        conn,
        txid=str(start.txid),
        id=start.id,
        until_txid=str(until.txid),
        until_id=until.id,
        lanes=lanes,
        lane=lane,
        limit=limit,
    )
    return [as_event(row) for row in rows]


async def replace_lanes(conn: Connection, reader: str, lanes: int, at: Position, processed: int) -> None:
    """Other lanes for a reader, all of them at one position; the caller holds all its locks."""
    await _sql.delete_lanes(conn, reader=reader)
    for lane in range(lanes):
        await _sql.ensure_reader(
            conn,
            reader=reader,
            lane=lane,
            lanes=lanes,
            txid=str(at.txid),
            event_id=at.id,
            processed=processed if lane == 0 else 0,
        )


class ReaderStatus(msgspec.Struct, frozen=True):
    """How one reader is doing."""

    reader: str
    lanes: int
    processed: int
    """Events taken in since it exists."""
    behind: int
    """Events it has not taken in yet, counted up to 10,000 a lane."""
    behind_seconds: float
    """Age of the oldest of those, since it was received; 0 when there is none."""
    parked: int
    dead: int
    updated_at: datetime


async def reader_status(conn: Connection, *, clock: Clock = system_clock) -> list[ReaderStatus]:
    """How every reader is doing, by name."""
    troubles = {row["reader"]: (int(row["parked"]), int(row["dead"])) for row in await _sql.troubles_by_reader(conn)}
    by_reader: dict[str, list[dict[str, object]]] = {}
    lanes = await _sql.reader_status(conn)
    now = clock()
    for row in lanes:
        by_reader.setdefault(row["reader"], []).append(row)
    result = []
    for reader in by_reader:
        mine = [row for row in lanes if row["reader"] == reader]
        oldest = min((row["behind_since"] for row in mine if row["behind_since"] is not None), default=None)
        parked, dead = troubles.get(reader, (0, 0))
        result.append(
            ReaderStatus(
                reader=reader,
                lanes=len(mine),
                processed=sum(row["processed"] for row in mine),
                behind=sum(row["behind"] for row in mine),
                behind_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
                parked=parked,
                dead=dead,
                updated_at=max(row["updated_at"] for row in mine),
            )
        )
    return result
