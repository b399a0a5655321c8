"""Group commit: requests that arrive together share a transaction.

No request waits for company: a free writer takes what is there. While it writes, more gathers, so the groups grow
with the load and a single event still leaves at once. The answer to a request leaves after its commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import asyncpg
import msgspec
import structlog

from unisono.customers.collect import pipeline
from unisono.customers.collect.model import Failure, Incoming
from unisono.customers.collect.pipeline import Written
from unisono.customers.identity.graph import Turn
from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.customers.timeline.service import announce
from unisono.kit.crash import crash_point
from unisono.kit.database import AWAY, RETRY_AFTER, TRANSIENT, Connection, Pool, transaction
from unisono.kit.errors import Busy, Unavailable, UnisonoError

log = structlog.get_logger("unisono.collect")

WRITERS = 2
"""Transactions at once: while one waits for the disk the other is being built. More gain nothing on two cores."""

TRIES = 8
"""Times a transaction that lost a race is tried again before its requests are told to come back."""

class Job(msgspec.Struct):
    """One request's events, waiting to be written."""

    incoming: Sequence[Incoming]
    failures: Sequence[Failure]
    done: asyncio.Future[Written]

    @property
    def size(self) -> int:
        """Events in it."""
        return len(self.incoming) + len(self.failures)


class Committer:
    """The writers of one process and the queue before them."""

    def __init__(
        self, pool: Pool, *, country: str = "IT", queue_events: int = 20_000, commit_events: int = 1000
    ) -> None:
        self._pool = pool
        self._country = country
        self._queue: deque[Job] = deque()
        self._waiting = 0
        self._queue_events = queue_events
        self._commit_events = commit_events
        self._work = asyncio.Event()
        self._births = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._rulebook: Rulebook | None = None
        self._rules_checked = 0.0
        self.totals = Written()

    @property
    def waiting(self) -> int:
        """Events that wait to be written or are being written."""
        return self._waiting

    async def start(self) -> None:
        """Begin to write."""
        self._tasks = [asyncio.create_task(self._writer(), name=f"collect-writer-{n}") for n in range(WRITERS)]

    async def stop(self) -> None:
        """Write what is queued, then end."""
        while self._queue or self._waiting:  # noqa: ASYNC110 - once in a process' life
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def rulebook(self) -> Rulebook:
        """The identity rules, at most a second old. Raises Unavailable without database."""
        now = asyncio.get_running_loop().time()
        if self._rulebook is None or now - self._rules_checked > 1.0:
            self._rules_checked = now
            async with transaction(self._pool) as conn:
                version = await conn.fetchval("select version from identity_setting")
                if self._rulebook is None or version != self._rulebook.version:
                    self._rulebook = await read_rulebook(conn, self._country)
        return self._rulebook

    async def submit(self, incoming: Sequence[Incoming], failures: Sequence[Failure]) -> Written:
        """Write these events; returns after the commit.

        Raises Busy when too many wait already, Unavailable when the database is away.
        """
        job = Job(incoming, failures, asyncio.get_running_loop().create_future())
        if self._waiting + job.size > self._queue_events and self._waiting:
            raise Busy("Too many events wait to be written.", code="queue_full", retry_after=1)
        self._waiting += job.size
        self._queue.append(job)
        self._work.set()
        return await job.done

    def _take(self) -> list[Job]:
        jobs: list[Job] = []
        size = 0
        while self._queue and (not jobs or size + self._queue[0].size <= self._commit_events):
            job = self._queue.popleft()
            size += job.size
            jobs.append(job)
        if not self._queue:
            self._work.clear()
        return jobs

    async def _writer(self) -> None:
        while True:
            await self._work.wait()
            jobs = self._take()
            if not jobs:
                continue
            try:
                written = await self._commit(jobs)
            except UnisonoError as error:
                self._settle(jobs, error)
            except Exception as error:
                log.exception("collect.write_failed", events=sum(job.size for job in jobs))
                self._settle(jobs, error)
            else:
                self.totals.accepted += written.accepted
                self.totals.duplicates += written.duplicates
                self.totals.failed += written.failed
                self.totals.joined += written.joined
                self._settle(jobs, written)

    def _settle(self, jobs: Sequence[Job], outcome: Written | BaseException) -> None:
        for job in jobs:
            self._waiting -= job.size
            if job.done.done():
                continue
            if isinstance(outcome, Written):
                job.done.set_result(outcome)
            else:
                job.done.set_exception(outcome)

    async def _commit(self, jobs: Sequence[Job]) -> Written:
        incoming = [event for job in jobs for event in job.incoming]
        failures = [failure for job in jobs for failure in job.failures]
        rulebook = await self.rulebook()
        write = pipeline.write
        for attempt in range(TRIES):
            turn = Turn(self._births)
            try:
                async with self._pool.acquire(timeout=10) as conn:
                    async with conn.transaction():
                        written = await write(conn, incoming, failures, rulebook, turn)
                        crash_point("collect.before_commit")
                    turn.give()
                    crash_point("collect.after_commit")
                    if written.accepted:
                        await self._announce(conn)
            except pipeline.REFUSED:
                write = pipeline.write_without_refused
            except TRANSIENT as error:
                log.info("collect.lost_race", attempt=attempt, error=type(error).__name__)
                await asyncio.sleep(0.005 * attempt * attempt)
            except (*AWAY, TimeoutError) as error:
                raise Unavailable("The database cannot be reached.", retry_after=RETRY_AFTER) from error
            else:
                return written
            finally:
                turn.give()
        raise Busy("Too many writers want the same rows.", code="contention", retry_after=1)

    async def _announce(self, conn: Connection) -> None:
        try:
            await announce(conn)
        except AWAY:
            # The events are safe; readers look by themselves every second.
            log.warning("collect.announce_failed")
