"""The feed of changes: every channel hears what changed, in commit order, from any position on.

One follower a process, begun when somebody first listens, beside that of the events.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from litestar import Request

from unisono.commerce.changes.model import OPEN_KINDS, Change, Wanted
from unisono.commerce.changes.propagation import Meter
from unisono.commerce.changes.service import as_change
from unisono.customers.timeline.feed import Feed
from unisono.customers.timeline.following import Follower, Told
from unisono.customers.timeline.model import Position
from unisono.customers.timeline.watching import LogWatch, as_end
from unisono.kit.database import Connection, Pool
from unisono.kit.sql import load

_sql = load("unisono.commerce.changes")


async def changes_end(conn: Connection) -> tuple[Position, bool]:
    """The last settled position of the changes, and whether some above it wait for an older transaction."""
    return as_end(await _sql.changes_end(conn))


class ChangeFeed(Follower[Change, Wanted]):
    """The follower of the changes in one process, those who listen, and how soon they heard."""

    def __init__(self, pool: Pool, watch: LogWatch) -> None:
        super().__init__(pool, watch.watch(changes_end))
        self.meter = Meter(pool)

    async def start(self) -> None:
        """Follow the changes from their present end. Raises Unavailable without database."""
        await super().start()
        self._tasks.append(asyncio.create_task(self.meter.run(), name="propagation"))

    async def stop(self) -> None:
        """Let all listeners go, write down what was measured, and end."""
        await super().stop()
        await self.meter.flush()

    async def read_page(
        self, conn: Connection, after: Position, wanted: Wanted | None, *, until: Position, limit: int
    ) -> Told[Change]:
        """The next wanted changes after a position, up to a settled one."""
        if after >= until:
            return Told((), after)
        wanted = wanted or Wanted()
        rows = await _sql.follow_changes(
            conn,
            txid=str(after.txid),
            id=after.id,
            until_txid=str(until.txid),
            until_id=until.id,
            kinds=list(wanted.kinds) or None,
            subjects=list(wanted.subjects) or None,
            skus=list(wanted.skus) or None,
            locations=list(wanted.locations) or None,
            nodes=None if wanted.nodes is None else list(wanted.nodes),
            open_kinds=list(OPEN_KINDS),
            limit=limit,
        )
        changes = tuple(as_change(row) for row in rows)
        return Told(changes, changes[-1].position if len(changes) == limit else until)

    async def listen_as(self, channel: str, wanted: Wanted, after: Position | None) -> AsyncIterator[Told[Change]]:
        """As `listen`; how soon ``channel`` had each change is measured when the next one is asked for."""
        async for told in self.listen(wanted, after):
            yield told
            if told.live:
                self.meter.saw(told.items, channel)


async def feed_of(request: Request[Any, Any, Any]) -> ChangeFeed:
    """The feed of changes of this process. Raises Unavailable when it cannot begin without database."""
    events: Feed = request.app.state.feed
    return await events.beside(ChangeFeed)
