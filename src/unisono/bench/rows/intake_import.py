"""``intake-import``: events a second through the collector without HTTP, as imports and the demo use it.

What: bytes are read, validated, deduplicated, linked to persons, written to the timeline with their traits and search
entries, in batches of 100 submitted to the committer (150 under way), one process. How: 30,000 events of 1,000 people
over a month. Limit: asyncpg's COPY of the very same event rows into the same table with its indexes, in one go; what
COPY reaches in transactions of 500 rows is noted. Each repeat has a fresh database; the median by ratio counts.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from unisono.access.keys import Sender
from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, median_by_ratio
from unisono.bench.scratch import Database, Scratch
from unisono.bench.workload import month
from unisono.customers.collect.committer import Committer
from unisono.customers.collect.model import Limits
from unisono.customers.collect.reading import Reader
from unisono.customers.identity.rulebook import read_rulebook
from unisono.customers.timeline.model import NewEvent
from unisono.customers.timeline.service import append
from unisono.kit.database import Pool
from unisono.kit.secret import SIZE, Secret

WANTED = Wanted("at least", 0.35)
BATCH = 100
UNDER_WAY = 150
COMMIT = 500


async def rows_of(pool: Pool, sender: Sender, items: Sequence[bytes]) -> list[NewEvent]:
    """The event rows these events become, with nodes dealt out as if there were 5,000."""
    async with pool.acquire() as conn:
        reader = Reader(sender, datetime.now(UTC), await read_rulebook(conn), Limits())
    for item in items:
        reader.read(item)
    if reader.failures:
        raise BenchError(f"The workload is not readable: {reader.failures[0].detail}")
    return [
        NewEvent(
            number % 64,
            number % 5000,
            event.type,
            event.name,
            event.channel,
            event.store_id,
            event.source_id,
            event.message_id,
            event.occurred_at,
            event.received_at,
            event.sent_at,
            event.original_at,
            event.identifiers,
            event.properties,
            event.context,
        )
        for number, event in enumerate(reader.incoming)
    ]


async def copy_rate(pool: Pool, rows: Sequence[NewEvent], commit: int | None = None) -> float:
    """Rows a second of COPY into the event table, in one transaction or in several; the table is empty afterwards."""
    size = commit or len(rows)
    async with pool.acquire() as conn:
        gc.collect()
        began = time.perf_counter()
        for first in range(0, len(rows), size):
            await append(conn, rows[first : first + size])
        seconds = time.perf_counter() - began
        await conn.execute("truncate event")
    return len(rows) / seconds


async def import_all(pool: Pool, sender: Sender, items: Sequence[bytes]) -> float:
    """Events a second through reader and committer. Raises BenchError unless all of them are on the timeline."""
    committer = Committer(pool, secret=Secret(secrets.token_bytes(SIZE)))
    await committer.start()
    under_way: set[asyncio.Task[object]] = set()
    gc.collect()
    began = time.perf_counter()
    for first in range(0, len(items), BATCH):
        reader = Reader(sender, datetime.now(UTC), await committer.rulebook(), Limits())
        for item in items[first : first + BATCH]:
            reader.read(item)
        under_way.add(asyncio.create_task(committer.submit(reader.incoming, reader.failures)))
        await asyncio.sleep(0)
        if len(under_way) >= UNDER_WAY:
            _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*under_way)
    seconds = time.perf_counter() - began
    await committer.stop()
    await must_hold(pool, len(items))
    return len(items) / seconds


async def must_hold(pool: Pool, events: int) -> None:
    """Raise BenchError unless so many events of the field's clients are on the timeline: what was not written is no
    speed."""
    found = await pool.fetchval("select count(*) from event where type <> 'identity'")
    if found != events:
        raise BenchError(f"{events} events were sent and {found} are on the timeline.")


async def _once(database: Database, load: Load) -> Measured:
    sender = await database.sender()
    items = list(month(load.events))
    rows = await rows_of(database.pool, sender, items)
    limit = await copy_rate(database.pool, rows)
    batches = await copy_rate(database.pool, rows, COMMIT)
    rate = await import_all(database.pool, sender, items)
    return Measured(
        row="intake-import",
        value=rate,
        unit="events/s",
        wanted=WANTED,
        limit=limit,
        limit_is="COPY of the rows",
        note=f"COPY in commits of {COMMIT}: {batches:,.0f}/s, of which {rate / batches:.2f}",
    )


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    found = []
    for _ in range(load.repeats):
        async with bench.database() as database:
            found.append(await _once(database, load))
    return [median_by_ratio(found)]


ROW = Row("intake-import", measure)
