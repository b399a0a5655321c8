"""Lists for the console and the API: stock in all its states, movements, living promises, promises at risk."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from unisono.commerce.inventory.errors import RiskUnknown
from unisono.commerce.inventory.model import Movement, Risk, StockPromise, StockRow
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.inventory")

_END: Final = 2**63 - 1


def _clean(texts: Collection[str] | None) -> list[str] | None:
    """None asks for all; a text no row can have finds nothing."""
    return None if texts is None else [text for text in texts if "\x00" not in text]


async def stock(
    conn: Connection,
    *,
    skus: Collection[str] | None = None,
    locations: Collection[str] | None = None,
    low: bool = False,
    after: int = 0,
    limit: int = 100,
    now: datetime,
) -> list[StockRow]:
    """Stock rows in the order they were made; continue with ``after`` the last good id. ``low``: only low ones."""
    rows = await _sql.stock_rows(
        conn, skus=_clean(skus), locations=_clean(locations), low=low, after=after, most=limit, now=now
    )
    return [StockRow(**row, promisable=max(0, row["available"] - row["safety"])) for row in rows]


async def movements(
    conn: Connection,
    *,
    skus: Collection[str] | None = None,
    locations: Collection[str] | None = None,
    reference: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Movement]:
    """Movements, newest first; continue with ``before`` the last id."""
    if reference is not None and "\x00" in reference:
        return []
    rows = await _sql.movements(
        conn,
        skus=_clean(skus),
        locations=_clean(locations),
        reference=reference,
        before=before or _END,
        most=limit,
    )
    return [Movement(**row) for row in rows]


async def promises(
    conn: Connection,
    *,
    skus: Collection[str] | None = None,
    locations: Collection[str] | None = None,
    limit: int = 100,
    now: datetime,
) -> list[StockPromise]:
    """Living holds of stock, the oldest first."""
    rows = await _sql.promises(conn, skus=_clean(skus), locations=_clean(locations), most=limit, now=now)
    return [StockPromise(**row) for row in rows]


async def risks(
    conn: Connection,
    *,
    locations: Collection[str] | None = None,
    settled: bool = False,
    before: int | None = None,
    limit: int = 100,
) -> list[Risk]:
    """Promises at risk that nobody has settled yet, newest first; with ``settled`` the others too."""
    rows = await _sql.risks(conn, locations=_clean(locations), settled=settled, before=before or _END, most=limit)
    return [Risk(**row) for row in rows]


async def risk_location(conn: Connection, risk_id: int) -> str:
    """Where a promise is at risk. Raises RiskUnknown."""
    code: str | None = await _sql.risk_location(conn, id=risk_id)
    if code is None:
        raise RiskUnknown(f"There is no promise at risk {risk_id}.")
    return code
