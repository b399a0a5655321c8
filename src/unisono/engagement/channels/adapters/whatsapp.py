"""WhatsApp through Meta's Cloud API (developers.facebook.com/docs/whatsapp/cloud-api).

Free text only within 24 hours after the person wrote; otherwise a template that Meta approved. ``biz_opaque_callback_
data`` carries our reference and comes back with every status, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import msgspec

from unisono.engagement.channels import reading
from unisono.engagement.channels.adapters import graph
from unisono.engagement.channels.adapters.calling import call, plain, too_long, wait_of
from unisono.engagement.channels.adapters.phones import international
from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    Adapter,
    AddressInvalid,
    BadSignature,
    Capabilities,
    EventKind,
    Hook,
    HookAnswer,
    Outgoing,
    ProviderEvent,
    Sender,
    Sent,
)
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.http import Http, Reply, url_problem

WINDOW: Final = timedelta(hours=24)
MAX_TEXT: Final = 4096
MAX_BUTTONS: Final = 3
MAX_BUTTON: Final = 20
MAX_BODY: Final = 1024
"""Characters of a text with buttons."""

NOT_NOW: Final = frozenset({130429, 131000, 131016, 131056, 131057, 133004})
"""Rate, pair rate, their own trouble, maintenance: by Meta's words not sent, try again."""
OF_ACCOUNT: Final = frozenset({10, 131005, 131031, 131042, 131045, 131048, 133010})
"""No permission, locked, unpaid, not registered, held back for spam."""
GONE: Final = frozenset({131026})
"""Undeliverable: no WhatsApp at this number, or terms not accepted."""
OUTSIDE: Final = 131047
STOPPED: Final = 131050
"""The person asked WhatsApp for no more marketing of this company."""

_STATUSES: Final[dict[str, EventKind]] = {
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}


class WhatsAppSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number of a WhatsApp business account."""

    phone_number_id: str
    """Meta's id of the number messages come from."""
    base_url: str = graph.BASE_URL
    """Where the Graph API answers."""
    version: str = graph.VERSION
    """Of the Graph API."""


class WhatsApp(Adapter):
    """WhatsApp through Meta's Cloud API."""

    kind: ClassVar[str] = "whatsapp"
    title: ClassVar[str] = "WhatsApp (Cloud API)"
    channels: ClassVar[tuple[str, ...]] = ("whatsapp",)
    Settings: ClassVar[type[msgspec.Struct]] = WhatsAppSettings
    secret_names: ClassVar[tuple[str, ...]] = ("access_token", "app_secret", "verify_token")
    capabilities: ClassVar[Capabilities] = Capabilities(
        media=True, buttons=MAX_BUTTONS, max_text=MAX_TEXT, inbound=True, receipts=True, window_hours=24
    )

    def check(self, account: Account, *, private: bool) -> None:
        """Raises AccountInvalid."""
        settings: WhatsAppSettings = self.settings(account)
        problem = url_problem(settings.base_url, private=private)
        if problem is not None:
            raise AccountInvalid(f"base_url: {problem}")
        if not settings.phone_number_id.isdecimal():
            raise AccountInvalid("The phone_number_id is a number of Meta's, not the phone number.")

    def validate_address(self, text: str) -> str:
        """A number in E.164. Raises AddressInvalid."""
        return international(text)

    async def open(self, account: Account, http: Http) -> Sender:
        """Nothing is connected before it sends. Raises AccountInvalid."""
        self.check(account, private=http.private)
        return WhatsAppSender(account, self.settings(account), http)

    async def probe(self, account: Account, http: Http) -> Sent:
        """Ask for the number's name with the token. Raises AccountInvalid."""
        self.check(account, private=http.private)
        settings: WhatsAppSettings = self.settings(account)
        url = f"{settings.base_url}/{settings.version}/{settings.phone_number_id}?fields=verified_name,quality_rating"
        answer = await call(http, "GET", url, headers={"authorization": f"Bearer {account.secret('access_token')}"})
        if isinstance(answer, Sent):
            return answer
        found = answer.json()
        if not answer.ok or not isinstance(found, dict):
            return outcome(answer, 0)
        return Sent(outcome="accepted", detail=f"{found.get('verified_name')}, {found.get('quality_rating')}"[:200])

    async def parse_hook(self, account: Account, hook: Hook, http: Http, *, now: datetime) -> HookAnswer:
        """Statuses and messages; GET is Meta's question whether the address is ours. Raises BadSignature,
        HookUnreadable."""
        name = "verify_token" if hook.method == "GET" else "app_secret"
        known = account.secrets.get(name)
        if not known:
            raise BadSignature(f"The account has no {name}.")
        if hook.method == "GET":
            return graph.challenge(hook, known)
        graph.verify(hook, known)
        settings: WhatsAppSettings = self.settings(account)
        return HookAnswer(events=tuple(_events(account, settings, reading.json_object(hook.body), now)))


