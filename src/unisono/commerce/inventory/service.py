"""The door of inventory: what can be promised where, promises of stock, and everything that moves it.

Also here: movements (`receive`, `expect`, `adjust`, `damage`, `transfer`, `count`, `sell_at_till`, `sell`,
`hand_over`, `put_back`), places (`location`, `locations`, `save_location`) and lists (`reading`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.holds.model import Ask, Grant, Hold, HoldRequest, Refusal
from unisono.commerce.holds.rules import MAX_QUANTITY
from unisono.commerce.inventory import finding, rules
from unisono.commerce.inventory.errors import BadStock, NotEnough, RiskUnknown
from unisono.commerce.inventory.model import Mode, Need, NoPlan, Place, Plan, StockAt, StockNeed
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
from unisono.kit.database import Connection
from unisono.kit.errors import Conflict
from unisono.kit.sql import load

__all__ = [
    "Why",
    "adjust",
    "availability",
    "commit",
    "count",
    "damage",
    "expect",
    "hand_over",
    "hold_request",
    "hold_stock",
    "hold_stock_lines",
    "location",
    "locations",
    "plan",
    "put_back",
    "receive",
    "refresh_low",
    "release",
    "save_location",
    "sell",
    "sell_at_till",
    "set_levels",
    "settle_risk",
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


# Promises ---------------------------------------------------------------------------------------------


async def hold_stock(
    conn: Connection,
    needs: Sequence[StockNeed],
    *,
    channel: str,
    node_id: int | None,
    key: str,
    expires_at: datetime | None,
    reason: str,
    reference: str | None,
    now: datetime,
) -> list[Hold]:
    """Hold all units asked for, or none: of kits, their parts. Repeating the key gives the same holds.

    Raises NotEnough with what each line could have had, HoldDead when the key's holds have died, Conflict when the key
    was used for something else, BadStock, LocationUnknown, SkuUnknown.
    """
    lines = await hold_stock_lines(
        conn,
        needs,
        channel=channel,
        node_id=node_id,
        key=key,
        expires_at=expires_at,
        reason=reason,
        reference=reference,
        now=now,
    )
    return [hold for line in lines for hold in line]


async def hold_stock_lines(
    conn: Connection,
    needs: Sequence[StockNeed],
    *,
    channel: str,
    node_id: int | None,
    key: str,
    expires_at: datetime | None,
    reason: str,
    reference: str | None,
    now: datetime,
) -> list[tuple[Hold, ...]]:
    """As `hold_stock`, the holds of each need apart: of a kit there are several."""
    asked = await _asked(conn, needs, channel, now=now)
    request = HoldRequest(
        key=key,
        asks=tuple(ask for line in asked.asks for ask in line),
        node_id=node_id,
        expires_at=expires_at,
        reason=reason,
        reference=reference,
    )
    [answer] = await holds.take(conn, [request], now=now)
    if isinstance(answer, Refusal):
        raise await _refused(conn, answer, needs, asked, now)
    if asked.watched:
        await _sql.note_low(conn, goods=asked.watched, now=now)
    return _by_line(answer, asked.asks)


class _Asked:
    """Needs as asks of goods, line by line."""

    def __init__(self) -> None:
        self.asks: list[tuple[Ask, ...]] = []
        self.skus: list[str] = []
        self.watched: list[int] = []


async def _asked(conn: Connection, needs: Sequence[StockNeed], channel: str, *, now: datetime) -> _Asked:
    """Raises NotEnough at once where no stock is kept of something."""
    if not needs:
        raise BadStock("Nothing is asked for.")
    parts = await finding.parts_of(conn, {need.variant_id for need in needs})
    pairs = {(part, need.location_code) for need in needs for part, _ in parts[need.variant_id]}
    pairs |= {(need.variant_id, need.location_code) for need in needs}
    found = await finding.find(conn, pairs, now=now)
    remote = rules.keeps_safety(channel)
    asked = _Asked()
    nothing: list[dict[str, Any]] = []
    for need in needs:
        if need.quantity < 1:
            raise BadStock(f"{need.quantity} units cannot be held.")
        sku = found[need.variant_id, need.location_code].sku
        shelf = [(found[part, need.location_code], each) for part, each in parts[need.variant_id]]
        if not shelf or any(one.good_id is None for one, _ in shelf):
            nothing.append(_short(sku, need, 0))
            continue
        asked.skus.append(sku)
        asked.asks.append(
            tuple(
                Ask(one.good_id, need.quantity * each, one.safety if remote else 0)
                for one, each in shelf
                if one.good_id is not None
            )
        )
        asked.watched += [one.good_id for one, _ in shelf if one.good_id is not None and one.low_at is not None]
    if nothing:
        raise NotEnough(nothing)
    return asked


def _short(sku: str, need: StockNeed, available: int) -> dict[str, Any]:
    return {"sku": sku, "asked": need.quantity, "available": available, "location": need.location_code}


async def _refused(
    conn: Connection, refusal: Refusal, needs: Sequence[StockNeed], asked: _Asked, now: datetime
) -> Exception:
    """What a refusal means in words of stock."""
    if refusal.code == "dead":
        return HoldDead("What was put aside under this key has expired.", holds=())
    if refusal.code == "key_reused":
        return Conflict("This key was used to hold something else.", code="hold_key_reused")
    short = {shortage.good_id for shortage in refusal.short}
    states = await holds.goods(conn, {ask.good_id for line in asked.asks for ask in line}, now=now)
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for need, sku, asks in zip(needs, asked.skus, asked.asks, strict=True):
        if any(ask.good_id in short for ask in asks):
            free = {ask.good_id: max(0, states[ask.good_id].available - ask.leave) for ask in asks}
            each = [(ask.good_id, ask.quantity // need.quantity) for ask in asks]
            before = lines.get((sku, need.location_code), {"asked": 0})["asked"]
            line = _short(sku, need, rules.kits_of(each, free))
            lines[sku, need.location_code] = {**line, "asked": before + need.quantity}
    # Each alone could be had where lines compete for one part; then all of them are told, else only the short ones.
    return NotEnough([line for line in lines.values() if line["available"] < line["asked"]] or list(lines.values()))


def _by_line(grant: Grant, asks: Sequence[tuple[Ask, ...]]) -> list[tuple[Hold, ...]]:
    lines, start = [], 0
    for line in asks:
        lines.append(grant.holds[start : start + len(line)])
        start += len(line)
    return lines


async def hold_request(
    conn: Connection,
    needs: Sequence[StockNeed],
    *,
    channel: str,
    key: str,
    expires_at: datetime | None,
    reason: str,
    reference: str | None = None,
    node_id: int | None = None,
    now: datetime,
) -> HoldRequest:
    """The needs as a request for `holds.taker.Taker`, which takes many of them in one transaction. Raises as
    `hold_stock` does, but for what only the taking can tell."""
    asked = await _asked(conn, needs, channel, now=now)
    return HoldRequest(
        key=key,
        asks=tuple(ask for line in asked.asks for ask in line),
        node_id=node_id,
        expires_at=expires_at,
        reason=reason,
        reference=reference,
    )


async def commit(conn: Connection, hold_ids: Collection[UUID], *, now: datetime) -> None:
    """Make promises of stock firm. Raises HoldDead."""
    await holds.commit(conn, hold_ids, now=now)


async def release(conn: Connection, hold_ids: Collection[UUID], *, now: datetime, reason: str) -> int:
    """Give promised units back, held or firm; how many holds it was."""
    released = await holds.release(conn, hold_ids, now=now, reason=reason)
    if released:
        goods = {hold.good_id for hold in await holds.find(conn, hold_ids)}
        await _sql.note_low(conn, goods=list(goods), now=now)
    return released


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
        if any(units is not None and not 0 <= units <= MAX_QUANTITY for units in (safety, low_at)):
            raise BadStock("Levels are numbers of units from 0.")
    goods = await finding.ensure(conn, [(variant, code) for variant, code, _, _ in levels], now=now)
    ids = [goods[variant, code] for variant, code, _, _ in levels]
    await holds.lock(conn, ids)
    await _sql.set_levels(conn, goods=ids, safeties=[level[2] for level in levels], lows=[level[3] for level in levels])
    await _sql.note_low(conn, goods=ids, now=now)


async def refresh_low(conn: Connection, *, now: datetime) -> int:
    """Note what has become low, or is no longer, because holds died or other rooms gave units back; how many.

    For a worker, now and then: movements and holds of stock note it themselves.
    """
    goods = [row["good_id"] for row in await _sql.low_to_note(conn, now=now)]
    if not goods:
        return 0
    await holds.lock(conn, goods)
    noted: int = await _sql.note_low(conn, goods=goods, now=now)
    return noted


async def settle_risk(conn: Connection, risk_id: int, *, outcome: str, actor: str, now: datetime) -> None:
    """Somebody has dealt with a promise at risk: what came of it. Raises RiskUnknown, BadStock without outcome."""
    outcome = outcome.replace("\x00", "").strip()
    if not 1 <= len(outcome) <= 500:
        raise BadStock("Say in 1 to 500 characters what came of it.", code="outcome_missing")
    if not await _sql.settle_risk(conn, id=risk_id, outcome=outcome, actor=actor, now=now):
        raise RiskUnknown(f"There is no promise at risk {risk_id}, or it is settled.")
