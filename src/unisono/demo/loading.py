"""The demo's way into the database: its sources, and events through the collector's own reader and committer."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from unisono.access import keys
from unisono.access.keys import Sender, SourceKind
from unisono.customers.collect.committer import Committer
from unisono.customers.collect.model import Failure, Incoming, Limits
from unisono.customers.collect.reading import Reader
from unisono.customers.timeline.service import known_messages
from unisono.demo.receipts import TILL
from unisono.kit.database import Pool, connection, transaction
from unisono.kit.errors import UnisonoError
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.demo")

LOYALTY: Final = "Complete Journey: loyalty programme"
NEWSLETTER: Final = "Complete Journey: newsletter"
ACTOR: Final = "demo"
ASKED_AT_ONCE: Final = 20_000
"""Message ids looked up in one statement."""
IN_FLIGHT: Final = 4
"""Batches handed to the committer before one must be on disk: two are being written, two are ready."""
TOLD_EVERY: Final = 0.25
"""Seconds between two reports of progress."""


class LoadFailed(UnisonoError):
    """The collector did not accept an event of the demo; the data or the rules are not what the demo expects."""

    code = "demo_load_failed"
    title = "The demo could not be loaded"


class Progress(msgspec.Struct, frozen=True):
    """How far a load is; ``done`` counts events that are on disk, those of earlier loads included."""

    phase: str
    done: int
    total: int
    rate: float
    """Events a second in this phase."""
    eta: float | None
    """Seconds left at this rate; None while there is no rate."""


Tell = Callable[[Progress], None]


def store_source(store: int) -> str:
    """The name of a store's till."""
    return f"Complete Journey: store {store}"


async def make_sources(pool: Pool, stores: Iterable[int]) -> dict[str, Sender]:
    """The demo's sources by name, made where missing: an import for the programme, one till a store.

    Keys are made as for any source; nobody is told them here, so who wants to send as such a till rotates its key.
    """
    wanted: dict[str, tuple[SourceKind, str | None]] = {LOYALTY: ("import", None), NEWSLETTER: ("import", None)}
    wanted.update({store_source(store): ("till", str(store)) for store in sorted(stores)})
    async with transaction(pool) as conn:
        await _sql.lock_sources(conn)
        have = {source["name"] for source in await keys.list_sources(conn)}
        for name, (kind, store_id) in wanted.items():
            if name not in have:
                await keys.create_source(
                    conn, name=name, kind=kind, actor=ACTOR, store_id=store_id, till_id=TILL if store_id else None
                )
        listed = await keys.list_sources(conn)
    return {
        source["name"]: Sender(
            source["id"],
            source["name"],
            source["kind"],
            source["keys"][0]["id"],
            source["keys"][0]["kind"],
            frozenset(source["keys"][0]["scopes"]),
            source["store_id"],
            source["till_id"],
        )
        for source in listed
        if source["name"] in wanted
    }


async def known(pool: Pool, message_ids: Sequence[str]) -> set[str]:
    """Which of these messages are on the timeline from an earlier load."""
    found: set[str] = set()
    async with connection(pool) as conn:
        for start in range(0, len(message_ids), ASKED_AT_ONCE):
            found |= await known_messages(conn, message_ids[start : start + ASKED_AT_ONCE])
    return found


