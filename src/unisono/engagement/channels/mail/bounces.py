"""Bounce mails: delivery status notifications (RFC 3464) and feedback reports (RFC 5965), posted to the webhook.

Whoever receives the mailbox of bounces (a pipe of the mail server, `curl`) posts each mail as ``message/rfc822`` with
the account's ``hook_key``. A message is recognised by the Message-ID we gave it, which comes back in what is returned
of it; no addresses with codes in them (VERP) are needed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

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

_KINDS: dict[str, EventKind] = {
    "failed": "bounced",
    "delayed": "deferred",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}


def parse(account: Account, hook: Hook, *, now: datetime) -> HookAnswer:
    """One mail; one that is no report is answered 200 and tells nothing. Raises BadSignature, HookUnreadable."""
    expected = account.secrets.get("hook_key")
    given = (hook.header("authorization") or "").removeprefix("Bearer ").encode()
    if not expected or not hmac.compare_digest(given, expected.encode()):
        raise BadSignature("The bearer token is not this account's hook_key.")
    try:
        mail = message_from_bytes(hook.body)
        events = tuple(_events(account, mail, hook.body, now))
    except (MessageError, ValueError, LookupError, RecursionError) as error:
        raise HookUnreadable(f"That mail cannot be read: {error}"[:200]) from error
    return HookAnswer(events=events, body=b"%d" % len(events))


def _events(account: Account, mail: Message, raw: bytes, now: datetime) -> Iterator[ProviderEvent]:
    parts = list(mail.walk())
    original = _original(parts)
    provider_id = _id_of(original)
    reference = reference_in(provider_id) if provider_id else None
    if reference is None:
        # Not about a message of ours, or nothing of it was returned: believing it would let anybody kill an address.
        return
    digest = hashlib.sha256(raw).hexdigest()[:32]
    at = _date(mail, now)
    for part in parts:
        kind = part.get_content_type()
        if kind == "message/feedback-report":
            yield ProviderEvent(
                kind="complained",
                account_id=account.id,
                delivery_id=f"arf:{digest}",
                at=at,
                provider_id=provider_id,
                reference=reference,
                address=_recipient_of(original),
                detail=_clean(_fields(part).get("feedback-type", "abuse")),
            )
        elif kind == "message/delivery-status":
            for place, fields in enumerate(_groups(part)):
                found = _status(account, fields, at, provider_id, reference)
                if found is not None:
                    yield _named(found, f"dsn:{digest}:{place}")


def _named(event: ProviderEvent, delivery_id: str) -> ProviderEvent:
    return ProviderEvent(
        **{name: getattr(event, name) for name in event.__struct_fields__ if name != "delivery_id"},
        delivery_id=delivery_id,
    )


def _status(
    account: Account, fields: dict[str, str], at: datetime, provider_id: str | None, reference: str
) -> ProviderEvent | None:
    """What one recipient's group of fields says; None for the group about the whole message."""
    kind = _KINDS.get(fields.get("action", "").lower())
    recipient = fields.get("final-recipient") or fields.get("original-recipient")
    if kind is None or recipient is None:
        return None
    status = fields.get("status", "").split(" ")[0] or None
    diagnostic = _clean(fields.get("diagnostic-code", "").partition(";")[2].strip())
    permanent = kind == "bounced" and is_gone(_code(diagnostic), status, diagnostic)
    return ProviderEvent(
        kind=kind,
        account_id=account.id,
        delivery_id="",
        at=at,
        provider_id=provider_id,
        reference=reference,
        address=_clean(recipient.partition(";")[2].strip()) or None,
        permanent=permanent,
        code=_clean(status) if status else None,
        detail=diagnostic[:300] or None,
    )


def _code(diagnostic: str) -> int | None:
    return int(diagnostic[:3]) if diagnostic[:3].isdecimal() else None


def _original(parts: list[Message]) -> Message | None:
    """What is returned of our message: all of it or its headers."""
    for part in parts[1:]:
        kind = part.get_content_type()
        if kind == "message/rfc822":
            payload: Any = part.get_payload()
            if isinstance(payload, list) and payload and isinstance(payload[0], Message):
                return payload[0]
        elif kind in {"text/rfc822-headers", "message/rfc822-headers"}:
            content: Any = part.get_payload(decode=True)
            if isinstance(content, bytes):
                return message_from_bytes(content)
    return None


def _id_of(original: Message | None) -> str | None:
    found = str(original.get("Message-ID", "")).strip() if original is not None else ""
    return _clean(found.strip("<>")) or None


def _recipient_of(original: Message | None) -> str | None:
    return (_clean(str(original.get("To", "")))[:254] or None) if original is not None else None


def _groups(part: Message) -> Iterator[dict[str, str]]:
    payload: Any = part.get_payload()
    for group in payload if isinstance(payload, list) else []:
        yield {name.lower(): _clean(str(value)) for name, value in group.items()}


def _fields(part: Message) -> dict[str, str]:
    for group in _groups(part):
        return group
    content: Any = part.get_payload(decode=True)
    report = message_from_bytes(content if isinstance(content, bytes) else b"")
    return {name.lower(): str(value) for name, value in report.items()}


def _clean(text: str) -> str:
    """Unfolded, without what no column of text takes."""
    return " ".join(text.replace("\x00", "").encode("utf-8", "replace").decode().split())


def _date(mail: Message, now: datetime) -> datetime:
    """When the report was written; the present when it does not say or says the future."""
    try:
        at = parsedate_to_datetime(str(mail.get("Date", "")))
    except (ValueError, TypeError):
        return now
    return min(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC), now)
