"""How far broadcasts are: a question to their messages, asked when somebody looks (RULES R5)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from unisono.engagement.broadcasts.model import Broadcast, BroadcastProgress, BroadcastRow, WhyNot
from unisono.engagement.messages.words import label
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.engagement.broadcasts")

SUMS: Final = ("decided", "delivered", "opened", "clicked", "failed", "cost_minor")
OPEN: Final = ("planned", "claimed", "handed_over")
NOT_SENT: Final = ("skipped", "refused", "unknown", "cancelled")


async def of(conn: Connection, broadcasts: Sequence[Broadcast], *, now: datetime) -> list[BroadcastRow]:
    """Each with its figures, two statements for all."""
    ids = [one.id for one in broadcasts]
    rows: Mapping[int, list[asyncpg.Record]] = _by_broadcast(await _sql.progress_of(conn, ids=ids))
    left = {row["broadcast_id"]: row["people"] for row in await _sql.without_message(conn, ids=ids)}
    return [
        BroadcastRow(broadcast=one, progress=_progress(one, rows[one.id], left.get(one.id, 0), now))
        for one in broadcasts
    ]


def _by_broadcast(rows: Iterable[asyncpg.Record]) -> Mapping[int, list[asyncpg.Record]]:
    found: dict[int, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["broadcast_id"]].append(row)
    return found


def _progress(broadcast: Broadcast, rows: Sequence[asyncpg.Record], left: int, now: datetime) -> BroadcastProgress:
    states: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    why: Counter[tuple[str, str]] = Counter()
    for row in rows:
        states[row["state"]] += row["messages"]
        sums.update({name: row[name] for name in SUMS})
        if row["reason"] and row["state"] in ("planned", *NOT_SENT):
            why[row["state"], row["reason"]] += row["messages"]
    planned = sum(states.values())
    return BroadcastProgress(
        audience=planned + left,
        planned=planned,
        decided=sums["decided"],
        sent=states["accepted"],
        delivered=sums["delivered"],
        opened=sums["opened"],
        clicked=sums["clicked"],
        failed=sums["failed"],
        waiting=left + sum(states[state] for state in OPEN),
        not_sent=sum(states[state] for state in NOT_SENT),
        states=dict(states),
        why_not=why_not(why),
        cost_minor=sums["cost_minor"],
        finished=broadcast.phase == "finished",
        counted_at=now,
    )


def why_not(counted: Mapping[tuple[str, str], int]) -> list[WhyNot]:
    """How many for each (state, reason), most first."""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [WhyNot(state=state, reason=label(code), people=people) for (state, code), people in ordered if people]
