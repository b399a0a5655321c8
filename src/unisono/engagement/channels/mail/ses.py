"""Amazon SES by SNS notifications: signed with a certificate of Amazon's, for the topic the account names."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from unisono.engagement.channels import reading
from unisono.engagement.channels.mail.answers import enhanced, is_gone
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
from unisono.kit.http import Cut, Http, NotSent

_AMAZON = re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?")

_SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}

_KINDS: Final[dict[str, EventKind]] = {
    "Delivery": "delivered",
    "Bounce": "bounced",
    "Complaint": "complained",
    "Reject": "failed",
    "Rendering Failure": "failed",
    "DeliveryDelay": "deferred",
    "Open": "opened",
    "Click": "clicked",
}

_certificates: dict[str, RSAPublicKey] = {}
"""By address; Amazon has one a region at a time."""

_KEPT: Final = 20


async def parse(
    account: Account, hook: Hook, http: Http, *, topic: str, certificate_host: str | None, now: datetime
) -> HookAnswer:
    """Verified, then read; the subscription is confirmed by visiting the address Amazon names. Raises BadSignature,
    HookUnreadable."""
    try:
        outer = reading.json_object(hook.body)
    except HookUnreadable as error:
        raise BadSignature("There is no signature in that.") from error
    await _verify(outer, http, certificate_host)
    if outer.get("TopicArn") != topic:
        raise BadSignature("It is signed, but of another topic.")
    if outer["Type"] == "SubscriptionConfirmation":
        return await _confirm(str(outer.get("SubscribeURL")), http, certificate_host)
    if outer["Type"] != "Notification":
        return HookAnswer()
    inner = reading.json_object(str(outer.get("Message", "")).encode("utf-8", "replace"))
    return HookAnswer(events=tuple(_events(account, inner, str(outer.get("MessageId")), now)))


def signed_text(outer: dict[str, Any]) -> bytes:
    """What SNS signs: names and values, each on a line of its own. Raises BadSignature."""
    names = _SIGNED.get(str(outer.get("Type")))
    if names is None:
        raise BadSignature("That is no notification of SNS.")
    lines = [f"{name}\n{outer[name]}\n" for name in names if isinstance(outer.get(name), str)]
    return "".join(lines).encode("utf-8", "replace")


async def _verify(outer: dict[str, Any], http: Http, certificate_host: str | None) -> None:
    text = signed_text(outer)
    url = str(outer.get("SigningCertURL"))
    _check_host(url, certificate_host)
    if url not in _certificates:
        if len(_certificates) >= _KEPT:
            _certificates.clear()
        _certificates[url] = await _key(url, http)
    algorithm = SHA256() if outer.get("SignatureVersion") == "2" else SHA1()  # noqa: S303 - what SNS signs with by default
    try:
        signature = base64.b64decode(str(outer.get("Signature")), validate=True)
        _certificates[url].verify(signature, text, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadSignature("The signature is not Amazon's.") from error


def _check_host(url: str, other: str | None) -> None:
    """Raises BadSignature: whoever could name a host of his own could sign."""
    try:
        parts = urlsplit(url)
        host, netloc = parts.hostname or "", parts.netloc
    except ValueError:
        raise BadSignature("That is no address.") from None
    if other is not None and netloc == other:
        return
    if parts.scheme != "https" or not _AMAZON.fullmatch(host) or netloc != host:
        raise BadSignature("Certificates and confirmations of SNS come from Amazon.")


async def _key(url: str, http: Http) -> RSAPublicKey:
    try:
        reply = await http.request("GET", url, seconds=5)
        key = x509.load_pem_x509_certificate(reply.body).public_key()
    except (NotSent, Cut, ValueError, UnsupportedAlgorithm) as error:
        raise BadSignature("Amazon's certificate cannot be read.") from error
    if not isinstance(key, RSAPublicKey):
        raise BadSignature("Amazon signs with RSA.")
    return key


async def _confirm(url: str, http: Http, certificate_host: str | None) -> HookAnswer:
    _check_host(url, certificate_host)
    try:
        reply = await http.request("GET", url, seconds=5)
    except (NotSent, Cut) as error:
        # SNS asks again: it is told that this time it did not work.
        return HookAnswer(status=503, body=str(error).encode("utf-8", "replace"))
    return HookAnswer(status=200 if reply.ok else 503)


def _events(account: Account, row: dict[str, Any], notification: str, now: datetime) -> list[ProviderEvent]:
    name = reading.text(row, "eventType") or reading.text(row, "notificationType") or ""
    kind = _KINDS.get(name)
    if kind is None:
        return []
    mail = reading.inner(row, "mail")
    told = reading.inner(row, name[0].lower() + name[1:].replace(" ", ""))
    bounced_for_good = kind == "bounced" and told.get("bounceType") == "Permanent"
    if kind == "bounced" and told.get("bounceType") == "Transient":
        kind = "deferred"
    people = reading.objects(told, "bouncedRecipients") or reading.objects(told, "complainedRecipients")
    addresses: list[dict[str, Any]] = people or [
        {"emailAddress": address} for address in mail.get("destination") or [None]
    ]
    return [
        ProviderEvent(
            kind=kind,
            account_id=account.id,
            delivery_id=f"{notification}:{place}",
            at=_instant(reading.text(told, "timestamp"), now),
            provider_id=reading.text(mail, "messageId"),
            reference=_reference(mail),
            address=reading.text(person, "emailAddress"),
            permanent=bounced_for_good and _dead(told, person),
            code=reading.text(person, "status") or reading.text(told, "bounceSubType"),
            detail=reading.text(person, "diagnosticCode")
            or reading.text(told, "complaintFeedbackType")
            or reading.text(told, "reason"),
            url=reading.text(told, "link"),
        )
        for place, person in enumerate(addresses)
    ]


def _dead(told: dict[str, Any], person: dict[str, Any]) -> bool:
    if told.get("bounceSubType") in {"NoEmail", "Suppressed", "OnAccountSuppressionList"}:
        return True
    words = reading.text(person, "diagnosticCode") or ""
    # Amazon calls a permanent bounce one that is not worth a second try; without a code it is taken at its word.
    status = reading.text(person, "status") or enhanced(words)
    return is_gone(None, status, words) if status else True


def _reference(mail: dict[str, Any]) -> str | None:
    tags = reading.inner(mail, "tags").get("unisono")
    if isinstance(tags, list) and tags and isinstance(tags[0], str):
        return tags[0]
    for header in reading.objects(mail, "headers"):
        if str(header.get("name")).lower() == "message-id":
            return reference_in(str(header.get("value")))
    return None


def _instant(text: str | None, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return now
    return min(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC), now)
