"""Time by somebody's clock on the wall: zones, times of day, quiet hours, right over the changes of summer time.

Two rules decide where the clock is changed, and both are the ones people expect:

- A time that does not exist (Europe/Rome, 2027-03-28 02:30) is the first instant after the gap: 03:00.
- A time that comes twice (Europe/Rome, 2026-10-25 02:30) is the first of the two. Quiet hours that end then end with
  it, and it is quiet once more while the clock on the wall shows them again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import msgspec

ZoneSource = Literal["person", "store", "company"]

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY: Final = timedelta(days=1)
_SEARCHED: Final = 40
"""Quiet hours that have not ended after so many spans never do."""


class Zone(msgspec.Struct, frozen=True):
    """A zone, and how we came by it."""

    name: str
    """IANA name, always one that exists."""
    source: ZoneSource
    sure: bool
    """Whether the person's own zone is known; else it is the store's or the company's."""

    @property
    def info(self) -> ZoneInfo:
        """The rules of the zone."""
        return ZoneInfo(self.name)


class Hours(NamedTuple):
    """Hours of a day: from ``start`` (``21:00``) until ``end`` (``09:00``; not after ``start``: on the next day)."""

    start: str
    end: str
    weekdays: frozenset[str] | None = None
    """Days on which they begin (``mon`` to ``sun``); None: every day."""
    holidays: bool = False
    """They begin on public holidays too."""


@functools.cache
def _zone_names() -> frozenset[str]:
    # These are the machine's own zone and placeholders, not anybody's.
    return frozenset(available_timezones()) - {"localtime", "Factory", "posixrules"}


def known_zone(name: object) -> ZoneInfo | None:
    """The zone of a name; None for whatever is no IANA name. Never reads a file a stranger named."""
    if not isinstance(name, str) or name not in _zone_names():
        return None
    return ZoneInfo(name)


def zone_of(said: Iterable[tuple[object, datetime]], *, store: str | None, company: str) -> Zone:
    """The zone of a person: the newest one that he or his devices told and that exists.

    ``said`` is (zone, when) in any order. Without one it is the store's, then the company's, and not sure (RULES R7).
    """
    known = [(at, str(name)) for name, at in said if known_zone(name) is not None]
    if known:
        return Zone(max(known)[1], "person", sure=True)
    if store is not None and known_zone(store) is not None:
        return Zone(store, "store", sure=False)
    return Zone(company if known_zone(company) is not None else "UTC", "company", sure=False)


def parse_time(text: str) -> tuple[int, int]:
    """Hours and minutes of ``HH:MM``; ``24:00`` is the end of the day. Raises ValueError."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        raise ValueError(f"{text!r} is no time of day")
    if (int(hours), int(minutes)) == (24, 0):
        return 24, 0
    parsed = time(int(hours), int(minutes))
    return parsed.hour, parsed.minute


def instant_of(day: date, at: str, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The instant (UTC) at which the clocks of a zone show ``at`` on a day.

    In a gap it is the end of the gap; of two instants it is the first, or the ``last``. Raises ValueError for a time
    that is none.
    """
    hours, minutes = parse_time(at)
    wall = datetime.combine(day + _DAY * (hours // 24), time(hours % 24, minutes))
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return second if last else first
    return _clock_change(second, first, zone)


def _clock_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The change of the clock between two instants, to the second."""
    old = before.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def next_local(instant: datetime, zone: ZoneInfo, at: str) -> datetime:
    """The first instant (UTC), not before ``instant``, at which the clocks of a zone come to show ``at``."""
    today = instant.astimezone(zone).date()
    candidates = (instant_of(today + _DAY * ahead, at, zone) for ahead in (-1, 0, 1, 2))
    return next(candidate for candidate in candidates if candidate >= instant)


@functools.lru_cache(maxsize=512)
def public_holidays(country: str, year: int) -> tuple[date, ...]:
    """The public holidays of a country (ISO 3166) in a year, in order; none where we have no calendar of it."""
    # Sets up every calendar on earth (0.16 s): only for whoever asks.
    import holidays  # noqa: PLC0415

    try:
        return tuple(sorted(holidays.country_holidays(country, years=year)))
    except NotImplementedError:
        return ()


def is_holiday(country: str, day: date) -> bool:
    """Whether a day is a public holiday of a country; see ``public_holidays``."""
    return day in public_holidays(country, day.year)


def quiet_until(
    instant: datetime, zone: ZoneInfo, quiet: Sequence[Hours], holiday: Callable[[date], bool]
) -> datetime | None:
    """The end of the quiet hours an instant is in; None when it is in none. The end itself is not quiet."""
    today = instant.astimezone(zone).date()
    ends = [
        end
        for hours in quiet
        for day in (today - _DAY, today, today + _DAY)
        if _begins_on(hours, day, holiday)
        for start, end in _spans(hours, day, zone)
        if start <= instant < end
    ]
    return max(ends, default=None)


def resume_after_quiet(
    instant: datetime, zone: ZoneInfo, quiet: Sequence[Hours], holiday: Callable[[date], bool]
) -> datetime | None:
    """The first instant, not before ``instant``, outside all quiet hours; None when they do not end."""
    for _ in range(_SEARCHED):
        end = quiet_until(instant, zone, quiet, holiday)
        if end is None:
            return instant
        instant = end
    return None


def _begins_on(hours: Hours, day: date, holiday: Callable[[date], bool]) -> bool:
    if hours.weekdays is None or WEEKDAYS[day.weekday()] in hours.weekdays:
        return True
    return hours.holidays and holiday(day)


def _spans(hours: Hours, day: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    ends_on = day if hours.end > hours.start else day + _DAY
    end, again = (instant_of(ends_on, hours.end, zone, last=last) for last in (False, True))
    yield instant_of(day, hours.start, zone), end
    if again != end:
        yield max(_clock_change(end, again, zone), instant_of(day, hours.start, zone, last=True)), again
