"""The truth at the instants things were shown: set by set, one look-up a place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from unisono.commerce.coherence.model import Judged, Place, Showing
from unisono.commerce.coherence.rules import FRESH, GRACE, OfferState, Step, offer_right, right_prices
from unisono.commerce.inventory import service as inventory
from unisono.commerce.pricing import service as pricing
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.coherence")

SPAN: Final = timedelta(hours=1)
"""Showings this close together are compared with one look-up and the changes in between."""

MOST_STEPS: Final = 16
"""Changes of price followed within a span; what was shown after more of them is not judged."""

MOST_AUDIENCES: Final = 20


async def judge(conn: Connection, showings: Sequence[Showing], *, now: datetime) -> list[Judged]:
    """Compare everything that was shown with what was true. Reads alone."""
    by_kind: dict[str, list[Showing]] = defaultdict(list)
    for one in showings:
        by_kind[one.key.kind].append(one)
    skus = {one.key.sku for kind in ("price", "availability") for one in by_kind[kind]}
    variants = await pricing.find_variants(conn, skus) if skus else {}
    judged = [
        Judged(one, None, {})
        for kind in ("price", "availability")
        for one in by_kind[kind]
        if one.key.sku not in variants
    ]
    judged += await _prices(conn, [one for one in by_kind["price"] if one.key.sku in variants], variants)
    there = [one for one in by_kind["availability"] if one.key.sku in variants]
    judged += await _availability(conn, there, variants, now)
    return judged + await _offers(conn, by_kind["offer"])


# Prices -----------------------------------------------------------------------------------------------


async def _prices(conn: Connection, showings: Sequence[Showing], variants: dict[str, int]) -> list[Judged]:
    groups: dict[tuple[Place, str], list[Showing]] = defaultdict(list)
    for one in showings:
        groups[one.key.place, one.currency].append(one)
    judged: list[Judged] = []
    differing: dict[tuple[Place, str], list[Showing]] = {}
    for (place, currency), group in groups.items():
        for span in _spans(group):
            found = await _judge_span(conn, span, variants, place, currency)
            judged += [one for one in found if one.correct is not False]
            wrong = [one for one in found if one.correct is False]
            if wrong:
                differing.setdefault((place, currency), []).extend(one.showing for one in wrong)
                judged += wrong
    if not differing:
        return judged
    excused = await _excused(conn, differing, variants)
    return [one._replace(correct=True) if id(one.showing) in excused else one for one in judged]


def _spans(showings: Iterable[Showing]) -> list[list[Showing]]:
    """Those close together, in order of time."""
    spans: list[list[Showing]] = []
    for one in sorted(showings, key=lambda showing: showing.at):
        if not spans or one.at - spans[-1][0].at > SPAN:
            spans.append([])
        spans[-1].append(one)
    return spans


async def _judge_span(
    conn: Connection,
    span: Sequence[Showing],
    variants: dict[str, int],
    place: Place,
    currency: str,
    audiences: Collection[str] = frozenset(),
) -> list[Judged]:
    ids = {variants[one.key.sku] for one in span}
    steps = await _steps(conn, ids, place, currency, audiences, span[0].at - GRACE, span[-1].at + GRACE)
    judged = []
    for one in span:
        right = right_prices(steps[variants[one.key.sku]], one.at)
        correct = None if right is None else any(abs(one.shown - amount) <= one.tolerance for amount in right)
        truth = {"amount_minor": right[-1] if right else None, "currency": currency}
        judged.append(Judged(one, correct, truth))
    return judged


async def _steps(
    conn: Connection,
    ids: Collection[int],
    place: Place,
    currency: str,
    audiences: Collection[str],
    since: datetime,
    until: datetime,
) -> dict[int, list[Step]]:
    """What each variant cost from an instant to another: the price then, and each that followed."""
    steps: dict[int, list[Step]] = {variant: [] for variant in ids}
    due: dict[int, datetime] = dict.fromkeys(ids, since)
    for _ in range(MOST_STEPS):
        at = min(due.values())
        asked = [variant for variant, when in due.items() if when == at]
        answers = await pricing.prices(
            conn, asked, channel=place.channel, store_id=place.store, audiences=audiences, currency=currency, at=at
        )
        for variant in asked:
            del due[variant]
            answer = answers.get(variant)
            steps[variant].append(Step(at, answer.amount_minor if answer else None))
            if answer is not None and answer.next_change_at is not None and answer.next_change_at <= until:
                due[variant] = answer.next_change_at
        if not due:
            break
    for variant, when in due.items():
        steps[variant].append(Step(when, None, known=False))
    return steps


async def _excused(
    conn: Connection, differing: dict[tuple[Place, str], list[Showing]], variants: dict[str, int]
) -> set[int]:
    """Of these, those that some audience was rightly shown: who belongs to it need not be known here."""
    lists = await pricing.price_lists(conn)
    audiences = sorted({one.audience for one in lists if one.audience is not None})[:MOST_AUDIENCES]
    excused: set[int] = set()
    for audience in audiences:
        for (place, currency), group in differing.items():
            for span in _spans(group):
                found = await _judge_span(conn, span, variants, place, currency, frozenset({audience}))
                excused |= {id(one.showing) for one in found if one.correct}
    return excused


# Availability -----------------------------------------------------------------------------------------


async def _availability(
    conn: Connection, showings: Sequence[Showing], variants: dict[str, int], now: datetime
) -> list[Judged]:
    fresh = [one for one in showings if now - one.at < FRESH]
    judged = [Judged(one, None, {}) for one in showings if now - one.at >= FRESH]
    if not fresh:
        return judged
    since = min(one.at for one in fresh) - GRACE
    skus = sorted({one.key.sku for one in fresh})
    moved = {row["sku"] for row in await _sql.stock_moved(conn, skus=skus, since=since)}
    groups: dict[Place, list[Showing]] = defaultdict(list)
    for one in fresh:
        groups[one.key.place].append(one)
    for place, group in groups.items():
        found = await inventory.availability(
            conn,
            {variants[one.key.sku] for one in group},
            channel=place.channel,
            locations=[place.store_id] if place.store_id else None,
            now=now,
        )
        for one in group:
            places = found.get(variants[one.key.sku])
            available = sum(kept.available for kept in places or ())
            known = bool(places) and one.key.sku not in moved
            judged.append(Judged(one, (available > 0) == one.shown if known else None, {"available": available}))
    return judged


# Offers -----------------------------------------------------------------------------------------------


async def _offers(conn: Connection, showings: Sequence[Showing]) -> list[Judged]:
    if not showings:
        return []
    codes = sorted({one.key.sku.upper() for one in showings if one.shown == "coupon"})
    coupons = {row["code"]: row for row in await _sql.coupons(conn, codes=codes)} if codes else {}
    subjects = {f"offer:{row['promotion']}" for row in coupons.values()}
    subjects |= {f"offer:{one.key.sku}" for one in showings if one.shown == "promotion"}
    told: dict[str, list[OfferState]] = defaultdict(list)
    for row in await _sql.offers_told(conn, subjects=sorted(subjects)):
        told[row["subject"].removeprefix("offer:")].append(_state(row["at"], msgspec.json.decode(row["data"])))
    judged = []
    for one in showings:
        coupon = coupons.get(one.key.sku.upper()) if one.shown == "coupon" else None
        promotion = coupon["promotion"] if coupon is not None else one.key.sku
        if promotion not in told or (one.shown == "coupon" and coupon is None):
            judged.append(Judged(one, None, {}))
            continue
        right = offer_right(told[promotion], one.at)
        if coupon is not None:
            own = [
                OfferState(
                    coupon["created_at"], True, coupon["starts_at"], _first(coupon["expires_at"], coupon["disabled_at"])
                )
            ]
            right = right and offer_right(own, one.at)
        judged.append(Judged(one, right, {"promotion": promotion, "live": right}))
    return judged


def _state(at: datetime, data: dict[str, Any]) -> OfferState:
    return OfferState(
        at, data.get("status") == "active", _instant(data.get("starts_at")), _instant(data.get("ends_at"))
    )


def _instant(value: Any) -> datetime | None:
    return None if value is None else msgspec.convert(value, datetime)


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one is not None and other is not None else one or other