class WhatsAppSender(Sender):
    """Sends from one number."""

    def __init__(self, account: Account, settings: WhatsAppSettings, http: Http, clock: Clock = system_clock) -> None:
        self._url = f"{settings.base_url}/{settings.version}/{settings.phone_number_id}/messages"
        self._headers = {"authorization": f"Bearer {account.secret('access_token')}"}
        self._account = account
        self._http = http
        self._clock = clock

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """One POST of a message."""
        try:
            to = international(message.address)
        except AddressInvalid as error:
            return Sent(outcome="refused", code="address_invalid", detail=error.detail)
        said = content(message, self._clock())
        if isinstance(said, Sent):
            return said
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": to.removeprefix("+"),
            **said,
            "biz_opaque_callback_data": message.reference,
        }
        answer = await call(self._http, "POST", self._url, headers=self._headers, json=body)
        return answer if isinstance(answer, Sent) else outcome(answer, self._account.cost_minor)


def content(message: Outgoing, now: datetime) -> dict[str, Any] | Sent:
    """What is said: the template in ``data.template`` (``name``, ``language``, ``parameters``), else free text, a
    picture or buttons while the window is open."""
    template = message.data.get("template")
    if isinstance(template, dict) and isinstance(template.get("name"), str):
        return {"type": "template", "template": _template(template, message)}
    if message.answers_at is None or now - message.answers_at >= WINDOW:
        return Sent(
            outcome="refused",
            code="outside_window",
            detail="The person has not written within 24 hours: only an approved template may be sent.",
        )
    text = reading.clean(plain(message))
    refused = too_long(text, MAX_TEXT)
    if refused is not None:
        return refused
    if message.image_url and len(text) <= MAX_BODY:
        return {"type": "image", "image": {"link": message.image_url, "caption": text}}
    presses = [button for button in message.buttons if button.url is None][:MAX_BUTTONS]
    if presses and len(text) <= MAX_BODY:
        buttons = [
            {"type": "reply", "reply": {"id": (button.payload or button.text)[:256], "title": button.text[:MAX_BUTTON]}}
            for button in presses
        ]
        return {
            "type": "interactive",
            "interactive": {"type": "button", "body": {"text": text}, "action": {"buttons": buttons}},
        }
    return {"type": "text", "text": {"body": text, "preview_url": "https://" in text}}


def _template(template: Mapping[str, Any], message: Outgoing) -> dict[str, Any]:
    parameters = template.get("parameters")
    written: dict[str, Any] = {
        "name": str(template["name"])[:512],
        "language": {"code": str(template.get("language") or message.language)[:20]},
    }
    if isinstance(template.get("components"), list):
        written["components"] = template["components"]
    elif isinstance(parameters, list) and parameters:
        filled = [{"type": "text", "text": str(value)[:MAX_BODY]} for value in parameters]
        written["components"] = [{"type": "body", "parameters": filled}]
    return written


