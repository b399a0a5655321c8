"""Group commit for holds: requests that ask for the same goods at once share a transaction.

A hot good is one row: taken one transaction a buyer, its buyers queue for the lock and for the disk. Here a lone
request leaves at once; while its transaction is under way others gather, and the next one decides them all. Requests
for other goods do not wait for them.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from datetime import datetime
from typing import NamedTuple

from unisono.commerce.holds import service
from unisono.commerce.holds.checking import check_request
from unisono.commerce.holds.errors import BadHold
from unisono.commerce.holds.model import Answer, HoldRequest
from unisono.customers.web import unit
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import RETRY_AFTER, TRANSIENT, Pool
from unisono.kit.errors import Busy, Unavailable

MOST = 200
"""Requests of one transaction: at some 20 us each the lock of a good is never held for long."""

WAITING = 5_000
"""Requests that may wait in one process before new ones are sent away."""

TRIES = 8
"""Times a transaction that lost a race is run again."""


class _Waiting(NamedTuple):
    request: HoldRequest
    done: asyncio.Future[Answer]


class Taker:
    """Takes holds for everybody in this process. Nothing to start or stop: it works while somebody waits."""

    def __init__(self, pool: Pool, *, clock: Clock = system_clock) -> None:
        self._pool = pool
        self._clock = clock
        self._queues: dict[tuple[int, ...], deque[_Waiting]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        # Half of the pool stays for everything else.
        self._turns = asyncio.Semaphore(max(1, pool.get_max_size() // 2))
        self._waiting = 0

    async def take(self, request: HoldRequest) -> Answer:
        """Grant or refuse; returns after the commit. The same key may be sent again, whatever became of the first.

        Raises BadHold, Busy when too many wait, Unavailable when the database is away.
        """
        check_request(request, self._clock())
        if self._waiting >= WAITING:
            raise Busy("Too many wait for goods.", code="holds_queue_full", retry_after=1)
        goods = tuple(sorted({ask.good_id for ask in request.asks}))
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        queue = self._queues.get(goods)
        if queue is not None:
            queue.append(waiting)
        else:
            self._queues[goods] = deque([waiting])
            task = asyncio.create_task(self._serve(goods), name="holds-taker")
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        self._waiting += 1
        try:
            return await waiting.done
        finally:
            self._waiting -= 1

    async def _serve(self, goods: tuple[int, ...]) -> None:
        """Decide what waits for these goods until nothing does."""
        queue = self._queues[goods]
        group: list[_Waiting] = []
        try:
            while queue:
                async with self._turns:
                    group = [queue.popleft() for _ in range(min(MOST, len(queue)))]
                    # Who has gone away in the meantime wants nothing.
                    group = [one for one in group if not one.done.done()]
                    await self._decide(group)
        finally:
            del self._queues[goods]
            for one in (*group, *queue):
                if not one.done.done():
                    one.done.cancel()

    async def _decide(self, group: list[_Waiting]) -> None:
        """Answer each of them; what goes wrong with the transaction goes wrong for all."""
        now = self._clock()
        late = [one for one in group if one.request.expires_at is not None and one.request.expires_at <= now]
        for one in late:
            one.done.set_exception(BadHold("The hold would be dead by now."))
        group = [one for one in group if not one.done.done()]
        if not group:
            return
        [outcome] = await asyncio.gather(self._take([one.request for one in group], now), return_exceptions=True)
        if isinstance(outcome, BaseException):
            for one in group:
                if not one.done.done():
                    one.done.set_exception(outcome)
            return
        for one, answer in zip(group, outcome, strict=True):
            if not one.done.done():
                one.done.set_result(answer)

    async def _take(self, requests: list[HoldRequest], now: datetime) -> list[Answer]:
        for attempt in range(TRIES):
            try:
                async with unit(self._pool) as conn:
                    answers = await service.take(conn, requests, now=now)
                    crash_point("holds.before_commit")
            except TRANSIENT:
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
            else:
                crash_point("holds.after_commit")
                return answers
        raise Unavailable("Too many want the same goods at once.", code="holds_contended", retry_after=RETRY_AFTER)
