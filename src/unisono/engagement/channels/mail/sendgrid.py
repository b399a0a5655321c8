"""SendGrid's event webhook: a signed JSON array (ECDSA over timestamp and raw body)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from unisono.engagement.channels import reading
from unisono.engagement.channels.mail.answers import is_gone
from unisono.engagement.channels.mail.building import reference_in
from unisono.engagement.channels.model import Account, BadSignature, EventKind, Hook, HookAnswer, ProviderEvent

_KINDS: Final[dict[str, EventKind]] = {
    "deferred": "deferred",
    "delivered": "delivered",
    "bounce": "bounced",
    "dropped": "failed",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}
"""`processed` tells nothing we do not know; `group_resubscribe` is no consent of ours."""


def verify(public_key: str, signature: str, timestamp: str, body: bytes) -> None:
    """Raises BadSignature. ``public_key`` as SendGrid shows it: base64 of its DER form."""
    try:
        key = load_der_public_key(base64.b64decode(public_key, validate=True))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise BadSignature("The hook_key is not SendGrid's verification key.")
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(SHA256()))
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError) as error:
        raise BadSignature("The signature is not SendGrid's.") from error


def parse(account: Account, hook: Hook, *, now: datetime) -> HookAnswer:
    """Verified, then read. An old call is as good as a new one: each event counts once. Raises BadSignature,
    HookUnreadable."""
    verify(
        account.secrets.get("hook_key", ""),
        hook.header("x-twilio-email-event-webhook-signature") or "",
        hook.header("x-twilio-email-event-webhook-timestamp") or "",
        hook.body,
    )
    rows = reading.json_array(hook.body)
    return HookAnswer(events=tuple(event for row in rows if (event := _event(account, row, now)) is not None))


def _event(account: Account, row: dict[str, Any], now: datetime) -> ProviderEvent | None:
    name = reading.text(row, "event") or ""
    kind = _KINDS.get(name)
    if kind is None:
        return None
    detail = reading.text(row, "reason") or reading.text(row, "response")
    status = reading.text(row, "status")
    smtp_id = (reading.text(row, "smtp-id") or "").strip("<>")
    permanent = (
        name == "bounce" and row.get("type") == "bounce" and is_gone(None, status or "5.1.1", detail or "")
    ) or (name == "dropped" and detail in {"Bounced Address", "Invalid"})
    return ProviderEvent(
        kind=kind,
        account_id=account.id,
        delivery_id=reading.text(row, "sg_event_id")
        or hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()[:40],
        at=reading.unix(row.get("timestamp"), now),
        provider_id=smtp_id or None,
        reference=reading.text(row, "unisono") or reference_in(smtp_id),
        address=reading.text(row, "email"),
        permanent=permanent,
        code=status,
        detail=detail,
        url=reading.text(row, "url"),
    )
