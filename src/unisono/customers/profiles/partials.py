"""What is known of a node for a computed trait, pure: a monoid.

Adding partial results up in any order, in any grouping, gives the same: so a batch can be cut anywhere, events may
arrive late, and a person's value is the sum over the nodes it has at the moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

MAX_TALLY = 500
"""Different values of one node that are counted; the rarest are forgotten beyond."""

MAX_VALUE = 200
"""Characters of a value that are kept."""

_MICRO = Decimal("0.000001")
_LARGEST = Decimal(10) ** 15


def number(value: Any) -> Decimal | None:
    """A number to add up, to six decimals; None for what is none, or too large to be anything real."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    exact = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    if not exact.is_finite() or abs(exact) >= _LARGEST:
        return None
    return exact.quantize(_MICRO)


def plain(value: Decimal) -> str:
    """A number without exponent and trailing zeros."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def text_of(value: Any) -> str | None:
    """A single value as JSON, spelt as PostgreSQL spells it; None for lists, objects and nothing."""
    if isinstance(value, str):
        return msgspec.json.encode(value[:MAX_VALUE]).decode() if value else None
    if isinstance(value, bool):
        return "true" if value else "false"
    exact = number(value)
    return None if exact is None else plain(exact)


class Partial:
    """Partial result: count, first and last (time and value), total, how often each value came."""

    __slots__ = ("count", "first_at", "first_value", "last_at", "last_value", "tally", "total")

    def __init__(self) -> None:
        self.count = 0
        self.first_at: datetime | None = None
        self.first_value: str | None = None
        self.last_at: datetime | None = None
        self.last_value: str | None = None
        self.total = Decimal(0)
        self.tally: dict[str, int] = {}

    def see(self, at: datetime, value: str | None = None) -> None:
        """One event at this time with this value (JSON). Of two at one time the value decides: any order is one."""
        self.count += 1
        self._widen(at, value, at, value)

    def _widen(self, first: datetime, first_value: str | None, last: datetime, last_value: str | None) -> None:
        if self.first_at is None or (first, first_value or "") < (self.first_at, self.first_value or ""):
            self.first_at, self.first_value = first, first_value
        if self.last_at is None or (last, last_value or "") > (self.last_at, self.last_value or ""):
            self.last_at, self.last_value = last, last_value

    def tick(self, key: str, amount: int = 1) -> None:
        """Count a value, or add to a currency."""
        self.tally[key] = self.tally.get(key, 0) + amount

    def add(self, other: Partial) -> None:
        """Take another partial result in."""
        self.count += other.count
        if other.first_at is not None and other.last_at is not None:
            self._widen(other.first_at, other.first_value, other.last_at, other.last_value)
        self.total += other.total
        for key, amount in other.tally.items():
            self.tick(key, amount)


def merged(parts: Iterable[Partial]) -> Partial:
    """The sum of partial results; none gives nothing."""
    whole = Partial()
    for part in parts:
        whole.add(part)
    return whole
