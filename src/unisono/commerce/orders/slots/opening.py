"""Opening hours as absolute spans, over days when the clocks change: how deadlines and slots are reckoned. Pure.

The hours themselves, and which of two local times is meant, are `unisono.commerce.inventory.opening`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from unisono.commerce.inventory.model import Location
from unisono.commerce.inventory.opening import spans_on, zone_of

FURTHEST: Final = 60
"""Days looked ahead, or back, for a day on which the place opens."""


class Span(NamedTuple):
    """From an instant up to, without, another; UTC."""

    starts_at: datetime
    ends_at: datetime


def local_day(location: Location, at: datetime) -> date:
    """The calendar day at the place."""
    return at.astimezone(zone_of(location.timezone)).date()


def _instant(location: Location, day: date, clock: str, *, next_day: bool = False) -> datetime:
    hour, minute = int(clock[:2]), int(clock[3:])
    if hour == 24 or next_day:
        day += timedelta(days=1)
    return datetime.combine(day, time(hour % 24, minute), zone_of(location.timezone)).astimezone(UTC)


def end_of_day(location: Location, day: date) -> datetime:
    """The local midnight that ends a day."""
    return _instant(location, day, "24:00")


def spans_of_day(location: Location, day: date) -> list[Span]:
    """When the place is open, of the spans that begin on this local day, in order; empty when it is closed."""
    spans = [
        Span(_instant(location, day, start), _instant(location, day, end, next_day=end <= start))
        for start, end in spans_on(location.opening, day)
    ]
    # A span inside an hour that the clock jumps over does not take place.
    return [span for span in spans if span.ends_at > span.starts_at]


def open_days(location: Location, start: date) -> Iterator[list[Span]]:
    """The spans of the days from ``start`` on when the place opens; ends after some weeks without any."""
    for ahead in range(FURTHEST + 1):
        if spans := spans_of_day(location, start + timedelta(days=ahead)):
            yield spans


def closing_after(location: Location, at: datetime, opening_days: int) -> datetime:
    """The last closing of the ``opening_days``-th day of opening after the present one; 0 is today's.

    A day that is over, or on which the place is closed, does not count. Where a place tells no hours, the local
    midnight that ends the day stands for its closing.
    """
    today = local_day(location, at)
    left = opening_days
    for spans in open_days(location, today):
        if spans[-1].ends_at <= at:
            continue
        if not left:
            return spans[-1].ends_at
        left -= 1
    return end_of_day(location, today + timedelta(days=opening_days))


def opening_time_before(location: Location, at: datetime, wanted: timedelta, *, since: datetime) -> datetime | None:
    """The instant from which ``wanted`` of opening time remains until ``at``; None when that is not after ``since``.

    A place that tells no hours is taken for open.
    """
    if not location.opening:
        return at - wanted if at - wanted > since else None
    left = wanted
    day = local_day(location, at)
    for back in range(FURTHEST + 1):
        for span in reversed(spans_of_day(location, day - timedelta(days=back))):
            end = min(span.ends_at, at)
            if end <= span.starts_at:
                continue
            if end - span.starts_at >= left:
                return end - left if end - left > since else None
            left -= end - span.starts_at
            if span.starts_at <= since:
                return None
    return None
