"""A receiver of webhooks: a small HTTP server that answers as told and remembers all it was sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec


class Received(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    """What it was answered."""

    @property
    def id(self) -> str:
        """Its webhook-id."""
        return self.headers["webhook-id"]

    @property
    def data(self) -> dict[str, Any]:
        """Its data."""
        found: dict[str, Any] = msgspec.json.decode(self.body)["data"]
        return found


class Reply(NamedTuple):
    """What to answer, and after how many seconds."""

    status: int = 200
    headers: str = ""
    after: float = 0.0


class Receiver:
    """Answers every request as ``reply`` says of it."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.reply: Callable[[Received], Reply] = lambda _: Reply()
        self.port = 0
        self.at_once = 0
        self.most_at_once = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> list[Received]:
        """Those that were answered 2xx."""
        return [one for one in self.received if 200 <= one.status < 300]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self._answer(writer, Received(first.split(" ")[1], headers, body, 0))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, request: Received) -> None:
        reply = self.reply(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(reply.after)
        finally:
            self.at_once -= 1
        self.received.append(request._replace(status=reply.status))
        writer.write(f"HTTP/1.1 {reply.status} X\r\n{reply.headers}content-length: 2\r\n\r\nok".encode())
        await writer.drain()


@asynccontextmanager
async def receiving(port: int = 0, context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a port of this machine."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
