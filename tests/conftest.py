"""Shared fixtures: the real PostgreSQL, a migrated database a test, a pool on it."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from hypothesis import settings

from tests.support.database import fresh_database, start_once, template_database
from tests.support.secret import TEST_KEY
from unisono.kit.database import Pool, open_pool

# Processes that tests start keep their key here, not in the data folder of whoever runs the tests.
os.environ.setdefault("UNISONO_SECRET_KEY", TEST_KEY)

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("unisono", deadline=None)
settings.load_profile("unisono")


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """The server all tests share."""
    yield start_once()


@pytest.fixture(scope="session")
def template_dsn(server_dsn: str) -> str:
    """A migrated database nobody writes to: others are copied from it."""
    return asyncio.run(template_database(server_dsn))


@pytest.fixture
async def dsn(server_dsn: str, template_dsn: str) -> AsyncIterator[str]:
    """A fresh migrated database."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    url = await fresh_database(server_dsn, name)
    yield url
    admin = await asyncpg.connect(server_dsn)
    await admin.execute(f'drop database if exists "{name}" with (force)')
    await admin.close()


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """A pool on the fresh database."""
    pool = await open_pool(dsn, 6)
    yield pool
    await pool.close()
