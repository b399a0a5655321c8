"""The door of holds: take, commit, release, renew, consume; goods and their capacity.

Every function runs inside the caller's transaction and never commits. Each locks its goods first, in the order of
their ids, ends the holds whose instant has come, decides by a pure rule, and writes everything with one statement.
Take all goods of a transaction with one call: two calls may meet another transaction's in the opposite order, and one
of the two is then sent back by the database (`unisono.kit.database.TRANSIENT`: run the transaction again).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg

from unisono.commerce.holds import rules
from unisono.commerce.holds.checking import check_capacity, check_expiry, check_move, check_request
from unisono.commerce.holds.errors import GoodUnknown, HoldDead, WouldBreakPromises
from unisono.commerce.holds.model import (
    Answer,
    CapacityChange,
    CapacityMove,
    GoodState,
    Grant,
    Hold,
    HoldRequest,
    HoldState,
    NewGood,
    Refusal,
    Settlement,
)
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.holds")


class _Deltas:
    """What becomes of each good in one transaction."""

    def __init__(self) -> None:
        self.capacity: dict[int, int] = defaultdict(int)
        self.held: dict[int, int] = defaultdict(int)
        self.committed: dict[int, int] = defaultdict(int)
        self.at_risk: dict[int, int] = defaultdict(int)

    @property
    def goods(self) -> list[int]:
        """Those that move, in the order of their ids."""
        return sorted(self.capacity.keys() | self.held.keys() | self.committed.keys() | self.at_risk.keys())


# Taking -----------------------------------------------------------------------------------------------


async def take(conn: Connection, requests: Sequence[HoldRequest], *, now: datetime) -> list[Answer]:
    """Put units aside for each request, all it asks for or none, first come first served; three statements in all.

    A key that was granted before is answered with the same holds, or refused (``dead``) when one of them is gone.
    Raises BadHold when a request is none (no asks, no units, dead on arrival).
    """
    for request in requests:
        check_request(request, now)
    wanted = sorted({ask.good_id for request in requests for ask in request.asks})
    if not wanted:
        return []
    rows = {row["id"]: row for row in await _sql.lock_goods(conn, ids=wanted)}
    deltas, found = await _kill_and_find(conn, rows, now=now, keys=[request.key for request in requests])
    answers = _known(found, now)
    # Of one key only the first request is decided; the others are answered alike.
    first: dict[str, HoldRequest] = {}
    for request in requests:
        if request.key not in answers:
            first.setdefault(request.key, request)
    for request in first.values():
        if not all(ask.good_id in rows for ask in request.asks):
            answers[request.key] = Refusal(request.key, code="good_unknown")
    new = [request for request in first.values() if request.key not in answers]
    free = {
        good_id: rules.available(row["capacity"], row["held"] + deltas.held.get(good_id, 0), row["committed"])
        for good_id, row in rows.items()
    }
    taken: list[tuple[HoldRequest, Hold]] = []
    for request, short in zip(new, rules.decide(new, free), strict=True):
        if short:
            answers[request.key] = Refusal(request.key, short)
            continue
        holds = _new_holds(request)
        answers[request.key] = Grant(request.key, holds)
        for hold in holds:
            taken.append((request, hold))
            deltas.held[hold.good_id] += hold.quantity
    if deltas.goods:
        await _apply(conn, deltas, taken=taken, now=now)
    return [_same(answers[request.key], request) for request in requests]


def _new_holds(request: HoldRequest) -> tuple[Hold, ...]:
    return tuple(
        Hold(
            uuid4(),
            ask.good_id,
            ask.quantity,
            "held",
            request.expires_at,
            request.reference,
            request.node_id,
            request.key,
            position,
        )
        for position, ask in enumerate(request.asks)
    )


def _known(found: Sequence[Hold], now: datetime) -> dict[str, Answer]:
    """Answers to keys that were granted before: the same holds, or ``dead`` when one of them is gone."""
    by_key: dict[str, list[Hold]] = defaultdict(list)
    for hold in sorted(found, key=lambda hold: hold.position):
        by_key[hold.key].append(hold)
    return {
        key: Refusal(key, code="dead")
        if any(_stands(hold, now) in ("expired", "released") for hold in holds)
        else Grant(key, tuple(holds))
        for key, holds in by_key.items()
    }


def _same(answer: Answer, request: HoldRequest) -> Answer:
    """The answer, unless its key stands for something else than what is asked now."""
    if isinstance(answer, Grant):
        asked = [(ask.good_id, ask.quantity) for ask in request.asks]
        if asked != [(hold.good_id, hold.quantity) for hold in answer.holds]:
            return Refusal(request.key, code="key_reused")
    return answer


# Settling ---------------------------------------------------------------------------------------------


async def commit(conn: Connection, hold_ids: Collection[UUID], *, now: datetime, reason: str = "committed") -> None:
    """Make promises firm: they no longer expire. Said twice is fine.

    Raises HoldDead when one of them has expired at ``now``, was released or never was; then nothing changes.
    """
    await _settle(conn, hold_ids, "committed", now=now, reason=reason)


async def release(
    conn: Connection, hold_ids: Collection[UUID], *, now: datetime, reason: str, expired: bool = False
) -> int:
    """Give back what was held or committed; how many holds it was. Said twice is fine, and so is an unknown hold.

    With ``expired`` only holds whose instant has come are ended; a firm promise does not expire.
    """
    if expired:
        ids = list(dict.fromkeys(hold_ids))
        rows = {row["id"]: row for row in await _sql.lock_goods_of_holds(conn, holds=ids)}
        deltas, found = await _kill_and_find(conn, rows, now=now, holds=ids)
        if deltas.goods:
            await _apply(conn, deltas, now=now)
        return sum(hold.state == "held" and _stands(hold, now) == "expired" for hold in found)
    return (await _settle(conn, hold_ids, "released", now=now, reason=reason)).holds


async def consume(
    conn: Connection, hold_ids: Collection[UUID], *, now: datetime, reason: str = "handed over"
) -> dict[int, int]:
    """What was promised for good leaves: capacity and committed go down together. Said twice is fine.

    Returns, by good, units handed over that were not on the books (the till had sold them, and yet they were there).
    Raises HoldDead when a hold is not committed; then nothing changes.
    """
    moved = await _settle(conn, hold_ids, "consumed", now=now, reason=reason)
    return moved.missing


async def renew(conn: Connection, hold_ids: Collection[UUID], *, expires_at: datetime | None, now: datetime) -> None:
    """Give live holds another instant of death (None: none); firm promises have none and are left alone.

    Raises HoldDead when one of them is dead at ``now``.
    """
    check_expiry(expires_at, now)
    ids = list(dict.fromkeys(hold_ids))
    rows = {row["id"]: row for row in await _sql.lock_goods_of_holds(conn, holds=ids)}
    deltas, found = await _kill_and_find(conn, rows, now=now, holds=ids)
    if deltas.goods:
        await _apply(conn, deltas, now=now)
    _all_found(ids, found, dead=[hold for hold in found if not rules.alive(hold.state, hold.expires_at, now)])
    await _sql.renew_holds(conn, holds=ids, expires_at=expires_at)


class _Settled(NamedTuple):
    holds: int
    missing: dict[int, int]


async def _settle(
    conn: Connection, hold_ids: Collection[UUID], to: Settlement, *, now: datetime, reason: str
) -> _Settled:
    ids = list(dict.fromkeys(hold_ids))
    if not ids:
        return _Settled(0, {})
    rows = {row["id"]: row for row in await _sql.lock_goods_of_holds(conn, holds=ids)}
    deltas, found = await _kill_and_find(conn, rows, now=now, holds=ids)
    dead = [hold for hold in found if (_stands(hold, now), to) not in rules.BECOMES]
    if to != "released" and (dead or len(found) < len(ids)):
        # The caller may go on after the refusal: what died has been ended, so its units must be counted as free.
        if deltas.goods:
            await _apply(conn, deltas, now=now)
        _all_found(ids, found, dead=dead)
    moving = [hold for hold in found if rules.BECOMES.get((_stands(hold, now), to))]
    missing = _count_in(deltas, moving, to, rows)
    if deltas.goods:
        await _apply(conn, deltas, settled=[hold.id for hold in moving], to=to, reason=reason, now=now)
    return _Settled(len(moving), missing)


def _count_in(
    deltas: _Deltas, moving: Sequence[Hold], to: Settlement, rows: Mapping[int, asyncpg.Record]
) -> dict[int, int]:
    """What the settling of these holds does to their goods; units leaving that were not on the books."""
    leaving: dict[int, int] = defaultdict(int)
    for hold in moving:
        (deltas.held if hold.state == "held" else deltas.committed)[hold.good_id] -= hold.quantity
        if to == "committed":
            deltas.committed[hold.good_id] += hold.quantity
        elif to == "consumed":
            leaving[hold.good_id] += hold.quantity
    missing = {}
    for good_id, units in leaving.items():
        booked = min(units, rows[good_id]["capacity"])
        deltas.capacity[good_id] -= booked
        if units > booked:
            missing[good_id] = units - booked
    return missing


def _stands(hold: Hold, now: datetime) -> HoldState:
    return rules.standing(hold.state, hold.expires_at, now)


def _all_found(ids: Sequence[UUID], found: Sequence[Hold], *, dead: Sequence[Hold]) -> None:
    missing = sorted(set(map(str, ids)) - {str(hold.id) for hold in found})
    if dead or missing:
        raise HoldDead(holds=dead, missing=missing)


async def sweep(conn: Connection, *, now: datetime, most: int = 1_000) -> int:
    """End holds whose instant has come, so that channels hear of the free units: how many goods were freed.

    Nothing depends on it but the news: every other function treats such holds as dead.
    """
    due = [row["good_id"] for row in await _sql.goods_with_dead_holds(conn, now=now, most=most)]
    return await end_dead(conn, due, now=now)


async def end_dead(conn: Connection, ids: Collection[int], *, now: datetime) -> int:
    """Lock these goods and end their dead holds: how many goods were freed. Their counters are then those of now."""
    if not ids:
        return 0
    rows = {row["id"]: row for row in await _sql.lock_goods(conn, ids=sorted(ids))}
    deltas, _ = await _kill_and_find(conn, rows, now=now)
    if deltas.goods:
        await _apply(conn, deltas, now=now)
    return len(deltas.goods)


async def next_expiry(conn: Connection, *, now: datetime) -> datetime | None:
    """When the next hold dies."""
    found: datetime | None = await _sql.next_expiry(conn, now=now)
    return found


# Goods ------------------------------------------------------------------------------------------------


async def ensure_goods(conn: Connection, goods: Sequence[NewGood]) -> dict[tuple[str, str], int]:
    """Make what is not there yet; (kind, key) to id of all of them. Raises BadHold for a bad key or capacity."""
    for good in goods:
        check_capacity(good)
    asked = {(good.kind, good.key): good for good in goods}
    kinds, keys = [kind for kind, _ in asked], [key for _, key in asked]
    known = {(row["kind"], row["key"]): row["id"] for row in await _sql.goods_by_key(conn, kinds=kinds, keys=keys)}
    new = [good for pair, good in asked.items() if pair not in known]
    if new:
        made = await _sql.insert_goods(
            conn,
            kinds=[good.kind for good in new],
            keys=[good.key for good in new],
            capacities=[good.capacity for good in new],
        )
        known |= {(row["kind"], row["key"]): row["id"] for row in made}
    if len(known) < len(asked):
        # Somebody else made some at the same instant; they are there now.
        rows = await _sql.goods_by_key(conn, kinds=kinds, keys=keys)
        known = {(row["kind"], row["key"]): row["id"] for row in rows}
    return known


async def goods(conn: Connection, ids: Collection[int], *, now: datetime) -> dict[int, GoodState]:
    """How goods stand at ``now``; holds past their instant count as gone. Unknown ids are missing."""
    return {row["id"]: _state(row) for row in await _sql.read_goods(conn, ids=list(ids), now=now)}


async def lock(conn: Connection, ids: Collection[int]) -> None:
    """Wait until nobody else moves these goods; what is read after it stays true until the transaction ends."""
    await _sql.lock_only(conn, ids=sorted(ids))


async def change_capacity(
    conn: Connection, good_id: int, by: int, *, now: datetime, overrule: bool = False
) -> GoodState:
    """Units come or go. Raises WouldBreakPromises when too few are free, unless ``overrule``, which puts the broken
    promises at risk; GoodUnknown."""
    changes = await change_capacities(conn, [CapacityMove(good_id, by)], now=now, overrule=overrule)
    return changes[good_id].state


async def change_capacities(
    conn: Connection, moves: Sequence[CapacityMove], *, now: datetime, overrule: bool = False
) -> dict[int, CapacityChange]:
    """The same for several goods, all or none; moves of one good are added up."""
    by: dict[int, int] = defaultdict(int)
    for move in moves:
        check_move(move)
        by[move.good_id] += move.by
    if not by:
        return {}
    rows = {row["id"]: row for row in await _sql.lock_goods(conn, ids=sorted(by))}
    _must_exist(by, rows)
    deltas, _ = await _kill_and_find(conn, rows, now=now)
    outcomes: list[tuple[int, tuple[int, int, int]]] = []
    before = {id_: _state(row, swept=-deltas.held.get(id_, 0)) for id_, row in rows.items()}
    after = {id_: rules.capacity_after(before[id_], units, overrule=overrule) for id_, units in by.items()}
    for good_id, outcome in after.items():
        if outcome is None:
            if deltas.goods:
                await _apply(conn, deltas, now=now)
            state = before[good_id]
            raise WouldBreakPromises(good_id, state.key, asked=-by[good_id], available=state.available)
        outcomes.append((good_id, outcome))
    for good_id, (capacity, _, risk) in outcomes:
        deltas.capacity[good_id] += capacity - before[good_id].capacity
        deltas.at_risk[good_id] += risk
    states = await _apply(conn, deltas, now=now)
    return {good_id: CapacityChange(states[good_id], missing, risk) for good_id, (_, missing, risk) in outcomes}


def _must_exist(ids: Iterable[int], found: Collection[int]) -> None:
    for good_id in ids:
        if good_id not in found:
            raise GoodUnknown(f"There is no good {good_id}.")


# Reading ----------------------------------------------------------------------------------------------


async def find(conn: Connection, hold_ids: Collection[UUID]) -> list[Hold]:
    """These holds as they are written; `rules.standing` says what they are at an instant."""
    return [_hold(row) for row in await _sql.find_holds(conn, ids=list(hold_ids))]


async def find_by_reference(conn: Connection, references: Collection[str]) -> list[Hold]:
    """The holds of these references (``order:1204``), settled ones too."""
    return [_hold(row) for row in await _sql.find_holds_by_reference(conn, references=list(references))]


def _hold(row: asyncpg.Record) -> Hold:
    return Hold(
        row["id"],
        row["good_id"],
        row["quantity"],
        row["state"],
        row["expires_at"],
        row["reference"],
        row["node_id"],
        row["key"],
        row["position"],
    )


def _state(row: asyncpg.Record, *, swept: int = 0) -> GoodState:
    held = row["held"] - swept
    return GoodState(
        row["id"],
        row["kind"],
        row["key"],
        row["capacity"],
        held,
        row["committed"],
        row["at_risk"],
        rules.available(row["capacity"], held, row["committed"]),
        row["version"],
    )


# Writing ----------------------------------------------------------------------------------------------


async def _kill_and_find(
    conn: Connection,
    goods: Collection[int],
    *,
    now: datetime,
    holds: Sequence[UUID] = (),
    keys: Sequence[str] = (),
) -> tuple[_Deltas, list[Hold]]:
    """Under the lock of the goods: end their dead holds and read the holds asked about."""
    rows = await _sql.kill_dead_and_find(conn, goods=list(goods), now=now, holds=list(holds), keys=list(keys))
    deltas = _Deltas()
    for row in rows:
        if row["id"] is None:
            deltas.held[row["good_id"]] -= row["quantity"]
    return deltas, [_hold(row) for row in rows if row["id"] is not None]


async def _apply(
    conn: Connection,
    deltas: _Deltas,
    *,
    now: datetime,
    taken: Sequence[tuple[HoldRequest, Hold]] = (),
    settled: Sequence[UUID] = (),
    to: Settlement = "released",
    reason: str = "",
) -> dict[int, GoodState]:
    goods = deltas.goods
    rows = await _sql.apply(
        conn,
        now=now,
        new_ids=[hold.id for _, hold in taken],
        new_goods=[hold.good_id for _, hold in taken],
        new_quantities=[hold.quantity for _, hold in taken],
        new_nodes=[hold.node_id for _, hold in taken],
        new_keys=[hold.key for _, hold in taken],
        new_positions=[hold.position for _, hold in taken],
        new_reasons=[request.reason for request, _ in taken],
        new_references=[hold.reference for _, hold in taken],
        new_expiries=[hold.expires_at for _, hold in taken],
        settled_ids=list(settled),
        settled_states=[to] * len(settled),
        why=reason,
        goods=goods,
        capacities=[deltas.capacity.get(good, 0) for good in goods],
        helds=[deltas.held.get(good, 0) for good in goods],
        committeds=[deltas.committed.get(good, 0) for good in goods],
        risks=[deltas.at_risk.get(good, 0) for good in goods],
    )
    return {row["id"]: _state(row) for row in rows}
