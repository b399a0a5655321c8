"""The reader that compares what channels show with the truth, and the timer that closes what is mended."""

from __future__ import annotations

from collections.abc import Sequence

from unisono.commerce.coherence import service
from unisono.commerce.coherence.model import Place, Showing
from unisono.commerce.coherence.rules import OLDEST, SHOW, showings
from unisono.commerce.coherence.truth import judge
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timers.model import Timer, TimerHandler
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection


class CoherenceReader(LogReader):
    """Compares every price, offer and availability an event carries with what was true as it happened."""

    name = "coherence"
    linger = 0.5
    wakes = True

    def __init__(self, currency: str, *, clock: Clock = system_clock) -> None:
        self._currency = currency
        self._clock = clock

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Compare and report: a look-up a place, whatever the number of events; three statements if all is unknown."""
        now = self._clock()
        oldest = now - OLDEST
        shown = [
            showing
            for event in events
            if event.name in SHOW and event.occurred_at >= oldest
            for showing in showings(event, self._currency)
        ]
        if shown:
            shown = await self._placed(conn, shown)
            await service.report(conn, await judge(conn, shown, now=now))

    async def _placed(self, conn: Connection, shown: list[Showing]) -> list[Showing]:
        """A store we do not have is no place: what anybody may claim makes no rows of its own."""
        stores = {one.key.place.store_id for one in shown} - {""}
        unknown = stores - await service.known_places(conn, sorted(stores))
        if not unknown:
            return shown
        return [
            one._replace(key=one.key._replace(place=Place(one.key.place.channel, "")))
            if one.key.place.store_id in unknown
            else one
            for one in shown
        ]


class CloseWhenQuiet(TimerHandler):
    """A day after an incident was last seen: closed if the channel shows it rightly now."""

    kind = service.CLOSE_TIMER

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Close it, or look again later."""
        return await service.close_when_quiet(conn, int(timer.payload["incident"]), now=timer.now)
