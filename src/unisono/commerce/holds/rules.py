"""Who gets what: pure rules of promises. An instant ``expires_at <= now`` is dead, whoever has noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from unisono.commerce.holds.model import Ask, GoodState, HoldRequest, HoldState, Settlement, Shortage

MAX_QUANTITY: Final = 10**12
"""The most units of one ask: far above any shop's stock, far below what a bigint sum can overflow."""

MAX_ASKS: Final = 1_000
"""The most asks of one request."""

MAX_TEXT: Final = 200
"""The longest key, reason or reference, in characters."""

BECOMES: Final[Mapping[tuple[HoldState, Settlement], bool]] = {
    ("held", "committed"): True,
    ("held", "released"): True,
    ("committed", "consumed"): True,
    ("committed", "released"): True,
    ("committed", "committed"): False,
    ("consumed", "committed"): False,
    ("consumed", "consumed"): False,
    ("consumed", "released"): False,
    ("released", "released"): False,
    ("expired", "released"): False,
}
"""(what a hold is, what it is told to become): True moves it, False changes nothing and is fine (said twice, or too
late to matter); a pair that is not here is refused: the hold is dead, or was never committed."""


def alive(state: HoldState, expires_at: datetime | None, now: datetime) -> bool:
    """Whether a hold still promises something: not settled as gone, and not past its instant."""
    return state == "committed" or (state == "held" and (expires_at is None or expires_at > now))


def standing(state: HoldState, expires_at: datetime | None, now: datetime) -> HoldState:
    """What a hold is at an instant: one past its instant is expired, swept or not."""
    return "expired" if state == "held" and not alive(state, expires_at, now) else state


def available(capacity: int, held: int, committed: int) -> int:
    """Units that can still be promised; never negative, also where the till has sold what was promised."""
    return max(0, capacity - held - committed)


def decide(requests: Sequence[HoldRequest], free: Mapping[int, int]) -> list[tuple[Shortage, ...]]:
    """First come, first served: for each request in order, what is short (nothing: it is granted).

    ``free`` is what can be promised of each good before the first request. A request gets all it asks for or nothing,
    and nothing of a refused one is kept from the next.
    """
    left = dict(free)
    return [_grant(request.asks, left) for request in requests]


def _grant(asks: Sequence[Ask], left: dict[int, int]) -> tuple[Shortage, ...]:
    after: dict[int, int] = {}
    short: dict[int, Shortage] = {}
    for ask in asks:
        now_left = after.get(ask.good_id, left[ask.good_id])
        after[ask.good_id] = now_left - ask.quantity
        if now_left - ask.quantity < ask.leave:
            asked = sum(other.quantity for other in asks if other.good_id == ask.good_id)
            could = max(0, left[ask.good_id] - ask.leave)
            known = short.get(ask.good_id)
            short[ask.good_id] = Shortage(ask.good_id, asked, min(could, known.available) if known else could)
    if not short:
        left.update(after)
    return tuple(short.values())


def capacity_after(state: GoodState, by: int, *, overrule: bool) -> tuple[int, int, int] | None:
    """What a good's capacity becomes when units come or go: (capacity, units that were not on the books, promises put
    at risk). None when it would break promises and nobody overrules.

    Somebody who takes more than there is on the books has it in hand: what is missing was never booked.
    """
    if by >= 0:
        return state.capacity + by, 0, 0
    if -by <= state.available:
        return state.capacity + by, 0, 0
    if not overrule:
        return None
    after = max(0, state.capacity + by)
    promised = state.held_live + state.committed
    short_before = max(0, promised - state.capacity)
    return after, max(0, -(state.capacity + by)), max(0, promised - after) - short_before
