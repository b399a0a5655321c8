"""Whatever happens in whatever order, the members kept are those counted afresh."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.support.segmenting import ABANDONED, Town, did
from unisono.kit.database import Pool

RULES: dict[str, dict[str, Any]] = {
    "buyers": did("Order Completed", 2),
    "lately": did("Product Viewed", 2, seconds=3600),
    "left-cart": ABANDONED,
    "quick": {**ABANDONED, "negated": False, "within": 600},
    "never": {"is": "none", "of": [did("Order Completed"), did("Product Viewed", 3)]},
    "open": {"is": "trait", "trait": "status", "op": "is", "value": "open"},
    "known": {"is": "trait", "trait": "identified", "op": "is", "value": True},
    "seen": {"is": "trait", "trait": "seen", "op": "not_within_last", "value": 1800},
    "spent": {
        "is": "event",
        "names": ["Order Completed"],
        "measure": "sum",
        "path": "total",
        "op": "at_least",
        "amount": 50,
        "within": {"seconds": 7200},
    },
    "care": {
        "is": "all",
        "of": [{"is": "segment", "segment": "left-cart"}, {"is": "segment", "segment": "buyers", "member": False}],
    },
    "calm": {"is": "any", "of": [{"is": "segment", "segment": "care", "member": False}, did("Product Added", 4)]},
}


async def something(town: Town, chance: random.Random, nodes: list[int]) -> None:
    """One thing happens."""
    node = chance.choice(nodes)
    ago = timedelta(seconds=chance.choice([0, 0, 0, 60, 600, 3600, 90_000]))
    what = chance.random()
    if what < 0.6:
        name = chance.choice(["Product Viewed", "Product Added", "Order Completed", "Page Viewed"])
        await town.does(node, name, ago=ago, total=chance.choice([10, 30.5, "40"]))
    elif what < 0.7:
        await town.says(node, status=chance.choice(["open", "closed"]))
    elif what < 0.75:
        await town.says(node, seen=(town.now - ago).isoformat())
    elif what < 0.85:
        other = chance.choice(nodes)
        rows = await town.pool.fetch("select person_id from node where id = any($1)", [node, other])
        if len({row["person_id"] for row in rows}) == 2:
            await town.join(node, other)
    elif what < 0.92:
        mine = await town.pool.fetch(
            "select id from node where person_id = (select person_id from node where id = $1)", node
        )
        if len(mine) > 1:
            await town.split(node, chance.choice(mine)["id"])
    else:
        town.clock.forward(seconds=chance.choice([1, 60, 600, 1800, 3600]))


@pytest.mark.parametrize("seed", range(4))
async def test_members_kept_are_members_counted_after_any_history(pool: Pool, seed: int) -> None:
    """Events old and new, traits, joins, splits, time; read in portions of any size, one segment changed on the way."""
    chance = random.Random(seed)
    town = Town(pool, lanes=1 + seed % 3)
    for code, rule in RULES.items():
        await town.segment(code, rule)
    nodes = await town.people(5) + await town.people(4, "anonymous_id")
    for node in nodes:
        await town.does(node, "Page Viewed")
    for step in range(12):
        for _ in range(chance.randrange(1, 9)):
            await something(town, chance, nodes)
        if step == 6:
            await town.change("lately", did("Product Viewed", 1, seconds=1800), fill=chance.random() < 0.5)
        if chance.random() < 0.5:
            await town.timers.drain()
        await town.read()
        await town.timers.drain()
        for code in RULES:
            assert await town.members(code) == await town.counted(code), (step, code)
    astray = await pool.fetchval(
        "select count(*) from segment_member left join node on node.id = segment_member.person_id"
        " where node.person_id is distinct from node.id"
    )
    assert astray == 0
