"""Tombstones: keyed digests of erased identifiers, so that what was erased is known again without being known."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from unisono.customers.identity.model import Key
from unisono.kit.database import Connection
from unisono.kit.secret import Secret
from unisono.kit.sql import load

_sql = load("unisono.customers.identity")

PURPOSE = "tombstone"
"""Of the key they are made with: without it nobody can try values."""


def digest_of(secret: Secret) -> Callable[[Key], bytes]:
    """What makes the tombstone of an identifier, with this installation's key."""

    def digest(key: Key) -> bytes:
        return secret.digest(PURPOSE, f"{key.namespace}\x1f{key.value}".encode())

    return digest


async def put(
    conn: Connection, secret: Secret, keys: Collection[Key], *, now: datetime, request: int | None = None
) -> int:
    """Set tombstones; one that stands already takes the later instant. Returns how many."""
    digest = digest_of(secret)
    wanted = sorted({digest(key): key.namespace for key in keys}.items())
    return int(
        await _sql.put_tombstones(
            conn,
            digests=[one for one, _ in wanted],
            namespaces=[namespace for _, namespace in wanted],
            now=now,
            request=request,
        )
    )
