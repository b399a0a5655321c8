"""What a row of the bench is given and what it answers."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from unisono.kit.errors import UnisonoError

if TYPE_CHECKING:
    from unisono.bench.scratch import Scratch


class BenchError(UnisonoError):
    """A row could not be measured, or what it measured did not do its work."""

    code = "bench"
    title = "The measurement failed"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How much each row does. The defaults are the figures of the record; ``QUICK`` is for a first look."""

    repeats: int = 3
    """Times the rows of intake are measured; the median by ratio counts."""
    events: int = 30_000
    requests: int = 20_000
    clients: int = 64
    tries: int = 10_000
    profile_calls: int = 2_000
    rate: int = 1_000
    """Events a second in the background of the rows about reading."""
    feed_events: int = 1_000
    people: int = 1_000_000
    searches: int = 100
    replayed: int = 200_000
    idle_before: float = 10.0
    idle_seconds: float = 20.0
    households: int | None = None
    holding_seconds: float = 10.0
    """How long the hot sku is given out."""
    held_requests: int = 5_000
    recipients: int = 100_000
    """People a broadcast goes to."""


QUICK = Load(
    repeats=1,
    events=6_000,
    requests=3_000,
    tries=500,
    profile_calls=400,
    feed_events=200,
    people=100_000,
    replayed=20_000,
    idle_before=5.0,
    idle_seconds=5.0,
    households=100,
    holding_seconds=3.0,
    held_requests=1_000,
    recipients=5_000,
)


class Wanted(NamedTuple):
    """The bound a figure must keep."""

    kind: Literal["at least", "under"]
    value: float

    def holds(self, value: float) -> bool:
        """Whether a figure keeps it."""
        return value >= self.value if self.kind == "at least" else value < self.value


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    With a ``limit`` measured in the same run the ratio of the two is judged; without, the figure itself is, and its
    share of what is wanted stands in the ratio's place.
    """

    row: str
    value: float
    unit: str
    wanted: Wanted
    limit: float | None = None
    limit_is: str = ""
    note: str = ""

    @property
    def ratio(self) -> float:
        """Against the limit, or against what is wanted where there is none."""
        return self.value / (self.wanted.value if self.limit is None else self.limit)

    @property
    def ok(self) -> bool:
        """Whether what is wanted is reached."""
        return self.wanted.holds(self.value if self.limit is None else self.ratio)


Measure = Callable[["Scratch", Load], Awaitable[list[Measured]]]


class Row(NamedTuple):
    """Something the bench measures."""

    name: str
    measure: Measure


def median_by_ratio(measured: Sequence[Measured]) -> Measured:
    """The middle one of several measurements of the same, so that a figure and its limit stay one run's."""
    return sorted(measured, key=lambda one: one.ratio)[len(measured) // 2]


def percentile(seconds: Sequence[float], percent: float) -> float:
    """The time that ``percent`` of a hundred stayed within."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def milliseconds(seconds: Sequence[float]) -> str:
    """The shape of a distribution in words."""
    return (
        f"median {statistics.median(seconds) * 1000:.1f} ms, p99 {percentile(seconds, 99) * 1000:.1f} ms,"
        f" worst {max(seconds) * 1000:.1f} ms"
    )
