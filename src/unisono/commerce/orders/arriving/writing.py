"""Writing the orders a batch tells of: new ones by COPY, known ones with one update."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from unisono.commerce.changes import service as changes
from unisono.commerce.changes.model import NewChange
from unisono.commerce.orders import rules
from unisono.commerce.orders.arriving.folding import Arrival
from unisono.commerce.orders.arriving.reading import Line, Told, split_tax
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders.arriving")

_WORDS: Final = {
    "receipt": "placed",
    "completed": "placed",
    "updated": "updated",
    "cancelled": "cancelled",
    "refunded": "refunded",
    "returned": "returned",
}
_ORDER: Final = (
    "id", "number", "source", "source_order_id", "node_id", "channel", "store_id", "kind", "status", "payment_status",
    "currency", "tax_included", "subtotal_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor",
    "coupons", "quote", "placed_at", "updated_at", "source_updated_at", "arrived",
)  # fmt: skip
_HISTORY: Final = ("order_id", "at", "what", "actor", "reason", "detail")
_LINE: Final = (
    "order_id", "position", "variant_id", "sku", "name", "quantity", "unit_minor", "discount_minor", "tax_minor",
    "total_minor", "handed_over", "cancelled", "detail",
)  # fmt: skip


async def write(conn: Connection, arrivals: Sequence[Arrival], variants: Mapping[str, int], *, now: datetime) -> None:
    """Write what the batch makes of these orders, inside the reader's transaction."""
    fresh = [arrival for arrival in arrivals if arrival.fresh]
    if fresh:
        for arrival, row in zip(fresh, await _sql.next_ids(conn, count=len(fresh)), strict=True):
            arrival.id, arrival.version = row["id"], 1
        await conn.copy_records_to_table("sales_order", records=[_order(one, now) for one in fresh], columns=_ORDER)
    await _write_lines(conn, arrivals, variants)
    crash_point("arriving.after_lines")
    refunded = await _write_history(conn, arrivals)
    returned = await _match_returns_ahead(conn, arrivals)
    returned |= await _write_returns(conn, [arrival for arrival in arrivals if arrival.returns])
    told = {arrival.id: _change(arrival) for arrival in fresh}
    touched = [
        arrival
        for arrival in arrivals
        if arrival.id in refunded or arrival.id in returned or (arrival.changed and not arrival.fresh)
    ]
    if touched:
        told |= {row["id"]: _row_change(row) for row in await _update(conn, touched, now)}
    await changes.record_changes(conn, list(told.values()))


def _order(arrival: Arrival, now: datetime) -> tuple[Any, ...]:
    told = arrival.owner
    assert told is not None
    subtotal, discount, shipping, tax, total = arrival.amounts()
    return (
        arrival.id,
        f"U-{100_000 + arrival.id}",
        arrival.source,
        arrival.source_order_id,
        told.event.node_id,
        told.event.channel,
        arrival.store_id,
        arrival.kind,
        arrival.status,
        arrival.payment_status,
        arrival.currency,
        arrival.tax_included,
        subtotal,
        discount,
        shipping,
        tax,
        total,
        list(arrival.coupons),
        arrival.quote,
        arrival.placed_at or told.at,
        now,
        arrival.told_at,
        True,
    )


async def _write_lines(conn: Connection, arrivals: Sequence[Arrival], variants: Mapping[str, int]) -> None:
    records: list[tuple[Any, ...]] = []
    replaced = []
    for arrival in arrivals:
        lines = arrival.lines
        if not lines or (arrival.row is not None and arrival.row["has_returns"] and not arrival.without_lines):
            # Lines that were brought back stay as they are: the return counts their units.
            continue
        if not arrival.fresh:
            replaced.append(arrival.id)
        taxes = split_tax(arrival.said["tax"], lines) if arrival.said.get("tax") else None
        gone = arrival.cancelled
        for position, line in enumerate(lines):
            records.append(_line(arrival.id, position, line, variants, taxes[position] if taxes else 0, gone=gone))
    if replaced:
        await _sql.delete_lines(conn, ids=replaced)
    if records:
        await conn.copy_records_to_table("order_line", records=records, columns=_LINE)
    cancelled = [arrival.id for arrival in arrivals if arrival.cancelled and arrival.changed and not arrival.fresh]
    if cancelled:
        await _sql.cancel_lines(conn, ids=cancelled)


