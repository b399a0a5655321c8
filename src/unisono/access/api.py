"""Sources and keys over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from unisono.access import audit, keys
from unisono.access.guards import caller, requires
from unisono.access.idempotency import run_once
from unisono.access.keys import KeyKind, KeyRing, NewKey, SourceKind
from unisono.kit.database import Connection, connection
from unisono.kit.web import PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]


class KeyInfo(msgspec.Struct, frozen=True):
    """A key without its secret; ``public_value`` is the whole key of a page or an app, which is public anyway."""

    id: int
    kind: KeyKind
    hint: str
    """Its last four characters."""
    public_value: str | None
    scopes: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    disabled_at: datetime | None


class SourceInfo(msgspec.Struct, frozen=True):
    """Where events come from, with its keys."""

    id: int
    name: str
    kind: SourceKind
    store_id: str | None
    till_id: str | None
    created_at: datetime
    keys: list[KeyInfo]


class SourceRequest(msgspec.Struct, frozen=True):
    """A source to make; tills name their store and till, servers the scopes of their key."""

    name: str
    kind: SourceKind
    store_id: str | None = None
    till_id: str | None = None
    scopes: list[str] = []


class KeyDisabled(msgspec.Struct, frozen=True):
    """The id of the key that works no more."""

    disabled: int


@get(
    "/api/sources",
    guards=[requires("sources:read")],
    tags=["Sources"],
    responses=PROBLEMS,
    summary="Sources and their keys",
)
async def list_sources(request: AnyRequest) -> list[SourceInfo]:
    """Every source with its keys."""
    async with connection(request.app.state.pool) as conn:
        found = await keys.list_sources(conn)
    return [msgspec.convert(source, SourceInfo) for source in found]


@post(
    "/api/sources",
    guards=[requires("sources:manage")],
    tags=["Sources"],
    responses=PROBLEMS,
    status_code=201,
    summary="Make a source",
)
async def create_source(request: AnyRequest, data: JSONBody[SourceRequest]) -> Response[NewKey]:
    """Make a source with its first key: the only answer that shows a secret. Takes an Idempotency-Key."""
    actor = caller(request).actor

    async def act(conn: Connection) -> NewKey:
        made = await keys.create_source(
            conn,
            name=data.name.replace("\x00", ""),
            kind=data.kind,
            actor=actor,
            store_id=data.store_id,
            till_id=data.till_id,
            scopes=frozenset(data.scopes),
        )
        await audit.record(conn, actor=actor, action="source.create", detail={"source": made.source_id})
        return made

    return await run_once(request, act, status=201)


@post(
    "/api/keys/{key_id:int}/rotate",
    guards=[requires("sources:manage")],
    tags=["Sources"],
    responses=PROBLEMS,
    status_code=201,
    summary="Make a key's successor",
)
async def rotate_key(request: AnyRequest, key_id: PathId) -> Response[NewKey]:
    """Make a successor; the old key works for a day more. Takes an Idempotency-Key."""
    actor = caller(request).actor

    async def act(conn: Connection) -> NewKey:
        made = await keys.rotate_key(conn, key_id, actor=actor)
        await audit.record(conn, actor=actor, action="key.rotate", detail={"key": key_id, "successor": made.id})
        return made

    return await run_once(request, act, status=201)


@delete(
    "/api/keys/{key_id:int}",
    guards=[requires("sources:manage")],
    tags=["Sources"],
    responses=PROBLEMS,
    status_code=200,
    summary="Stop a key",
)
async def disable_key(request: AnyRequest, key_id: PathId) -> Response[KeyDisabled]:
    """Stop a key at once; other processes notice within two seconds. Takes an Idempotency-Key."""
    actor = caller(request).actor
    ring: KeyRing = request.app.state.key_ring

    async def act(conn: Connection) -> KeyDisabled:
        await keys.disable_key(conn, key_id)
        await audit.record(conn, actor=actor, action="key.disable", detail={"key": key_id})
        return KeyDisabled(key_id)

    answer = await run_once(request, act)
    ring.forget()
    return answer


routes: list[ControllerRouterHandler] = [list_sources, create_source, rotate_key, disable_key]
