"""Delivery's decisions, pure: what an answer of a provider means, when another try is due, when it is over.

RULES R3 and R10: what is unknown is not sent again, but once where the provider recognises a second try and the
message is transactional; what surely did not leave is tried again after 10 s to 300 s and given up after 3 attempts
and 180 minutes, not before both.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

import msgspec

from unisono.engagement.channels.model import Sent
from unisono.engagement.delivery import reasons
from unisono.engagement.delivery.model import Claimed, State
from unisono.kit.reasons import Reason

FIRST_PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 300.0
LEAST_ATTEMPTS: Final = 3
LEAST_AGE: Final = timedelta(minutes=180)

BELIEVED: Final = 3600.0
"""Seconds a provider's ``retry_after`` is believed at the most."""

JITTER: Final = 0.2

TROUBLE: Final = 5
"""Failures of an account in a row that open its circuit."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a message that was handed over."""

    state: State
    reason: Reason | None = None
    try_at: datetime | None = None
    release: bool = False
    """It surely did not reach the person: it weighs nothing."""


def pause_after(attempts: int) -> float:
    """Seconds to the next try after so many: 10, 20, 40, ... 300."""
    return min(FIRST_PAUSE * 2.0 ** min(max(attempts - 1, 0), 10), LONGEST_PAUSE)


def spread(seconds: float) -> float:
    """The same with jitter upwards: what failed together does not come back together."""
    return seconds * random.uniform(1.0, 1.0 + JITTER)


def hopeless(attempts: int, first_try_at: datetime, now: datetime) -> bool:
    """Whether to give up after so many tries."""
    return attempts >= LEAST_ATTEMPTS and now - first_try_at >= LEAST_AGE


def rest_after(failures: int) -> float:
    """Seconds an account is left alone after so many failures in a row; 0 while its circuit is closed."""
    return pause_after(failures - TROUBLE + 1) if failures >= TROUBLE else 0.0


def settle(claimed: Claimed, sent: Sent, *, idempotent: bool, others: bool, now: datetime) -> Settled:
    """What an answer means. ``others``: there are channels the message may still go by."""
    if sent.outcome == "accepted":
        return Settled(state="accepted")
    if sent.outcome == "unknown":
        return after_unknown(claimed.purpose, idempotent=idempotent, again=claimed.again, now=now)
    if claimed.again:
        # The first try may have arrived: that this one did not proves nothing, and there is no third.
        state: State = "unknown" if sent.outcome == "retry" else "refused"
        return Settled(state=state, reason=reasons.refused(sent.code, sent.detail))
    attempts = claimed.attempts + 1
    if sent.outcome == "retry" and not hopeless(attempts, claimed.first_try_at or now, now):
        wait = max(spread(pause_after(attempts)), min(sent.retry_after or 0.0, BELIEVED))
        due = now + timedelta(seconds=wait)
        return Settled(state="planned", reason=reasons.again(sent.code, sent.detail, due), try_at=due, release=True)
    if others:
        reason = reasons.next_channel(claimed.channel, sent.detail or sent.code)
        return Settled(state="planned", reason=reason, try_at=now, release=True)
    if sent.outcome == "retry":
        return Settled(state="refused", reason=reasons.gave_up(attempts, sent.detail or sent.code), release=True)
    return Settled(state="refused", reason=reasons.refused(sent.code, sent.detail), release=True)


def after_unknown(purpose: str, *, idempotent: bool, again: bool, now: datetime) -> Settled:
    """A message of which nobody can say whether it left."""
    if purpose == "transactional" and idempotent and not again:
        return Settled(state="planned", reason=reasons.UNKNOWN_AGAIN, try_at=now)
    return Settled(state="unknown", reason=reasons.UNKNOWN)
