"""``propagation``: from changing something to every subscribed channel having it.

What: a web process with a worker beside it; eight readers of ``GET /api/changes/stream`` over HTTP and two webhooks,
each with a receiver that answers at once. Prices and stock of fifty skus change, a hundred times a second, each in a
transaction of its own. The clock starts before the transaction and stops when the last of the ten channels has the
change; the 95th percentile of that is wanted under 250 ms. A change that one channel does not have within ten seconds,
or has twice, fails the row.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from unisono.bench.http import get
from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, milliseconds, percentile
from unisono.bench.scratch import Database, Scratch
from unisono.commerce.changes.model import Kind, NewChange
from unisono.commerce.changes.service import record_changes
from unisono.commerce.changes.webhooks import service as webhooks
from unisono.customers.web import unit

WANTED = Wanted("under", 250.0)
STREAMS = 8
WEBHOOKS = 2
SUBJECTS = 50
RATE = 100
PATIENCE = 10.0

_MARK = re.compile(rb'"mark":(\d+)\D')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

Saw = Callable[[int], None]


async def _listen(port: int, key: str, saw: Saw, opened: asyncio.Event) -> None:
    """A channel that reads the stream."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(get("/api/changes/stream", key))
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise BenchError(f"GET /api/changes/stream was answered with {head.split(b' ', 2)[1].decode()}.")
    rest = b""
    while data := await reader.read(65536):
        opened.set()
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            for mark in _MARK.finditer(line):
                saw(int(mark[1]))
    raise BenchError("The stream ended.")


async def _receive(saw: Saw) -> asyncio.Server:
    """A channel that is told by webhook."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                mark = _MARK.search(body)
                if mark:
                    saw(int(mark[1]))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def _change(database: Database, changes: int) -> dict[int, float]:
    """Change things at the rate; when each change began."""
    began: dict[int, float] = {}
    writing: set[asyncio.Task[None]] = set()
    sequences: Counter[str] = Counter()
    locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def one(number: int) -> None:
        kind: Kind = "price" if number % 2 else "stock"
        subject = f"{kind}:SKU-{number % SUBJECTS}" + ("" if number % 2 else "@milano")
        # A subject is changed by one transaction at a time, as the row whose version it is would be.
        async with locks[subject]:
            sequences[subject] += 1
            began[number] = time.perf_counter()
            async with unit(database.pool) as conn:
                await record_changes(
                    conn, [NewChange(kind, subject, sequences[subject], {"mark": number, "amount_minor": 1290})]
                )

    start = time.perf_counter()
    for number in range(changes):
        task = asyncio.create_task(one(number))
        writing.add(task)
        task.add_done_callback(writing.discard)
        await asyncio.sleep(max(0.0, start + (number + 1) / RATE - time.perf_counter()))
    await asyncio.gather(*writing)
    return began


class _Seen:
    """When each channel had each change."""

    def __init__(self) -> None:
        self.at: dict[int, dict[int, float]] = defaultdict(dict)
        self.again = 0

    def by(self, channel: int) -> Saw:
        """What a channel calls when it has a change."""

        def saw(mark: int) -> None:
            if channel in self.at[mark]:
                self.again += 1
            self.at[mark].setdefault(channel, time.perf_counter())

        return saw

    def missing(self, changes: int) -> int:
        """How often a channel lacks a change."""
        return sum(STREAMS + WEBHOOKS - len(self.at[mark]) for mark in range(changes))


async def _subscribe(database: Database, port: int, seen: _Seen, stack: AsyncExitStack) -> None:
    """All ten channels, ready."""
    key = await database.key("server", "commerce:read")
    for number in range(WEBHOOKS):
        server = await _receive(seen.by(number))
        stack.callback(server.close)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with database.pool.acquire() as conn:
            name = f"receiver {number}"
            await webhooks.create(conn, name=name, url=url, private=True, actor="bench", now=datetime.now(UTC))
    opened = [asyncio.Event() for _ in range(STREAMS)]
    for number, event in enumerate(opened):
        task = asyncio.create_task(_listen(port, key, seen.by(WEBHOOKS + number), event))
        stack.callback(task.cancel)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(event.wait() for event in opened))


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    seen = _Seen()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(bench.database())
        web = await stack.enter_async_context(database.web(worker=True, webhook_private_addresses="true"))
        try:
            await _subscribe(database, web.port, seen, stack)
        except TimeoutError:
            raise BenchError("GET /api/changes/stream does not answer.") from None
        # The worker looks for new webhooks once a second.
        await asyncio.sleep(2.5)
        began = await _change(database, load.feed_events)
        end = time.perf_counter() + PATIENCE
        while seen.missing(len(began)) and time.perf_counter() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        lacking = seen.missing(len(began))
    if lacking or seen.again:
        raise BenchError(f"{lacking} times a channel did not get a change, {seen.again} times it got one twice.")
    until_all = [max(seen.at[mark].values()) - at for mark, at in began.items()]
    by_stream = [at - began[mark] for mark, found in seen.at.items() for one, at in found.items() if one >= WEBHOOKS]
    by_webhook = [at - began[mark] for mark, found in seen.at.items() for one, at in found.items() if one < WEBHOOKS]
    return [
        Measured(
            row="propagation-p95",
            value=percentile(until_all, 95) * 1000,
            unit="ms",
            wanted=WANTED,
            note=f"{RATE} changes/s to {STREAMS} streams and {WEBHOOKS} webhooks, until all have it;"
            f" streams {milliseconds(by_stream)}; webhooks {milliseconds(by_webhook)}",
        )
    ]


ROW = Row("propagation", measure)
