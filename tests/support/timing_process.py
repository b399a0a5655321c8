"""A worker process that fires timers of kind ``bell`` and writes down each; for tests that kill it.

Run as a script: ``timing_process.py DSN LEASE_SECONDS``. Works until killed.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from typing import ClassVar

from unisono.customers.timers.model import Timer, TimerHandler
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Connection, open_pool

TABLE = (
    "create table rung (seq bigint generated always as identity, key text not null,"
    " at timestamptz not null default clock_timestamp(), due_at timestamptz not null, worker int)"
)
"""No key, on purpose: a timer fired twice shows as two rows."""


class Bell(TimerHandler):
    """Writes down that it rang and in which process."""

    kind: ClassVar[str] = "bell"

    async def fire(self, conn: Connection, timer: Timer) -> str:
        await conn.execute(
            "insert into rung (key, due_at, worker) values ($1, $2, pg_backend_pid())", timer.key, timer.due_at
        )
        return "rang"


async def main(dsn: str, lease: float) -> None:
    pool = await open_pool(dsn, 6)
    await TimerWorker(pool, [Bell()], lease=timedelta(seconds=lease)).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
