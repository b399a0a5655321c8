"""Places: what they are called, where they are, when they are open."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import asyncpg
import msgspec

from unisono.commerce.inventory.errors import BadLocation, LocationUnknown
from unisono.commerce.inventory.model import Location
from unisono.commerce.inventory.opening import check_opening
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.inventory")

_CODE: Final = re.compile(r"[^\s\x00-\x1f\x7f@/]{1,64}")
"""No @ and no /: the subjects of the change feed are cut there."""

MAX_NAME: Final = 200
MAX_ADDRESS: Final = 10_000


async def save_location(conn: Connection, location: Location) -> None:
    """Make a place, or make the one with its code be so. Raises BadLocation."""
    check_location(location)
    await _sql.save_location(
        conn,
        code=location.code,
        name=location.name,
        kind=location.kind,
        timezone=location.timezone,
        opening=msgspec.json.encode(location.opening).decode(),
        address=msgspec.json.encode(location.address).decode(),
        latitude=location.latitude,
        longitude=location.longitude,
        ships=location.ships,
        picks_up=location.picks_up,
        closed_at=location.closed_at,
    )


async def locations(conn: Connection, codes: Collection[str] | None = None) -> list[Location]:
    """Places by name: all, or those of these codes that there are."""
    wanted = None if codes is None else [code for code in codes if _CODE.fullmatch(code)]
    return [_location(row) for row in await _sql.locations(conn, codes=wanted)]


async def location(conn: Connection, code: str) -> Location:
    """The place of a code. Raises LocationUnknown."""
    found = await locations(conn, [code])
    if not found:
        raise LocationUnknown(f"There is no place {code[:64]!r}.")
    return found[0]


def check_location(location: Location) -> None:
    """Raises BadLocation for what cannot be a place."""
    if not _CODE.fullmatch(location.code) or _unkept(location.code):
        raise BadLocation("A code has 1 to 64 characters without spaces, @ and /.")
    if not location.name.strip() or len(location.name) > MAX_NAME or _unkept(location.name):
        raise BadLocation(f"A name has 1 to {MAX_NAME} characters.")
    if (location.latitude is None) != (location.longitude is None):
        raise BadLocation("Latitude and longitude come together.")
    if not (-90 <= (location.latitude or 0) <= 90 and -180 <= (location.longitude or 0) <= 180):
        raise BadLocation("There is no such place on earth.")
    text = msgspec.json.encode(location.address).decode()
    if len(text) > MAX_ADDRESS or "\\u0000" in text:
        raise BadLocation("The address cannot be kept.")
    check_opening(location.opening, location.timezone)


def _unkept(text: str) -> bool:
    return "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)


def _location(row: asyncpg.Record) -> Location:
    return Location(
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        timezone=row["timezone"],
        opening=msgspec.json.decode(row["opening"], type=dict[str, list[list[str]]]),
        address=msgspec.json.decode(row["address"]),
        latitude=row["latitude"],
        longitude=row["longitude"],
        ships=row["ships"],
        picks_up=row["picks_up"],
        closed_at=row["closed_at"],
    )
