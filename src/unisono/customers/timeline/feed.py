"""The live feed: what is written is told to whoever listens, in log order, from any position on.

One follower a process reads the log once, however many listen. A listener that resumes first reads the log from its
own position and is let in at the moment it has caught up, so nothing is lost and nothing told twice. One that does
not keep up is cut off, and resumes from where it was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

import asyncpg
import msgspec
import structlog

from unisono.customers.timeline.model import BEGINNING, Event, Position
from unisono.customers.timeline.service import as_event
from unisono.customers.timeline.watching import LogWatch, log_end
from unisono.kit.database import AWAY, Connection, Pool, connection
from unisono.kit.sql import load

log = structlog.get_logger("unisono.feed")

_sql = load("unisono.customers.timeline")

PAGE = 500
"""Events read at once."""

MOST_WAITING = 2000
"""Events that may wait for one listener before it is cut off: two seconds of a thousand events a second."""

HEARTBEAT = 15.0
"""Seconds of silence after which a listener hears that the feed is alive."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a listener wants; empty means all."""

    person: int | None = None
    """Any id the person has or had: what is told follows joins and splits."""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def takes(self, event: Event) -> bool:
        """Whether the event is wanted, its person aside."""
        return (
            (not self.types or event.type in self.types)
            and (not self.names or event.name in self.names)
            and (not self.channels or event.channel in self.channels)
        )


class Told(msgspec.Struct, frozen=True):
    """Some events, and the position up to which a listener now knows all there is for it."""

    events: tuple[Event, ...]
    position: Position


async def read_page(conn: Connection, after: Position, wanted: Wanted, *, until: Position, limit: int = PAGE) -> Told:
    """The next wanted events after a position, up to a settled one."""
    if after >= until:
        return Told((), after)
    rows = await _sql.follow_all(
        conn,
        txid=str(after.txid),
        id=after.id,
        until_txid=str(until.txid),
        until_id=until.id,
        types=list(wanted.types) or None,
        names=list(wanted.names) or None,
        channels=list(wanted.channels) or None,
        person=wanted.person,
        limit=limit,
    )
    events = tuple(as_event(row) for row in rows)
    return Told(events, events[-1].position if len(events) == limit else until)


class _Listener:
    """One who listens: what waits for it, and where it is."""

    def __init__(self, wanted: Wanted, position: Position) -> None:
        self.wanted = wanted
        self.position = position
        self.waiting: deque[Event] = deque()
        self.news = asyncio.Event()
        self.lost = False

    def offer(self, event: Event) -> None:
        if self.lost or event.position <= self.position:
            return
        if len(self.waiting) >= MOST_WAITING:
            self.cut_off()
            return
        self.waiting.append(event)
        self.news.set()

    def cut_off(self) -> None:
        self.lost = True
        self.waiting.clear()
        self.news.set()

    def take(self) -> tuple[Event, ...]:
        events = tuple(self.waiting)
        self.waiting.clear()
        self.news.clear()
        return events


class Feed:
    """The follower of one process and those who listen to it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._watch = LogWatch(pool)
        self._listeners: set[_Listener] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.position = BEGINNING
        """All up to here has been told."""

    async def start(self) -> None:
        """Follow the log from its present end. Raises Unavailable without database."""
        async with connection(self._pool) as conn:
            self.position, _ = await log_end(conn)
        self._tasks = [
            asyncio.create_task(self._watch.run(), name="feed-watch"),
            asyncio.create_task(self._follow(), name="feed"),
        ]

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
            await self._watch.beyond(self.position, HEARTBEAT)
            try:
                while self.position < self._watch.end:
                    await self._tell(self._watch.end)
            except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
                log.warning("feed.database_away", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.5)

    async def _tell(self, end: Position) -> None:
        """Read the next page and give it to all; with nobody there, there is nothing to read."""
        if not self._listeners:
            self.position = end
            return
        async with self._pool.acquire(timeout=10) as conn:
            told = await read_page(conn, self.position, Wanted(), until=end)
            person_of = await self._persons(conn, told.events)
        # No await from here on: a listener comes in either before or after this page, never in its middle.
        for listener in self._listeners:
            anchor = listener.wanted.person
            person = person_of.get(anchor) if anchor is not None else None
            for event in told.events:
                if (anchor is None or person_of.get(event.node_id) == person) and listener.wanted.takes(event):
                    listener.offer(event)
        self.position = told.position

    async def _persons(self, conn: Connection, events: Sequence[Event]) -> dict[int, int]:
        """Whose the nodes of these events and of the wanted persons are, all at one moment."""
        anchors = {listener.wanted.person for listener in self._listeners if listener.wanted.person is not None}
        if not anchors:
            return {}
        ids = anchors | {event.node_id for event in events}
        return {row["id"]: row["person_id"] for row in await _sql.persons_of_nodes(conn, ids=list(ids))}

    async def page(self, after: Position, wanted: Wanted, *, limit: int, wait: float = 0) -> Told:
        """The next wanted events after a position; when there are none, wait for one so many seconds.

        Raises Unavailable without database.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            async with connection(self._pool) as conn:
                end, _ = await log_end(conn)
                told = await read_page(conn, after, wanted, until=end, limit=limit)
            left = deadline - loop.time()
            if told.events or left <= 0:
                return told
            after = told.position
            await self._watch.beyond(max(after, end), left)

    async def listen(self, wanted: Wanted, after: Position | None = None) -> AsyncIterator[Told]:
        """What is wanted, from a position (or from now) on; without events each ``HEARTBEAT`` seconds.

        Ends when the listener does not keep up or the feed stops: go on from the last position then.
        Raises Unavailable when the database goes away before the listener has caught up.
        """
        position = self.position if after is None else after
        yield Told((), position)
        while position < self.position:
            async with connection(self._pool) as conn:
                told = await read_page(conn, position, wanted, until=self.position)
            position = told.position
            yield told
        listener = _Listener(wanted, position)
        self._listeners.add(listener)
        try:
            while not listener.lost:
                if not await _within(listener.news, HEARTBEAT) and not listener.waiting:
                    yield Told((), max(listener.position, self.position))
                    continue
                events = listener.take()
                if events:
                    yield Told(events, events[-1].position)
        finally:
            self._listeners.discard(listener)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
