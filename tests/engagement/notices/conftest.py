"""An office that sends e-mails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.posting import Office, check_ledger, settings_for, sinking
from unisono.kit.database import Pool


@pytest.fixture
async def post(pool: Pool, dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    """Ready to send."""
    async with sinking() as sink:
        office = Office(pool, settings_for(dsn, tmp_path), sink)
        await office.free_policy()
        await office.account()
        yield office
        await check_ledger(pool)
