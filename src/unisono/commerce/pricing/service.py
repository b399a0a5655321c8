"""The door of pricing: what something costs, and the prices that say so.

Facts are only ever added. ``price(sku, channel, store, audience, instant)`` is computed from them by `rules.price_at`
alone, so two channels that ask at one instant get one answer, and an instant of the past gives what it gave then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg

from unisono.commerce.catalog.errors import CategoryUnknown
from unisono.commerce.pricing import checking, rules
from unisono.commerce.pricing.discounts import announce, announcements, check, evidence, withdraw
from unisono.commerce.pricing.honest import Case, asked_in
from unisono.commerce.pricing.lists import create_list, disable_list, price_list, price_lists
from unisono.commerce.pricing.loading import past_of
from unisono.commerce.pricing.model import (
    Announced,
    Asked,
    Fact,
    NewObservation,
    NewPrice,
    PriceAnswer,
    PriceList,
    SetReport,
)
from unisono.commerce.pricing.writing import write_facts
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

__all__ = [
    "announce",
    "announcements",
    "check",
    "create_list",
    "disable_list",
    "evidence",
    "exempt_categories",
    "find_variants",
    "history",
    "observe",
    "price_list",
    "price_lists",
    "prices",
    "set_exempt",
    "set_prices",
    "withdraw",
]

_sql = load("unisono.commerce.pricing")


async def prices(
    conn: Connection,
    variant_ids: Collection[int],
    *,
    channel: str | None,
    store_id: str | None,
    audiences: Collection[str] = frozenset(),
    currency: str,
    at: datetime,
) -> dict[int, PriceAnswer]:
    """What each variant costs at a place and an instant, for somebody of some audiences: one statement.

    A variant without a price is not in the answer.
    """
    rows = await _sql.prices_at(
        conn,
        variants=list(set(variant_ids)),
        currency=currency,
        channel=channel,
        store_id=store_id,
        audiences=list(audiences),
        at=at,
    )
    lists: dict[int, PriceList] = {}
    found: dict[int, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["variant_id"]].append(row)
        if row["price_list_id"] not in lists:
            lists[row["price_list_id"]] = _list_of_price(row)
    answers: dict[int, PriceAnswer] = {}
    for variant_id, own in found.items():
        answer = rules.price_at(
            [fact for row in own for fact in _facts_of(row)],
            lists.values(),
            channel=channel,
            store_id=store_id,
            audiences=audiences,
            currency=currency,
            at=at,
            tax_rate_bp=own[0]["rate_bp"],
            announced=[one for row in own for one in _announced_of(row)],
        )
        if answer is not None:
            answers[variant_id] = answer
    return answers


def _list_of_price(row: asyncpg.Record) -> PriceList:
    return PriceList(
        id=row["price_list_id"],
        code=row["code"],
        name=row["name"],
        currency=row["currency"],
        tax_included=row["tax_included"],
        channel=row["channel"],
        store_id=row["store_id"],
        audience=row["audience"],
        starts_at=row["list_starts_at"],
        ends_at=row["list_ends_at"],
        priority=row["priority"],
        disabled_at=row["disabled_at"],
    )


def _facts_of(row: asyncpg.Record) -> list[Fact]:
    """The fact that counts, and in place of all later ones the instant at which the next begins."""
    list_id, variant_id, facts = row["price_list_id"], row["variant_id"], []
    if row["id"] is not None:
        facts.append(Fact(row["id"], list_id, variant_id, row["amount_minor"], row["starts_at"], row["ends_at"]))
    if row["next_fact_at"] is not None:
        facts.append(Fact(0, list_id, variant_id, None, row["next_fact_at"]))
    return facts


def _announced_of(row: asyncpg.Record) -> list[Announced]:
    list_id, variant_id, found = row["price_list_id"], row["variant_id"], []
    if row["told_id"] is not None:
        found.append(
            Announced(
                row["told_id"],
                list_id,
                variant_id,
                row["new_minor"],
                row["prior_minor"],
                row["percent_bp"],
                row["rule"],
                row["told_at"],
                row["told_ends_at"],
                row["told_withdrawn_at"],
                row["campaign"],
            )
        )
    if row["next_told_at"] is not None:
        found.append(Announced(0, list_id, variant_id, 0, 0, 0, "strict", row["next_told_at"]))
    return found


async def find_variants(conn: Connection, skus: Collection[str]) -> dict[str, int]:
    """The variants of these skus, as far as they exist."""
    wanted = [sku for sku in skus if "\x00" not in sku]
    return {row["sku"]: row["id"] for row in await _sql.variants_of_skus(conn, skus=wanted)}


async def set_prices(
    conn: Connection,
    list_code: str,
    new: Sequence[NewPrice],
    *,
    actor: str,
    now: datetime,
    history: bool = False,
) -> SetReport:
    """Set prices in a list, all or none, each from its ``starts_at`` (now, when missing) to its ``ends_at``.

    An amount of None takes the variant out of the list. A price that counts already is not written again. The past
    cannot be set, but for ``history``: an import of what was asked before a variant's first price in the list.

    Raises PriceListUnknown, PriceListDisabled, TooLarge for more than 10,000, PricesNotValid with every problem
    (``sku_unknown``, ``bad_amount``, ``wrong_currency``, ``bad_period``, ``starts_in_past``, ``not_before_first``).
    """
    chosen = await price_list(conn, list_code)
    facts = await checking.checked_prices(conn, chosen, new, now=now, history=history)
    written = await write_facts(conn, chosen, facts, actor=actor, now=now, why="set")
    return SetReport(chosen.code, len(written), len(new) - len(written))


async def observe(conn: Connection, seen: Sequence[NewObservation], *, now: datetime) -> int:
    """Note what was asked, where and when; returns how many were noted. Never changed, never taken back.

    Raises TooLarge for more than 10,000, PricesNotValid with every problem (``sku_unknown``, ``bad_amount``,
    ``wrong_currency``, ``bad_period``, ``bad_place``).
    """
    variants = await find_variants(conn, {one.sku for one in seen})
    checking.check_observations(seen, variants, now=now)
    noted: int = await _sql.insert_observations(
        conn,
        variants=[variants[one.sku] for one in seen],
        channels=[one.channel for one in seen],
        stores=[one.store_id for one in seen],
        amounts=[one.amount_minor for one in seen],
        currencies=[one.currency.strip().upper() for one in seen],
        observed=[one.observed_at for one in seen],
        untils=[one.until for one in seen],
        origins=[one.origin for one in seen],
    )
    return noted


async def history(
    conn: Connection,
    variant_id: int,
    *,
    channel: str | None,
    store_id: str | None,
    currency: str,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
) -> list[Asked]:
    """What everybody was asked for a variant at a place, interval by interval, from lists and observations."""
    past = await past_of(conn, [variant_id], since, until)
    here = PriceList(id=0, code="", name="", currency=currency, tax_included=True, channel=channel, store_id=store_id)
    lists = await price_lists(conn)
    place = Case(
        sku="",
        variant_id=variant_id,
        price_list=here,
        new_minor=0,
        starts_at=until,
        zone=zone,
        lists=lists,
        facts=past.facts.get(variant_id, []),
        observations=past.observations.get(variant_id, []),
    )
    return asked_in(place, since, until)


async def exempt_categories(conn: Connection) -> dict[str, str]:
    """The categories whose reductions need no prior price of 30 days, and why."""
    return {row["code"]: row["reason"] for row in await _sql.exempt_categories(conn)}


async def set_exempt(conn: Connection, category_code: str, reason: str | None) -> None:
    """Exempt a category (goods that spoil quickly) with a reason, or with None end that.

    Raises BadRequest (``bad_reason``), CategoryUnknown.
    """
    if reason is not None and not checking.good_text(reason, checking.MAX_NAME):
        raise BadRequest("Say why, in at most 200 characters.", code="bad_reason")
    known = "\x00" not in category_code
    if reason is None and known:
        await _sql.stop_exempting(conn, code=category_code)
    elif not known or not await _sql.exempt_category(conn, code=category_code, reason=reason):
        raise CategoryUnknown(f"There is no category {category_code[:100]!r}.")
