"""Forward-only migrations, plain SQL files under ``unisono/schema/migrations``.

``schema/rooms`` is the whole schema as it should be now; a test holds that running all migrations on an
empty database gives the same one.
"""

from __future__ import annotations

import contextlib
from importlib import resources

import asyncpg

from unisono.kit.database import Connection
from unisono.kit.errors import UnisonoError

_LOCK = 7_104_519_203
"""Advisory lock that lets one process migrate while others wait."""

OLDEST_SERVER = 150_000


class SchemaError(UnisonoError):
    """The database cannot be used with this version of Unisono."""

    code = "schema"
    title = "The database does not fit this version"


def all_migrations() -> list[tuple[str, str]]:
    """Every migration as (name, SQL), in order."""
    folder = resources.files("unisono.schema") / "migrations"
    files = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(name.removesuffix(".sql"), (folder / name).read_text("utf-8")) for name in files]


async def migrate(conn: Connection) -> list[str]:
    """Bring the database to this version; returns the names that were run.

    Raises SchemaError when the server is older than 15 or the database is newer than this program.
    """
    version = int(await conn.fetchval("show server_version_num"))
    if version < OLDEST_SERVER:
        raise SchemaError(
            f"PostgreSQL {version // 10000} is too old.",
            hint="Use PostgreSQL 15 or newer, or the embedded one.",
        )
    await conn.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        await conn.execute(
            "create table if not exists schema_migration"
            " (name text primary key, applied_at timestamptz not null default now())"
        )
        done = {row["name"] for row in await conn.fetch("select name from schema_migration")}
        known = all_migrations()
        unknown = done - {name for name, _ in known}
        if unknown:
            raise SchemaError(
                f"The database was migrated by a newer version: {', '.join(sorted(unknown))}.",
                hint="Install that version of Unisono again, or restore a backup made before the upgrade.",
            )
        ran = []
        for name, statements in known:
            if name in done:
                continue
            async with conn.transaction():
                await conn.execute("set local lock_timeout = '10s'")
                await conn.execute(statements)
                await conn.execute("insert into schema_migration (name) values ($1)", name)
            ran.append(name)
        return ran
    finally:
        # When the connection is gone, the lock went with it.
        with contextlib.suppress(asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
            await conn.execute("select pg_advisory_unlock($1)", _LOCK)
