"""What the channel API speaks of."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from unisono.commerce.orders.model import Checkout, CheckoutLine
from unisono.commerce.promotions.model import Quote
from unisono.kit.reasons import told


class Customer(NamedTuple):
    """For whom a channel asks."""

    node_id: int
    """The identifier he came with: what he does is written under it."""
    person_id: int
    known: bool
    """Whether he has an identifier beyond a device."""


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """What comes from one place together, by sku."""

    kind: str
    location: str | None
    units: dict[str, int]


class Paying(msgspec.Struct, frozen=True, kw_only=True):
    """A basket being paid, as the buyer sees it: prices are frozen and goods are held until ``expires_at``."""

    id: str
    state: str
    expires_at: datetime
    order_number: str | None
    source_order_id: str
    currency: str
    lines: tuple[CheckoutLine, ...]
    """Gifts of promotions come last."""
    offer: Quote
    portions: tuple[Portion, ...]
    ready_at: datetime | None
    """When an order made ahead is ready."""


def paying(checkout: Checkout, language: str, timezone: str) -> Paying:
    """A checkout in the buyer's words, without what the shop keeps of him."""
    frozen = checkout.quote
    return Paying(
        id=checkout.id,
        state=checkout.state,
        expires_at=checkout.expires_at,
        order_number=checkout.order_number,
        source_order_id=checkout.source_order_id,
        currency=frozen.offer.currency,
        lines=frozen.lines,
        offer=told(frozen.offer, language, timezone),
        portions=tuple(
            Portion(
                kind=batch.kind,
                location=batch.location,
                units={frozen.lines[position].sku: units for position, units in batch.quantities.items()},
            )
            for batch in frozen.batches
        ),
        ready_at=frozen.slot.ready_at if frozen.slot else None,
    )
