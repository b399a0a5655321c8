"""Claiming: due messages are locked, decided by the policy and booked, all in one transaction (RULES R4).

What may be sent is claimed under a lease; what may not now is held until it may; what never may is skipped. Decided
are the messages of a batch set-wise, each person under a lock of his, so that no two workers use one budget.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from unisono.customers.consent import service as consent
from unisono.customers.timeline.lanes import guarded
from unisono.engagement.channels.model import Account
from unisono.engagement.delivery import ports, reasons, rules, sending
from unisono.engagement.delivery.desk import Desk
from unisono.engagement.delivery.model import Claimed, State
from unisono.engagement.policy import facts as policy_facts
from unisono.engagement.policy import rules as policy_rules
from unisono.engagement.policy import service as policy
from unisono.engagement.policy.model import Asked, Decision, LocalTime
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

_sql = load("unisono.engagement.delivery")

PAUSED_FOR: Final = timedelta(hours=1)
"""How long messages of a paused broadcast are left alone; resuming it wakes them at once."""

ASIDE: Final = timedelta(minutes=5)
"""How long a message is left alone that something of ours broke on, or whose account is paused."""

SOONEST: Final = timedelta(milliseconds=500)
"""A message that is held is looked at again no sooner."""

_encode = msgspec.json.Encoder().encode
_local_time = msgspec.json.Decoder(LocalTime).decode


class Fate(msgspec.Struct, kw_only=True):
    """What becomes of a locked message."""

    row: asyncpg.Record
    state: State
    reason: Reason | None = None
    """What decided, when it was not the policy."""
    decision: Decision | None = None
    try_at: datetime | None = None
    account: Account | None = None
    language: str | None = None
    """The person's, where the message asks for none."""

    @property
    def code(self) -> str | None:
        """For ``message.reason``."""
        if self.reason is not None:
            return self.reason.code
        return self.decision.code if self.decision is not None and self.state != "claimed" else None

    def kept(self) -> str | None:
        """For ``message.decision``."""
        if self.decision is None:
            return None if self.reason is None else _encode({"sending": self.reason}).decode()
        if self.reason is None:
            return _encode(self.decision).decode()
        return _encode(msgspec.to_builtins(self.decision) | {"sending": self.reason}).decode()


class Taken(msgspec.Struct):
    """What a claim brought."""

    claimed: list[Claimed]
    looked_at: int


async def claim(desk: Desk, *, urgent: bool, many: int) -> Taken:
    """Decide the next due messages; returns those to be sent. Raises Unavailable."""
    now = desk.clock()
    async with guarded(desk.pool) as conn:
        desk.paused = (await sending.state(conn)).paused
        if desk.paused:
            return Taken([], 0)
        lock = _sql.lock_urgent if urgent else _sql.lock_due
        rows = await lock(conn, now=now, many=many)
        if not rows:
            return Taken([], 0)
        crash_point("delivery.after_lock")
        fates, asked, campaigns = await _decide(conn, desk, rows, now)
        await _write(conn, desk, fates, now)
        crash_point("delivery.after_decisions")
        sent = [fate for fate in fates if fate.state == "claimed" and fate.decision is not None]
        await policy.book(conn, [(asked[fate.row["id"]], fate.decision) for fate in sent if fate.decision], now=now)
        crash_point("delivery.before_claim_commit")
    crash_point("delivery.after_claim")
    lease_until = now + desk.lease
    return Taken([_claimed(fate, asked[fate.row["id"]], lease_until, campaigns) for fate in sent], len(rows))


async def set_aside(desk: Desk, *, urgent: bool) -> int:
    """The next due message breaks whatever decides it: it waits, the others go on; how many it was.

    Raises Unavailable.
    """
    now = desk.clock()
    async with guarded(desk.pool) as conn:
        lock = _sql.lock_urgent if urgent else _sql.lock_due
        rows = await lock(conn, now=now, many=1)
        fates = [Fate(row=row, state="planned", reason=reasons.BROKEN, try_at=now + ASIDE) for row in rows]
        await _write(conn, desk, fates, now)
    return len(fates)


async def _decide(
    conn: Connection, desk: Desk, rows: Sequence[asyncpg.Record], now: datetime
) -> tuple[list[Fate], dict[int, Asked], dict[int, str]]:
    """The fate of each row, what was asked of the policy, and the codes of the broadcasts."""
    numbers = {row["broadcast_id"] for row in rows if row["broadcast_id"] is not None}
    broadcasts = await _sql.broadcasts_now(conn, ids=sorted(numbers)) if numbers else []
    status = {row["id"]: row["status"] for row in broadcasts}
    fates = [fate for row in rows if (fate := _before(row, status, now))]
    settled = {fate.row["id"] for fate in fates}
    left = [row for row in rows if row["id"] not in settled]
    asked = await _asked(conn, left)
    persons = await policy_facts.lock_persons(conn, {row["node_id"] for row in left})
    fates += [Fate(row=row, state=_never(row), reason=reasons.ERASED) for row in left if row["node_id"] not in persons]
    left = [row for row in left if row["node_id"] in persons]
    refused = await ports.refused(conn, [row["id"] for row in left if row["broadcast_id"] is not None])
    fates += [Fate(row=row, state=_never(row), reason=refused[row["id"]]) for row in left if row["id"] in refused]
    left = [row for row in left if row["id"] not in refused]
    decisions, languages = await _ask(conn, desk, [asked[row["id"]] for row in left], now)
    for fate in await _after(conn, desk, left, decisions, now):
        fate.language = languages.get(fate.row["id"])
        fates.append(fate)
    return fates, asked, {row["id"]: row["code"] for row in broadcasts}


