"""Clerks and workers in processes of their own, at the instant of the deadline, and killed in the middle."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import unisono
from tests.support.counter import make_person, make_place, make_variant, stock_up
from tests.support.forking import Program
from tests.support.secret import TEST_SECRET
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.model import DirectPayment, NewLine, NewOrder
from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.reservations import service
from unisono.commerce.orders.reservations.model import NewReservation, Policy
from unisono.kit.database import Pool, transaction

NOW = datetime(2026, 10, 23, 8, tzinfo=UTC)
DEADLINE = datetime(2026, 10, 26, 18, 30, tzinfo=UTC)
"""Monday's closing, 19:30 in Rome: the night before last the clocks were set back."""
JUST_BEFORE = DEADLINE - timedelta(microseconds=1)
POLICY = Policy(days=2, most_open=10_000, floor=10_000)
UNITS = 1000

LABELS = sorted(
    {
        label
        for room in ("pickup", "reservations", "slots")
        for file in (Path(unisono.__file__).parent / "commerce" / "orders" / room).glob("*.py")
        for label in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))
    }
)


@pytest.fixture
async def store(pool: Pool) -> AsyncIterator[Pool]:
    """A thousand pairs in Milano."""
    place = await make_place(pool)
    await stock_up(pool, await make_variant(pool), place, UNITS)
    await make_person(pool, *"abcd")
    yield pool


async def reserve(pool: Pool, count: int) -> list[str]:
    """Reservations that end together; ``id code`` of each."""
    nodes = [row["id"] for row in await pool.fetch("select id from node order by id limit 4")]
    made = []
    async with transaction(pool) as conn:
        for n in range(count):
            new = NewReservation(node_id=nodes[n % 4], code="SHOE-42", store_id="milano")
            one = await service.reserve(conn, new, policy=POLICY, now=NOW)
            assert one.deadline == DEADLINE
            made.append(f"{one.id} {one.code}")
    return made


def start(dsn: str, role: str, now: datetime, env: Mapping[str, str] | None = None) -> Program:
    """A process at the counter."""
    environment = {**os.environ, **(env or {})}
    return Program("tests.support.counter_process", dsn, role, now.isoformat(), env=environment, talking=True)


def finish(process: Program, lines: Sequence[str] = ()) -> list[str]:
    """Tell it what to do and hear what came of it."""
    return process.communicate("\n".join(lines)).split("\n")[:-1]


async def test_the_deadline_in_four_processes_never_both_never_neither(store: Pool, dsn: str) -> None:
    """250 reservations, two clerks a microsecond before it, two workers at it."""
    made = await reserve(store, 250)
    clerks = [start(dsn, "clerk", JUST_BEFORE) for _ in range(2)]
    workers = [start(dsn, "worker", DEADLINE) for _ in range(2)]
    for clerk in clerks:
        clerk.stdin.write("\n".join(made))
        clerk.stdin.close()
    said = [line.split() for clerk in clerks for line in finish(clerk)]
    for worker in workers:
        finish(worker)
    handed = [number for number, word in said if word == "handed"]
    assert Counter(word for _, word in said).keys() <= {"handed", "reservation_state"}
    assert len(handed) == len(set(handed))
    states = Counter(row["state"] for row in await store.fetch("select state from reservation"))
    assert (states["collected"], states["expired"]) == (len(handed), 250 - len(handed))
    print(f"{len(handed)} handed over, {250 - len(handed)} expired")
    rows = await store.fetch("select name, count(*) from event where name like 'Reservation %' group by name")
    told = {row["name"]: row["count"] for row in rows}
    assert told.get("Reservation Collected", 0) == len(handed)
    assert told.get("Reservation Expired", 0) == 250 - len(handed)
    good = await store.fetchrow("select capacity, held, committed from good where kind = 'stock'")
    assert good is not None
    assert tuple(good) == (UNITS - len(handed), 0, 0)
    gaps = await store.fetchval(
        "select count(*) from (select subject, count(*) as n, max(sequence) as last from change"
        " where kind = 'reservation' group by subject) as s where n <> last"
    )
    assert gaps == 0


def test_every_crash_point_at_the_counter_is_known() -> None:
    """One before the commit of each hand-over."""
    assert LABELS == ["pickup.before_commit", "reservations.before_commit"]


@pytest.mark.parametrize("label", LABELS)
async def test_a_clerk_killed_before_the_commit_has_handed_nothing_over(store: Pool, dsn: str, label: str) -> None:
    """The next one does it, once: units, state and event stand or fall together."""
    if label.startswith("reservations"):
        (line,) = await reserve(store, 1)
        name = "Reservation Collected"
    else:
        line, name = await order(store), "Order Collected"
    killed = start(dsn, "clerk", NOW, {"UNISONO_CRASH_POINT": label})
    assert finish(killed, [line]) == []
    assert killed.poll() == 137
    assert await store.fetchval("select capacity from good where kind = 'stock'") == UNITS
    assert await store.fetchval("select count(*) from event where name = $1", name) == 0
    assert finish(start(dsn, "clerk", NOW), [line])[0].endswith("handed")
    assert await store.fetchval("select capacity from good where kind = 'stock'") == UNITS - 1
    assert await store.fetchval("select count(*) from event where name = $1", name) == 1


async def order(pool: Pool) -> str:
    """A paid order to be collected; ``id code`` of its pick-up."""
    asked = NewOrder(
        source="web",
        source_order_id="W-1",
        lines=(NewLine(sku="SHOE-42", unit_minor=8000),),
        identifier=await pool.fetchval("select namespace || ':' || value from node order by id limit 1"),
        fulfilment="pickup",
        location="milano",
        payment=DirectPayment(provider="cash"),
    )
    async with transaction(pool) as conn:
        placed = (await orders.place_direct(conn, asked, secret=TEST_SECRET, actor="test", now=NOW)).order
        (parcel,) = await pickups.parcels_of(conn, placed.number)
        return f"{parcel.id} {await pickups.code_of(conn, parcel.id)}"
