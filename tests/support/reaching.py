"""Messages and accounts for tests of adapters, and providers' counterparts on real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from unisono.demo.counterparts.http import Server, serving
from unisono.demo.counterparts.model import Mode, Provider
from unisono.engagement.channels.model import Account, Adapter, Hook, HookAnswer, Outgoing, Secrets, Sender, Sent
from unisono.kit.clock import system_clock
from unisono.kit.http import Http


def outgoing(**more: Any) -> Outgoing:
    """A message of two words to nobody in particular."""
    reference = uuid4().hex
    given: dict[str, Any] = {
        "message_id": 1,
        "key": f"test:{reference}",
        "reference": reference,
        "channel": "other",
        "address": "1",
        "text": "Hello there",
    }
    return Outgoing(**(given | more))


def account(adapter: Adapter, settings: dict[str, Any], secrets: dict[str, str] | None = None) -> Account:
    """An account of a kind, checked as one that is stored; private addresses are allowed."""
    made = Account(
        id=7,
        code="test",
        kind=adapter.kind,
        channel=adapter.channels[0],
        settings=settings,
        secrets=Secrets({**adapter.new_secrets(), **(secrets or {})}),
    )
    adapter.check(made, private=True)
    return made


def hook(body: Any, headers: dict[str, str] | None = None, *, method: str = "POST", query: str = "") -> Hook:
    """A call of a provider; ``body`` bytes as they are, anything else as JSON."""
    pairs = tuple((part.partition("=")[0], part.partition("=")[2]) for part in query.split("&") if part)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Hook(method=method, url="https://shop.example/hooks/test", query=pairs, headers=headers or {}, body=raw)


class Wire:
    """Counterparts, a client that may reach them, and senders that are closed at the end."""

    def __init__(self, server: Server, http: Http) -> None:
        self.server = server
        self.http = http
        self._senders: list[Sender] = []

    def url(self, provider: Provider) -> str:
        """A provider's base address."""
        return self.server.url(provider.name)

    def count(self, provider: Provider, reference: str) -> int:
        """How often a provider took a message."""
        return self.server.book.of(provider.name)[reference]

    def total(self, provider: Provider) -> int:
        """How many messages a provider took."""
        return self.server.book.of(provider.name).total()

    def content(self, provider: Provider) -> dict[str, Any]:
        """What it took last."""
        return dict(next(one.content for one in reversed(self.server.book.recent) if one.provider == provider.name))

    def fails(self, provider: Provider, **how: Any) -> None:
        """The next request to a provider fails so."""
        self.server.book.told(Mode(provider=provider.name, times=1, **how))

    async def send(self, adapter: Adapter, made: Account, message: Outgoing) -> Sent:
        """One message by a sender of its own."""
        sender = await adapter.open(made, self.http)
        self._senders.append(sender)
        return await sender.send(None, message)

    async def heard(self, adapter: Adapter, made: Account, call: Hook) -> HookAnswer:
        """What an adapter reads of a provider's call."""
        return await adapter.parse_hook(made, call, self.http, now=system_clock())

    async def close(self) -> None:
        """Close all."""
        for sender in self._senders:
            await sender.close()
        await self.http.close()


@asynccontextmanager
async def wire(providers: Iterable[Provider]) -> AsyncIterator[Wire]:
    """Counterparts of these providers."""
    async with serving(providers) as server:
        opened = Wire(server, Http(private=True))
        try:
            yield opened
        finally:
            await opened.close()
