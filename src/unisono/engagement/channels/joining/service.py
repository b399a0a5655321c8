"""A token that says whose link it is, and what happens when it comes back from a messenger."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog

from unisono.customers.collect import pipeline
from unisono.customers.collect.model import Incoming
from unisono.customers.identity import service as identity
from unisono.customers.identity.model import Claim, Key
from unisono.kit import tokens
from unisono.kit.database import Connection
from unisono.kit.secret import Secret
from unisono.kit.sql import load

log = structlog.get_logger("unisono.channels")

_sql = load("unisono.engagement.channels.joining")

JOIN: Final = "join"
"""The kind of its tokens: (node id, minute it was made in)."""

LASTS: Final = timedelta(days=1)
"""A link is followed by the one who asked for it, soon; an old one may have been passed on."""


def token_for(secret: Secret, node_id: int, now: datetime) -> str:
    """The token of a link for whoever has this identifier: 64 characters of ``A-Za-z0-9_-`` at most, for Telegram."""
    return tokens.sign(secret, JOIN, (node_id, int(now.timestamp()) // 60))


async def join(conn: Connection, secret: Secret, token: str, node_id: int, *, now: datetime) -> bool:
    """Bring the identifier a message came from together with the one the token stands for.

    It is evidence like an ``identify`` call of ours, so identity's limits hold. False when the token is not ours, is
    older than a day, or stands for an identifier that is gone. Raises what `pipeline.write` raises.
    """
    try:
        numbers = tokens.read(secret, JOIN, token)
    except tokens.UnknownToken:
        return False
    if len(numbers) != 2:
        return False
    meant, minute = numbers
    age = now.timestamp() - minute * 60
    if not -60 <= age <= LASTS.total_seconds() + 60:
        log.info("joining.too_old", node=meant, age_seconds=round(age))
        return False
    rows = {
        row["id"]: Key(row["namespace"], row["value"]) for row in await _sql.identifiers(conn, ids=[meant, node_id])
    }
    if meant not in rows or node_id not in rows or meant == node_id:
        return False
    source = await _sql.own_source(conn)
    event = Incoming(
        message_id=f"unisono:join:{meant}:{node_id}:{minute}",
        type="identify",
        name="",
        channel="messages",
        occurred_at=now,
        received_at=now,
        sent_at=None,
        original_at=None,
        claims=[Claim(rows[meant], "proof"), Claim(rows[node_id], "proof")],
        source_id=int(source),
        reason="followed a link of ours",
    )
    await pipeline.write(conn, [event], [], await identity.rulebook(conn), secret)
    return True
