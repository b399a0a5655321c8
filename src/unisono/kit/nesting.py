"""How deep JSON is nested: as deep on every Python, whose own limits differ (about 1,000 levels on 3.11, some thousand
more on 3.12 and later)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, ReceiveMessage, Scope, Send

from unisono.kit.errors import BadRequest

MOST: Final = 500
"""Levels: nobody's data is deeper, and every Python reads as many."""

TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}\[\],]', re.DOTALL)
"""Strings, brackets and commas. A string that does not end goes to the end of the text: to look for its end again from
each of its quotes would take a minute for 140 KB."""


def is_deep(text: bytes | str, most: int = MOST) -> bool:
    """Whether JSON has more levels than ``most``; what is no JSON is judged by its brackets outside of strings."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if raw.count(b"[") + raw.count(b"{") <= most:
        return False
    depth = 0
    for token in TOKENS.finditer(raw):
        mark = token.group()
        if mark in (b"{", b"["):
            depth += 1
            if depth > most:
                return True
        elif mark in (b"}", b"]"):
            depth -= 1
    return False


class ShallowBodies(ASGIMiddleware):
    """Refuses bodies of JSON that are too deep (``too_deep``), where they are read."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, *, exclude: Sequence[str]) -> None:
        """``exclude`` are the beginnings of paths whose bodies are looked at elsewhere."""
        self.exclude_path_pattern = tuple(f"^{path}" for path in exclude)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """ASGI."""
        if not _is_json(scope):
            await next_app(scope, receive, send)
            return
        parts: list[bytes] = []

        async def looked_at() -> ReceiveMessage:
            message = await receive()
            if message["type"] == "http.request":
                parts.append(message.get("body", b""))
                if not message.get("more_body", False) and is_deep(b"".join(parts)):
                    raise BadRequest("The JSON is nested too deeply.", code="too_deep")
            return message

        await next_app(scope, looked_at, send)


def _is_json(scope: Scope) -> bool:
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return not kinds or b"json" in kinds[0].lower()
