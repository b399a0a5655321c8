"""The keys a scene is played with: made for one performance, disabled after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from unisono.access import keys
from unisono.access.keys import SourceKind
from unisono.kit.database import Connection, Pool, transaction

STORE: Final = "MI-01"
TILL: Final = "T-2"
ACTOR: Final = "demo"


class SceneKeys(msgspec.Struct, frozen=True):
    """Who plays: each channel has the key it would have in a real shop."""

    browser: str
    """Public write key of the web shop."""
    connector: str
    """Secret key of the messaging connector; may send events."""
    till: str
    """Key of the till ``STORE``/``TILL``."""
    desk: str
    """Secret key behind the clerk's screen; may read people and undo joins."""
    shop: str
    """Secret key of the shop's own server and back office: customers' tokens, goods, prices, stock, orders."""
    voice: str
    """Secret key of who writes to customers: consents, segments, templates, messages, the contact policy."""


_PARTS: Final[Mapping[str, tuple[SourceKind, frozenset[str]]]] = {
    "browser": ("browser", frozenset()),
    "connector": ("connector", frozenset({"events:write"})),
    "till": ("till", frozenset()),
    "desk": ("server", frozenset({"people:read", "people:write"})),
    "shop": ("server", frozenset({"commerce:read", "commerce:write", "channel:use"})),
    "voice": (
        "server",
        frozenset(
            {
                "people:read",
                "consents:write",
                "segments:read",
                "segments:write",
                "voice:read",
                "voice:write",
                "messages:send",
                "channels:manage",
            }
        ),
    ),
}


@asynccontextmanager
async def scene_keys(pool: Pool) -> AsyncIterator[SceneKeys]:
    """Keys for one performance, under sources of the demo's own; they stop working at the end."""
    async with transaction(pool) as conn:
        known = {source["name"]: source for source in await keys.list_sources(conn)}
        made = {part: await _key(conn, part, known) for part in _PARTS}
    try:
        yield SceneKeys(**{part: key.key for part, key in made.items()})
    finally:
        async with transaction(pool) as conn:
            for key in made.values():
                await keys.disable_key(conn, key.id)


async def _key(conn: Connection, part: str, known: Mapping[str, Mapping[str, int]]) -> keys.NewKey:
    kind, scopes = _PARTS[part]
    name = f"Scenes: {part}"
    if name in known:
        return await keys.create_key(conn, source_id=known[name]["id"], source_kind=kind, scopes=scopes, actor=ACTOR)
    place = (STORE, TILL) if kind == "till" else (None, None)
    return await keys.create_source(
        conn, name=name, kind=kind, actor=ACTOR, scopes=scopes, store_id=place[0], till_id=place[1]
    )
