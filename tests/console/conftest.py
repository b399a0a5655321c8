"""The console on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.console import Site, console_site


@pytest.fixture
async def site(dsn: str) -> AsyncIterator[Site]:
    """The application, nobody signed in."""
    async with console_site(dsn) as site:
        yield site
