"""One endpoint's deliveries: planned, sent, written down, apart from every other endpoint's.

Those of one subject leave one after the other in the order of the changes; different subjects leave side by side. A
message the receiver refuses parks its subject here and nothing else. A receiver in trouble (no answer, 429, 5xx) is
left alone for a while and then asked with one message at a time until it takes one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from unisono.commerce.changes.propagation import Meter
from unisono.commerce.changes.webhooks import rules, service
from unisono.commerce.changes.webhooks.model import Answer, Delivery, Endpoint, Tried
from unisono.commerce.changes.webhooks.sending import Sender
from unisono.customers.timeline.model import Position
from unisono.customers.timeline.watching import Watched
from unisono.kit.clock import Clock
from unisono.kit.crash import crash_point
from unisono.kit.database import AWAY, Pool, raise_if_cancelled

log = structlog.get_logger("unisono.webhooks")

WIDTH: Final = 8
"""Messages on their way to one endpoint at once."""

PLANNED_AT_ONCE: Final = 1000
AT_WORK: Final = 400
"""Deliveries taken up at once; more are when half their subjects are done."""

LINGER: Final = 0.02
"""Seconds between two looks at the least: under a steady flow deliveries are planned and written several at once."""

IN_TROUBLE: Final = 5
"""Failures in a row after which a receiver is left alone for a while."""

LONGEST_REST: Final = 300.0
"""Seconds at the most a receiver in trouble is left alone, unless it asks for more (RULES R10)."""

LOOKS_AGAIN: Final = 10.0
"""Seconds between two looks at what is parked when nothing is told."""


class Lane:
    """What is on its way to one endpoint."""

    def __init__(
        self, pool: Pool, endpoint: Endpoint, sender: Sender, watched: Watched, meter: Meter, clock: Clock
    ) -> None:
        self._pool = pool
        self._sender = sender
        self._watched = watched
        self._meter = meter
        self._clock = clock
        self.endpoint = endpoint
        self.news = asyncio.Event()
        """Set when there may be something to do."""
        self._planned_to = endpoint.position
        self._busy: set[str] = set()
        self._parked: dict[str, datetime] = {}
        self._width = asyncio.Semaphore(WIDTH)
        self._failures = 0
        self._rests = 0
        self._rests_until = 0.0
        self._tried: list[Tried] = []
        self._written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._to_write = asyncio.Event()

    def renew(self, endpoint: Endpoint) -> None:
        """The endpoint as it is now: what it is called, where it is, what it wants, from where on."""
        self.endpoint = endpoint
        if endpoint.position < self._planned_to:
            self._planned_to = endpoint.position
            self._parked.clear()
        self.news.set()

    async def run(self) -> None:
        """Deliver until cancelled, through restarts of the database."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write_down())
                while True:
                    self.news.clear()
                    try:
                        more = await self._plan()
                        await self._take_up(tasks)
                    except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
                        raise_if_cancelled()
                        log.warning("webhook.database_away", error=f"{type(error).__name__}: {error}")
                        more = False
                    await asyncio.sleep(LINGER)
                    if not more:
                        await self._rest()
        finally:
            await self._sender.close()

    @property
    def in_trouble(self) -> bool:
        """Whether the receiver is left alone and asked with one message at a time."""
        return self._failures >= IN_TROUBLE

    async def _plan(self) -> bool:
        """Turn the next changes into deliveries; whether there are more."""
        end: Position = self._watched.end
        if end <= self._planned_to:
            return False
        async with self._pool.acquire(timeout=10) as conn:
            read = await service.plan(conn, self.endpoint.id, end, limit=PLANNED_AT_ONCE, now=self._clock())
        if read < PLANNED_AT_ONCE:
            self._planned_to = end
        return read == PLANNED_AT_ONCE

    async def _take_up(self, tasks: asyncio.TaskGroup) -> None:
        """Begin with the oldest deliveries whose subjects are free and due."""
        if asyncio.get_running_loop().time() < self._rests_until or len(self._busy) > (
            0 if self.in_trouble else AT_WORK // 2
        ):
            return
        now = self._clock()
        self._parked = {} if self.in_trouble else {key: due for key, due in self._parked.items() if due > now}
        async with self._pool.acquire(timeout=10) as conn:
            waiting = await service.waiting(
                conn,
                self.endpoint.id,
                aside=[*self._busy, *self._parked],
                limit=1 if self.in_trouble else AT_WORK,
            )
        crash_point("webhooks.before_network")
        by_subject: dict[str, list[Delivery]] = {}
        for delivery in waiting:
            by_subject.setdefault(delivery.change.subject, []).append(delivery)
        for subject, deliveries in by_subject.items():
            if deliveries[0].next_try_at > now and not self.in_trouble:
                self._parked[subject] = deliveries[0].next_try_at
                # Others may stand behind those that are parked.
                self.news.set()
                continue
            self._busy.add(subject)
            tasks.create_task(self._send_all(subject, deliveries))

    async def _send_all(self, subject: str, deliveries: Sequence[Delivery]) -> None:
        """One subject's deliveries in order, up to the first that is not taken; done when all is written down."""
        due: datetime | None = None
        written: asyncio.Future[None] | None = None
        probe = self.in_trouble
        for delivery in deliveries:
            async with self._width:
                if self.in_trouble and not probe:
                    break
                tried = await self._send(delivery)
            written = self._note(tried)
            if not tried.answer.taken:
                due = tried.next_try_at if tried.state == "pending" else None
                break
        if written is not None:
            await asyncio.shield(written)
        self._busy.discard(subject)
        if due is not None:
            self._parked[subject] = due
        self.news.set()

    async def _send(self, delivery: Delivery) -> Tried:
        endpoint = self.endpoint
        answer = await self._sender.send(
            endpoint.url, delivery.message_id, rules.body_of(delivery.change), endpoint.secrets, self._clock()
        )
        crash_point("webhooks.after_network")
        now = self._clock()
        if answer.taken and delivery.change.at >= endpoint.live_since:
            self._meter.saw([delivery.change], f"webhook/{endpoint.name}")
        self._learn(answer)
        state, next_try_at = rules.verdict(delivery, answer, now)
        return Tried(delivery, answer, state, now, next_try_at)

    def _learn(self, answer: Answer) -> None:
        """What the answer says of the receiver."""
        if not answer.in_trouble:
            self._failures = self._rests = 0
            return
        self._failures += 1
        now = asyncio.get_running_loop().time()
        rest = answer.retry_after or 0.0
        # Those that were on their way together fail together: that is one rest, not several.
        if self.in_trouble and now >= self._rests_until:
            rest = max(rest, min(LONGEST_REST, 2.0**self._rests) * random.uniform(1 - rules.JITTER, 1))
            self._rests += 1
        if rest:
            self._rests_until = max(self._rests_until, now + rest)

    def _note(self, tried: Tried) -> asyncio.Future[None]:
        """To be written down with whatever else there is by then; the future is done when it is on disk."""
        self._tried.append(tried)
        self._to_write.set()
        return self._written

    async def _write_down(self) -> None:
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            tried, self._tried = self._tried, []
            written, self._written = self._written, asyncio.get_running_loop().create_future()
            await self._write(tried)
            crash_point("webhooks.after_record")
            written.set_result(None)

    async def _write(self, tried: Sequence[Tried]) -> None:
        """Write down what came of tries, as often as it takes: without it they would be made again."""
        while True:
            try:
                async with self._pool.acquire(timeout=10) as conn:
                    await service.write_tries(conn, self.endpoint, tried, now=self._clock())
            except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
                raise_if_cancelled()
                log.warning("webhook.database_away", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.5)
            else:
                return

    async def _rest(self) -> None:
        """Sleep until there is news, or the next parked subject is due, or the receiver's rest is over."""
        loop = asyncio.get_running_loop()
        within = LOOKS_AGAIN
        if self._parked:
            within = min(within, (min(self._parked.values()) - self._clock()).total_seconds())
        resting = self._rests_until - loop.time()
        if resting > 0 or self.in_trouble:
            within = max(resting, 0.0)
            if self._busy:
                within = LOOKS_AGAIN
        try:
            async with asyncio.timeout(max(within, LINGER)):
                await self.news.wait()
        except TimeoutError:
            return
