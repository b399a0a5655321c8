"""Text messages and WhatsApp through Twilio's Messaging API (twilio.com/docs/messaging).

A request is not idempotent there, so one that was cut is `unknown` until its status callback tells; the callback's
address carries the message's reference. Twilio answers STOP itself and refuses the number afterwards (21610).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from unisono.engagement.channels import reading
from unisono.engagement.channels.adapters.calling import call, plain, too_long, wait_of
from unisono.engagement.channels.adapters.phones import international
from unisono.engagement.channels.adapters.texts import MAX_SEGMENTS, segments
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
    HookUnreadable,
    Outgoing,
    ProviderEvent,
    Sender,
    Sent,
)
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.http import Http, Reply, url_problem

BASE_URL: Final = "https://api.twilio.com"
REFERENCE: Final = "m"
"""The parameter of the status callback that names the message."""

WINDOW: Final = timedelta(hours=24)
"""WhatsApp takes free text so long after the person wrote."""

GONE: Final = frozenset({21211, 21214, 21217, 21614, 30005, 30006, 63003, 63013})
"""No such number, no mobile, unreachable for good, no WhatsApp there."""
OPTED_OUT: Final = 21610
OF_ACCOUNT: Final = frozenset({20003, 20005, 20404, 21603, 21606, 21659, 21660, 21661, 63007, 63010, 63020, 90010})
"""Signed in wrongly, suspended, or the sender is none of the account's."""
SLOW_DOWN: Final = frozenset({20429, 14107, 63018, 63022})

