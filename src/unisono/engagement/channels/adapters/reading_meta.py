"""What Messenger and Instagram tell a webhook, as events: messages, receipts, presses of buttons, deep links."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from unisono.engagement.channels import reading
from unisono.engagement.channels.model import Account, HookUnreadable, ProviderEvent


def events_of(account: Account, body: dict[str, Any], kind: str, now: datetime) -> Iterator[ProviderEvent]:
    """The events of one call. ``kind`` is what it must be about: ``page`` or ``instagram``. Raises HookUnreadable."""
    if body.get("object") != kind:
        raise HookUnreadable(f"The call is about {str(body.get('object'))[:40]!r}, not {kind!r}.")
    for entry in reading.objects(body, "entry"):
        for item in reading.objects(entry, "messaging"):
            yield from _event(account, item, now)


def _event(account: Account, item: dict[str, Any], now: datetime) -> Iterator[ProviderEvent]:
    sender = reading.text(reading.inner(item, "sender"), "id") or ""
    at = _instant(item.get("timestamp"), now)
    if "message" in item:
        yield from _message(account, reading.inner(item, "message"), sender, at, reading.inner(item, "referral"))
    elif "delivery" in item:
        for mid in _ids(reading.inner(item, "delivery").get("mids")):
            yield ProviderEvent(
                kind="delivered", account_id=account.id, delivery_id=f"{mid}:delivered", at=at, provider_id=mid
            )
    elif "read" in item:
        yield _read(account, reading.inner(item, "read"), sender, at)
    elif "postback" in item:
        press = reading.inner(item, "postback")
        mid = reading.text(press, "mid") or f"{sender}:{int(at.timestamp() * 1000)}"
        yield _inbound(
            account,
            mid,
            at,
            sender,
            reading.text(press, "title"),
            reading.text(press, "payload"),
            reading.inner(press, "referral"),
        )
    elif "referral" in item:
        referral = reading.inner(item, "referral")
        yield _inbound(account, f"{sender}:{int(at.timestamp() * 1000)}", at, sender, None, None, referral)


def _message(
    account: Account, message: dict[str, Any], sender: str, at: datetime, referral: dict[str, Any]
) -> Iterator[ProviderEvent]:
    mid = reading.text(message, "mid")
    # An echo is what we or an agent sent; a deletion takes nothing back that we must act on.
    if message.get("is_echo") or message.get("is_deleted") or not mid:
        return
    attachments = [
        {"type": reading.text(one, "type"), "url": reading.text(reading.inner(one, "payload"), "url")}
        for one in reading.objects(message, "attachments")
    ]
    payload = reading.text(reading.inner(message, "quick_reply"), "payload")
    event = _inbound(
        account,
        mid,
        at,
        sender,
        reading.text(message, "text"),
        payload,
        referral or reading.inner(message, "referral"),
    )
    yield _with(event, attachments)


def _inbound(
    account: Account,
    mid: str,
    at: datetime,
    sender: str,
    text: str | None,
    payload: str | None,
    referral: dict[str, Any],
) -> ProviderEvent:
    data: dict[str, Any] = {}
    if payload:
        data["payload"] = payload
    if ref := reading.text(referral, "ref"):
        # Where a link m.me/page?ref=… led from: our own carry a token that says who followed it.
        data["join"] = ref
    return ProviderEvent(
        kind="inbound",
        account_id=account.id,
        delivery_id=mid,
        at=at,
        provider_id=mid,
        address=sender,
        text=text,
        data=data,
    )


def _with(event: ProviderEvent, attachments: list[dict[str, str | None]]) -> ProviderEvent:
    if not attachments:
        return event
    return ProviderEvent(
        kind=event.kind,
        account_id=event.account_id,
        delivery_id=event.delivery_id,
        at=event.at,
        provider_id=event.provider_id,
        address=event.address,
        text=event.text,
        data={**event.data, "attachments": attachments},
    )


def _read(account: Account, read: dict[str, Any], sender: str, at: datetime) -> ProviderEvent:
    """Instagram names the message read; Messenger an instant, before which all were."""
    mid = reading.text(read, "mid")
    if mid:
        return ProviderEvent(
            kind="read", account_id=account.id, delivery_id=f"{mid}:read", at=at, provider_id=mid, address=sender
        )
    until = _instant(read.get("watermark"), at)
    return ProviderEvent(
        kind="read",
        account_id=account.id,
        delivery_id=f"{sender}:read:{int(until.timestamp() * 1000)}",
        at=at,
        address=sender,
        data={"watermark": until.isoformat()},
    )


def _instant(value: Any, otherwise: datetime) -> datetime:
    if not isinstance(value, int) or not 0 < value < 10**14:
        return otherwise
    return datetime.fromtimestamp(value / 1000, UTC)


def _ids(value: Any) -> list[str]:
    return [reading.clean(item) for item in value if isinstance(item, str)] if isinstance(value, list) else []
