"""Named SQL: each room keeps its statements in ``queries.sql``; here they become functions.

A test prepares every one of them against the schema.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import aiosql


@functools.cache
def load(package: str) -> Any:
    """The named queries of a package, as an object with one coroutine function per ``-- name:``.

    Parameters are written ``:name`` in the file and passed by keyword.
    """
    return aiosql.from_path(str(resources.files(package) / "queries.sql"), "asyncpg")
