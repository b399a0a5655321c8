"""An installation at work: web, workers, mail server; and means to stop one of them in the middle of something."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.broadcasting import Desk
from tests.support.furnished import furnish
from tests.support.posting import CONTENT, plan, settings_for, sinking
from tests.support.private import Customer, Registry, left_of
from tests.support.secret import TEST_SECRET
from tests.support.shop import open_shop
from unisono.access.keys import SCOPES, create_source
from unisono.kit.database import Pool, open_pool, transaction


class Post(Desk):
    """A desk with the installation's own key, on the real clock."""

    secret = TEST_SECRET

    def clock(self) -> datetime:
        """The present."""
        return datetime.now(UTC)


class Live(Registry):
    """A registry whose customers are also written to, and that hears what every part of it says."""

    post: Post
    folder: Path
    written: int = 0
    """Bytes of the database server's log before this began."""

    @property
    def output(self) -> Path:
        """What web and workers said."""
        return self.folder / "output.log"

    async def write_to(self, *people: Customer, key: str = "dear") -> list[int]:
        """A transactional message to each that names him, due now; the messages."""
        made = []
        for who in people:
            said = {**CONTENT, "email": {"en": {**CONTENT["email"]["en"], "subject": f"Dear {who.name}"}}}
            node = await self.conn.fetchval("select id from node where value = $1", who.email)
            async with transaction(self.pool) as conn:
                made += await plan(conn, [node], now=datetime.now(UTC), key=key, purpose="transactional", content=said)
        return made

    async def settled(self, numbers: list[int], within: float = 60) -> dict[int, str]:
        """Wait until none of these requests runs any more; their states."""
        end = asyncio.get_running_loop().time() + within
        while True:
            rows = await self.conn.fetch("select id, state, progress from privacy_request where id = any($1)", numbers)
            running = [dict(row) for row in rows if row["state"] == "running"]
            if not running:
                return {row["id"]: row["state"] for row in rows}
            assert asyncio.get_running_loop().time() < end, running
            await asyncio.sleep(0.05)

    async def until(self, query: str, *arguments: object, within: float = 30) -> None:
        """Wait until a query says yes."""
        async with asyncio.timeout(within):
            while not await self.conn.fetchval(query, *arguments):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def all_gone(self, *people: Customer) -> None:
        """After the last look nothing of them is anywhere: table, queue, log; nobody waited in a ring; it answers."""
        await self.work(timedelta(minutes=20))
        values = [value for who in people for value in who.values]
        left = await left_of(self.conn, values)
        assert left == [], left
        said = await self.server_log()
        assert "deadlock detected" not in said, said[-3000:]
        said += self.output.read_text("utf-8", "replace") if self.output.exists() else ""
        assert [value for value in values if value.lower() in said.lower()] == []
        assert "Traceback" not in said, said[said.index("Traceback") - 500 :][:6000]
        answer = await self.api("GET", "/api/people/search?q=ada")
        assert answer.status_code == 200, answer.text

    async def server_log(self) -> str:
        """What the database server has written since; empty where somebody else keeps its log."""
        file = await self.conn.fetchval("select pg_current_logfile()")
        if file is None:
            return ""
        size = await self.conn.fetchval("select size from pg_stat_file($1)", file)
        first = self.written if size >= self.written else 0
        return str(await self.conn.fetchval("select pg_read_file($1, $2, $3)", file, first, size - first))


@asynccontextmanager
async def open_live(server_dsn: str, folder: Path) -> AsyncIterator[Live]:
    """Everything there is but workers; gone at the end."""
    output = folder / "output.log"
    async with (
        open_shop(server_dsn, env={"UNISONO_TEST_PAYMENTS": "true"}, output=output) as shop,
        sinking() as sink,
    ):
        made = await create_source(
            shop.conn, name="all", kind="server", actor="test", scopes=frozenset(SCOPES) | {"events:write"}
        )
        pool = await open_pool(shop.dsn, 8)
        live = Live(shop, await furnish(shop, made.key), pool)
        live.folder = folder
        file = await shop.conn.fetchval("select pg_current_logfile()")
        live.written = 0 if file is None else await shop.conn.fetchval("select size from pg_stat_file($1)", file)
        live.post = Post(pool, settings_for(shop.dsn, folder), sink)
        await live.post.free_policy()
        await live.post.account()
        yield live
        await pool.close()


class Gate:
    """Whoever passes a crash point stops there until the gate is opened."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.then: BaseException | None = None
        """What becomes of who stood there, instead of going on."""
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, label: str) -> None:
        """In place of `crash_point`."""
        if label == self.label and not self.reached.is_set():
            self.reached.set()
            assert self._open.wait(60)
            if self.then is not None:
                raise self.then

    def open(self) -> None:
        """Go on."""
        self._open.set()

    async def arrived(self) -> None:
        """Wait until somebody stands there."""
        assert await asyncio.to_thread(self.reached.wait, 60), self.label


@contextmanager
def gate_at(label: str, *modules: ModuleType) -> Iterator[Gate]:
    """A gate at a crash point of these modules; opened at the end whatever happens."""
    gate = Gate(label)
    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            if hasattr(module, "crash_point"):
                patch.setattr(module, "crash_point", gate)
        try:
            yield gate
        finally:
            gate.open()


class Apart:
    """Work in a thread with a loop and connections of its own, so that it can be stopped while others go on."""

    def __init__(self, dsn: str, work: Callable[[Pool], Awaitable[Any]]) -> None:
        self._thread = asyncio.create_task(asyncio.to_thread(asyncio.run, self._run(dsn, work)))

    async def _run(self, dsn: str, work: Callable[[Pool], Awaitable[Any]]) -> Any:
        pool = await open_pool(dsn, 5)
        try:
            return await work(pool)
        finally:
            await pool.close()

    @property
    def going(self) -> bool:
        """Whether it is at work still."""
        return not self._thread.done()

    async def end(self) -> Any:
        """Wait for it; what it returned. Raises what it raised."""
        return await self._thread
