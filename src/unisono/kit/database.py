"""The database pool and the one transaction a request is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from unisono.kit.errors import Unavailable

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
"""What asyncpg raises when the server is gone, starting or was killed under us."""

TRANSIENT = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,
    asyncpg.ForeignKeyViolationError,
)
"""What a second try of the same transaction can cure: it lost a race."""

RETRY_AFTER = 2
"""Seconds a client is told to wait when the database is away: the embedded server restarts in about one."""


def raise_if_cancelled() -> None:
    """Raise CancelledError when the task was told to end.

    A connection that dies while its task is cancelled raises what killed it in place of the cancellation: whoever goes
    on after `AWAY` asks here first, else it goes on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def open_pool(dsn: str, size: int = 10, *, statement_timeout: int = 60) -> Pool:
    """Open a pool of at most ``size`` connections; ``statement_timeout`` is in seconds."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        max_inactive_connection_lifetime=120,
        command_timeout=statement_timeout,
        server_settings={"application_name": "unisono", "timezone": "UTC"},
    )


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction on a connection of the pool.

    Raises Unavailable when the server cannot be reached or goes away before the commit.
    """
    try:
        async with pool.acquire(timeout=10) as connection, connection.transaction():
            yield connection
    except (TimeoutError, *AWAY) as error:
        raise_if_cancelled()
        raise Unavailable("The database cannot be reached.", retry_after=RETRY_AFTER) from error


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """A connection for reading, without a transaction around it.

    Raises Unavailable when the server cannot be reached.
    """
    try:
        async with pool.acquire(timeout=10) as conn:
            yield conn
    except (TimeoutError, *AWAY) as error:
        raise_if_cancelled()
        raise Unavailable("The database cannot be reached.", retry_after=RETRY_AFTER) from error
