"""The door of pricing: what something costs, and the prices that say so.

Facts are only ever added. ``price(sku, channel, store, audience, instant)`` is computed from them by `rules.price_at`
alone, so two channels that ask at one instant get one answer, and an instant of the past gives what it gave then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from unisono.commerce.pricing import checking, rules
from unisono.commerce.pricing.errors import PriceListTaken, PriceListUnknown
from unisono.commerce.pricing.model import (
    Announced,
    Fact,
    NewPrice,
    NewPriceList,
    PriceAnswer,
    PriceList,
    SetReport,
)
from unisono.commerce.pricing.writing import tell, write_facts
from unisono.kit.database import Connection
from unisono.kit.sql import load

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


def _list_of(row: asyncpg.Record) -> PriceList:
    values: dict[str, Any] = dict(row)
    return PriceList(**values)


async def price_lists(conn: Connection) -> list[PriceList]:
    """Every price list, those switched off too, the strongest first."""
    return [_list_of(row) for row in await _sql.price_lists(conn)]


async def price_list(conn: Connection, code: str) -> PriceList:
    """One price list. Raises PriceListUnknown."""
    row = await _sql.price_list_by_code(conn, code=code.replace("\x00", ""))
    if row is None:
        raise PriceListUnknown(f"There is no price list {code[:100]!r}.")
    return _list_of(row)


async def create_list(conn: Connection, new: NewPriceList) -> PriceList:
    """Make a price list. What it is for never changes after: its prices could not be told for the past.

    Raises BadRequest (``bad_price_list``, ``bad_period``), MoneyError for a currency that is none, PriceListTaken.
    """
    new = checking.checked_list(new)
    row = await _sql.insert_price_list(
        conn,
        code=new.code,
        name=new.name,
        currency=new.currency,
        tax_included=new.tax_included,
        channel=new.channel,
        store_id=new.store_id,
        audience=new.audience,
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        priority=new.priority,
    )
    if row is None:
        raise PriceListTaken(f"There is a price list {new.code!r} already.")
    return _list_of(row)


async def disable_list(conn: Connection, code: str, *, now: datetime) -> PriceList:
    """Switch a list off from now on; the feed is told of every sku it asked a price for. Twice is as once.

    Raises PriceListUnknown.
    """
    chosen = await price_list(conn, code)
    variants = [row["id"] for row in await _sql.lock_variants_of_list(conn, price_list_id=chosen.id, now=now)]
    if await _sql.disable_price_list(conn, id=chosen.id, now=now):
        await tell(conn, chosen, [], why="list_off", more={variant_id: {} for variant_id in variants})
    return await price_list(conn, code)


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