def _line(
    order_id: int, position: int, line: Line, variants: Mapping[str, int], tax: int, *, gone: bool
) -> tuple[Any, ...]:
    handed = line.quantity if line.pieces and not gone else 0
    return (
        order_id,
        position,
        variants.get(line.sku),
        line.sku,
        line.name,
        line.quantity,
        line.unit,
        line.discount,
        tax,
        line.total,
        handed,
        line.quantity if gone else 0,
        "{}" if line.detail is None else msgspec.json.encode(line.detail).decode(),
    )


async def _write_history(conn: Connection, arrivals: Sequence[Arrival]) -> set[int]:
    """What happened, with who told it; the ids of orders money was given back for."""
    with_refunds = [arrival.id for arrival in arrivals if any(told.what == "refunded" for told in arrival.notes)]
    known: set[tuple[int, datetime, int]] = set()
    if with_refunds:
        rows = await _sql.known_refunds(conn, ids=with_refunds)
        known = {(row["order_id"], row["at"], row["amount"]) for row in rows}
    records = []
    refunded = set()
    for arrival in arrivals:
        for told in arrival.notes:
            detail: dict[str, Any] = {"message_id": told.event.message_id}
            if told.what == "refunded":
                amount = _refund(arrival, told)
                if (arrival.id, told.at, amount) in known:
                    continue
                known.add((arrival.id, told.at, amount))
                refunded.add(arrival.id)
                detail["refund_minor"] = amount
            records.append(
                (
                    arrival.id,
                    told.at,
                    _WORDS[told.what],
                    arrival.source,
                    told.reason,
                    msgspec.json.encode(detail).decode(),
                )
            )
    if records:
        await conn.copy_records_to_table("order_history", records=records, columns=_HISTORY)
    return refunded


def _refund(arrival: Arrival, told: Told) -> int:
    """What a refund tells: its total, its lines, or everything."""
    if told.total is not None:
        return abs(told.total)
    if told.lines:
        return sum(abs(line.total) for line in told.lines)
    return max(arrival.amounts()[4], 0)


class _Back(NamedTuple):
    line_id: int
    quantity: int
    refund: int


async def _write_returns(conn: Connection, arrivals: Sequence[Arrival]) -> set[int]:
    """Goods brought back, matched to the order's lines by sku; the ids of the orders."""
    if not arrivals:
        return set()
    lines: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in await _sql.lines_by_order(conn, ids=[arrival.id for arrival in arrivals]):
        lines[row["order_id"]].append(dict(row))
    backs: dict[str, list[_Back]] = {}
    cases = []
    ahead: list[tuple[Arrival, Told]] = []
    for arrival in arrivals:
        for told in arrival.returns:
            key = f"event:{told.event.message_id}"
            backs[key] = _match(lines[arrival.id], told.lines or ())
            if not lines[arrival.id]:
                ahead.append((arrival, told))
            refund = abs(told.total) if told.total is not None else sum(back.refund for back in backs[key])
            cases.append((arrival, told, key, refund))
    made = await _sql.insert_returns(
        conn,
        orders=[arrival.id for arrival, _, _, _ in cases],
        nodes=[told.event.node_id for _, told, _, _ in cases],
        channels=[told.event.channel for _, told, _, _ in cases],
        stores=[told.store_id for _, told, _, _ in cases],
        reasons=[told.reason or "returned" for _, told, _, _ in cases],
        refunds=[refund for _, _, _, refund in cases],
        currencies=[told.currency for _, told, _, _ in cases],
        ats=[told.at for _, told, _, _ in cases],
        actors=[told.source for _, told, _, _ in cases],
        keys=[key for _, _, key, _ in cases],
    )
    rows = [(row["id"], back) for row in made for back in backs[row["key"]]]
    await _insert_backs(conn, rows)
    await _note_returns_ahead(conn, ahead)
    return {arrival.id for arrival in arrivals}


async def _note_returns_ahead(conn: Connection, ahead: Sequence[tuple[Arrival, Told]]) -> None:
    """Goods came back of an order whose lines nobody has told yet: what, waits in its history."""
    records = []
    for arrival, told in ahead:
        units: dict[str, int] = defaultdict(int)
        for line in told.lines or ():
            units[line.sku] += line.quantity
        detail = msgspec.json.encode({"message_id": told.event.message_id, "ahead": units}).decode()
        records.append((arrival.id, told.at, _WORDS["returned"], told.source, told.reason, detail))
    if records:
        await conn.copy_records_to_table("order_history", records=records, columns=_HISTORY)


class _Wanted(NamedTuple):
    sku: str
    quantity: int


