"""Shared fixtures: the real PostgreSQL, a migrated database a test, a pool on it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from tests.support.database import own_database, start_once, template_database
from tests.support.secret import TEST_KEY
from unisono.kit.database import Pool, open_pool

# Processes that tests start keep their key here, not in the data folder of whoever runs the tests.
os.environ.setdefault("UNISONO_SECRET_KEY", TEST_KEY)

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("unisono", deadline=None)
settings.load_profile("unisono")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: no worker begins with what is long when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


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
    async with own_database(server_dsn) as url:
        yield url


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """A pool on the fresh database."""
    pool = await open_pool(dsn, 6)
    yield pool
    await pool.close()
