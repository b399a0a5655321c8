"""A worker that sends messages, for tests that kill it.

Run as a script: ``dispatching_process.py DSN DATA_DIR LEASE_SECONDS``. Works until killed, or told to end by SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from datetime import timedelta
from pathlib import Path

from tests.support.posting import SECRET, settings_for
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.kit.database import open_pool


async def main(dsn: str, folder: Path, lease: float) -> None:
    """Send until ended."""
    pool = await open_pool(dsn, 5)
    work = asyncio.ensure_future(
        Dispatcher(pool, settings_for(dsn, folder), SECRET, lease=timedelta(seconds=lease)).run()
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
