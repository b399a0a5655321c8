"""Who looks at the sample shop: a device with, perhaps, a customer who was chosen on it. Cookies hold both.

There are no passwords here: whoever opens the sample may be anybody. A real shop signs its customers in and keeps
the outcome in a session of its own; what it then asks of the engine is the same.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, Final, Literal
from urllib.parse import quote, unquote

import msgspec
from litestar import Request
from litestar.datastructures import Cookie

from unisono.kit.i18n import accepted

AnyRequest = Request[Any, Any, Any]
Channel = Literal["web", "app", "store"]

FRONTS: Final[dict[str, Channel]] = {"web": "web", "app": "app", "till": "store"}
"""First part of a page's address to the channel it speaks for."""

LANGUAGE: Final = "alpestre_language"
MONTH: Final = 30 * 24 * 3600
DEVICES: Final = {"web": "anonymous_id", "app": "device_id"}


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, in which front, in which language."""

    front: str
    channel: Channel
    language: str
    device: str | None = None
    """The browser's or the app's own identifier; None until something is to be remembered."""
    customer: str | None = None
    """``namespace:value`` of the customer who was chosen."""
    cart: str | None = None
    """A cart the till has opened by its code, or begun for nobody."""

    @property
    def identifiers(self) -> dict[str, str]:
        """What the engine is told of who it is."""
        found = {}
        if self.device and self.front in DEVICES:
            found[DEVICES[self.front]] = self.device
        if self.customer:
            namespace, _, value = self.customer.partition(":")
            found[namespace] = value
        return found

    @property
    def mark(self) -> str:
        """Tells one visitor's stream of changes from another's, without saying who it is."""
        told = f"{self.front}|{self.device}|{self.customer}|{self.cart}"
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def cookie_name(front: str, what: str) -> str:
    """The cookie that holds the device, the customer or the cart of a front."""
    return f"alpestre_{front}_{what}"


def visitor_of(request: AnyRequest) -> Visitor:
    """The visitor a request's cookies tell of."""
    front = request.scope["path"].split("/")[1]
    front = front if front in FRONTS else "web"

    def read(what: str) -> str | None:
        return unquote(request.cookies.get(cookie_name(front, what), ""))[:300] or None

    customer = read("customer")
    return Visitor(
        front=front,
        channel=FRONTS[front],
        language=language_of(request),
        device=read("device"),
        customer=customer if customer and ":" in customer else None,
        cart=read("cart") if front == "till" else None,
    )


def language_of(request: AnyRequest) -> str:
    """What was chosen here, else what the browser likes, else English."""
    chosen = request.query_params.get("lang") or request.cookies.get(LANGUAGE)
    return chosen if chosen in ("en", "it") else accepted(request.headers.get("accept-language")) or "en"


def remembered(name: str, value: str | None) -> Cookie:
    """A cookie of ours; None forgets it."""
    return Cookie(
        key=name,
        value=quote(value or "", safe=""),
        path="/",
        max_age=MONTH if value else 0,
        httponly=True,
        samesite="lax",
    )


def new_device(front: str) -> str:
    """An identifier for a browser or a phone nobody has seen."""
    return f"sample-{front}-{secrets.token_hex(8)}"