def outcome(reply: Reply, cost_minor: int) -> Sent:
    """What an answer of the Messages endpoint means."""
    error = graph.error_of(reply)
    if error is not None and error.code in NOT_NOW:
        return Sent(outcome="retry", code=str(error.code), detail=error.message, retry_after=wait_of(reply))
    if error is not None and error.code in OF_ACCOUNT:
        return Sent(outcome="retry", code=str(error.code), detail=error.message, account_fault=True)
    if error is not None and error.code in GONE:
        return Sent(outcome="refused", code=str(error.code), detail=error.message, gone=True)
    if error is not None and error.code == OUTSIDE:
        return Sent(outcome="refused", code="outside_window", detail=error.message)
    if error is not None or not reply.ok:
        return graph.failure(reply)
    body = reply.json()
    messages = reading.objects(body, "messages") if isinstance(body, dict) else []
    return Sent(
        outcome="accepted", provider_id=reading.text(messages[0], "id") if messages else None, cost_minor=cost_minor
    )


def _events(
    account: Account, settings: WhatsAppSettings, body: dict[str, Any], now: datetime
) -> Iterator[ProviderEvent]:
    for entry in reading.objects(body, "entry"):
        for change in reading.objects(entry, "changes"):
            value = reading.inner(change, "value")
            number = reading.text(reading.inner(value, "metadata"), "phone_number_id")
            if change.get("field") != "messages" or number != settings.phone_number_id:
                # One app hears of all its numbers; this account is one of them.
                continue
            for status in reading.objects(value, "statuses"):
                yield from _status(account, status, now)
            names = {
                reading.text(contact, "wa_id"): reading.text(reading.inner(contact, "profile"), "name")
                for contact in reading.objects(value, "contacts")
            }
            for message in reading.objects(value, "messages"):
                yield from _inbound(account, message, names, now)


def _status(account: Account, status: dict[str, Any], now: datetime) -> Iterator[ProviderEvent]:
    name = reading.text(status, "status") or ""
    provider_id = reading.text(status, "id")
    kind = _STATUSES.get(name)
    if kind is None or provider_id is None:
        return
    errors = reading.objects(status, "errors")
    error = errors[0] if errors else {}
    code = error.get("code")
    detail = reading.text(reading.inner(error, "error_data"), "details") or reading.text(error, "title")
    at = reading.unix(reading.text(status, "timestamp"), now)
    address = _number(reading.text(status, "recipient_id"))
    yield ProviderEvent(
        kind=kind,
        account_id=account.id,
        delivery_id=f"{provider_id}:{name}",
        at=at,
        provider_id=provider_id,
        reference=reading.text(status, "biz_opaque_callback_data"),
        address=address,
        permanent=kind == "failed" and code in GONE,
        code=reading.text(error, "code"),
        detail=detail,
    )
    if code == STOPPED and address is not None:
        yield ProviderEvent(
            kind="stop",
            account_id=account.id,
            delivery_id=f"{provider_id}:stop",
            at=at,
            address=address,
            detail=detail,
        )


def _inbound(
    account: Account, message: dict[str, Any], names: Mapping[str | None, str | None], now: datetime
) -> Iterator[ProviderEvent]:
    provider_id = reading.text(message, "id")
    writer = reading.text(message, "from")
    address = _number(writer)
    kind = reading.text(message, "type") or ""
    if provider_id is None or address is None or kind == "reaction":
        return
    part = reading.inner(message, kind)
    data: dict[str, Any] = {"type": kind}
    text = reading.text(part, "body") or reading.text(part, "caption") or reading.text(part, "text")
    reply = reading.inner(part, "button_reply") or reading.inner(part, "list_reply")
    payload = reading.text(part, "payload") or reading.text(reply, "id")
    if payload:
        data["payload"] = payload
    if media := reading.text(part, "id"):
        data["attachments"] = [{"type": kind, "id": media}]
    if answered := reading.text(reading.inner(message, "context"), "id"):
        data["answers"] = answered
    yield ProviderEvent(
        kind="inbound",
        account_id=account.id,
        delivery_id=provider_id,
        at=reading.unix(reading.text(message, "timestamp"), now),
        provider_id=provider_id,
        address=address,
        text=text or reading.text(reply, "title"),
        sender_name=(names.get(writer) or "")[:200] or None,
        data=data,
    )


def _number(text: str | None) -> str | None:
    try:
        return international(text or "")
    except AddressInvalid:
        return None
