"""Coupons: made many at once, looked up with why they stand or do not, disabled.

A unique coupon is a good of one unit, a generic one of as many as it has uses; whoever pays with it holds it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import asyncpg

from unisono.commerce.holds import service as holds
from unisono.commerce.holds.model import CapacityMove, GoodState, NewGood
from unisono.commerce.promotions import wording
from unisono.commerce.promotions.checking import is_near, is_storable
from unisono.commerce.promotions.errors import BadCoupons, CouponUnknown
from unisono.commerce.promotions.keeping import find_promotion
from unisono.commerce.promotions.model import (
    UNLIMITED_USES,
    Coupon,
    CouponBatch,
    CouponUse,
    NewCoupons,
    Promotion,
    coupon_code,
)
from unisono.customers.identity import service as identity
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.service import PersonNotFound
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

_sql = load("unisono.commerce.promotions")

ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 letters and digits, 5 bits each; without 0, O, 1 and I, which people confuse on paper."""

_TYPED = re.compile(r"[A-Z0-9][A-Z0-9_-]*")


# Making ---------------------------------------------------------------------------------------------------


async def make_coupons(
    conn: Connection, promotion: str, wanted: NewCoupons, *, actor: str, now: datetime
) -> CouponBatch:
    """Make coupons of a promotion: some six statements, whatever their number.

    Raises PromotionUnknown, BadCoupons, PersonNotFound for ``people`` nobody knows.
    """
    found = await find_promotion(conn, promotion)
    _check(wanted, found)
    nodes = await _nodes_of(conn, wanted.people) if wanted.people else []
    if wanted.kind == "generic":
        codes = await _generic(conn, wanted)
        capacity = wanted.max_uses or UNLIMITED_USES
    else:
        codes = await _unguessable(conn, wanted, len(nodes) or wanted.count)
        capacity = 1
    goods = await holds.ensure_goods(conn, [NewGood("coupon", code, capacity) for code in codes])
    try:
        await _sql.insert_coupons(
            conn,
            promotion_id=found.id,
            codes=codes,
            goods=[goods["coupon", code] for code in codes],
            nodes=nodes or [None] * len(codes),
            kind=wanted.kind,
            batch=wanted.batch,
            starts_at=wanted.starts_at,
            expires_at=wanted.expires_at,
            now=now,
            actor=actor,
        )
    except asyncpg.UniqueViolationError:
        raise BadCoupons("There is such a coupon already.", code="coupon_exists") from None
    return CouponBatch(promotion=found.code, batch=wanted.batch, coupons=tuple(codes))


def _check(wanted: NewCoupons, promotion: Promotion) -> None:
    if promotion.status == "ended":
        raise BadCoupons(f"{promotion.code} has ended.", code="promotion_ended")
    if wanted.kind == "generic":
        if wanted.code is None or wanted.count != 1 or len(wanted.people) > 1 or wanted.prefix:
            raise BadCoupons("A generic coupon is one code, with its own text.")
    elif wanted.code is not None or wanted.max_uses is not None:
        raise BadCoupons("Unique coupons get their codes by chance and are used once.")
    if wanted.prefix and not _TYPED.fullmatch(coupon_code(wanted.prefix)):
        raise BadCoupons("A prefix has letters, digits, - and _.")
    if wanted.batch is not None and not is_storable(wanted.batch):
        raise BadCoupons("The name of the batch cannot be kept.")
    instants = [at for at in (wanted.starts_at, wanted.expires_at) if at is not None]
    if any(at.tzinfo is None or not is_near(at) for at in instants):
        raise BadCoupons("An instant has no time zone, or is of other times.")
    if len(instants) == 2 and instants[0] >= instants[1]:
        raise BadCoupons("Coupons cannot expire before they begin.")


async def _generic(conn: Connection, wanted: NewCoupons) -> list[str]:
    code = coupon_code(wanted.code or "")
    if not _TYPED.fullmatch(code) or len(code) < 3:
        raise BadCoupons("A coupon has at least three letters, digits, - and _.")
    if await _sql.known_coupons(conn, codes=[code]):
        raise BadCoupons(f"There is a coupon {code} already.", code="coupon_exists")
    return [code]


async def _unguessable(conn: Connection, wanted: NewCoupons, count: int) -> list[str]:
    prefix = coupon_code(wanted.prefix)
    codes: dict[str, None] = {}
    while len(codes) < count:
        drawn = [prefix + _draw(wanted.length) for _ in range(count - len(codes))]
        taken = {row["code"] for row in await _sql.known_coupons(conn, codes=drawn)}
        codes.update((code, None) for code in drawn if code not in taken)
    return list(codes)


