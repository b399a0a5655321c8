"""Random histories of people who share browsers, phones and addresses: whoever is erased is gone, the rest is as the
rules make it from what is left."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.support.graph import assert_same_as_replay
from tests.support.private import Registry, left_of
from unisono.customers.identity.rulebook import read_rulebook


def story(rng: random.Random, mark: str) -> list[dict[str, Any]]:
    """What a few people did on a few devices, with a few addresses between them."""
    users = [f"hist-{mark}-user-{n}" for n in range(5)]
    devices = [f"hist-{mark}-device-{n}" for n in range(4)]
    emails = [f"hist.{mark}.{n}@esempio-storia.it" for n in range(4)]
    events: list[dict[str, Any]] = []
    for _ in range(rng.randint(15, 40)):
        event: dict[str, Any] = {"type": "track", "event": "Page Viewed", "properties": {}}
        if rng.random() < 0.6:
            event["userId"] = rng.choice(users)
        if rng.random() < 0.6 or "userId" not in event:
            event["anonymousId"] = rng.choice(devices)
        if rng.random() < 0.4:
            event["context"] = {"traits": {"email": rng.choice(emails)}}
        if rng.random() < 0.2:
            event["properties"] = {"about": f"see {rng.choice(users)} and <{rng.choice(emails)}>"}
        events.append(event)
    return events


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_history_nothing_is_left(registry: Registry, seed: int) -> None:
    """Erase one person after another until nobody is left: each time no value of his stands anywhere, the others have
    as many events as before, and the graph is that of a replay from scratch."""
    rng = random.Random(seed)
    mark = f"{seed}x{rng.randrange(10**6)}"
    await registry.say(*story(rng, mark))
    for _ in range(3):
        rows = await registry.conn.fetch(
            "select distinct person_id from node where value like $1 and not shared order by 1", f"hist%{mark}%"
        )
        if not rows:
            break
        person = rng.choice(rows)["person_id"]
        own = await registry.conn.fetch("select id, value from node where person_id = $1", person)
        others = await registry.conn.fetchval(
            "select count(*) from event where node_id <> all($1::bigint[])", [row["id"] for row in own]
        )
        number = (await registry.ask("erasure", person))["id"]
        preview = (await registry.api("GET", f"/api/privacy/requests/{number}/preview")).json()
        shared = [{"node_id": one["node_id"], "choice": "keep"} for one in preview["shared"]]
        answer = await registry.confirm(number, shared=shared)
        assert answer.status_code == 200, answer.text
        await registry.work()
        assert await left_of(registry.conn, [row["value"] for row in own]) == []
        left = await registry.conn.fetchval(
            "select count(*) from event where name not in ('Person Joined', 'Person Split')"
        )
        joined = await registry.conn.fetchval(
            "select count(*) from event where name in ('Person Joined', 'Person Split')"
        )
        assert left + joined >= others
        await assert_same_as_replay(registry.conn, await read_rulebook(registry.conn))
