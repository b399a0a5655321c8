"""Putting things where a person will find them, showing them, noting what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from unisono.customers.record import Happening, record
from unisono.kit.database import Connection
from unisono.kit.errors import NotFound
from unisono.kit.sql import load

_sql = load("unisono.engagement.channels.onsite")

INBOX = "inbox"
CHAT = "chat"

MAX_ID = 2**63 - 1

Deed = Literal["seen", "clicked", "dismissed"]
DEEDS: tuple[Deed, ...] = ("seen", "clicked", "dismissed")

_IMPLIED: dict[Deed, tuple[Deed, ...]] = {
    "seen": ("seen",),
    "clicked": ("seen", "clicked"),
    "dismissed": ("dismissed",),
}
"""What a deed says: who follows a thing has seen it."""


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is shown."""

    title: str | None = None
    body: str | None = None
    image_url: str | None = None
    url: str | None = None
    buttons: tuple[dict[str, Any], ...] = ()
    """``text`` with ``url`` or ``payload``."""
    language: str | None = None
    campaign: str | None = None
    data: dict[str, Any] = {}
    """What the front's own template needs beyond these."""


class NewItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be put into a slot. ``ends_at`` is the first instant at which it is not shown any more."""

    node_id: int
    slot: str
    content: Content
    starts_at: datetime
    ends_at: datetime | None = None
    message_id: int | None = None


class OnsiteItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits for a person."""

    id: int
    slot: str
    content: Content
    starts_at: datetime
    ends_at: datetime | None
    seen_at: datetime | None
    clicked_at: datetime | None
    message_id: int | None = None


async def put(conn: Connection, item: NewItem) -> int | None:
    """Put it there, inside the caller's transaction; None when its message is there already."""
    found = await _sql.insert_item(
        conn,
        node_id=item.node_id,
        message_id=item.message_id,
        slot=item.slot,
        content=msgspec.json.encode(item.content).decode(),
        starts_at=item.starts_at,
        ends_at=item.ends_at,
    )
    return None if found is None else int(found)


def _item(row: Mapping[str, Any]) -> OnsiteItem:
    return OnsiteItem(
        id=row["id"],
        slot=row["slot"],
        content=msgspec.json.decode(row["content"], type=Content),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        seen_at=row["seen_at"],
        clicked_at=row["clicked_at"],
        message_id=row["message_id"],
    )


async def waiting(
    conn: Connection, nodes: Sequence[int], slot: str, *, now: datetime, most: int = 10, before: int | None = None
) -> list[OnsiteItem]:
    """What is in a slot for the person of these identifiers now, newest first. Dismissed and ended things are not."""
    if not nodes:
        return []
    rows = await _sql.waiting_items(
        conn, nodes=list(nodes), slot=slot, now=now, most=most, before=MAX_ID if before is None else before
    )
    return [_item(row) for row in rows]


async def unseen(conn: Connection, nodes: Sequence[int], slot: str, *, now: datetime) -> int:
    """How many things of a slot were never looked at: the number on the bell."""
    return int(await _sql.unseen_count(conn, nodes=list(nodes), slot=slot, now=now)) if nodes else 0


async def mark(
    conn: Connection, nodes: Sequence[int], item_id: int, deed: Deed, *, channel: str, now: datetime
) -> OnsiteItem:
    """Note that the person saw, followed or closed it; done again it changes nothing. Who follows a thing saw it.

    Writes ``Slot Viewed`` and ``Slot Clicked`` at the first time. Raises NotFound for what is not his.
    """
    row = await _sql.lock_item(conn, id=item_id, nodes=list(nodes))
    if row is None:
        raise NotFound("There is no such thing of yours.", code="inbox_item_not_found")
    news = [name for name in _IMPLIED[deed] if row[f"{name}_at"] is None]
    if not news:
        return _item(row)
    at = {f"{name}_at": now if name in news else None for name in DEEDS}
    await _sql.mark_item(conn, id=item_id, **at)
    await record(conn, _events(row, news, channel, now), clock=lambda: now)
    return _item({**row, **{f"{name}_at": row[f"{name}_at"] or at[f"{name}_at"] for name in ("seen", "clicked")}})


def _events(row: Mapping[str, Any], news: Sequence[str], channel: str, now: datetime) -> list[Happening]:
    content = msgspec.json.decode(row["content"], type=Content)
    facts = {
        "slot_id": row["slot"],
        "content_id": str(row["id"]),
        "content_name": content.title,
        "url": content.url,
        "campaign_id": content.campaign,
        "message_id": None if row["message_id"] is None else str(row["message_id"]),
    }
    told = {name: value for name, value in facts.items() if value is not None}
    names = {"seen": "Slot Viewed", "clicked": "Slot Clicked"}
    return [
        Happening(
            node_id=row["node_id"],
            name=names[name],
            key=f"inbox:{row['id']}:{name}",
            channel=channel,
            at=now,
            properties=told,
        )
        for name in news
        if name in names
    ]
