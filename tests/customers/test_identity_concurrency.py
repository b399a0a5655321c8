"""Many writers on the same people at once: one outcome, no event lost, no deadlock shown to a client."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.support.graph import assert_same_as_replay
from tests.support.shop import basic, fresh, open_shop
from unisono.customers.identity.rulebook import read_rulebook


def sighting(*values: tuple[str, str]) -> dict[str, Any]:
    """A server's event that carries these identifiers."""
    item: dict[str, Any] = {"type": "identify", "messageId": fresh(), "traits": {}}
    for name, value in values:
        if name in ("userId", "anonymousId"):
            item[name] = value
        else:
            item["traits"][name] = value
    return item


@pytest.mark.slow
async def test_merges_in_a_ring_from_two_processes(server_dsn: str, template_dsn: str) -> None:
    """A to B, B to A, A to C and more of the kind, at once over two processes: one person, all events, only 200."""
    async with open_shop(server_dsn, processes=2) as shop:
        rng = random.Random(7)
        groups = []
        sending = []
        ids = []
        for n in range(12):
            names = [("anonymousId", f"g{n}-d{i}") for i in range(3)]
            names += [("email", f"g{n}-e{i}@x.it") for i in range(2)] + [
                ("phone", f"+39333{n:04d}{i:03d}") for i in range(2)
            ]
            user = ("userId", f"g{n}-u")
            pairs = [(user, name) for name in names] + [(names[i], names[i - 1]) for i in range(len(names))]
            groups.append([user, *names])
            for one, other in pairs:
                item = sighting(one, other)
                ids.append(item["messageId"])
                url = rng.choice(shop.webs).url
                sending.append((f"{url}/v1/batch", {"batch": [item]}))
        rng.shuffle(sending)
        answers = await asyncio.gather(
            *(shop.client.post(url, json=body, headers=basic(shop.keys.secret)) for url, body in sending)
        )
        assert {answer.status_code for answer in answers} == {200}
        found = await shop.conn.fetchval("select count(*) from event where message_id = any($1::text[])", ids)
        assert found == len(ids)
        for n, names in enumerate(groups):
            people = {await shop.person("user_id", f"g{n}-u")}
            for name, value in names[1:]:
                people.add(await shop.person({"anonymousId": "anonymous_id"}.get(name, name), value))
            assert len(people) == 1
        assert await shop.failures() == []
        await assert_same_as_replay(shop.conn, await read_rulebook(shop.conn))


@pytest.mark.slow
async def test_contested_devices_from_many_connections(server_dsn: str, template_dsn: str) -> None:
    """Known people fight for the same devices over two processes: in the end the graph is what a replay gives."""
    async with open_shop(server_dsn, processes=2) as shop:
        rng = random.Random(11)

        async def work(url: str) -> None:
            for _ in range(25):
                batch = [
                    sighting(
                        ("userId", f"u{rng.randrange(6)}"),
                        ("anonymousId", f"d{rng.randrange(5)}"),
                        *([("email", f"e{rng.randrange(4)}@x.it")] if rng.random() < 0.5 else []),
                    )
                    for _ in range(rng.randrange(1, 4))
                ]
                for _ in range(20):
                    answer = await shop.client.post(
                        f"{url}/v1/batch", json={"batch": batch}, headers=basic(shop.keys.secret)
                    )
                    if answer.status_code == 200:
                        break
                    assert answer.status_code == 429
                assert answer.status_code == 200

        await asyncio.gather(*(work(web.url) for web in shop.webs for _ in range(4)))
        await assert_same_as_replay(shop.conn, await read_rulebook(shop.conn))
        users = await shop.conn.fetch(
            "select person_id from node where namespace = 'user_id' group by person_id having count(*) > 1"
        )
        assert users == []
