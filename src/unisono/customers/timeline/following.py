"""Following a log: one follower a process reads it in commit order and tells whoever listens.

The log may be any table whose rows have a place ``(txid, id)``: events, changes. A listener that resumes first reads
the log from its own position and is let in at the moment it has caught up, so nothing is lost and nothing told twice.
One that does not keep up is cut off, and resumes from where it was.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any, Generic, Protocol, TypeVar

import asyncpg
import msgspec
import structlog

from unisono.customers.timeline.model import BEGINNING, Position
from unisono.customers.timeline.watching import LogEnd, Watched
from unisono.kit.database import AWAY, Connection, Pool, connection, raise_if_cancelled
from unisono.kit.sql import load

log = structlog.get_logger("unisono.feed")

_sql = load("unisono.customers.timeline")

PAGE = 500
"""Rows read at once."""

MOST_WAITING = 2000
"""Items that may wait for one listener before it is cut off: two seconds of a thousand a second."""

HEARTBEAT = 15.0
"""Seconds of silence after which a listener hears that the feed is alive."""


class Item(Protocol):
    """Something in a log."""

    @property
    def position(self) -> Position:
        """Where it stands."""

    @property
    def node_id(self) -> int | None:
        """Whose it is; None when it is nobody's, and so everybody's to know."""


ItemT = TypeVar("ItemT", bound=Item)
Item_contra = TypeVar("Item_contra", bound=Item, contravariant=True)


class Wants(Protocol[Item_contra]):
    """What a listener wants of a log."""

    @property
    def anchors(self) -> Collection[int] | None:
        """Ids of the persons whose items are wanted, through joins and splits; None for everybody's."""

    def takes(self, item: Item_contra, /) -> bool:
        """Whether an item is wanted, its person aside."""


WantsT = TypeVar("WantsT", bound=Wants[Any])


class Told(msgspec.Struct, Generic[ItemT], frozen=True):
    """Some items, and the position up to which a listener now knows all there is for it."""

    items: tuple[ItemT, ...]
    position: Position
    live: bool = False
    """Told as they were written, not read back."""


def sse(told: Told[ItemT], shape: Callable[[ItemT], Any]) -> bytes:
    """What is told as server-sent events; without items a comment that only moves the position on."""
    if not told.items:
        return b"id: %s\n: alive\n\n" % str(told.position).encode()
    return b"".join(
        b"id: %s\ndata: %s\n\n" % (str(item.position).encode(), msgspec.json.encode(shape(item))) for item in told.items
    )


class _Listener(Generic[ItemT, WantsT]):
    """One who listens: what waits for it, and where it is."""

    def __init__(self, wanted: WantsT, position: Position) -> None:
        self.wanted = wanted
        self.position = position
        self.waiting: deque[ItemT] = deque()
        self.news = asyncio.Event()
        self.lost = False

    def offer(self, item: ItemT) -> None:
        if self.lost or item.position <= self.position:
            return
        if len(self.waiting) >= MOST_WAITING:
            self.cut_off()
            return
        self.waiting.append(item)
        self.news.set()

    def cut_off(self) -> None:
        self.lost = True
        self.waiting.clear()
        self.news.set()

    def take(self) -> tuple[ItemT, ...]:
        items = tuple(self.waiting)
        self.waiting.clear()
        self.news.clear()
        return items


class Follower(ABC, Generic[ItemT, WantsT]):
    """The follower of one log in one process, and those who listen to it."""

    def __init__(self, pool: Pool, watched: Watched) -> None:
        self._pool = pool
        self._watched = watched
        self._listeners: set[_Listener[ItemT, WantsT]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.position = BEGINNING
        """All up to here has been told."""

    @abstractmethod
    async def read_page(
        self, conn: Connection, after: Position, wanted: WantsT | None, *, until: Position, limit: int
    ) -> Told[ItemT]:
        """The next wanted items (None: all) after a position, up to a settled one."""

    @property
    def read_end(self) -> LogEnd:
        """How the log's end is read."""
        return self._watched.read_end

    async def start(self) -> None:
        """Follow the log from its present end. Raises Unavailable without database."""
        async with connection(self._pool) as conn:
            self.position, _ = await self.read_end(conn)
        self._tasks.append(asyncio.create_task(self._follow(), name="follower"))

    async def stop(self) -> None:
        """Let all listeners go and end."""
        for listener in list(self._listeners):
            listener.cut_off()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    async def _follow(self) -> None:
        while True:
            await self._watched.beyond(self.position, HEARTBEAT)
            try:
                while self.position < self._watched.end:
                    await self._tell(self._watched.end)
            except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
                raise_if_cancelled()
                log.warning("feed.database_away", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.5)

    async def _tell(self, end: Position) -> None:
        """Read the next page and give it to all; with nobody there, there is nothing to read."""
        if not self._listeners:
            self.position = end
            return
        async with self._pool.acquire(timeout=10) as conn:
            told = await self.read_page(conn, self.position, None, until=end, limit=PAGE)
            person_of = await self._persons(conn, told.items)
        # No await from here on: a listener comes in either before or after this page, never in its middle.
        for listener in self._listeners:
            anchors = listener.wanted.anchors
            persons = None if anchors is None else {person_of.get(anchor) for anchor in anchors}
            for item in told.items:
                if _is_theirs(item, persons, person_of) and listener.wanted.takes(item):
                    listener.offer(item)
        self.position = told.position

    async def _persons(self, conn: Connection, items: Sequence[ItemT]) -> dict[int, int]:
        """Whose the nodes of these items and of the wanted persons are, all at one moment."""
        anchors = {anchor for listener in self._listeners for anchor in listener.wanted.anchors or ()}
        if not anchors:
            return {}
        ids = anchors | {item.node_id for item in items if item.node_id is not None}
        return {row["id"]: row["person_id"] for row in await _sql.persons_of_nodes(conn, ids=list(ids))}

    async def page(self, after: Position, wanted: WantsT, *, limit: int, wait: float = 0) -> Told[ItemT]:
        """The next wanted items after a position; when there are none, wait for one so many seconds.

        Raises Unavailable without database.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            async with connection(self._pool) as conn:
                end, _ = await self.read_end(conn)
                told = await self.read_page(conn, after, wanted, until=end, limit=limit)
            left = deadline - loop.time()
            if told.items or left <= 0:
                return told
            after = told.position
            await self._watched.beyond(max(after, end), left)

    async def listen(self, wanted: WantsT, after: Position | None = None) -> AsyncIterator[Told[ItemT]]:
        """What is wanted, from a position (or from now) on; without items each ``HEARTBEAT`` seconds.

        Ends when the listener does not keep up or the feed stops: go on from the last position then.
        Raises Unavailable when the database goes away before the listener has caught up.
        """
        position = self.position if after is None else after
        yield Told((), position)
        while position < self.position:
            async with connection(self._pool) as conn:
                told = await self.read_page(conn, position, wanted, until=self.position, limit=PAGE)
            position = told.position
            yield told
        listener: _Listener[ItemT, WantsT] = _Listener(wanted, position)
        self._listeners.add(listener)
        try:
            while not listener.lost:
                if not await _within(listener.news, HEARTBEAT) and not listener.waiting:
                    yield Told((), max(listener.position, self.position))
                    continue
                items = listener.take()
                if items:
                    yield Told(items, items[-1].position, live=True)
        finally:
            self._listeners.discard(listener)


def _is_theirs(item: Item, persons: Collection[int | None] | None, person_of: dict[int, int]) -> bool:
    return persons is None or item.node_id is None or person_of.get(item.node_id, -1) in persons


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
