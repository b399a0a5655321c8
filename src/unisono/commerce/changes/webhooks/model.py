"""Endpoints, deliveries, and what a try came to."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from unisono.commerce.changes.model import Change
from unisono.customers.timeline.model import Position

State = Literal["pending", "delivered", "dead"]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told, where, and how it goes."""

    id: int
    name: str
    url: str
    kinds: tuple[str, ...]
    """Empty: all."""
    secrets: tuple[str, ...]
    """The present one first; while a rotated one is still good, it too."""
    position: Position
    """Up to here its deliveries are planned."""
    created_at: datetime
    created_by: str
    live_since: datetime
    """Created, replayed or enabled last: how long a change took is measured of those after it alone."""
    succeeded_at: datetime | None
    failing_since: datetime | None
    last_error: str | None
    disabled_at: datetime | None
    disabled_reason: str | None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one endpoint that has not been answered 2xx."""

    id: int
    message_id: str
    attempts: int
    first_at: datetime | None
    """Its first try."""
    next_try_at: datetime
    change: Change


class Answer(msgspec.Struct, frozen=True):
    """What a try came to."""

    status: int | None
    """None when nobody answered."""
    error: str | None
    """None when it was taken."""
    seconds: float
    retry_after: float | None = None
    """Seconds the receiver asked us to wait."""

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return self.error is None

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more: 410."""
        return self.status == 410

    @property
    def in_trouble(self) -> bool:
        """Whether it tells of the receiver rather than of this message: no answer, overload, an error of its own."""
        return not self.taken and (self.status is None or self.status == 429 or self.status >= 500)


class Tried(msgspec.Struct, frozen=True):
    """A try, to be written down."""

    delivery: Delivery
    answer: Answer
    state: State
    at: datetime
    next_try_at: datetime
