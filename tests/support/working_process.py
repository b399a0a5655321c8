"""The whole worker of an installation, for tests that let everything go on at once: ``main(DSN, DATA_DIR, OUTPUT)``."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from tests.support.posting import settings_for
from tests.support.secret import TEST_KEY
from unisono.kit.logs import configure_logs
from unisono.worker import run_worker


async def main(dsn: str, folder: Path, output: Path) -> None:
    """Work until killed; what it says goes to a file."""
    with output.open("ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    os.environ["UNISONO_TEST_PAYMENTS"] = "true"
    configure_logs("info")
    await run_worker(dataclasses.replace(settings_for(dsn, folder), secret_key=TEST_KEY), dsn)
