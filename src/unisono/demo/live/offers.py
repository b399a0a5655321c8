"""Promotions: the data's campaigns with their coupons, and invented ones so that every effect is to be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, Final

import msgspec
import yaml

from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.language import AmountOff, Lines
from unisono.commerce.promotions.model import Definition, NewCoupons, Status
from unisono.customers.web import unit
from unisono.demo.invention import card_number
from unisono.demo.live.figures import Coupons
from unisono.demo.live.shelves import utc
from unisono.demo.loading import ACTOR
from unisono.demo.receipts import CURRENCY
from unisono.kit.database import Pool, connection

GENERIC: Final = {"hello-5": "HELLO5", "twenty-percent": "GLOW20"}
"""Coupons anybody may use, by promotion."""

MOST_PRODUCTS: Final = 2_000
"""A campaign for more products than these is written by their categories: only campaigns that are over are so wide."""

_MOST: Final = 1_000
"""Promotions looked through for those that are there already."""


async def load_offers(
    pool: Pool,
    campaigns: Sequence[Coupons],
    received: Mapping[int, Sequence[int]],
    categories: Mapping[int, str],
    *,
    shift: timedelta,
    gift: str,
    stores: Sequence[str],
    now: datetime,
) -> None:
    """Make the promotions that are not there: campaigns, live or ended as their dates say, then the invented ones.

    ``received`` is campaign to the households it was sent to, ``categories`` product to the code of its category.
    """
    async with connection(pool) as conn:
        known = {one.promotion.code for one in await promotions.list_promotions(conn, limit=_MOST)}
    for campaign in campaigns:
        definition = campaign_definition(campaign, categories, shift)
        if definition.code not in known:
            await _make_campaign(pool, campaign, definition, received.get(campaign.campaign, ()), now=now)
    for definition in invented(gift, stores):
        if definition.code not in known:
            await _make(pool, definition, now=now)


def invented(gift: str, stores: Sequence[str]) -> list[Definition]:
    """The promotions of ``offers.yaml``, for this gift and these stores."""
    text = (resources.files("unisono.demo.live") / "offers.yaml").read_text("utf-8")
    return [msgspec.convert(_filled(one, gift, stores), Definition) for one in yaml.safe_load(text)]


def _filled(value: Any, gift: str, stores: Sequence[str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, gift, stores) for key, inner in value.items()}
    if value == ["STORE"]:
        return list(stores)
    if isinstance(value, list):
        return [_filled(inner, gift, stores) for inner in value]
    return gift if value == "GIFT" else value


def campaign_definition(campaign: Coupons, categories: Mapping[int, str], shift: timedelta) -> Definition:
    """A campaign as a promotion: with one of its coupons, so much off its products, from its first to its last day."""
    if len(campaign.products) <= MOST_PRODUCTS:
        lines = Lines(products=frozenset(map(str, campaign.products)))
    else:
        lines = Lines(
            categories=frozenset(categories[product] for product in campaign.products if product in categories)
        )
    name = f"Campaign {campaign.campaign} ({campaign.kind})"
    worth = f"{campaign.cents // 100}.{campaign.cents % 100:02d}"
    return Definition(
        code=f"campaign-{campaign.campaign}",
        name=name,
        texts={"en": f"With its coupon {worth} off.", "it": f"Con il suo coupon {worth} di sconto."},
        effects=(AmountOff(amount_minor=campaign.cents, lines=lines),),
        starts_at=utc(campaign.starts + shift),
        ends_at=utc(campaign.ends + shift + timedelta(days=1)),
        needs_coupon=True,
        currency=CURRENCY,
    )


async def _make_campaign(
    pool: Pool, campaign: Coupons, definition: Definition, households: Sequence[int], *, now: datetime
) -> None:
    """The promotion; while it runs, its printed coupons for anybody and one of his own for each household."""
    over = definition.ends_at is not None and definition.ends_at <= now
    status: Status = "ended" if over else "active"
    async with unit(pool) as conn:
        await promotions.save_promotion(conn, definition, actor=ACTOR, now=now, status=status)
        if over:
            return
        for wanted in _coupons(campaign, households, definition.ends_at):
            await promotions.make_coupons(conn, definition.code, wanted, actor=ACTOR, now=now)


def _coupons(campaign: Coupons, households: Sequence[int], expires_at: datetime | None) -> Iterator[NewCoupons]:
    for upc in campaign.coupons:
        code = f"C{campaign.campaign}-{upc}"
        yield NewCoupons(kind="generic", code=code, batch=f"campaign {campaign.campaign}", expires_at=expires_at)
    if households:
        people = tuple(f"loyalty_card:{card_number(household)}" for household in households)
        batch = f"campaign {campaign.campaign}, sent"
        yield NewCoupons(people=people, prefix=f"C{campaign.campaign}-", batch=batch, expires_at=expires_at)


async def _make(pool: Pool, definition: Definition, *, now: datetime) -> None:
    async with unit(pool) as conn:
        await promotions.save_promotion(conn, definition, actor=ACTOR, now=now, status="active")
        if definition.code in GENERIC:
            wanted = NewCoupons(kind="generic", code=GENERIC[definition.code], batch="demo")
            await promotions.make_coupons(conn, definition.code, wanted, actor=ACTOR, now=now)
