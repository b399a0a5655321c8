"""Segments through time: one timer a person, due at the earliest instant at which time alone may move him."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from unisono.customers.segments.judging import KIND, SOON, Asked, judge
from unisono.customers.segments.standing import Register
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import ManyHandler, Timer
from unisono.customers.timers.service import Instant, instant, micros
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.customers.segments")


class SegmentsDue(ManyHandler):
    """Judges persons by the segments whose instant has come for them."""

    kind: ClassVar[str] = KIND
    repeats: ClassVar[bool] = True
    many: ClassVar[int] = 250

    def __init__(self, settings: Settings) -> None:
        self._register = Register(settings)

    async def fire_many(self, conn: Connection, due: Sequence[Timer]) -> Sequence[str]:
        """Judge them, and let each wait for what comes next."""
        await _sql.use_memberships(conn)
        live = await self._register.current(conn)
        now = max(timer.now for timer in due)
        asked: dict[int, Asked] = {}
        settled: list[Instant] = []
        for timer in due:
            ids = [int(part) for part, at in timer.payload.items() if instant(at) <= now]
            # What is being counted is judged when it is counted; what is live no more is forgotten.
            settled += [
                Instant(KIND, timer.key, str(id_), now + SOON if id_ in live.codes else None)
                for id_ in ids
                if id_ not in live.by_id
            ]
            standing = frozenset(ids) & live.everything
            settled += [Instant(KIND, timer.key, str(id_), None) for id_ in standing]
            if standing:
                asked[int(timer.key)] = Asked(standing, "time", f"t{micros(timer.due_at)}.{timer.attempts}")
        await timers.set_instants(conn, KIND, settled)
        judged = await judge(conn, live, asked, now=now)
        if judged.moves:
            crash_point("segments.before_time_commit")
        moved = {move.person_id for move in judged.moves}
        return ["moved" if int(timer.key) in moved else "looked again" for timer in due]
