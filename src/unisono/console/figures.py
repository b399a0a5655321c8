"""Figures that several screens show and that need not be of this very second: kept for a minute a process."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

from unisono.console.pages import AnyRequest, pool_of
from unisono.kit.database import Connection, connection
from unisono.kit.sql import load

_sql = load("unisono.console")

KEPT_SECONDS = 60.0

MOST_COUNTED = 1_000_000
"""Events of the last day counted; a busier shop reads "1,000,000+"."""

Result = TypeVar("Result")


class Usage(NamedTuple):
    """Events of the last 24 hours by source id."""

    accepted: dict[int, int]
    failed: dict[int, int]

    @property
    def more(self) -> bool:
        """Whether there are more than were counted."""
        return sum(self.accepted.values()) >= MOST_COUNTED


class Hours(NamedTuple):
    """Events of the last 24 hours by the hour they arrived in."""

    accepted: dict[datetime, int]
    failed: dict[datetime, int]

    @property
    def more(self) -> bool:
        """Whether there are more than were counted."""
        return sum(self.accepted.values()) >= MOST_COUNTED


class Facts(NamedTuple):
    """The installation's database; ``events`` is an estimate."""

    version: str
    bytes: int
    events: int


async def _kept(request: AnyRequest, name: str, make: Callable[[Connection], Awaitable[Result]]) -> Result:
    store: dict[str, tuple[float, Any]] = request.app.state.setdefault("console_figures", {})
    known = store.get(name)
    now = time.monotonic()
    if known is not None and known[0] > now:
        return cast("Result", known[1])
    async with connection(pool_of(request)) as conn:
        fresh = await make(conn)
    store[name] = (now + KEPT_SECONDS, fresh)
    return fresh


async def _stores(conn: Connection) -> list[str]:
    return [row["store_id"] for row in await _sql.known_stores(conn)]


async def stores(request: AnyRequest) -> list[str]:
    """The stores Unisono has heard of."""
    return await _kept(request, "stores", _stores)


async def _usage(conn: Connection) -> Usage:
    accepted = await _sql.recent_by_source(conn, most=MOST_COUNTED)
    failed = await _sql.failed_by_source(conn, most=MOST_COUNTED)
    return Usage(
        {row["source_id"]: row["events"] for row in accepted}, {row["source_id"]: row["events"] for row in failed}
    )


async def usage(request: AnyRequest) -> Usage:
    """What each source sent in the last 24 hours."""
    return await _kept(request, "usage", _usage)


async def _hours(conn: Connection) -> Hours:
    accepted = await _sql.recent_by_hour(conn, most=MOST_COUNTED)
    failed = await _sql.failed_by_hour(conn, most=MOST_COUNTED)
    return Hours({row["hour"]: row["events"] for row in accepted}, {row["hour"]: row["events"] for row in failed})


async def hours(request: AnyRequest) -> Hours:
    """What arrived in each of the last 24 hours."""
    return await _kept(request, "hours", _hours)


async def _sizes(conn: Connection) -> dict[str, int]:
    return {row["namespace"]: row["identifiers"] for row in await _sql.namespace_sizes(conn)}


async def namespace_sizes(request: AnyRequest) -> dict[str, int]:
    """About how many identifiers each namespace has."""
    return await _kept(request, "sizes", _sizes)


async def _facts(conn: Connection) -> Facts:
    row = await _sql.database_facts(conn)
    return Facts(row["version"], row["bytes"], row["events"])


async def facts(request: AnyRequest) -> Facts:
    """Version and size of the database."""
    return await _kept(request, "facts", _facts)
