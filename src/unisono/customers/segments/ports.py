"""What segments ask of rooms above them; the application puts the answers in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import NamedTuple

import msgspec

from unisono.kit.database import Connection


class Use(msgspec.Struct, frozen=True):
    """Something that asks about a segment."""

    kind: str
    """segment, promotion, price_list, broadcast, template …"""
    code: str
    name: str


class Spot(NamedTuple):
    """A place on the map."""

    latitude: float
    longitude: float
    name: str


UsedBy = Callable[[Connection, Collection[str]], Awaitable[Iterable[tuple[str, Use]]]]
"""What is in force and asks about the segments of these codes, each with the code it asks about."""

SpotOf = Callable[[Connection, str], Awaitable[Spot | None]]
"""Where the store of a code is; None when there is none, or nobody knows where."""

_used_by: dict[str, UsedBy] = {}
_spot_of: list[SpotOf] = []


def add_used_by(kind: str, port: UsedBy) -> None:
    """Let a room say what of its own asks about a segment."""
    _used_by[kind] = port


def set_spot_of(port: SpotOf) -> None:
    """Let the room of stores say where one is."""
    _spot_of[:] = [port]


async def used_by(conn: Connection, codes: Collection[str]) -> list[tuple[str, Use]]:
    """What other rooms have in force that asks about these segments."""
    return [found for port in _used_by.values() for found in await port(conn, codes)]


async def spot_of(conn: Connection, store: str) -> Spot | None:
    """Where a store is; None when nobody can say."""
    return await _spot_of[0](conn, store) if _spot_of else None
