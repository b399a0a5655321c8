"""A change as it is written and as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, get_args
from urllib.parse import quote

import msgspec

from unisono.customers.timeline.model import Position

Kind = Literal[
    "product",
    "price",
    "offer",
    "stock",
    "slot",
    "coupon",
    "budget",
    "cart",
    "order",
    "reservation",
    "points",
    "incident",
]

KINDS: Final[tuple[str, ...]] = get_args(Kind)

OPEN_KINDS: Final = frozenset({"product", "price", "offer", "stock", "slot"})
"""What a customer may know though it is nobody's: the others are somebody's, or the company's alone."""

_READ_AGAIN: Final[Mapping[str, str]] = {
    "product": "/api/products/{key}",
    "price": "/api/prices?sku={key}",
    "offer": "/api/promotions/{key}",
    "stock": "/api/stock?sku={sku}&location={location}",
    "slot": "/api/slots?store_id={location}&kind={slot_kind}&resource={resource}&day={day}",
    "coupon": "/api/coupons/{key}",
    "budget": "/api/promotions/{promotion}",
    "cart": "/api/carts/{key}",
    "order": "/api/orders/{key}",
    "reservation": "/api/reservations/{key}",
    "incident": "/api/coherence/incidents/{key}",
}


class NewChange(msgspec.Struct, frozen=True):
    """A thing that changed: ``subject`` is ``<kind>:<key>``, ``sequence`` its version after the change."""

    kind: Kind
    subject: str
    sequence: int
    data: Mapping[str, Any]
    node_id: int | None = None


class Change(msgspec.Struct, frozen=True):
    """A change as the feed, webhooks and pages see it."""

    txid: int
    id: int
    kind: str
    subject: str
    sequence: int
    at: datetime
    node_id: int | None
    data: dict[str, Any]

    @property
    def position(self) -> Position:
        """Where it stands in the log of changes."""
        return Position(self.txid, self.id)

    @property
    def sku(self) -> str | None:
        """The sku it is about, where it is about one."""
        return _parts(self.subject)["sku"] or _text(self.data.get("sku"))

    @property
    def location(self) -> str | None:
        """The code of the place it is about, where it is about one."""
        parts = _parts(self.subject)
        return parts["location"] or _text(self.data.get("location")) or _text(self.data.get("store_id"))


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes a listener wants; empty means all."""

    kinds: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    """Of `Change.sku`: prices and stock of these."""
    locations: tuple[str, ...] = ()
    nodes: frozenset[int] | None = None
    """Identifiers of whom it listens for: of carts, orders and the like only those of the persons they belong to at
    the moment of telling, and of the rest only `OPEN_KINDS`. None: everybody's, and everything."""

    @property
    def anchors(self) -> frozenset[int] | None:
        """The nodes, as those who listen to a log name persons."""
        return self.nodes

    def takes(self, change: Change, /) -> bool:
        """Whether the change is wanted, its person aside."""
        return (
            (not self.kinds or change.kind in self.kinds)
            and (not self.subjects or change.subject in self.subjects)
            and (not self.skus or change.sku in self.skus)
            and (not self.locations or change.location in self.locations)
            and (self.nodes is None or change.node_id is not None or change.kind in OPEN_KINDS)
        )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


_Part = Literal["key", "sku", "location", "slot_kind", "resource", "day", "promotion"]


def _parts(subject: str) -> dict[_Part, str]:
    """The key of a subject and what it names: ``stock:<sku>@<location>`` names both, a slot its place, kind, resource
    and day, a budget its promotion. What it does not name is empty."""
    kind, _, key = subject.partition(":")
    parts: dict[_Part, str] = {
        "key": key,
        "sku": "",
        "location": "",
        "slot_kind": "",
        "resource": "",
        "day": "",
        "promotion": key.partition("/")[0],
    }
    if kind == "price":
        parts["sku"] = key
    elif kind == "stock":
        parts["sku"], _, parts["location"] = key.rpartition("@")
    elif kind == "slot":
        parts["location"], parts["slot_kind"], parts["resource"], at = (*key.split("/", 3), "", "", "", "")[:4]
        parts["day"] = at[:10]
    return parts


def read_again(subject: str) -> str | None:
    """Where the present state of a subject is read; None where no single thing has it."""
    template = _READ_AGAIN.get(subject.partition(":")[0])
    if template is None:
        return None
    return template.format_map({name: quote(value, safe="") for name, value in _parts(subject).items()})
