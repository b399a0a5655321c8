"""A desk that sends to segments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.broadcasting import Desk, desk_on
from unisono.kit.database import Pool


@pytest.fixture
async def desk(pool: Pool, dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Ready to send."""
    async with desk_on(pool, dsn, tmp_path) as desk:
        yield desk
