"""``search-phone``: finding people by part of a phone among 1,000,000.

What: ``profiles.search`` on one connection, as the API and the console call it, for 100 parts of phones that exist:
4 to 8 digits from anywhere in the number, each asked once. How: every person has a phone, a loyalty card (numbers
too) and a name, copied into ``node``, ``search_entry`` and ``trait`` with the product's own pieces
(``profiles.grams``). Wanted: the 99th percentile under 300 ms.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, milliseconds, percentile
from unisono.bench.scratch import Scratch
from unisono.customers.profiles.grams import fold, grams
from unisono.customers.profiles.service import search
from unisono.kit.database import Connection

WANTED = Wanted("under", 300.0)
NAMES = ("Mario", "Anna", "Luca", "Giulia", "Paolo", "Sara", "Marco", "Chiara", "Andrea", "Elena")
SURNAMES = ("Rossi", "Ferrari", "Bianchi", "Romano", "Gallo", "Conti", "Greco", "Bruno", "Costa", "Giordano")
PORTION = 20_000
"""People a COPY: small enough to keep little in memory, large enough to cost nothing."""


def _phone(person: int) -> str:
    # A step without common factor with the range spreads the numbers over it, each once.
    return f"+393{(person * 618_033_989) % 1_000_000_000:09d}"


def _card(person: int) -> str:
    return f"26{person * 7919 % 10_000_000_000:010d}"


def _name(person: int) -> str:
    return f"{NAMES[person % 10]} {SURNAMES[person // 10 % 10]}{person // 1000}"


def _nodes(people: range, now: datetime) -> Iterator[tuple[Any, ...]]:
    for person in people:
        first = person * 2 + 1
        yield first, "loyalty_card", _card(person), first, first, now
        yield first + 1, "phone", _phone(person), first, first, now


def _entries(people: range) -> Iterator[tuple[Any, ...]]:
    for person in people:
        first = person * 2 + 1
        for node, field, text in (
            (first, "identifier", _card(person)),
            (first + 1, "identifier", _phone(person)),
            (first, "name", fold(_name(person))),
        ):
            yield node, field, text, grams(text)


async def fill(conn: Connection, people: int) -> None:
    """Write the people; the index on the pieces is made at the end, which gives the same index in a tenth of the
    time."""
    now = datetime.now(UTC)
    definition = await conn.fetchval("select pg_get_indexdef('search_entry_grams'::regclass)")
    await conn.execute("drop index search_entry_grams")
    for first in range(0, people, PORTION):
        portion = range(first, min(first + PORTION, people))
        await conn.copy_records_to_table(
            "node",
            records=_nodes(portion, now),
            columns=["id", "namespace", "value", "person_id", "cluster_id", "created_at"],
        )
        await conn.copy_records_to_table(
            "search_entry", records=_entries(portion), columns=["node_id", "field", "text", "grams"]
        )
        names = ((person * 2 + 1, "name", 0, f'"{_name(person)}"', now) for person in portion)
        await conn.copy_records_to_table(
            "trait", records=names, columns=["node_id", "name", "source_id", "value", "occurred_at"]
        )
    await conn.execute("set maintenance_work_mem = '256MB'")
    await conn.execute(definition)
    await conn.execute("vacuum analyze node, search_entry, trait")


def questions(people: int, count: int) -> list[str]:
    """Parts of phones that exist, 4 to 8 digits long."""
    chance = random.Random(7)
    parts = []
    for number in range(count):
        digits = _phone(chance.randrange(people))[1:]
        length = 4 + number % 5
        first = chance.randrange(len(digits) - length + 1)
        parts.append(digits[first : first + length])
    return parts


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    async with bench.database() as database, database.pool.acquire() as conn:
        await fill(conn, load.people)
        await search(conn, "mario rossi")
        latencies = []
        for part in questions(load.people, load.searches):
            asked = time.perf_counter()
            found = await search(conn, part)
            latencies.append(time.perf_counter() - asked)
            if not any(part in value for one in found for _, value in one.identifiers):
                raise BenchError(f"The search for {part} did not find anybody with it.")
    return [
        Measured(
            row="search-phone",
            value=percentile(latencies, 99) * 1000,
            unit="ms",
            wanted=WANTED,
            note=f"{load.people:,} people: {milliseconds(latencies)}",
        )
    ]


ROW = Row("search-phone", measure)
