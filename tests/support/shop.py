"""A shop for tests of the collector: a database, keys of every kind, web processes with real sockets."""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.support.database import own_database
from tests.support.serving import Web, serving
from unisono.access.keys import create_source

STORE, TILL = "milano", "cassa-1"


def basic(key: str) -> dict[str, str]:
    """The key as the user of Basic authentication, with an empty password, as the field's clients send it."""
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def fresh(prefix: str = "m") -> str:
    """A message id or identifier nobody used."""
    return f"{prefix}-{uuid.uuid4().hex}"


def track(**more: Any) -> dict[str, Any]:
    """A small event of a new visitor."""
    return {"messageId": fresh(), "anonymousId": fresh("anon"), "event": "Product Viewed", **more}


class Keys:
    """One key of each kind, each of a source of its own."""

    def __init__(self, write: str, till: str, secret: str, reader: str) -> None:
        self.write = write
        self.till = till
        self.secret = secret
        self.reader = reader
        """A secret key that may read people but send no events."""


async def make_keys(conn: asyncpg.Connection[asyncpg.Record]) -> Keys:
    """Make the sources of a small shop."""
    site = await create_source(conn, name="site", kind="browser", actor="test")
    till = await create_source(conn, name="till", kind="till", actor="test", store_id=STORE, till_id=TILL)
    server = await create_source(conn, name="server", kind="server", actor="test")
    reader = await create_source(conn, name="reader", kind="server", actor="test", scopes=frozenset({"people:read"}))
    return Keys(site.key, till.key, server.key, reader.key)


class Shop:
    """What a test needs of it."""

    def __init__(
        self,
        dsn: str,
        keys: Keys,
        webs: list[Web],
        client: httpx.AsyncClient,
        conn: asyncpg.Connection[asyncpg.Record],
    ) -> None:
        self.dsn = dsn
        self.keys = keys
        self.webs = webs
        self.client = client
        self.conn = conn

    @property
    def url(self) -> str:
        """Where the first process answers."""
        return self.webs[0].url

    async def send(self, path: str, body: Any, *, key: str | None = None, **more: Any) -> httpx.Response:
        """Post JSON, or bytes as they are, with the write key unless told otherwise."""
        headers = basic(key or self.keys.write) | more.pop("headers", {})
        if isinstance(body, bytes):
            return await self.client.post(path, content=body, headers=headers, **more)
        return await self.client.post(path, json=body, headers=headers, **more)

    async def event(self, message_id: str) -> asyncpg.Record:
        """The one event with this message id."""
        rows = await self.conn.fetch(
            """select event.*, node.namespace, node.value, node.person_id from event
               join node on node.id = event.node_id where message_id = $1""",
            message_id,
        )
        assert len(rows) == 1, f"{message_id}: {len(rows)} events"
        return rows[0]

    async def failures(self, since: int = 0) -> list[asyncpg.Record]:
        """Failed events with an id after ``since``, oldest first."""
        return await self.conn.fetch("select * from failed_event where id > $1 order by id", since)

    async def last_failure(self) -> int:
        """The newest failed event's id."""
        return int(await self.conn.fetchval("select coalesce(max(id), 0) from failed_event"))

    async def person(self, namespace: str, value: str) -> int | None:
        """Whose identifier this is."""
        found = await self.conn.fetchval(
            "select person_id from node where namespace = $1 and value = $2", namespace, value
        )
        return None if found is None else int(found)


@asynccontextmanager
async def open_shop(
    server_dsn: str,
    *,
    processes: int = 1,
    env: Mapping[str, str] | None = None,
    output: Path | None = None,
) -> AsyncIterator[Shop]:
    """A fresh shop with its processes ready; everything is gone at the end."""
    async with own_database(server_dsn) as dsn:
        conn = await asyncpg.connect(dsn)
        keys = await make_keys(conn)
        with serving(dsn, processes=processes, env=env, output=output) as webs:
            async with httpx.AsyncClient(base_url=webs[0].url, timeout=60) as client:
                yield Shop(dsn, keys, webs, client, conn)
        await conn.close()
