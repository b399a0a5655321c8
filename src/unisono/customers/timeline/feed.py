"""The live feed of events: what is written is told to whoever listens, in log order, from any position on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec

from unisono.customers.timeline.following import Follower, Told
from unisono.customers.timeline.model import Event, Position
from unisono.customers.timeline.service import as_event
from unisono.customers.timeline.watching import LogWatch
from unisono.kit.database import Connection, Pool
from unisono.kit.sql import load

_sql = load("unisono.customers.timeline")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a listener wants; empty means all."""

    person: int | None = None
    """Any id the person has or had: what is told follows joins and splits."""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    @property
    def anchors(self) -> tuple[int, ...] | None:
        """The person, as those who listen to a log name persons."""
        return None if self.person is None else (self.person,)

    def takes(self, event: Event, /) -> bool:
        """Whether the event is wanted, its person aside."""
        return (
            (not self.types or event.type in self.types)
            and (not self.names or event.name in self.names)
            and (not self.channels or event.channel in self.channels)
        )


Beside = TypeVar("Beside", bound=Follower[Any, Any])


class Feed(Follower[Event, Wanted]):
    """The follower of the events of one process, those who listen to it, and followers of other logs beside it."""

    def __init__(self, pool: Pool) -> None:
        self.watch = LogWatch(pool)
        super().__init__(pool, self.watch.log)
        self._beside: dict[Callable[[Pool, LogWatch], Any], Follower[Any, Any]] = {}
        self._making = asyncio.Lock()

    async def start(self) -> None:
        """Follow the log from its present end. Raises Unavailable without database."""
        await super().start()
        self._tasks.append(asyncio.create_task(self.watch.run(), name="feed-watch"))

    async def stop(self) -> None:
        """Let all listeners go, those of the followers beside it too, and end."""
        for follower in self._beside.values():
            await follower.stop()
        await super().stop()

    async def beside(self, make: Callable[[Pool, LogWatch], Beside]) -> Beside:
        """The follower of another log in this process: one of each kind, begun when it is first asked for and
        stopped with this one. They share one watch, so however many logs there are, one connection waits.

        Raises Unavailable without database.
        """
        async with self._making:
            if make not in self._beside:
                follower = make(self._pool, self.watch)
                await follower.start()
                self._beside[make] = follower
            return cast("Beside", self._beside[make])

    async def read_page(
        self, conn: Connection, after: Position, wanted: Wanted | None, *, until: Position, limit: int
    ) -> Told[Event]:
        """The next wanted events after a position, up to a settled one."""
        if after >= until:
            return Told((), after)
        wanted = wanted or Wanted()
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