class Loader:
    """Reads events as the API does and submits them, some batches at once, telling how far it is."""

    def __init__(self, pool: Pool, settings: Settings, total: int, tell: Tell) -> None:
        self._committer = Committer(
            pool, secret=Secret.of(settings), country=settings.country, commit_events=settings.commit_events
        )
        self._limits = Limits(max_event_bytes=settings.max_event_bytes)
        self._total = total
        self._tell = tell
        self._flying: set[asyncio.Task[None]] = set()
        self._phase = ""
        self._phase_began = 0.0
        self._phase_written = 0
        self._told = 0.0
        self.done = 0
        self.written = 0

    async def __aenter__(self) -> Loader:
        await self._committer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        # The committer writes what it was given before it stops, also when the load itself went wrong.
        await asyncio.gather(*self._flying, return_exceptions=True)
        await self._committer.stop()

    def begin(self, phase: str, already: int) -> None:
        """Say what is being loaded, and how much of it earlier loads wrote."""
        self._phase = phase
        self._phase_began = time.monotonic()
        self._phase_written = 0
        self.done += already
        self._report(force=True)

    async def submit(self, batch: Sequence[tuple[Sender, bytes]]) -> None:
        """Hand over a batch; returns when there is room for the next. Raises LoadFailed for an event not accepted."""
        incoming = await self._read(batch)
        while len(self._flying) >= IN_FLIGHT:
            await self._landed(asyncio.FIRST_COMPLETED)
        self._flying.add(asyncio.create_task(self._write(incoming)))
        await asyncio.sleep(0)

    async def settle(self) -> None:
        """Return when everything submitted is on disk."""
        while self._flying:
            await self._landed(asyncio.ALL_COMPLETED)
        self._report(force=True)

    async def _landed(self, when: str) -> None:
        landed, self._flying = await asyncio.wait(self._flying, return_when=when)
        for task in landed:
            task.result()

    async def _read(self, batch: Sequence[tuple[Sender, bytes]]) -> list[Incoming]:
        rulebook = await self._committer.rulebook()
        received = datetime.now(UTC)
        bodies: defaultdict[int, list[bytes]] = defaultdict(list)
        senders: dict[int, Sender] = {}
        for sender, body in batch:
            senders[sender.source_id] = sender
            bodies[sender.source_id].append(body)
        incoming: list[Incoming] = []
        for source_id, items in bodies.items():
            reader = Reader(senders[source_id], received, rulebook, self._limits)
            for body in items:
                reader.read(body)
            _refuse(reader.failures)
            incoming.extend(reader.incoming)
        incoming.sort(key=_occurred)
        return incoming

    async def _write(self, incoming: Sequence[Incoming]) -> None:
        result = await self._committer.submit(incoming, [])
        if result.failed:
            raise LoadFailed(f"The database refused {result.failed} events; see failed events.")
        self.written += len(incoming)
        self._phase_written += len(incoming)
        self.done += len(incoming)
        self._report()

    def _report(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._told < TOLD_EVERY:
            return
        self._told = now
        rate = self._phase_written / (now - self._phase_began) if self._phase_written else 0.0
        eta = (self._total - self.done) / rate if rate else None
        self._tell(Progress(self._phase, self.done, self._total, rate, eta))


def _occurred(event: Incoming) -> datetime:
    return event.occurred_at


def _refuse(failures: Sequence[Failure]) -> None:
    if failures:
        raise LoadFailed(f"{failures[0].code}: {failures[0].detail}", hint="The rules of identity may block it.")


class LoadReport(msgspec.Struct, frozen=True):
    """What is in the database after a load, counted there."""

    people: int
    stores: int
    events: Mapping[str, int]
    """By name."""
    joins: int
    written: int
    """Events this load wrote; 0 when everything was there."""
    seconds: float
    shift_days: int
    """Days the data were moved; a multiple of seven."""

    @property
    def total(self) -> int:
        """All events of the demo."""
        return sum(self.events.values())


async def count(pool: Pool, sources: Iterable[Sender]) -> tuple[int, dict[str, int], int]:
    """People, events by name and joins that are the demo's, from the database."""
    ids = [source.source_id for source in sources]
    async with connection(pool) as conn:
        people = await _sql.people_of_sources(conn, sources=ids)
        rows = await _sql.events_of_sources(conn, sources=ids)
        joins = await _sql.joins_of_sources(conn, sources=ids)
    events = {row["name"]: row["count"] for row in rows if row["name"] != "Person Joined"}
    return int(people), events, int(joins)


async def enrolled_at(pool: Pool, message_ids: Sequence[str]) -> tuple[str, datetime] | None:
    """One of these enrolments as an earlier load wrote it: its message id and its instant (UTC)."""
    async with connection(pool) as conn:
        row = await _sql.enrolled_at(conn, message_ids=list(message_ids))
    return (row["message_id"], row["occurred_at"]) if row is not None else None
