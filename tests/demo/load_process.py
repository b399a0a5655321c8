"""A load in a process of its own, to be killed: prints how many events are on disk."""

from __future__ import annotations

import asyncio
import sys
from datetime import date
from pathlib import Path

from tests.support.secret import TEST_KEY
from unisono.demo import loading
from unisono.demo.loading import Progress
from unisono.demo.retailer import load_year
from unisono.kit.database import open_pool
from unisono.kit.settings import Settings


def tell(progress: Progress) -> None:
    print(progress.phase, progress.done, progress.total, flush=True)


async def main(dsn: str, folder: str, today: str) -> None:
    pool = await open_pool(dsn, 4)
    settings = Settings(commit_events=200, secret_key=TEST_KEY)
    await load_year(
        pool, settings, limit_households=None, progress=tell, folder=Path(folder), today=date.fromisoformat(today)
    )
    await pool.close()


if __name__ == "__main__":
    loading.TOLD_EVERY = 0.0  # type: ignore[misc]  # every batch is told, so that the kill can be aimed
    asyncio.run(main(*sys.argv[1:]))
