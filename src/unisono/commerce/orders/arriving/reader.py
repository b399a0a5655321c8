"""The reader of the log that makes orders of events: set-wise, a handful of statements a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import structlog

from unisono.access.keys import PUBLIC_KINDS
from unisono.commerce.catalog import service as catalog
from unisono.commerce.orders import stocking
from unisono.commerce.orders.arriving import writing
from unisono.commerce.orders.arriving.folding import Arrival, fold
from unisono.commerce.orders.arriving.reading import NAMES, Source, Told, Unreadable, read
from unisono.customers.record import OURS
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.sql import load

log = structlog.get_logger("unisono.orders")

_sql = load("unisono.commerce.orders.arriving")

_MANY = 200_000
"""Skus and sources remembered by one process."""


class OrdersReader(LogReader):
    """Turns receipts and orders from outside into orders."""

    name = "orders"
    linger = 0.2
    wakes = True
    batch_size = 1000

    def __init__(self, currency: str = "EUR", *, clock: Clock = system_clock) -> None:
        self._currency = currency
        self._clock = clock
        self._sources: dict[int, Source] = {}
        self._variants: dict[str, int] = {}

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Take in what these events tell of orders."""
        wanted = [event for event in events if event.name in NAMES and not event.message_id.startswith(OURS)]
        if not wanted:
            return
        sources = await self._sources_of(conn, wanted)
        told, unreadable = self._read(wanted, sources)
        told = await self._of_others(conn, await _settle_tills(conn, told))
        if told:
            await self._take_in(conn, told)
        if unreadable:
            await _bury(conn, self.name, unreadable, self._clock)

    def _read(self, events: Sequence[Event], sources: dict[int, Source]) -> tuple[list[Told], list[tuple[Event, str]]]:
        told: list[Told] = []
        unreadable: list[tuple[Event, str]] = []
        for event in events:
            try:
                one = read(event, sources.get(event.source_id or 0), self._currency)
            except Unreadable as error:
                unreadable.append((event, str(error)))
                continue
            if one is not None:
                told.append(one)
        return told, unreadable

    async def _of_others(self, conn: Connection, told: Sequence[Told]) -> list[Told]:
        """Those that do not tell of an order placed here."""
        # A till's receipts have a source of their own; a front's order may be told by its pages and its server too.
        asked = [one for one in told if not one.source.startswith("till:")]
        if not asked:
            return list(told)
        rows = await _sql.placed_here(
            conn, ids=[one.source_order_id for one in asked], nodes=[one.event.node_id for one in asked]
        )
        here = {id(asked[row["position"] - 1]) for row in rows}
        return [one for one in told if id(one) not in here]

    async def _take_in(self, conn: Connection, told: Sequence[Told]) -> None:
        keys = sorted({(one.source, one.source_order_id) for one in told})
        rows = await _sql.known_orders(conn, sources=[key[0] for key in keys], ids=[key[1] for key in keys])
        known = {(row["source"], row["source_order_id"]): row for row in rows}
        told = [one for one in told if _is_theirs(known.get((one.source, one.source_order_id)))]
        arrivals = fold(told, known)
        variants = await self._variants_of(conn, arrivals)
        await stocking.sell_receipts(conn, _sales(arrivals, variants), now=self._clock())
        await writing.write(conn, arrivals, variants, now=self._clock())

    async def _sources_of(self, conn: Connection, events: Sequence[Event]) -> dict[int, Source]:
        unknown = {event.source_id for event in events if event.source_id is not None} - self._sources.keys()
        if unknown:
            for row in await _sql.sources(conn, ids=sorted(unknown)):
                till = row["kind"] == "till"
                self._sources[row["id"]] = Source(
                    row["name"],
                    row["store_id"] if till else None,
                    row["till_id"] if till else None,
                    public=row["kind"] in PUBLIC_KINDS,
                )
        return self._sources

    async def _variants_of(self, conn: Connection, arrivals: Sequence[Arrival]) -> dict[str, int]:
        """The variants of all skus that are in the catalogue; those that are not may be tomorrow."""
        skus = {line.sku for arrival in arrivals for line in arrival.lines or ()}
        unknown = skus - self._variants.keys()
        if unknown:
            if len(self._variants) > _MANY:
                self._variants.clear()
                unknown = skus
            found = await catalog.variants(conn, skus=unknown)
            self._variants.update({sku: variant.id for sku, variant in found.items()})
        return self._variants


def _is_theirs(row: object | None) -> bool:
    return row is None or bool(row["arrived"])  # type: ignore[index]


def _sales(arrivals: Sequence[Arrival], variants: dict[str, int]) -> list[stocking.Sale]:
    """What new receipts took from the shelves."""
    return [
        stocking.Sale(
            arrival.store_id,
            variants[line.sku],
            line.pieces,
            f"{arrival.source}:{arrival.source_order_id}",
            arrival.owner.at,
        )
        for arrival in arrivals
        if arrival.without_lines
        and arrival.owner
        and arrival.kind == "receipt"
        and arrival.store_id
        and not arrival.cancelled
        for line in arrival.lines or ()
        if line.pieces and line.sku in variants and not (line.detail and line.detail.get("quantity"))
    ]


async def _settle_tills(conn: Connection, told: Sequence[Told]) -> list[Told]:
    """Goods brought back at another till than they were bought at: the receipt is found by its number, here or in the
    batch. Those brought back before their receipt was heard of wait under the till that took them: now it has it."""
    receipts = [one for one in told if one.what == "receipt"]
    if receipts:
        await _sql.claim_returns_ahead(
            conn, sources=[one.source for one in receipts], ids=[one.source_order_id for one in receipts]
        )
    astray = sorted({one.source_order_id for one in told if one.what == "returned" and one.source.startswith("till:")})
    if not astray:
        return list(told)
    found: dict[str, set[str]] = defaultdict(set)
    for row in await _sql.receipts_by_number(conn, ids=astray):
        found[row["source_order_id"]] |= set(row["sources"])
    for one in receipts:
        found[one.source_order_id].add(one.source)
    return [
        one._replace(source=next(iter(found[one.source_order_id])))
        if one.what == "returned" and one.source.startswith("till:") and len(found[one.source_order_id]) == 1
        else one
        for one in told
    ]


async def _bury(conn: Connection, reader: str, unreadable: Sequence[tuple[Event, str]], clock: Clock) -> None:
    log.warning("orders.unreadable", events=len(unreadable), first=unreadable[0][1])
    await _sql.bury(
        conn,
        reader=reader,
        persons=[event.person_id for event, _ in unreadable],
        txids=[event.txid for event, _ in unreadable],
        ids=[event.id for event, _ in unreadable],
        errors=[error for _, error in unreadable],
        now=clock(),
    )