def _before(row: asyncpg.Record, broadcasts: Mapping[int, str], now: datetime) -> Fate | None:
    """What is decided without the policy."""
    if row["not_after"] is not None and row["not_after"] < now:
        return Fate(row=row, state=_never(row), reason=reasons.too_late(row["not_after"], now))
    status = broadcasts.get(row["broadcast_id"])
    if status == "stopped":
        return Fate(row=row, state="cancelled", reason=reasons.BROADCAST_STOPPED)
    if status == "paused":
        return Fate(row=row, state="planned", reason=reasons.BROADCAST_PAUSED, try_at=now + PAUSED_FOR)
    return None


def _never(row: asyncpg.Record) -> State:
    """Not sent; what may have left already stays unknown."""
    return "unknown" if row["again"] else "skipped"


async def _asked(conn: Connection, rows: Sequence[asyncpg.Record]) -> dict[int, Asked]:
    tried = [row["id"] for row in rows if row["attempts"]]
    excluded: dict[int, dict[str, str]] = defaultdict(dict)
    for row in await _sql.refused_channels(conn, ids=tried) if tried else []:
        excluded[row["message_id"]][row["channel"]] = row["why"]
    return {
        row["id"]: Asked(
            message_id=row["id"],
            node_id=row["node_id"],
            purpose=row["purpose"],
            channels=(row["channel"],) if row["again"] else tuple(row["channels"]),
            due_at=row["due_at"],
            priority=row["priority"],
            profiled=row["profiled"],
            category=row["category"],
            language=row["language"],
            not_after=row["not_after"],
            local_time=_local_time(row["local_time"]) if row["local_time"] else None,
            excluded={} if row["again"] else excluded.get(row["id"], {}),
        )
        for row in rows
    }


async def _ask(
    conn: Connection, desk: Desk, asked: Sequence[Asked], now: datetime
) -> tuple[dict[int, Decision], dict[int, str | None]]:
    """What the policy answers, and the languages of the persons."""
    if not asked:
        return {}, {}
    current = await policy.current(conn)
    legal = await consent.legal(conn)
    facts = await policy_facts.load(
        conn, asked, policy=current, accounts=desk.carriers(), company=desk.company, now=now
    )
    crash_point("delivery.after_facts")
    decisions = policy_rules.decide_all(asked, facts, current, legal, now)
    return decisions, {number: one.language for number, one in facts.items()}


async def _after(
    conn: Connection, desk: Desk, rows: Sequence[asyncpg.Record], decisions: Mapping[int, Decision], now: datetime
) -> list[Fate]:
    """What the policy allows must also fit its account's lane."""
    going = [row for row in rows if row["id"] in decisions and decisions[row["id"]].outcome == "send"]
    parked: dict[tuple[int, int], datetime] = {}
    for row in await _parked(conn, going, now):
        parked[row["person_id"], row["account_id"]] = row["until"]
    used = await _used_today(conn, desk, now)
    ahead: Counter[int] = Counter()
    fates = []
    for row in rows:
        decision = decisions.get(row["id"])
        if decision is None:
            fates.append(Fate(row=row, state=_never(row), reason=reasons.ERASED))
        elif decision.outcome != "send":
            fates.append(_not_now(row, decision, now))
        else:
            fates.append(_at_the_account(desk, row, decision, parked, used, ahead, now))
    return fates


async def _parked(conn: Connection, rows: Sequence[asyncpg.Record], now: datetime) -> Iterable[asyncpg.Record]:
    if not rows:
        return []
    nodes = list({row["node_id"] for row in rows})
    found: list[asyncpg.Record] = await _sql.parked_persons(conn, nodes=nodes, ids=[row["id"] for row in rows], now=now)
    return found


async def _used_today(conn: Connection, desk: Desk, now: datetime) -> dict[int, tuple[int, int]]:
    """Of young accounts: how many messages they may send today, and how many they did."""
    day = now.astimezone(desk.zone).date()
    young = {one.id: one.warm_up.allowance(day) for one in desk.accounts.values() if one.warm_up}
    most = {account: allowed for account, allowed in young.items() if allowed is not None}
    if not most:
        return {}
    used = {row["account_id"]: row["used"] for row in await _sql.used_today(conn, ids=list(most), day=day)}
    return {account: (allowed, used.get(account, 0)) for account, allowed in most.items()}


