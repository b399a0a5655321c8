"""A process that takes people out of ad audiences once, at an instant, for tests that kill it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tests.support.posting import SECRET, settings_for
from unisono.customers.timers.worker import TimerWorker
from unisono.engagement.channels.audiences.leaving import AudienceKeeper
from unisono.kit.database import open_pool


async def main(dsn: str, folder: Path, now: datetime) -> None:
    """Do what is due at ``now``."""
    pool = await open_pool(dsn, 4)
    keeper = AudienceKeeper(settings_for(dsn, folder), SECRET, lambda: now)
    await TimerWorker(pool, [keeper]).drain(now)
    await pool.close()
