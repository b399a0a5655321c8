"""Every named statement is one the database understands, with as many parameters as it names, and is called."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import asyncpg

import unisono
from unisono.kit.sql import Queries, load

PACKAGE = Path(str(resources.files(unisono)))


def rooms() -> dict[str, Queries]:
    """Each package with a ``queries.sql``, and its statements."""
    folders = sorted(path.parent for path in PACKAGE.rglob("queries.sql"))
    names = [".".join(("unisono", *folder.relative_to(PACKAGE).parts)) for folder in folders]
    return {name: load(name) for name in names}


async def test_every_statement_can_be_prepared_on_the_schema(dsn: str) -> None:
    """None is left out; each failure is named."""
    conn = await asyncpg.connect(dsn)
    problems = []
    prepared = 0
    for room, queries in rooms().items():
        for query in queries:
            try:
                statement = await conn.prepare(query.sql)
            except asyncpg.PostgresError as error:
                problems.append(f"{room}.{query.name}: {error}")
                continue
            prepared += 1
            if len(statement.get_parameters()) != len(query.parameters):
                problems.append(f"{room}.{query.name}: parameters {query.parameters}")
    await conn.close()
    assert problems == []
    assert prepared > 100


async def test_a_mark_says_what_comes_back(dsn: str) -> None:
    """What is asked for rows returns columns; what is asked for one value returns one column."""
    conn = await asyncpg.connect(dsn)
    wrong = []
    for room, queries in rooms().items():
        for query in queries:
            columns = len((await conn.prepare(query.sql)).get_attributes())
            expected = {"": columns > 0, "^": columns > 0, "$": columns == 1, "<!": columns >= 1, "!": True}
            if not expected[query.mark]:
                wrong.append(f"{room}.{query.name}{query.mark} returns {columns} columns")
    await conn.close()
    assert wrong == []


def test_every_statement_is_called_by_its_room() -> None:
    """A statement nobody calls is a statement nobody tests."""
    idle = []
    for room, queries in rooms().items():
        folder = PACKAGE.joinpath(*room.split(".")[1:])
        code = "\n".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
        idle += [f"{room}.{query.name}" for query in queries if not re.search(rf"\.{query.name}\b", code)]
    assert idle == []


def test_no_two_statements_of_a_room_share_a_name() -> None:
    """The second would silently replace the first."""
    for file in PACKAGE.rglob("queries.sql"):
        names = re.findall(r"^-- name: (\w+)", file.read_text("utf-8"), re.MULTILINE)
        assert len(names) == len(set(names)), file
