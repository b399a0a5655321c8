"""The door of points: a person's balance."""

from __future__ import annotations

from collections.abc import Collection

from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.points")


async def balance(conn: Connection, nodes: Collection[int]) -> int:
    """The points of the person who has these identifiers, as far as events told them; may be negative."""
    return int(await _sql.points_of_nodes(conn, nodes=list(nodes)))
