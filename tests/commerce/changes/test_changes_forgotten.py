"""What the feed forgets: changes that were overtaken long ago, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from unisono.commerce.changes import service as changes
from unisono.commerce.changes.model import NewChange
from unisono.kit.database import Pool, transaction

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


async def write(pool: Pool, subject: str, *days_ago: int) -> None:
    """Changes of a subject, so many days ago each."""
    for sequence, days in enumerate(days_ago, 1):
        async with transaction(pool) as conn:
            change = NewChange(kind="price", subject=subject, sequence=sequence, data={"n": sequence})
            await changes.record_changes(conn, [change])
            await conn.execute(
                "update change set at = $1 where subject = $2 and sequence = $3",
                NOW - timedelta(days=days),
                subject,
                sequence,
            )


async def forget(pool: Pool, many: int) -> int:
    """All that is to be forgotten, so many at a time."""
    gone, last = 0, changes.Forgotten(0, 0, 0)
    while True:
        async with transaction(pool) as conn:
            last = await changes.forget(conn, NOW - timedelta(days=90), txid=last.txid, id_=last.id, many=many)
        gone += last.gone
        if not last.txid:
            return gone


async def test_only_what_was_overtaken_before_is_forgotten(pool: Pool) -> None:
    """How every subject stood at any time since is still known: the last change before it stays, however old."""
    await write(pool, "price:old", 400)
    await write(pool, "price:moved", 300, 200, 100, 50, 1)
    await write(pool, "price:late", 300, 80)
    await write(pool, "price:new", 20, 10)
    assert await forget(pool, 3) == 2
    assert await forget(pool, 1000) == 0
    rows = await pool.fetch("select subject, array_agg(sequence order by sequence) as kept from change group by 1")
    assert {row["subject"]: row["kept"] for row in rows} == {
        "price:old": [1],
        "price:moved": [3, 4, 5],
        "price:late": [1, 2],
        "price:new": [1, 2],
    }


async def test_what_a_webhook_waits_for_stays(pool: Pool) -> None:
    """A delivery is never left without what it is to tell."""
    await write(pool, "price:a", 300, 200)
    await pool.execute(
        """with made as (insert into webhook_endpoint (name, url, secret, txid, change_id, created_by)
                         values ('x', 'https://x.example', 's', '0', 0, 't') returning id)
           insert into webhook_delivery (endpoint_id, message_id, txid, change_id, subject)
           select made.id, 'm', change.txid, change.id, subject from made, change where sequence = 1"""
    )
    assert await forget(pool, 1000) == 0
    await pool.execute("update webhook_delivery set state = 'delivered'")
    assert await forget(pool, 1000) == 1
