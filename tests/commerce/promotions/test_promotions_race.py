"""Limits under load: several processes, everybody at once, never one use more than there is."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import asyncpg
import msgspec
import pytest

from tests.support.forking import Program
from tests.support.log import make_nodes
from tests.support.promotions import NOON, amount
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Definition, NewCoupons
from unisono.kit.database import Pool

PROCESSES = 3
TRIES = 100
"""A process: 300 in all."""


def race(dsn: str, coupon: str, nodes: list[int]) -> Counter[str]:
    """All processes get ready, then all begin."""
    started = [
        Program(
            "tests.support.promotion_process", dsn, f"p{number}", str(TRIES), coupon, *map(str, nodes), talking=True
        )
        for number in range(PROCESSES)
    ]
    for process in started:
        assert json.loads(process.stdout.readline()) == ["limited"]
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    outcomes: Counter[str] = Counter()
    for process in started:
        told = process.communicate()
        assert process.poll() == 0
        outcomes += Counter(json.loads(told))
    return outcomes


async def limited(conn: asyncpg.Connection[asyncpg.Record], coupons: NewCoupons, **limits: Any) -> str:
    """A promotion of 5.00 with limits, and its coupon."""
    fields = {"code": "limited", "name": "Limited", "effects": [amount(500)], "currency": "EUR", "needs_coupon": True}
    definition = msgspec.convert(fields | limits, Definition)
    await promotions.save_promotion(conn, definition, actor="test", now=NOON, status="active")
    return (await promotions.make_coupons(conn, "limited", coupons, actor="test", now=NOON)).coupons[0]


@pytest.mark.parametrize(
    ("limits", "uses", "most"),
    [
        ({"per_person": 1}, None, 1),
        ({"per_person": 3}, None, 3),
        ({"max_uses": 7}, None, 7),
        ({"budget_minor": 2_700}, None, 5),
        ({}, 4, 4),
        ({"per_person": 2, "max_uses": 50}, 40, 2),
    ],
    ids=str,
)
async def test_three_hundred_tries_never_exceed_a_limit(
    dsn: str, pool: Pool, limits: dict[str, int], uses: int | None, most: int
) -> None:
    """One person under five identifiers, three processes: exactly as many uses as there are, none lost."""
    conn = await asyncpg.connect(dsn)
    nodes = await make_nodes(conn, 5)  # type: ignore[arg-type]
    await conn.execute("update node set person_id = $1 where id = any($2)", nodes[0], nodes)
    coupon = await limited(conn, NewCoupons(kind="generic", code="RACE", max_uses=uses), **limits)
    outcomes = race(dsn, coupon, nodes)
    assert outcomes.total() == PROCESSES * TRIES
    used = await conn.fetchval("select count(*) from promotion_use where state = 'committed'")
    assert used == outcomes["used"] <= most
    # Who gives back may have kept the last one from others for a moment; afterwards it is there for the next.
    assert outcomes["used"] + outcomes["given back"] >= most
    for good in await conn.fetch("select * from good"):
        assert good["held"] == 0
        assert good["committed"] <= good["capacity"]
    redeemed = await conn.fetchval("select count(*) from event where name = 'Coupon Redeemed'")
    assert redeemed == used
    await conn.close()


async def test_a_unique_coupon_is_redeemed_by_one(dsn: str, pool: Pool) -> None:
    """Three hundred tries of many people, in three processes."""
    conn = await asyncpg.connect(dsn)
    nodes = await make_nodes(conn, 20)  # type: ignore[arg-type]
    coupon = await limited(conn, NewCoupons())
    outcomes = race(dsn, coupon, nodes)
    assert outcomes["used"] <= 1 <= outcomes["used"] + outcomes["given back"]
    assert await conn.fetchval("select committed from good where kind = 'coupon'") == outcomes["used"]
    await conn.close()
