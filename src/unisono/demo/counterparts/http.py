"""The HTTP counterparts' server: each provider under its name, the book under ``/_/``.

GET  /_/counts            what came, by provider
GET  /_/taken?provider=x  the last messages, newest first
GET  /_/often?provider=x  how often which message came
POST /_/modes             one `Mode` or a list of them: fail so
POST /_/forget            begin anew
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from unisono.demo.counterparts.model import Answer, Asked, Book, Callback, Mode, Provider
from unisono.kit.http import Cut, Http, NotSent

LARGEST: Final = 10 * 1024 * 1024

_LOST = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError)


class Server:
    """Answers for all providers."""

    def __init__(self, providers: Iterable[Provider], book: Book) -> None:
        self.book = book
        self.port = 0
        self.refused: list[str] = []
        """Callbacks of ours that nobody took."""
        self._providers = {provider.name: provider for provider in providers}
        self._http = Http(private=True, width=50)
        self._calling: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()

    def url(self, provider: str) -> str:
        """A provider's base address."""
        return f"http://127.0.0.1:{self.port}/{provider}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except _LOST:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def close(self) -> None:
        """Hang up, and make no more calls."""
        for task in self._calling:
            task.cancel()
        for writer in list(self._open):
            writer.close()
        await self._http.close()

    async def settled(self) -> None:
        """Until all calls that are due were made."""
        while self._calling:
            await asyncio.gather(*self._calling)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another may follow."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        size = int(headers.get("content-length", "0"))
        if size > LARGEST:
            return False
        body = await reader.readexactly(size)
        parts = urlsplit(target)
        name, _, rest = parts.path.lstrip("/").partition("/")
        asked = Asked(method=method, path=f"/{rest}", query=dict(parse_qsl(parts.query)), headers=headers, body=body)
        if name == "_":
            await _write(writer, self._control(asked))
            return True
        provider = self._providers.get(name)
        if provider is None:
            await _write(writer, Answer(status=404, body={"error": f"there is no counterpart {name}"}))
            return True
        return await self._provided(provider, asked, writer)

    async def _provided(self, provider: Provider, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        text = f"{asked.path} {asked.body.decode('utf-8', 'replace')}"
        mode = self.book.mode_for(provider.name, text) or Mode(provider=provider.name)
        if mode.cut == "before":
            writer.transport.abort()
            return False
        answer = provider.answer(asked)
        if mode.status is None or mode.takes:
            for taken in answer.taken:
                self.book.take(taken)
            for callback in answer.then:
                task = asyncio.create_task(self._call(callback))
                self._calling.add(task)
                task.add_done_callback(self._calling.discard)
        await asyncio.sleep(mode.after)
        if mode.cut == "after":
            writer.transport.abort()
            return False
        if mode.status is not None:
            answer = Answer(status=mode.status, body=mode.body, headers=mode.headers)
        await _write(writer, answer)
        return True

    async def _call(self, callback: Callback) -> None:
        await asyncio.sleep(callback.after)
        try:
            reply = await self._http.request("POST", callback.url, headers=callback.headers, content=callback.body)
        except (NotSent, Cut) as error:
            self.refused.append(str(error))
        else:
            if not reply.ok:
                self.refused.append(f"{reply.status} {reply.words()}")

    def _control(self, asked: Asked) -> Answer:
        provider = asked.query.get("provider", "")
        if asked.path == "/counts":
            return Answer(body=self.book.summary())
        if asked.path == "/taken":
            found = [one for one in reversed(self.book.recent) if provider in ("", one.provider)]
            return Answer(body=found)
        if asked.path == "/often":
            return Answer(body=self.book.of(provider))
        if asked.path == "/modes" and asked.method == "POST":
            self.book.told(*msgspec.json.decode(asked.body, type=list[Mode]))
            return Answer(body={"ok": True})
        if asked.path == "/forget" and asked.method == "POST":
            self.book.forget()
            return Answer(body={"ok": True})
        return Answer(status=404, body={"error": "not that"})


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    raw = (
        answer.body
        if isinstance(answer.body, bytes)
        else msgspec.json.encode(answer.body if answer.body is not None else {})
    )
    headers: dict[str, Any] = {"content-type": "application/json", **answer.headers, "content-length": len(raw)}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {answer.status} X\r\n{head}\r\n".encode("latin-1") + raw)
    await writer.drain()


@asynccontextmanager
async def serving(providers: Iterable[Provider], book: Book | None = None, port: int = 0) -> AsyncIterator[Server]:
    """The counterparts of providers on a port of this machine."""
    server = Server(providers, book or Book())
    listening = await asyncio.start_server(server.serve, "127.0.0.1", port, limit=2**20)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.close()
