"""A worker process with a reader that writes each event it takes down; for tests that kill it.

Run as a script: ``reading_process.py DSN LANES``. Works until killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Connection, open_pool

TABLE = (
    "create table taken (seq bigint generated always as identity,"
    " event_id bigint, txid bigint, person_id bigint, worker int)"
)
"""No key, on purpose: an event taken twice shows as two rows."""


class Taking(LogReader):
    """Writes down what it takes and who took it."""

    name = "taking"
    batch_size = 20

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        await conn.executemany(
            "insert into taken (event_id, txid, person_id, worker) values ($1, $2, $3, pg_backend_pid())",
            [(event.id, event.txid, event.person_id) for event in events],
        )


async def main(dsn: str, lanes: int) -> None:
    pool = await open_pool(dsn, 4)
    await Worker(pool, [Taking()], lanes=lanes).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
