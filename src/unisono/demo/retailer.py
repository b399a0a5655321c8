"""A retailer's year: The Complete Journey through the collector, onto the timelines.

Everything passes the door the API uses: JSON bytes are read by the collector's reader under a source of their own,
written by its committer, deduplicated by message id. So a load that was killed is finished by the next one, and the
one after that finds nothing to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from unisono.access.keys import Sender
from unisono.demo import dataset, loading
from unisono.demo.loading import LOYALTY, NEWSLETTER, Loader, LoadReport, Tell, store_source
from unisono.demo.people import ENROLLED_BEFORE, Households, Item, enrolment_id
from unisono.demo.receipts import Basket, Receipts
from unisono.kit.database import Pool
from unisono.kit.settings import Settings

ITEMS_AT_ONCE = 1000
BASKETS_AT_ONCE = 500
"""Events of one batch; receipts are ten times as long as the others."""


class Year(msgspec.Struct, frozen=True):
    """The chosen part of the data, read and moved."""

    households: list[int]
    receipts: Receipts
    people: Households
    shift: timedelta


async def load_year(
    pool: Pool,
    settings: Settings,
    *,
    limit_households: int | None,
    progress: Tell,
    folder: Path | None = None,
    today: date | None = None,
) -> LoadReport:
    """Load the year of ``limit_households`` households (the first by number; None: all 2,469).

    ``folder`` holds the Parquet files (default: the installed package), ``today`` is the day whose eve the data end
    on (default: the present day, UTC). Raises NotFound without the data, LoadFailed when an event is not accepted,
    Unavailable when the database goes away: calling it again goes on from there.
    """
    began = time.monotonic()
    folder = folder or dataset.package_folder()
    year = await _read_year(pool, folder, limit_households, today or datetime.now(UTC).date())
    baskets = year.receipts.baskets
    sources = await loading.make_sources(pool, {basket.store for basket in baskets})
    phases = _phases(year, sources)
    ids = [item.message_id for _, items, _ in phases for item in items] + [basket.message_id for basket in baskets]
    known = await loading.known(pool, ids)
    async with Loader(pool, settings, len(ids), progress) as loader:
        for name, items, sender in phases[:-1]:
            await _load_items(loader, name, items, sender, known)
        await _load_baskets(loader, year.receipts, sources, known)
        # Joins come last: whatever was written in which order, both sides exist by then and the join is a change.
        await _load_items(loader, *phases[-1], known)
        written = loader.written
    people, events, joins = await loading.count(pool, sources.values())
    return LoadReport(
        people=people,
        stores=len(sources) - 2,
        events=events,
        joins=joins,
        written=written,
        seconds=time.monotonic() - began,
        shift_days=year.shift.days,
    )


async def _read_year(pool: Pool, folder: Path, limit: int | None, today: date) -> Year:
    every = await asyncio.to_thread(dataset.read, folder, "transactions")
    households = dataset.households_of(every, limit)
    mine = dataset.some_households(every, households)
    shift = await _shift(pool, every, households, today)
    receipts = await asyncio.to_thread(Receipts, folder, mine, shift)
    return Year(households, receipts, Households(folder, households, shift), shift)


async def _shift(pool: Pool, transactions: Any, households: Sequence[int], today: date) -> timedelta:
    """How far to move the data: as far as an earlier load did, so that its receipts and ours are one year."""
    earlier = await loading.enrolled_at(pool, [enrolment_id(household) for household in households])
    if earlier is None:
        return dataset.shift_to(today, dataset.last_instant(transactions))
    message_id, at = earlier
    first = dataset.first_instant(transactions, int(message_id.rpartition(":")[2])) - ENROLLED_BEFORE
    return at.replace(tzinfo=None) - first


Phase = tuple[str, list[Item], Sender]


def _phases(year: Year, sources: Mapping[str, Sender]) -> list[Phase]:
    baskets = year.receipts.baskets
    programme, newsletter = sources[LOYALTY], sources[NEWSLETTER]
    return [
        ("people", list(year.people.enrolments(baskets)), programme),
        ("newsletter", list(year.people.subscriptions()), newsletter),
        ("campaigns", list(year.people.campaigns()), programme),
        ("coupons", list(year.people.redemptions(baskets)), programme),
        ("joins", list(year.people.joins()), programme),
    ]


async def _load_items(loader: Loader, phase: str, items: Sequence[Item], sender: Sender, known: set[str]) -> None:
    new = [item for item in items if item.message_id not in known]
    loader.begin(phase, len(items) - len(new))
    for start in range(0, len(new), ITEMS_AT_ONCE):
        await loader.submit([(sender, item.encode()) for item in new[start : start + ITEMS_AT_ONCE]])
    await loader.settle()


async def _load_baskets(loader: Loader, receipts: Receipts, sources: Mapping[str, Sender], known: set[str]) -> None:
    new = [basket for basket in receipts.baskets if basket.message_id not in known]
    if new:
        loader.begin("promotions", 0)
        await asyncio.to_thread(receipts.prepare)
    loader.begin("receipts", len(receipts.baskets) - len(new))
    for chunk in _chunks(new, BASKETS_AT_ONCE):
        senders = [sources[store_source(basket.store)] for basket in chunk]
        await loader.submit(list(zip(senders, receipts.encode(chunk), strict=True)))
    await loader.settle()


def _chunks(baskets: Sequence[Basket], size: int) -> Iterator[Sequence[Basket]]:
    for start in range(0, len(baskets), size):
        yield baskets[start : start + size]
