"""Seasons of the year: fixed days, moving feasts, the public holidays of the company's country. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from unisono.customers.segments.values import midnight, zone
from unisono.kit.localtime import public_holidays


class Window(NamedTuple):
    """From an instant on, until before another."""

    start: datetime
    end: datetime


class Days(NamedTuple):
    """From a day on, until before another."""

    first: date
    end: date


def easter(year: int) -> date:
    """Easter Sunday (the anonymous Gregorian computus)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _around(day: Callable[[int], date], before: int, after: int) -> Callable[[int], Days]:
    return lambda year: Days(day(year) - timedelta(days=before), day(year) + timedelta(days=after + 1))


def _fixed(first: tuple[int, int], last: tuple[int, int]) -> Callable[[int], Days]:
    return lambda year: Days(date(year, *first), date(year, *last) + timedelta(days=1))


NAMED: dict[str, Callable[[int], Days]] = {
    "valentine": _fixed((2, 1), (2, 14)),
    "carnival": _around(lambda year: easter(year) - timedelta(days=47), 12, 0),
    "womens_day": _fixed((3, 1), (3, 8)),
    "easter": _around(easter, 21, 1),
    "mothers_day": _around(lambda year: _nth(year, 5, 6, 2), 14, 0),
    "summer": _fixed((6, 21), (8, 31)),
    "mid_august": _fixed((8, 8), (8, 22)),
    "back_to_school": _fixed((8, 25), (9, 20)),
    "halloween": _fixed((10, 17), (10, 31)),
    "black_friday": _around(lambda year: _nth(year, 11, 3, 4) + timedelta(days=1), 4, 3),
    "christmas": _fixed((12, 1), (12, 26)),
    "year_end": _fixed((12, 27), (12, 31)),
}
"""Seasons by name: in which days of a year they fall."""

PUBLIC_HOLIDAYS = "public_holidays"
"""The season of every public holiday of the company's country: each a day of its own."""

_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z")


def known(name: str) -> bool:
    """Whether there is a season of that name."""
    return name in NAMED or name == PUBLIC_HOLIDAYS


def month_day(text: str) -> tuple[int, int] | None:
    """``12-25`` as month and day; None when it is none."""
    return (int(text[:2]), int(text[3:])) if _DAY.match(text) else None


def day_in(year: int, month: int, day: int) -> date:
    """That day of a year; where the month is shorter its last day."""
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month, min(day, last))


@lru_cache(maxsize=4096)
def _days(name: str, year: int, country: str) -> tuple[Days, ...]:
    if name in NAMED:
        return (NAMED[name](year),)
    if name == PUBLIC_HOLIDAYS:
        return tuple(Days(day, day + timedelta(days=1)) for day in public_holidays(country, year))
    first, _, last = name.partition("..")
    start, end = month_day(first), month_day(last)
    if start is None or end is None:
        return ()
    end_year = year + 1 if end < start else year
    return (Days(day_in(year, *start), day_in(end_year, *end) + timedelta(days=1)),)


@lru_cache(maxsize=4096)
def occurrences(name: str, year: int, country: str, timezone: str) -> tuple[Window, ...]:
    """The windows of a season that belong to a year, by the company's clock. A name nobody knows has none.

    ``name`` is a season's, or ``MM-DD..MM-DD`` with both days included; one that passes the year's end belongs to
    the year it begins in.
    """
    return tuple(
        Window(midnight(days.first, timezone), midnight(days.end, timezone)) for days in _days(name, year, country)
    )


class Remembered(NamedTuple):
    """A season that happened, and until when a rule that looks some years back still sees it."""

    start: datetime
    end: datetime
    forgotten: datetime


def remembered(name: str, years: int, now: datetime, country: str, timezone: str) -> list[Remembered]:
    """The windows of the last ``years`` years' seasons, and of the next: an event in one counts until the season of
    ``years`` years later begins."""
    this = now.astimezone(zone(timezone)).year
    found = []
    for year in range(this - years - 1, this + 2):
        later = occurrences(name, year + years, country, timezone)
        if later:
            found += [Remembered(*window, later[0].start) for window in occurrences(name, year, country, timezone)]
    return [item for item in found if item.forgotten > now]


def edge(name: str, now: datetime, country: str, timezone: str) -> tuple[bool, datetime | None]:
    """Whether it is that season now, and when that changes; None when there is no such season."""
    this = now.astimezone(zone(timezone)).year
    end: datetime | None = None
    for year in range(this - 1, this + 3):
        for window in occurrences(name, year, country, timezone):
            if end is not None:
                if window.start > end:
                    return True, end
                end = max(end, window.end)
            elif window.start <= now < window.end:
                end = window.end
            elif window.start > now:
                return False, window.start
    return end is not None, end


def season_name(season: str | None, first: str | None, last: str | None) -> str:
    """The name ``occurrences`` understands of a calendar condition."""
    return season if season is not None else f"{first}..{last}"


def today(now: datetime, timezone: str) -> date:
    """The company's day."""
    return now.astimezone(zone(timezone)).date()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
