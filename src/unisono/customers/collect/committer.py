"""Group commit: requests that arrive together share a transaction.

A request's events are dealt out to the writers by device or person; the answer leaves when all of them are on disk.
A lone request waits for nobody: a free writer takes what is there. While it writes, more gathers, and where many
requests come at once it leaves a few milliseconds between two transactions for more to gather, so the groups grow with
the load and a single event still leaves at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import asyncpg
import msgspec
import structlog
from asyncpg.pool import PoolConnectionProxy

from unisono.customers.collect import pipeline
from unisono.customers.collect.model import Failure, Incoming
from unisono.customers.collect.pipeline import Written
from unisono.customers.identity.graph import RulesChanged
from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.customers.timeline.service import announce
from unisono.kit.crash import crash_point
from unisono.kit.database import AWAY, RETRY_AFTER, TRANSIENT, Connection, Pool, raise_if_cancelled, transaction
from unisono.kit.errors import Busy, Unavailable, UnisonoError
from unisono.kit.secret import Secret

log = structlog.get_logger("unisono.collect")

WRITERS = 2
"""Transactions at once: while one waits for the disk the other is being built. More gain nothing on two cores."""

GATHER = 0.006
"""Seconds between a transaction of several requests and the next one. Measured with 64 clients of one event each:
groups grow from 17 to 22 events, and each event costs the web process and the database a tenth less."""

SEVERAL = 4
"""Requests in a transaction that tell of many at once."""

PLENTY = 100
"""Events that are a good group already."""

HOLD = 1.0
"""Seconds without work after which a writer gives its connection back: what the pool does to a connection at each
return (forgetting its session) costs as much as the smallest insert."""

ANNOUNCE = 0.01
"""Seconds between two announcements at the least: readers look no more often, and one stands for all commits before."""

TRIES = 8
"""Times a transaction that lost a race is tried again before its requests are told to come back."""


class Job(msgspec.Struct):
    """Events of one request for one writer, waiting to be written."""

    incoming: list[Incoming]
    failures: Sequence[Failure]
    done: asyncio.Future[Written]

    @property
    def size(self) -> int:
        """Events in it."""
        return len(self.incoming) + len(self.failures)


class Lane:
    """What waits for one writer."""

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.work = asyncio.Event()
        self.waiting = 0
        """Events in the jobs."""
        self.conn: PoolConnectionProxy[asyncpg.Record] | None = None
        """The writer's connection while it has work, and a moment longer."""

    def put(self, job: Job) -> None:
        """Add a job."""
        self.jobs.append(job)
        self.waiting += job.size
        self.work.set()

    def take(self, most: int) -> list[Job]:
        """What there is, up to so many events but at least one job."""
        jobs: list[Job] = []
        size = 0
        while self.jobs and (not jobs or size + self.jobs[0].size <= most):
            job = self.jobs.popleft()
            size += job.size
            jobs.append(job)
        self.waiting -= size
        if not self.jobs:
            self.work.clear()
        return jobs


