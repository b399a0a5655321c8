"""Accounts and messages of channels for tests; their providers are the counterparts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.support.secret import TEST_SECRET
from unisono.demo.counterparts.model import ACCOUNT, TOKEN, Callback
from unisono.demo.counterparts.whatsapp import NUMBER
from unisono.engagement.channels.hooks import reference_of
from unisono.engagement.channels.model import Account, Hook, Outgoing, Secrets

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SENDER = "news@shop.example"
HOOK_URL = "https://crm.shop.example/hooks/it"


def account(kind: str, channel: str, settings: Mapping[str, Any], **more: Any) -> Account:
    """An account of a kind, with the counterparts' secret under every name."""
    names = ("password", "auth_token", "access_token", "app_secret", "verify_token", "hook_key")
    secrets = Secrets(more.pop("secrets", dict.fromkeys(names, TOKEN)))
    return Account(id=7, code="it", kind=kind, channel=channel, settings=settings, secrets=secrets, **more)


def smtp_account(at: int = 25, /, **settings: Any) -> Account:
    """An e-mail account on the sink."""
    secrets = settings.pop("secrets", {"password": TOKEN, "hook_key": TOKEN})
    plain = {"host": "127.0.0.1", "port": at, "security": "none", "sender": SENDER}
    return account("smtp", "email", plain | settings, secrets=secrets)


def twilio_account(base_url: str, kind: str = "twilio_sms", **more: Any) -> Account:
    """A Twilio account on its counterpart."""
    channel = "sms" if kind == "twilio_sms" else "whatsapp"
    settings = {"account_sid": ACCOUNT, "sender": "+390212345678", "base_url": base_url}
    return account(kind, channel, settings, **more)


def whatsapp_account(base_url: str, **more: Any) -> Account:
    """A WhatsApp number on its counterpart."""
    return account("whatsapp", "whatsapp", {"phone_number_id": NUMBER, "base_url": base_url}, **more)


def outgoing(number: int = 1, **more: Any) -> Outgoing:
    """A message, to an address by its number."""
    channel = more.pop("channel", "email")
    address = f"maria{number}@posta.example" if channel == "email" else f"+39333{number:07d}"
    fields: dict[str, Any] = {
        "message_id": number,
        "key": f"test:{number}",
        "reference": reference_of(TEST_SECRET, number),
        "channel": channel,
        "address": address,
        "language": "it",
        "subject": "Città d'arte",
        "html": "<p>Perché no?</p>",
        "text": "Perché no?",
    }
    return Outgoing(**fields | more)


def hook(body: bytes, headers: Mapping[str, str] | None = None, *, url: str = HOOK_URL, method: str = "POST") -> Hook:
    """A call as a provider makes it."""
    pairs = [pair.partition("=") for pair in url.partition("?")[2].split("&") if pair]
    query = tuple((name, value) for name, _, value in pairs)
    return Hook(method=method, url=url, query=query, headers=dict(headers or {}), body=body)


def hook_of(callback: Callback) -> Hook:
    """A counterpart's call."""
    return hook(callback.body, callback.headers, url=callback.url)


def changed(message: Outgoing, **fields: Any) -> Outgoing:
    """The same message but for these."""
    return msgspec.structs.replace(message, **fields)
