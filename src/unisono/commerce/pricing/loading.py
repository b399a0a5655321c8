"""What the rules of honest discounts need to know, from the database: a few statements for any number of skus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from unisono.commerce.catalog import service as catalog
from unisono.commerce.pricing.honest import Case, window_before
from unisono.commerce.pricing.lists import price_lists
from unisono.commerce.pricing.model import Announced, Fact, Observation, PriceList
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.pricing")


class Wanted(NamedTuple):
    """A reduction to be judged."""

    variant_id: int
    new_minor: int


class Past(NamedTuple):
    """What was asked for some variants in a period, by variant."""

    facts: Mapping[int, list[Fact]]
    observations: Mapping[int, list[Observation]]


async def past_of(conn: Connection, variant_ids: Sequence[int], begins: datetime, ends: datetime) -> Past:
    """Everything the prices of a period can be told from."""
    variants = list(variant_ids)
    facts: dict[int, list[Fact]] = defaultdict(list)
    observations: dict[int, list[Observation]] = defaultdict(list)
    for row in await _sql.facts_between(conn, variants=variants, begins=begins, ends=ends):
        facts[row["variant_id"]].append(Fact(**row))
    for row in await _sql.observations_between(conn, variants=variants, begins=begins, ends=ends):
        observations[row["variant_id"]].append(Observation(**row))
    return Past(facts, observations)


async def cases(
    conn: Connection,
    price_list: PriceList,
    wanted: Sequence[Wanted],
    *,
    starts_at: datetime,
    campaign: str | None,
    zone: ZoneInfo,
) -> list[Case]:
    """The reductions with all that was asked before them, in their order: six statements."""
    ids = [one.variant_id for one in wanted]
    told: dict[int, list[Announced]] = defaultdict(list)
    if campaign is not None:
        for row in await _sql.announced_before(
            conn, variants=ids, price_list_id=price_list.id, campaign=campaign, at=starts_at
        ):
            told[row["variant_id"]].append(announced_of(row))
    begins = window_before(starts_at, zone).starts_at
    first = min([begins, *(one.starts_at for each in told.values() for one in each)])
    # A moment more, so that a fact that begins with the reduction is there to be outdone.
    past = await past_of(conn, ids, first, starts_at + timedelta(microseconds=1))
    variants = await catalog.variants(conn, ids=ids)
    exempt = {row["code"] for row in await _sql.exempt_codes(conn)}
    lists = await price_lists(conn)
    return [
        Case(
            sku=variants[one.variant_id].sku,
            variant_id=one.variant_id,
            price_list=price_list,
            new_minor=one.new_minor,
            starts_at=starts_at,
            zone=zone,
            campaign=campaign,
            exempt=not exempt.isdisjoint(variants[one.variant_id].category_codes),
            on_sale_since=variants[one.variant_id].on_sale_since,
            tax_rate_bp=variants[one.variant_id].tax_rate_bp,
            lists=lists,
            facts=past.facts.get(one.variant_id, []),
            observations=past.observations.get(one.variant_id, []),
            announced=told.get(one.variant_id, []),
        )
        for one in wanted
    ]


def announced_of(row: asyncpg.Record) -> Announced:
    """A row of the announcements as the rules see it."""
    return Announced(**row)
