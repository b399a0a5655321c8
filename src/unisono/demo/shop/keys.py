"""The keys of the sample shop, made when it opens and disabled when it closes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import msgspec

from unisono.access import keys
from unisono.access.keys import SourceKind
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.errors import NotFound
from unisono.kit.sql import load

_sql = load("unisono.demo.shop")

ACTOR: Final = "demo"
TILL_ID: Final = "sample-1"


class ShopKeys(msgspec.Struct, frozen=True):
    """One key a channel, as a real shop would have them."""

    web: str
    """Secret key of the web shop's server: speaks for its customers, and tells who they are."""
    app: str
    """Secret key of the app's server."""
    till: str
    """Key of the till, bound to its store."""
    store_id: str
    """The till's store."""


class _Part(NamedTuple):
    source: str
    kind: SourceKind
    scopes: frozenset[str]


_PARTS: Final[Mapping[str, _Part]] = {
    "web": _Part("Sample web shop", "server", frozenset({"channel:use", "events:write"})),
    "app": _Part("Sample app", "server", frozenset({"channel:use"})),
    "till": _Part("Sample till", "till", frozenset()),
}


async def till_store(pool: Pool, wanted: str | None) -> str:
    """Where the till stands: in the store asked for, else in the one with most goods. Raises NotFound."""
    async with connection(pool) as conn:
        found = await _sql.store_for_till(conn, wanted=wanted)
    if found is None:
        missing = "There is no store yet." if wanted is None else f"There is no store {wanted!r}."
        raise NotFound(missing, code="place_unknown", hint="Load some first: unisono demo --households 50")
    return str(found)


@asynccontextmanager
async def shop_keys(pool: Pool, store_id: str) -> AsyncIterator[ShopKeys]:
    """Keys for as long as the shop is open, its till standing in ``store_id``; they stop working at the end."""
    async with transaction(pool) as conn:
        known = {source["name"]: source for source in await keys.list_sources(conn)}
        made = {part: await _key(conn, part, known, store_id) for part in _PARTS}
    try:
        yield ShopKeys(**{part: key.key for part, key in made.items()}, store_id=store_id)
    finally:
        async with transaction(pool) as conn:
            for key in made.values():
                await keys.disable_key(conn, key.id)


async def _key(conn: Connection, part: str, known: Mapping[str, Mapping[str, int]], store_id: str) -> keys.NewKey:
    name, kind, scopes = _PARTS[part]
    place = (store_id, TILL_ID) if kind == "till" else (None, None)
    if kind == "till":
        # A till stays in its store: another store is another source.
        name = f"{name} {store_id}"
    if name in known:
        return await keys.create_key(conn, source_id=known[name]["id"], source_kind=kind, scopes=scopes, actor=ACTOR)
    return await keys.create_source(
        conn, name=name, kind=kind, actor=ACTOR, scopes=scopes, store_id=place[0], till_id=place[1]
    )
