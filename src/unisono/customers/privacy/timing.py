"""What is done about privacy at an instant: the work of requests, and the nightly clock of retention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import structlog

from unisono.access import audit
from unisono.customers.privacy import retention, service
from unisono.customers.privacy.copying import Copier
from unisono.customers.privacy.erasing import Eraser
from unisono.customers.privacy.model import NIGHT, WORK
from unisono.customers.timers.model import LongHandler, Timer, TimerHandler
from unisono.kit.database import Connection, Pool
from unisono.kit.personal import PersonalData
from unisono.kit.secret import Secret

log = structlog.get_logger("unisono.privacy")


class PrivacyWork(LongHandler):
    """Copies and erasures: each in steps that leave their mark, so that whoever takes over goes on from there."""

    kind: ClassVar[str] = WORK
    repeats: ClassVar[bool] = True

    def __init__(self, parts: Sequence[PersonalData], secret: Secret) -> None:
        self._parts = parts
        self._secret = secret

    async def work(self, pool: Pool, timer: Timer) -> None:
        """What the request wants: one of the two finds nothing to do."""
        number = int(timer.payload["request"])
        eraser = Eraser(pool, self._parts, self._secret)
        if timer.payload["step"] == "finish":
            await eraser.finish(number, now=timer.now)
            return
        await Copier(pool, self._parts, self._secret).work(number, now=timer.now)
        await eraser.work(number, now=timer.now)

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """What came of it."""
        return (await service.request(conn, int(timer.payload["request"]))).state


class PrivacyNight(TimerHandler):
    """Every night: copies whose time is over go, what the law limits is limited, and what is overdue is told."""

    kind: ClassVar[str] = NIGHT
    repeats: ClassVar[bool] = True

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """All of it, and the timer of the next night."""
        ended = await service.end_expired(conn, now=timer.now)
        late = await service.overdue(conn, now=timer.now)
        found = await retention.apply(conn, now=timer.now)
        if late:
            log.warning("privacy.overdue", requests=late)
        await audit.record(
            conn, actor="system", action="privacy.retention", detail={"copies": ended, "overdue": late, **found}
        )
        await service.set_night(conn, timer.now)
        return f"{ended} copies, {late} overdue, {sum(found.values())} rows"
