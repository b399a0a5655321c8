"""Idempotency: a write sent twice with the same ``Idempotency-Key`` is done once and answered twice the same.

The first answer is stored in the transaction of the write itself, so a crash leaves both or neither.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import msgspec
import structlog
from litestar import MediaType, Request, Response

from unisono.access.guards import caller
from unisono.kit.database import TRANSIENT, Connection, Pool, transaction
from unisono.kit.errors import BadRequest, Conflict
from unisono.kit.sql import load

log = structlog.get_logger("unisono.access")

_sql = load("unisono.access")

MAX_KEY = 255

TRIES = 5
"""Times a transaction that lost a race is run before its error goes to the caller."""

T = TypeVar("T")

Action = Callable[[Connection], Awaitable[T]]
"""What is done in the transaction; its result is the answer."""


async def run_once(request: Request[Any, Any, Any], action: Action[T], *, status: int = 200) -> Response[T]:
    """Run ``action`` in one transaction and answer with what it returns, as JSON: ``T`` to those who read the API's
    description, while the response itself carries the bytes, encoded once and kept so.

    With an ``Idempotency-Key`` header the first answer is kept and given again to every repetition. Raises Conflict
    (``idempotency_key_reused``) when the key came before with another request, BadRequest for a key over 255
    characters, and whatever ``action`` raises (an error is not kept: the request may be sent again). ``action`` may run
    more than once when its transaction loses a race: what it does outside of it must bear that.
    """
    pool: Pool = request.app.state.pool
    key = request.headers.get("idempotency-key")
    if key is not None and (not key or len(key) > MAX_KEY):
        raise BadRequest(f"An Idempotency-Key has 1 to {MAX_KEY} characters.", code="bad_idempotency_key")
    digest = await _digest(request)
    for attempt in range(TRIES):
        try:
            async with transaction(pool) as conn:
                answer = await _answered(conn, request, action, key, digest, status)
        except TRANSIENT as error:
            if attempt == TRIES - 1:
                raise
            log.info("idempotency.lost_race", path=request.scope["path"], error=type(error).__name__)
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        else:
            break
    return cast("Response[T]", answer)


async def _digest(request: Request[Any, Any, Any]) -> bytes:
    """What makes it the same request: also for whom it is made, and the query."""
    return hashlib.sha256(
        b"\n".join(
            [
                request.method.encode(),
                request.scope["path"].encode(),
                request.scope["query_string"],
                request.headers.get("x-customer", "").encode("utf-8", "surrogatepass"),
                await request.body(),
            ]
        )
    ).digest()


async def _answered(
    conn: Connection, request: Request[Any, Any, Any], action: Action[T], key: str | None, digest: bytes, status: int
) -> Response[bytes]:
    if key is None:
        return Response(msgspec.json.encode(await action(conn)), media_type=MediaType.JSON, status_code=status)
    scope = caller(request).actor
    # Two requests with one key at once: the second waits here and then finds the answer of the first.
    await _sql.lock_idempotency(conn, scope=scope, key=key)
    known = await _sql.find_idempotency(conn, scope=scope, key=key)
    if known is not None:
        if known["request_hash"] != digest:
            raise Conflict(
                "This Idempotency-Key was used for another request.",
                code="idempotency_key_reused",
                hint="Make a new key for each new request.",
            )
        return Response(
            bytes(known["body"]),
            media_type=known["content_type"],
            status_code=known["status"],
            headers={"idempotent-replayed": "true"},
        )
    body = msgspec.json.encode(await action(conn))
    await _sql.keep_idempotency(
        conn,
        scope=scope,
        key=key,
        request_hash=digest,
        status=status,
        body=body,
        content_type="application/json",
    )
    return Response(body, media_type=MediaType.JSON, status_code=status)


async def once(
    conn: Connection, *, scope: str, key: str, digest: bytes, act: Callable[[Connection], Awaitable[bytes]]
) -> bytes:
    """What ``act`` answers (JSON), or what it answered when it was done before under this key: for forms, inside the
    caller's transaction. Raises Conflict (``idempotency_key_reused``), and whatever ``act`` raises.
    """
    await _sql.lock_idempotency(conn, scope=scope, key=key)
    known = await _sql.find_idempotency(conn, scope=scope, key=key)
    if known is not None:
        if known["request_hash"] != digest:
            raise Conflict("This form was sent with something else in it.", code="idempotency_key_reused")
        return bytes(known["body"])
    body = await act(conn)
    await _sql.keep_idempotency(
        conn,
        scope=scope,
        key=key,
        request_hash=digest,
        status=200,
        body=body,
        content_type="application/json",
    )
    return body
