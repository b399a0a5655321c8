"""The demo's first broadcast: this week's offers to whoever uses coupons, really sent, to the counterparts."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from unisono.demo.loading import ACTOR
from unisono.engagement.broadcasts import keeping, service
from unisono.engagement.broadcasts.errors import BroadcastNotFound
from unisono.engagement.broadcasts.model import BroadcastInput
from unisono.kit.database import Pool, transaction
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.demo")

CODE: Final = "this-week"
SEGMENT: Final = "coupon-users"
TEMPLATE: Final = "weekly-offers"
PRODUCTS: Final = 3


async def prepare(pool: Pool, *, now: datetime) -> None:
    """Write it down as a draft, unless it was written before: who uses coupons, by e-mail, else by SMS."""
    async with transaction(pool) as conn:
        try:
            await keeping.get(conn, CODE)
        except BroadcastNotFound:
            rows = await _sql.best_sellers(conn, limit=PRODUCTS)
            wanted = BroadcastInput(
                name="This week near you",
                segment=SEGMENT,
                template=TEMPLATE,
                channels=("email", "sms"),
                data={"skus": [row["sku"] for row in rows]},
            )
            await keeping.save(conn, CODE, wanted, actor=ACTOR, now=now)


async def launch_once(pool: Pool, settings: Settings, *, now: datetime) -> bool:
    """Let the demo's broadcast go, if it was never launched; whether it goes now.

    Whoever connects the counterparts calls this: before that nobody would carry it.
    """
    async with transaction(pool) as conn:
        try:
            found = await keeping.get(conn, CODE)
        except BroadcastNotFound:
            return False
        if found.status != "draft" or found.created_by != ACTOR:
            return False
        await service.launch(conn, CODE, actor=ACTOR, now=now, settings=settings)
        return True
