"""Handing over: the last look before a message leaves, written down before the network hears of it.

Consents and suppressions are read again under the locks that a withdrawal takes alone: who withdraws is respected by
every message not handed over when his withdrawal is recorded. A channel that writes our own tables sends within the
very transaction: it is accepted or it never happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from unisono.customers.consent import service as consent
from unisono.customers.consent.model import Legal, Refused, Standing
from unisono.customers.timeline.lanes import guarded
from unisono.engagement.channels.model import Sender
from unisono.engagement.delivery import reasons, sending, settling
from unisono.engagement.delivery.desk import Desk
from unisono.engagement.delivery.model import Claimed, State
from unisono.engagement.delivery.rendering import Ready, Unfit
from unisono.engagement.policy import rules as policy_rules
from unisono.engagement.policy import service as policy
from unisono.engagement.policy.model import Policy
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

log = structlog.get_logger("unisono.delivery")

_sql = load("unisono.engagement.delivery")

_encode = msgspec.json.Encoder().encode


class PutBack(msgspec.Struct, frozen=True):
    """A message that does not go now, or never: ``state`` is planned, skipped or unknown."""

    claimed: Claimed
    state: State
    reason: Reason | None
    try_at: datetime | None = None


async def hand_over(desk: Desk, group: Sequence[Ready]) -> list[Ready]:
    """Write down that these leave now; returns those that may. Raises Unavailable.

    What may not any more is settled here; all messages of the group are of one account.
    """
    now = desk.clock()
    async with guarded(desk.pool) as conn:
        going = await _checked(conn, desk, group, now)
        crash_point("delivery.before_hand_over_commit")
    desk.handed += len(going)
    crash_point("delivery.after_hand_over")
    return going


async def send_here(desk: Desk, group: Sequence[Ready], sender: Sender, currency: str | None) -> list[int]:
    """Hand over to a channel of our own and settle, all in one transaction; returns what was settled.

    Raises Unavailable.
    """
    now = desk.clock()
    async with guarded(desk.pool) as conn:
        going = await _checked(conn, desk, group, now)
        done = []
        for ready in going:
            sent = await sender.send(conn, ready.outgoing)
            done.append(settling.Outcome(ready, sent, now, idempotent=True, currency=currency))
        crash_point("delivery.after_local")
        await settling.settle(conn, done, now=now)
        crash_point("delivery.before_local_commit")
    crash_point("delivery.after_local_commit")
    return [one.ready.claimed.id for one in done]


async def _checked(conn: Connection, desk: Desk, group: Sequence[Ready], now: datetime) -> list[Ready]:
    if await sending.paused(conn):
        desk.paused = True
        back = [PutBack(ready.claimed, "planned", None, now) for ready in group]
        await put_back(conn, back, now=now)
        return []
    # Whoever withdraws locks all identifiers of the person: of each message its address is enough here.
    await consent.lock_addresses(conn, {ready.claimed.address_node for ready in group}, shared=True)
    forbidden = await _forbidden(conn, group, now)
    going = [ready for ready in group if ready.claimed.id not in forbidden]
    rows = await _sql.hand_over(
        conn,
        ids=[ready.claimed.id for ready in going],
        epochs=[ready.claimed.epoch for ready in going],
        now=now,
        lease_until=now + desk.lease,
    )
    ours = {row["id"] for row in rows}
    left = [ready for ready in going if ready.claimed.id in ours]
    await _sql.write_contents(
        conn, ids=[ready.claimed.id for ready in left], contents=[ready.kept for ready in left], now=now
    )
    kept_back = [forbidden[ready.claimed.id] for ready in group if ready.claimed.id in forbidden]
    kept_back += [_again(ready.claimed, now) for ready in going if ready.claimed.id not in ours]
    await put_back(conn, kept_back, now=now)
    until = now + desk.lease
    return [_leased(ready, until) for ready in left]


def _leased(ready: Ready, until: datetime) -> Ready:
    return Ready(msgspec.structs.replace(ready.claimed, lease_until=until), ready.outgoing, ready.kept)


def _again(claimed: Claimed, now: datetime) -> PutBack:
    """Ours no more, past its end, or its broadcast was paused: if it is still ours, the next claim says which."""
    return PutBack(claimed, "planned", None, now)


async def _forbidden(conn: Connection, group: Sequence[Ready], now: datetime) -> dict[int, PutBack]:
    """What may not be sent any more, by message."""
    rows = await _sql.persons_now(conn, nodes=list({ready.claimed.address_node for ready in group}))
    persons: dict[int, int] = {row["id"]: row["person_id"] for row in rows}
    standings = await consent.standings(conn, set(persons.values()))
    legal, current = await consent.legal(conn), (await policy.current(conn)).policy
    found = {}
    for ready in group:
        claimed = ready.claimed
        person = persons.get(claimed.address_node)
        reason = reasons.ERASED if person is None else _refusal(claimed, standings[person], current, legal, now)
        if reason is not None:
            found[claimed.id] = PutBack(claimed, "unknown" if claimed.again else "skipped", reason)
    return found


def _refusal(claimed: Claimed, standing: Standing, current: Policy, legal: Legal, now: datetime) -> Reason | None:
    answer = policy_rules.permitted(
        standing,
        current,
        legal,
        address=claimed.address_node,
        channel=claimed.channel,
        purpose=claimed.purpose,
        at=now,
        category=claimed.category,
        profiled=claimed.profiled,
    )
    return answer.reason if isinstance(answer, Refused) else None


async def put_back(conn: Connection, items: Iterable[PutBack], *, now: datetime) -> None:
    """Messages that were claimed, or handed over and surely did not leave, are planned again or settled; they weigh
    nothing. What is not ours any more stays as it is."""
    wanted = list(items)
    if not wanted:
        return
    rows = await _sql.put_back(
        conn,
        ids=[one.claimed.id for one in wanted],
        epochs=[one.claimed.epoch for one in wanted],
        states=[one.state for one in wanted],
        reasons=[one.reason.code if one.reason else None for one in wanted],
        try_ats=[one.try_at for one in wanted],
        founds=[_encode(one.reason).decode() if one.reason else None for one in wanted],
        now=now,
    )
    back = [row["id"] for row in rows]
    if back:
        weighing = {one.claimed.id for one in wanted if one.claimed.again}
        await policy.release(conn, [number for number in back if number not in weighing], now=now)


async def set_aside(desk: Desk, unfit: Sequence[Unfit], *, now: datetime) -> None:
    """Messages that cannot be written for their person. Raises Unavailable."""
    async with guarded(desk.pool) as conn:
        backs = [PutBack(one.claimed, "unknown" if one.claimed.again else "skipped", one.reason) for one in unfit]
        await put_back(conn, backs, now=now)


async def return_all(
    desk: Desk, group: Iterable[Claimed], reason: Reason | None, *, apart: float = 0.0, after: datetime
) -> None:
    """Plan these again, ``apart`` seconds from each other from ``after`` on. Raises Unavailable."""
    backs: list[Any] = [
        PutBack(claimed, "planned", reason, after + timedelta(seconds=apart * number))
        for number, claimed in enumerate(group)
    ]
    async with guarded(desk.pool) as conn:
        await put_back(conn, backs, now=desk.clock())
