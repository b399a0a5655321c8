"""``replay``: computing who is one person anew, from the links of 200,000 events.

What: ``identity.graph.rebuild`` in one transaction: every node and link read, the rules replayed from scratch, what
differs written (nothing must). How: 200,000 events of 20,000 people with two browsers each, written through the
collector. Wanted: under 10 s.
"""

from __future__ import annotations

import time

from unisono.bench.model import BenchError, Load, Measured, Row, Wanted
from unisono.bench.rows.intake_import import import_all
from unisono.bench.scratch import Scratch
from unisono.bench.workload import month
from unisono.customers.identity.graph import rebuild
from unisono.customers.identity.rulebook import read_rulebook
from unisono.kit.database import transaction

WANTED = Wanted("under", 10.0)
EVENTS_A_PERSON = 10


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    async with bench.database() as database:
        sender = await database.sender()
        items = list(month(load.replayed, max(1, load.replayed // EVENTS_A_PERSON), devices=2, seed=4))
        await import_all(database.pool, sender, items)
        async with transaction(database.pool) as conn:
            book = await read_rulebook(conn)
            links = await conn.fetchval("select count(*) from link")
            began = time.perf_counter()
            result = await rebuild(conn, book.namespaces, actor="bench", reason="rebuild")
            seconds = time.perf_counter() - began
    if result.changes:
        raise BenchError(f"{len(result.changes)} persons came out differently than when their events arrived.")
    return [
        Measured(
            row="replay",
            value=seconds,
            unit="s",
            wanted=WANTED,
            note=f"{len(items):,} events, {len(result.person_of):,} identifiers, {links:,} links",
        )
    ]


ROW = Row("replay", measure)
