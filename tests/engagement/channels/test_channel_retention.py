"""What channels forget: the calls of providers, once nobody tells them again, and devices that are gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.posting import SECRET
from unisono.customers.timers import service as timers
from unisono.customers.timers.worker import TimerWorker
from unisono.engagement.channels import accounts, retention
from unisono.engagement.channels.retention import ChannelsNight
from unisono.kit.database import Pool, transaction
from unisono.kit.settings import Settings

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


async def test_it_is_forgotten_every_night(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After their days and no sooner, in portions, and again the next night; a device in use never is."""
    monkeypatch.setattr(retention, "PORTION", 100)
    settings = Settings(provider_call_days=10)
    draft = accounts.Draft(code="site", kind="onsite", channel="onsite", name="Site")
    async with transaction(pool) as conn:
        made = await accounts.create(conn, SECRET, draft, private=True, actor="t", now=NOW)
        await conn.execute(
            """insert into provider_call (account_id, delivery_id, received_at, kind, outcome)
               select $1, 'd' || n, $2::timestamptz - make_interval(hours => n), 'delivered', 'taken'
               from generate_series(0, 599) n""",
            made.id,
            NOW,
        )
        await conn.execute(
            """insert into push_address (node_id, channel, endpoint, created_at, gone_at)
               select 1, 'web_push', 'https://push.example/' || n, $1::timestamptz - interval '1 year',
                      case when n >= 0 then $1::timestamptz - make_interval(hours => n) end
               from generate_series(-10, 599) n""",
            NOW,
        )
        for _ in range(2):
            await retention.plan(conn, settings, now=NOW)
    night = NOW + timedelta(days=1)
    worker = TimerWorker(pool, [ChannelsNight(settings, lambda: night)])
    assert await worker.drain(NOW) == 0
    assert await worker.drain(night) == 1
    left = await pool.fetchrow("select count(*) as calls, min(received_at) as oldest from provider_call")
    assert tuple(left or ()) == (217, night - timedelta(days=10))
    devices = await pool.fetchrow(
        """select count(*) filter (where gone_at is null) as used, count(gone_at) as gone, min(gone_at) as oldest
           from push_address"""
    )
    assert tuple(devices or ()) == (10, 217, night - timedelta(days=10))
    async with transaction(pool) as conn:
        timer = await timers.find_timer(conn, retention.KIND, "nightly")
    assert timer is not None
    assert (timer.state, night < timer.due_at <= night + timedelta(days=1)) == ("pending", True)
