"""A server and processes of the bench's own: nothing of an installation is used, nothing stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from unisono.access.keys import Sender, SourceKind, create_source
from unisono.bench.http import Link, get
from unisono.bench.model import BenchError
from unisono.kit.database import Pool, open_pool
from unisono.kit.embedded import ensure_server
from unisono.kit.migrations import migrate

READY_WITHIN = 60.0
"""Seconds a process of ours may take to answer; about two on an idle machine."""


class Process:
    """One process of ours and the port it serves."""

    def __init__(self, popen: subprocess.Popen[bytes], port: int) -> None:
        self.popen = popen
        self.port = port

    async def wait_until_ready(self, path: str) -> None:
        """Return when it answers 200 at ``path``. Raises BenchError when it ends or takes too long."""
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if self.popen.poll() is not None:
                raise BenchError(f"A process of the bench ended with code {self.popen.returncode}.")
            with contextlib.suppress(OSError):
                link = await Link.open(self.port)
                try:
                    if (await link.ask(get(path))).status == 200:
                        return
                finally:
                    link.close()
            await asyncio.sleep(0.05)
        raise BenchError(f"A process of the bench did not answer within {READY_WITHIN:.0f} seconds.")

    def stop(self) -> None:
        """End it."""
        self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(arguments: list[str], port: int, **settings: str) -> Process:
    """Start a Python module with the given UNISONO_ settings and no others; it ends with us, however we end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNISONO_")}
    environment |= {"UNISONO_LOG_LEVEL": "warning"}
    environment |= {f"UNISONO_{name.upper()}": value for name, value in settings.items()}
    popen = subprocess.Popen(
        [sys.executable, "-m", *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    return Process(popen, port)


class Database:
    """A migrated database for one measurement."""

    def __init__(self, dsn: str, pool: Pool) -> None:
        self.dsn = dsn
        self.pool = pool

    async def key(self, kind: SourceKind, *scopes: str) -> str:
        """Make a source of this kind; its key."""
        async with self.pool.acquire() as conn:
            made = await create_source(
                conn,
                name=f"bench {kind}",
                kind=kind,
                actor="bench",
                scopes=frozenset(scopes),
            )
        return made.key

    async def sender(self) -> Sender:
        """A source of the kind a server has, as the collector knows it once a request has shown its key."""
        async with self.pool.acquire() as conn:
            made = await create_source(conn, name="bench", kind="server", actor="bench")
        return Sender(made.source_id, "bench", "server", made.id, "secret", frozenset({"events:write"}))

    @asynccontextmanager
    async def web(self, *, worker: bool = False, **more: str) -> AsyncIterator[Process]:
        """A real web process on this database, and a worker beside it if wanted, with ``more`` settings; ended
        afterwards."""
        settings = {"database_url": self.dsn, "serve_parent": str(os.getpid()), **more}
        port = free_port()
        running = [start(["unisono.cli", "web", "--port", str(port)], port, **settings)]
        if worker:
            running.append(start(["unisono.cli", "worker"], port, **settings))
        try:
            await running[0].wait_until_ready("/health")
            yield running[0]
        finally:
            for process in running:
                process.stop()


class Scratch:
    """The bench's own server."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """A new migrated database, dropped afterwards."""
        name = f"bench_{uuid.uuid4().hex[:8]}"
        admin = await asyncpg.connect(self._dsn)
        await admin.execute(f'create database "{name}"')
        dsn = urlunsplit(urlsplit(self._dsn)._replace(path=f"/{name}"))
        try:
            conn = await asyncpg.connect(dsn)
            await migrate(conn)
            await conn.close()
            pool = await open_pool(dsn, 6, statement_timeout=600)
            try:
                yield Database(dsn, pool)
            finally:
                await pool.close()
        finally:
            await admin.execute(f'drop database if exists "{name}" with (force)')
            await admin.close()


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary data folder, removed afterwards. The server's user is given it, not its parents."""
    path = Path(tempfile.mkdtemp(prefix="unisono-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def scratch() -> Iterator[Scratch]:
    """A server in a temporary folder; both are gone afterwards."""
    with folder() as path, ensure_server(path) as server:
        yield Scratch(server.dsn)
