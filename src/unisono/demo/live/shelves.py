"""Prices and stock: what stands on the shelves at the end of the data.

Prices are the data's; the stock is invented from the data's sales, by the rule `on_hand` and `safety` state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.service import FirstCount
from unisono.commerce.inventory.taking_over import MAX_LINES
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.errors import PriceListUnknown
from unisono.commerce.pricing.model import NewObservation, NewPrice, NewPriceList
from unisono.customers.web import unit
from unisono.demo.live.catalogue import Told
from unisono.demo.live.figures import SALES_WEEKS, Seen, Sold
from unisono.demo.live.places import WAREHOUSE
from unisono.demo.loading import ACTOR
from unisono.demo.receipts import CURRENCY
from unisono.kit.database import Pool, connection
from unisono.kit.sql import load

_sql = load("unisono.demo")

SHELF: Final = "shelf"
AT_ONCE: Final = 10_000
"""Prices, or observations, in one transaction: as many as pricing takes."""
SHELF_WEEKS: Final = 2
WAREHOUSE_WEEKS: Final = 4
SAFETY_ABOVE: Final = 3

T = TypeVar("T")


def utc(instant: datetime) -> datetime:
    """An instant of the data, which are UTC and do not say so."""
    return instant.replace(tzinfo=UTC)


def _parts(items: Sequence[T], size: int, tell: Told) -> Iterator[Sequence[T]]:
    """The items in parts, telling how far it is."""
    for start in range(0, len(items), size):
        tell(start, len(items))
        yield items[start : start + size]
    tell(len(items), len(items))


def on_hand(units: int, weeks: int) -> int:
    """Invented: what so many weeks need at the mean of the last `SALES_WEEKS`, rounded up, and one more."""
    return -(-units * weeks // SALES_WEEKS) + 1


def safety(quantity: int) -> int:
    """Invented: one unit is kept from remote channels where more than three lie on the shelf."""
    return 1 if quantity > SAFETY_ABOVE else 0


def counts(sold: Iterable[Sold], variants: Mapping[str, int]) -> list[FirstCount]:
    """The stock of every product in every store that sold it, and in the warehouse what the chain sold of it."""
    chain: dict[int, int] = defaultdict(int)
    found = []
    for one in sold:
        variant = variants[str(one.product)]
        chain[variant] += one.units
        quantity = on_hand(one.units, SHELF_WEEKS)
        found.append(FirstCount(variant, str(one.store), quantity, safety(quantity)))
    found += [FirstCount(variant, WAREHOUSE, on_hand(units, WAREHOUSE_WEEKS) - 1) for variant, units in chain.items()]
    return found


async def load_prices(pool: Pool, prices: Mapping[int, int], *, since: datetime, now: datetime, tell: Told) -> None:
    """Shelf prices from the end of the data on, for the products that have none in the list: no truth of the past."""
    async with unit(pool) as conn:
        try:
            await pricing.price_list(conn, SHELF)
        except PriceListUnknown:
            await pricing.create_list(conn, NewPriceList(code=SHELF, name="Shelf prices", currency=CURRENCY))
    async with connection(pool) as conn:
        known = {row["sku"] for row in await _sql.priced_skus(conn, code=SHELF)}
    new = [NewPrice(str(sku), cents, starts_at=since) for sku, cents in sorted(prices.items()) if str(sku) not in known]
    for part in _parts(new, AT_ONCE, tell):
        async with unit(pool) as conn:
            await pricing.set_prices(conn, SHELF, part, actor=ACTOR, now=now, history=True)


async def load_seen(pool: Pool, seen: Sequence[Seen], *, shift: timedelta, now: datetime, tell: Told) -> None:
    """What was paid on the shelves lately, before card discounts: the evidence for prior prices."""
    async with connection(pool) as conn:
        rows = await _sql.prices_seen(conn)
    known = {(row["sku"], row["store_id"], row["amount_minor"], row["observed_at"]) for row in rows}
    found = [
        NewObservation(
            sku=str(one.product),
            amount_minor=one.cents,
            currency=CURRENCY,
            observed_at=utc(one.at + shift),
            channel="store",
            store_id=str(one.store),
            origin="receipt",
        )
        for one in seen
    ]
    new = [one for one in found if (one.sku, one.store_id, one.amount_minor, one.observed_at) not in known]
    for part in _parts(new, AT_ONCE, tell):
        async with unit(pool) as conn:
            await pricing.observe(conn, part, now=now)


async def load_stock(
    pool: Pool, lines: Sequence[FirstCount], *, counted_at: datetime, now: datetime, tell: Told
) -> None:
    """Begin the books of every pair that has none."""
    reason = "invented from the year's sales"
    for part in _parts(lines, MAX_LINES, tell):
        async with unit(pool) as conn:
            await inventory.take_over(conn, part, actor=ACTOR, reason=reason, counted_at=counted_at, now=now)
