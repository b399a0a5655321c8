"""Registering browsers and phones, finding those to send to, letting go of those that are gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.engagement.channels.push")

PushChannel = Literal["web_push", "app_push"]

KEPT: Final = 20
"""Browsers, and phones, an identifier may have: enough for a family's tablet, too few to fill a table with."""


MOST: Final = 10
"""Devices of a person a message goes to, the newest ones."""


class PushAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A browser or a phone. ``keys`` are a browser's; of a phone ``endpoint`` is the token."""

    id: int
    node_id: int
    channel: PushChannel
    endpoint: str
    keys: dict[str, Any]
    platform: str | None
    created_at: datetime


async def register(
    conn: Connection,
    *,
    node_id: int,
    channel: PushChannel,
    endpoint: str,
    keys: Mapping[str, str] | None = None,
    platform: str | None = None,
    now: datetime,
) -> int:
    """A browser or a phone takes notifications for this identifier from now on, and for no other any more."""
    found = await _sql.register_address(
        conn,
        node_id=node_id,
        channel=channel,
        endpoint=endpoint,
        keys=msgspec.json.encode(dict(keys or {})).decode(),
        platform=platform,
        now=now,
    )
    await _sql.drop_oldest(conn, node_id=node_id, channel=channel, kept=KEPT, now=now)
    return int(found)


async def mark_gone(conn: Connection, endpoints: Sequence[str], *, now: datetime) -> int:
    """These take no notifications any more: unsubscribed, or the push service says so. Returns how many did before."""
    return int(await _sql.mark_gone(conn, endpoints=list(endpoints), now=now))


async def of_persons(conn: Connection, nodes: Collection[int], channel: PushChannel) -> dict[int, list[PushAddress]]:
    """All that the persons of these identifiers have, at most `MOST`: what is registered under the identifier itself
    comes first, then the newest. An identifier whose person has none is left out."""
    found: dict[int, list[PushAddress]] = {}
    for row in await _sql.addresses_of_persons(conn, nodes=int_list(nodes), channel=channel):
        fields = dict(row)
        mine = found.setdefault(fields.pop("asked_id"), [])
        if len(mine) < MOST:
            mine.append(PushAddress(**{**fields, "keys": msgspec.json.decode(fields["keys"])}))
    return found
