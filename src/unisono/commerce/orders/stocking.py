"""What orders do to the shelves: one place where lines of orders become movements of stock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.errors import LocationUnknown
from unisono.commerce.inventory.model import StockLine, TillSale
from unisono.commerce.orders.model import Condition, OrderLine
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest


class Sale(NamedTuple):
    """Units of a variant on a receipt: ``reference`` is the receipt."""

    store_id: str
    variant_id: int
    units: int
    reference: str
    at: datetime


async def sell_receipts(conn: Connection, sales: Sequence[Sale], *, now: datetime) -> None:
    """Receipts that have happened take their units off the shelf, promised ones too: those are at risk then.

    What no stock is kept of, and what the shelf was counted after, moves nothing (`inventory.sell`).
    """
    receipts: dict[tuple[str, str, datetime], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for sale in sales:
        receipts[sale.store_id, sale.reference, sale.at][sale.variant_id] += sale.units
    if receipts:
        await inventory.sell(
            conn,
            [
                TillSale(location_code=store, lines=tuple(lines.items()), reference=reference, occurred_at=at)
                for (store, reference, at), lines in receipts.items()
            ],
            actor="till",
            override_reason="sold at the till",
            now=now,
        )


async def put_back(
    conn: Connection,
    store_id: str | None,
    units: Sequence[tuple[OrderLine, int, Condition]],
    *,
    reference: str,
    actor: str,
    now: datetime,
) -> None:
    """Units brought back to a place: sellable ones on its shelf, damaged ones beside it. Nothing where there is no
    place, or the sku is none of the catalogue. Raises LocationUnknown for a place that is none of ours."""
    if store_id is None:
        return
    why = inventory.Why(actor, "returned", reference)
    for condition in ("sellable", "damaged"):
        lines = [
            StockLine(line.variant_id, store_id, count)
            for line, count, state in units
            if state == condition and line.variant_id is not None
        ]
        if lines:
            try:
                await inventory.put_back(
                    conn, lines, why, now=now, condition="sellable" if condition == "sellable" else "damaged"
                )
            except LocationUnknown as error:
                raise BadRequest(error.detail, code="location_unknown") from None
