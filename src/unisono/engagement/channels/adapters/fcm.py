"""Mobile push through Firebase Cloud Messaging, HTTP v1: Android, and iPhones by Apple's service behind it.

Sources: firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and /ErrorCode.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import msgspec

from unisono.engagement.channels import reading
from unisono.engagement.channels.adapters.calling import call, told, wait_of
from unisono.engagement.channels.adapters.devices import to_all
from unisono.engagement.channels.adapters.google import ServiceAccount, Tokens
from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    Adapter,
    AddressInvalid,
    Capabilities,
    Outgoing,
    Sender,
    Sent,
)
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.http import Http, Reply, url_problem

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
LONGEST: Final = 2_419_200
"""Seconds FCM keeps a message at most: four weeks."""
MAX_PAYLOAD: Final = 4096
"""Bytes of a message's texts and data."""

GONE: Final = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH"})
"""The app was removed, or the token is another company's: this token will never do again."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_:.-]{20,4096}")


class FcmSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A Firebase project."""

    project_id: str | None = None
    """The project; the service account's own when missing."""
    base_url: str = "https://fcm.googleapis.com"
    """Where FCM answers."""
    ttl_seconds: int = 86_400
    """How long a message waits for a phone that is off, unless it says itself when it ends."""


class Fcm(Adapter):
    """Notifications on phones."""

    kind: ClassVar[str] = "fcm"
    title: ClassVar[str] = "Firebase Cloud Messaging"
    channels: ClassVar[tuple[str, ...]] = ("app_push",)
    Settings: ClassVar[type[msgspec.Struct]] = FcmSettings
    secret_names: ClassVar[tuple[str, ...]] = ("service_account",)
    capabilities: ClassVar[Capabilities] = Capabilities(media=True, max_text=1000)

    def check(self, account: Account, *, private: bool) -> None:
        """The addresses and the key. Raises AccountInvalid."""
        settings: FcmSettings = self.settings(account)
        service = ServiceAccount.read(account.secret("service_account"))
        for name, url in (("base_url", settings.base_url), ("token_uri", service.token_uri)):
            problem = url_problem(url, private=private)
            if problem is not None:
                raise AccountInvalid(f"{name}: {problem}")
        if not re.fullmatch(r"[a-z0-9:.-]{1,100}", settings.project_id or service.project_id):
            raise AccountInvalid("project_id is missing.")
        if not 0 <= settings.ttl_seconds <= LONGEST:
            raise AccountInvalid(f"ttl_seconds is 0 to {LONGEST}.")

    def validate_address(self, text: str) -> str:
        """A registration token. Raises AddressInvalid."""
        found = text.strip()
        if not _TOKEN.fullmatch(found):
            raise AddressInvalid("That is no registration token of FCM.")
        return found

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender; its access token is asked for with the first message."""
        return FcmSender(self.settings(account), ServiceAccount.read(account.secret("service_account")), http)

    async def probe(self, account: Account, http: Http) -> Sent:
        """Ask Google for an access token."""
        service = ServiceAccount.read(account.secret("service_account"))
        token = await Tokens(service, SCOPE, http).token()
        return token if isinstance(token, Sent) else Sent(outcome="accepted", detail=service.client_email)


class FcmSender(Sender):
    """Sends for one project."""

    def __init__(self, settings: FcmSettings, service: ServiceAccount, http: Http, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._tokens = Tokens(service, SCOPE, http, clock)
        self._http = http
        self._clock = clock
        project = settings.project_id or service.project_id
        self._url = f"{settings.base_url.rstrip('/')}/v1/projects/{project}/messages:send"

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """To every device of the person."""
        return await to_all(message, self._send_one)

    async def _send_one(self, message: Outgoing) -> Sent:
        """One POST of ``messages:send``. A token Google takes no more is a ``retry`` with a new one."""
        lasts = float(self._settings.ttl_seconds)
        if message.ends_at is not None:
            lasts = (message.ends_at - self._clock()).total_seconds()
        body = envelope(message, int(min(max(lasts, 0), LONGEST)))
        if len(msgspec.json.encode(body)) > MAX_PAYLOAD + len(message.address):
            return Sent(outcome="refused", code="too_long", detail=f"A push has {MAX_PAYLOAD} bytes at the most.")
        token = await self._tokens.token()
        if isinstance(token, Sent):
            return token
        answer = await call(self._http, "POST", self._url, headers={"authorization": f"Bearer {token}"}, json=body)
        if isinstance(answer, Sent):
            return answer
        if answer.status == 401:
            self._tokens.forget()
        return outcome(answer)


def envelope(message: Outgoing, seconds: int) -> dict[str, Any]:
    """The message as FCM takes it. ``data`` reaches the app, which tells us of taps by ``reference``."""
    notification = {"title": message.title or message.subject or "", "body": message.body or message.text or ""}
    data = {str(name): str(value) for name, value in message.data.get("app", {}).items()} if _has_app(message) else {}
    data["reference"] = message.reference
    if message.url:
        data["url"] = message.url
    if message.image_url:
        notification["image"] = message.image_url
    urgent = message.purpose == "transactional"
    apns = {"apns-priority": "10" if urgent else "5"}
    android: dict[str, Any] = {"ttl": f"{seconds}s", "priority": "HIGH" if urgent else "NORMAL"}
    if message.campaign:
        # A newer message of the same campaign takes the place of one the phone has not got yet.
        android["collapse_key"] = message.campaign
        apns["apns-collapse-id"] = message.campaign[:64]
    return {
        "message": {
            "token": message.address,
            "notification": {name: value for name, value in notification.items() if value},
            "data": data,
            "android": android,
            "apns": {"headers": apns},
        }
    }


def _has_app(message: Outgoing) -> bool:
    return isinstance(message.data.get("app"), dict)


def outcome(reply: Reply) -> Sent:
    """What an answer of FCM means."""
    body = told(reply)
    if reply.ok:
        return Sent(outcome="accepted", provider_id=reading.text(body, "name"))
    error = reading.inner(body, "error")
    codes = [reading.text(item, "errorCode") for item in reading.objects(error, "details")]
    code = next((code for code in codes if code), None) or reading.text(error, "status") or str(reply.status)
    detail = (reading.text(error, "message") or reply.words())[:300]
    if code in GONE:
        return Sent(outcome="refused", code=code, detail=detail, gone=True)
    if reply.status in (429, 503):
        return Sent(outcome="retry", code=code, detail=detail, retry_after=wait_of(reply))
    if reply.status in (401, 403):
        return Sent(outcome="retry", code=code, detail=detail, account_fault=True)
    if reply.status >= 500:
        return Sent(outcome="unknown", code=code, detail=detail)
    return Sent(outcome="refused", code=code, detail=detail)
