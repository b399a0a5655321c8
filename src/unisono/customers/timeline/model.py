"""An event as it is written and as it is read."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

LANES = 64
"""Lanes an event can be in: its person at the time of writing, modulo this. Readers share them out."""


class Position(NamedTuple):
    """A place in the log: commit order below the snapshot horizon. Written ``txid-id`` it resumes a feed."""

    txid: int
    id: int

    def __str__(self) -> str:
        return f"{self.txid}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read ``txid-id``. Raises ValueError."""
        txid, _, event_id = text.partition("-")
        return cls(int(txid), int(event_id))


BEGINNING = Position(0, 0)


class NewEvent(NamedTuple):
    """An event to append, in the order of COPY's columns."""

    lane: int
    node_id: int
    type: str
    name: str
    channel: str
    store_id: str | None
    source_id: int | None
    message_id: str
    occurred_at: datetime
    received_at: datetime
    sent_at: datetime | None = None
    original_at: datetime | None = None
    identifiers: str | None = None
    properties: str | None = None
    context: str | None = None


class Event(msgspec.Struct, frozen=True):
    """An event as readers and pages see it; ``person_id`` is whose it is now."""

    txid: int
    id: int
    node_id: int
    person_id: int
    type: str
    name: str
    channel: str
    store_id: str | None
    source_id: int | None
    message_id: str
    occurred_at: datetime
    received_at: datetime
    properties: dict[str, Any]
    lane: int = 0

    @property
    def position(self) -> Position:
        """Where it stands in the log."""
        return Position(self.txid, self.id)
