"""Where providers tell us things: ``/hooks/{account}``, one address an account.

The raw bytes are verified before anything is read of them. Each thing told counts once (`provider_call`), and what
follows from it is written in the same transaction; who could not be answered 2xx tells it again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

import msgspec
import structlog
from litestar import HttpMethod, Request, Response, route
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import now_of
from unisono.customers.identity.graph import RulesChanged
from unisono.customers.web import unit
from unisono.engagement.channels import accounts, inbound
from unisono.engagement.channels.model import Account, Hook, HookAnswer, ProviderEvent
from unisono.engagement.channels.registry import adapter_of
from unisono.kit import tokens
from unisono.kit.database import TRANSIENT, Connection, Pool, connection
from unisono.kit.errors import UnisonoError
from unisono.kit.http import Http
from unisono.kit.secret import Secret
from unisono.kit.sql import load
from unisono.kit.web import PROBLEMS

log = structlog.get_logger("unisono.channels")

_sql = load("unisono.engagement.channels")

AnyRequest: TypeAlias = Request[Any, Any, Any]


class Events(Protocol):
    """What is done with what became of messages, in the transaction that takes the call."""

    async def __call__(self, conn: Connection, events: Sequence[ProviderEvent], /, *, now: datetime) -> Any:
        """Take them in."""


MAX_BODY: Final = 5 * 1024 * 1024
"""Bytes of a call: a bounce mail may bring the whole message back."""

REFERENCE: Final = "message"
"""The kind of the tokens that name messages to providers."""

TRIES: Final = 6


def reference_of(secret: Secret, message_id: int) -> str:
    """What names a message to providers: `Outgoing.reference`."""
    return tokens.sign(secret, REFERENCE, (message_id,))


def message_of(secret: Secret, reference: str | None) -> int | None:
    """The message a reference names; None for everything that is not our own."""
    if reference is None:
        return None
    try:
        return tokens.read(secret, REFERENCE, reference)[0]
    except (tokens.UnknownToken, IndexError):
        return None


async def take(
    conn: Connection,
    secret: Secret,
    account: Account,
    events: Sequence[ProviderEvent],
    on_events: Events,
    *,
    now: datetime,
) -> int:
    """Take what a provider tells, inside the caller's transaction; returns how much of it was new.

    Raises what `inbound.take` and ``on_events`` raise.
    """
    named = {event.delivery_id[:300]: event for event in events}
    rows = await _sql.take_calls(
        conn,
        account_id=account.id,
        delivery_ids=list(named),
        kinds=[event.kind for event in named.values()],
        outcome="taken",
        now=now,
    )
    new = {row["delivery_id"] for row in rows}
    fresh = [
        msgspec.structs.replace(event, message_id=message_of(secret, event.reference))
        for name, event in named.items()
        if name in new
    ]
    said = [event for event in fresh if event.kind in inbound.OURS]
    became = [event for event in fresh if event.kind not in inbound.OURS]
    if said:
        await inbound.take(conn, secret, account, said, now=now)
    if became:
        await on_events(conn, became, now=now)
    return len(new)


def routes_with(on_events: Events) -> list[ControllerRouterHandler]:
    """The route of all providers, with what is done about messages: delivery is a room above this one."""

    @route(
        "/hooks/{code:str}",
        http_method=[HttpMethod.GET, HttpMethod.POST],
        status_code=200,
        tags=["Channels"],
        responses=PROBLEMS,
        summary="What a provider tells",
        request_max_body_size=MAX_BODY,
    )
    async def provider_hook(request: AnyRequest, code: FromPath[str]) -> Response[bytes]:
        """Called by the provider of a channel account, in its own format and signed its own way."""
        secret: Secret = request.app.state.secret
        settings = request.app.state.settings
        async with connection(request.app.state.pool) as conn:
            account = await accounts.account(conn, secret, code, base_url=settings.public_url)
        if account.status == "disabled":
            raise accounts.AccountNotFound(f"There is no channel account {code[:63]!r}.")
        answer = await _read(request, account, private=settings.provider_private_addresses)
        if answer.events:
            await _take(request.app.state.pool, secret, account, answer.events, on_events, now_of(request))
        return Response(answer.body, status_code=answer.status, media_type=answer.media_type)

    return [provider_hook]


async def _read(request: AnyRequest, account: Account, *, private: bool) -> HookAnswer:
    """Raises BadSignature, HookUnreadable."""
    query = request.scope["query_string"].decode("latin-1")
    url = account.hook_url or str(request.url).partition("?")[0]
    hook = Hook(
        method=request.method,
        url=f"{url}?{query}" if query else url,
        query=tuple(request.query_params.multi_items()),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.scope["headers"]},
        body=await request.body(),
    )
    http = Http(private=private, width=2)
    try:
        return await adapter_of(account.kind).parse_hook(account, hook, http, now=now_of(request))
    except UnisonoError as error:
        log.warning("channels.hook_refused", account=account.code, code=error.code, detail=error.detail)
        raise
    finally:
        await http.close()


async def _take(
    pool: Pool, secret: Secret, account: Account, events: Sequence[ProviderEvent], on_events: Events, now: datetime
) -> None:
    for attempt in range(TRIES):
        try:
            async with unit(pool) as conn:
                await take(conn, secret, account, events, on_events, now=now)
        except (*TRANSIENT, RulesChanged) as error:
            if attempt == TRIES - 1:
                raise
            log.info("channels.lost_race", account=account.code, error=type(error).__name__)
            await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))
        else:
            return
