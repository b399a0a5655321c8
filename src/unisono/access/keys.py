"""Keys: public write keys of pages and apps, till keys, secret keys of servers.

A key is ``<kind>_<32 characters>``: 160 random bits, stored as sha256, found by it. Write keys are public (they
stand in every page), so they are kept readable too; they can write events and nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from unisono.kit.database import Connection, Pool, connection
from unisono.kit.errors import BadRequest, NotFound
from unisono.kit.sql import load

_sql = load("unisono.access")

KeyKind = Literal["write", "till", "secret"]
SourceKind = Literal["browser", "app", "server", "till", "import", "connector", "system"]

PUBLIC_KINDS: frozenset[SourceKind] = frozenset({"browser", "app"})
"""Sources whose key everybody can read: what they say is what somebody says."""

PREFIXES: dict[KeyKind, str] = {"write": "wk", "till": "tk", "secret": "sk"}

SCOPES: dict[str, str] = {
    "events:write": "send events",
    "people:read": "read profiles and timelines, search people, follow the live feed",
    "people:write": "join, split and undo; households",
    "identity:manage": "change identity rules",
    "sources:manage": "make and rotate keys",
    "commerce:read": "read products, prices, promotions, stock, carts and orders",
    "commerce:write": "change products, prices, promotions, stock and orders",
    "channel:use": "speak for a shop front: customer tokens, carts, checkout of anybody",
    "webhooks:manage": "make and disable webhooks",
    "segments:read": "read segments and who is in them",
    "segments:write": "make and change segments",
    "consents:write": "read, record and withdraw consents",
    "voice:read": "read templates, the brand, broadcasts and what was sent",
    "voice:write": "change templates, the brand and the contact policy",
    "messages:send": "send messages to people, settle tasks",
    "broadcasts:send": "send messages to segments, pause and stop them",
    "channels:manage": "connect providers, pause and resume sending",
    "privacy:manage": "export and erase what is kept about a person",
    "operations:read": "read health, failed events and dead letters",
    "operations:write": "replay and discard failed events and dead letters",
}
"""What a secret key may be allowed to do."""

CACHE_SECONDS = 2.0
"""How long a process believes what it knows of a key: the delay with which a disabled key stops working."""

GRACE = timedelta(hours=24)
"""How long a rotated key goes on working, so that shops can be changed one by one."""


class Sender(msgspec.Struct, frozen=True):
    """Who presents a key."""

    source_id: int
    source_name: str
    source_kind: SourceKind
    key_id: int
    key_kind: KeyKind
    scopes: frozenset[str] = frozenset()
    store_id: str | None = None
    till_id: str | None = None

    @property
    def trusted(self) -> bool:
        """Whether what it says of a person is proof; a browser's word is a hint."""
        return self.key_kind != "write"


def hash_key(key: str) -> bytes:
    """sha256 of a key, as stored."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def new_key(kind: KeyKind) -> str:
    """A fresh key: 160 random bits."""
    return f"{PREFIXES[kind]}_{secrets.token_hex(20)}"


class KeyRing:
    """The keys as one process knows them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[bytes, tuple[float, Sender | None]] = {}

    async def sender(self, key: str) -> Sender | None:
        """Whose key this is; None when it is unknown, disabled or expired. Raises Unavailable."""
        digest = hash_key(key)
        known = self._known.get(digest)
        now = time.monotonic()
        if known is not None and known[0] > now:
            return known[1]
        if len(self._known) > 10_000:
            self._known.clear()
        async with connection(self._pool) as conn:
            row = await _sql.find_key(conn, hash=digest)
            sender = _sender(row) if row is not None else None
            if row is not None and row["unseen"]:
                await _sql.touch_key(conn, id=row["id"])
        self._known[digest] = (now + CACHE_SECONDS, sender)
        return sender

    def forget(self) -> None:
        """Look every key up anew; after a change made in this process."""
        self._known.clear()


def _sender(row: Any) -> Sender:
    return Sender(
        source_id=row["source_id"],
        source_name=row["source_name"],
        source_kind=row["source_kind"],
        key_id=row["id"],
        key_kind=row["kind"],
        scopes=frozenset(row["scopes"]),
        store_id=row["store_id"],
        till_id=row["till_id"],
    )


class NewKey(msgspec.Struct, frozen=True):
    """A key just made: the only moment a secret can be read."""

    id: int
    source_id: int
    kind: KeyKind
    key: str


