"""The one door to new identifiers: who was erased does not come back by what happened before.

A new identifier is looked up among the tombstones in the statement that numbers it; one that was erased begins anew,
takes nothing older than its erasure, and gets no marketing until it agrees again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from unisono.customers.consent import service as consent
from unisono.customers.consent.model import ADDRESSES, PERSON_CHANNELS, Suppression
from unisono.customers.identity.graph import Connected, connect
from unisono.customers.identity.model import Key, Observation
from unisono.customers.identity.rulebook import Rulebook
from unisono.customers.identity.tombstones import digest_of
from unisono.customers.profiles.writing import index_nodes
from unisono.kit.database import Connection
from unisono.kit.errors import UnisonoError
from unisono.kit.secret import Secret


class Erased(UnisonoError):
    """It happened before whom it is about was erased."""

    code = "erased"
    status: ClassVar[int] = 410
    title: ClassVar[str] = "It was about somebody who was erased"


async def connect_all(
    conn: Connection,
    keys: Mapping[Key, int | None],
    observations: Sequence[Observation],
    rulebook: Rulebook,
    secret: Secret,
    *,
    now: datetime,
    check: Callable[[Mapping[Key, datetime]], None],
) -> Connected:
    """Find or make nodes and link them, inside the caller's transaction; new ones can be searched for from now on.

    ``check`` is told which of the keys were erased, and when, before anything is written; it may raise. Raises what
    `connect` raises when a race was lost: try again.
    """
    connected = await connect(
        conn, keys, observations, rulebook.namespaces, version=rulebook.version, digest=digest_of(secret), check=check
    )
    if connected.new:
        new = (node for node in connected.nodes.values() if node.id in connected.new)
        await index_nodes(conn, new, rulebook.namespaces)
    if connected.reborn:
        await _keep_off(conn, connected, now)
    return connected


async def node_of(
    conn: Connection, key: Key, rulebook: Rulebook, secret: Secret, *, at: datetime, now: datetime
) -> int:
    """The node of one identifier, made when nobody has it, for something that happened at ``at``. Raises Erased when
    the identifier was erased after that, asyncpg.UniqueViolationError when somebody else made it: try again."""

    def check(erased: Mapping[Key, datetime]) -> None:
        if any(at < erased_at for erased_at in erased.values()):
            raise Erased("It happened before its person was erased.")

    return (await connect_all(conn, {key: None}, [], rulebook, secret, now=now, check=check)).nodes[key].id


async def _keep_off(conn: Connection, connected: Connected, now: datetime) -> None:
    """Who was erased and is back gets no marketing until he agrees to it again."""
    blocks = [
        Suppression(
            node_id=connected.nodes[key].id,
            channel=channel,
            reason="opt_out",
            purposes="marketing",
            at=now,
            source="erasure",
        )
        for key in connected.reborn
        for channel in ADDRESSES.get(key.namespace, PERSON_CHANNELS)
    ]
    await consent.suppress(conn, blocks, now=now)
