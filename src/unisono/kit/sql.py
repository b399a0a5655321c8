"""Named SQL: each room keeps its statements in ``queries.sql``; here they become coroutine functions.

The file's grammar is aiosql's, so editors and readers know it: ``-- name: find_person^`` begins a statement, the
comment lines after it are its docstring, parameters are ``:name``. The mark after the name says what comes back:

    (none)  a list of records        ^  one record or None        $  one value or None        !  how many rows

Ours rather than the library because its asyncpg adapter hands out async generators and re-orders parameters on
every call (measured 11 us a call against 2 us here). A test prepares every statement against the schema.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Coroutine, Iterator
from importlib import resources
from typing import Any

_NAME = re.compile(r"^-- name: (\w+)(<!|[\^$!]?)\s*$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


class Query:
    """One named statement; call it with a connection and its parameters by keyword."""

    def __init__(self, name: str, mark: str, text: str) -> None:
        self.name = name
        self.mark = mark
        self.__doc__ = "\n".join(
            line.strip().removeprefix("--").strip() for line in text.splitlines() if line.strip().startswith("--")
        )
        self.parameters: list[str] = []
        self.sql = _PARAMETER.sub(self._number, _COMMENT.sub("", text)).strip().rstrip(";")

    def _number(self, match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in self.parameters:
            self.parameters.append(name)
        return f"${self.parameters.index(name) + 1}"

    def __call__(self, conn: Any, /, **values: Any) -> Coroutine[Any, Any, Any]:
        """Run it. Raises KeyError for a missing parameter, TypeError for one too many."""
        if len(values) != len(self.parameters):
            raise TypeError(f"{self.name} takes {self.parameters}, not {sorted(values)}")
        return self._run(conn, [values[name] for name in self.parameters])

    def _run(self, conn: Any, arguments: list[Any]) -> Coroutine[Any, Any, Any]:
        run: Callable[..., Coroutine[Any, Any, Any]]
        if self.mark == "":
            run = conn.fetch
        elif self.mark == "^":
            run = conn.fetchrow
        elif self.mark in ("$", "<!"):
            run = conn.fetchval
        else:
            return _count(conn.execute(self.sql, *arguments))
        return run(self.sql, *arguments)


async def _count(running: Coroutine[Any, Any, str]) -> int:
    """Rows touched, from PostgreSQL's command tag such as ``UPDATE 3``."""
    last = (await running).rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


class Queries:
    """The statements of one file, by name."""

    def __init__(self, text: str) -> None:
        found = list(_NAME.finditer(text))
        ends = [match.start() for match in found[1:]] + [len(text)]
        self._queries = {
            match.group(1): Query(match.group(1), match.group(2), text[match.end() : end])
            for match, end in zip(found, ends, strict=True)
        }

    def __getattr__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            raise AttributeError(f"there is no query {name}") from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._queries.values())


@functools.cache
def load(package: str) -> Queries:
    """The named statements of a package's ``queries.sql``."""
    return Queries((resources.files(package) / "queries.sql").read_text("utf-8"))
