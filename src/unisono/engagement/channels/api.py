"""Channel accounts over the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.customers.web import write
from unisono.engagement.channels import accounts
from unisono.engagement.channels.model import Account, Capabilities, Sent, Status, WarmUp
from unisono.engagement.channels.registry import ADAPTERS, adapter_of
from unisono.kit.database import Connection, connection
from unisono.kit.http import Http
from unisono.kit.web import PROBLEMS

AnyRequest: TypeAlias = Request[Any, Any, Any]

TOLD = timedelta(days=7)
"""How far back a single account tells what its provider said."""


class KindView(msgspec.Struct, frozen=True):
    """A kind of account there can be."""

    kind: str
    title: str
    channels: list[str]
    settings: dict[str, Any]
    """JSON Schema of its settings."""
    secrets: list[str]
    """Names of its secrets."""
    capabilities: Capabilities
    local: bool
    """It ends in our own tables: nothing to connect."""


class ToldView(msgspec.Struct, frozen=True):
    """What a provider told in the last seven days, by kind."""

    kind: str
    number: int
    last_at: datetime


class ChannelAccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account with a provider. Of its secrets the names alone are shown."""

    id: int
    code: str
    kind: str
    channel: str
    name: str
    status: Status
    rank: int
    """The active account of the lowest rank is used."""
    settings: dict[str, Any]
    secrets: list[str]
    """Those that are set."""
    per_second: float
    warm_up: WarmUp | None
    cost_minor: int
    currency: str | None
    hook_url: str | None
    """The address to give to the provider; empty while UNISONO_PUBLIC_URL is not set."""
    failures: int
    closed_until: datetime | None
    last_error: str | None
    sealed: bool
    """Its secrets were encrypted with another key: give them again."""
    told: list[ToldView] | None = None


class NewChannelAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An account to be made."""

    code: str
    kind: str
    channel: str
    name: str
    status: Status = "active"
    rank: int = 100
    settings: dict[str, Any] = {}
    secrets: dict[str, str | None] = {}
    per_second: float = 10.0
    warm_up: WarmUp | None = None
    cost_minor: int = 0
    currency: str | None = None


class ChannelAccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What changes; what is not named stays. Settings are replaced whole, secrets one by one; null removes."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    status: Status | msgspec.UnsetType = msgspec.UNSET
    rank: int | msgspec.UnsetType = msgspec.UNSET
    settings: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    secrets: dict[str, str | None] | msgspec.UnsetType = msgspec.UNSET
    per_second: float | msgspec.UnsetType = msgspec.UNSET
    warm_up: WarmUp | msgspec.UnsetType | None = msgspec.UNSET
    cost_minor: int | msgspec.UnsetType = msgspec.UNSET
    currency: str | msgspec.UnsetType | None = msgspec.UNSET


class Tried(msgspec.Struct, frozen=True):
    """What trying a connection came to."""

    works: bool
    code: str | None
    detail: str | None


def _view(account: Account, told: list[accounts.Told] | None = None) -> ChannelAccountView:
    return ChannelAccountView(
        id=account.id,
        code=account.code,
        kind=account.kind,
        channel=account.channel,
        name=account.name,
        status=account.status,
        rank=account.rank,
        settings=dict(account.settings),
        secrets=sorted(account.secrets),
        per_second=account.per_second,
        warm_up=account.warm_up,
        cost_minor=account.cost_minor,
        currency=account.currency,
        hook_url=account.hook_url,
        failures=account.failures,
        closed_until=account.closed_until,
        last_error=account.last_error,
        sealed=account.sealed,
        told=[ToldView(one.kind, one.number, one.last_at) for one in told] if told is not None else None,
    )


def kinds() -> list[KindView]:
    """The kinds of accounts there can be, with what each asks."""
    return [
        KindView(
            kind=adapter.kind,
            title=adapter.title,
            channels=list(adapter.channels),
            settings=msgspec.json.schema(adapter.Settings),
            secrets=list(adapter.secret_names),
            capabilities=adapter.capabilities,
            local=adapter.local,
        )
        for adapter in ADAPTERS.values()
    ]


def _private(request: AnyRequest) -> bool:
    return bool(request.app.state.settings.provider_private_addresses)


async def _audit(request: AnyRequest, conn: Connection, deed: str, account: Account) -> None:
    detail = {"account": account.code, "kind": account.kind, "status": account.status}
    await audit.record(conn, actor=caller(request).actor, action=f"channel.{deed}", detail=detail)


@get(
    "/api/channels",
    guards=[requires("channels:manage")],
    tags=["Channels"],
    responses=PROBLEMS,
    summary="Channel accounts",
)
async def list_channel_accounts(request: AnyRequest) -> list[ChannelAccountView]:
    """All accounts, by channel and rank."""
    state = request.app.state
    async with connection(state.pool) as conn:
        found = await accounts.accounts(conn, state.secret, base_url=state.settings.public_url)
    return [_view(one) for one in found]


@get(
    "/api/channels/kinds",
    guards=[requires("channels:manage")],
    tags=["Channels"],
    responses=PROBLEMS,
    summary="Kinds of channel accounts",
    sync_to_thread=False,
)
def list_channel_kinds() -> list[KindView]:
    """What can be connected, and what each kind asks."""
    return kinds()


@get(
    "/api/channels/{code:str}",
    guards=[requires("channels:manage")],
    tags=["Channels"],
    responses=PROBLEMS,
    summary="One channel account",
)
async def read_channel_account(request: AnyRequest, code: FromPath[str]) -> ChannelAccountView:
    """One account, and what its provider told in the last seven days."""
    state = request.app.state
    async with connection(state.pool) as conn:
        found = await accounts.account(conn, state.secret, code, base_url=state.settings.public_url)
        return _view(found, await accounts.told_since(conn, found.id, now_of(request) - TOLD))


@post(
    "/api/channels",
    guards=[requires("channels:manage")],
    tags=["Channels"],
    responses=PROBLEMS,
    summary="Make a channel account",
)
async def create_channel_account(
    request: AnyRequest, data: JSONBody[NewChannelAccount]
) -> Response[ChannelAccountView]:
    """Make an account; its secrets are stored encrypted and never shown again. Takes an Idempotency-Key."""
    draft = accounts.Draft(**msgspec.structs.asdict(data))

    async def act(conn: Connection) -> ChannelAccountView:
        state = request.app.state
        made = await accounts.create(
            conn, state.secret, draft, private=_private(request), actor=caller(request).actor, now=now_of(request)
        )
        await _audit(request, conn, "create", made)
        return _view(await accounts.account(conn, state.secret, made.code, base_url=state.settings.public_url))

    return await write(request, act, status=201)


@patch(
    "/api/channels/{code:str}",
    guards=[requires("channels:manage")],
    tags=["Channels"],
    responses=PROBLEMS,
    summary="Change a channel account",
)
async def change_channel_account(
    request: AnyRequest, code: FromPath[str], data: JSONBody[ChannelAccountChange]
) -> Response[ChannelAccountView]:
    """Change an account, pause it, disable it or let it go on. Takes an Idempotency-Key."""
    named = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}

    async def act(conn: Connection) -> ChannelAccountView:
        state = request.app.state
        changed = await accounts.change(conn, state.secret, code, named, private=_private(request), now=now_of(request))
        await _audit(request, conn, "change", changed)
        return _view(await accounts.account(conn, state.secret, code, base_url=state.settings.public_url))

    return await write(request, act)


@post(
    "/api/channels/{code:str}/test",
    guards=[requires("channels:manage")],
    tags=["Channels"],
    responses=PROBLEMS,
    status_code=200,
    summary="Try a channel account",
)
async def test_channel_account(request: AnyRequest, code: FromPath[str]) -> Tried:
    """Connect and sign in, without sending anything to anybody."""
    state = request.app.state
    async with connection(state.pool) as conn:
        found = await accounts.account(conn, state.secret, code, base_url=state.settings.public_url)
    http = Http(private=_private(request), width=1)
    try:
        sent: Sent = await adapter_of(found.kind).probe(found, http)
    finally:
        await http.close()
    return Tried(sent.outcome == "accepted", sent.code, sent.detail)


routes: list[ControllerRouterHandler] = [
    list_channel_accounts,
    list_channel_kinds,
    read_channel_account,
    create_channel_account,
    change_channel_account,
    test_channel_account,
]
