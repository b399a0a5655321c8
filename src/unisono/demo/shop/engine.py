"""The engine as the shop sees it: its public HTTP API, with a customer's token, a secret key or the till's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import msgspec

from unisono.demo.shop.keys import ShopKeys
from unisono.demo.shop.visitors import Visitor

TIMEOUT: Final = httpx.Timeout(15.0)
LISTENING: Final = httpx.Timeout(15.0, read=None)
RENEW_BEFORE: Final = timedelta(minutes=1)
"""A token is asked for anew so long before it ends; it lasts 15 minutes at most."""
MOST_TOKENS: Final = 2000

OPEN_KINDS: Final = ("product", "price", "offer", "stock", "slot")
"""What a visitor who is nobody yet hears of."""


class Refused(Exception):
    """The engine said no, or nothing. ``code`` is its stable name of why, ``detail`` and ``hint`` its words."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("detail") or problem.get("title") or f"status {status}")
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code", "unknown"))
        self.detail = str(problem.get("detail") or problem.get("title") or "")
        self.hint = problem.get("hint")


class Token(msgspec.Struct, frozen=True):
    """A customer's token and when it ends."""

    token: str
    expires_at: datetime


class Engine:
    """Calls of the channel API; safe for concurrent use."""

    def __init__(self, address: str, keys: ShopKeys) -> None:
        self.keys = keys
        self._client = httpx.AsyncClient(base_url=address, timeout=TIMEOUT)
        # Each listening page holds a connection: they must not use up those of the calls.
        self._listening = httpx.AsyncClient(
            base_url=address, timeout=LISTENING, limits=httpx.Limits(max_connections=None)
        )
        self._tokens: dict[tuple[str, tuple[tuple[str, str], ...]], Token] = {}

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()
        await self._listening.aclose()

    async def call(
        self,
        method: str,
        path: str,
        visitor: Visitor,
        body: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:
        """The answer as JSON. ``key`` is the Idempotency-Key: what is sent twice with it is done once.

        Raises Refused, with status 503 when nobody answers.
        """
        answer = await self._send(method, path, visitor, body, params, key)
        return answer.json() if answer.content else None

    async def get(self, path: str, visitor: Visitor, **params: Any) -> Any:
        """Read something. Raises Refused."""
        return await self.call(
            "GET", path, visitor, params={name: value for name, value in params.items() if value is not None}
        )

    async def paper(self, path: str, visitor: Visitor) -> httpx.Response:
        """A document as it is. Raises Refused."""
        return await self._send("GET", path, visitor, None, None, None)

    async def _send(
        self,
        method: str,
        path: str,
        visitor: Visitor,
        body: Any,
        params: Mapping[str, Any] | None,
        key: str | None,
    ) -> httpx.Response:
        for fresh in (False, True):
            headers = await self._headers(visitor, fresh=fresh)
            if key:
                headers["idempotency-key"] = key
            try:
                answer = await self._client.request(method, path, json=body, params=params, headers=headers)
            except httpx.HTTPError as error:
                raise Refused(503, {"code": "engine_away", "detail": str(error)}) from error
            # A token the engine no longer knows is asked for anew, once.
            if answer.status_code != 401 or visitor.channel == "store" or not visitor.identifiers:
                break
        if answer.is_success:
            return answer
        raise Refused(answer.status_code, _problem(answer))

    async def listen(
        self, visitor: Visitor, after: str | None, params: Mapping[str, Any] | None = None
    ) -> AsyncIterator[bytes]:
        """What changes for a visitor, as the engine's own server-sent events, until his token ends.

        The browser then asks again, with the last position it has seen. Raises Refused.
        """
        headers = await self._headers(visitor)
        if after:
            headers["last-event-id"] = after
        anybody = visitor.channel != "store" and not visitor.identifiers
        wanted = dict(params or {}) | ({"kind": list(OPEN_KINDS)} if anybody else {})
        try:
            async with self._listening.stream("GET", "/channel/stream", headers=headers, params=wanted) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise Refused(answer.status_code, _problem(answer))
                async for chunk in answer.aiter_bytes():
                    yield chunk
        except httpx.HTTPError:
            # The browser comes back after its pause.
            return

    async def _headers(self, visitor: Visitor, *, fresh: bool = False) -> dict[str, str]:
        headers = {"accept-language": visitor.language}
        if visitor.channel == "store":
            headers["authorization"] = f"Bearer {self.keys.till}"
            if visitor.customer:
                headers["x-customer"] = visitor.customer
        elif visitor.identifiers:
            headers["authorization"] = f"Bearer {await self._token(visitor, fresh=fresh)}"
        else:
            headers["authorization"] = f"Bearer {self._secret(visitor)}"
            headers["x-channel"] = visitor.channel
        return headers

    def _secret(self, visitor: Visitor) -> str:
        return self.keys.app if visitor.channel == "app" else self.keys.web

    async def _token(self, visitor: Visitor, *, fresh: bool) -> str:
        """The visitor's token, renewed before it ends. Raises Refused."""
        now = datetime.now(UTC)
        name = (visitor.channel, tuple(sorted(visitor.identifiers.items())))
        held = self._tokens.get(name)
        if held is not None and not fresh and held.expires_at - now > RENEW_BEFORE:
            return held.token
        asked = {"identifiers": visitor.identifiers, "channel": visitor.channel}
        try:
            answer = await self._client.post(
                "/channel/sessions", json=asked, headers={"authorization": f"Bearer {self._secret(visitor)}"}
            )
        except httpx.HTTPError as error:
            raise Refused(503, {"code": "engine_away", "detail": str(error)}) from error
        if not answer.is_success:
            raise Refused(answer.status_code, _problem(answer))
        if len(self._tokens) >= MOST_TOKENS:
            self._tokens = {one: token for one, token in self._tokens.items() if token.expires_at > now}
        made = msgspec.json.decode(answer.content, type=Token)
        self._tokens[name] = made
        return made.token


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {"detail": answer.text[:300]}
    return found if isinstance(found, dict) else {}
