"""What an event shows, read from its properties; and whether it was right. Pure.

Names are those of the Segment e-commerce specification; availability is also read as schema.org writes it
(https://schema.org/ItemAvailability).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from unisono.commerce.coherence.model import IncidentKind, Key, Place, Showing
from unisono.customers.record import OURS
from unisono.customers.timeline.model import Event
from unisono.kit.money import MoneyError, to_minor

SHOW: Final = frozenset(
    {"Product Viewed", "Product Added", "Product List Viewed", "Cart Viewed", "Promotion Viewed", "Receipt Issued"}
)
"""Events that carry what a channel shows."""

GRACE: Final = timedelta(seconds=2)
"""Around a change both what was and what is are right: it takes a moment to reach every channel."""

FRESH: Final = timedelta(seconds=60)
"""An availability is compared with the present one, and only while its event is younger than this."""

OLDEST: Final = timedelta(days=30)
"""Events older than this are history that is being loaded: nobody can mend what was shown."""

RECEIPT_TOLERANCE: Final = 1
"""Minor units: a till divides a line by its pieces or its weight and rounds."""

_THERE: Final = frozenset(
    {"instock", "available", "limitedavailability", "instoreonly", "onlineonly", "lowstock", "yes", "true"}
)
_NOT_THERE: Final = frozenset({"outofstock", "soldout", "unavailable", "discontinued", "no", "false"})

MOST_LINES: Final = 200
"""Lines of one event that are looked at."""


def showings(event: Event, currency: str) -> Iterator[Showing]:
    """What an event shows; nothing for our own events and for those that show nothing."""
    if event.name not in SHOW or event.message_id.startswith(OURS):
        return
    properties = event.properties
    place = Place(event.channel, event.store_id or "")

    def showing(kind: IncidentKind, sku: str, shown: Any, unit: str = "", tolerance: int = 0) -> Showing:
        return Showing(Key(kind, sku, place), event.occurred_at, shown, unit, tolerance, event.node_id, event.id)

    lines = properties.get("products")
    parts: list[Mapping[str, Any]] = [properties]
    if isinstance(lines, list):
        parts += [line for line in lines[:MOST_LINES] if isinstance(line, dict)]
    tolerance = RECEIPT_TOLERANCE if event.name == "Receipt Issued" else 0
    for part in parts:
        for name in ("promotion_id", "coupon"):
            code = _text(part.get(name))
            if code:
                yield showing("offer", code, "coupon" if name == "coupon" else "promotion")
        sku = _text(part.get("sku")) or _text(part.get("product_id"))
        if not sku:
            continue
        unit = (_text(part.get("currency")) or _text(properties.get("currency")) or currency).upper()
        price = _minor(part.get("price"), unit)
        if price is not None:
            yield showing("price", sku, price, unit, tolerance)
        there = availability(part.get("availability", part.get("in_stock")))
        if there is not None:
            yield showing("availability", sku, there)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _minor(value: Any, currency: str) -> int | None:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        minor = to_minor(value, currency)
    except MoneyError:
        return None
    return minor if minor >= 0 else None


def availability(value: Any) -> bool | None:
    """Whether a property says that there is some; None when it does not say."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value > 0
    if not isinstance(value, str):
        return None
    word = value.rpartition("/")[2].lower().replace(" ", "").replace("_", "").replace("-", "")
    if word in _THERE:
        return True
    return False if word in _NOT_THERE else None


class Step(NamedTuple):
    """From an instant on: what it costs, None for no price."""

    since: datetime
    amount_minor: int | None
    known: bool = True


def right_prices(steps: Sequence[Step], at: datetime) -> list[int] | None:
    """The amounts that were right at an instant, give and take the grace; None when that is not known.

    ``steps`` in order of time, the first at or before ``at`` less the grace.
    """
    amounts: list[int] = []
    for number, step in enumerate(steps):
        over = steps[number + 1].since if number + 1 < len(steps) else None
        if step.since > at + GRACE or (over is not None and over <= at - GRACE):
            continue
        if not step.known or step.amount_minor is None:
            return None
        amounts.append(step.amount_minor)
    return amounts or None


class OfferState(NamedTuple):
    """What was told of an offer from an instant on."""

    since: datetime
    active: bool
    starts_at: datetime | None
    ends_at: datetime | None

    def live(self, at: datetime) -> bool:
        """Whether it could be shown at an instant."""
        return (
            self.active
            and (self.starts_at is None or self.starts_at <= at)
            and (self.ends_at is None or at < self.ends_at)
        )


def offer_right(states: Sequence[OfferState], at: datetime) -> bool:
    """Whether an offer was live at some moment of the grace around an instant; ``states`` in order of time.

    Before the first thing told of it there was no such offer.
    """
    for number, state in enumerate(states):
        over = states[number + 1].since if number + 1 < len(states) else None
        begins, ends = max(state.since, at - GRACE), at + GRACE if over is None else min(over, at + GRACE)
        if begins > ends:
            continue
        if any(
            state.live(moment) for moment in (begins, ends - timedelta(microseconds=1), *_edges(state, begins, ends))
        ):
            return True
    return False


def _edges(state: OfferState, begins: datetime, ends: datetime) -> list[datetime]:
    return [state.starts_at] if state.starts_at is not None and begins <= state.starts_at < ends else []
