"""Shop fronts call from their own addresses: any page may, since nothing but the key in the header counts.

No cookie is looked at here, so a foreign page can do nothing a program could not.
"""

from __future__ import annotations

from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

PREFIX: Final = "/channel/"

ALLOWED: Final = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "retry-after, idempotent-replayed",
}
PREFLIGHT: Final = ALLOWED | {
    "access-control-allow-methods": "GET, POST, PUT, DELETE",
    "access-control-allow-headers": (
        "authorization, content-type, idempotency-key, x-customer, x-channel, x-store, accept-language, last-event-id"
    ),
    "access-control-max-age": "7200",
    "content-length": "0",
}


class AcrossSites:
    """Lets browsers on other sites call the channel API; everything else goes on untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            headers = [(name.encode(), value.encode()) for name, value in PREFLIGHT.items()]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def allowed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders(message)
                headers.pop("access-control-allow-credentials", None)
                headers.update(ALLOWED)
            await send(message)

        await self.app(scope, receive, allowed)
