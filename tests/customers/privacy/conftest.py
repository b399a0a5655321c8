"""A shop with a customer in every room of it, and the worker that answers privacy requests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.private import Registry, open_registry


@pytest.fixture(scope="module")
async def registry(server_dsn: str, template_dsn: str) -> AsyncIterator[Registry]:
    """One for the module: every test erases somebody else."""
    async with open_registry(server_dsn) as registry:
        yield registry
