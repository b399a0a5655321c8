"""``intake-http-single``: requests a second with one event each, from 64 clients.

What: a real ``unisono web`` process, a public write key, 20,000 requests ``POST /v1/track`` (and its brothers by the
event's type); every answer comes after its commit. Limit: the same requests to the same server with a route that
decodes the JSON and gives it back (``unisono.bench.echo``), nothing else. Each repeat has a fresh database; the median
by ratio counts.
"""

from __future__ import annotations

import os

from unisono.bench.http import Driven, drive, post
from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, median_by_ratio, milliseconds
from unisono.bench.rows.intake_import import must_hold
from unisono.bench.scratch import Scratch, free_port, start
from unisono.bench.workload import month

WANTED = Wanted("at least", 0.35)
WARM_UP = 200
"""Requests before the clock starts: connections, prepared statements, the key's look-up."""


async def measured_drive(port: int, requests: list[bytes], clients: int) -> Driven:
    """Drive after a warm-up. Raises BenchError for an answer other than 200."""
    first = await drive(port, requests[:WARM_UP], clients)
    driven = await drive(port, requests[WARM_UP:], clients)
    if first.refused or driven.refused:
        raise BenchError(f"{first.refused + driven.refused} of {len(requests)} requests were not answered with 200.")
    return driven


async def echo(requests: list[bytes], clients: int) -> float:
    """Requests a second of the bare echo."""
    port = free_port()
    server = start(["unisono.bench.echo", str(port)], port, serve_parent=str(os.getpid()))
    try:
        await server.wait_until_ready("/ready")
        driven = await measured_drive(port, requests, clients)
    finally:
        server.stop()
    return len(driven.latencies) / driven.seconds


async def _once(bench: Scratch, load: Load) -> Measured:
    items = list(month(load.requests, seed=2))
    limit = await echo([post("/echo", item) for item in items], load.clients)
    async with bench.database() as database:
        key = await database.key("browser")
        async with database.web() as web:
            requests = [post(f"/v1/{_kind(item)}", item, key) for item in items]
            driven = await measured_drive(web.port, requests, load.clients)
        await must_hold(database.pool, len(items))
    return Measured(
        row="intake-http-single",
        value=len(driven.latencies) / driven.seconds,
        unit="requests/s",
        wanted=WANTED,
        limit=limit,
        limit_is="bare JSON echo",
        note=f"{load.clients} clients: {milliseconds(driven.latencies)}",
    )


def _kind(item: bytes) -> str:
    """The path of an event: its type, which the workload writes without spaces."""
    return next(kind for kind in ("track", "identify", "page") if f'"type":"{kind}"'.encode() in item)


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    return [median_by_ratio([await _once(bench, load) for _ in range(load.repeats)])]


ROW = Row("intake-http-single", measure)
