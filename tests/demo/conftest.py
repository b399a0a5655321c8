"""The small dataset, written once, and a second database to compare with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.demo.mini import write_mini
from tests.support.database import own_database
from unisono.kit.database import Pool, open_pool


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small dataset."""
    return write_mini(tmp_path_factory.mktemp("mini"))


@pytest.fixture
async def other_pool(server_dsn: str, template_dsn: str) -> AsyncIterator[Pool]:
    """A pool on a second fresh database."""
    async with own_database(server_dsn) as dsn:
        pool = await open_pool(dsn, 4)
        yield pool
        await pool.close()
