"""A privacy request, and what is known before and after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

Kind = Literal["access", "erasure"]
State = Literal["open", "running", "done", "refused", "failed"]
Choice = Literal["keep", "erase"]

DUE: Final = timedelta(days=30)
"""Within a month (GDPR art. 12.3)."""

KEPT: Final = timedelta(days=30)
"""How long the copy of an access request can be fetched."""

WORK: Final = "privacy"
"""Kind of the timers that do the work."""

NIGHT: Final = "privacy-night"
"""Kind of the timer of every night."""

HOUR: Final = 2
"""At which hour (UTC) the clocks of retention are looked at."""

LOOK_AGAIN: Final = timedelta(minutes=16)
"""After an erasure everything is looked through once more: tokens of customers live 15 minutes, and whatever a process
still had in hand is written by then."""


class PrivacyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked for, and how far it is."""

    id: int
    kind: Kind
    state: State
    person_id: int | None
    """None once the person is erased."""
    reason: str
    requested_at: datetime
    requested_by: str
    due_at: datetime
    settled_at: datetime | None
    expires_at: datetime | None
    """When the copy is thrown away."""
    progress: dict[str, Any]
    receipt: dict[str, Any]
    """What was done, counted: of an erasure nothing that names anybody."""
    settings: dict[str, Any]


class ErasureIdentifier(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier of the person, or one others use too."""

    node_id: int
    namespace: str
    value: str | None
    """None for those who may not see addresses."""


class ErasureCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of a table are about the person, and what an erasure does to them."""

    table: str
    section: str
    rows: int
    deed: Literal["delete", "blank", "keep"]
    why: str
    """Why rows stay, when they do."""


class ErasurePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure would do. ``confirmation`` says yes to exactly this person as he is now: it does not fit any more
    when his identifiers have changed."""

    request_id: int
    person_id: int
    name: str | None
    identifiers: list[ErasureIdentifier]
    shared: list[ErasureIdentifier]
    """Identifiers others use too: each asks for a decision, ``keep`` or ``erase``."""
    standing: list[str]
    """What is still owed to or by the person."""
    counts: list[ErasureCount]
    confirmation: str
