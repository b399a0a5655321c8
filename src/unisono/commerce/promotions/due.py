"""Promotions that begin or end by the calendar: every channel is told at that instant."""

from __future__ import annotations

from datetime import datetime

import msgspec

from unisono.commerce.promotions.keeping import find_promotion, write_version
from unisono.commerce.promotions.model import Promotion
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import NewTimer, Timer, TimerHandler
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.promotions")

KIND = "promotion"


def _turns(promotion: Promotion | None) -> dict[str, tuple[str, datetime]]:
    """The timers a promotion needs: key to what happens and when. Each instant is a timer of its own."""
    if promotion is None or promotion.status == "ended":
        return {}
    instants = (("begins", promotion.starts_at), ("ends", promotion.ends_at))
    return {f"{promotion.code}:{turn}:{at.timestamp():.0f}": (turn, at) for turn, at in instants if at is not None}


async def set_turns(conn: Connection, old: Promotion | None, new: Promotion, *, now: datetime) -> None:
    """Set the timers of a promotion's beginning and end, and cancel those it no longer has."""
    before, after = _turns(old), _turns(new)
    if gone := before.keys() - after.keys():
        await timers.cancel_timers(conn, [(KIND, key) for key in sorted(gone)], reason="the promotion was changed")
    coming = [
        NewTimer(kind=KIND, key=key, due_at=at, payload={"code": new.code, "turn": turn})
        for key, (turn, at) in after.items()
        if at > now and key not in before
    ]
    if coming:
        await timers.set_timers(conn, coming)


class PromotionTurns(TimerHandler):
    """Tells that a promotion has begun or ended."""

    kind = KIND

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """A new version of the same definition, on the feed; nothing when the promotion has moved since."""
        code, turn = str(timer.payload["code"]), str(timer.payload["turn"])
        await _sql.lock_name(conn, name=f"promotion {code}")
        promotion = await find_promotion(conn, code)
        at = promotion.starts_at if turn == "begins" else promotion.ends_at
        if promotion.status != "active" or at != timer.due_at:
            return "the promotion has changed"
        row = await _sql.move_promotion(conn, code=code, status=promotion.status)
        turned = msgspec.structs.replace(promotion, version=row["version"])
        await write_version(conn, turned, actor="calendar", now=timer.now)
        return turn
