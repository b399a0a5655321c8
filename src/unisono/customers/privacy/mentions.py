"""Finding and removing what names somebody in rows that do not say whose they are.

PostgreSQL looks through each table in one statement, so that nothing is missed that moves meanwhile; the rows found
are put right by their primary key. None of it keeps anybody waiting: it takes no locks but those of the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from unisono.customers.privacy.matching import Cleaner, Erased, pattern
from unisono.kit.database import Connection
from unisono.kit.personal import Table
from unisono.kit.sql import load

_sql = load("unisono.customers.privacy")

PATIENCE: Final = 3600.0
"""Seconds that looking through one table may take."""

AT_ONCE: Final = 500
"""Rows put right in one go."""


class Layout(msgspec.Struct, frozen=True):
    """How a table is made."""

    key: list[tuple[str, str]]
    """Columns of the primary key and their types."""
    types: dict[str, str]


async def layouts(conn: Connection, tables: Iterable[Table]) -> dict[str, Layout]:
    """The tables' keys and types."""
    names = sorted({table.name for table in tables})
    types: dict[str, dict[str, str]] = {name: {} for name in names}
    for row in await _sql.column_types(conn, tables=names):
        types[row["name"]][row["column_name"]] = row["type"]
    keys = await _sql.keys_of_tables(conn, tables=names)
    return {
        row["name"]: Layout(list(zip(row["columns"], row["types"], strict=True)), types[row["name"]]) for row in keys
    }


def _as_text(column: str, kind: str) -> str:
    return f"encode({column}, 'escape')" if kind == "bytea" else f"{column}::text"


def finding(table: Table, layout: Layout) -> str:
    """The statement that finds rows of the table that name somebody; ``$1`` is the pattern, ``$2`` are identifiers of
    whoever goes by the same name now, ``$3`` is when that may have begun."""
    key = ", ".join(f"{name}::text as key_{number}" for number, (name, _) in enumerate(layout.key))
    texts = {column: _as_text(column, layout.types[column]) for column in table.mentions}
    shown = ", ".join(f"{text} as {column}" for column, text in texts.items())
    where = " or ".join(f"{text} ~* $1::text" for text in texts.values())
    # A parameter nobody uses has no type: both stand in every statement.
    somebody_else = "node_id <> all($2::bigint[])" if "node_id" in layout.types else "$2::bigint[] is not null"
    if layout.types.get("node_id") and table.nobodys:
        somebody_else = f"(node_id is null or {somebody_else})"
    then = f"{table.written} < $3::timestamptz" if table.written else "$3::timestamptz is not null"
    return f"select {key}, {shown} from {table.name} where ({where}) and {somebody_else} and {then}"  # noqa: S608 - names of ours


def _at_key(layout: Layout, first: int) -> str:
    places = (f"{name} = ${first + n}::text::{kind}" for n, (name, kind) in enumerate(layout.key))
    return " and ".join(places)


def replacing(table: Table, layout: Layout) -> str:
    """The statement that blanks a row that names somebody; ``$1`` and on are its key."""
    changes = ", ".join(f"{column} = {value}" for column, value in table.on_mention.items())
    return f"update {table.name} set {changes} where {_at_key(layout, 1)}"  # noqa: S608


def rewriting(table: Table, layout: Layout) -> str:
    """The statement that writes back what a row says without the values: columns first, then its key."""
    changes = ", ".join(
        f"{column} = ${number}::text::{layout.types[column]}" for number, column in enumerate(table.mentions, 1)
    )
    return f"update {table.name} set {changes} where {_at_key(layout, len(table.mentions) + 1)}"  # noqa: S608


async def scrub(conn: Connection, table: Table, layout: Layout, erased: Erased, *, before: datetime) -> int:
    """Take somebody out of the rows of a table that name him; returns how many rows that were. What was said after
    ``before``, and what is about whoever goes by the same identifier by now, stays."""
    wanted = pattern(erased, names_too=table.names_too)
    if wanted is None:
        return 0
    again = await _sql.living_again(
        conn,
        namespaces=[key.namespace for key in erased.identifiers],
        values=[key.value for key in erased.identifiers],
    )
    others = sorted({row["id"] for row in again})
    rows = await conn.fetch(finding(table, layout), wanted, others, before, timeout=PATIENCE)
    if table.on_mention:
        changes: list[Sequence[Any]] = [_key(row, layout) for row in rows]
        statement = replacing(table, layout)
    else:
        cleaner = Cleaner(erased, names_too=table.names_too)
        changes = [change for row in rows if (change := _cleaned(row, table, layout, cleaner)) is not None]
        statement = rewriting(table, layout)
    for first in range(0, len(changes), AT_ONCE):
        await conn.executemany(statement, changes[first : first + AT_ONCE])
    return len(changes)


def _key(row: asyncpg.Record, layout: Layout) -> list[str]:
    return [row[f"key_{number}"] for number in range(len(layout.key))]


def _cleaned(row: asyncpg.Record, table: Table, layout: Layout, cleaner: Cleaner) -> list[str | None] | None:
    """What the row says without the values, and its key; None when nothing of it changes."""
    before = [row[column] for column in table.mentions]
    after = [_clean(text, layout.types[column], cleaner) for column, text in zip(table.mentions, before, strict=True)]
    return None if after == before else [*after, *_key(row, layout)]


def _clean(text: str | None, kind: str, cleaner: Cleaner) -> str | None:
    if text is None:
        return None
    if kind != "jsonb":
        return cleaner.text(text)
    value = msgspec.json.decode(text)
    cleaned = cleaner.value(value)
    return text if cleaned == value else msgspec.json.encode(cleaned).decode()


def counts_of(found: Mapping[str, int]) -> dict[str, int]:
    """What there is to tell of."""
    return {name: count for name, count in sorted(found.items()) if count}
