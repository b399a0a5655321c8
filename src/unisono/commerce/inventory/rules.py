"""What can be promised from where: pure rules of allocation, kits and distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import asin, cos, inf, radians, sin, sqrt
from typing import Final

from unisono.commerce.inventory.model import Mode, Need, NoPlan, Parcel, Pickup, Plan, Ship, StockAt
from unisono.commerce.inventory.opening import next_opening, opening_hours
from unisono.kit.reasons import Reason

__all__ = [
    "allocate",
    "distance_km",
    "keeps_safety",
    "kits_of",
    "next_opening",
    "opening_hours",
]

EARTH_KM: Final = 6371.0088
"""Mean radius (IUGG)."""


def keeps_safety(channel: str) -> bool:
    """Whether a channel must leave the safety stock alone: all but the store, where somebody sees the shelf."""
    return channel != "store"


def kits_of(parts: Sequence[tuple[int, int]], units: Mapping[int, int]) -> int:
    """Kits that can be made of so many units: the part that runs out first decides."""
    return min((units.get(part, 0) // per_kit for part, per_kit in parts), default=0)


def distance_km(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Great-circle distance between two (latitude, longitude) in degrees, by the haversine formula."""
    (lat_a, lon_a), (lat_b, lon_b) = ((radians(x), radians(y)) for x, y in (here, there))
    chord = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(chord)))


def allocate(needs: Sequence[Need], stock: Sequence[StockAt], mode: Mode) -> Plan | NoPlan:
    """Where the units come from, or why they cannot.

    Ship: the fewest parcels a greedy choice finds. Each parcel is the place that can give the most of what is still
    missing; among equals a warehouse before a store, then the nearest, then by code. Pick-up: everything from the
    place itself; only with ``transfer`` the rest is brought from elsewhere by the same rule.
    """
    wanted: dict[int, int] = {}
    for need in needs:
        wanted[need.variant_id] = wanted.get(need.variant_id, 0) + need.quantity
    if isinstance(mode, Ship):
        parcels, missing = _gather(wanted, [one for one in stock if one.ships])
        if missing:
            return _refused(wanted, stock, [_short(wanted[v], wanted[v] - n) for v, n in missing.items()], mode)
        return Plan(parcels)
    here = [one for one in stock if one.location_code == mode.location and one.picks_up]
    own, missing = _gather(wanted, here)
    if not missing:
        return Plan(own)
    transfers: tuple[Parcel, ...] = ()
    if mode.transfer and any(one.location_code == mode.location and one.picks_up for one in stock):
        elsewhere = [one for one in stock if one.location_code != mode.location and one.ships]
        transfers, still = _gather(missing, elsewhere)
        if not still:
            return Plan((Parcel(mode.location, _lines(wanted)),), transfers)
    name = next((one.name for one in stock if one.location_code == mode.location), mode.location)
    reasons = [_short_here(wanted[v], wanted[v] - n, mode.location, name) for v, n in missing.items()]
    return _refused(wanted, stock, reasons, mode)


def _gather(wanted: Mapping[int, int], stock: Sequence[StockAt]) -> tuple[tuple[Parcel, ...], dict[int, int]]:
    """Parcels, and what they leave missing."""
    places: dict[str, list[StockAt]] = {}
    for one in stock:
        places.setdefault(one.location_code, []).append(one)
    missing = dict(wanted)
    parcels = []
    while missing and places:
        code = min(places, key=lambda code: _rank(places[code], missing))
        gives = _gives(places.pop(code), missing)
        if not gives:
            break
        parcels.append(Parcel(code, _lines(gives)))
        missing = {v: n - gives.get(v, 0) for v, n in missing.items() if n > gives.get(v, 0)}
    return tuple(parcels), missing


def _gives(place: Sequence[StockAt], missing: Mapping[int, int]) -> dict[int, int]:
    units = {one.variant_id: one.available for one in place}
    return {v: min(n, units[v]) for v, n in missing.items() if units.get(v, 0) > 0}


def _rank(place: Sequence[StockAt], missing: Mapping[int, int]) -> tuple[int, bool, float, str]:
    first = place[0]
    far = inf if first.distance_km is None else first.distance_km
    return -sum(_gives(place, missing).values()), first.kind != "warehouse", far, first.location_code


def _lines(units: Mapping[int, int]) -> tuple[Need, ...]:
    return tuple(Need(variant, units[variant]) for variant in sorted(units))


def _short(asked: int, available: int) -> Reason:
    return Reason("not_enough", "{available} of {asked} can be had.", {"asked": asked, "available": available})


def _short_here(asked: int, available: int, code: str, name: str) -> Reason:
    values = {"asked": asked, "available": available, "location": code, "name": name}
    return Reason("not_enough_here", "{available} in {name} now", values)


def _refused(wanted: Mapping[int, int], stock: Sequence[StockAt], reasons: Sequence[Reason], mode: Mode) -> NoPlan:
    """The refusal with what could be done instead."""
    codes = sorted({one.location_code for one in stock if one.picks_up})
    elsewhere = []
    for code in codes:
        if isinstance(mode, Pickup) and code == mode.location:
            continue
        if not _gather(wanted, [one for one in stock if one.location_code == code])[1]:
            elsewhere.append(code)
    can_ship = isinstance(mode, Pickup) and not _gather(wanted, [one for one in stock if one.ships])[1]
    return NoPlan(tuple(reasons), tuple(elsewhere), can_ship)
