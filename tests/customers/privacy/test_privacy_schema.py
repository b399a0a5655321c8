"""Every table and column that can hold something about people is somebody's part, or listed with a reason."""

from __future__ import annotations

import asyncpg
import pytest

from unisono.customers.privacy import mentions
from unisono.customers.privacy.erasing import locked, tables_of
from unisono.kit.personal import Table
from unisono.personal import PARTS

TELLING = ("text", "jsonb", "bytea", "text[]", "character varying", "json")
BOOKKEEPING = {"schema_migration"}


@pytest.fixture
async def columns(template_dsn: str) -> dict[str, dict[str, str]]:
    """Every column of every table of ours, and its type."""
    conn = await asyncpg.connect(template_dsn)
    rows = await conn.fetch(
        """select class.relname, attribute.attname, format_type(attribute.atttypid, attribute.atttypmod) as type
           from pg_attribute attribute join pg_class class on class.oid = attribute.attrelid
           where class.relnamespace = 'public'::regnamespace and class.relkind in ('r', 'p') and attribute.attnum > 0
             and not attribute.attisdropped"""
    )
    await conn.close()
    found: dict[str, dict[str, str]] = {}
    for name, column, kind in rows:
        found.setdefault(name, {})[column] = kind
    return {name: one for name, one in found.items() if name not in BOOKKEEPING}


def named(column: str) -> bool:
    """Whether a number by this name is somebody's."""
    return ("node" in column or "person" in column) and "per_person" not in column


def unexplained(table: str, columns: dict[str, str], declared: list[Table]) -> list[str]:
    """Columns that could be about people and that nobody speaks of, in a table whose rows outlive the person."""
    if any(one.deed == "delete" and one.whose for one in declared):
        return []
    spoken = {column for one in declared for column in (*one.blanks, *one.kept, *one.mentions, *one.on_mention)}
    return [
        f"{table}.{column}"
        for column, kind in columns.items()
        if column not in spoken and (named(column) or kind in TELLING)
    ]


async def test_every_column_has_an_answer(columns: dict[str, dict[str, str]]) -> None:
    """A table is a room's part, or listed as about no customer; in rows that stay, each text says why it may."""
    declared: dict[str, list[Table]] = {}
    for table in tables_of(PARTS):
        declared.setdefault(table.name, []).append(table)
    others = {name: why for part in PARTS for name, why in part.others.items()}
    assert set(others) & set(declared) == set()
    assert sorted(set(columns) - set(declared) - set(others)) == []
    assert sorted((set(declared) | set(others)) - set(columns)) == []
    assert [name for name, why in others.items() if len(why) < 5] == []
    assert [gap for name, tables in declared.items() for gap in unexplained(name, columns[name], tables)] == []
    # What is about no customer has no column that would say whose it is.
    assert [f"{name}.{column}" for name in others for column in columns[name] if named(column)] == []


def test_what_stays_says_why_and_what_is_not_shown_too() -> None:
    """A row that outlives its person has a reason; a table is in the copy, or says why not."""
    for table in tables_of(PARTS):
        assert table.section or table.unshown, table.name
        assert not (table.section and table.unshown), table.name
        if table.deed != "delete":
            assert len(table.why) > 20, table.name
        if table.deed == "blank":
            assert table.blanks, table.name
        assert table.whose or table.mentions, table.name


async def test_every_statement_is_one_the_database_understands(dsn: str) -> None:
    """Reading, counting, erasing, looking for names: all are prepared on the schema."""
    conn = await asyncpg.connect(dsn)
    layouts = await mentions.layouts(conn, tables_of(PARTS))
    problems = []
    for table in tables_of(PARTS):
        statements = []
        if table.whose:
            statements += [table.counting()]
            statements += [table.erasing()] if table.deed != "keep" else []
            statements += [table.reading()] if table.section else []
        if table.mentions:
            layout = layouts[table.name]
            statements.append(mentions.finding(table, layout))
            statements.append(
                mentions.replacing(table, layout) if table.on_mention else mentions.rewriting(table, layout)
            )
        for statement in statements:
            try:
                await conn.prepare(statement)
            except asyncpg.PostgresError as error:
                problems.append(f"{table.name}: {error}")
    await conn.close()
    assert problems == []


def test_an_erasure_is_alone_with_all_that_is_somebodys() -> None:
    """Whoever has one of these tables open is through before it, or begins after it."""
    assert {"event", "node", "message", "timer", "cart", "consent_state", "idempotency"} <= set(locked(PARTS))
