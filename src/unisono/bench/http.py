"""The leanest client that speaks HTTP/1.1 on a kept connection.

The machine that asks is the machine that answers: what a comfortable client costs would be missing on the other side.
Requests are encoded beforehand; of an answer only its status and length are read.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Sequence
from typing import NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


def get(path: str, key: str | None = None) -> bytes:
    """A GET, with a secret key if given."""
    authorization = f"authorization: Bearer {key}\r\n" if key else ""
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\n{authorization}\r\n".encode()


def post(path: str, body: bytes, key: str | None = None) -> bytes:
    """A POST of JSON, with the key as the field's clients send it."""
    authorization = ""
    if key:
        authorization = f"authorization: Basic {base64.b64encode(f'{key}:'.encode()).decode()}\r\n"
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{authorization}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class Link(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._waiting: asyncio.Future[Answer] | None = None
        self._buffer = b""

    @classmethod
    async def open(cls, port: int) -> Link:
        """Connect to a port of this machine."""
        _, link = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop's word that we are connected."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        self._buffer = data = self._buffer + data if self._buffer else data
        head = data.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(data, 0, head)
        end = head + 4 + (int(length[1]) if length else 0)
        if len(data) < end:
            return
        self._buffer = b""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Answer(int(data[9:12]), data[head + 4 : end]))

    def connection_lost(self, error: Exception | None) -> None:
        """The other side is gone."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionResetError("the connection was closed"))

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the answer comes in the future."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def close(self) -> None:
        """End the connection."""
        self._transport.close()


class Driven(NamedTuple):
    """What came of many requests."""

    seconds: float
    latencies: list[float]
    """Seconds of each request, from sending it to having read its answer."""
    refused: int
    """Answers that were not the one wanted."""


async def drive(port: int, requests: Sequence[bytes], clients: int, *, status: int = 200) -> Driven:
    """Send all requests over so many connections, each sending the next one when it has been answered."""
    links = [await Link.open(port) for _ in range(clients)]
    left = iter(requests)
    latencies: list[float] = []
    refused = 0
    clock = time.perf_counter

    async def client(link: Link) -> None:
        nonlocal refused
        for request in left:
            sent = clock()
            answer = await link.ask(request)
            latencies.append(clock() - sent)
            refused += answer.status != status

    began = clock()
    await asyncio.gather(*(client(link) for link in links))
    seconds = clock() - began
    for link in links:
        link.close()
    return Driven(seconds, latencies, refused)
