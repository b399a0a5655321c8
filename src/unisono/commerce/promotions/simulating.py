"""What any basket would cost in any channel, at any instant, for anybody: nothing is written, nothing is put aside."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import Variant
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import PriceAnswer
from unisono.commerce.promotions import wording
from unisono.commerce.promotions.checking import check_basket, check_definition, is_near
from unisono.commerce.promotions.errors import BadBasket
from unisono.commerce.promotions.keeping import as_live
from unisono.commerce.promotions.knowing import as_promotion
from unisono.commerce.promotions.model import (
    Basket,
    BasketLine,
    CouponState,
    Definition,
    PersonFacts,
    Promotion,
    Quote,
    UseState,
    coupon_code,
)
from unisono.commerce.promotions.quoting import refusal, uses_of, with_uses
from unisono.commerce.promotions.rules import evaluate
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.promotions")

MOST = 5_000
"""Promotions looked at."""


class SimulatedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """So many of a sku; at the price of the instant unless one is given."""

    sku: Annotated[str, Meta(min_length=1, max_length=100)]
    quantity: int = 1
    unit_minor: int | None = None
    prior_minor: int | None = None


class SimulatedPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is to buy: what is said here counts, with the uses and coupons of ``person_id`` when it is given."""

    person_id: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
    known: bool = True
    segments: frozenset[str] = frozenset()
    tier: str | None = None
    audiences: frozenset[str] = frozenset()
    orders_before: Annotated[int, Meta(ge=0)] = 0
    birthday: date | None = None
    traits: dict[str, str | int | bool | None] = {}


class Simulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A basket to try."""

    lines: tuple[SimulatedLine, ...]
    channel: str = "web"
    store_id: str | None = None
    currency: str = "EUR"
    tax_included: bool | None = None
    """As the price lists say when missing."""
    at: datetime | None = None
    """The present when missing."""
    timezone: str = "Europe/Rome"
    person: SimulatedPerson | None = None
    coupons: tuple[str, ...] = ()
    shipping_minor: int = 0
    promotions: tuple[str, ...] | None = None
    """Codes of the only promotions to look at; all that have not ended when missing."""
    definition: Definition | None = None
    """A promotion that is not kept yet, as if it were active; it replaces one of the same code."""
    as_active: bool = False
    """Take drafts and paused promotions as if they were active."""


async def simulate(conn: Connection, asked: Simulation, *, now: datetime) -> Quote:
    """The quote of a basket that is nobody's. Raises BadBasket (``sku_unknown``, ``price_missing``), BadPromotion."""
    basket = await _basket(conn, asked, now)
    check_basket(basket)
    promotions = await _promotions(conn, asked)
    person = basket.person
    if person.person_id is not None:
        uses = await uses_of(conn, person.person_id, now=now)
        basket = msgspec.structs.replace(basket, person=with_uses(person, uses))
    codes = sorted({coupon_code(text) for text in basket.coupons})
    coupons: dict[str, CouponState] = {}
    if codes:
        rows = await _sql.coupons_entered(conn, coupons=codes, person=person.person_id, now=now, reference=None)
        coupons = {row["code"]: CouponState(promotion=row["promotion"], refused=refusal(row, basket)) for row in rows}
    budgets, uses_left = await _left(conn, promotions, now)
    state = UseState(coupons=coupons, budget_left_minor=budgets, uses_left=uses_left)
    return evaluate(basket, promotions, state)


async def _basket(conn: Connection, asked: Simulation, now: datetime) -> Basket:
    at = asked.at or now
    if at.tzinfo is None or not is_near(at):
        raise BadBasket("The instant of the basket has no time zone, or is of other times.")
    variants = await catalog.variants(conn, skus=[line.sku for line in asked.lines])
    unknown = sorted({line.sku for line in asked.lines} - variants.keys())
    if unknown:
        raise BadBasket(f"There is no sku {wording.listed(unknown)}.", code="sku_unknown", skus=unknown[:100])
    audiences = asked.person.audiences if asked.person else frozenset()
    prices = await pricing.prices(
        conn,
        [variant.id for variant in variants.values()],
        channel=asked.channel,
        store_id=asked.store_id,
        audiences=audiences,
        currency=asked.currency,
        at=at,
    )
    lines = tuple(
        _line(number, line, variants[line.sku], prices.get(variants[line.sku].id))
        for number, line in enumerate(asked.lines)
    )
    return Basket(
        currency=asked.currency,
        tax_included=_included(asked, prices.values()),
        channel=asked.channel,
        store_id=asked.store_id,
        at=at,
        timezone=asked.timezone,
        person=_person(asked.person),
        coupons=asked.coupons,
        shipping_minor=asked.shipping_minor,
        lines=lines,
    )


def _included(asked: Simulation, prices: Iterable[PriceAnswer]) -> bool:
    found = {price.tax_included for price in prices}
    if asked.tax_included is not None:
        found = {asked.tax_included}
    if len(found) > 1:
        raise BadBasket("Some of these prices include tax and some do not.", code="mixed_tax")
    return found.pop() if found else True


def _line(number: int, line: SimulatedLine, variant: Variant, price: PriceAnswer | None) -> BasketLine:
    unit, prior = line.unit_minor, line.prior_minor
    if unit is None:
        if price is None:
            raise BadBasket(f"{line.sku} has no price there and then.", code="price_missing", sku=line.sku)
        unit = price.amount_minor
        prior = price.reduction.prior_minor if price.reduction else None
    return BasketLine(
        line_id=str(number),
        sku=line.sku,
        product_code=variant.product_code,
        category_codes=variant.category_codes,
        brand=variant.brand,
        tags=variant.tags,
        quantity=line.quantity,
        unit_minor=unit,
        prior_minor=prior,
        tax_rate_bp=variant.tax_rate_bp,
    )


def _person(asked: SimulatedPerson | None) -> PersonFacts:
    if asked is None:
        return PersonFacts()
    return PersonFacts(
        # Somebody of whom only facts are told has no uses, and is known if so said.
        person_id=asked.person_id if asked.person_id is not None else (0 if asked.known else None),
        identified=asked.known,
        segments=asked.segments,
        tier=asked.tier,
        audiences=asked.audiences,
        orders_before=asked.orders_before,
        birthday=asked.birthday,
        traits=asked.traits,
    )


async def _promotions(conn: Connection, asked: Simulation) -> list[Promotion]:
    rows = await _sql.list_promotions(conn, statuses=["draft", "active", "paused"], after=None, limit=MOST)
    found = [
        as_promotion(row["definition"], id_=row["id"], status=row["status"], version=row["version"]) for row in rows
    ]
    if asked.as_active:
        found = [msgspec.structs.replace(promotion, status="active") for promotion in found]
    if asked.promotions is not None:
        found = [promotion for promotion in found if promotion.code in asked.promotions]
    if asked.definition is not None:
        check_definition(asked.definition)
        tried = as_live(asked.definition)
        found = [promotion for promotion in found if promotion.code != tried.code] + [tried]
    return found


async def _left(conn: Connection, promotions: list[Promotion], now: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """What is left of budgets and uses, by code."""
    rows = await _sql.room_of_promotions(conn, ids=[promotion.id for promotion in promotions], now=now)
    budgets = {row["code"]: row["budget_left"] for row in rows if row["budget_left"] is not None}
    uses = {row["code"]: row["uses_left"] for row in rows if row["uses_left"] is not None}
    return budgets, uses
