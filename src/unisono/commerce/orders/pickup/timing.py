"""What happens to a pick-up at an instant."""

from __future__ import annotations

from typing import ClassVar

from unisono.commerce.orders.pickup import service
from unisono.customers.timers.model import Timer, TimerHandler
from unisono.kit.database import Connection


class PickupTimeout(TimerHandler):
    """Nobody came in time: cancelled, refunded, told. The refund's calls to providers have timers of their own."""

    kind: ClassVar[str] = service.COLLECT_BY

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Only if it still waits."""
        done = await service.not_collected(conn, int(timer.key), actor="system", now=timer.now)
        return "over already" if done is None else "not collected"
