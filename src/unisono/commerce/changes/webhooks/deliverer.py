"""The deliverer: one process hands all webhooks over, every endpoint in a lane of its own; others stand by."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from typing import Final

import asyncpg
import structlog

from unisono.commerce.changes import service as changes
from unisono.commerce.changes.feed import changes_end
from unisono.commerce.changes.propagation import Meter
from unisono.commerce.changes.webhooks import service
from unisono.commerce.changes.webhooks.lane import WIDTH, Lane
from unisono.commerce.changes.webhooks.model import Endpoint
from unisono.commerce.changes.webhooks.sending import Sender
from unisono.customers.timeline.watching import LogWatch, is_gone
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import AWAY, Connection, Pool, raise_if_cancelled
from unisono.kit.http import trust

log = structlog.get_logger("unisono.webhooks")

LOOK: Final = 1.0
"""Seconds between two looks at the endpoints: how soon a new one, a replay, the end of the leader is noticed."""

KEPT: Final = timedelta(days=30)
"""How long the log tells of a delivery that was made."""

FORGETS_EVERY: Final = 600.0
"""Seconds."""

CHANGES_KEPT: Final = timedelta(days=90)
"""How long every change is kept, where the settings do not say."""

FORGOTTEN_AT_ONCE: Final = 5000
"""Changes looked at in one transaction."""

PORTIONS: Final = 20
"""Transactions each time: a hundred thousand changes every ten minutes is more than anybody writes."""


class Deliverer:
    """Delivers until cancelled. Any number of processes may run one: the first to ask delivers, another follows it."""

    def __init__(
        self,
        pool: Pool,
        *,
        private: bool = False,
        changes_kept: timedelta = CHANGES_KEPT,
        clock: Clock = system_clock,
    ) -> None:
        self._pool = pool
        self._private = private
        self._clock = clock
        self._watch = LogWatch(pool)
        self._changes = self._watch.watch(changes_end)
        self._lanes: dict[int, tuple[Lane, asyncio.Task[None]]] = {}
        self._meter = Meter(pool)
        self._context: ssl.SSLContext | None = None
        self._changes_kept = changes_kept
        self._forgot = 0.0
        self._forgotten = changes.Forgotten(0, 0, 0)

    async def run(self) -> None:
        """Deliver, through restarts of the database."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch.run(), name="changes-watch")
            tasks.create_task(self._meter.run(), name="propagation")
            while True:
                try:
                    async with self._pool.acquire(timeout=10) as conn:
                        if await service.take_lead(conn):
                            await self._lead(conn)
                except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
                    raise_if_cancelled()
                    log.warning("webhooks.database_away", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(LOOK)

    async def _lead(self, conn: Connection) -> None:
        """Keep a lane for every endpoint as long as the connection that makes us the leader lasts."""
        log.info("webhooks.delivering")
        try:
            while not is_gone(conn):
                now = self._clock()
                endpoints = await service.endpoints(conn, now=now)
                self._keep({one.id: one for one in endpoints if one.disabled_at is None})
                await self._forget(conn)
                await self._pass_news(LOOK)
        finally:
            tasks = [task for _, task in self._lanes.values()]
            self._keep({})
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._meter.flush()

    def _keep(self, endpoints: dict[int, Endpoint]) -> None:
        """Lanes for these endpoints and no others; one that broke is begun anew."""
        for number, (lane, task) in list(self._lanes.items()):
            if task.done():
                broken = None if task.cancelled() else task.exception()
                log.error("webhook.lane_broke", endpoint=lane.endpoint.name, exc_info=broken)
                del self._lanes[number]
            elif number not in endpoints:
                task.cancel()
                del self._lanes[number]
        for number, endpoint in endpoints.items():
            if number in self._lanes:
                self._lanes[number][0].renew(endpoint)
            else:
                lane = self._make(endpoint)
                self._lanes[number] = (lane, asyncio.create_task(lane.run(), name=f"webhook-{number}"))

    def _make(self, endpoint: Endpoint) -> Lane:
        if self._context is None:
            # Reading the authorities takes a while: once for all lanes, and not before there is an endpoint.
            self._context = trust()
        sender = Sender(private=self._private, width=WIDTH, context=self._context)
        return Lane(self._pool, endpoint, sender, self._changes, self._meter, self._clock)

    async def _pass_news(self, seconds: float) -> None:
        """Wake the lanes whenever the log of changes has grown."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        seen = self._changes.end
        while (left := end - loop.time()) > 0:
            if await self._changes.beyond(seen, left):
                seen = self._changes.end
                for lane, _ in self._lanes.values():
                    lane.news.set()

    async def _forget(self, conn: Connection) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._forgot > FORGETS_EVERY:
            self._forgot = now
            await service.forget(conn, self._clock() - KEPT)
            await self._forget_changes(conn)

    async def _forget_changes(self, conn: Connection) -> None:
        """Go on where it stopped the last time, from the beginning when it had come to the end."""
        before = self._clock() - self._changes_kept
        for _ in range(PORTIONS):
            last = self._forgotten
            self._forgotten = await changes.forget(conn, before, txid=last.txid, id_=last.id, many=FORGOTTEN_AT_ONCE)
            if not self._forgotten.txid:
                break
