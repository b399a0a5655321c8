"""Movements: units come, go, are counted, break, travel. Each is written with why, by whom, for what.

The sum of a place's movements of a state is what there is of it. Every function runs in the caller's transaction,
locks its goods first, and with a ``key`` may be repeated without moving anything twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from unisono.commerce.holds import service as holds
from unisono.commerce.holds.model import CapacityMove
from unisono.commerce.inventory import finding
from unisono.commerce.inventory.errors import BadStock
from unisono.commerce.inventory.model import MAX_UNITS, Condition, Sold, StockLine, StockState, TillSale
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.inventory")

MAX_LINES: Final = 50_000
MAX_TEXT: Final = 500


class Why(NamedTuple):
    """What is written beside a movement. ``key`` makes repeating it harmless."""

    actor: str
    reason: str
    reference: str | None = None
    note: str | None = None
    key: str | None = None


class _Move(NamedTuple):
    good_id: int
    state: StockState
    quantity: int
    at: datetime
    reason: str
    reference: str | None
    note: str | None
    key: str | None


def _checked(lines: Sequence[StockLine], why: Why, *, least: int = 1) -> None:
    if not 1 <= len(lines) <= MAX_LINES:
        raise BadStock(f"1 to {MAX_LINES} lines can be moved at once, not {len(lines)}.")
    for line in lines:
        if not least <= line.quantity <= MAX_UNITS:
            raise BadStock(f"{line.quantity} is no number of units.", hint=f"From {least} to {MAX_UNITS}.")
    for text in (why.actor, why.reason, why.reference, why.note, why.key):
        if text is not None and (not text or len(text) > MAX_TEXT or "\x00" in text):
            raise BadStock(f"Texts have 1 to {MAX_TEXT} characters, without NUL.", code="bad_text")


def _move(good_id: int, state: StockState, quantity: int, why: Why, now: datetime, part: str = "") -> _Move:
    key = None if why.key is None else f"{why.key}:{good_id}:{state}{part}"
    return _Move(good_id, state, quantity, now, why.reason, why.reference, why.note, key)


def _summed(lines: Sequence[StockLine], goods: Mapping[finding.Pair, int]) -> dict[int, int]:
    """Units by good: two lines of one good are one movement."""
    units: dict[int, int] = defaultdict(int)
    for line in lines:
        units[goods[line.variant_id, line.location_code]] += line.quantity
    return units


Planner = Callable[[Mapping[int, asyncpg.Record]], list[_Move]]


async def _run(
    conn: Connection, goods: Collection[int], plan: Planner, *, actor: str, now: datetime, overrule: str | None = None
) -> tuple[int, int, int]:
    """Lock, read, plan, move, write. Returns units moved on hand, found of these, and promises put at risk.

    Raises WouldBreakPromises unless ``overrule`` says why; BadStock when more would break or arrive than there is.
    """
    await holds.lock(conn, goods)
    states = {row["good_id"]: row for row in await _sql.stock_states(conn, goods=list(goods))}
    moves = await _fresh(conn, plan(states))
    if not moves:
        return 0, 0, 0
    for state in ("damaged", "incoming"):
        after: dict[int, int] = defaultdict(int)
        for move in moves:
            if move.state == state:
                after[move.good_id] += move.quantity
        for good_id, by in after.items():
            if states[good_id][state] + by < 0:
                there = states[good_id][state]
                raise BadStock(f"Of {states[good_id]['key']} only {there} are {state}.", code=f"not_so_many_{state}")
    on_hand = [CapacityMove(move.good_id, move.quantity) for move in moves if move.state == "on_hand"]
    changes = await holds.change_capacities(conn, on_hand, now=now, overrule=overrule is not None)
    last = {move.good_id: move for move in moves if move.state == "on_hand"}
    # Sold though it was not on the books: it was there, so it has come some day.
    found = [
        last[good]._replace(quantity=change.missing, reason="found", key=None)
        for good, change in changes.items()
        if change.missing
    ]
    risks = {good: change.put_at_risk for good, change in changes.items() if change.put_at_risk}
    await _write(conn, [*found, *moves], actor=actor, now=now, risks=risks, why=overrule or "", last=last)
    if any(states[good]["low_at"] is not None for good in changes):
        await _sql.note_low(conn, goods=list(changes), now=now)
    moved = sum(-move.quantity for move in moves if move.state == "on_hand" and move.quantity < 0)
    return moved, sum(move.quantity for move in found), sum(risks.values())


async def _fresh(conn: Connection, moves: list[_Move]) -> list[_Move]:
    """Those not written before under their key, and of one key only one."""
    keys = [move.key for move in moves if move.key is not None]
    known = {row["key"] for row in await _sql.known_movements(conn, keys=keys)} if keys else set()
    kept = []
    for move in moves:
        if move.key is None or move.key not in known:
            kept.append(move)
            known.add(move.key)
    return kept


async def _write(
    conn: Connection,
    moves: Sequence[_Move],
    *,
    actor: str,
    now: datetime,
    risks: Mapping[int, int],
    why: str,
    last: Mapping[int, _Move],
) -> None:
    await _sql.write_movements(
        conn,
        actor=actor,
        now=now,
        goods=[move.good_id for move in moves],
        ats=[move.at for move in moves],
        states=[move.state for move in moves],
        quantities=[move.quantity for move in moves],
        reasons=[move.reason for move in moves],
        references=[move.reference for move in moves],
        notes=[move.note for move in moves],
        keys=[move.key for move in moves],
        risk_goods=list(risks),
        risk_quantities=list(risks.values()),
        risk_reasons=[why] * len(risks),
        risk_references=[last[good].reference for good in risks],
    )


# Coming -----------------------------------------------------------------------------------------------


async def receive(
    conn: Connection, lines: Sequence[StockLine], why: Why, *, now: datetime, expected: bool = False
) -> None:
    """Units arrive; ``expected`` ones were announced by `expect` and are no longer on their way.

    Stock rows are made where there are none. Raises BadStock, LocationUnknown, SkuUnknown.
    """
    _checked(lines, why)
    goods = await finding.ensure(conn, [(line.variant_id, line.location_code) for line in lines], now=now)
    units = _summed(lines, goods)

    def plan(states: Mapping[int, asyncpg.Record]) -> list[_Move]:
        moves = [_move(good, "on_hand", quantity, why, now) for good, quantity in units.items()]
        if expected:
            arrived = {good: min(quantity, states[good]["incoming"]) for good, quantity in units.items()}
            moves += [_move(good, "incoming", -quantity, why, now) for good, quantity in arrived.items() if quantity]
        return moves

    await _run(conn, units, plan, actor=why.actor, now=now)
    if expected:
        await _sql.set_incoming_at(conn, goods=list(units), at=None)


async def expect(
    conn: Connection, lines: Sequence[StockLine], why: Why, *, now: datetime, arriving_at: datetime | None = None
) -> None:
    """Units are on their way: told to channels, promised to nobody yet."""
    _checked(lines, why)
    goods = await finding.ensure(conn, [(line.variant_id, line.location_code) for line in lines], now=now)
    units = _summed(lines, goods)
    moves = [_move(good, "incoming", quantity, why, now) for good, quantity in units.items()]
    await _run(conn, units, lambda _: moves, actor=why.actor, now=now)
    await _sql.set_incoming_at(conn, goods=list(units), at=arriving_at)


async def put_back(
    conn: Connection, lines: Sequence[StockLine], why: Why, *, now: datetime, condition: Condition = "sellable"
) -> None:
    """Returned units: sellable ones are on the shelf again, damaged ones are kept apart. Kits come back in parts."""
    _checked(lines, why)
    shelf = await _in_parts(conn, lines)
    goods = await finding.ensure(conn, [(line.variant_id, line.location_code) for line in shelf], now=now)
    units = _summed(shelf, goods)
    state: StockState = "on_hand" if condition == "sellable" else "damaged"
    moves = [_move(good, state, quantity, why, now) for good, quantity in units.items()]
    await _run(conn, units, lambda _: moves, actor=why.actor, now=now)


async def _in_parts(conn: Connection, lines: Sequence[StockLine]) -> list[StockLine]:
    parts = await finding.parts_of(conn, {line.variant_id for line in lines})
    return [
        StockLine(part, line.location_code, line.quantity * units)
        for line in lines
        for part, units in parts[line.variant_id]
    ]


# Changing ---------------------------------------------------------------------------------------------


async def adjust(
    conn: Connection,
    lines: Sequence[StockLine],
    why: Why,
    *,
    now: datetime,
    state: StockState = "on_hand",
    overrule: str | None = None,
) -> None:
    """Units more or fewer (negative) of a state, for the reason given: found, stolen, thrown away.

    Raises WouldBreakPromises when fewer would remain than are promised, unless ``overrule`` says why that is so.
    """
    _checked(lines, why, least=-MAX_UNITS)
    goods = await finding.ensure(conn, [(line.variant_id, line.location_code) for line in lines], now=now)
    units = _summed(lines, goods)
    moves = [_move(good, state, quantity, why, now) for good, quantity in units.items() if quantity]
    await _run(conn, units, lambda _: moves, actor=why.actor, now=now, overrule=overrule)


async def damage(
    conn: Connection, lines: Sequence[StockLine], why: Why, *, now: datetime, overrule: str | None = None
) -> None:
    """Units that can be sold no longer: off the shelf, kept apart. Raises WouldBreakPromises as `adjust` does."""
    _checked(lines, why)
    goods = await finding.ensure(conn, [(line.variant_id, line.location_code) for line in lines], now=now)
    units = _summed(lines, goods)
    moves = [_move(good, "on_hand", -quantity, why, now) for good, quantity in units.items()]
    moves += [_move(good, "damaged", quantity, why, now) for good, quantity in units.items()]
    await _run(conn, units, lambda _: moves, actor=why.actor, now=now, overrule=overrule)


async def transfer(
    conn: Connection, lines: Sequence[StockLine], to: str, why: Why, *, now: datetime, on_the_way: bool = False
) -> None:
    """Units go from the lines' places to another: there at once, or ``on_the_way`` until `receive` (``expected``).

    Only free units travel. Raises WouldBreakPromises; neither side happens alone.
    """
    _checked(lines, why)
    if any(line.location_code == to for line in lines):
        raise BadStock("Units cannot travel to where they are.", code="same_place")
    there = [StockLine(line.variant_id, to, line.quantity) for line in lines]
    pairs = [(line.variant_id, line.location_code) for line in (*lines, *there)]
    goods = await finding.ensure(conn, pairs, now=now)
    leaving, coming = _summed(lines, goods), _summed(there, goods)
    arrives: StockState = "incoming" if on_the_way else "on_hand"
    moves = [_move(good, "on_hand", -quantity, why, now, ":out") for good, quantity in leaving.items()]
    moves += [_move(good, arrives, quantity, why, now, ":in") for good, quantity in coming.items()]
    await _run(conn, {*leaving, *coming}, lambda _: moves, actor=why.actor, now=now)


async def count(
    conn: Connection, lines: Sequence[StockLine], why: Why, *, now: datetime, counted_at: datetime | None = None
) -> dict[finding.Pair, int]:
    """The shelf was counted, promised units too: what there is, is so; the differences by (variant, place).

    A count is the truth of its instant, ``counted_at`` (now when not given): what moved after it still counts, receipts
    from before it that arrive later move nothing, and promises it leaves uncovered are at risk. An older count than the
    last one says nothing any more.
    """
    _checked(lines, why, least=0)
    at = min(counted_at or now, now)
    goods = await finding.ensure(conn, [(line.variant_id, line.location_code) for line in lines], now=now)
    units = _summed(lines, goods)
    await holds.lock(conn, units)
    since = {row["good_id"]: row["quantity"] for row in await _sql.moved_since(conn, goods=list(units), at=at)}
    differences: dict[int, int] = {}

    def plan(states: Mapping[int, asyncpg.Record]) -> list[_Move]:
        for good, quantity in units.items():
            last, there = states[good]["counted_at"], states[good]["capacity"] - since.get(good, 0)
            differences[good] = 0 if last and last > at else quantity - there
        return [_move(good, "on_hand", by, why, now) for good, by in differences.items() if by]

    await _run(conn, units, plan, actor=why.actor, now=now, overrule="count")
    await _sql.set_counted(conn, goods=list(units), at=at)
    return {pair: differences[good] for pair, good in goods.items()}


# Going ------------------------------------------------------------------------------------------------


async def sell_at_till(
    conn: Connection,
    location_code: str,
    lines: Sequence[tuple[int, int]],
    *,
    reference: str,
    actor: str,
    override_reason: str | None = None,
    occurred_at: datetime,
    now: datetime,
) -> Sold:
    """A receipt takes its units off the shelf; see `sell`."""
    sale = TillSale(location_code=location_code, lines=tuple(lines), reference=reference, occurred_at=occurred_at)
    return await sell(conn, [sale], actor=actor, override_reason=override_reason, now=now)


async def sell(
    conn: Connection, sales: Sequence[TillSale], *, actor: str, override_reason: str | None = None, now: datetime
) -> Sold:
    """Receipts take their units off the shelf, kits in parts; a handful of statements for any number of them.

    A reference that came before moves nothing again; a receipt from before the last count moves nothing, for the count
    has seen it; where no stock is kept of a thing, nothing is moved. Raises WouldBreakPromises when promised units
    would go, unless ``override_reason`` says why: then the promises are at risk, and a task says so.
    """
    wanted: dict[tuple[int, str, str], tuple[int, datetime]] = {}
    parts = await finding.parts_of(conn, {variant for sale in sales for variant, _ in sale.lines})
    for sale in sales:
        units: dict[int, int] = defaultdict(int)
        for variant, quantity in sale.lines:
            _checked([StockLine(variant, sale.location_code, quantity)], Why(actor, "sale", sale.reference))
            for part, each in parts[variant]:
                units[part] += quantity * each
        for part, quantity in units.items():
            wanted.setdefault((part, sale.location_code, sale.reference), (quantity, sale.occurred_at))
    goods = await finding.kept(conn, {(part, code) for part, code, _ in wanted})
    unknown = sum(quantity for (part, code, _), (quantity, _) in wanted.items() if (part, code) not in goods)
    before_count: list[int] = []

    def plan(states: Mapping[int, asyncpg.Record]) -> list[_Move]:
        moves = []
        for (part, code, reference), (quantity, at) in wanted.items():
            good = goods.get((part, code))
            if good is None:
                continue
            counted = states[good]["counted_at"]
            if counted is not None and at <= counted:
                before_count.append(quantity)
                continue
            key = f"sale:{reference}:{good}"
            moves.append(_Move(good, "on_hand", -quantity, min(at, now), "sale", reference, None, key))
        return moves

    moved, found, at_risk = await _run(conn, set(goods.values()), plan, actor=actor, now=now, overrule=override_reason)
    return Sold(moved=moved, found=found, at_risk=at_risk, counted_since=sum(before_count), unknown=unknown)


async def hand_over(conn: Connection, hold_ids: Collection[UUID], *, reference: str, actor: str, now: datetime) -> None:
    """Promised units are handed over or sent: they leave the shelf. Said twice is fine. Raises HoldDead."""
    missing = await holds.consume(conn, hold_ids, now=now, reason="handed over")
    moves = [
        _Move(hold.good_id, "on_hand", -hold.quantity, now, "handed over", reference, None, f"handed:{hold.id}")
        for hold in await holds.find(conn, hold_ids)
    ]
    last = {move.good_id: move for move in moves}
    found = [last[good]._replace(quantity=units, reason="found", key=None) for good, units in missing.items()]
    await _write(conn, [*found, *moves], actor=actor, now=now, risks={}, why="", last=last)
