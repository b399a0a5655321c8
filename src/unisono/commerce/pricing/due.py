"""Prices that begin or end by themselves: the feed is told at the instant, reductions are judged once more."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from unisono.commerce.pricing.discounts import recheck
from unisono.commerce.pricing.lists import price_list
from unisono.commerce.pricing.loading import past_of
from unisono.commerce.pricing.model import Fact
from unisono.commerce.pricing.rules import fact_at
from unisono.commerce.pricing.writing import DUE, observe_begun, tell
from unisono.customers.timers.model import Timer, TimerHandler
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.pricing")


class PricesDue(TimerHandler):
    """Prices of one list begin or end at one instant. ``zone`` is the company's."""

    kind: ClassVar[str] = DUE

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Tell the feed of every sku it is about, observe what is asked now, withdraw what is no longer true."""
        chosen, at = await price_list(conn, timer.payload["price_list"]), timer.due_at
        if chosen.disabled_at is not None and chosen.disabled_at <= at:
            return "the list is off"
        whole = at in (chosen.starts_at, chosen.ends_at)
        rows = await _sql.lock_due_variants(conn, price_list_id=chosen.id, at=at, whole=whole)
        variants = [row["id"] for row in rows]
        withdrawn = await recheck(conn, chosen, at, variants, zone=self.zone, now=timer.now)
        past = await past_of(conn, variants, at, at + timedelta(microseconds=1))
        counting: list[Fact] = []
        for variant_id in variants:
            own = [fact for fact in past.facts.get(variant_id, []) if fact.price_list_id == chosen.id]
            fact = fact_at(own, at)
            if fact is not None:
                counting.append(fact)
        begun = [fact for fact in counting if fact.starts_at == at]
        await observe_begun(conn, chosen, begun, origin="list")
        more = {variant_id: {"at": at} for variant_id in variants}
        await tell(conn, chosen, counting, why="due", more=more)
        return f"{len(variants)} skus told, {len(withdrawn)} reductions withdrawn"
