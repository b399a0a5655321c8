"""A running engine over HTTP, with nothing but the standard library: what a till's few lines of code would do."""

from __future__ import annotations

import asyncio
import http.client
import time
import uuid
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from unisono.kit.errors import Unavailable

TIMEOUT: Final = 15.0
"""Seconds one answer may take."""


class Answer(msgspec.Struct, frozen=True):
    """What came back, and how long it took."""

    status: int
    body: bytes
    milliseconds: float

    @property
    def json(self) -> Any:
        """The body read as JSON; None when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None


class Engine:
    """One address and the calls the scenes make."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._secure = parts.scheme == "https"
        self._host = parts.netloc
        self._prefix = parts.path.rstrip("/")

    async def post(self, path: str, key: str, body: object, **headers: str) -> Answer:
        """POST JSON with a key. Raises Unavailable when nobody answers."""
        return await asyncio.to_thread(self._send, "POST", path, key, msgspec.json.encode(body), headers)

    async def get(self, path: str, key: str) -> Answer:
        """GET with a key. Raises Unavailable when nobody answers."""
        return await asyncio.to_thread(self._send, "GET", path, key, None, {})

    async def call(self, method: str, path: str, key: str, body: object = None, **headers: str) -> Answer:
        """Any call with a key or a customer's token. Raises Unavailable when nobody answers."""
        content = None if body is None else msgspec.json.encode(body)
        return await asyncio.to_thread(self._send, method, path, key, content, headers)

    async def decide(self, path: str, key: str, body: object) -> Answer:
        """POST a decision that must be taken once: with an Idempotency-Key of its own."""
        return await self.post(path, key, body, **{"Idempotency-Key": str(uuid.uuid4())})

    async def person(self, identifier: str, key: str) -> Answer:
        """The profile of whoever has this identifier, ``namespace:value``."""
        return await self.get(f"/api/people?identifier={quote(identifier, safe='')}", key)

    def _send(self, method: str, path: str, key: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, timeout=TIMEOUT)
        given = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers}
        began = time.perf_counter()
        try:
            connection.request(method, self._prefix + path, body, given)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"Nobody answers at {self._host}: {error}.", hint="Start it: unisono serve") from error
        finally:
            connection.close()
        return Answer(response.status, content, (time.perf_counter() - began) * 1000)
