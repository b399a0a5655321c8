"""Out of an audience: who leaves its segment, takes back his consent or is erased is taken out, until it is done.

Taking out twice is the same as once, so whatever is in doubt is simply done again. A row stays until the advertiser
has taken the person out; it is the whole memory of it, for of an erased person nothing else is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

import asyncpg
import structlog

from unisono.access import audit
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import LongHandler, Timer
from unisono.customers.timers.service import Instant
from unisono.engagement.channels import accounts, retention
from unisono.engagement.channels.audiences import membership, service
from unisono.engagement.channels.audiences.formats import Identity
from unisono.engagement.channels.audiences.membership import EVERY, KIND, NEXT, PROMPT
from unisono.engagement.channels.audiences.model import MAX_MEMBERS, AudienceAdapter
from unisono.engagement.channels.model import Account, Sent
from unisono.engagement.channels.registry import adapter_of
from unisono.kit.arrays import int_list
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection, Pool, transaction
from unisono.kit.errors import UnisonoError
from unisono.kit.http import Http
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings
from unisono.kit.sql import load

log = structlog.get_logger("unisono.channels")

_sql = load("unisono.engagement.channels.audiences")

NAMES: Final = frozenset({"Segment Left", "Consent Updated"})
"""Events after which somebody may have to leave."""

LOOKED_AT: Final = 2000
"""People whose stay is looked at in one transaction."""

COUNTING: Final = timedelta(minutes=10)
"""When it is looked at again whose segment is being counted."""


class AudienceReader(LogReader):
    """Follows the log: whom something happened to that may cost him his place is looked at at once."""

    name: ClassVar[str] = "audiences"
    linger: ClassVar[float] = 1.0

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._clock = clock

    async def prepare(self, conn: Connection, *, first: bool) -> None:
        """See to it that channels forget each night what they may."""
        await retention.plan(conn, self._settings, now=self._clock())

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Nothing for most batches, one statement for one with such an event, two when somebody is in an audience."""
        nodes = {event.node_id for event in events if event.name in NAMES}
        if not nodes:
            return
        now = self._clock()
        found = {row["account_id"] for row in await _sql.recheck(conn, nodes=int_list(nodes), now=now)}
        if found:
            await membership.look(conn, found, now=now)


class AudienceKeeper(LongHandler):
    """Looks who may stay in an audience, and takes out who may not."""

    kind: ClassVar[str] = KIND
    repeats: ClassVar[bool] = True

    def __init__(self, settings: Settings, secret: Secret, clock: Clock = system_clock) -> None:
        self._private = settings.provider_private_addresses
        self._secret = secret
        self._clock = clock

    async def work(self, pool: Pool, timer: Timer) -> None:
        """In transactions of its own; begun anew it goes on where it was."""
        account_id = int(timer.key)
        while await judge(pool, account_id, now=self._clock()):
            pass
        async with transaction(pool) as conn:
            await _sql.drop_doubles(conn, account_id=account_id)
        while await self._take_out(pool, account_id):
            pass

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Again when there is something to do."""
        due = await _sql.next_instant(conn, account_id=int(timer.key))
        parts = [Instant(KIND, timer.key, PROMPT, None), Instant(KIND, timer.key, NEXT, due)]
        await timers.set_instants(conn, KIND, parts)
        found = await membership.standing(conn, int(timer.key))
        return f"{found.members} in, {found.leaving} leaving"

    async def _take_out(self, pool: Pool, account_id: int) -> bool:
        """One request's worth of people; whether there may be more."""
        now = self._clock()
        async with transaction(pool) as conn:
            rows = await _sql.leaving_members(conn, account_id=account_id, now=now, many=MAX_MEMBERS)
            found = await accounts.accounts(conn, self._secret, ids=[account_id]) if rows else []
        if not rows:
            return False
        [account] = found
        sent = await self._remove(account, [Identity(email=row["email"], phone=row["phone"]) for row in rows])
        crash_point("audiences.after_removal")
        ids = int_list(row["id"] for row in rows)
        async with transaction(pool) as conn:
            if sent.outcome == "accepted":
                await _sql.drop_members(conn, ids=ids)
                detail = {"account": account.code, "sent": len(rows), "outcome": sent.outcome}
                await audit.record(conn, actor="system", action="audience.remove", detail=detail)
            else:
                error = f"{sent.outcome}: {sent.detail or sent.code or '-'}"[:300]
                log.warning("audiences.not_taken_out", account=account.code, people=len(rows), error=error)
                await _sql.try_later(conn, ids=ids, now=now, error=error)
        return True

    async def _remove(self, account: Account, people: Sequence[Identity]) -> Sent:
        adapter = adapter_of(account.kind)
        if not isinstance(adapter, AudienceAdapter) or account.status != "active":
            return Sent(outcome="retry", code=account.status, detail=f"The account is {account.status}.")
        http = Http(private=self._private)
        try:
            audience = await adapter.open_audience(account, http)
            return (await audience.change("remove", people)).sent
        except UnisonoError as error:
            return Sent(outcome="retry", code=error.code, detail=error.detail)
        finally:
            await http.close()


async def judge(pool: Pool, account_id: int, *, now: datetime) -> bool:
    """Look at the next people whose turn it is; whether there may be more."""
    async with transaction(pool) as conn:
        rows = await _sql.due_members(conn, account_id=account_id, now=now, many=LOOKED_AT)
        if not rows:
            return False
        persons = {row["person_id"] for row in rows if row["person_id"] is not None}
        allowed = await service.consented(conn, persons, now=now)
        leaving = [row["id"] for row in rows if row["person_id"] not in allowed or row["belongs"] is False]
        gone = set(leaving)
        staying = [row for row in rows if row["id"] not in gone]
        if leaving:
            await _sql.leave(conn, ids=int_list(leaving), now=now)
        await _sql.stay(conn, ids=int_list(row["id"] for row in staying), untils=[_until(row, now) for row in staying])
    return True


def _until(row: asyncpg.Record, now: datetime) -> datetime:
    return now + (COUNTING if row["belongs"] is None else EVERY)
