"""Standard Webhooks: how a message is made and signed, when it is tried again (spec/standard-webhooks.md)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import random
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from unisono.commerce.changes.model import Change, read_again
from unisono.commerce.changes.webhooks.model import Answer, Delivery, State

PREFIX: Final = "whsec_"

MAX_BODY: Final = 20_000
"""Bytes of a body at the most: the specification asks for less than 20 kB."""

GIVES_UP_AFTER: Final = timedelta(days=3)
"""A message is dead, and an endpoint disabled, when it has failed for so long."""

LEAST_ATTEMPTS: Final = 3
"""No message dies of fewer tries, however long it took to make them (RULES R10)."""

_PAUSES: Final = (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
_LONGEST: Final = 21_600
"""Seconds: about nineteen tries in three days."""

JITTER: Final = 0.2
"""Tries are spread by this share, so that what failed together does not come back together."""


def new_secret() -> str:
    """A secret to sign with: 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(message_id: str, timestamp: int, body: bytes, keys: Sequence[str]) -> str:
    """The value of ``webhook-signature``: one HMAC-SHA256 of ``id.timestamp.body`` a key, divided by spaces.

    Raises ValueError for a key that is none.
    """
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join(
        "v1," + base64.b64encode(hmac.new(_key(key), signed, hashlib.sha256).digest()).decode() for key in keys
    )


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a webhook secret is whsec_ and base64") from None


def headers(message_id: str, now: datetime, body: bytes, keys: Sequence[str]) -> dict[bytes | str, bytes | str]:
    """The headers of a try at an instant (UTC): each try is signed anew, for receivers refuse old timestamps."""
    timestamp = int(now.timestamp())
    return {
        "content-type": "application/json",
        "user-agent": "Unisono-Webhooks/1.0",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(message_id, timestamp, body, keys),
    }


def body_of(change: Change) -> bytes:
    """A change as the body ``{type, timestamp, data}``. One too large leaves the values out: read the subject again."""
    data = {
        "subject": change.subject,
        "kind": change.kind,
        "sequence": change.sequence,
        "position": str(change.position),
        "node_id": change.node_id,
        "read": read_again(change.subject),
        "changed": change.data,
    }
    body = _body(f"{change.kind}.changed", change.at, data)
    if len(body) < MAX_BODY:
        return body
    return _body(f"{change.kind}.changed", change.at, data | {"changed": None, "left_out": True})


def ping_id() -> str:
    """The ``webhook-id`` of a test message: each is one of its own."""
    return f"ping_{secrets.token_hex(12)}"


def ping_body(now: datetime) -> bytes:
    """The body of a test message."""
    return _body("webhook.ping", now, {"text": "This endpoint is reached."})


def _body(kind: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "timestamp": at.astimezone(UTC), "data": data})


def pause(attempts: int) -> float:
    """Seconds until the next try after so many: more and more, with jitter."""
    base = _PAUSES[attempts - 1] if attempts <= len(_PAUSES) else _LONGEST
    return base * random.uniform(1 - JITTER, 1 + JITTER)


def verdict(delivery: Delivery, answer: Answer, now: datetime) -> tuple[State, datetime]:
    """What becomes of a delivery after this answer, and when it is tried again if it is."""
    if answer.taken:
        return "delivered", now
    attempts = delivery.attempts + 1
    first = delivery.first_at or now
    # While the receiver is in trouble the message is not at fault: it waits, until the endpoint is disabled and after.
    if attempts >= LEAST_ATTEMPTS and now - first >= GIVES_UP_AFTER and not answer.in_trouble:
        return "dead", now
    return "pending", now + timedelta(seconds=max(pause(attempts), answer.retry_after or 0.0))
