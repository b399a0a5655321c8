"""Web push: encrypted for one browser (RFC 8291, aes128gcm), signed with the account's key (VAPID, RFC 8292).

The push service of each browser is another server, named by the browser itself: it is called through the guarded
client, so that a made-up subscription leads nowhere inside.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import http_ece  # type: ignore[import-untyped]
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02  # type: ignore[import-untyped]

from unisono.engagement.channels.adapters.calling import call, wait_of
from unisono.engagement.channels.adapters.devices import to_all
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

MAX_PLAIN: Final = 3993
"""Bytes before encryption: push services take 4096 bytes of body (RFC 8030, 7.2)."""
LONGEST: Final = 2_419_200
"""Seconds a push service is asked to keep a message at most: four weeks."""
TOKEN_LASTS: Final = 12 * 3600
"""Seconds a VAPID token is good for; push services allow a day."""
TOKEN_MARGIN: Final = 3600

_POINT: Final = 65
_AUTH: Final = 16


class WebPushSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who sends."""

    subject: str
    """Where push services reach the sender: mailto:… or https://…"""
    ttl_seconds: int = 86_400
    """How long a message waits for a browser that is closed, unless it says itself when it ends."""


class WebPush(Adapter):
    """Notifications in browsers."""

    kind: ClassVar[str] = "web_push"
    title: ClassVar[str] = "Web push"
    channels: ClassVar[tuple[str, ...]] = ("web_push",)
    Settings: ClassVar[type[msgspec.Struct]] = WebPushSettings
    secret_names: ClassVar[tuple[str, ...]] = ("vapid_private_key",)
    capabilities: ClassVar[Capabilities] = Capabilities(media=True, buttons=2, max_text=1000)

    def new_secrets(self) -> dict[str, str]:
        """A key of the account's own; every subscription is bound to it, so it is made once."""
        return {"vapid_private_key": new_key()}

    def check(self, account: Account, *, private: bool) -> None:
        """The subject and the key. Raises AccountInvalid."""
        settings: WebPushSettings = self.settings(account)
        if not settings.subject.startswith(("mailto:", "https://")) or len(settings.subject) > 300:
            raise AccountInvalid("subject is mailto:… or https://…")
        if not 0 <= settings.ttl_seconds <= LONGEST:
            raise AccountInvalid(f"ttl_seconds is 0 to {LONGEST}.")
        public_key(account.secret("vapid_private_key"))

    def validate_address(self, text: str) -> str:
        """A browser's endpoint. Raises AddressInvalid."""
        problem = url_problem(text, private=True)
        if problem is not None:
            raise AddressInvalid(f"The endpoint cannot be called: {problem}")
        return text.strip()

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender."""
        return WebPushSender(self.settings(account), account.secret("vapid_private_key"), http)

    async def probe(self, account: Account, http: Http) -> Sent:
        """Nothing to connect to: says the key pages subscribe with."""
        self.settings(account)
        return Sent(outcome="accepted", detail=public_key(account.secret("vapid_private_key")))


class WebPushSender(Sender):
    """Sends with one key."""

    def __init__(self, settings: WebPushSettings, key: str, http: Http, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._vapid = Vapid02(_private_key(key))
        self._http = http
        self._clock = clock
        self._tokens: dict[str, tuple[float, str]] = {}

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """To every device of the person."""
        return await to_all(message, self._send_one)

    async def _send_one(self, message: Outgoing) -> Sent:
        """One POST to the browser's push service. ``message.data["keys"]`` are the subscription's."""
        plain = payload(message)
        if len(plain) > MAX_PLAIN:
            return Sent(outcome="refused", code="too_long", detail=f"A push has {MAX_PLAIN} bytes at the most.")
        try:
            body = encrypt(plain, message.data.get("keys") or {})
        except AddressInvalid as error:
            return Sent(outcome="refused", code="keys", detail=str(error), gone=True)
        # Whose fault it is that this address is not reached is the browser's push service's, not the account's.
        answer = await call(
            self._http, "POST", message.address, headers=self._headers(message), content=body, of_account=False
        )
        return answer if isinstance(answer, Sent) else outcome(answer)

    def _headers(self, message: Outgoing) -> dict[str, str]:
        lasts = float(self._settings.ttl_seconds)
        if message.ends_at is not None:
            lasts = (message.ends_at - self._clock()).total_seconds()
        return {
            "content-type": "application/octet-stream",
            "content-encoding": "aes128gcm",
            "ttl": str(int(min(max(lasts, 0), LONGEST))),
            "urgency": "high" if message.purpose == "transactional" else "normal",
            "topic": topic(message.campaign or message.key),
            "authorization": self._authorization(message.address),
        }

    def _authorization(self, endpoint: str) -> str:
        """The VAPID header for a push service, kept while it lasts."""
        parts = urlsplit(endpoint)
        audience = f"{parts.scheme}://{parts.netloc}"
        now = self._clock().timestamp()
        kept = self._tokens.get(audience)
        if kept is None or kept[0] < now + TOKEN_MARGIN:
            claims = {"aud": audience, "sub": self._settings.subject, "exp": int(now) + TOKEN_LASTS}
            kept = (now + TOKEN_LASTS, str(self._vapid.sign(claims)["Authorization"]))
            self._tokens[audience] = kept
        return kept[1]


def new_key() -> str:
    """A private key for VAPID: 32 bytes in base64url, as the web writes them."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _encoded(number.to_bytes(32, "big"))


