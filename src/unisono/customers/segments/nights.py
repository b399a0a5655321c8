"""When the nightly proof is made."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from unisono.customers.timers import service as timers
from unisono.kit.database import Connection
from unisono.kit.settings import Settings

CHECK = "segments.check"
NIGHTLY = "nightly"
AT = time(3, 30)
"""When, by the company's clock: few are about, and the day before is over everywhere in its zone."""


def next_night(now: datetime, timezone: str) -> datetime:
    """The next time of the proof. A time the clock skips or has twice is as Python has it: once."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    for day in (today, today + timedelta(days=1)):
        at = datetime.combine(day, AT, zone)
        if at > now:
            return at.astimezone(now.tzinfo)
    raise AssertionError("one of two nights is to come")


async def plan(conn: Connection, settings: Settings, *, now: datetime) -> None:
    """See to it that the proof is made each night; once is enough for ever."""
    if await timers.find_timer(conn, CHECK, NIGHTLY) is None:
        await timers.set_timer(conn, CHECK, NIGHTLY, next_night(now, settings.timezone))
