"""Reading values, pure: what counts as a text, a number, a time, and where a path leads.

``sqltext`` says the same to the database; a property test holds the two equal. Text compares without regard to case
(Latin, Greek, Cyrillic, Armenian letters, one by one). Numbers are JSON numbers, or texts that are one; they count
to six decimals, the rest cut off; from 10^15 on they are none. A list stands for each of its elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from unisono.kit.reasons import DAYS

LOWER = {
    code: low
    for code in range(0x80, 0x590)
    if len(low := chr(code).lower()) == 1 and low != chr(code) and len(low.encode()) > 1
}
"""Capital letters beyond ASCII and their small ones."""

_TABLE = {**{code: chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}, **LOWER}

NUMBER = r"^ *[+-]?[0-9]+(\.[0-9]+)? *$"
"""Texts that are numbers; the same expression in Python and in PostgreSQL."""

LONGEST_NUMBER = 40
"""Characters of such a text."""

TIME = (
    r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-3]):?[0-5][0-9])?)?$"
)
"""Texts that are times: a day, or a time of it; without zone it is UTC."""

LARGEST = Decimal(10) ** 15
SIX = Decimal("0.000001")

_number = re.compile(NUMBER.replace("$", r"\Z"))
_time = re.compile(TIME.replace("$", r"\Z"))


def lower(text: str) -> str:
    """Small letters."""
    return text.translate(_TABLE)


def number_of(value: Any) -> Decimal | None:
    """The number a value is, to six decimals; None when it is none."""
    if isinstance(value, str):
        if len(value) > LONGEST_NUMBER or not _number.match(value):
            return None
        exact = Decimal(value.strip(" "))
    elif isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    else:
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite() or abs(exact) >= LARGEST:
        return None
    # Zero is added because there is no negative zero in the database.
    return exact.quantize(SIX, ROUND_DOWN) + 0


def plain(number: Decimal) -> str:
    """A number without exponent and trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def text_of(value: Any) -> str | None:
    """The text of a value in small letters: texts, numbers, true and false; None for the rest."""
    if isinstance(value, str):
        return lower(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    number = number_of(value)
    return None if number is None else plain(number)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """A zone by name."""
    return ZoneInfo(name)


def midnight(day: date, timezone: str) -> datetime:
    """The instant a day begins; where the clock is turned at midnight as PostgreSQL has it: of two the later."""
    local = datetime.combine(day, time(), zone(timezone))
    late = local.replace(fold=1)
    if (local.utcoffset() or timedelta()) > (late.utcoffset() or timedelta()):
        local = late
    return local.astimezone(UTC)


def time_of(value: Any, timezone: str) -> datetime | None:
    """The instant a value is: an ISO 8601 text or a datetime between 1900 and 2199; a day is its midnight."""
    if isinstance(value, datetime):
        return value if 1900 <= value.year < 2200 else None
    if not isinstance(value, str) or len(value) > 40 or not _time.match(value):
        return None
    try:
        if len(value) == 10:
            return midnight(date.fromisoformat(value), timezone)
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def day_of(value: Any, timezone: str) -> date | None:
    """The local day a value is, or lies in."""
    if isinstance(value, str) and len(value) == 10:
        try:
            return date.fromisoformat(value) if _time.match(value) else None
        except ValueError:
            return None
    at = time_of(value, timezone)
    return None if at is None else at.astimezone(zone(timezone)).date()


def weekday(at: datetime, timezone: str) -> str:
    """``mon`` to ``sun``, in that zone."""
    return DAYS[at.astimezone(zone(timezone)).weekday()]


def step_into(value: Any, steps: Sequence[str]) -> Any:
    """The value at the end of plain steps through mappings; None where the way ends."""
    for step in steps:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


@lru_cache(maxsize=4096)
def steps_of(path: str) -> tuple[str, ...]:
    """The steps of a dotted path."""
    return tuple(path.split("."))


def split(steps: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Steps up to the first ``[]`` and those after it; None as the rest when there is none."""
    for index, step in enumerate(steps):
        if step.endswith("[]"):
            return (*steps[:index], step[:-2]), tuple(steps[index + 1 :])
    return tuple(steps), None


def elements(value: Any) -> Iterator[Any]:
    """What there is to compare at the end of a path: the elements of a list, or the value; nothing is left out."""
    if isinstance(value, (list, tuple)):
        yield from (item for item in value if item is not None)
    elif value is not None:
        yield value


def reached(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    """Everything a path reaches."""
    before, rest = split(steps)
    end = step_into(value, before)
    if rest is None:
        yield from elements(end)
    elif isinstance(end, list):
        for item in end:
            yield from reached(item, rest)
