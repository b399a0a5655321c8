"""``oversell``: never more promised than there is, whoever is killed; and how fast one hot sku is given out.

``oversell``: N buyers (2, 12, 50, 200) over up to four processes buy M units (1, 3, 100) one at a time until they are
sold out: hold, pay (50 ms), commit. One process is killed with -9 while it holds units; its holds die by their expiry
(1 s), nobody sweeps. Counted is everything that is wrong in the twelve runs: units committed beyond or short of M,
holds that are stuck, counters that are not the sum of the holds. Wanted: nothing.

``holds-rate``, ``holds-p99``: 50 buyers in two processes, each with its own group commit (``Taker``), hold one unit of
the same sku after another for some seconds, with stock left to the end: every attempt takes a unit, none is a cheap
refusal. Attempts a second of all, and the 99th percentile of one attempt from asking to answer, commit included.

``holds-http-p99``: the same over ``POST /api/holds``: 50 kept connections to one web process, a secret key, a new hold
each. The load's own client runs on the same cores.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from unisono.bench.buyers import Told
from unisono.bench.http import drive
from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, milliseconds, percentile
from unisono.bench.scratch import Database, Scratch
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.model import NewGood
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location, StockLine
from unisono.kit.database import Pool, connection, transaction

NOTHING_WRONG: Final = Wanted("under", 1.0)
RATE: Final = Wanted("at least", 2_000.0)
P99: Final = Wanted("under", 50.0)

BUYERS: Final = (2, 12, 50, 200)
UNITS: Final = (1, 3, 100)
PROCESSES: Final = 4
CONCURRENT: Final = 50
READY_WITHIN: Final = 60.0


class Child:
    """A child process and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, dsn: str, good: int, buyers: int, seconds: float) -> Child:
        """Start it; it waits for `go`."""
        arguments = ["-m", "unisono.bench.buyers", dsn, str(good), str(buyers), str(seconds)]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe, limit=2**26)
        return cls(process)

    async def hear(self, word: str) -> str:
        """Wait until it says a word; the rest of that line. Raises BenchError when it ends before."""
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_WITHIN):
            while line := (await self.process.stdout.readline()).decode():
                said, _, rest = line.strip().partition(" ")
                if said == word:
                    return rest
        raise BenchError(f"A process of buyers ended before it said {word!r}.")

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")

    async def told(self) -> Told:
        """What it tells at its end."""
        return msgspec.json.decode(await self.hear("told"), type=Told)

    async def kill(self) -> None:
        """kill -9, and it is gone when this returns."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def _children(dsn: str, good: int, buyers: Sequence[int], seconds: float) -> AsyncIterator[list[Child]]:
    """Processes with so many buyers each, ready to go; none is left at the end."""
    children: list[Child] = []
    try:
        for number in buyers:
            children.append(await Child.start(dsn, good, number, seconds))  # noqa: PERF401 - one that fails ends the others
        for child in children:
            await child.hear("ready")
        yield children
    finally:
        for child in children:
            await child.kill()


# Sold out, with one process killed ----------------------------------------------------------------------


class Outcome(NamedTuple):
    """What came of one run."""

    buyers: int
    units: int
    killed_holding: int
    """Units the killed process held when it died."""
    wrong: int


async def _good(pool: Pool, capacity: int) -> int:
    key = f"hot-{uuid.uuid4().hex[:8]}@bench"
    async with transaction(pool) as conn:
        made = await holds.ensure_goods(conn, [NewGood("stock", key, capacity)])
    return made["stock", key]


def shares(buyers: int) -> list[int]:
    """Buyers of each process."""
    processes = min(PROCESSES, buyers)
    return [buyers // processes + (number < buyers % processes) for number in range(processes)]


async def sell_out(database: Database, buyers: int, units: int) -> Outcome:
    """Sell the units with the first process killed while it holds some; what was wrong in the end."""
    good = await _good(database.pool, units)
    async with _children(database.dsn, good, shares(buyers), 0) as children:
        victim, survivors = children[0], children[1:]
        victim.go()
        await victim.hear("held")
        for child in survivors:
            child.go()
        await victim.kill()
        async with connection(database.pool) as conn:
            killed_holding = await conn.fetchval(
                "select coalesce(sum(quantity), 0)::int from hold where good_id = $1 and state = 'held'", good
            )
        await asyncio.gather(*(child.told() for child in survivors))
    return Outcome(buyers, units, killed_holding, await _wrong(database.pool, good, units))


async def _wrong(pool: Pool, good: int, units: int) -> int:
    """Units committed beyond or short of what there was, live or miscounted holds; 0 is what is wanted."""
    now = datetime.now(UTC)
    async with connection(pool) as conn:
        state = (await holds.goods(conn, [good], now=now))[good]
        row = await conn.fetchrow(
            """select coalesce(sum(hold.quantity) filter (where state = 'committed'), 0)::int as committed,
                      coalesce(sum(hold.quantity) filter (where state = 'held'), 0)::int as held,
                      max(good.held)::int as counted_held, max(good.committed)::int as counted
               from good left join hold on hold.good_id = good.id where good.id = $1""",
            good,
        )
    assert row is not None
    miscounted = abs(row["counted"] - row["committed"]) + abs(row["counted_held"] - row["held"])
    return abs(int(row["committed"]) - units) + state.held_live + int(miscounted)


# How fast -----------------------------------------------------------------------------------------------


async def hot_sku(database: Database, seconds: float) -> tuple[float, list[float]]:
    """Attempts a second on one sku with stock left, and what each took."""
    good = await _good(database.pool, 99_999_999)
    async with _children(database.dsn, good, [CONCURRENT // 2] * 2, seconds) as children:
        for child in children:
            child.go()
        told = await asyncio.gather(*(child.told() for child in children))
    async with connection(database.pool) as conn:
        held = (await holds.goods(conn, [good], now=datetime.now(UTC)))[good].held_live
    attempts = sum(one.attempts for one in told)
    if held != attempts:
        raise BenchError(f"{attempts} holds were granted and {held} are there.")
    return attempts / max(one.seconds for one in told), [latency for one in told for latency in one.latencies]


async def over_http(database: Database, requests: int) -> tuple[float, list[float]]:
    """The same through a web process."""
    now = datetime.now(UTC)
    async with transaction(database.pool) as conn:
        product = await conn.fetchval("insert into product (code, name) values ('hot', 'Hot') returning id")
        variant = await conn.fetchval("insert into variant (product_id, sku) values ($1, 'hot') returning id", product)
        await inventory.save_location(conn, Location(code="bench", name="Bench", kind="store", timezone="Europe/Rome"))
        why = inventory.Why("bench", "delivery")
        await inventory.receive(conn, [StockLine(variant, "bench", 99_999_999)], why, now=now)
    key = await database.key("server", "commerce:read", "commerce:write")
    body = msgspec.json.encode({"lines": [{"sku": "hot", "location": "bench", "quantity": 1}]})
    head = (
        f"POST /api/holds HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    )
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    async with database.web() as web:
        await drive(web.port, [request] * 200, CONCURRENT, status=201)
        driven = await drive(web.port, [request] * requests, CONCURRENT, status=201)
    if driven.refused:
        raise BenchError(f"{driven.refused} of {requests} holds were refused.")
    return requests / driven.seconds, driven.latencies


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    async with bench.database() as database:
        runs = [await sell_out(database, buyers, units) for buyers in BUYERS for units in UNITS]
        rate, latencies = await hot_sku(database, load.holding_seconds)
        http_rate, http = await over_http(database, load.held_requests)
    held = sum(run.killed_holding for run in runs)
    wrong = [run for run in runs if run.wrong]
    return [
        Measured(
            row="oversell",
            value=sum(run.wrong for run in runs),
            unit="units wrong",
            wanted=NOTHING_WRONG,
            note=f"{len(runs)} runs, each with a process killed ({held} units held by the killed)"
            + "".join(f"; {run.buyers} buyers, {run.units} units: {run.wrong} wrong" for run in wrong),
        ),
        Measured(
            row="holds-rate",
            value=rate,
            unit="holds/s",
            wanted=RATE,
            note=f"one sku, stock left, {CONCURRENT} buyers in two processes with group commit",
        ),
        Measured(
            row="holds-p99",
            value=percentile(latencies, 99) * 1000,
            unit="ms",
            wanted=P99,
            note=f"{CONCURRENT} buyers: {milliseconds(latencies)}",
        ),
        Measured(
            row="holds-http-p99",
            value=percentile(http, 99) * 1000,
            unit="ms",
            wanted=P99,
            note=f"POST /api/holds, {CONCURRENT} connections, one process: {http_rate:,.0f}/s, {milliseconds(http)}",
        ),
    ]


ROW = Row("oversell", measure)
