"""What can go wrong with a promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unisono.commerce.holds.model import Hold
from unisono.kit.errors import BadRequest, Conflict, NotFound


class BadHold(BadRequest):
    """What is asked for cannot be held: no units, too many, a key that is none."""

    code = "bad_hold"


class GoodUnknown(NotFound):
    """There is no such good."""

    code = "good_unknown"


class HoldDead(Conflict):
    """A hold has expired, was given back, or never was; ``holds`` are those found, as they are now."""

    code = "hold_dead"

    def __init__(self, detail: str = "", *, holds: Sequence[Hold] = (), missing: Sequence[str] = ()) -> None:
        extra: dict[str, Any] = {"holds": [str(hold.id) for hold in holds] + list(missing)}
        super().__init__(detail or "What was put aside has expired.", **extra)
        self.holds = tuple(holds)
        self.missing = tuple(missing)


class WouldBreakPromises(Conflict):
    """Taking these units would break promises made to others; ``available`` could be taken."""

    code = "would_break_promises"

    def __init__(self, good_id: int, key: str, *, asked: int, available: int) -> None:
        super().__init__(
            f"{asked} of {key} cannot be taken: {available} are free, the others are promised.",
            key=key,
            asked=asked,
            available=available,
        )
        self.good_id = good_id
        self.key = key
        self.asked = asked
        self.available = available
