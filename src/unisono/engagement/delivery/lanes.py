"""A lane: one account's messages on their way, apart from every other account's (RULES R10).

Rendered messages wait here, few of them; a group is handed over in one transaction, as many as leave within moments,
and sent side by side, one at a time to a person. The account's rate is kept over all workers by a row they share. An
account in trouble is left alone for a while (its circuit opens), then asked with one message until it takes one; what
waited for it is planned again. What is on its way when a lane ends is waited for; what is not leaves no more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
import structlog

from unisono.customers.timeline.lanes import guarded
from unisono.customers.timeline.parking import error_text
from unisono.engagement.channels.model import Account, Adapter, Sender, Sent
from unisono.engagement.channels.registry import adapter_of
from unisono.engagement.delivery import circuit, handing, reasons
from unisono.engagement.delivery.desk import Desk
from unisono.engagement.delivery.rendering import Ready
from unisono.engagement.delivery.settling import Outcome
from unisono.kit.crash import crash_point
from unisono.kit.database import TRANSIENT
from unisono.kit.errors import Unavailable, UnisonoError
from unisono.kit.http import Http
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

log = structlog.get_logger("unisono.delivery")

_sql = load("unisono.engagement.delivery")

WIDTH: Final = 8
"""Messages of one account on their way at once, by one worker."""

GROUP: Final = 48
"""Messages handed over in one transaction at the most: what a crash can leave unknown, with those on their way."""

TIMEOUT: Final = 30.0
"""Seconds one message may take; longer is unknown."""

SHARE: Final = 3
"""A message is not begun when less than this part of the lease is left: somebody else may take it for lost."""

LAST: Final = 10.0
"""Seconds messages on their way have when the worker ends."""

Note = Callable[[Outcome], None]


class Lane:
    """The messages of one account in this worker."""

    def __init__(self, desk: Desk, account: Account, http: Http, note: Note) -> None:
        self._desk = desk
        self._http = http
        self._note = note
        self.account = account
        self.adapter: Adapter = adapter_of(account.kind)
        self._ready: deque[Ready] = deque()
        self._handed: deque[tuple[Ready, float]] = deque()
        self._stale: list[Ready] = []
        """Their lease is nearly over."""
        self._leaving: list[Ready] = []
        """Being handed over at this moment."""
        self._persons: set[int] = set()
        self._on_the_way = 0
        self._news = asyncio.Event()
        self._sender: Sender | None = None
        self._opening = asyncio.Lock()
        self._sending: set[asyncio.Task[None]] = set()
        self.circuit = circuit.Circuit(account)
        self._ending = False

    @property
    def waiting(self) -> int:
        """Messages in it, on their way included."""
        return len(self._ready) + len(self._leaving) + len(self._handed) + self._on_the_way

    def differs(self, account: Account) -> bool:
        """Whether what was opened for the account is not the account any more."""
        mine = self.account
        return (mine.settings, dict(mine.secrets), mine.status) != (
            account.settings,
            dict(account.secrets),
            account.status,
        )

    def renew(self, account: Account) -> None:
        """The account as it is now: its rate, and how the others fare with it."""
        self.account = account
        self.circuit.renew(account)
        self._news.set()

    def put(self, ready: Ready) -> None:
        """One more message."""
        self._ready.append(ready)
        self._desk.ahead[self.account.id] = self.waiting
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled, through restarts of the database."""
        try:
            while True:
                await self._wait_for_work()
                try:
                    await self._turn()
                except (Unavailable, *TRANSIENT) as error:
                    log.warning("delivery.turn_again", account=self.account.code, error=error_text(error))
                    await asyncio.sleep(0.5)
        finally:
            await self._end()

    async def _wait_for_work(self) -> None:
        while not self._ready or len(self._handed) + self._on_the_way > GROUP // 2 or self._probing:
            self._news.clear()
            await self._news.wait()
        # Those rendered in one go come one after the other: together they are one transaction.
        await asyncio.sleep(0)

    @property
    def _probing(self) -> bool:
        """One message is asking an account in trouble whether it works again."""
        return self.circuit.in_trouble and self._on_the_way + len(self._handed) > 0

    async def _turn(self) -> None:
        """Hand the next group over, and see it off."""
        now = self._desk.clock()
        if self._desk.paused or self.circuit.is_open(now):
            await self._return()
            return
        sender = await self._opened()
        if sender is None:
            await self._return()
            return
        self._leaving = group = self._next_group(now)
        try:
            await self._give_up_stale()
            if group:
                await self._leave(group, sender, now)
        except (Unavailable, *TRANSIENT):
            self._ready.extendleft(reversed(group))
            self._leaving = []
            raise
        # Not in a ``finally``: who is cancelled in the midst of it gives them back at the end.
        self._leaving = []
        self._left()
        if not group:
            # All that waits is for people who are being written to at this moment.
            await asyncio.sleep(0.01)

    async def _leave(self, group: list[Ready], sender: Sender, now: datetime) -> None:
        if self.adapter.local:
            await handing.send_here(self._desk, group, sender, self.account.currency)
            return
        start = await self._reserve(group, now)
        if start is None:
            return
        wait = max(0.0, (start - now).total_seconds())
        if wait > 0.05:
            await asyncio.sleep(wait)
            wait = 0.0
        self._see_off(await handing.hand_over(self._desk, group), wait, sender)

    async def _give_up_stale(self) -> None:
        """What waited here too long is due again, for whoever is quicker."""
        stale, self._stale = self._stale, []
        if not stale:
            return
        log.info("delivery.too_slow", account=self.account.code, messages=len(stale))
        await handing.return_all(self._desk, [one.claimed for one in stale], None, after=self._desk.clock())

    def _next_group(self, now: datetime) -> list[Ready]:
        """The next messages: no person twice, none whose lease is nearly over, no more than leave within a second."""
        most = 1 if self.circuit.in_trouble else int(min(GROUP, max(1.0, self.account.per_second)))
        least_left = self._desk.lease / SHARE
        group: list[Ready] = []
        persons = set(self._persons)
        aside: list[Ready] = []
        while self._ready and len(group) < most:
            ready = self._ready.popleft()
            if ready.claimed.lease_until - now < least_left:
                self._stale.append(ready)
                continue
            if ready.claimed.person_id in persons:
                aside.append(ready)
                continue
            persons.add(ready.claimed.person_id)
            group.append(ready)
        self._ready.extendleft(reversed(aside))
        return group

    async def _reserve(self, group: list[Ready], now: datetime) -> datetime | None:
        """Take places in the account's pace, shared by all workers: the instant of the first. None when a young
        account has sent all it may today: then they wait for tomorrow. Raises Unavailable."""
        day = now.astimezone(self._desk.zone).date()
        async with guarded(self._desk.pool) as conn:
            pace = await _sql.reserve(
                conn,
                account_id=self.account.id,
                now=now,
                seconds=len(group) / self.account.per_second,
                day=day,
                many=len(group),
            )
        most = self.account.warm_up.allowance(day) if self.account.warm_up else None
        if most is None or pace["used"] <= most:
            start: datetime = pace["start"]
            return start
        tomorrow = self._desk.tomorrow(now)
        why = reasons.warm_up(self.account.code, most, tomorrow)
        await handing.return_all(self._desk, [one.claimed for one in group], why, after=tomorrow)
        return None

    def _see_off(self, group: list[Ready], wait: float, sender: Sender) -> None:
        loop = asyncio.get_running_loop()
        apart = 1.0 / self.account.per_second
        for number, ready in enumerate(group):
            self._persons.add(ready.claimed.person_id)
            self._handed.append((ready, loop.time() + wait + number * apart))
        while len(self._sending) < WIDTH and len(self._sending) < len(self._handed):
            task = asyncio.create_task(self._send_some(sender))
            self._sending.add(task)
            task.add_done_callback(self._sent_some)

    def _sent_some(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("delivery.lane_broke", account=self.account.code, exc_info=task.exception())
        self._left()

    async def _send_some(self, sender: Sender) -> None:
        """One of the lane's hands: sends what is handed over until there is nothing more."""
        while self._handed:
            ready, at = self._handed.popleft()
            self._on_the_way += 1
            try:
                await self._one(ready, at, sender)
            finally:
                self._on_the_way -= 1
                self._persons.discard(ready.claimed.person_id)
                self._left()

    async def _one(self, ready: Ready, at: float, sender: Sender) -> None:
        pause = at - asyncio.get_running_loop().time()
        if pause > 0.001:
            await asyncio.sleep(pause)
        left = ready.claimed.lease_until - self._desk.clock()
        if left < self._desk.lease / SHARE or self._ending or self.circuit.is_open(self._desk.clock()):
            await self._unsent([ready])
            return
        crash_point("delivery.before_network")
        sent = await self._send(sender, ready, min(TIMEOUT, left.total_seconds() * 0.8))
        crash_point("delivery.after_network")
        self.circuit.learn(sent, self._desk.clock())
        if sent.outcome == "accepted" and sent.cost_minor is None:
            cost = self.adapter.cost_minor(self.account, ready.outgoing)
            sent = msgspec.structs.replace(sent, cost_minor=cost)
        idempotent = self.adapter.capabilities.idempotent
        self._note(Outcome(ready, sent, self._desk.clock(), idempotent, self.account.currency))
        if self.circuit.news:
            await self._write_circuit()

    async def _send(self, sender: Sender, ready: Ready, within: float) -> Sent:
        """One message; whatever comes of it is an answer. An adapter that breaks or hangs leaves it unknown."""
        sending = asyncio.ensure_future(sender.send(None, ready.outgoing))
        try:
            await asyncio.wait({sending}, timeout=within)
        finally:
            if not sending.done():
                sending.cancel()
        if not sending.done() or sending.cancelled():
            await asyncio.wait({sending})
            return Sent(outcome="unknown", code="timeout", detail=f"No answer within {within:.0f} seconds.")
        broken = sending.exception()
        if broken is not None:
            log.error("delivery.adapter_broke", account=self.account.code, exc_info=broken)
            return Sent(outcome="unknown", code="error", detail=type(broken).__name__, account_fault=True)
        return sending.result()

    async def _opened(self) -> Sender | None:
        """The account's sender; None when it cannot be opened: then the account rests, and its messages with it."""
        async with self._opening:
            if self._sender is None:
                try:
                    self._sender = await self.adapter.open(self.account, self._http)
                except UnisonoError as error:
                    fault = Sent(outcome="retry", code=error.code, detail=error.detail, account_fault=True)
                    self.circuit.trip(fault, self._desk.clock())
                    await self._write_circuit()
            return self._sender

    async def _unsent(self, group: list[Ready]) -> None:
        """Handed over, surely not sent: planned again."""
        if not group:
            return
        for ready in group:
            self._persons.discard(ready.claimed.person_id)
        try:
            await handing.return_all(self._desk, [one.claimed for one in group], self._why(), after=self._when())
        except Unavailable:
            # The lease will end: then it counts as unknown, which is sure not to send it twice.
            log.warning("delivery.not_returned", account=self.account.code, messages=len(group))

    async def _return(self) -> None:
        """What waits is planned again: the account rests, or all sending is paused."""
        group, self._ready = list(self._ready), deque()
        apart = 1.0 / self.account.per_second
        claimed = [ready.claimed for ready in group]
        await handing.return_all(self._desk, claimed, self._why(), apart=apart, after=self._when())
        self._left()

    def _why(self) -> Reason | None:
        until = self.circuit.closed_until
        if until is None or until <= self._desk.clock():
            return None
        return reasons.provider_down(self.account.code, until, self.circuit.last_error)

    def _when(self) -> datetime:
        now = self._desk.clock()
        return max(now, self.circuit.closed_until or now)

    async def _write_circuit(self) -> None:
        async with guarded(self._desk.pool) as conn:
            await self.circuit.write(conn)

    def _left(self) -> None:
        self._desk.ahead[self.account.id] = self.waiting
        self._news.set()

    async def _end(self) -> None:
        """See what is on its way through, give the rest back, close what was opened."""
        self._ending = True
        if self._sending:
            await asyncio.wait(set(self._sending), timeout=LAST)
        for task in set(self._sending):
            task.cancel()
        self._desk.ahead.pop(self.account.id, None)
        unsent = [ready for ready, _ in self._handed]
        self._handed.clear()
        await self._unsent([*unsent, *self._stale, *self._leaving, *self._ready])
        self._leaving = []
        self._ready.clear()
        if self._sender is not None:
            await self._sender.close()
