"""``segment-preview``, ``segment-new``: a rule over everybody.

What: three parts (bought within 90 days, looked at shoes within 60, lives in Milano). ``segment-preview``:
``asking.preview`` with its funnel over as many people and events as the demo's year has, ten times; wanted: the median
under 500 ms. ``segment-new``: 1,000,000 people and 10,000,000 events; from publishing the segment until all its members
are known and the instants at which to look again are set, by the worker's own handler; wanted: under 20 s. ``--quick``
takes a tenth of the people.
"""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime
from typing import Any, Final

from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, milliseconds
from unisono.bench.scratch import Scratch
from unisono.customers.segments import service as segments
from unisono.customers.segments.asking import PreviewRequest, preview
from unisono.customers.segments.filling import SegmentFill
from unisono.customers.segments.service import NewSegment
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Connection, transaction
from unisono.kit.settings import Settings

PREVIEW = Wanted("under", 500.0)
NEW = Wanted("under", 20.0)
SEGMENT = "some"

HOUSEHOLDS: Final = 2_500
DEMO_EVENTS: Final = 66
"""Events of a household in its year."""
EVENTS: Final = 10
"""Events of each of the million."""
TIMES: Final = 10

DAY: Final = 86_400
RULE: Final[dict[str, Any]] = {
    "is": "all",
    "of": [
        {
            "is": "event",
            "names": ["Order Completed"],
            "op": "at_least",
            "amount": 1,
            "within": {"seconds": 90 * DAY},
        },
        {
            "is": "event",
            "names": ["Product Viewed"],
            "where": [{"path": "category", "op": "is", "value": "Shoes"}],
            "op": "at_least",
            "amount": 1,
            "within": {"seconds": 60 * DAY},
        },
        {"is": "trait", "trait": "city", "op": "is", "value": "Milano"},
    ],
}


async def fill(conn: Connection, people: int, events: int) -> None:
    """People, a city for each, and a year of events drawn by a fixed rule."""
    await conn.execute(
        "insert into node (id, namespace, value, person_id, cluster_id)"
        " select n, 'user_id', 'bench-' || n, n, n from generate_series(1, $1) n",
        people,
    )
    await conn.execute(
        "insert into trait (node_id, name, source_id, value, occurred_at)"
        " select n, 'city', 1, to_jsonb((array['Milano', 'Torino', 'Roma', 'Bologna'])[1 + n % 4]), now()"
        " from generate_series(1, $1) n",
        people,
    )
    # In the order of time, as they would have come in; who did what is as a hash has it.
    await conn.execute(
        """insert into event (lane, node_id, type, name, channel, message_id, occurred_at, received_at, properties)
           select node % 64, node, 'track', name, channel, 'bench:' || n, at, at, properties from (
               select n, 1 + (hashint8(n)::bigint & 2147483647) % $1 as node,
                      now() - interval '365 days' * (1 - n::float8 / ($1::bigint * $2)) as at,
                      case when n % 10 < 6 then 'Product Viewed' when n % 10 < 8 then 'Page Viewed'
                           when n % 10 = 8 then 'Product Added' else 'Order Completed' end as name,
                      case when n % 3 = 0 then 'store' else 'web' end as channel,
                      jsonb_build_object('category', (array['Shoes', 'Shirts', 'Coats'])[1 + n % 3],
                                         'product_id', 'sku-' || n % 500, 'total', n % 200) as properties
               from generate_series(1, $1::bigint * $2) n) as made""",
        people,
        events,
        timeout=1800,
    )
    await conn.execute("vacuum analyze node, trait, event", timeout=1800)


async def _preview(bench: Scratch) -> Measured:
    async with bench.database() as database, database.pool.acquire() as conn:
        await fill(conn, HOUSEHOLDS, DEMO_EVENTS)
        settings, asked = Settings(), PreviewRequest(rule=RULE)
        took = []
        for _ in range(TIMES):
            began = time.perf_counter()
            found = await preview(conn, asked, settings, now=datetime.now(UTC))
            took.append(time.perf_counter() - began)
        if found.people != HOUSEHOLDS or not found.members or len(found.parts) != len(RULE["of"]):
            raise BenchError(f"The preview found {found.members} of {found.people}.")
    return Measured(
        row="segment-preview",
        value=statistics.median(took) * 1000,
        unit="ms",
        wanted=PREVIEW,
        note=f"{HOUSEHOLDS * DEMO_EVENTS:,} events, {found.members:,} of {HOUSEHOLDS:,} people; {milliseconds(took)}",
    )


async def _new(bench: Scratch, people: int) -> Measured:
    settings = Settings()
    async with bench.database() as database:
        async with database.pool.acquire() as conn:
            await fill(conn, people, EVENTS)
        now = datetime.now(UTC)
        began = time.perf_counter()
        async with transaction(database.pool) as conn:
            await segments.create(conn, NewSegment(code=SEGMENT, name="Some", rule=RULE), actor="bench", now=now)
            await segments.publish(conn, SEGMENT, now=now)
        await TimerWorker(database.pool, [SegmentFill(settings)]).drain()
        seconds = time.perf_counter() - began
        async with transaction(database.pool) as conn:
            found = await segments.find(conn, SEGMENT)
            members = await segments.count_members(conn, found.id)
            timed = await conn.fetchval("select count(*) from timer where kind = 'segments'")
        if found.counting or not members:
            raise BenchError("The segment was not counted.")
    return Measured(
        row="segment-new",
        value=seconds,
        unit="s",
        wanted=NEW,
        note=f"{people:,} people, {people * EVENTS:,} events: {members:,} members, {timed:,} timers",
    )


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    return [await _preview(bench), await _new(bench, load.people)]


ROW = Row("segments", measure)
