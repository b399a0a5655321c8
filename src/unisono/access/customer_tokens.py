"""Customer tokens: what a shop front holds for one visitor, for 15 minutes at most.

A token is ``ct_<32 characters>``, 160 random bits, stored as sha256. It stands for one identifier (node): whoever
presents it reads and changes only what belongs to the person of that identifier, in the channel it was made for.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import msgspec

from unisono.access.keys import hash_key
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

_sql = load("unisono.access")

PREFIX = "ct_"

LONGEST = timedelta(minutes=15)
"""How long a token may live; the front asks for another before it ends."""


class CustomerToken(msgspec.Struct, frozen=True):
    """A token as a request presents it."""

    node_id: int
    proven: bool
    """Whether a server or a till vouches for who it is."""
    source_id: int
    channel: str
    store_id: str | None
    expires_at: datetime


async def mint(
    conn: Connection,
    *,
    node_id: int,
    proven: bool,
    source_id: int,
    channel: str,
    store_id: str | None = None,
    lasts: timedelta = LONGEST,
    now: datetime,
) -> tuple[str, datetime]:
    """Make a token; returns it and when it ends. Tokens that ended long ago are swept by the way.

    Raises BadRequest (``token_too_long``) for a life outside 1 second to 15 minutes.
    """
    if not timedelta(seconds=1) <= lasts <= LONGEST:
        raise BadRequest("A customer token lives 1 second to 15 minutes.", code="token_too_long")
    token = PREFIX + secrets.token_hex(20)
    await _sql.insert_customer_token(
        conn,
        hash=hash_key(token),
        node_id=node_id,
        proven=proven,
        source_id=source_id,
        channel=channel,
        store_id=store_id,
        now=now,
        expires_at=now + lasts,
    )
    return token, now + lasts


async def find(conn: Connection, token: str, *, now: datetime) -> CustomerToken | None:
    """Whose token this is; None when it is unknown, ended or revoked."""
    row = await _sql.find_customer_token(conn, hash=hash_key(token), now=now)
    return msgspec.convert(dict(row), CustomerToken) if row is not None else None


async def revoke(conn: Connection, token: str, *, now: datetime) -> None:
    """End a token, as at sign-out."""
    await _sql.revoke_customer_token(conn, hash=hash_key(token), now=now)
