"""Computed traits: kept by a reader of the log, read as the sum over a person's nodes, filled from the past.

Partial results belong to nodes, so joins and splits need nothing: a person's value is the sum over the nodes he has
when he is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import structlog

from unisono.customers.profiles import summaries
from unisono.customers.profiles.declaring import Declaration, Declared, compile_traits, read_value
from unisono.customers.profiles.folding import Batch, Folder
from unisono.customers.profiles.partials import MAX_TALLY, Partial, merged, plain
from unisono.customers.timeline.model import BEGINNING, Event, Position
from unisono.customers.timeline.readers import LogReader, held_lanes, read_lane
from unisono.kit.arrays import int_list, text_list, word_list
from unisono.kit.database import Connection, Pool
from unisono.kit.sql import load

log = structlog.get_logger("unisono.profiles")

_sql = load("unisono.customers.profiles")
_decode = msgspec.json.Decoder().decode

REBUILD_BATCH = 5000
"""Events, or persons, of one transaction of a rebuild."""


class ComputedTraitsReader(LogReader):
    """Keeps partial results and summaries as events come in."""

    name = "profiles"
    batch_size = 8000
    # Measured on two busy cores, 100,000 events of 2,500 people: 25,500 events a second; with 4,000 16,100.

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self._folder = Folder(declaration)

    async def prepare(self, conn: Connection, *, first: bool) -> None:
        """Make the declaration known to those who read the traits."""
        unfilled = await declare(conn, self.declaration, filled=first)
        if unfilled:
            log.warning(
                "computed.not_filled", traits=unfilled, hint="Run `unisono computed rebuild` to count the past too."
            )

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Add what the events say, then bring the summaries of whom they touch up to date."""
        await add(conn, self._folder.fold(events))
        nodes, persons = touched(events)
        await summaries.refresh(conn, self.declaration, nodes=nodes, persons=persons)


def touched(events: Sequence[Event]) -> tuple[set[int], set[int]]:
    """The nodes and persons whose summaries these events may change.

    Persons as the events knew them, who may be no more; and all whom a join or a split names: a person's id is
    that of a node, so they are looked up like nodes.
    """
    nodes = {event.node_id for event in events}
    persons = {event.person_id for event in events}
    for event in events:
        if event.type == "identity":
            named = [event.properties.get("person_id"), event.properties.get("other_person_id")]
            moved = event.properties.get("moved_nodes")
            named += moved if isinstance(moved, list) else []
            nodes |= {node for node in named if isinstance(node, int)}
    return nodes, persons


async def add(conn: Connection, batch: Batch) -> None:
    """Add partial results to those that are there."""
    if not batch:
        return
    # In one order for everybody, so that two lanes never wait for each other in a circle.
    keys = sorted(batch)
    parts = [batch[key] for key in keys]
    await _sql.add_computed(
        conn,
        nodes=int_list(node for node, _ in keys),
        traits=word_list(key for _, key in keys),
        counts=int_list(part.count for part in parts),
        first_ats=[part.first_at for part in parts],
        first_values=text_list(part.first_value for part in parts),
        last_ats=[part.last_at for part in parts],
        last_values=text_list(part.last_value for part in parts),
        totals=word_list(plain(part.total) if part.total else "0" for part in parts),
        tallies=text_list(msgspec.json.encode(part.tally).decode() if part.tally else "{}" for part in parts),
        most=MAX_TALLY,
    )


async def declare(conn: Connection, declaration: Declaration, *, filled: bool) -> list[str]:
    """Write down what the reader keeps; returns the traits whose past is not counted yet.

    ``filled`` when there is no past: the reader has never run.
    """
    known = {row["partial"]: row["filled_at"] is not None for row in await _sql.declared_traits(conn)}
    for name, trait in declaration.traits.items():
        partial = declaration.accumulator_of[name].key
        await _sql.declare_trait(
            conn,
            trait=name,
            definition=msgspec.json.encode(trait).decode(),
            currency=declaration.currency,
            partial=partial,
            filled=filled or known.get(partial, False),
        )
    await _sql.forget_traits(conn, traits=list(declaration.traits))
    return [row["trait"] for row in await _sql.declared_traits(conn) if row["filled_at"] is None]


@lru_cache(maxsize=1024)
def _trait(definition: str) -> Declared:
    return msgspec.json.decode(definition, type=Declared)


