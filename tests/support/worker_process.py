"""The worker of an installation on a database: ``python -m tests.support.worker_process DSN``."""

from __future__ import annotations

import asyncio
import sys

from unisono.kit.settings import load_settings
from unisono.worker import run_worker

if __name__ == "__main__":
    asyncio.run(run_worker(load_settings({}), sys.argv[1]))
