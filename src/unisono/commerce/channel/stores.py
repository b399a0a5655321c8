"""The stores a customer may come to: open or not, how far, and whether they have what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location
from unisono.commerce.inventory.opening import opening_hours
from unisono.commerce.inventory.rules import distance_km
from unisono.kit.database import Connection

Point = tuple[float, float]


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """A store as customers see it."""

    store_id: str
    name: str
    address: dict[str, Any]
    timezone: str
    open: bool
    closes_at: datetime | None
    next_opening: datetime | None
    picks_up: bool
    """Customers collect here."""
    distance_km: float | None
    short: tuple[str, ...] = ()
    """Of the skus asked for, those of which it has too few units to promise."""


async def stores(
    conn: Connection,
    *,
    wanted: Mapping[str, tuple[int, int]],
    channel: str,
    near: Point | None,
    limit: int,
    now: datetime,
) -> list[Store]:
    """Stores that are not closed for good: those that have all of ``wanted`` (sku to variant id and units) first,
    then the nearest, then by name."""
    places = [
        place
        for place in await inventory.locations(conn)
        if place.kind == "store" and (place.closed_at is None or place.closed_at > now)
    ]
    short = await _short(conn, places, wanted, channel=channel, now=now)
    seen = [_store(place, short.get(place.code, ()), near, now) for place in places]
    seen.sort(key=lambda one: (len(one.short), one.distance_km is None, one.distance_km or 0.0, one.name))
    return seen[:limit]


async def _short(
    conn: Connection, places: list[Location], wanted: Mapping[str, tuple[int, int]], *, channel: str, now: datetime
) -> dict[str, tuple[str, ...]]:
    if not wanted:
        return {}
    ids = [variant for variant, _ in wanted.values()]
    found = await inventory.availability(conn, ids, channel=channel, now=now)
    units = {(place.location_code, variant): place.available for variant in ids for place in found.get(variant, ())}
    return {
        place.code: tuple(
            sku for sku, (variant, asked) in wanted.items() if units.get((place.code, variant), 0) < asked
        )
        for place in places
    }


def _store(place: Location, short: tuple[str, ...], near: Point | None, now: datetime) -> Store:
    state = opening_hours(place, now)
    there = (place.latitude, place.longitude)
    far = None
    if near is not None and there[0] is not None and there[1] is not None:
        far = round(distance_km(near, (there[0], there[1])), 1)
    return Store(
        store_id=place.code,
        name=place.name,
        address=place.address,
        timezone=place.timezone,
        open=state.open,
        closes_at=state.closes_at,
        next_opening=state.next_opening,
        picks_up=place.picks_up,
        distance_km=far,
        short=short,
    )
