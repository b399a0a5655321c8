"""The staff: a customer's time drawn as a score."""

from datetime import datetime
from typing import Literal

import msgspec

StaffLine = Literal["web", "app", "store", "messages", "service"]
"""The five lines of the staff, from top to bottom."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One event on the staff. ``value`` is the purchase in minor units (0: no purchase); ``future`` is what is to
    come, drawn hollow; ``episode`` notes are joined by a chord."""

    at: datetime
    line: StaffLine
    label: str = ""
    value: int = 0
    future: bool = False
    href: str | None = None
    episode: bool = False
