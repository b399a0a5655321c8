"""``absence-late``, ``absence-worst``, ``segment-entry``: segments to the second while events come in.

What: 50 live segments (absence, windows, counts, traits, negations), 100,000 timers pending, 500 events a second.
Events are written straight to the log, in transactions of 50; the worker runs as in an installation. Who is in is seen
by asking every few milliseconds.
``absence``: carts left ten seconds; from the instant each was due to the instant its owner was seen to be in. Wanted:
the 99th percentile and the worst under a second. ``segment-entry``: from before an event is written until its person
is seen to be in. Wanted: the 99th percentile under 500 ms.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, milliseconds, percentile
from unisono.bench.scratch import Database, Scratch, start
from unisono.customers.segments import service as segments
from unisono.customers.segments.service import NewSegment
from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.model import NewEvent
from unisono.customers.timers import service as timers
from unisono.customers.timers.service import Instant
from unisono.kit.database import Connection, Pool, transaction

LATE = Wanted("under", 1000.0)
ENTRY = Wanted("under", 500.0)

PENDING: Final = 100_000
PEOPLE: Final = 20_000
RATE: Final = 500
BATCH: Final = 50
ABSENCE: Final = 10
"""Seconds a cart is left."""
PORTION: Final = 5000


def rules() -> Iterator[tuple[str, dict[str, Any]]]:
    """Fifty segments as shops have them."""
    yield "left-cart", _followed("Product Added", "Order Completed", ABSENCE)
    yield "entry", {"is": "event", "names": ["Bench Marked"], "op": "at_least", "amount": 1}
    for number in range(12):
        yield f"left-{number}", _followed("Product Added", "Order Completed", 3600 * (number + 1))
        days = {"within": {"seconds": 86_400 * (number + 1)}}
        yield f"viewed-{number}", _did("Product Viewed", number + 1) | days
        yield f"bought-{number}", {"is": "all", "of": [_did("Order Completed", 1), _did("Product Viewed", 2) | days]}
        wanted = {"is": "trait", "trait": "city", "op": "is", "value": f"City {number}"}
        yield (
            f"lapsed-{number}",
            {"is": "all", "of": [wanted, {"is": "none", "of": [_did("Order Completed", 1) | days]}]},
        )


def _did(name: str, times: int) -> dict[str, Any]:
    return {"is": "event", "names": [name], "op": "at_least", "amount": times}


def _followed(first: str, then: str, seconds: int) -> dict[str, Any]:
    return {"is": "sequence", "first": {"names": [first]}, "then": {"names": [then]}, "within": seconds}


async def _prepare(database: Database, pending: int) -> None:
    """People, segments, timers of others far ahead."""
    now = datetime.now(UTC)
    async with database.pool.acquire() as conn:
        await conn.execute(
            "insert into node (id, namespace, value, person_id, cluster_id)"
            " select n, 'user_id', 'bench-' || n, n, n from generate_series(1, $1) n",
            PEOPLE + pending,
        )
        await conn.execute("select setval(pg_get_serial_sequence('node', 'id'), $1)", PEOPLE + pending)
        for first in range(0, pending, PORTION):
            due = [
                Instant("segments", str(PEOPLE + 1 + n), "1", now + timedelta(hours=1, milliseconds=40 * n))
                for n in range(first, min(first + PORTION, pending))
            ]
            await timers.set_instants(conn, "segments", due)
        await conn.execute("vacuum analyze")
    async with transaction(database.pool) as conn:
        for code, rule in rules():
            await segments.create(conn, NewSegment(code=code, name=code, rule=rule), actor="bench", now=now)
            await segments.publish(conn, code, now=now)


async def _filled(pool: Pool) -> None:
    async with asyncio.timeout(120):
        while await pool.fetchval("select count(*) from segment where filled_version is distinct from version"):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.2)


def _event(node: int, name: str, at: datetime, mark: str) -> NewEvent:
    properties = msgspec.json.encode({"product_id": "sku-1", "price": 12.5}).decode()
    return NewEvent(
        timeline.lane_of(node), node, "track", name, "web", None, None, f"bench:{mark}", at, at, properties=properties
    )


class _Books:
    """What was written, and when who was seen to be in."""

    def __init__(self) -> None:
        self.marked: dict[int, datetime] = {}
        self.carts: dict[int, list[datetime]] = defaultdict(list)
        self.seen: dict[tuple[str, int], datetime] = {}
        self.written = 0

    def entries(self) -> list[float]:
        """Seconds from the mark to the entry."""
        return [
            (self.seen["entry", node] - at).total_seconds()
            for node, at in self.marked.items()
            if ("entry", node) in self.seen
        ]

    def late(self) -> list[float]:
        """Seconds from the due instant of a cart to the entry; negative for one that came too early."""
        left = timedelta(seconds=ABSENCE)
        found = []
        for (code, node), at in self.seen.items():
            if code == "left-cart" and node in self.carts:
                due = [cart + left for cart in self.carts[node]]
                found.append((at - max((one for one in due if one <= at), default=due[0])).total_seconds())
        return found


async def _write(conn: Connection, seconds: float, books: _Books, *, marking: bool) -> float:
    """So many events a second: looks, carts, orders, and of one in fifty the mark; the rate that was reached."""
    began, first = time.perf_counter(), books.written
    while time.perf_counter() - began < seconds:
        await asyncio.sleep(max(0.0, began + (books.written - first) / RATE - time.perf_counter()))
        now = datetime.now(UTC)
        events = []
        for number in range(books.written, books.written + BATCH):
            node = number % PEOPLE + 1
            kind = (number + number // PEOPLE * 3) % 50
            name = "Product Added" if kind % 5 == 0 else "Order Completed" if kind % 10 == 7 else "Product Viewed"
            if kind % 5 == 0:
                books.carts[node].append(now)
            elif kind == 49 and marking and node not in books.marked:
                name = "Bench Marked"
                books.marked[node] = now
            events.append(_event(node, name, now, str(number)))
        async with conn.transaction():
            await timeline.append(conn, events)
        await timeline.announce(conn)
        books.written += BATCH
    return (books.written - first) / (time.perf_counter() - began)


async def _watch(pool: Pool, books: _Books) -> None:
    """Note when each came in."""
    async with pool.acquire() as conn:
        rows = await conn.fetch("select id, code from segment where code = any($1::text[])", ["entry", "left-cart"])
        codes = {row["id"]: row["code"] for row in rows}
        while True:
            rows = await conn.fetch(
                "select segment_id, person_id from segment_member where segment_id = any($1::int[])"
                " and since > clock_timestamp() - interval '5 seconds'",
                list(codes),
            )
            now = datetime.now(UTC)
            for row in rows:
                books.seen.setdefault((codes[row["segment_id"]], row["person_id"]), now)
            await asyncio.sleep(0.01)


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    quick = load.people < 1_000_000
    seconds, pending = (15.0, PENDING // 10) if quick else (60.0, PENDING)
    books = _Books()
    async with bench.database() as database:
        await _prepare(database, pending)
        worker = start(["unisono.cli", "worker"], 0, database_url=database.dsn, serve_parent=str(os.getpid()))
        try:
            await _filled(database.pool)
            watching = asyncio.create_task(_watch(database.pool, books))
            async with database.pool.acquire() as conn:
                # What is measured begins when the worker has read for some seconds.
                await _write(conn, 5.0, books, marking=False)
                rate = await _write(conn, seconds, books, marking=True)
            await asyncio.sleep(ABSENCE + 3)
            watching.cancel()
        finally:
            worker.stop()
    entries, late = books.entries(), books.late()
    if len(entries) < len(books.marked) or not late:
        raise BenchError(f"{len(books.marked) - len(entries)} of {len(books.marked)} did not come in.")
    if min(late) < 0:
        raise BenchError(f"Somebody came in {-min(late):.3f} s before his instant.")
    about = f"{rate:,.0f} events/s, 50 live segments, {pending:,} pending timers"
    return [
        Measured(
            row="absence-late",
            value=percentile(late, 99) * 1000,
            unit="ms",
            wanted=LATE,
            note=f"{len(late):,} carts left; {about}; {milliseconds(late)}",
        ),
        Measured(row="absence-worst", value=max(late) * 1000, unit="ms", wanted=LATE, note="the latest of them"),
        Measured(
            row="segment-entry",
            value=percentile(entries, 99) * 1000,
            unit="ms",
            wanted=ENTRY,
            note=f"{len(entries):,} entries; {about}; {milliseconds(entries)}",
        ),
    ]


ROW = Row("absence", measure)