class Committer:
    """The writers of one process and the queue before them."""

    def __init__(
        self,
        pool: Pool,
        *,
        secret: Secret,
        country: str = "IT",
        queue_events: int = 20_000,
        commit_events: int = 3000,
    ) -> None:
        self._pool = pool
        self._secret = secret
        self._country = country
        self._lanes = [Lane() for _ in range(WRITERS)]
        self._waiting = 0
        self._queue_events = queue_events
        self._commit_events = commit_events
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        # A small pool is shared fairly, connection by connection.
        self._hold = HOLD if pool.get_max_size() > 2 * WRITERS else 0.0
        self._rulebook: Rulebook | None = None
        self._rules_checked = 0.0
        self.totals = Written()

    @property
    def waiting(self) -> int:
        """Events that wait to be written or are being written."""
        return self._waiting

    async def start(self) -> None:
        """Begin to write."""
        self._tasks = [asyncio.create_task(self._writer(lane), name="collect-writer") for lane in self._lanes]
        self._tasks.append(asyncio.create_task(self._announcer(), name="collect-announcer"))

    async def stop(self) -> None:
        """Write what is queued, then end."""
        while self._waiting:  # noqa: ASYNC110 - once in a process' life
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lane in self._lanes:
            await self._let_go(lane)
        if self._news.is_set():
            await self._announce()

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
        size = len(incoming) + len(failures)
        if self._waiting + size > self._queue_events and self._waiting:
            raise Busy("Too many events wait to be written.", code="queue_full", retry_after=1)
        loop = asyncio.get_running_loop()
        jobs: dict[int, Job] = {}
        if failures or not incoming:
            jobs[0] = Job([], failures, loop.create_future())
        for event in incoming:
            number = self._lane_of(event)
            if number not in jobs:
                jobs[number] = Job([], (), loop.create_future())
            jobs[number].incoming.append(event)
        self._waiting += size
        for number, job in jobs.items():
            self._lanes[number].put(job)
        if len(jobs) == 1:
            return await next(iter(jobs.values())).done
        return _sum(await asyncio.gather(*(job.done for job in jobs.values())))

    def _lane_of(self, event: Incoming) -> int:
        """The writer of an event: one device's or one person's events stay together, so that writers neither wait
        for each other's rows nor make the same nodes."""
        if len(event.claims) > 1 and self._rulebook is not None:
            for claim in event.claims:
                if self._rulebook.namespaces[claim.key.namespace].level == "device":
                    return hash(claim.key) % WRITERS
        return hash(event.claims[0].key) % WRITERS

    async def _writer(self, lane: Lane) -> None:
        while True:
            try:
                async with asyncio.timeout(self._hold if lane.conn is not None else None):
                    await lane.work.wait()
            except TimeoutError:
                await self._let_go(lane)
                continue
            jobs = lane.take(self._commit_events)
            if not jobs:
                continue
            try:
                written = await self._commit(lane, jobs)
            except UnisonoError as error:
                self._settle(jobs, error)
            except Exception as error:
                log.exception("collect.write_failed", events=sum(job.size for job in jobs))
                self._settle(jobs, error)
            else:
                self.totals = _sum([self.totals, written])
                self._settle(jobs, written)
            if len(jobs) > SEVERAL and sum(job.size for job in jobs) < PLENTY and lane.waiting < PLENTY:
                await asyncio.sleep(GATHER)

    async def _connection(self, lane: Lane) -> Connection:
        """The lane's connection, or a new one from the pool."""
        if lane.conn is None:
            lane.conn = await self._pool.acquire(timeout=10)
        return lane.conn

    async def _let_go(self, lane: Lane) -> None:
        """Give the lane's connection back; a broken one is replaced by the pool."""
        conn, lane.conn = lane.conn, None
        if conn is not None:
            try:
                await self._pool.release(conn, timeout=10)
            except (*AWAY, TimeoutError) as error:
                raise_if_cancelled()
                log.info("collect.connection_lost", error=type(error).__name__)

    def _settle(self, jobs: Sequence[Job], outcome: Written | BaseException) -> None:
        for job in jobs:
            self._waiting -= job.size
            if job.done.done():
                continue
            if isinstance(outcome, Written):
                job.done.set_result(outcome)
            else:
                job.done.set_exception(outcome)

    async def _commit(self, lane: Lane, jobs: Sequence[Job]) -> Written:
        incoming = [event for job in jobs for event in job.incoming]
        failures = [failure for job in jobs for failure in job.failures]
        rulebook = await self.rulebook()
        write = pipeline.write
        for attempt in range(TRIES):
            try:
                conn = await self._connection(lane)
                async with conn.transaction():
                    written = await write(conn, incoming, failures, rulebook, self._secret)
                    crash_point("collect.before_commit")
                crash_point("collect.after_commit")
            except RulesChanged:
                self._rulebook = None
                rulebook = await self.rulebook()
            except pipeline.REFUSED:
                write = pipeline.write_without_refused
            except TRANSIENT as error:
                log.info("collect.lost_race", attempt=attempt, error=type(error).__name__)
                await asyncio.sleep(0.005 * attempt * attempt)
            except (*AWAY, TimeoutError) as error:
                await self._let_go(lane)
                raise_if_cancelled()
                raise Unavailable("The database cannot be reached.", retry_after=RETRY_AFTER) from error
            else:
                if written.accepted:
                    self._news.set()
                return written
        raise Busy("Too many writers want the same rows.", code="contention", retry_after=1)

    async def _announcer(self) -> None:
        """Tell the readers of what was committed: once for all commits of the last moment."""
        while True:
            await self._news.wait()
            await self._announce()
            await asyncio.sleep(ANNOUNCE)

    async def _announce(self) -> None:
        self._news.clear()
        try:
            async with self._pool.acquire(timeout=10) as conn:
                await announce(conn)
        except (*AWAY, TimeoutError, asyncpg.PostgresError):
            raise_if_cancelled()
            # The events are safe; readers look by themselves every second.
            log.warning("collect.announce_failed")


def _sum(parts: Sequence[Written]) -> Written:
    """Several results as one."""
    return Written(
        accepted=sum(part.accepted for part in parts),
        duplicates=sum(part.duplicates for part in parts),
        failed=sum(part.failed for part in parts),
        joined=sum(part.joined for part in parts),
    )
