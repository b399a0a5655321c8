"""Mailgun's webhooks: one event a call, signed over a timestamp and a token inside the body."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any, Final

from unisono.engagement.channels import reading
from unisono.engagement.channels.mail.answers import is_gone
from unisono.engagement.channels.mail.building import reference_in
from unisono.engagement.channels.model import (
    Account,
    BadSignature,
    EventKind,
    Hook,
    HookAnswer,
    HookUnreadable,
    ProviderEvent,
)

_KINDS: Final[dict[str, EventKind]] = {
    "delivered": "delivered",
    "rejected": "failed",
    "opened": "opened",
    "clicked": "clicked",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
}


OLDEST: Final = 3 * 86_400.0
"""Seconds a proof is good for: Mailgun tries a call again for eight hours."""


def verify(key: str, timestamp: str, token: str, signature: str) -> None:
    """Raises BadSignature."""
    made = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    if not key or not hmac.compare_digest(made.encode(), signature.encode()):
        raise BadSignature("The signature is not Mailgun's.")


def parse(account: Account, hook: Hook, *, now: datetime) -> HookAnswer:
    """The proof is inside the body, so it is read before it is believed. Raises BadSignature, HookUnreadable.

    It covers the token and its time alone, not the event: a token is good for one event, a second one with it is
    refused by the dedupe, for it is the event's delivery id; and one that is old is refused as such, for what was told
    is not remembered for ever.
    """
    try:
        whole = reading.json_object(hook.body)
    except HookUnreadable as error:
        raise BadSignature("There is no signature in that.") from error
    proof = reading.inner(whole, "signature")
    token = reading.text(proof, "token") or ""
    timestamp = reading.text(proof, "timestamp") or ""
    verify(account.secrets.get("hook_key", ""), timestamp, token, reading.text(proof, "signature") or "")
    if not timestamp.isdecimal() or abs(now.timestamp() - int(timestamp[:12])) > OLDEST:
        raise BadSignature("The signature is too old.")
    event = _event(account, reading.inner(whole, "event-data"), token, now)
    return HookAnswer(events=(event,) if event else ())


def _event(account: Account, row: dict[str, Any], token: str, now: datetime) -> ProviderEvent | None:
    name = reading.text(row, "event")
    severe = row.get("severity") == "permanent"
    kind: EventKind | None = ("bounced" if severe else "deferred") if name == "failed" else _KINDS.get(name or "")
    if kind is None:
        return None
    status = reading.inner(row, "delivery-status")
    code = status.get("code")
    words = reading.text(status, "message") or reading.text(status, "description") or reading.text(row, "reason")
    enhanced = reading.text(status, "enhanced-code")
    message_id = reading.text(reading.inner(reading.inner(row, "message"), "headers"), "message-id")
    return ProviderEvent(
        kind=kind,
        account_id=account.id,
        delivery_id=token,
        at=reading.unix(row.get("timestamp"), now),
        provider_id=message_id,
        reference=reading.text(reading.inner(row, "user-variables"), "unisono") or reference_in(message_id or ""),
        address=reading.text(row, "recipient"),
        permanent=kind == "bounced"
        and (
            row.get("reason") == "suppress-bounce"
            or is_gone(code if isinstance(code, int) else None, enhanced, words or "")
        ),
        code=enhanced or (str(code) if code is not None else None),
        detail=words,
        url=reading.text(row, "url"),
    )