async def create_source(
    conn: Connection,
    *,
    name: str,
    kind: SourceKind,
    actor: str,
    store_id: str | None = None,
    till_id: str | None = None,
    scopes: frozenset[str] = frozenset(),
) -> NewKey:
    """Make a source with its first key.

    Browser and app sources get a public write key, tills a till key, the others a secret key with ``scopes``
    (default: send events). Raises BadRequest for a till without store and till, an empty name, an unknown scope.
    """
    if not name.strip():
        raise BadRequest("A source needs a name.", code="name_missing")
    if kind == "till" and not (store_id and till_id):
        raise BadRequest("A till key is bound to a store and a till.", code="till_unbound", hint="Give both.")
    source_id = await _sql.insert_source(conn, name=name.strip(), kind=kind, store_id=store_id, till_id=till_id)
    return await create_key(conn, source_id=source_id, source_kind=kind, scopes=scopes, actor=actor)


async def create_key(
    conn: Connection, *, source_id: int, source_kind: SourceKind, scopes: frozenset[str], actor: str
) -> NewKey:
    """Make another key for a source. Raises BadRequest for an unknown scope."""
    unknown = scopes - SCOPES.keys()
    if unknown:
        raise BadRequest(
            f"There is no scope {', '.join(sorted(unknown))}.",
            code="unknown_scope",
            hint=f"Scopes: {', '.join(SCOPES)}",
        )
    kind: KeyKind = "till" if source_kind == "till" else "secret"
    if source_kind in PUBLIC_KINDS:
        kind = "write"
    key = new_key(kind)
    granted = sorted(scopes or {"events:write"}) if kind == "secret" else ["events:write"]
    key_id = await _sql.insert_key(
        conn,
        source_id=source_id,
        kind=kind,
        hint=key[-4:],
        public_value=key if kind == "write" else None,
        hash=hash_key(key),
        scopes=granted,
        actor=actor,
    )
    return NewKey(key_id, source_id, kind, key)


async def rotate_key(conn: Connection, key_id: int, *, actor: str) -> NewKey:
    """Make a successor; the old key goes on working for a day. Raises NotFound."""
    row = await _sql.key_by_id(conn, id=key_id)
    if row is None or row["disabled_at"] is not None:
        raise NotFound("There is no such key, or it is disabled.", code="key_not_found")
    await _sql.expire_key(conn, id=key_id, at=datetime.now(UTC) + GRACE)
    return await create_key(
        conn,
        source_id=row["source_id"],
        source_kind=row["source_kind"],
        scopes=frozenset(row["scopes"]),
        actor=actor,
    )


async def disable_key(conn: Connection, key_id: int) -> None:
    """Stop a key at once. Raises NotFound."""
    if not await _sql.disable_key(conn, id=key_id):
        raise NotFound("There is no such key, or it is disabled already.", code="key_not_found")


async def enable_key(conn: Connection, key_id: int) -> None:
    """Take a disabling back. Raises NotFound."""
    if not await _sql.enable_key(conn, id=key_id):
        raise NotFound("There is no such key, or it is not disabled.", code="key_not_found")


async def list_sources(conn: Connection) -> list[dict[str, Any]]:
    """Every source with its keys (never the secret ones themselves), oldest first."""
    sources: dict[int, dict[str, Any]] = {}
    for row in await _sql.sources_with_keys(conn):
        source = sources.setdefault(
            row["source_id"],
            {
                "id": row["source_id"],
                "name": row["name"],
                "kind": row["source_kind"],
                "store_id": row["store_id"],
                "till_id": row["till_id"],
                "created_at": row["source_created_at"],
                "keys": [],
            },
        )
        if row["key_id"] is not None:
            source["keys"].append(
                {
                    "id": row["key_id"],
                    "kind": row["kind"],
                    "hint": row["hint"],
                    "public_value": row["public_value"],
                    "scopes": list(row["scopes"]),
                    "created_at": row["created_at"],
                    "created_by": row["created_by"],
                    "last_used_at": row["last_used_at"],
                    "expires_at": row["expires_at"],
                    "disabled_at": row["disabled_at"],
                }
            )
    return list(sources.values())


async def public_sources(conn: Connection, ids: Collection[int]) -> frozenset[int]:
    """Of these sources, those whose key everybody can read."""
    rows = await _sql.sources_of_kinds(conn, ids=list(ids), kinds=sorted(PUBLIC_KINDS))
    return frozenset(row["id"] for row in rows)
