"""The small dataset, written once, and a second database to compare with."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.demo.mini import write_mini
from tests.support.database import fresh_database
from unisono.kit.database import Pool, open_pool


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small dataset."""
    return write_mini(tmp_path_factory.mktemp("mini"))


@pytest.fixture
async def other_pool(server_dsn: str, template_dsn: str) -> AsyncIterator[Pool]:
    """A pool on a second fresh database."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    pool = await open_pool(await fresh_database(server_dsn, name), 4)
    yield pool
    await pool.close()
    admin = await asyncpg.connect(server_dsn)
    await admin.execute(f'drop database if exists "{name}" with (force)')
    await admin.close()
