"""Time, injectable: tests and scenes move it, everything else reads it here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The present instant, UTC, with microseconds."""
    return datetime.now(UTC)
