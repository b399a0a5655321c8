"""Databases for tests: one server a run, one migrated template, a copy of it for each test."""

from __future__ import annotations

import asyncio
import atexit
import functools
import itertools
import os
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from queue import SimpleQueue
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.postgres import MEMORY, start_test_server
from unisono.kit.database import AWAY
from unisono.kit.migrations import migrate

TEMPLATE = f"unisono_template_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
"""One for each process of a run: on a server somebody gave they are neighbours."""


@functools.cache
def start_once() -> str:
    """The address of the server all tests of this process share."""
    return start_test_server().dsn


def address(dsn: str, database: str) -> str:
    """The same server, another database."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(path=f"/{database}"))


async def template_database(dsn: str) -> str:
    """Make the migrated template anew; returns its address."""
    admin = await asyncpg.connect(dsn)
    await admin.execute(f'drop database if exists "{TEMPLATE}" with (force)')
    await admin.execute(f'create database "{TEMPLATE}"')
    await admin.close()
    conn = await asyncpg.connect(address(dsn, TEMPLATE))
    await migrate(conn)
    await conn.close()
    return address(dsn, TEMPLATE)


class Copies:
    """Copies of the template, made and dropped by a thread of its own while a test waits for one, never beside a test:
    whoever follows the log does not see past the oldest transaction of the whole server, a ``create database`` too.

    In memory as a copy of files (20 ms of processor time to make and to drop one, by way of the log 31), on a disk by
    way of the log, whose files are not waited for.
    """

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._numbers = itertools.count()
        self._run = uuid.uuid4().hex[:8]
        self._todo: SimpleQueue[tuple[bool, str] | None] = SimpleQueue()
        self._ready: SimpleQueue[str | BaseException] = SimpleQueue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()), name="copies", daemon=True)
        self._old: list[str] = []
        self._thread.start()
        atexit.register(self._end)

    async def take(self) -> str:
        """The name of a fresh one, nobody else's; raises what went wrong in making it."""
        self._drop_old()
        self._todo.put((True, f"t_{self._run}_{next(self._numbers)}"))
        made = await asyncio.to_thread(self._ready.get)
        if isinstance(made, BaseException):
            raise made
        return made

    def give_back(self, name: str) -> None:
        """It will be dropped, whoever is connected."""
        self._old.append(name)

    def _drop_old(self) -> None:
        while self._old:
            self._todo.put((False, self._old.pop()))

    def _end(self) -> None:
        self._drop_old()
        self._todo.put(None)
        self._thread.join(timeout=10)

    async def _work(self) -> None:
        admin: asyncpg.Connection[asyncpg.Record] | None = None
        # Nothing else runs in this loop: it may stand still.
        while todo := self._todo.get():
            making, name = todo
            try:
                if admin is None or admin.is_closed():
                    admin = await asyncpg.connect(self.dsn)
                await (self._make if making else self._drop)(admin, name)
            except (asyncpg.PostgresError, *AWAY) as error:
                if making:
                    self._ready.put(error)
        if admin is not None:
            with suppress(*AWAY):
                await admin.close()

    async def _make(self, admin: asyncpg.Connection[asyncpg.Record], name: str) -> None:
        in_memory = str(await admin.fetchval("show data_directory")).startswith(f"{MEMORY}/")
        strategy = "file_copy" if in_memory else "wal_log"
        await admin.execute(f'create database "{name}" template "{TEMPLATE}" strategy {strategy}')
        self._ready.put(name)

    async def _drop(self, admin: asyncpg.Connection[asyncpg.Record], name: str) -> None:
        await admin.execute(f'drop database if exists "{name}" with (force)')


@functools.cache
def copies(dsn: str) -> Copies:
    """Those of a server; its template must be there."""
    return Copies(dsn)


async def fresh_database(dsn: str) -> str:
    """The address of a copy of the template; whoever takes it drops it in the end."""
    return address(dsn, await copies(dsn).take())


def drop_database(dsn: str, database: str) -> None:
    """Have the database at this address dropped, whoever is connected; returns at once."""
    copies(dsn).give_back(urlsplit(database).path.removeprefix("/"))


@asynccontextmanager
async def own_database(dsn: str) -> AsyncIterator[str]:
    """A fresh migrated database, dropped at the end; the template must be there."""
    fresh = await fresh_database(dsn)
    try:
        yield fresh
    finally:
        drop_database(dsn, fresh)
