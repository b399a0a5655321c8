"""Promises of stock: needs by variant and place become holds on goods, and a refusal is told in words of stock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.holds.model import Ask, Grant, Hold, HoldRequest, Refusal
from unisono.commerce.inventory import finding, rules
from unisono.commerce.inventory.errors import BadStock, NotEnough
from unisono.commerce.inventory.finding import Found
from unisono.commerce.inventory.model import StockNeed
from unisono.kit.database import Connection
from unisono.kit.errors import Conflict
from unisono.kit.sql import load

_sql = load("unisono.commerce.inventory")


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
    asked = await ask_for(conn, needs, channel, now=now)
    request = HoldRequest(
        key=key,
        asks=asked.flat,
        node_id=node_id,
        expires_at=expires_at,
        reason=reason,
        reference=reference,
    )
    [answer] = await holds.take(conn, [request], now=now)
    if isinstance(answer, Refusal):
        raise await refused(conn, answer, needs, asked, now)
    if asked.watched:
        await _sql.note_low(conn, goods=asked.watched, now=now)
    return _by_line(answer, asked.asks)


Parts: TypeAlias = Mapping[int, tuple[tuple[int, int], ...]]
"""Kit to (part, units in one kit)."""


class Asked(NamedTuple):
    """Needs as asks of goods, line by line."""

    asks: list[tuple[Ask, ...]]
    skus: list[str]
    watched: list[int]
    """Goods somebody is told of when they are low."""

    @property
    def flat(self) -> tuple[Ask, ...]:
        """All of them, in order: what a `HoldRequest` takes."""
        return tuple(ask for line in self.asks for ask in line)


async def ask_for(conn: Connection, needs: Sequence[StockNeed], channel: str, *, now: datetime) -> Asked:
    """The needs as asks of goods: of kits their parts, in remote channels leaving the safety stock.

    Raises NotEnough at once where no stock is kept of something, BadStock, LocationUnknown, SkuUnknown.
    """
    found = await finding.find(conn, {(need.variant_id, need.location_code) for need in needs}, now=now)
    kits = {one.variant_id for one in found.values() if one.is_kit}
    parts: Parts = {}
    if kits:
        parts = await finding.parts_of(conn, kits)
        inside = {(part, need.location_code) for need in needs for part, _ in parts.get(need.variant_id, ())}
        found |= await finding.find(conn, inside, now=now)
    return asks_of(needs, found, parts, channel)


def asks_of(needs: Sequence[StockNeed], found: Mapping[finding.Pair, Found], parts: Parts, channel: str) -> Asked:
    """The same from what was found; ``parts`` are those of the kits among the needs."""
    if not needs:
        raise BadStock("Nothing is asked for.")
    remote = rules.keeps_safety(channel)
    asked = Asked([], [], [])
    nothing: list[dict[str, Any]] = []
    for need in needs:
        if need.quantity < 1:
            raise BadStock(f"{need.quantity} units cannot be held.")
        sku = found[need.variant_id, need.location_code].sku
        shelf = [
            (found[part, need.location_code], each)
            for part, each in parts.get(need.variant_id, ((need.variant_id, 1),))
        ]
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
        asked.watched.extend(one.good_id for one, _ in shelf if one.good_id is not None and one.low_at is not None)
    if nothing:
        raise NotEnough(nothing)
    return asked


def _short(sku: str, need: StockNeed, available: int) -> dict[str, Any]:
    return {"sku": sku, "asked": need.quantity, "available": available, "location": need.location_code}


async def refused(
    conn: Connection, refusal: Refusal, needs: Sequence[StockNeed], asked: Asked, now: datetime
) -> Exception:
    """What a refusal means in words of stock."""
    if refusal.code == "dead":
        return HoldDead("What was put aside under this key has expired.", holds=())
    if refusal.code == "key_reused":
        return Conflict("This key was used to hold something else.", code="hold_key_reused")
    short = {shortage.good_id for shortage in refusal.short}
    states = await holds.goods(conn, {ask.good_id for ask in asked.flat}, now=now)
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


async def note_low(conn: Connection, goods: Collection[int], *, now: datetime) -> int:
    """Keep and tell which of these goods have become low or are no longer; how many it was."""
    if not goods:
        return 0
    await holds.end_dead(conn, goods, now=now)
    noted: int = await _sql.note_low(conn, goods=list(goods), now=now)
    return noted
