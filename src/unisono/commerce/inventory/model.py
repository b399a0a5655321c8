"""Places, stock, movements and plans, as they are kept and asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from unisono.kit.reasons import Reason

MAX_UNITS: Final = 99_999_999
"""Units of one line of stock: more is a slip of the finger, or a barcode in the wrong field."""

LocationKind = Literal["store", "warehouse", "partner"]
StockState = Literal["on_hand", "damaged", "incoming"]
Condition = Literal["sellable", "damaged"]

Opening: TypeAlias = dict[str, list[list[str]]]
"""Weekday (``mon`` … ``sun``) or date (``2026-12-25``) to spans of local time: ``[["09:00", "13:00"]]``."""


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place that has stock. ``code`` is the ``store_id`` of events."""

    code: str
    name: str
    kind: LocationKind
    timezone: str
    opening: Opening = {}
    address: dict[str, Any] = {}
    latitude: float | None = None
    longitude: float | None = None
    ships: bool = False
    """Parcels leave from here."""
    picks_up: bool = True
    """Customers collect here."""
    closed_at: datetime | None = None
    """From then on it promises nothing any more."""


class OpenState(msgspec.Struct, frozen=True):
    """Whether a place is open at an instant, until when, and when it opens next."""

    open: bool
    closes_at: datetime | None
    next_opening: datetime | None
    today: list[list[str]]
    """The spans of the local day."""


class StockNeed(NamedTuple):
    """So many units of a variant wanted from a place."""

    variant_id: int
    location_code: str
    quantity: int


class StockLine(NamedTuple):
    """So many units of a variant that come to a place, leave it or are counted there."""

    variant_id: int
    location_code: str
    quantity: int


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a place can promise of a variant."""

    location_code: str
    name: str
    kind: LocationKind
    available: int
    """Units that can be promised in the channel asked for; in remote ones the safety stock is left out."""
    on_hand: int | None = None
    """Units there, promised ones too: told to the store and to service only; None for kits, which lie in parts."""
    distance_km: float | None = None
    ships: bool = False
    picks_up: bool = True
    incoming: int = 0
    incoming_at: datetime | None = None


class TillSale(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt, for its stock: (variant id, units) of each line. ``reference`` tells it from every other."""

    location_code: str
    lines: tuple[tuple[int, int], ...]
    reference: str
    occurred_at: datetime


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """What receipts did to the stock, in units."""

    moved: int
    """Taken off the shelf."""
    found: int
    """Of these, sold though they were not on the books."""
    at_risk: int
    """Promised to others before."""
    counted_since: int
    """Not moved: the shelf was counted after the sale, so the count knows."""
    unknown: int
    """Not moved: no stock is kept of it there."""


class StockRow(msgspec.Struct, frozen=True, kw_only=True):
    """The stock of a variant in a place, in all its states (units)."""

    good_id: int
    variant_id: int
    sku: str
    name: str
    location: str
    location_name: str
    on_hand: int
    held: int
    committed: int
    at_risk: int
    available: int
    """On hand, neither held nor committed: what the store itself can sell."""
    safety: int
    promisable: int
    """What remote channels can promise: available less safety."""
    incoming: int
    incoming_at: datetime | None
    damaged: int
    low_at: int | None
    low_since: datetime | None
    counted_at: datetime | None
    version: int
    """Sequence of ``stock:<sku>@<location>`` on the change feed."""


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """Why units came or went."""

    id: int
    at: datetime
    sku: str
    location: str
    state: StockState
    quantity: int
    reason: str
    reference: str | None
    actor: str
    note: str | None


class StockPromise(msgspec.Struct, frozen=True, kw_only=True):
    """A living promise of units: held until an instant, or firm."""

    id: str
    sku: str
    location: str
    quantity: int
    state: str
    reason: str
    reference: str | None
    node_id: int | None
    taken_at: datetime
    expires_at: datetime | None


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """Promises the till has put in danger: a task until somebody settles it."""

    id: int
    at: datetime
    sku: str
    name: str
    location: str
    quantity: int
    still_at_risk: int
    """Units of the good promised beyond what is there, now."""
    reason: str
    reference: str | None
    actor: str
    settled_at: datetime | None
    settled_by: str | None
    outcome: str | None


class Need(NamedTuple):
    """So many units of a variant, from wherever."""

    variant_id: int
    quantity: int


class StockAt(msgspec.Struct, frozen=True, kw_only=True):
    """What a place can promise of a variant, as the allocation rule wants it."""

    variant_id: int
    location_code: str
    name: str
    available: int
    kind: LocationKind = "store"
    ships: bool = True
    picks_up: bool = True
    distance_km: float | None = None


class Ship(msgspec.Struct, frozen=True, tag="ship"):
    """To the customer's door; parcels may leave from several places."""


class Pickup(msgspec.Struct, frozen=True, tag="pickup"):
    """Collected in a place. With ``transfer`` what is missing there is brought from elsewhere first."""

    location: str
    transfer: bool = False


Mode: TypeAlias = Ship | Pickup


class Parcel(msgspec.Struct, frozen=True):
    """What one place gives."""

    location_code: str
    lines: tuple[Need, ...]


class Plan(msgspec.Struct, frozen=True):
    """Where everything comes from: parcels to the customer, and for a pick-up what must be brought there before."""

    parcels: tuple[Parcel, ...]
    transfers: tuple[Parcel, ...] = ()


class NoPlan(msgspec.Struct, frozen=True):
    """Why it cannot be done, and what could be instead."""

    reasons: tuple[Reason, ...]
    pickup_at: tuple[str, ...] = ()
    """Places where all of it could be collected at once."""
    can_ship: bool = False