async def _match_returns_ahead(conn: Connection, arrivals: Sequence[Arrival]) -> set[int]:
    """Lines are known now of orders whose goods came back before: these units, by sku. Returns the orders' ids."""
    late = [one.id for one in arrivals if one.row and one.row["has_returns"] and one.without_lines and one.lines]
    if not late:
        return set()
    lines: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in await _sql.lines_by_order(conn, ids=late):
        lines[row["order_id"]].append(dict(row))
    found = [
        (row["return_id"], back)
        for row in await _sql.returns_ahead(conn, ids=late)
        for back in _match(lines[row["order_id"]], [_Wanted(row["sku"], row["units"])])
    ]
    await _insert_backs(conn, found)
    await _sql.fill_refunds(
        conn, returns=[return_id for return_id, _ in found], refunds=[back.refund for _, back in found]
    )
    return set(late)


async def _insert_backs(conn: Connection, found: Sequence[tuple[int, _Back]]) -> None:
    await _sql.insert_return_lines(
        conn,
        returns=[return_id for return_id, _ in found],
        lines=[back.line_id for _, back in found],
        quantities=[back.quantity for _, back in found],
        refunds=[back.refund for _, back in found],
    )


def _match(lines: Sequence[dict[str, Any]], told: Sequence[Line | _Wanted]) -> list[_Back]:
    """Which units of which lines came back: by sku, no more than were handed over and are not back yet."""
    found: dict[int, _Back] = {}
    for wanted in told:
        left = wanted.quantity
        for line in lines:
            units = min(left, line["handed_over"] - line["returned"]) if line["sku"] == wanted.sku else 0
            if units < 1:
                continue
            start = line["returned"]
            refund = max(0, rules.share_of_units(line["total_minor"], line["quantity"], start, units))
            before = found.get(line["id"], _Back(line["id"], 0, 0))
            found[line["id"]] = _Back(line["id"], before.quantity + units, before.refund + refund)
            line["returned"] += units
            left -= units
    return list(found.values())


async def _update(conn: Connection, arrivals: Sequence[Arrival], now: datetime) -> list[Any]:
    amounts = [arrival.amounts() for arrival in arrivals]
    kept = [arrival.row is not None and arrival.lines is None for arrival in arrivals]
    rows: list[Any] = await _sql.update_orders(
        conn,
        ids=[arrival.id for arrival in arrivals],
        bumps=[0 if arrival.fresh else 1 for arrival in arrivals],
        statuses=[arrival.status for arrival in arrivals],
        payment_statuses=[arrival.payment_status for arrival in arrivals],
        kinds=[arrival.kind for arrival in arrivals],
        currencies=[arrival.currency for arrival in arrivals],
        included=[
            arrival.row["tax_included"] if keep and arrival.row else arrival.tax_included
            for arrival, keep in zip(arrivals, kept, strict=True)
        ],
        subtotals=[row[0] for row in amounts],
        discounts=[row[1] for row in amounts],
        shippings=[row[2] for row in amounts],
        taxes=[row[3] for row in amounts],
        totals=[row[4] for row in amounts],
        coupons=["\x1f".join(arrival.coupons) for arrival in arrivals],
        stores=[arrival.store_id for arrival in arrivals],
        placed=[arrival.placed_at or now for arrival in arrivals],
        told=[arrival.told_at for arrival in arrivals],
        quotes=[arrival.quote for arrival in arrivals],
        nodes=[arrival.placer.event.node_id if arrival.placer else None for arrival in arrivals],
        channels=[arrival.placer.event.channel if arrival.placer else None for arrival in arrivals],
        now=now,
    )
    return rows


def _change(arrival: Arrival) -> NewChange:
    told = arrival.owner
    number = f"U-{100_000 + arrival.id}"
    return NewChange(
        "order",
        f"order:{number}",
        1,
        {
            "number": number,
            "source": arrival.source,
            "source_order_id": arrival.source_order_id,
            "status": arrival.status,
            "payment_status": arrival.payment_status,
            "total_minor": arrival.amounts()[4],
            "refunded_minor": 0,
            "currency": arrival.currency,
            "store_id": arrival.store_id,
            "channel": told.event.channel if told else None,
        },
        told.event.node_id if told else None,
    )


def _row_change(row: Mapping[str, Any]) -> NewChange:
    names = (
        "number", "source", "source_order_id", "status", "payment_status", "total_minor", "refunded_minor", "currency",
        "store_id", "channel",
    )  # fmt: skip
    return NewChange(
        "order", f"order:{row['number']}", row["version"], {name: row[name] for name in names}, row["node_id"]
    )
