"""The check of what must hold at every instant can fail: each way of breaking it is found, and only that one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.stocked import stocked
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import StockNeed
from unisono.demo import SERVED_WITH
from unisono.demo.findings import Findings
from unisono.demo.live.checking import check_promises
from unisono.kit.database import Pool, connection, transaction
from unisono.kit.settings import load_settings


async def shelf(pool: Pool) -> None:
    """Five shoes, one of them held."""
    now = datetime.now(UTC)
    async with transaction(pool) as conn:
        shop = await stocked(conn, now=now)
        await shop.receive("shoe", "milano", 5)
        await inventory.hold_stock(
            conn,
            [StockNeed(shop["shoe"], "milano", 1)],
            channel="web",
            node_id=None,
            key="k",
            expires_at=now + timedelta(minutes=15),
            reason="test",
            reference="test:1",
            now=now,
        )


BREAKS = {
    "nothing is promised beyond the shelf": "alter table good drop constraint promised_within_capacity;"
    " update good set committed = 9",
    "what is held and committed": "update hold set quantity = 2",
    "units on hand": "insert into stock_movement (good_id, state, quantity, reason, actor)"
    " select good_id, 'on_hand', 1, 'lost', 'test' from stock",
    "damaged and incoming units": "update stock set damaged = 1",
    "no hold lives": "update hold set expires_at = now() - interval '1 hour'",
    "changes of a subject": "update change set sequence = 7 where sequence = 1",
    "the last change of a good": "update good set version = version + 1",
}


async def test_an_honest_shelf_holds(pool: Pool) -> None:
    """Nothing is found."""
    await shelf(pool)
    findings = Findings()
    async with connection(pool) as conn:
        await check_promises(findings, conn)
    assert findings.failed == 0


@pytest.mark.parametrize("what", BREAKS)
async def test_what_is_broken_is_named(pool: Pool, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each break is told with how many things it breaks."""
    await shelf(pool)
    async with pool.acquire() as conn:
        await conn.execute(BREAKS[what])
        findings = Findings()
        await check_promises(findings, conn)
    told = capsys.readouterr().out
    assert findings.failed >= 1
    assert f"FAIL  {what}" in told


def test_the_demo_is_served_with_settings_there_are() -> None:
    """In dollars, with payments for trying out; the environment may say otherwise."""
    settings = load_settings(dict(SERVED_WITH))
    assert (settings.currency, settings.test_payments) == ("USD", True)
    assert settings.shipping_minor > 0
