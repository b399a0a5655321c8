"""A worker process that decides messages as delivery does: lock, load, decide, book, commit; for tests of many at once.

Run as a script: ``policy_process.py DSN SEED ROUNDS``. It decides messages about random identifiers by random channels
at random hours of one day after the other, ten of them, and ends.
"""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import UTC, datetime, timedelta

from unisono.customers.consent import service as consent
from unisono.engagement.policy import facts, service
from unisono.engagement.policy.model import Asked
from unisono.engagement.policy.rules import decide_all
from unisono.kit.database import Pool, open_pool, transaction

BEGIN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CHANNELS = ("email", "sms", "whatsapp")
ACCOUNTS = {channel: f"{channel}-account" for channel in CHANNELS}
ROME = facts.Company("Europe/Rome", "IT")


async def decide_some(pool: Pool, asked: list[Asked], now: datetime) -> dict[int, str]:
    """One claim: what became of each message."""
    async with transaction(pool) as conn:
        await facts.lock_persons(conn, {one.node_id for one in asked})
        policy, legal = await service.current(conn), await consent.legal(conn)
        known = await facts.load(conn, asked, policy=policy, accounts=ACCOUNTS, company=ROME, now=now)
        decisions = decide_all(asked, known, policy, legal, now)
        await service.book(conn, [(one, decisions[one.message_id]) for one in asked], now=now)
    return {number: decision.outcome for number, decision in decisions.items()}


async def main(dsn: str, seed: int, rounds: int) -> None:
    chance = random.Random(seed)
    pool = await open_pool(dsn, 2)
    nodes = [row["id"] for row in await pool.fetch("select id from node order by id")]
    number = seed * 1_000_000
    for turn in range(rounds):
        # Days pass, as what is later counts in what is earlier; hours come in any order.
        now = BEGIN + timedelta(days=10 * turn // rounds, hours=chance.randrange(9))
        batch = []
        for node in chance.sample(nodes, min(len(nodes), 12)):
            number += 1
            channels = tuple(chance.sample(CHANNELS, chance.randint(1, 3)))
            batch.append(Asked(message_id=number, node_id=node, purpose="marketing", channels=channels, due_at=now))
        await decide_some(pool, batch, now)
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
