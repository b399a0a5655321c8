"""``intake-http-batch``: events a second over HTTP in batches of 100.

What: a real ``unisono web`` process on a real socket, a public write key, the same 30,000 events as ``intake-import``,
24 kept connections of a lean client. Limit: COPY of the same rows into the same table, by the bench itself, before
the web process starts. Each repeat has a fresh database; the median by ratio counts.
"""

from __future__ import annotations

from unisono.bench.http import drive, post
from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, median_by_ratio, milliseconds
from unisono.bench.rows.intake_import import copy_rate, must_hold, rows_of
from unisono.bench.scratch import Database, Scratch
from unisono.bench.workload import batches, month

WANTED = Wanted("at least", 0.20)
BATCH = 100
CONNECTIONS = 24


async def _once(database: Database, load: Load) -> Measured:
    items = list(month(load.events))
    limit = await copy_rate(database.pool, await rows_of(database.pool, await database.sender(), items))
    key = await database.key("browser")
    requests = [post("/v1/batch", body, key) for body in batches(items, BATCH)]
    async with database.web() as web:
        driven = await drive(web.port, requests, CONNECTIONS)
    if driven.refused:
        raise BenchError(f"{driven.refused} of {len(requests)} batches were not answered with 200.")
    await must_hold(database.pool, len(items))
    return Measured(
        row="intake-http-batch",
        value=len(items) / driven.seconds,
        unit="events/s",
        wanted=WANTED,
        limit=limit,
        limit_is="COPY of the rows",
        note=f"a batch: {milliseconds(driven.latencies)}",
    )


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    found = []
    for _ in range(load.repeats):
        async with bench.database() as database:
            found.append(await _once(database, load))
    return [median_by_ratio(found)]


ROW = Row("intake-http-batch", measure)
