"""What every answer of the console tells the browser to refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from litestar.datastructures import MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)
"""Nothing from elsewhere, nothing inline: a script smuggled into a name does not run."""

HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

FRAME_POLICY: Final = (
    "sandbox; default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline' https:; font-src https: data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
"""Of an e-mail shown as it will look: its pictures and styles, no script, no form, no way to the console around it."""

FRAME_HEADERS: Final = HEADERS | {
    "content-security-policy": FRAME_POLICY,
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}

PRIVATE: Final = "no-store"
"""Pages hold personal data: no copy stays in a browser that several people use."""


class SecurityHeaders:
    """ASGI middleware of the console's routes; errors pass through it too."""

    headers: ClassVar[Mapping[str, str]] = HEADERS

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                for name, value in self.headers.items():
                    headers[name] = value
                headers.setdefault("cache-control", PRIVATE)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class FrameHeaders(SecurityHeaders):
    """The same for what is shown in a frame of the console and must not reach out of it."""

    headers: ClassVar[Mapping[str, str]] = FRAME_HEADERS
