"""A worker process that answers privacy requests, for tests that kill it: ``private_process.py DSN LEASE_SECONDS``."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from tests.support.secret import TEST_SECRET
from unisono.customers.privacy.timing import PrivacyNight, PrivacyWork
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import open_pool
from unisono.personal import PARTS


async def main(dsn: str, lease: float) -> None:
    """Work until killed."""
    pool = await open_pool(dsn, 6)
    handlers = [PrivacyWork(PARTS, TEST_SECRET), PrivacyNight()]
    await TimerWorker(pool, handlers, lease=timedelta(seconds=lease)).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
