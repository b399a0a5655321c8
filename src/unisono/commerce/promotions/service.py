"""The door of promotions: quote a basket, put its uses aside, keep definitions, make coupons, simulate.

Writes run inside the caller's transaction and never commit. Money is minor units, instants are aware and UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import WouldBreakPromises
from unisono.commerce.holds.model import CapacityMove, NewGood
from unisono.commerce.promotions import due
from unisono.commerce.promotions.checking import check_definition
from unisono.commerce.promotions.coupons import coupon, disable_coupons, make_coupons
from unisono.commerce.promotions.errors import PromotionConflict, PromotionUnknown
from unisono.commerce.promotions.keeping import definition_of, find_promotion, write_version
from unisono.commerce.promotions.knowing import as_promotion
from unisono.commerce.promotions.model import Definition, Promotion, PromotionState, PromotionVersion, Status
from unisono.commerce.promotions.overlaps import conflicts
from unisono.commerce.promotions.quoting import quote
from unisono.commerce.promotions.simulating import simulate
from unisono.commerce.promotions.uses import commit_uses, hold_uses, release_uses
from unisono.kit.database import Connection
from unisono.kit.sql import load

__all__ = [
    "commit_uses",
    "conflicts",
    "coupon",
    "disable_coupons",
    "find_promotion",
    "hold_uses",
    "list_promotions",
    "make_coupons",
    "quote",
    "release_uses",
    "save_promotion",
    "set_status",
    "simulate",
    "versions_of",
]

_sql = load("unisono.commerce.promotions")

MOVES: dict[Status, frozenset[Status]] = {
    "draft": frozenset({"active", "ended"}),
    "active": frozenset({"paused", "ended"}),
    "paused": frozenset({"active", "ended"}),
    "ended": frozenset(),
}
"""Which status may follow which; what has ended stays so, and its past with it."""


# Reading --------------------------------------------------------------------------------------------------


async def list_promotions(
    conn: Connection, *, statuses: Sequence[Status] = (), after: str | None = None, limit: int = 50
) -> list[PromotionState]:
    """Promotions by code, with what has been used of their limits; ``after`` is the last code seen."""
    rows = await _sql.list_promotions(conn, statuses=list(statuses), after=after, limit=limit)
    return [
        PromotionState(
            promotion=as_promotion(row["definition"], id_=row["id"], status=row["status"], version=row["version"]),
            updated_at=row["updated_at"],
            budget_used_minor=row["budget_used"],
            times_used=row["times_used"],
        )
        for row in rows
    ]


async def versions_of(conn: Connection, code: str) -> list[PromotionVersion]:
    """What a promotion was, newest first. Raises PromotionUnknown."""
    rows = await _sql.versions_of(conn, code=code.replace("\x00", ""))
    if not rows:
        raise PromotionUnknown(code)
    return [
        PromotionVersion(
            version=row["version"],
            at=row["at"],
            actor=row["actor"],
            definition=msgspec.json.decode(row["definition"], type=Definition),
        )
        for row in rows
    ]


# Keeping --------------------------------------------------------------------------------------------------


async def save_promotion(
    conn: Connection,
    definition: Definition,
    *,
    actor: str,
    now: datetime,
    status: Status = "draft",
    expected_version: int | None = None,
) -> Promotion:
    """Make a promotion (with ``status``) or change it (its status stays); every version is kept.

    Saying the same again changes nothing. Raises BadPromotion, PromotionConflict when ``expected_version`` is not the
    present one, when it has ended, or when a limit falls below what was promised under it.
    """
    check_definition(definition)
    code = definition.code
    await _sql.lock_name(conn, name=f"promotion {code}")
    before = await _sql.find_promotion(conn, code=code)
    if expected_version == 0 and before is not None:
        raise PromotionConflict(f"There is a promotion {code} already.", code="promotion_code_taken", field="code")
    if expected_version is not None and expected_version != (0 if before is None else before["version"]):
        raise PromotionConflict(f"{code} has been changed by somebody else.", code="version_conflict")
    written = msgspec.json.encode(definition, order="deterministic").decode()
    old = None
    if before is not None:
        old = as_promotion(before["definition"], id_=before["id"], status=before["status"], version=before["version"])
        if old == as_promotion(written, id_=old.id, status=old.status, version=old.version):
            return old
        await _check_change(conn, old, definition)
    budget_good, uses_good = await _limit(conn, definition, old, now=now)
    columns = _columns(definition) | {"budget_good": budget_good, "uses_good": uses_good}
    if old is None:
        row = await _sql.insert_promotion(conn, **columns, status=status, actor=actor)
    else:
        row = await _sql.update_promotion(conn, **columns)
    return await _keep(conn, row, definition, old, actor=actor, now=now)


async def _check_change(conn: Connection, old: Promotion, new: Definition) -> None:
    if old.status == "ended":
        raise PromotionConflict(f"{old.code} has ended: make another.", code="promotion_ended")
    if new.currency != old.currency and await _sql.has_uses(conn, promotion_id=old.id):
        raise PromotionConflict(f"{old.code} has been used: its currency stays.", code="currency_fixed")


async def set_status(conn: Connection, code: str, status: Status, *, actor: str, now: datetime) -> Promotion:
    """Start, pause, go on or end. Saying the same again changes nothing.

    Raises PromotionUnknown, PromotionConflict for what has ended.
    """
    await _sql.lock_name(conn, name=f"promotion {code}")
    old = await find_promotion(conn, code)
    if status == old.status:
        return old
    if status not in MOVES[old.status]:
        raise PromotionConflict(f"{code} is {old.status}: it cannot become {status}.", code="bad_status")
    row = await _sql.move_promotion(conn, code=code, status=status)
    return await _keep(conn, row, definition_of(old), old, actor=actor, now=now)


async def _keep(
    conn: Connection, row: asyncpg.Record, definition: Definition, old: Promotion | None, *, actor: str, now: datetime
) -> Promotion:
    """The version, the change every channel hears of, the timers of its beginning and end."""
    promotion = as_promotion(
        msgspec.json.encode(definition), id_=row["id"], status=row["status"], version=row["version"]
    )
    await write_version(conn, promotion, actor=actor, now=now)
    await due.set_turns(conn, old, promotion, now=now)
    return promotion


def _columns(definition: Definition) -> dict[str, Any]:
    columns: dict[str, Any] = {name: getattr(definition, name) for name in Definition.__struct_fields__}
    for name in ("texts", "effects", "conditions"):
        value = {} if columns[name] is None else columns[name]
        columns[name] = msgspec.json.encode(value, order="deterministic").decode()
    with_them = definition.combines_with
    columns["combines_with"] = None if with_them is None else sorted(with_them)
    return columns


# Limits ---------------------------------------------------------------------------------------------------


async def _limit(
    conn: Connection, definition: Definition, old: Promotion | None, *, now: datetime
) -> tuple[int | None, int | None]:
    """The goods of the budget and of the uses, with the capacity the definition gives them."""
    wanted = {
        name: NewGood("budget", key, limit)
        for name, key, limit in (
            ("budget", definition.code, definition.budget_minor),
            ("uses", f"{definition.code}/uses", definition.max_uses),
        )
        if limit is not None
    }
    if not wanted:
        return None, None
    ids = await holds.ensure_goods(conn, list(wanted.values()))
    good_of = {name: ids[good.kind, good.key] for name, good in wanted.items()}
    states = await holds.goods(conn, good_of.values(), now=now)
    moves = [
        CapacityMove(id_, wanted[name].capacity - states[id_].capacity)
        for name, id_ in good_of.items()
        if wanted[name].capacity != states[id_].capacity
    ]
    try:
        await holds.change_capacities(conn, moves, now=now)
    except WouldBreakPromises as error:
        used = states[error.good_id].capacity - error.available
        raise PromotionConflict(
            f"{definition.code}: {used} are used or put aside already; the limit cannot be less.",
            code="limit_below_used",
            used=used,
        ) from None
    return good_of.get("budget"), good_of.get("uses")
