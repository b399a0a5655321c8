"""A good, a hold on it, what is asked for and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

import msgspec

GoodKind = Literal["stock", "slot", "coupon", "budget", "cap", "points"]
HoldState = Literal["held", "committed", "consumed", "released", "expired"]
Settlement = Literal["committed", "consumed", "released"]
"""What somebody can make of a hold; expired it becomes by itself."""


class NewGood(NamedTuple):
    """Something limited that is to exist; ``capacity`` counts only when it does not exist yet."""

    kind: GoodKind
    key: str
    capacity: int = 0


class GoodState(msgspec.Struct, frozen=True):
    """A good at an instant. Units of quantity: pieces, uses, minor units of money for budgets."""

    id: int
    kind: GoodKind
    key: str
    capacity: int
    held_live: int
    """Promised and not dead yet."""
    committed: int
    at_risk: int
    available: int
    """What can still be promised, never negative."""
    version: int


class Ask(NamedTuple):
    """So many units of a good; ``leave`` so many must stay unpromised after it (safety stock)."""

    good_id: int
    quantity: int
    leave: int = 0


class HoldRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All asks are granted or none is. ``key`` makes repeating it harmless."""

    key: str
    asks: tuple[Ask, ...]
    node_id: int | None = None
    expires_at: datetime | None = None
    """From this instant the holds are dead; None: they last until settled."""
    reason: str = "hold"
    reference: str | None = None


class Hold(msgspec.Struct, frozen=True):
    """A promise of some units of a good."""

    id: UUID
    good_id: int
    quantity: int
    state: HoldState
    expires_at: datetime | None
    reference: str | None
    node_id: int | None = None
    key: str = ""
    position: int = 0


class Shortage(NamedTuple):
    """What was asked of a good and what could have been given."""

    good_id: int
    asked: int
    available: int


class Grant(msgspec.Struct, frozen=True):
    """The holds of a request, in the order of its asks."""

    key: str
    holds: tuple[Hold, ...]


RefusalCode = Literal["not_enough", "dead", "key_reused", "good_unknown"]


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was not granted: not enough units, the holds of this key are dead by now, the key was used for
    something else, or there is no such good."""

    key: str
    short: tuple[Shortage, ...] = ()
    code: RefusalCode = "not_enough"


class CapacityMove(NamedTuple):
    """Units that come (positive) or go (negative)."""

    good_id: int
    by: int


class CapacityChange(NamedTuple):
    """What came of a move: the good after it, units taken that were not on the books, promises put at risk."""

    state: GoodState
    missing: int
    put_at_risk: int


Answer: TypeAlias = Grant | Refusal
