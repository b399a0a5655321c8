"""``demo-load``: a real retailer's whole year, from nothing to loaded.

What: ``unisono demo --no-serve`` in a data folder of its own: making the database, reading the data, about 165,000
events through the collector. Wanted: under 120 s. Needs the optional package with the data.
"""

from __future__ import annotations

import asyncio
import time

from unisono.bench.model import BenchError, Load, Measured, Row, Wanted
from unisono.bench.scratch import Scratch, folder, free_port, start

WANTED = Wanted("under", 120.0)
GIVE_UP = 900.0


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    less = ["--households", str(load.households)] if load.households else []
    with folder() as path:
        began = time.perf_counter()
        loading = start(["unisono.cli", "--data-dir", str(path), "demo", "--no-serve", *less], free_port())
        try:
            code = await asyncio.to_thread(loading.popen.wait, GIVE_UP)
        finally:
            if loading.popen.poll() is None:
                loading.stop()
        seconds = time.perf_counter() - began
    if code:
        raise BenchError(f"unisono demo --no-serve ended with code {code}.")
    note = f"{load.households} households" if load.households else "all households"
    return [Measured(row="demo-load", value=seconds, unit="s", wanted=WANTED, note=note)]


ROW = Row("demo-load", measure)