def _draw(length: int) -> str:
    # 32 letters: each byte gives five even bits.
    return "".join([ALPHABET[byte & 31] for byte in secrets.token_bytes(length)])


async def _nodes_of(conn: Connection, people: Sequence[str]) -> list[int | None]:
    """The nodes of identifiers, or of persons' numbers, in order. Raises PersonNotFound, BadRequest."""
    rulebook = await identity.rulebook(conn)
    numbers = {text: int(text) for text in people if text.isascii() and text.isdigit() and len(text) < 19}
    if numbers:
        await identity.persons_of(conn, set(numbers.values()))
    named = [text for text in dict.fromkeys(people) if text not in numbers]
    keys = []
    for text in named:
        namespace, _, value = text.partition(":")
        try:
            keys.append(rulebook.key(namespace, value))
        except UnusableIdentifier as error:
            raise BadRequest(f"{text[:80]!r} cannot be looked up: {error}.", code="bad_identifier") from None
    rows = await _sql.find_nodes(conn, namespaces=[key.namespace for key in keys], values=[key.value for key in keys])
    found: dict[str, int] = {named[row["ordinal"] - 1]: row["id"] for row in rows} | numbers
    for text in people:
        if text not in found:
            raise PersonNotFound(f"Nobody is known as {text[:80]}.")
    return [found[text] for text in people]


# Looking up -----------------------------------------------------------------------------------------------


async def coupon(conn: Connection, code: str, *, now: datetime) -> Coupon:
    """A coupon as it stands, with its latest uses. Raises CouponUnknown."""
    row = await _sql.find_coupon(conn, code=coupon_code(code).replace("\x00", "")[:100])
    if row is None:
        raise CouponUnknown(code)
    good = (await holds.goods(conn, [row["good_id"]], now=now))[row["good_id"]]
    uses = await _sql.uses_of_coupon(conn, coupon_id=row["id"])
    reasons = _reasons(row, good, now)
    limited = row["kind"] == "unique" or good.capacity < UNLIMITED_USES
    return Coupon(
        coupon=row["code"],
        kind=row["kind"],
        promotion=row["promotion"],
        promotion_name=row["promotion_name"],
        batch=row["batch"],
        person_id=row["owner"],
        starts_at=row["starts_at"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        disabled_at=row["disabled_at"],
        usable=not reasons,
        reasons=tuple(reasons),
        max_uses=good.capacity if limited else None,
        used=good.committed,
        held=good.held_live,
        uses=tuple(_use(use, now) for use in uses),
    )


def _reasons(row: asyncpg.Record, good: GoodState, now: datetime) -> list[Reason]:
    """Why it cannot be used now."""
    against = []
    values = {"coupon": row["code"]}
    if row["disabled_at"] is not None:
        against.append(Reason("coupon_disabled", "The coupon {coupon} is no longer valid.", values))
    elif not good.available and good.committed >= good.capacity:
        against.append(Reason("coupon_used", "The coupon {coupon} has been used already.", values))
    elif not good.available:
        against.append(Reason("coupon_held", "Somebody is paying with the coupon {coupon} at this moment.", values))
    if row["promotion_status"] != "active":
        against.append(wording.status_not_active(row["promotion_status"]))
    for begins, ends in (
        (row["starts_at"], row["expires_at"]),
        (row["promotion_starts_at"], row["promotion_ends_at"]),
    ):
        if begins is not None and now < begins:
            against.append(wording.begins(begins))
        if ends is not None and now >= ends:
            against.append(wording.ended(ends))
    return against


def _use(row: asyncpg.Record, now: datetime) -> CouponUse:
    state: Literal["held", "expired", "committed", "released"] = row["state"]
    if state == "held" and row["expires_at"] is not None and row["expires_at"] <= now:
        state = "expired"
    facts: dict[str, Any] = {name: row[name] for name in CouponUse.__struct_fields__ if name != "state"}
    return CouponUse(**facts, state=state)


# Disabling ------------------------------------------------------------------------------------------------


async def disable_coupons(
    conn: Connection, *, codes: Sequence[str] = (), batch: str | None = None, actor: str, now: datetime
) -> int:
    """Make coupons worthless from now on, by code or a whole batch; how many. What is being paid keeps its coupon."""
    named = sorted({coupon_code(code) for code in codes})
    rows = await _sql.disable_coupons(conn, codes=named, batch=batch, actor=actor, now=now)
    goods = await holds.goods(conn, [row["good_id"] for row in rows], now=now)
    # Without free units nobody can hold it, and the change of the good tells every channel.
    await holds.change_capacities(
        conn, [CapacityMove(good.id, -good.available) for good in goods.values() if good.available], now=now
    )
    return len(rows)
