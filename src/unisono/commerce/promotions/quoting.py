"""What a basket costs here and now: live promotions, coupons and uses in at most three statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from unisono.commerce.promotions import knowing, wording
from unisono.commerce.promotions.checking import check_basket
from unisono.commerce.promotions.model import Basket, CouponState, PersonFacts, Promotion, Quote, UseState, coupon_code
from unisono.commerce.promotions.rules import evaluate
from unisono.kit.database import Connection
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

_sql = load("unisono.commerce.promotions")


async def quote(
    conn: Connection,
    basket: Basket,
    *,
    now: datetime,
    reference: str | None = None,
    out_of_stock: frozenset[str] = frozenset(),
) -> Quote:
    """What a basket costs with the promotions of ``now``: at most three statements, nothing is written.

    ``basket.person.uses`` is read anew. What ``reference`` (a checkout) has put aside itself counts as free.
    ``out_of_stock``: gifts that cannot be given. Raises BadBasket.
    """
    check_basket(basket)
    entered = sorted({coupon_code(text) for text in basket.coupons})
    promotions, uses_left, budget_left = await _live(conn, entered, now=now, reference=reference)
    person = basket.person.person_id
    coupons: dict[str, CouponState] = {}
    if entered:
        rows = await _sql.coupons_entered(conn, coupons=entered, person=person, now=now, reference=reference)
        coupons = {row["code"]: CouponState(promotion=row["promotion"], refused=refusal(row, basket)) for row in rows}
    if person is not None and any(promotion.per_person is not None for promotion in promotions):
        uses = await uses_of(conn, person, now=now, reference=reference)
        basket = msgspec.structs.replace(basket, person=with_uses(basket.person, uses))
    state = UseState(uses_left=uses_left, budget_left_minor=budget_left, coupons=coupons, out_of_stock=out_of_stock)
    return evaluate(basket, promotions, state)


async def _live(
    conn: Connection, entered: Sequence[str], *, now: datetime, reference: str | None
) -> tuple[list[Promotion], dict[str, int], dict[str, int]]:
    ids, versions, times = knowing.remembered()
    rows = await _sql.live_promotions(
        conn,
        now=now,
        coupons=list(entered),
        reference=reference,
        known_ids=ids,
        known_versions=versions,
        known_times=times,
    )
    promotions = [knowing.promotion_of(row) for row in rows]
    uses_left = {row["code"]: row["uses_left"] for row in rows if row["uses_left"] is not None}
    budget_left = {row["code"]: row["budget_left"] for row in rows if row["budget_left"] is not None}
    return promotions, uses_left, budget_left


async def uses_of(conn: Connection, person: int, *, now: datetime, reference: str | None = None) -> dict[str, int]:
    """How often a person (any node of his) has used promotions, by code."""
    rows = await _sql.uses_of_person(conn, person=person, now=now, reference=reference)
    return {row["code"]: row["uses"] for row in rows}


def with_uses(person: PersonFacts, uses: Mapping[str, int]) -> PersonFacts:
    """The same person with these uses."""
    return msgspec.structs.replace(person, uses=uses)


def refusal(row: asyncpg.Record, basket: Basket) -> Reason | None:
    """Why a coupon that was entered does not stand; None when it does."""
    code = row["code"]
    if row["disabled_at"] is not None:
        return Reason("coupon_disabled", "The coupon {coupon} is no longer valid.", {"coupon": code})
    if row["starts_at"] is not None and basket.at < row["starts_at"]:
        return wording.begins(row["starts_at"])
    if row["expires_at"] is not None and basket.at >= row["expires_at"]:
        return wording.ended(row["expires_at"])
    if row["node_id"] is not None and (row["owner"] is None or row["owner"] != row["person"]):
        return Reason("coupon_of_another", "The coupon {coupon} is somebody else's.", {"coupon": code})
    if row["free"] <= 0:
        return Reason("coupon_used", "The coupon {coupon} has been used already.", {"coupon": code})
    return None
