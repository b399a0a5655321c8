"""A process that delivers webhooks, for tests that kill it. Run as a script: ``delivering_process.py DSN``."""

from __future__ import annotations

import asyncio
import sys

from unisono.commerce.changes.webhooks.deliverer import Deliverer
from unisono.kit.database import open_pool


async def main(dsn: str) -> None:
    """Deliver until killed."""
    await Deliverer(await open_pool(dsn, 6), private=True).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
