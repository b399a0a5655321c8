"""What must be true of goods, holds and stock after anything at all: SQL run by tests after each step."""

from __future__ import annotations

import json

from unisono.kit.database import Connection as Conn


async def check_books(conn: Conn) -> None:
    """What must be true after anything: counters are the sums of the holds, promises are within capacity, the risk
    is exactly what is promised beyond it, every version has told its change without a gap, and the stock of each place
    is the sum of its movements."""
    wrong = await conn.fetch("""
        select good.* from good left join (
            select good_id, sum(quantity) filter (where state = 'held') held,
                   sum(quantity) filter (where state = 'committed') committed from hold group by good_id
        ) sums on sums.good_id = good.id
        where good.held <> coalesce(sums.held, 0) or good.committed <> coalesce(sums.committed, 0)
           or good.at_risk <> greatest(0, good.held + good.committed - good.capacity)""")
    assert [dict(row) for row in wrong] == []
    silent = await conn.fetch("""
        select good.kind || ':' || good.key, version, count(change.sequence), max(change.sequence) from good
        left join change on change.subject = good.kind || ':' || good.key
        group by good.id having version <> count(change.sequence) or version <> coalesce(max(change.sequence), 0)""")
    assert [dict(row) for row in silent] == []
    last = await conn.fetch("""
        select good.capacity, good.held, good.committed, good.at_risk, change.data from good
        join change on change.subject = good.kind || ':' || good.key and change.sequence = good.version""")
    for row in last:
        told = json.loads(row["data"])
        assert {name: told[name] for name in ("capacity", "held", "committed", "at_risk")} == {
            name: row[name] for name in ("capacity", "held", "committed", "at_risk")
        }
        assert told["available"] == max(0, row["capacity"] - row["held"] - row["committed"])
    astray = await conn.fetch("""
        select stock.good_id, good.capacity, stock.damaged, stock.incoming, sums.* from stock
        join good on good.id = stock.good_id
        left join lateral (
            select coalesce(sum(quantity) filter (where state = 'on_hand'), 0) on_hand,
                   coalesce(sum(quantity) filter (where state = 'damaged'), 0) broken,
                   coalesce(sum(quantity) filter (where state = 'incoming'), 0) coming
            from stock_movement where good_id = stock.good_id
        ) sums on true
        where good.capacity <> on_hand or damaged <> broken or incoming <> coming""")
    assert [dict(row) for row in astray] == []
