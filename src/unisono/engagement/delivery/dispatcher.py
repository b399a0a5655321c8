"""The dispatcher: claims, renders, fills the lanes, writes down what comes back. Any number of processes run one.

Messages people wait for (transactional) are claimed first and apart, so that a broadcast never stands before them.
What comes back from all lanes is written in one transaction after the other, as much as there is by then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import structlog

from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.lanes import guarded
from unisono.customers.timeline.parking import error_text
from unisono.customers.timeline.watching import is_gone
from unisono.engagement.channels import accounts
from unisono.engagement.channels.registry import ADAPTERS
from unisono.engagement.delivery import claiming, handing, reasons, recovering, rendering, sending, settling
from unisono.engagement.delivery.desk import LEASE, Desk
from unisono.engagement.delivery.lanes import Lane
from unisono.engagement.delivery.linking import base_url
from unisono.engagement.delivery.model import Claimed
from unisono.engagement.delivery.service import LOOK, PLANNED
from unisono.engagement.delivery.settling import Outcome
from unisono.kit.clock import Clock, system_clock
from unisono.kit.crash import crash_point
from unisono.kit.database import AWAY, TRANSIENT, Connection, Pool, raise_if_cancelled
from unisono.kit.errors import Unavailable
from unisono.kit.http import Http
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings
from unisono.kit.sql import load

log = structlog.get_logger("unisono.delivery")

_sql = load("unisono.engagement.delivery")

BATCH: Final = 200
"""Messages decided in one transaction. With 48 handed over and 13 settled together on average a message costs this
process 1.4 ms; 40,000 left at 461/s on two cores, mail server and database included (``unisono bench broadcast``)."""

IN_HAND: Final = 600
"""Messages claimed by one worker at the most, over all its lanes. A batch of each kind above it still fits the lane of
a fast account (`desk.MOST_AHEAD`): with 1,000 lanes were full and each message was decided 2.6 times (measured)."""

WRITTEN_AT_ONCE: Final = 200

RENEW: Final = 2.0
"""Seconds between two looks at the accounts, at leases that ended and at the mark of this installation."""

RETRY: Final = 0.5

RACES: Final = 5
"""Times what lost a race is written again whole."""


def _at_last(error: BaseException, messages: int) -> BaseException | None:
    """The whole traceback once it is clear which message it is of."""
    return error if messages == 1 else None


class Dispatcher:
    """Sends what is due until cancelled."""

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        secret: Secret,
        clock: Clock = system_clock,
        *,
        lease: timedelta = LEASE,
        http: Http | None = None,
    ) -> None:
        self._desk = Desk(pool, settings, secret, clock, lease)
        self._http = http or Http(private=settings.provider_private_addresses)
        self._lanes: dict[int, tuple[Lane, asyncio.Task[None]]] = {}
        self._told = asyncio.Event()
        self._outcomes: list[Outcome] = []
        self._to_write = asyncio.Event()
        self._writing = False
        self._renewed: datetime | None = None
        self._fingerprint: str | None = None
        self._marked = 0
        self._many = {True: BATCH, False: BATCH}
        self._taken: list[Claimed] = []
        """Claimed and in no lane yet."""

    async def run(self) -> None:
        """Send until cancelled, through restarts of the database; what is on its way is seen through."""
        listening = asyncio.create_task(self._listen(), name="delivery-listen")
        writing = asyncio.create_task(self._write_down(), name="delivery-outcomes")
        try:
            await self._work()
        finally:
            listening.cancel()
            await self.close()
            writing.cancel()
            await asyncio.gather(listening, writing, return_exceptions=True)

    async def drain(self) -> int:
        """Send all that is due at the clock's present, and wait for what comes of it; how many messages were looked
        at. For tests and scenes."""
        writing = asyncio.create_task(self._write_down(), name="delivery-outcomes")
        looked_at = 0
        try:
            await self._renew(force=True)
            busy = True
            while busy:
                # Asked before the round: what is written during it may be due again, and the round has not seen it.
                busy = self._busy
                taken = await self._round()
                looked_at += taken
                busy = busy or taken > 0
                await asyncio.sleep(0 if taken else 0.005)
        finally:
            await self.close()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return looked_at

    async def close(self) -> None:
        """End the lanes, and write down what came of the last messages."""
        tasks = [task for _, task in self._lanes.values()]
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                log.error("delivery.lane_broke", exc_info=ended)
        self._lanes.clear()
        if self._taken:
            with contextlib.suppress(Unavailable):
                await handing.return_all(self._desk, self._taken, None, after=self._desk.clock())
        if self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            await self._write(outcomes)
        await self._http.close()

    @property
    def _busy(self) -> bool:
        return bool(self._outcomes) or self._writing or any(lane.waiting for lane, _ in self._lanes.values())

    async def _work(self) -> None:
        away = False
        while True:
            try:
                self._told.clear()
                await self._renew()
                taken = await self._round()
                away = False
                if not taken:
                    await self._sleep(await self._until_next())
            except (Unavailable, *TRANSIENT) as error:
                if not away:
                    log.warning("delivery.database_away", error=error_text(error.__cause__ or error))
                away = True
                await asyncio.sleep(RETRY)

    async def _round(self) -> int:
        """Claim and render what there is room for: what people wait for first. How many messages were looked at."""
        looked_at = await self._take(urgent=True)
        room = IN_HAND - sum(lane.waiting for lane, _ in self._lanes.values())
        if room >= BATCH:
            looked_at += await self._take(urgent=False)
        return looked_at

    async def _take(self, *, urgent: bool) -> int:
        """One batch. A message that cannot be decided is found by halving, and set aside."""
        many = self._many[urgent]
        [taken] = await asyncio.gather(claiming.claim(self._desk, urgent=urgent, many=many), return_exceptions=True)
        if isinstance(taken, Unavailable | asyncio.CancelledError):
            raise taken
        if isinstance(taken, BaseException):
            log.error("delivery.claim_failed", messages=many, error=error_text(taken), exc_info=_at_last(taken, many))
            self._many[urgent] = max(1, many // 2)
            if many > 1:
                return many
            return await claiming.set_aside(self._desk, urgent=urgent)
        self._many[urgent] = min(BATCH, many * 2)
        await self._prepare(taken.claimed)
        return taken.looked_at

    async def _prepare(self, claimed: Sequence[Claimed]) -> None:
        """Render a batch and put it into the lanes. A message that breaks the rendering is found by halving too."""
        if not claimed:
            return
        self._taken = [*self._taken, *claimed]
        [rendered] = await asyncio.gather(rendering.render(self._desk, claimed), return_exceptions=True)
        if isinstance(rendered, Unavailable | asyncio.CancelledError):
            raise rendered
        mine = {one.id for one in claimed}
        if isinstance(rendered, BaseException):
            log.error(
                "delivery.render_failed",
                messages=[one.id for one in claimed][:5],
                error=error_text(rendered),
                exc_info=_at_last(rendered, len(claimed)),
            )
            self._taken = [one for one in self._taken if one.id not in mine]
            if len(claimed) == 1:
                later = self._desk.clock() + claiming.ASIDE
                await handing.return_all(self._desk, claimed, reasons.BROKEN, after=later)
                return
            await self._prepare(claimed[: len(claimed) // 2])
            await self._prepare(claimed[len(claimed) // 2 :])
            return
        crash_point("delivery.after_render")
        ready, unfit = rendered
        if unfit:
            await handing.set_aside(self._desk, unfit, now=self._desk.clock())
        for one in ready:
            self._lane(one.claimed.account_code).put(one)
        self._taken = [one for one in self._taken if one.id not in mine]

    def _lane(self, code: str) -> Lane:
        account = self._desk.accounts[code]
        kept = self._lanes.get(account.id)
        if kept is None or kept[1].done():
            if kept is not None and not kept[1].cancelled():
                log.error("delivery.lane_broke", account=code, exc_info=kept[1].exception())
            lane = Lane(self._desk, account, self._http, self._note)
            kept = (lane, asyncio.create_task(lane.run(), name=f"delivery-{code}"))
            self._lanes[account.id] = kept
        return kept[0]

    # What comes back -----------------------------------------------------------------------------------

    def _note(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._to_write.set()

    async def _write_down(self) -> None:
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            # Answers of side by side messages come within moments: one transaction for many costs each little.
            await asyncio.sleep(0.004)
            while self._outcomes:
                outcomes, self._outcomes = self._outcomes[:WRITTEN_AT_ONCE], self._outcomes[WRITTEN_AT_ONCE:]
                self._writing = True
                await self._write(outcomes)
                self._writing = False

    async def _write(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what came of messages, as often as it takes: unwritten it counts as unknown when the lease ends.

        What cannot be written for a reason of its own is found by halving and left to that.
        """
        races = 0
        while True:
            [error] = await asyncio.gather(self._write_once(outcomes), return_exceptions=True)
            if error is None:
                break
            if isinstance(error, TRANSIENT):
                races += 1
            if not isinstance(error, (Unavailable, *TRANSIENT)) or races > RACES:
                await self._write_carefully(outcomes, error)
                return
            log.warning("delivery.not_written", error=error_text(error))
            await asyncio.sleep(RETRY)
        crash_point("delivery.after_outcome")
        with contextlib.suppress(TimeoutError, asyncpg.PostgresError, *AWAY):
            await timeline.announce(self._desk.pool)
        raise_if_cancelled()

    async def _write_once(self, outcomes: Sequence[Outcome]) -> None:
        async with guarded(self._desk.pool) as conn:
            await settling.settle(conn, outcomes, now=self._desk.clock())
            crash_point("delivery.before_outcome_commit")

    async def _write_carefully(self, outcomes: Sequence[Outcome], error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            raise error
        log.error(
            "delivery.settling_failed",
            messages=[one.ready.claimed.id for one in outcomes][:5],
            error=error_text(error),
            exc_info=_at_last(error, len(outcomes)),
        )
        half = len(outcomes) // 2
        if half:
            await self._write(outcomes[:half])
            await self._write(outcomes[half:])

    # Now and then ----------------------------------------------------------------------------------------

    async def _renew(self, *, force: bool = False) -> None:
        """Look at the accounts, at leases that ended, and whether this is still the installation that sends."""
        now = self._desk.clock()
        if not force and self._renewed is not None and now - self._renewed < self._every:
            return
        async with guarded(self._desk.pool) as conn:
            if self._fingerprint is None:
                self._fingerprint = await sending.fingerprint(conn, self._desk.settings)
                await sending.recognise(conn, self._desk.settings, now=now)
            found = await accounts.accounts(conn, self._desk.secret, base_url=base_url(self._desk.settings))
            state = await sending.state(conn)
            if self._desk.handed != self._marked and not state.paused:
                self._marked = self._desk.handed
                await sending.write_mark(conn, self._desk.settings, self._fingerprint)
        self._desk.paused = state.paused
        self._desk.accounts = {one.code: one for one in found if one.kind in ADAPTERS}
        for lane, task in list(self._lanes.values()):
            self._keep(lane, task)
        await recovering.recover(self._desk)
        self._renewed = now

    @property
    def _every(self) -> timedelta:
        return min(timedelta(seconds=RENEW), self._desk.lease / 4)

    def _keep(self, lane: Lane, task: asyncio.Task[None]) -> None:
        """A lane whose account was changed is ended; the next message opens it anew."""
        account = self._desk.accounts.get(lane.account.code)
        if account is None or account.status == "disabled" or lane.differs(account):
            task.cancel()
            self._lanes.pop(lane.account.id, None)
        else:
            lane.renew(account)

    async def _until_next(self) -> float:
        """Seconds to sleep: until the next message or the end of a lease, and no longer than until the next look."""
        async with guarded(self._desk.pool) as conn:
            found = await _sql.next_due(conn)
        if self._desk.paused:
            return LOOK
        now = self._desk.clock()
        waits = [LOOK]
        if found["due"] is not None:
            waits.append(max(0.01, (found["due"] - now).total_seconds()))
        if found["lease"] is not None:
            waits.append(max(self._every.total_seconds() / 2, (found["lease"] - now).total_seconds()))
        return min(waits)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()

    async def _listen(self) -> None:
        """Be told of messages due soon; a lost connection is only a matter of looking by oneself meanwhile."""
        while True:
            try:
                async with self._desk.pool.acquire(timeout=10) as conn:
                    await self._heed(conn)
            except (*AWAY, asyncpg.PostgresError, TimeoutError) as error:
                raise_if_cancelled()
                log.info("delivery.not_listening", error=error_text(error))
                await asyncio.sleep(1.0)

    async def _heed(self, conn: Connection) -> None:
        lost = asyncio.Event()

        def told(*_: object) -> None:
            self._told.set()

        def ended(*_: object) -> None:
            lost.set()

        await conn.add_listener(PLANNED, told)
        conn.add_termination_listener(ended)
        self._told.set()
        try:
            await lost.wait()
        finally:
            if not is_gone(conn):
                conn.remove_termination_listener(ended)
                await conn.remove_listener(PLANNED, told)
