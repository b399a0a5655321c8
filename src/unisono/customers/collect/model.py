"""What the collector handles: the sender, the event on the wire, the event ready to be written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from unisono.customers.identity.model import Claim
from unisono.kit.errors import UnisonoError


class Limits(msgspec.Struct, frozen=True):
    """Sizes in bytes; ``max_skew`` in seconds."""

    max_event_bytes: int = 32 * 1024
    max_batch_bytes: int = 500 * 1024
    max_batch_events: int = 2500
    max_skew: int = 300


ABSENT = msgspec.Raw()
"""What stands for a part the client did not send."""


class WireEvent(msgspec.Struct):
    """One event as clients send it: forgiving types, ``properties`` and ``traits`` left as bytes."""

    type: Any = None
    messageId: Any = None
    userId: Any = None
    anonymousId: Any = None
    groupId: Any = None
    previousId: Any = None
    event: Any = None
    name: Any = None
    category: Any = None
    channel: Any = None
    timestamp: Any = None
    originalTimestamp: Any = None
    sentAt: Any = None
    properties: msgspec.Raw = ABSENT
    traits: msgspec.Raw = ABSENT
    context: msgspec.Raw = ABSENT


class WireDevice(msgspec.Struct):
    """``context.device``: the identifiers a phone has."""

    id: Any = None
    advertisingId: Any = None
    type: Any = None


class WireLibrary(msgspec.Struct):
    """``context.library``: which client it is."""

    name: Any = None


class WireContext(msgspec.Struct):
    """What identity, clock and channel need of ``context``; the rest stays as bytes."""

    traits: msgspec.Raw = ABSENT
    externalIds: Any = None
    device: Any = None
    library: Any = None
    channel: Any = None


class PropertiesHead(msgspec.Struct):
    """The properties the collector itself looks at."""

    store_id: Any = None
    receipt_id: Any = None
    return_id: Any = None
    loyalty_card: Any = None


class Rejected(UnisonoError):
    """This item cannot be written; it is kept as a failed event with the reason."""

    code = "rejected"
    status = 400
    title = "The event was not accepted"


class Incoming(msgspec.Struct):
    """An event ready to be written."""

    message_id: str
    type: str
    name: str
    channel: str
    occurred_at: datetime
    received_at: datetime
    sent_at: datetime | None
    original_at: datetime | None
    claims: list[Claim]
    """The identifier the event happened under first, then the others it carries."""
    source_id: int
    store_id: str | None = None
    identifiers: str | None = None
    properties: str | None = None
    context: str | None = None
    traits: dict[str, Any] | None = None
    reason: str = "same event"
    raw: bytes = b""
    """The item as it came, for the failed event it becomes if PostgreSQL refuses it."""


class Failure(msgspec.Struct):
    """An item that could not be written, kept with the reason and its bytes."""

    code: str
    detail: str
    raw: bytes
    received_at: datetime
    source_id: int | None
    message_id: str | None = None
    name: str | None = None
    context: str = "{}"
    """What a replay needs beside the bytes, as JSON: the type of the path, the envelope's ``sentAt``."""
