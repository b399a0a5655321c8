"""Uses of promotions: put aside while a basket is paid, made firm with the order, given back with it.

The uses of one order are one reference. Coupons, budgets and numbers of uses are held; the limit a person has is
counted over all his identifiers under a lock on them. What has expired is no use, swept or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.holds.model import Ask, HoldRequest, Refusal
from unisono.commerce.promotions import wording
from unisono.commerce.promotions.errors import CouponTaken, PromotionConflict, PromotionUsedUp
from unisono.commerce.promotions.model import UNLIMITED_USES, Basket, Quote
from unisono.commerce.promotions.quoting import uses_of
from unisono.customers import record
from unisono.customers.record import Happening
from unisono.kit.database import Connection
from unisono.kit.money import to_decimal
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

_sql = load("unisono.commerce.promotions")


class _Use(msgspec.Struct, frozen=True, kw_only=True):
    """One promotion of an order, and what it must hold."""

    promotion_id: int
    code: str
    name: str
    status: str
    budget_good: int | None
    uses_good: int | None
    per_person: int | None
    coupon_id: int | None
    coupon: str | None
    coupon_good: int | None
    coupon_capacity: int | None
    disabled_at: datetime | None
    amount_minor: int

    @property
    def asks(self) -> list[Ask]:
        """Units of goods: the amount of the budget, one of the uses, one of the coupon."""
        asks = []
        if self.budget_good is not None and self.amount_minor:
            asks.append(Ask(self.budget_good, self.amount_minor))
        if self.uses_good is not None:
            asks.append(Ask(self.uses_good, 1))
        if self.coupon_good is not None and (self.coupon_capacity or 0) < UNLIMITED_USES:
            asks.append(Ask(self.coupon_good, 1))
        return asks


class _Uses(msgspec.Struct, frozen=True, kw_only=True):
    """All uses of a reference to be put aside."""

    uses: tuple[_Use, ...]
    reference: str
    currency: str
    channel: str
    store_id: str | None
    node_id: int | None
    expires_at: datetime | None
    attempt: int


_FACTS = tuple(name for name in _Use.__struct_fields__ if name != "amount_minor")


def _use(row: asyncpg.Record, amount_minor: int) -> _Use:
    return _Use(**{name: row[name] for name in _FACTS}, amount_minor=amount_minor)


async def hold_uses(
    conn: Connection,
    quote: Quote,
    basket: Basket,
    *,
    reference: str,
    node_id: int | None,
    expires_at: datetime | None,
    now: datetime,
) -> None:
    """Put aside what the quote's promotions use, all or nothing, until ``expires_at``; for ``reference`` (a checkout).

    Saying it again with the same promotions only moves the expiry; with others it puts those aside instead. Known
    persons get ``Coupon Applied`` and ``Coupon Denied`` on their timeline. Raises CouponTaken, PromotionUsedUp;
    PromotionConflict when the uses of the reference are firm already.
    """
    await _sql.lock_name(conn, name=f"promotion uses of {reference}")
    before = await _sql.uses_of_reference(conn, reference=reference)
    if any(row["state"] == "committed" for row in before):
        raise PromotionConflict(f"{reference} has been placed already.", code="uses_committed")
    rows = await _sql.limits_of_quote(
        conn, promotions=[one.code for one in quote.applied], coupons=[one.coupon for one in quote.applied]
    )
    amount_of = {one.code: one.amount_minor for one in quote.applied}
    wanted = _Uses(
        uses=tuple(_use(row, amount_of[row["code"]]) for row in rows),
        reference=reference,
        currency=basket.currency,
        channel=basket.channel,
        store_id=basket.store_id,
        node_id=node_id,
        expires_at=expires_at,
        attempt=1 + max((row["attempt"] for row in before), default=0),
    )
    if _same(before, wanted, now):
        await holds.renew(conn, _holds_of(before), expires_at=expires_at, now=now)
        await _sql.extend_uses(conn, reference=reference, expires_at=expires_at)
        return
    await _let_go(conn, before, reference=reference, now=now, reason="other promotions")
    await _take(conn, wanted, now=now)
    await record.record(conn, _spoken_of(quote, basket, wanted, now))


def _same(before: Sequence[asyncpg.Record], wanted: _Uses, now: datetime) -> bool:
    standing = {
        (row["promotion_id"], row["coupon_id"], row["amount_minor"], row["node_id"])
        for row in before
        if _stands(row, now)
    }
    asked = {(use.promotion_id, use.coupon_id, use.amount_minor, wanted.node_id) for use in wanted.uses}
    return bool(asked) and standing == asked


def _stands(row: asyncpg.Record, now: datetime) -> bool:
    expiry = row["expires_at"]
    return row["state"] == "held" and (expiry is None or expiry > now)


def _holds_of(rows: Sequence[asyncpg.Record]) -> list[UUID]:
    """The holds of a reference: every use of it names them all."""
    return list(dict.fromkeys(hold for row in rows for hold in row["hold_ids"]))


async def _let_go(
    conn: Connection, rows: Sequence[asyncpg.Record], *, reference: str, now: datetime, reason: str
) -> int:
    open_rows = [row for row in rows if row["state"] != "released"]
    if not open_rows:
        return 0
    await holds.release(conn, _holds_of(open_rows), now=now, reason=reason)
    return int(
        await _sql.settle_uses(
            conn, reference=reference, state="released", before=["held", "committed"], order_number=None
        )
    )


async def _take(conn: Connection, wanted: _Uses, *, now: datetime) -> list[UUID]:
    """Goods first, then the person, then the rows. Raises CouponTaken, PromotionUsedUp."""
    for use in wanted.uses:
        _check_open(use)
    hold_ids = await _take_goods(conn, wanted, now=now)
    await _check_person(conn, wanted, now=now)
    await _sql.write_uses(
        conn,
        promotions=[use.promotion_id for use in wanted.uses],
        coupon_ids=[use.coupon_id for use in wanted.uses],
        amounts=[use.amount_minor for use in wanted.uses],
        node_id=wanted.node_id,
        reference=wanted.reference,
        currency=wanted.currency,
        now=now,
        expires_at=wanted.expires_at,
        attempt=wanted.attempt,
        hold_ids=hold_ids,
        channel=wanted.channel,
        store_id=wanted.store_id,
    )
    return hold_ids


def _check_open(use: _Use) -> None:
    if use.status != "active":
        reason = wording.status_not_active(use.status)
        raise PromotionUsedUp(f"{use.name} is over.", promotion=use.code, reason=reason)
    if use.disabled_at is not None and use.coupon is not None:
        raise _coupon_taken(use, Reason("coupon_disabled", "The coupon {coupon} is no longer valid."))


def _coupon_taken(use: _Use, reason: Reason) -> CouponTaken:
    said = msgspec.structs.replace(reason, values={"coupon": use.coupon})
    return CouponTaken(
        f"The coupon {use.coupon} cannot be used any more.", promotion=use.code, coupon=use.coupon, reason=said
    )


async def _take_goods(conn: Connection, wanted: _Uses, *, now: datetime) -> list[UUID]:
    asks = [ask for use in wanted.uses for ask in use.asks]
    if not asks:
        return []
    request = HoldRequest(
        key=f"uses:{wanted.reference}:{wanted.attempt}",
        asks=tuple(asks),
        node_id=wanted.node_id,
        expires_at=wanted.expires_at,
        reason="promotions",
        reference=wanted.reference,
    )
    (answer,) = await holds.take(conn, [request], now=now)
    if isinstance(answer, Refusal):
        raise _refused(wanted, answer)
    return [hold.id for hold in answer.holds]


def _refused(wanted: _Uses, refusal: Refusal) -> CouponTaken | PromotionUsedUp:
    short = {shortage.good_id: shortage.available for shortage in refusal.short}
    for use in wanted.uses:
        if use.coupon_good in short:
            return _coupon_taken(use, Reason("coupon_used", "The coupon {coupon} has been used already."))
        if use.uses_good in short:
            return PromotionUsedUp(f"{use.name} is used up.", promotion=use.code, reason=wording.used_up())
        if use.budget_good is not None and use.budget_good in short:
            reason = wording.budget_used_up(short[use.budget_good], wanted.currency)
            return PromotionUsedUp(f"The budget of {use.name} is used up.", promotion=use.code, reason=reason)
    first = wanted.uses[0]
    return PromotionUsedUp(f"{first.name} cannot be used now.", promotion=first.code, reason=wording.used_up())


async def _check_person(conn: Connection, wanted: _Uses, *, now: datetime) -> None:
    limited = [use for use in wanted.uses if use.per_person is not None]
    if not limited:
        return
    if wanted.node_id is None:
        raise PromotionUsedUp(
            f"{limited[0].name} is for customers we recognise.",
            promotion=limited[0].code,
            reason=wording.person_unknown(),
        )
    await _sql.lock_nodes(conn, node=wanted.node_id)
    # A statement of its own: it must see what those who had the lock before have written.
    uses = await uses_of(conn, wanted.node_id, now=now, reference=wanted.reference)
    for use in limited:
        limit, used = use.per_person or 0, uses.get(use.code, 0)
        if used >= limit:
            reason = wording.used_by_person(used, limit)
            raise PromotionUsedUp(f"{use.name} has been used already.", promotion=use.code, reason=reason)


async def commit_uses(conn: Connection, reference: str, *, order_number: str, now: datetime) -> None:
    """Make the uses of a reference firm, with its order. Said twice is fine, and so is a reference without uses.

    What has expired meanwhile is put aside anew if it is still there; otherwise raises CouponTaken or PromotionUsedUp
    and nothing changes. Known persons get ``Coupon Redeemed``.
    """
    await _sql.lock_name(conn, name=f"promotion uses of {reference}")
    rows = [row for row in await _sql.uses_of_reference(conn, reference=reference) if row["state"] == "held"]
    if not rows:
        return
    attempt, hold_ids = rows[0]["attempt"], _holds_of(rows)
    alive = all(_stands(row, now) for row in rows)
    if alive:
        try:
            await holds.commit(conn, hold_ids, now=now)
        except HoldDead:
            alive = False
    if not alive:
        await holds.release(conn, hold_ids, now=now, reason="expired")
        attempt += 1
        hold_ids = await _take(conn, _again(rows, reference, attempt), now=now)
        await holds.commit(conn, hold_ids, now=now)
    await _sql.settle_uses(conn, reference=reference, state="committed", before=["held"], order_number=order_number)
    await record.record(conn, _redeemed(rows, reference, attempt, order_number, now))


def _again(rows: Sequence[asyncpg.Record], reference: str, attempt: int) -> _Uses:
    first = rows[0]
    return _Uses(
        uses=tuple(_use(row, row["amount_minor"]) for row in rows),
        reference=reference,
        currency=first["currency"],
        channel=first["channel"],
        store_id=first["store_id"],
        node_id=first["node_id"],
        expires_at=None,
        attempt=attempt,
    )


async def release_uses(conn: Connection, reference: str, *, now: datetime, reason: str = "released") -> int:
    """Give the uses of a reference back, also firm ones (a cancelled order); how many. Said twice is fine."""
    await _sql.lock_name(conn, name=f"promotion uses of {reference}")
    rows = await _sql.uses_of_reference(conn, reference=reference)
    return await _let_go(conn, rows, reference=reference, now=now, reason=reason)


# Events ---------------------------------------------------------------------------------------------------


def _major(amount_minor: int, currency: str) -> int | float:
    amount = to_decimal(amount_minor, currency)
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _spoken_of(quote: Quote, basket: Basket, wanted: _Uses, now: datetime) -> list[Happening]:
    """Coupons applied and denied, for a known person."""
    if wanted.node_id is None:
        return []
    applied = {one.coupon: one for one in quote.applied if one.coupon is not None}
    happenings = []
    for answer in quote.coupons:
        one = applied.get(answer.coupon) if answer.accepted else None
        facts: dict[str, Any] = {"coupon_id": answer.coupon, "currency": basket.currency}
        if one is not None:
            key = f"coupon:{answer.coupon}:{wanted.reference}:{wanted.attempt}:applied"
            facts |= {"coupon_name": one.name, "discount": _major(one.amount_minor, basket.currency)}
        else:
            # The same code may be denied again and again for one checkout: each time is a fact.
            key = f"coupon:{answer.coupon}:{wanted.reference}:{now.isoformat()}:denied"
            facts["reason"] = answer.reasons[0].code if answer.reasons else "denied"
        happenings.append(
            Happening(
                node_id=wanted.node_id,
                name="Coupon Applied" if one is not None else "Coupon Denied",
                key=key,
                channel=basket.channel,
                store_id=basket.store_id,
                at=now,
                properties=facts,
            )
        )
    return happenings


def _redeemed(
    rows: Sequence[asyncpg.Record], reference: str, attempt: int, order_number: str, now: datetime
) -> list[Happening]:
    return [
        Happening(
            node_id=row["node_id"],
            name="Coupon Redeemed",
            key=f"coupon:{row['coupon']}:{reference}:{attempt}:redeemed",
            channel=row["channel"],
            store_id=row["store_id"],
            at=now,
            properties={
                "coupon_id": row["coupon"],
                "coupon_name": row["name"],
                "order_id": order_number,
                "discount": _major(row["amount_minor"], row["currency"]),
                "currency": row["currency"],
            },
        )
        for row in rows
        if row["coupon"] is not None and row["node_id"] is not None
    ]
