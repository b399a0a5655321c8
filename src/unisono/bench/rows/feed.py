"""``feed-p99``: from sending an event to having it on the live feed.

What: one reader of ``GET /api/stream`` (server-sent events) on a web process with a worker beside it; 1,000 events sent
one by one, 50 a second; the clock starts when the request is sent, so that the commit is part of it. The 99th
percentile is wanted under 250 ms. An event that does not come within ten seconds fails the row.
"""

from __future__ import annotations

import asyncio
import re
import time

import msgspec

from unisono.bench.http import Link, get, post
from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, milliseconds, percentile
from unisono.bench.scratch import Scratch

WANTED = Wanted("under", 250.0)
EVERY = 0.02
PATIENCE = 10.0

_MARK = re.compile(rb"feed-mark-(\d{7})-end")


async def _listen(port: int, key: str, arrived: dict[int, float], opened: asyncio.Event) -> None:
    """Note when each mark is seen for the first time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(get("/api/stream", key))
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise BenchError(f"GET /api/stream was answered with {head.split(b' ', 2)[1].decode()}.")
    opened.set()
    tail = b""
    while data := await reader.read(65536):
        now = time.perf_counter()
        tail += data
        for mark in _MARK.finditer(tail):
            arrived.setdefault(int(mark[1]), now)
        tail = tail[-32:]
    raise BenchError("The feed ended.")


async def _send(port: int, key: str, events: int) -> dict[int, float]:
    """When each event was sent."""
    link = await Link.open(port)
    sent: dict[int, float] = {}
    for number in range(events):
        event = {
            "messageId": f"feed-{number}",
            "anonymousId": f"feed-device-{number % 100}",
            "event": "Product Viewed",
            "properties": {"product_id": f"feed-mark-{number:07d}-end"},
        }
        sent[number] = time.perf_counter()
        answer = await link.ask(post("/v1/track", msgspec.json.encode(event), key))
        if answer.status != 200:
            raise BenchError(f"An event was answered with {answer.status}.")
        await asyncio.sleep(max(0.0, EVERY - (time.perf_counter() - sent[number])))
    link.close()
    return sent


async def _opened(listening: asyncio.Task[None], opened: asyncio.Event) -> None:
    """Wait for the feed's head. Raises what the listener raised."""
    waiting = asyncio.create_task(opened.wait())
    await asyncio.wait({listening, waiting}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if listening.done():
        listening.result()
    if not opened.is_set():
        raise BenchError("GET /api/stream does not answer.")


async def _last_ones(arrived: dict[int, float], events: int, listening: asyncio.Task[None]) -> None:
    """Wait for what is still under way, as long as the patience lasts."""
    end = time.perf_counter() + PATIENCE
    while len(arrived) < events and not listening.done() and time.perf_counter() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    async with bench.database() as database, database.web(worker=True) as web:
        browser, reader = await database.key("browser"), await database.key("server", "people:read")
        arrived: dict[int, float] = {}
        opened = asyncio.Event()
        listening = asyncio.create_task(_listen(web.port, reader, arrived, opened))
        try:
            await _opened(listening, opened)
            sent = await _send(web.port, browser, load.feed_events)
            await _last_ones(arrived, len(sent), listening)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    if len(arrived) < len(sent):
        raise BenchError(f"{len(sent) - len(arrived)} of {len(sent)} events did not come on the feed.")
    latencies = [arrived[number] - at for number, at in sent.items()]
    return [
        Measured(
            row="feed-p99",
            value=percentile(latencies, 99) * 1000,
            unit="ms",
            wanted=WANTED,
            note=f"from sending to arriving: {milliseconds(latencies)}",
        )
    ]


ROW = Row("feed-p99", measure)
