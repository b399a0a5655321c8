"""The live objects of the chosen part of the data, made where they are missing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from unisono.commerce.inventory import service as inventory
from unisono.commerce.orders.arriving.reader import OrdersReader
from unisono.commerce.orders.slots import service as slots
from unisono.commerce.pricing.service import find_variants
from unisono.customers.timeline.worker import Worker
from unisono.customers.web import unit
from unisono.demo import dataset
from unisono.demo.live import offers, places, shelves
from unisono.demo.live.catalogue import Told, category_codes, load_catalogue
from unisono.demo.live.figures import Figures, Sold
from unisono.demo.loading import Progress, Tell
from unisono.kit.database import Pool, connection
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.demo")

BEST_STORES: Final = 2
"""Stores with a promotion of their own."""


class LiveReport(msgspec.Struct, frozen=True, kw_only=True):
    """What there is in the database after a load, counted there."""

    products: int
    variants: int
    categories: int
    places: int
    prices: int
    observations: int
    stocks: int
    """Pairs of product and place whose stock is kept."""
    units: int
    promotions: int
    active: int
    coupons: int
    slot_rules: int
    orders: int
    receipts: int
    seconds: float = 0.0

    @property
    def waiting(self) -> int:
        """Receipts that are no orders yet: the worker makes them so."""
        return self.receipts - self.orders


async def load_live(
    pool: Pool,
    *,
    limit_households: int | None,
    shift_days: int,
    progress: Tell,
    folder: Path | None = None,
    now: datetime | None = None,
) -> LiveReport:
    """Make the live objects of these households' products and stores (None: of everybody), after `load_year`.

    ``shift_days`` is how far the year was moved. Raises NotFound without the data, LoadFailed when the catalogue
    refuses a product, Unavailable when the database goes away: calling it again goes on from there.
    """
    began = time.monotonic()
    folder, now = folder or dataset.package_folder(), now or datetime.now(UTC)
    households = None
    if limit_households is not None:
        every = await asyncio.to_thread(dataset.read, folder, "transactions", ["household_id"])
        households = dataset.households_of(every, limit_households)
    figures = await asyncio.to_thread(Figures, folder, households)
    run = _Run(pool, figures, timedelta(days=shift_days), progress, now)
    await run.everything(households)
    return msgspec.structs.replace(await count_live(pool), seconds=time.monotonic() - began)


async def count_live(pool: Pool) -> LiveReport:
    """What there is of live objects."""
    async with connection(pool) as conn:
        return LiveReport(**dict(await _sql.live_counts(conn)))


async def drain_orders(pool: Pool, settings: Settings) -> int:
    """Make orders of all receipts that wait, as the worker does; how many events were read."""
    return await Worker(pool, [OrdersReader(settings.currency)], settings.readers).drain()


class _Run:
    """One load on its way."""

    def __init__(self, pool: Pool, figures: Figures, shift: timedelta, tell: Tell, now: datetime) -> None:
        self.pool = pool
        self.figures = figures
        self.shift = shift
        self.now = now
        self._tell = tell

    @property
    def end(self) -> datetime:
        """The midnight (UTC) after the last basket: from then on the live objects are the truth."""
        last = self.figures.last + self.shift
        return min(self.now, datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1))

    def phase(self, name: str) -> Told:
        """How a part of the load tells how far it is."""
        began = time.monotonic()

        def tell(done: int, total: int) -> None:
            rate = done / max(time.monotonic() - began, 1e-6)
            self._tell(Progress(name, done, total, rate, (total - done) / rate if rate else None))

        tell(0, 0)
        return tell

    async def everything(self, households: Sequence[int] | None) -> None:
        """Products first, then places, then what is said of both."""
        figures, pool, now = self.figures, self.pool, self.now
        await load_catalogue(pool, figures.products, self.phase("products"))
        await self._places()
        prices = await asyncio.to_thread(figures.shelf_prices)
        await shelves.load_prices(pool, prices, since=self.end, now=now, tell=self.phase("prices"))
        seen = await asyncio.to_thread(figures.seen_prices)
        await shelves.load_seen(pool, seen, shift=self.shift, now=now, tell=self.phase("prices paid"))
        sold = list(await asyncio.to_thread(figures.sold))
        async with connection(pool) as conn:
            variants = await find_variants(conn, {str(one.product) for one in sold})
        lines = shelves.counts(sold, variants)
        await shelves.load_stock(pool, lines, counted_at=self.end, now=now, tell=self.phase("stock"))
        await self._offers(sold, households)

    async def _places(self) -> None:
        """The warehouse, the stores, and the hands in each."""
        tell = self.phase("stores")
        async with unit(self.pool) as conn:
            known = {place.code for place in await inventory.locations(conn)}
            if places.WAREHOUSE not in known:
                await inventory.save_location(conn, places.warehouse())
            new = [store for store in self.figures.stores() if str(store) not in known]
            for number, store in enumerate(new, 1):
                await inventory.save_location(conn, places.store_place(store))
                for rule in places.slot_rules(store):
                    await slots.set_rule(conn, rule, now=self.now)
                tell(number, len(new))

    async def _offers(self, sold: Sequence[Sold], households: Sequence[int] | None) -> None:
        tell = self.phase("promotions")
        units: Counter[int] = Counter()
        stores: Counter[int] = Counter()
        for one in sold:
            units[one.product] += one.units
            stores[one.store] += one.units
        campaigns = await asyncio.to_thread(self.figures.campaigns)
        wide = {
            product
            for campaign in campaigns
            if len(campaign.products) > offers.MOST_PRODUCTS
            for product in campaign.products
        }
        categories = await asyncio.to_thread(category_codes, self.figures.products, wide)
        await offers.load_offers(
            self.pool,
            campaigns,
            _received(self.figures.folder, households),
            categories,
            shift=self.shift,
            gift=str(units.most_common(1)[0][0]) if units else "1",
            stores=[str(store) for store, _ in stores.most_common(BEST_STORES)] or ["1"],
            now=self.now,
        )
        tell(1, 1)


def _received(folder: Path, households: Sequence[int] | None) -> dict[int, list[int]]:
    """Campaign to the households it was sent to."""
    table = dataset.some_households(dataset.read(folder, "campaigns"), None if households is None else list(households))
    found: dict[int, list[int]] = defaultdict(list)
    for row in table.to_pylist():
        found[row["campaign_id"]].append(row["household_id"])
    return found
