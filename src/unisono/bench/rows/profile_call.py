"""``profile-p99``: how long a till waits for a profile while 1,000 events a second are written.

What: ``GET /api/people?identifier=phone:...`` with a secret key, answered whole (identifiers, traits, computed traits,
next 5 and last 50 items) and audited; four tills, each asking every 40 ms, 200 people with 60 events each; web process
and worker run as in an installation. The 99th percentile of 2,000 calls is wanted under 20 ms.
"""

from __future__ import annotations

import asyncio
import time

from unisono.bench.background import KNOWN, Writers, make_known, phone
from unisono.bench.http import Link, get
from unisono.bench.model import BenchError, Load, Measured, Row, Wanted, milliseconds, percentile
from unisono.bench.scratch import Scratch

WANTED = Wanted("under", 20.0)
TILLS = 4
EVERY = 0.04


async def _till(port: int, key: str, calls: int, number: int) -> list[float]:
    link = await Link.open(port)
    await asyncio.sleep(EVERY * number / TILLS)
    latencies = []
    for call in range(calls):
        person = (call * TILLS + number) % KNOWN
        asked = time.perf_counter()
        answer = await link.ask(get(f"/api/people?identifier=phone:%2B{phone(person)[1:]}", key))
        latencies.append(time.perf_counter() - asked)
        if answer.status != 200 or answer.body.count(b'"channel":') < 50:
            raise BenchError(f"A profile was answered with {answer.status} and is not whole.")
        await asyncio.sleep(max(0.0, EVERY - latencies[-1]))
    link.close()
    return latencies


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    async with bench.database() as database, database.web(worker=True) as web:
        await make_known(database, web.port)
        browser, till = await database.key("browser"), await database.key("server", "people:read")
        async with Writers(web.port, browser, load.rate) as writers:
            await asyncio.sleep(1)
            calls = load.profile_calls // TILLS
            each = await asyncio.gather(*(_till(web.port, till, calls, number) for number in range(TILLS)))
            rate = writers.reached
    latencies = [seconds for one in each for seconds in one]
    return [
        Measured(
            row="profile-p99",
            value=percentile(latencies, 99) * 1000,
            unit="ms",
            wanted=WANTED,
            note=f"{milliseconds(latencies)}; {rate:,.0f} events/s beside it",
        )
    ]


ROW = Row("profile-p99", measure)
