"""A worker process of segments: reader, timers and fill, for tests that kill it.

Run as a script: ``segmenting_process.py DSN LEASE_SECONDS``. Works until killed.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from tests.support.segmenting import SETTINGS
from unisono.customers.segments.filling import SegmentFill
from unisono.customers.segments.live import SegmentsReader
from unisono.customers.segments.timing import SegmentsDue
from unisono.customers.timeline.worker import Worker
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import open_pool


async def main(dsn: str, lease: float) -> None:
    pool = await open_pool(dsn, 8)
    handlers = [SegmentsDue(SETTINGS), SegmentFill(SETTINGS)]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Worker(pool, [SegmentsReader(SETTINGS)], 2).run())
        tasks.create_task(TimerWorker(pool, handlers, lease=timedelta(seconds=lease)).run())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