def _not_now(row: asyncpg.Record, decision: Decision, now: datetime) -> Fate:
    if decision.outcome == "skip":
        return Fate(row=row, state=_never(row), decision=decision)
    until = max(decision.hold_until or now, now + SOONEST)
    if row["not_after"] is not None and until > row["not_after"]:
        late = reasons.too_late(row["not_after"], until)
        return Fate(row=row, state=_never(row), decision=decision, reason=late)
    return Fate(row=row, state="planned", decision=decision, try_at=until)


def _at_the_account(
    desk: Desk,
    row: asyncpg.Record,
    decision: Decision,
    parked: Mapping[tuple[int, int], datetime],
    used: Mapping[int, tuple[int, int]],
    ahead: Counter[int],
    now: datetime,
) -> Fate:
    account = desk.accounts.get(decision.account_code or "")
    if account is None or (row["again"] and account.id != row["account_id"]):
        return Fate(row=row, state=_never(row), decision=decision, reason=reasons.NO_ACCOUNT)
    wait = _wait(desk, account, decision, parked, used, ahead[account.id], now)
    ahead[account.id] += 1
    if wait is None:
        return Fate(row=row, state="claimed", decision=decision, account=account)
    until, reason = wait
    if row["not_after"] is not None and until > row["not_after"]:
        return Fate(row=row, state=_never(row), decision=decision, reason=reasons.too_late(row["not_after"], until))
    return Fate(row=row, state="planned", decision=decision, reason=reason, try_at=until)


def _wait(
    desk: Desk,
    account: Account,
    decision: Decision,
    parked: Mapping[tuple[int, int], datetime],
    used: Mapping[int, tuple[int, int]],
    ahead: int,
    now: datetime,
) -> tuple[datetime, Reason] | None:
    """Until when, and why, a message cannot go to its account; None when it can."""
    if account.status == "paused":
        return now + ASIDE, reasons.account_paused(account.code)
    if account.closed_until is not None and account.closed_until > now:
        until = account.closed_until + timedelta(seconds=ahead / account.per_second)
        return until, reasons.provider_down(account.code, account.closed_until, account.last_error)
    behind = parked.get((decision.person_id, account.id))
    if behind is not None:
        return behind + SOONEST, reasons.person_parked(account.code, behind)
    most, done = used.get(account.id, (None, 0))
    if most is not None and done + desk.ahead.get(account.id, 0) + ahead >= most:
        until = desk.tomorrow(now)
        spread = timedelta(seconds=ahead / account.per_second)
        return until + spread, reasons.warm_up(account.code, most, until)
    room = desk.room(account)
    if ahead >= room:
        before = desk.ahead.get(account.id, 0) + ahead
        seconds = rules.spread(max(1.0, before / account.per_second))
        return now + timedelta(seconds=seconds), reasons.queue(account.code, before)
    return None


async def _write(conn: Connection, desk: Desk, fates: Sequence[Fate], now: datetime) -> None:
    await _sql.write_decisions(
        conn,
        ids=[fate.row["id"] for fate in fates],
        states=[fate.state for fate in fates],
        reasons=[fate.code for fate in fates],
        decisions=[fate.kept() for fate in fates],
        channels=[_where(fate, "channel") for fate in fates],
        addresses=[_where(fate, "address_node") for fate in fates],
        accounts=[fate.account.id if fate.account else fate.row["account_id"] for fate in fates],
        try_ats=[fate.try_at for fate in fates],
        lease_until=now + desk.lease,
        now=now,
    )


def _where(fate: Fate, name: str) -> Any:
    """The channel or the address of a message that goes; else what it had."""
    return getattr(fate.decision, name) if fate.state == "claimed" else fate.row[name]


def _claimed(fate: Fate, asked: Asked, lease_until: datetime, campaigns: Mapping[int, str]) -> Claimed:
    row, decision, account = fate.row, fate.decision, fate.account
    assert decision is not None
    assert account is not None
    assert decision.channel is not None
    return Claimed(
        id=row["id"],
        key=row["key"],
        node_id=row["node_id"],
        person_id=decision.person_id,
        broadcast_id=row["broadcast_id"],
        origin=row["origin"],
        purpose=row["purpose"],
        profiled=row["profiled"],
        category=row["category"],
        template=row["template"],
        template_version=row["template_version"],
        content=row["content"],
        data=row["data"],
        language=row["language"] or fate.language,
        priority=row["priority"],
        not_after=row["not_after"],
        channel=decision.channel,
        address_node=decision.address_node or row["node_id"],
        account_code=account.code,
        account_id=account.id,
        epoch=row["epoch"] + 1,
        lease_until=lease_until,
        attempts=row["attempts"],
        first_try_at=row["first_try_at"],
        again=row["again"],
        others=bool(set(asked.channels) - set(asked.excluded) - {decision.channel}),
        campaign=campaigns.get(row["broadcast_id"] or 0),
    )