_STATUSES: Final[dict[str, EventKind]] = {
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
"""accepted, scheduled, queued, sending and sent tell nothing we do not know."""

EMPTY_TWIML: Final = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
"""Answers an inbound message with nothing: what is said back is decided elsewhere."""

_SID = re.compile(r"[A-Za-z0-9]{10,64}")


class TwilioSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A Twilio account and whom its messages come from."""

    account_sid: str
    """AC and 32 digits."""
    sender: str | None = None
    """A number (+39...), for texts also a short code or a name of up to 11 letters and digits."""
    messaging_service_sid: str | None = None
    """A messaging service (MG...) that picks the sender, in its place."""
    base_url: str = BASE_URL
    """Where the API answers."""


def signature(auth_token: str, url: str, fields: Sequence[tuple[str, str]]) -> str:
    """``X-Twilio-Signature`` of a form: HMAC-SHA1 over the address, then every distinct name and value, sorted."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def verify(auth_token: str, hook: Hook) -> list[tuple[str, str]]:
    """The fields of a signed form. Raises BadSignature.

    Twilio signs the address with or without its port, so both are tried; a JSON body is signed by its SHA-256 in the
    query.
    """
    given = (hook.header("x-twilio-signature") or "").encode()
    digest = hook.asked("bodySHA256")
    fields: list[tuple[str, str]] = []
    if digest is None:
        try:
            fields = reading.form(hook.body)
        except HookUnreadable as error:
            raise BadSignature("There is no signed form in that.") from error
    elif not hmac.compare_digest(digest.encode(), hashlib.sha256(hook.body).hexdigest().encode()):
        raise BadSignature("bodySHA256 does not match.")
    for url in _ways(hook.url):
        if hmac.compare_digest(signature(auth_token, url, fields).encode(), given):
            return fields
    raise BadSignature("X-Twilio-Signature does not match.", hint="Is UNISONO_PUBLIC_URL the address Twilio calls?")


def _ways(url: str) -> tuple[str, ...]:
    """An address as it is, without its port, and with the port of its scheme."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    port = 443 if parts.scheme == "https" else 80
    return url, parts._replace(netloc=name).geturl(), parts._replace(netloc=f"{name}:{port}").geturl()


class TwilioSender(Sender):
    """Sends through one account."""

    def __init__(self, adapter: Twilio, account: Account, http: Http, clock: Clock = system_clock) -> None:
        settings: TwilioSettings = adapter.settings(account)
        self._adapter = adapter
        self._account = account
        self._settings = settings
        self._http = http
        self._clock = clock
        self._url = f"{settings.base_url}/2010-04-01/Accounts/{settings.account_sid}/Messages.json"
        self._headers = {"authorization": _basic(settings.account_sid, account.secret("auth_token"))}

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """One POST of a message."""
        try:
            to = international(message.address)
        except AddressInvalid as error:
            return Sent(outcome="refused", code="address_invalid", detail=error.detail)
        content = self._adapter.content(message, self._clock())
        if isinstance(content, Sent):
            return content
        prefix = self._adapter.prefix
        form = {"To": prefix + to, **content}
        if self._settings.messaging_service_sid:
            form["MessagingServiceSid"] = self._settings.messaging_service_sid
        if self._settings.sender:
            form["From"] = prefix + self._settings.sender
        if self._account.hook_url:
            form["StatusCallback"] = f"{self._account.hook_url}?{REFERENCE}={message.reference}"
        answer = await call(self._http, "POST", self._url, headers=self._headers, form=form)
        return answer if isinstance(answer, Sent) else outcome(answer, self._adapter.cost_minor(self._account, message))


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def outcome(reply: Reply, cost_minor: int) -> Sent:
    """What an answer of the Messages resource means. Only 429 and 503 promise that nothing was taken."""
    body = reply.json()
    body = body if isinstance(body, dict) else {}
    if reply.ok:
        return Sent(outcome="accepted", provider_id=reading.text(body, "sid"), cost_minor=cost_minor)
    number = body.get("code")
    code = number if isinstance(number, int) else reply.status
    detail = reading.text(body, "message") or reply.words()
    if reply.status in {429, 503} or code in SLOW_DOWN:
        return Sent(outcome="retry", code=str(code), detail=detail, retry_after=wait_of(reply))
    if reply.status in {401, 403} or code in OF_ACCOUNT:
        return Sent(outcome="retry", code=str(code), detail=detail, account_fault=True)
    if reply.status >= 500:
        return Sent(outcome="unknown", code=str(code), detail=detail)
    return Sent(outcome="refused", code=str(code), detail=detail, gone=code in GONE)


class Twilio(Adapter):
    """What texts and WhatsApp share."""

    Settings: ClassVar[type[msgspec.Struct]] = TwilioSettings
    secret_names: ClassVar[tuple[str, ...]] = ("auth_token",)
    prefix: ClassVar[str] = ""
    """Before numbers."""

    @abstractmethod
    def content(self, message: Outgoing, now: datetime) -> dict[str, str] | Sent:
        """The fields of the message, or why there are none."""

    def check(self, account: Account, *, private: bool) -> None:
        """Raises AccountInvalid."""
        settings: TwilioSettings = self.settings(account)
        problem = url_problem(settings.base_url, private=private)
        if problem is not None:
            raise AccountInvalid(f"base_url: {problem}")
        if not _SID.fullmatch(settings.account_sid):
            raise AccountInvalid("The account_sid is AC and 32 digits.")
        if not settings.sender and not settings.messaging_service_sid:
            raise AccountInvalid("Name a sender or a messaging service.")

    def validate_address(self, text: str) -> str:
        """A number in E.164. Raises AddressInvalid."""
        return international(text.removeprefix(self.prefix))

    async def open(self, account: Account, http: Http) -> Sender:
        """Nothing is connected before it sends. Raises AccountInvalid."""
        self.check(account, private=http.private)
        return TwilioSender(self, account, http)

    async def probe(self, account: Account, http: Http) -> Sent:
        """Read the account with its token. Raises AccountInvalid."""
        self.check(account, private=http.private)
        settings: TwilioSettings = self.settings(account)
        url = f"{settings.base_url}/2010-04-01/Accounts/{settings.account_sid}.json"
        headers = {"authorization": _basic(settings.account_sid, account.secret("auth_token"))}
        answer = await call(http, "GET", url, headers=headers)
        if isinstance(answer, Sent):
            return answer
        found = answer.json()
        if not answer.ok or not isinstance(found, dict):
            return outcome(answer, 0)
        return Sent(outcome="accepted", detail=f"{found.get('friendly_name')}: {found.get('status')}"[:200])

    async def parse_hook(self, account: Account, hook: Hook, http: Http, *, now: datetime) -> HookAnswer:
        """A status callback, or a message of a person. Raises BadSignature."""
        token = account.secrets.get("auth_token")
        if not token or hook.method != "POST":
            raise BadSignature("Twilio signs with the auth_token.")
        fields = dict(verify(token, hook))
        event = self._status(account, fields, hook, now) or self._inbound(account, fields, now)
        return HookAnswer(body=EMPTY_TWIML, media_type="text/xml", events=(event,) if event else ())

    def _status(self, account: Account, fields: dict[str, str], hook: Hook, now: datetime) -> ProviderEvent | None:
        status = fields.get("MessageStatus") or fields.get("SmsStatus") or ""
        sid = reading.clean(fields.get("MessageSid") or fields.get("SmsSid") or "")
        kind = _STATUSES.get(status)
        if kind is None or not sid:
            return None
        code = reading.clean(fields.get("ErrorCode") or "")
        return ProviderEvent(
            kind=kind,
            account_id=account.id,
            delivery_id=f"{sid}:{status}",
            at=now,
            provider_id=sid,
            reference=dict(parse_qsl(urlsplit(hook.url).query)).get(REFERENCE),
            address=self._person(fields.get("To")),
            permanent=kind == "failed" and code.isdecimal() and int(code[:9]) in GONE,
            code=code or None,
            detail=reading.clean(fields.get("ErrorMessage") or fields.get("ChannelStatusMessage") or "") or None,
        )

    def _inbound(self, account: Account, fields: dict[str, str], now: datetime) -> ProviderEvent | None:
        sid = reading.clean(fields.get("MessageSid") or fields.get("SmsSid") or "")
        address = self._person(fields.get("From"))
        if not sid or address is None or fields.get("SmsStatus") not in {"received", "receiving"}:
            return None
        said = fields.get("OptOutType", "").upper()
        kind: EventKind = "stop" if said == "STOP" else "start" if said == "START" else "inbound"
        data: dict[str, Any] = {}
        if payload := reading.clean(fields.get("ButtonPayload", "")):
            data["payload"] = payload
        media = [reading.clean(fields[name]) for name in sorted(fields) if re.fullmatch(r"MediaUrl\d{1,2}", name)]
        if media:
            data["attachments"] = [{"url": url} for url in media]
        return ProviderEvent(
            kind=kind,
            account_id=account.id,
            delivery_id=sid,
            at=now,
            provider_id=sid,
            address=address,
            text=reading.clean(fields.get("Body", "")) or None,
            sender_name=reading.clean(fields.get("ProfileName", ""))[:200] or None,
            data=data,
        )

    def _person(self, text: str | None) -> str | None:
        try:
            return self.validate_address(text or "")
        except AddressInvalid:
            return None


class TwilioSms(Twilio):
    """Text messages through Twilio."""

    kind: ClassVar[str] = "twilio_sms"
    title: ClassVar[str] = "SMS (Twilio)"
    channels: ClassVar[tuple[str, ...]] = ("sms",)
    capabilities: ClassVar[Capabilities] = Capabilities(max_text=1600, inbound=True, receipts=True)

    def content(self, message: Outgoing, now: datetime) -> dict[str, str] | Sent:
        """The text, at most ten segments of it."""
        text = reading.clean(plain(message))
        refused = too_long(text, 1600)
        if refused is None and segments(text) > MAX_SEGMENTS:
            refused = Sent(outcome="refused", code="too_long", detail=f"Over {MAX_SEGMENTS} segments.")
        return refused or {"Body": text}

    def cost_minor(self, account: Account, message: Outgoing) -> int:
        """A segment's price times the segments."""
        return account.cost_minor * segments(plain(message))


class TwilioWhatsApp(Twilio):
    """WhatsApp through Twilio."""

    kind: ClassVar[str] = "twilio_whatsapp"
    title: ClassVar[str] = "WhatsApp (Twilio)"
    channels: ClassVar[tuple[str, ...]] = ("whatsapp",)
    prefix: ClassVar[str] = "whatsapp:"
    capabilities: ClassVar[Capabilities] = Capabilities(
        media=True, buttons=3, max_text=1600, inbound=True, receipts=True, window_hours=24
    )

    def content(self, message: Outgoing, now: datetime) -> dict[str, str] | Sent:
        """An approved template (``data.template``: ``sid`` HX..., ``variables``), or free text inside the window."""
        template = message.data.get("template")
        if isinstance(template, dict) and isinstance(template.get("sid"), str):
            fields = {"ContentSid": str(template["sid"])[:64]}
            variables = template.get("variables")
            if isinstance(variables, dict):
                fields["ContentVariables"] = json.dumps({str(name): str(value) for name, value in variables.items()})
            return fields
        if message.answers_at is None or now - message.answers_at >= WINDOW:
            return Sent(
                outcome="refused",
                code="outside_window",
                detail="The person has not written within 24 hours: only an approved template may be sent.",
            )
        text = reading.clean(plain(message))
        refused = too_long(text, 1600)
        if refused is not None:
            return refused
        return {"Body": text} | ({"MediaUrl": message.image_url} if message.image_url else {})