async def declared(conn: Connection) -> Declaration | None:
    """The declaration the reader keeps at present; None when it has never run."""
    rows = await _sql.declared_traits(conn)
    if not rows:
        return None
    return compile_traits({row["trait"]: _trait(row["definition"]) for row in rows}, rows[0]["currency"])


def as_partial(row: Mapping[str, Any]) -> Partial:
    """A row of computed_trait."""
    partial = Partial()
    partial.count = row["count"]
    partial.first_at, partial.first_value = row["first_at"], row["first_value"]
    partial.last_at, partial.last_value = row["last_at"], row["last_value"]
    partial.total = row["total"]
    partial.tally = _decode(row["tally"])
    return partial


class Readable(NamedTuple):
    """A computed trait whose past is counted, as declared, and where its partial results are."""

    name: str
    trait: Declared
    definition: str
    partial: str


async def readable(conn: Connection) -> list[Readable]:
    """The computed traits that can be read now: those of ``person_values``."""
    return [
        Readable(row["trait"], _trait(row["definition"]), row["definition"], row["partial"])
        for row in await _sql.declared_traits(conn)
        if row["filled_at"] is not None
    ]


async def person_values(conn: Connection, nodes: Collection[int]) -> dict[str, Any]:
    """Each computed trait's value over these nodes, by name.

    Counts and texts as they are, times as datetimes, money as ``{currency: minor units}``, None where there is
    nothing to tell. Traits whose past is not counted yet are left out: half a count is no count.
    """
    parts: dict[str, list[Partial]] = defaultdict(list)
    for row in await _sql.computed_of_nodes(conn, nodes=list(nodes)):
        parts[row["trait"]].append(as_partial(row))
    whole = {key: merged(some) for key, some in parts.items()}
    nothing = Partial()
    return {
        row["trait"]: read_value(_trait(row["definition"]), whole.get(row["partial"], nothing))
        for row in await _sql.declared_traits(conn)
        if row["filled_at"] is not None
    }


async def rebuild_computed(pool: Pool, progress: Callable[[int], None], *, everything: bool = True) -> int:
    """Count the past anew, as the declaration is now; returns how many events were read.

    The reader stands still meanwhile and goes on where it stood. ``everything=False`` fills only new traits, and
    leaves the others readable. Killed in the middle it leaves those traits unreadable; run it again.
    ``progress`` is told the events read so far.
    """
    async with pool.acquire() as conn, held_lanes(conn, ComputedTraitsReader.name) as lanes:
        declaration = await declared(conn)
        if declaration is None:
            return 0
        rows = await _sql.declared_traits(conn)
        keys = {row["partial"] for row in rows if everything or row["filled_at"] is None}
        async with conn.transaction():
            await _sql.begin_filling(conn, partials=sorted(keys))
            await _sql.drop_partials(conn, partials=sorted(keys))
        done = await _fill(conn, Folder(declaration, frozenset(keys)), lanes, progress)
        await _refresh_everybody(conn, declaration)
        await _sql.mark_filled(conn, partials=sorted(keys))
    return done


async def _fill(
    conn: Connection,
    folder: Folder,
    lanes: Sequence[tuple[int, int, Position, int]],
    progress: Callable[[int], None],
) -> int:
    """Count again what each lane has taken in: up to where it stands, without what is parked or given up."""
    skipped = {
        Position(row["txid"], row["event_id"])
        for row in await _sql.not_taken_in(conn, reader=ComputedTraitsReader.name)
    }
    done = 0
    for lane, count, end, _ in lanes:
        position = BEGINNING
        while True:
            events = await read_lane(conn, position, end, lane=lane, lanes=count, limit=REBUILD_BATCH)
            if not events:
                break
            async with conn.transaction():
                await add(conn, folder.fold(event for event in events if event.position not in skipped))
            position = events[-1].position
            done += len(events)
            progress(done)
    return done


async def _refresh_everybody(conn: Connection, declaration: Declaration) -> None:
    after = 0
    while True:
        rows = await _sql.person_ids(conn, after=after, limit=REBUILD_BATCH)
        if not rows:
            return
        async with conn.transaction():
            await summaries.refresh(conn, declaration, persons=[row["person_id"] for row in rows])
        after = rows[-1]["person_id"]
