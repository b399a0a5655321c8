"""A push service and the browsers behind it: they check what a push service checks, and decrypt what browsers do."""

from __future__ import annotations

import base64
import os
import time
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

import http_ece  # type: ignore[import-untyped]
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from unisono.demo.counterparts.model import Answer, Asked, Provider, Taken

LARGEST = 4096


class Browser:
    """A browser that has subscribed."""

    def __init__(self, application_server_key: str) -> None:
        self.id = uuid4().hex
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)
        self.application_server_key = application_server_key
        self.gone = False

    def subscription(self, base_url: str) -> dict[str, Any]:
        """What ``PushSubscription.toJSON()`` gives a page."""
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return {
            "endpoint": f"{base_url}/send/{self.id}",
            "expirationTime": None,
            "keys": {"p256dh": _encoded(point), "auth": _encoded(self.auth)},
        }

    def decrypt(self, body: bytes) -> bytes:
        """What was sent to it (RFC 8291)."""
        plain: bytes = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        return plain


class PushService(Provider):
    """Where browsers listen."""

    name: ClassVar[str] = "push"

    def __init__(self) -> None:
        self.browsers: dict[str, Browser] = {}

    def subscribe(self, application_server_key: str) -> Browser:
        """A browser subscribes for the holder of a public key."""
        browser = Browser(application_server_key)
        self.browsers[browser.id] = browser
        return browser

    def answer(self, asked: Asked) -> Answer:
        """``POST /send/{browser}`` takes a message; ``POST /subscribe?key=…`` makes a browser."""
        if asked.path == "/subscribe":
            browser = self.subscribe(asked.query.get("key", ""))
            return Answer(status=201, body=browser.subscription(f"http://{asked.headers.get('host')}/{self.name}"))
        browser_or_none = self.browsers.get(asked.path.removeprefix("/send/"))
        if browser_or_none is None or browser_or_none.gone:
            return Answer(status=410, body={"reason": "unsubscribed"})
        problem = _problem(asked, browser_or_none)
        if problem is not None:
            return Answer(status=problem[0], body={"reason": problem[1]})
        return self._deliver(asked, browser_or_none)

    def _deliver(self, asked: Asked, browser: Browser) -> Answer:
        shown = msgspec.json.decode(browser.decrypt(asked.body))
        location = f"/message/{uuid4().hex}"
        taken = Taken(
            provider=self.name,
            reference=str(shown["notification"].get("data", {}).get("reference", asked.headers.get("topic"))),
            address=browser.id,
            provider_id=location,
            content={"shown": shown, **{name: asked.headers.get(name) for name in ("ttl", "urgency", "topic")}},
        )
        return Answer(status=201, headers={"location": location}, taken=(taken,))


def _problem(asked: Asked, browser: Browser) -> tuple[int, str] | None:
    """What a push service would not take (RFC 8030, RFC 8292)."""
    if asked.headers.get("content-encoding") != "aes128gcm":
        return 415, "content-encoding"
    if not asked.headers.get("ttl", "").isdigit():
        return 400, "ttl"
    if len(asked.headers.get("topic", "")) > 32 or asked.headers.get("urgency") not in (
        "very-low",
        "low",
        "normal",
        "high",
    ):
        return 400, "topic or urgency"
    if len(asked.body) > LARGEST:
        return 413, "too large"
    return _vapid_problem(asked, browser)


def _vapid_problem(asked: Asked, browser: Browser) -> tuple[int, str] | None:
    scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme.lower() != "vapid" or not {"t", "k"} <= parts.keys():
        return 401, "authorization"
    if parts["k"] != browser.application_server_key:
        return 403, "another key than the subscription's"
    signed, _, signature = parts["t"].rpartition(".")
    claims = msgspec.json.decode(_decoded(signed.partition(".")[2]))
    raw = _decoded(signature)
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decoded(parts["k"]))
        number = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(number, signed.encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return 403, "signature"
    audience = urlsplit(str(claims.get("aud")))
    if audience.netloc != asked.headers.get("host") or audience.path:
        return 403, "aud"
    if not time.time() < claims.get("exp", 0) <= time.time() + 86_400:
        return 403, "exp"
    return None if str(claims.get("sub", "")).startswith(("mailto:", "https://")) else (403, "sub")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
