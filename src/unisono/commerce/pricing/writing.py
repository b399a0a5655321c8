"""Facts into the database, with everything that has to know: observations, the feed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from unisono.commerce.changes.model import NewChange
from unisono.commerce.changes.service import record_changes
from unisono.commerce.pricing.checking import GoodPrice
from unisono.commerce.pricing.model import Fact, PriceList
from unisono.customers.timers.model import NewTimer
from unisono.customers.timers.service import set_timers
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.pricing")

DUE = "prices_due"
"""The kind of timer that tells the feed when prices begin or end."""


async def write_facts(
    conn: Connection,
    price_list: PriceList,
    new: Sequence[GoodPrice],
    *,
    actor: str,
    now: datetime,
    why: str,
    more: Mapping[int, Mapping[str, Any]] | None = None,
    origin: str = "list",
) -> list[Fact]:
    """Write prices of a list whose variants are locked; tell the feed once a sku. Returns what was not so before.

    ``why`` and, by variant, ``more`` are told with it; a variant with more to tell is told of in any case. What begins
    or ends later is told again then. ``origin`` is that of the observations.
    """
    more = more or {}
    times = Counter(one.variant_id for one in new)
    rows = await _sql.insert_prices(
        conn,
        price_list_id=price_list.id,
        variants=[one.variant_id for one in new],
        amounts=[one.amount_minor for one in new],
        starts=[one.starts_at for one in new],
        ends=[one.ends_at for one in new],
        always=[times[one.variant_id] > 1 for one in new],
        now=now,
        actor=actor,
    )
    facts = [
        Fact(row["id"], price_list.id, row["variant_id"], row["amount_minor"], row["starts_at"], row["ends_at"])
        for row in rows
    ]
    await observe_begun(conn, price_list, [fact for fact in facts if fact.starts_at <= now], origin=origin)
    await tell(conn, price_list, facts, why=why, more=more)
    edges = {edge for fact in facts for edge in (fact.starts_at, fact.ends_at) if edge is not None and edge > now}
    await call_when_due(conn, price_list, edges)
    return facts


async def call_when_due(conn: Connection, price_list: PriceList, instants: Collection[datetime]) -> None:
    """Have the feed told again when prices of a list begin or end: one timer an instant, however many prices."""
    await set_timers(
        conn,
        [
            NewTimer(
                kind=DUE,
                key=f"{price_list.code}@{instant.astimezone(UTC).isoformat()}",
                due_at=instant,
                payload={"price_list": price_list.code},
            )
            for instant in sorted(instants)
        ],
    )


async def observe_begun(conn: Connection, price_list: PriceList, facts: Sequence[Fact], *, origin: str) -> None:
    """Note what a list began to ask of everybody. A list for an audience is no price asked of everybody."""
    asked = [fact for fact in facts if fact.amount_minor is not None]
    if price_list.audience is not None or not asked:
        return
    await _sql.insert_observations(
        conn,
        variants=[fact.variant_id for fact in asked],
        channels=[price_list.channel] * len(asked),
        stores=[price_list.store_id] * len(asked),
        amounts=[fact.amount_minor for fact in asked],
        currencies=[price_list.currency] * len(asked),
        observed=[fact.starts_at for fact in asked],
        untils=[fact.ends_at for fact in asked],
        origins=[origin] * len(asked),
    )


async def tell(
    conn: Connection,
    price_list: PriceList,
    facts: Sequence[Fact],
    *,
    why: str,
    more: Mapping[int, Mapping[str, Any]],
) -> None:
    """One change a sku: which list, for whom, and the prices with their periods. Its version moves by one."""
    of_variant: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts:
        of_variant[fact.variant_id].append(fact)
    told = sorted(of_variant.keys() | more.keys())
    if not told:
        return
    rows = await _sql.raise_price_versions(conn, variants=told)
    await record_changes(
        conn,
        [
            NewChange(
                "price",
                f"price:{row['sku']}",
                row["price_version"],
                {
                    "sku": row["sku"],
                    "why": why,
                    "price_list": price_list.code,
                    "currency": price_list.currency,
                    "channel": price_list.channel,
                    "store_id": price_list.store_id,
                    "audience": price_list.audience,
                    "prices": [
                        {"amount_minor": fact.amount_minor, "starts_at": fact.starts_at, "ends_at": fact.ends_at}
                        for fact in of_variant.get(row["id"], [])
                    ],
                    **more.get(row["id"], {}),
                },
            )
            for row in sorted(rows, key=lambda row: int(row["id"]))
        ],
    )
