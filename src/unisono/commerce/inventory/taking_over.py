"""Taking over a stock that was kept elsewhere: many thousand pairs of variant and place at once, by COPY.

Movements serve who receives a lorry; the first books of a chain are some hundred thousand rows. They are written as
a count of an empty shelf would write them: a good, its stock, the movement that says why, the change that tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from unisono.commerce.inventory import finding
from unisono.commerce.inventory.errors import BadStock
from unisono.commerce.inventory.finding import Found
from unisono.commerce.inventory.model import MAX_UNITS
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.inventory")

MAX_LINES = 50_000
"""Pairs in one call: a transaction of about two seconds."""


class FirstCount(NamedTuple):
    """What lay on a shelf when its books began here, and how many units remote channels never promise."""

    variant_id: int
    location_code: str
    quantity: int
    safety: int = 0


async def take_over(
    conn: Connection,
    lines: Sequence[FirstCount],
    *,
    actor: str,
    reason: str,
    counted_at: datetime,
    now: datetime,
) -> int:
    """Begin the books of pairs that have none: on hand as counted at ``counted_at`` (UTC); how many were begun.

    A pair whose stock is kept already stays as it is, so the same lines again begin nothing. Receipts of before the
    count move nothing later on. Raises BadStock, SkuUnknown, LocationUnknown; ``asyncpg.UniqueViolationError`` when
    somebody else begins the books of a pair at this moment: a second try finds them.
    """
    _check(lines, actor, reason, counted_at, now)
    found = await finding.find(conn, [(line.variant_id, line.location_code) for line in lines], now=now)
    kit = next((one for one in found.values() if one.is_kit), None)
    if kit is not None:
        raise BadStock(f"{kit.sku} is a kit: its parts have the stock.", code="kit_has_no_stock")
    new = [(line, one) for line in lines if (one := found[line.variant_id, line.location_code]).good_id is None]
    if new:
        ids = [row["id"] for row in await _sql.next_goods(conn, count=len(new))]
        await _copy(conn, ids, new, actor=actor, reason=reason, counted_at=counted_at)
    return len(new)


def _check(lines: Sequence[FirstCount], actor: str, reason: str, counted_at: datetime, now: datetime) -> None:
    if not 1 <= len(lines) <= MAX_LINES:
        raise BadStock(f"1 to {MAX_LINES} lines can be taken over at once, not {len(lines)}.")
    if counted_at.tzinfo is None or counted_at > now:
        raise BadStock("A count is of the past, at an instant with its zone.", code="bad_instant")
    if not all(text and len(text) <= 500 and "\x00" not in text for text in (actor, reason)):
        raise BadStock("Texts have 1 to 500 characters, without NUL.", code="bad_text")
    if len({(line.variant_id, line.location_code) for line in lines}) < len(lines):
        raise BadStock("A variant is counted twice in one place.", code="counted_twice")
    for line in lines:
        if not (0 <= line.quantity <= MAX_UNITS and 0 <= line.safety <= MAX_UNITS):
            raise BadStock(f"{line.quantity} is no number of units.", hint=f"From 0 to {MAX_UNITS}.")


async def _copy(
    conn: Connection,
    ids: Sequence[int],
    new: Sequence[tuple[FirstCount, Found]],
    *,
    actor: str,
    reason: str,
    counted_at: datetime,
) -> None:
    """The rows of every table; a good without units has not changed yet, so it tells nothing."""
    goods, stocks, movements, changes = [], [], [], []
    for good_id, (line, one) in zip(ids, new, strict=True):
        key, units = f"{one.sku}@{one.code}", line.quantity
        goods.append((good_id, "stock", key, units, 1 if units else 0))
        stocks.append((good_id, one.variant_id, one.location_id, line.safety, counted_at))
        if units:
            movements.append((good_id, counted_at, "on_hand", units, reason, actor))
            changes.append(("stock", f"stock:{key}", 1, _told(units)))
    await conn.copy_records_to_table("good", records=goods, columns=("id", "kind", "key", "capacity", "version"))
    await conn.copy_records_to_table(
        "stock", records=stocks, columns=("good_id", "variant_id", "location_id", "safety", "counted_at")
    )
    await conn.copy_records_to_table(
        "stock_movement", records=movements, columns=("good_id", "at", "state", "quantity", "reason", "actor")
    )
    await conn.copy_records_to_table("change", records=changes, columns=("kind", "subject", "sequence", "data"))


def _told(units: int) -> str:
    """As `holds` tells of a good."""
    data = {"capacity": units, "held": 0, "committed": 0, "available": units, "at_risk": 0}
    return msgspec.json.encode(data).decode()
