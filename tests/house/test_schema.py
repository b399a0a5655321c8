"""``schema/rooms`` is the database that the migrations make, to the last comment and default row."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.support.database import address
from unisono.schema import present_schema

FACTS = {
    "columns": """
        select c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               coalesce(pg_get_expr(d.adbin, d.adrelid), ''), coalesce(l.collname, ''),
               coalesce(col_description(c.oid, a.attnum), '')
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        left join pg_collation l on l.oid = a.attcollation
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0
          and not a.attisdropped""",
    "relations": """
        select relname, relkind::text, coalesce(reloptions::text, ''), coalesce(obj_description(oid, 'pg_class'), '')
        from pg_class where relnamespace = 'public'::regnamespace""",
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace""",
    "indexes": "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'",
    "sequences": "select sequencename, data_type::text, start_value, increment_by from pg_sequences",
    "functions": """
        select proname, pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace""",
    "triggers": "select tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
    "views": "select viewname, definition from pg_views where schemaname = 'public'",
    "extensions": "select extname from pg_extension",
}
"""What makes two databases the same."""

BOOKKEEPING = "schema_migration"
"""The runner's own table: it is not part of the schema."""


@pytest.fixture
async def from_schema(server_dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A database made by ``schema/rooms`` alone."""
    name = f"schema_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(server_dsn)
    await admin.execute(f'create database "{name}"')
    conn = await asyncpg.connect(address(server_dsn, name))
    await conn.execute(present_schema())
    yield conn
    await conn.close()
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


async def facts_of(conn: asyncpg.Connection[asyncpg.Record]) -> dict[str, set[tuple[object, ...]]]:
    """The catalogue's facts, without the runner's own table."""
    return {
        name: {tuple(row) for row in await conn.fetch(query) if not str(row[0]).startswith(BOOKKEEPING)}
        for name, query in FACTS.items()
    }


async def contents_of(conn: asyncpg.Connection[asyncpg.Record]) -> dict[str, list[str]]:
    """The rows a new database begins with, as JSON without the time they were written."""
    tables = [row[0] for row in await conn.fetch("select tablename from pg_tables where schemaname = 'public'")]
    return {
        table: [
            row[0]
            for row in await conn.fetch(f"select (to_jsonb(t) - 'created_at')::text from \"{table}\" t order by 1")
        ]
        for table in sorted(tables)
        if table != BOOKKEEPING
    }


async def test_the_schema_and_the_migrations_make_the_same_database(
    from_schema: asyncpg.Connection[asyncpg.Record], dsn: str
) -> None:
    """Tables, columns, constraints, indexes, options, comments: read from both catalogues."""
    migrated = await asyncpg.connect(dsn)
    wanted, found = await facts_of(from_schema), await facts_of(migrated)
    for name in FACTS:
        assert found[name] ^ wanted[name] == set(), name
    assert wanted["columns"]
    await migrated.close()


async def test_both_begin_with_the_same_rows(from_schema: asyncpg.Connection[asyncpg.Record], dsn: str) -> None:
    """Namespaces, blocked values and the source of our own events."""
    migrated = await asyncpg.connect(dsn)
    wanted = await contents_of(from_schema)
    assert await contents_of(migrated) == wanted
    assert wanted["namespace"]
    await migrated.close()


async def test_no_extension_is_needed(from_schema: asyncpg.Connection[asyncpg.Record]) -> None:
    """Any PostgreSQL will do, the embedded one without its contributed modules among them."""
    assert (await facts_of(from_schema))["extensions"] == {("plpgsql",)}
