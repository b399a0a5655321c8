"""Price lists: made once, switched off once, never changed between: their prices must be told for the past, too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg

from unisono.commerce.pricing import checking
from unisono.commerce.pricing.errors import PriceListTaken, PriceListUnknown
from unisono.commerce.pricing.model import NewPriceList, PriceList
from unisono.commerce.pricing.writing import call_when_due, tell
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.pricing")


def _list_of(row: asyncpg.Record) -> PriceList:
    values: dict[str, Any] = dict(row)
    return PriceList(**values)


async def price_lists(conn: Connection) -> list[PriceList]:
    """Every price list, those switched off too, the strongest first."""
    return [_list_of(row) for row in await _sql.price_lists(conn)]


async def price_list(conn: Connection, code: str) -> PriceList:
    """One price list. Raises PriceListUnknown."""
    row = await _sql.price_list_by_code(conn, code=code.replace("\x00", ""))
    if row is None:
        raise PriceListUnknown(f"There is no price list {code[:100]!r}.")
    return _list_of(row)


async def list_by_id(conn: Connection, list_id: int) -> PriceList:
    """One price list that is known to exist."""
    return _list_of(await _sql.price_list_by_id(conn, id=list_id))


async def create_list(conn: Connection, new: NewPriceList) -> PriceList:
    """Make a price list. What it is for never changes after: its prices could not be told for the past.

    Raises BadRequest (``bad_price_list``, ``bad_period``), MoneyError for a currency that is none, PriceListTaken.
    """
    new = checking.checked_list(new)
    row = await _sql.insert_price_list(
        conn,
        code=new.code,
        name=new.name,
        currency=new.currency,
        tax_included=new.tax_included,
        channel=new.channel,
        store_id=new.store_id,
        audience=new.audience,
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        priority=new.priority,
    )
    if row is None:
        raise PriceListTaken(f"There is a price list {new.code!r} already.")
    made = _list_of(row)
    await call_when_due(conn, made, [at for at in (made.starts_at, made.ends_at) if at is not None])
    return made


async def disable_list(conn: Connection, code: str, *, now: datetime) -> PriceList:
    """Switch a list off from now on; the feed is told of every sku it asked a price for. Twice is as once.

    Raises PriceListUnknown.
    """
    chosen = await price_list(conn, code)
    variants = [row["id"] for row in await _sql.lock_variants_of_list(conn, price_list_id=chosen.id, now=now)]
    if await _sql.disable_price_list(conn, id=chosen.id, now=now):
        await tell(conn, chosen, [], why="list_off", more={variant_id: {} for variant_id in variants})
    return await price_list(conn, code)
