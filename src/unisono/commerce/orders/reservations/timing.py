"""What happens to a reservation at an instant."""

from __future__ import annotations

from typing import ClassVar

from unisono.commerce.orders.reservations import service
from unisono.customers.timers.model import Timer, TimerHandler
from unisono.kit.database import Connection


class ReservationExpiry(TimerHandler):
    """At the deadline: the units are free, and the person and the channels hear of it."""

    kind: ClassVar[str] = service.EXPIRY

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Only if nobody came meanwhile."""
        return (await service.expire(conn, timer.key, now=timer.now)).state


class ReservationReminder(TimerHandler):
    """Two hours of opening before the deadline."""

    kind: ClassVar[str] = service.REMINDER

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Only while it is open."""
        return "reminded" if await service.remind(conn, timer.key, now=timer.now) else "over already"
