"""Messages to another system: Standard Webhooks, signed as the webhooks of changes are."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from unisono.commerce.changes.webhooks import rules
from unisono.engagement.channels.adapters.calling import call, wait_of
from unisono.engagement.channels.model import Account, AccountInvalid, Adapter, Capabilities, Outgoing, Sender, Sent
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.http import Http, Reply, url_problem

TYPE = "message.sent"


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A receiver."""

    url: str
    """Where messages are posted to."""


class Webhook(Adapter):
    """Another system that sends, prints or shows it."""

    kind: ClassVar[str] = "webhook"
    title: ClassVar[str] = "Webhook"
    channels: ClassVar[tuple[str, ...]] = ("webhook",)
    Settings: ClassVar[type[msgspec.Struct]] = WebhookSettings
    secret_names: ClassVar[tuple[str, ...]] = ("signing_secret",)
    capabilities: ClassVar[Capabilities] = Capabilities(html=True, subject=True, media=True, buttons=8, idempotent=True)

    def new_secrets(self) -> dict[str, str]:
        """A secret to sign with."""
        return {"signing_secret": rules.new_secret()}

    def check(self, account: Account, *, private: bool) -> None:
        """The address and the secret. Raises AccountInvalid."""
        problem = url_problem(self.settings(account).url, private=private)
        if problem is not None:
            raise AccountInvalid(f"url: {problem}")
        try:
            rules.sign("check", 0, b"", [account.secret("signing_secret")])
        except ValueError:
            raise AccountInvalid("signing_secret is whsec_ and base64.") from None

    def validate_address(self, text: str) -> str:
        """Whoever is known: the receiver is told by which identifier."""
        return text.strip()

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender."""
        return WebhookSender(self.settings(account).url, account.secret("signing_secret"), http)


class WebhookSender(Sender):
    """Posts to one receiver."""

    def __init__(self, url: str, secret: str, http: Http, clock: Clock = system_clock) -> None:
        self._url = url
        self._secret = secret
        self._http = http
        self._clock = clock

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """One POST; the same message has the same ``webhook-id``, by which a receiver knows it again."""
        now = self._clock()
        body = msgspec.json.encode({"type": TYPE, "timestamp": now, "data": content(message)})
        if len(body) >= rules.MAX_BODY:
            return Sent(outcome="refused", code="too_long", detail=f"A webhook has {rules.MAX_BODY} bytes at the most.")
        headers = {
            str(name): str(value)
            for name, value in rules.headers(webhook_id(message), now, body, (self._secret,)).items()
        }
        answer = await call(self._http, "POST", self._url, headers=headers, content=body)
        return answer if isinstance(answer, Sent) else outcome(answer)


def webhook_id(message: Outgoing) -> str:
    """The id of all tries of a message."""
    return f"msg_{message.reference}"


def content(message: Outgoing) -> dict[str, Any]:
    """What the receiver gets: the message as it was rendered and for whom; nothing of the ledger."""
    shown: dict[str, Any] = {
        "reference": message.reference,
        "address": message.address,
        "node_id": message.node_id,
        "purpose": message.purpose,
        "language": message.language,
        "subject": message.subject,
        "html": message.html,
        "text": message.text,
        "title": message.title,
        "body": message.body,
        "url": message.url,
        "image_url": message.image_url,
        "buttons": message.buttons,
        "store_id": message.store_id,
        "campaign": message.campaign,
        "ends_at": message.ends_at,
        "unsubscribe_url": message.unsubscribe_url,
        "data": message.data,
    }
    return {name: value for name, value in shown.items() if value}


def outcome(reply: Reply) -> Sent:
    """What a receiver's answer means (Standard Webhooks): 2xx is taken, 410 is never again, all else is not yet."""
    code = str(reply.status)
    if reply.ok:
        return Sent(outcome="accepted")
    if reply.status == 410:
        return Sent(outcome="refused", code=code, detail="The receiver is gone.", account_fault=True)
    if reply.status in (400, 413, 422):
        return Sent(outcome="refused", code=code, detail=reply.words())
    return Sent(outcome="retry", code=code, detail=reply.words(), retry_after=wait_of(reply), account_fault=True)
