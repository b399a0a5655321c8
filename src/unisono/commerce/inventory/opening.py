"""When a place is open: pure rules over local spans and a time zone.

A day has the spans of its date if there are any, else those of its weekday; a span that ends at or before its start
ends on the next day. Local times that a change of the clock skips or repeats are taken as the zone database does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from unisono.commerce.inventory.errors import BadLocation
from unisono.commerce.inventory.model import Location, Opening, OpenState

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AHEAD: Final = 370
"""Days that are looked through for the next opening: a place closed for longer does not open."""

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
_MAX_SPANS: Final = 10
_MAX_DAYS: Final = 1_000


def check_opening(opening: Opening, timezone: str) -> None:
    """Raises BadLocation for a zone that is none, a day that is none, a span that is none or overlaps another."""
    zone_of(timezone)
    if len(opening) > _MAX_DAYS:
        raise BadLocation(f"At most {_MAX_DAYS} days can be told.")
    for day, spans in opening.items():
        if day not in WEEKDAYS and not _is_date(day):
            raise BadLocation(f"{day[:20]!r} is no day.", hint="mon … sun, or a date as 2026-12-25.")
        if len(spans) > _MAX_SPANS:
            raise BadLocation(f"{day} has more than {_MAX_SPANS} spans.")
        end = -1
        for span in spans:
            if len(span) != 2 or not all(_TIME.fullmatch(at) for at in span) or span[0] == "24:00":
                raise BadLocation(f"{day} has a span that is none.", hint='["09:00", "13:00"]')
            start = _minutes(span[0])
            if start < end or end > 24 * 60:
                raise BadLocation(f"The spans of {day} overlap or are not in order.")
            end = _end(span)


def zone_of(timezone: str) -> ZoneInfo:
    """The zone of a name. Raises BadLocation."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadLocation(f"{timezone[:60]!r} is no time zone.", hint="For example Europe/Rome.") from None


def _is_date(day: str) -> bool:
    try:
        return date.fromisoformat(day).isoformat() == day
    except ValueError:
        return False


def _minutes(at: str) -> int:
    return int(at[:2]) * 60 + int(at[3:])


def _end(span: list[str]) -> int:
    """Minutes after the day's midnight at which it ends; beyond 24 hours on the next day."""
    start, end = _minutes(span[0]), _minutes(span[1])
    return end if end > start else end + 24 * 60


def spans_on(opening: Opening, day: date) -> list[list[str]]:
    """The spans that begin on a local day; none: closed."""
    dated = opening.get(day.isoformat())
    return opening.get(WEEKDAYS[day.weekday()], []) if dated is None else dated


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """The instant of a local time so many minutes after midnight."""
    day += timedelta(days=minutes // (24 * 60))
    minutes %= 24 * 60
    return datetime.combine(day, time(minutes // 60, minutes % 60), zone).astimezone(UTC)


def _periods(location: Location, first: date, days: int) -> Iterator[tuple[datetime, datetime]]:
    zone = zone_of(location.timezone)
    for number in range(days):
        day = first + timedelta(days=number)
        for span in spans_on(location.opening, day):
            yield _instant(day, _minutes(span[0]), zone), _instant(day, _end(span), zone)


def opening_hours(location: Location, instant: datetime) -> OpenState:
    """Whether a place is open at an instant (UTC or any zone), until when, and when it opens next.

    A place without any opening hours, such as a warehouse, is never open to customers. Spans that touch are one.
    """
    here = instant.astimezone(zone_of(location.timezone)).date()
    today = [list(span) for span in spans_on(location.opening, here)]
    if location.closed_at is not None and location.closed_at <= instant:
        return OpenState(False, None, None, [])
    closes = None
    # A night's span began the day before; the days after are looked at where spans touch.
    for start, end in _periods(location, here - timedelta(days=1), 4):
        if (start <= instant < end) or start == closes:
            closes = end
    return OpenState(closes is not None, closes, next_opening(location, instant), today)


def next_opening(location: Location, instant: datetime) -> datetime | None:
    """The next instant after this one at which the place opens (UTC); None when it does not within a year."""
    if not location.opening:
        return None
    here = instant.astimezone(zone_of(location.timezone)).date()
    for start, end in _periods(location, here - timedelta(days=1), AHEAD):
        if start > instant and end > start:
            return None if location.closed_at is not None and location.closed_at <= start else start
    return None
