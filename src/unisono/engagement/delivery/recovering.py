"""Leases that ended: whoever held these messages is gone. What had not left is due again; of the rest nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from unisono.customers.timeline.lanes import guarded
from unisono.engagement.channels.registry import adapter_of
from unisono.engagement.delivery import rules
from unisono.engagement.delivery.desk import Desk
from unisono.engagement.policy import service as policy
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.engagement.delivery")

AT_ONCE: Final = 1000


async def recover(desk: Desk) -> int:
    """Take up what lost its worker; how many messages. Raises Unavailable."""
    now = desk.clock()
    async with guarded(desk.pool) as conn:
        claimed = [row["id"] for row in await _sql.take_back(conn, now=now, many=AT_ONCE)]
        if claimed:
            await policy.release(conn, claimed, now=now)
        lost = await _sql.lock_lost(conn, now=now, many=AT_ONCE)
        if lost:
            await _write_off(conn, desk, lost, now)
        crash_point("delivery.before_recovery_commit")
    return len(claimed) + len(lost)


async def _write_off(conn: Connection, desk: Desk, lost: Sequence[Any], now: datetime) -> None:
    """Handed over, and never heard of again: unknown, or once more where that is known to be harmless."""
    recognises = {account.id for account in desk.accounts.values() if adapter_of(account.kind).capabilities.idempotent}
    settled = [
        rules.after_unknown(row["purpose"], idempotent=row["account_id"] in recognises, again=row["again"], now=now)
        for row in lost
    ]
    await _sql.write_lost(
        conn,
        ids=[row["id"] for row in lost],
        states=[one.state for one in settled],
        reasons=[one.reason.code if one.reason else None for one in settled],
        now=now,
    )
    await _sql.write_attempts(
        conn,
        ids=[row["id"] for row in lost],
        accounts=[row["account_id"] for row in lost],
        channels=[row["channel"] for row in lost],
        ats=[row["handed_over_at"] for row in lost],
        outcomes=["unknown"] * len(lost),
        codes=["worker_lost"] * len(lost),
        details=[None] * len(lost),
        provider_ids=[None] * len(lost),
    )