def _private_key(text: str) -> ec.EllipticCurvePrivateKey:
    try:
        return ec.derive_private_key(int.from_bytes(decoded(text), "big"), ec.SECP256R1())
    except ValueError:
        raise AccountInvalid("vapid_private_key is no key of P-256.") from None


def public_key(private: str) -> str:
    """The key a page subscribes with (applicationServerKey), base64url. Raises AccountInvalid."""
    point = _private_key(private).public_key()
    return _encoded(point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint))


def check_keys(keys: Mapping[str, Any]) -> dict[str, str]:
    """A subscription's keys, ``p256dh`` (a point of P-256) and ``auth`` (16 bytes). Raises AddressInvalid."""
    found = {name: keys.get(name) for name in ("p256dh", "auth")}
    try:
        point, auth = decoded(str(found["p256dh"])), decoded(str(found["auth"]))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        usable = len(point) == _POINT and len(auth) == _AUTH
    except ValueError:
        usable = False
    if not usable:
        raise AddressInvalid("The keys of a subscription are p256dh and auth, in base64url.")
    return {name: str(value) for name, value in found.items()}


def encrypt(plain: bytes, keys: Mapping[str, Any]) -> bytes:
    """The body only the browser with these keys can read (RFC 8291). Raises AddressInvalid."""
    checked = check_keys(keys)
    encrypted: bytes = http_ece.encrypt(
        plain,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=decoded(checked["p256dh"]),
        auth_secret=decoded(checked["auth"]),
        version="aes128gcm",
    )
    return encrypted


def payload(message: Outgoing) -> bytes:
    """What the browser shows: the JSON of declarative web push, which a service worker reads as well."""
    shown: dict[str, Any] = {
        "title": message.title or message.subject or message.words()[:80],
        "body": message.body or message.text,
        "lang": message.language,
        "navigate": message.url,
        "image": message.image_url,
        "tag": message.campaign,
        "data": {"reference": message.reference},
        "actions": [
            {"action": str(place), "title": button.text, "navigate": button.url}
            for place, button in enumerate(message.buttons[:2])
        ],
    }
    return msgspec.json.encode(
        {"web_push": 8030, "notification": {name: value for name, value in shown.items() if value}}
    )


def topic(name: str) -> str:
    """A name for push services, 32 characters: a waiting message of the same topic is replaced, not shown twice."""
    return _encoded(hashlib.sha256(name.encode()).digest())[:32]


def outcome(reply: Reply) -> Sent:
    """What an answer of a push service means (RFC 8030, 5; 404 and 410: the subscription is over)."""
    code = str(reply.status)
    if reply.ok:
        return Sent(outcome="accepted", provider_id=(reply.header("location") or "")[:500] or None)
    if reply.status in (404, 410):
        return Sent(outcome="refused", code=code, detail="The subscription is over.", gone=True)
    if reply.status in (429, 503):
        return Sent(outcome="retry", code=code, detail=reply.words(), retry_after=wait_of(reply))
    if reply.status >= 500:
        return Sent(outcome="unknown", code=code, detail=reply.words())
    # 401 and 403 too: the subscription was made with another key than the account's, which no try will change.
    return Sent(outcome="refused", code=code, detail=reply.words())


def decoded(text: str) -> bytes:
    """Base64url without or with its padding. Raises ValueError."""
    try:
        return base64.b64decode(text.strip().rstrip("=") + "=" * (-len(text.strip().rstrip("=")) % 4), b"-_", True)
    except (binascii.Error, UnicodeError):
        raise ValueError("that is not base64url") from None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
