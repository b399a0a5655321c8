"""The door of inventory: what can be promised where, promises of stock, and everything that moves it.

Also here: movements (`receive`, `expect`, `adjust`, `damage`, `transfer`, `count`, `sell_at_till`, `sell`,
`hand_over`, `put_back`), books begun at once (`take_over`), places (`location`, `locations`, `save_location`) and
lists (`reading`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from unisono.commerce.holds import service as holds
from unisono.commerce.inventory import finding, rules
from unisono.commerce.inventory.errors import BadStock, RiskUnknown
from unisono.commerce.inventory.model import MAX_UNITS, Mode, Need, NoPlan, Place, Plan, StockAt
from unisono.commerce.inventory.moving import (
    Why,
    adjust,
    count,
    damage,
    expect,
    hand_over,
    put_back,
    receive,
    sell,
    sell_at_till,
    transfer,
)
from unisono.commerce.inventory.places import location, locations, save_location
from unisono.commerce.inventory.promising import (
    ask_for,
    commit,
    hold_stock,
    hold_stock_lines,
    note_low,
    refused,
    release,
)
from unisono.commerce.inventory.taking_over import FirstCount, take_over
from unisono.kit.database import Connection
from unisono.kit.sql import load

__all__ = [
    "FirstCount",
    "Why",
    "adjust",
    "ask_for",
    "availability",
    "commit",
    "count",
    "damage",
    "expect",
    "hand_over",
    "hold_stock",
    "hold_stock_lines",
    "location",
    "locations",
    "note_low",
    "plan",
    "put_back",
    "receive",
    "refresh_low",
    "refused",
    "release",
    "save_location",
    "sell",
    "sell_at_till",
    "set_levels",
    "settle_risk",
    "take_over",
    "transfer",
]

_sql = load("unisono.commerce.inventory")


# Availability -----------------------------------------------------------------------------------------


async def availability(
    conn: Connection,
    variant_ids: Collection[int],
    *,
    channel: str,
    locations: Collection[str] | None = None,
    near: tuple[float, float] | None = None,
    now: datetime,
) -> dict[int, list[Place]]:
    """What each open place can promise of each variant in a channel: two statements, whatever their number.

    Every variant asked for is in the answer. Kits are as many as their scarcest part allows, in one place. Nearest
    first when ``near`` (latitude, longitude) is given, else by name. Dead holds promise nothing.
    """
    ids = list(dict.fromkeys(variant_ids))
    parts = await finding.parts_of(conn, ids)
    wanted = sorted({part for some in parts.values() for part, _ in some if 0 < part < 2**63})
    codes = None if locations is None else [code for code in locations if "\x00" not in code]
    rows = await _sql.stock_of_variants(conn, variants=wanted, locations=codes, now=now)
    by_variant: dict[int, dict[str, asyncpg.Record]] = {}
    for row in rows:
        by_variant.setdefault(row["variant_id"], {})[row["code"]] = row
    found = {one: _places(parts[one], one, by_variant, channel, near) for one in ids}
    for places in found.values():
        places.sort(key=lambda place: (place.distance_km is None, place.distance_km or 0.0, place.name))
    return found


def _places(
    parts: Sequence[tuple[int, int]],
    variant: int,
    by_variant: Mapping[int, Mapping[str, asyncpg.Record]],
    channel: str,
    near: tuple[float, float] | None,
) -> list[Place]:
    """The places that keep all parts of a variant."""
    if not parts:
        return []
    own = len(parts) == 1 and parts[0][0] == variant
    stocks = [by_variant.get(part, {}) for part, _ in parts]
    places = []
    for code in stocks[0]:
        if not all(code in stock for stock in stocks):
            continue
        row = stocks[0][code]
        units = {part: _free(stock[code], channel) for (part, _), stock in zip(parts, stocks, strict=True)}
        at = None if row["latitude"] is None else (row["latitude"], row["longitude"])
        places.append(
            Place(
                location_code=code,
                name=row["name"],
                kind=row["kind"],
                available=rules.kits_of(parts, units),
                on_hand=row["capacity"] if own and channel in ("store", "service") else None,
                distance_km=round(rules.distance_km(near, at), 1) if near and at else None,
                ships=row["ships"],
                picks_up=row["picks_up"],
                incoming=row["incoming"] if own else 0,
                incoming_at=row["incoming_at"] if own else None,
            )
        )
    return places


def _free(row: asyncpg.Record, channel: str) -> int:
    kept = row["safety"] if rules.keeps_safety(channel) else 0
    return max(0, int(row["available"]) - kept)


async def plan(
    conn: Connection,
    needs: Sequence[Need],
    mode: Mode,
    *,
    channel: str,
    near: tuple[float, float] | None = None,
    now: datetime,
) -> Plan | NoPlan:
    """Where the units would come from at this moment; nothing is held. See `rules.allocate`."""
    stock = await availability(conn, [need.variant_id for need in needs], channel=channel, near=near, now=now)
    return rules.allocate(
        needs,
        [
            StockAt(
                variant_id=variant,
                location_code=place.location_code,
                name=place.name,
                available=place.available,
                kind=place.kind,
                ships=place.ships,
                picks_up=place.picks_up,
                distance_km=place.distance_km,
            )
            for variant, places in stock.items()
            for place in places
        ],
        mode,
    )


# Keeping watch ----------------------------------------------------------------------------------------


async def set_levels(
    conn: Connection,
    levels: Sequence[tuple[int, str, int | None, int | None]],
    *,
    now: datetime,
) -> None:
    """(variant, place, safety, low_at): units kept from remote channels (None: as before), and at how many or fewer
    left somebody is told (None: nobody). Stock rows are made where there are none."""
    for _, _, safety, low_at in levels:
        if any(units is not None and not 0 <= units <= MAX_UNITS for units in (safety, low_at)):
            raise BadStock("Levels are numbers of units from 0.")
    goods = await finding.ensure(conn, [(variant, code) for variant, code, _, _ in levels], now=now)
    ids = [goods[variant, code] for variant, code, _, _ in levels]
    await holds.lock(conn, ids)
    await _sql.set_levels(conn, goods=ids, safeties=[level[2] for level in levels], lows=[level[3] for level in levels])
    await note_low(conn, ids, now=now)


async def refresh_low(conn: Connection, *, now: datetime) -> int:
    """Note what has become low, or is no longer, because holds died or other rooms gave units back; how many.

    For a worker, now and then: movements and holds of stock note it themselves.
    """
    goods = [row["good_id"] for row in await _sql.low_to_note(conn, now=now)]
    return await note_low(conn, goods, now=now)


async def settle_risk(conn: Connection, risk_id: int, *, outcome: str, actor: str, now: datetime) -> None:
    """Somebody has dealt with a promise at risk: what came of it. Raises RiskUnknown, BadStock without outcome."""
    outcome = outcome.replace("\x00", "").strip()
    if not 1 <= len(outcome) <= 500:
        raise BadStock("Say in 1 to 500 characters what came of it.", code="outcome_missing")
    if not await _sql.settle_risk(conn, id=risk_id, outcome=outcome, actor=actor, now=now):
        raise RiskUnknown(f"There is no promise at risk {risk_id}, or it is settled.")
