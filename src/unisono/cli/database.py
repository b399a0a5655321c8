"""The database of a command: the one given, the embedded one that runs, or a new one that ends with us."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from unisono.kit.database import Pool, open_pool
from unisono.kit.embedded import ensure_server
from unisono.kit.errors import Unavailable
from unisono.kit.migrations import migrate
from unisono.kit.settings import Settings


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The address of the database; an embedded server started here is stopped at the end."""
    if settings.database_url:
        yield settings.database_url
        return
    with ensure_server(settings.data_dir) as server:
        yield server.dsn


@asynccontextmanager
async def opened(dsn: str, size: int) -> AsyncIterator[Pool]:
    """Connections to the database, brought to this version. Raises SchemaError, Unavailable."""
    await migrated(dsn)
    pool = await open_pool(dsn, size)
    try:
        yield pool
    finally:
        await pool.close()


async def migrated(dsn: str) -> list[str]:
    """Bring the database to this version; returns the migrations that ran. Raises SchemaError, Unavailable."""
    try:
        conn = await asyncpg.connect(dsn, timeout=10)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise Unavailable(f"The database cannot be reached: {error}.", hint="Try: unisono doctor") from error
    try:
        return await migrate(conn)
    finally:
        await conn.close()
