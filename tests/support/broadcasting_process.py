"""A worker that plans broadcasts and sends them, for tests that kill it.

Run as a script: ``broadcasting_process.py DSN DATA_DIR PORTION [send]``. Plans until killed; sends too when told to.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from tests.support.posting import SECRET, settings_for
from unisono.customers.timers.worker import TimerWorker
from unisono.engagement import app_part
from unisono.engagement.broadcasts.planning import BroadcastDriver
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.kit.database import open_pool

PLANNER_LEASE = timedelta(seconds=1)
SENDER_LEASE = timedelta(seconds=5)
"""Long enough for two busy cores: a batch that outlives its lease goes back."""


async def main(dsn: str, folder: Path, portion: int, *, send: bool) -> None:
    """Plan, and send, until ended."""
    assert app_part.routes, "what the rooms give each other is given there"
    settings = settings_for(dsn, folder)
    pool = await open_pool(dsn, 8)
    work = [TimerWorker(pool, [BroadcastDriver(settings, portion=portion)], lease=PLANNER_LEASE).run()]
    if send:
        work.append(Dispatcher(pool, settings, SECRET, lease=SENDER_LEASE).run())
    await asyncio.gather(*work)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), send="send" in sys.argv[4:]))
