"""Computed traits of a person: the partial results of his nodes, merged.

``person_values`` is what the profile service calls; the reader that keeps the partial results lives here too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.profiles")


async def person_values(conn: Connection, nodes: Collection[int]) -> dict[str, Any]:
    """Each computed trait's value over these nodes, by name."""
    values: dict[str, Any] = {}
    for row in await _sql.computed_of_nodes(conn, nodes=list(nodes)):
        values[row["trait"]] = values.get(row["trait"], 0) + row["count"]
    return values
