"""A plain model of stock and promises: a list of promises and a number a shelf, no database, no cleverness."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

Good = tuple[str, str]
"""A sku in a place."""

State = Literal["held", "committed", "consumed", "gone"]


class Promise:
    """Units of a good, until an instant."""

    def __init__(self, good: Good, units: int, expires_at: datetime | None) -> None:
        self.good = good
        self.units = units
        self.expires_at = expires_at
        self.state: State = "held"

    def at(self, now: datetime) -> State:
        """What it is at an instant."""
        if self.state == "held" and self.expires_at is not None and self.expires_at <= now:
            return "gone"
        return self.state


class Shelf:
    """What the whole shop has and has promised."""

    def __init__(self) -> None:
        self.on_hand: dict[Good, int] = {}
        self.damaged: dict[Good, int] = {}
        self.incoming: dict[Good, int] = {}
        self.safety: dict[Good, int] = {}
        self.promises: dict[str, list[Promise]] = {}
        """By key of the request, in the order of its asks."""

    def promised(self, good: Good, now: datetime) -> int:
        """Units of living promises."""
        every = [promise for promises in self.promises.values() for promise in promises if promise.good == good]
        return sum(promise.units for promise in every if promise.at(now) in ("held", "committed"))

    def free(self, good: Good, now: datetime) -> int:
        """Units nobody was promised."""
        return max(0, self.on_hand.get(good, 0) - self.promised(good, now))

    def at_risk(self, good: Good, now: datetime) -> int:
        """Units promised that are not there."""
        return max(0, self.promised(good, now) - self.on_hand.get(good, 0))

    def can(self, asks: list[tuple[Good, int]], now: datetime, *, remote: bool) -> bool:
        """Whether all of it can be promised."""
        wanted: dict[Good, int] = {}
        for good, units in asks:
            wanted[good] = wanted.get(good, 0) + units
        return all(
            good in self.on_hand and self.free(good, now) - units >= (self.safety.get(good, 0) if remote else 0)
            for good, units in wanted.items()
        )

    def take_away(self, good: Good, units: int) -> None:
        """Units leave; what was not on the books was there all the same."""
        self.on_hand[good] = max(0, self.on_hand[good] - units)
