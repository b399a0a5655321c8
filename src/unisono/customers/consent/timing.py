"""What happens to a consent at an instant."""

from __future__ import annotations

from typing import ClassVar

from unisono.customers.consent import service
from unisono.customers.consent.ledger import EXPIRY, lock_persons_of, record
from unisono.customers.consent.model import NewEntry
from unisono.customers.timers.model import Timer, TimerHandler
from unisono.kit.database import Connection


class ConsentExpiry(TimerHandler):
    """A consent given for a time has ended: the ledger and the timeline say so. It was dead without this, too."""

    kind: ClassVar[str] = EXPIRY

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Only what is still granted, and whose time it is."""
        node = int(timer.payload["node_id"])
        await lock_persons_of(conn, [node])
        for state in (await service.states_of(conn, [node])).get(node, ()):
            named = (state.purpose, state.channel) == (timer.payload["purpose"], timer.payload["channel"])
            if not named or state.expires_at is None or state.expires_at > timer.now:
                continue
            ended = NewEntry(
                node_id=node,
                purpose=state.purpose,
                channel=state.channel,
                action="expired",
                basis=state.basis,
                key=f"expired:{state.entry_id}",
                source="expiry",
                actor="system",
                at=state.expires_at,
            )
            await record(conn, [ended], now=timer.now)
            return "expired"
        return "renewed or withdrawn"
