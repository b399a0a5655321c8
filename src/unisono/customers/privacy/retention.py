"""The clocks of retention: what the law limits in time, looked at every night.

Purchases are limited in use, not deleted: after ``purchases_profiling_months`` segments no longer see what they hold,
after ``purchases_marketing_months`` that there were any (``segments.model.World.horizon_of``). They stay for the books;
how many lie beyond each clock is told. Deleted are copies of access requests past their thirty days.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from unisono.customers.consent import service as consent
from unisono.customers.timeline.vocabulary import purchases
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.privacy")


async def apply(conn: Connection, *, now: datetime) -> dict[str, int]:
    """Look at the clocks: purchases told of longer ago than each of them."""
    legal = await consent.legal(conn)
    row = await _sql.old_purchases(
        conn,
        names=list(purchases()),
        profiling=now - timedelta(days=legal.purchases_profiling_days),
        marketing=now - timedelta(days=legal.purchases_marketing_days),
    )
    return {"beyond_profiling": row["beyond_profiling"], "beyond_marketing": row["beyond_marketing"]}
