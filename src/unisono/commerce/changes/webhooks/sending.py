"""Handing one message over HTTP to an address that others chose (see `unisono.kit.http`).

Unlike a request to a provider a webhook may come twice: receivers tell it by its id. So a connection that was closed
under a message is worth a second try at once.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import httpcore

from unisono.commerce.changes.webhooks import rules
from unisono.commerce.changes.webhooks.model import Answer
from unisono.kit.errors import BadRequest
from unisono.kit.http import NO_ANSWER, READ_AT_MOST, TIMEOUT, Guarded, no_answer_words, retry_after, trust, url_problem

KEPT_FOR: Final = 30.0
"""Seconds an idle connection is kept."""


def check_url(url: str, *, private: bool) -> str:
    """An address as a webhook may have it. Raises BadRequest (``webhook_url``).

    ``private`` allows http and addresses of this machine and network.
    """
    problem = url_problem(url, private=private)
    if problem is not None:
        raise BadRequest(problem, code="webhook_url", hint="For example https://shop.example/unisono")
    return url.strip()


_HUNG_UP = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)
"""A kept connection that the receiver had closed meanwhile: a new one is worth a second try at once."""


class Sender:
    """Sends messages to one endpoint over connections of its own, so many at once."""

    def __init__(self, *, private: bool, width: int, context: ssl.SSLContext | None = None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context or trust(),
            max_connections=width,
            max_keepalive_connections=width,
            keepalive_expiry=KEPT_FOR,
            network_backend=Guarded(private=private),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._pool.aclose()

    async def send(self, url: str, message_id: str, body: bytes, keys: tuple[str, ...], now: datetime) -> Answer:
        """One try; whatever comes of it is an answer."""
        headers = rules.headers(message_id, now, body, keys)
        began = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT):
                try:
                    status, retry = await self._post(url, headers, body)
                except _HUNG_UP:
                    status, retry = await self._post(url, headers, body)
        except NO_ANSWER as error:
            return Answer(None, no_answer_words(error, TIMEOUT), time.monotonic() - began)
        seconds = time.monotonic() - began
        if 200 <= status < 300:
            return Answer(status, None, seconds)
        return Answer(status, _refusal(status), seconds, retry_after(retry, now))

    async def _post(self, url: str, headers: Mapping[bytes | str, bytes | str], body: bytes) -> tuple[int, str | None]:
        async with self._pool.stream("POST", url, headers=headers, content=body) as response:
            read = 0
            async for chunk in response.aiter_stream():
                read += len(chunk)
                if read > READ_AT_MOST:
                    break
            return response.status, _header(response.headers, b"retry-after")


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"Answered {status}: redirects are not followed."
    return f"Answered {status}."
