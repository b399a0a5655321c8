"""What events make of an order, pure: in any sequence, in one batch or in many, however often they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from unisono.commerce.orders.arriving.reading import Line, Told

FIELDS: Final = ("total", "subtotal", "discount", "shipping", "tax", "store_id", "coupons", "lines")
"""What an event may say of an order's content. Each is what the event that happened last says of it."""


class Arrival:
    """An order as it is in the database, or new, and what this batch tells of it."""

    __slots__ = (
        "cancelled",
        "changed",
        "currency",
        "fresh",
        "id",
        "kind",
        "lines",
        "notes",
        "paid",
        "placed_at",
        "placer",
        "returns",
        "row",
        "said",
        "said_at",
        "source",
        "source_order_id",
        "teller",
        "told_at",
        "version",
    )

    def __init__(self, source: str, source_order_id: str, row: Mapping[str, Any] | None = None) -> None:
        self.source = source
        self.source_order_id = source_order_id
        self.row = row
        self.fresh = self.changed = row is None
        self.id: int = row["id"] if row else 0
        self.version: int = row["version"] if row else 0
        self.teller: Told | None = None
        """The first event of the batch that tells of it."""
        self.placer: Told | None = None
        """The event of the batch that placed it: the order is under its identifier and of its channel."""
        self.kind: str = row["kind"] if row else "sale"
        self.currency: str = row["currency"] if row else ""
        self.paid = row is not None and row["payment_status"] not in ("unpaid", "voided")
        self.cancelled = row is not None and row["status"] == "cancelled"
        self.placed_at: datetime | None = row["placed_at"] if row else None
        self.told_at: datetime | None = row["source_updated_at"] if row else None
        self.said: dict[str, Any] = _said(row) if row else {}
        self.said_at: dict[str, datetime] = _said_at(row, self.said) if row else {}
        self.lines: tuple[Line, ...] | None = None
        """Lines to write in place of those there are; None: as they are."""
        self.notes: list[Told] = []
        """What goes into the order's history."""
        self.returns: list[Told] = []

    def tell(self, told: Told) -> None:
        """Take in one event."""
        if self.teller is None:
            self.teller = told
        if not self.currency:
            self.currency = told.currency
        if told.what == "returned":
            self.returns.append(told)
        elif told.what == "refunded":
            self.notes.append(told)
        elif told.what == "cancelled":
            if not self.cancelled:
                self.cancelled = self.changed = True
                self.notes.append(told)
            self._content(told, gaps=True)
        else:
            self._placed(told)
            if self._content(told, gaps=False) or (self.fresh and not self.notes):
                self.notes.append(told)
                self.changed = True

    def _placed(self, told: Told) -> None:
        if told.what == "updated":
            if not self.paid and (self.placed_at is None or told.at < self.placed_at):
                self.placed_at = told.at
            return
        if told.what == "receipt":
            self.kind = "receipt"
        if not self.paid or self.placed_at is None or told.at < self.placed_at:
            self.placed_at, self.placer = told.at, told
            self.paid = self.changed = True

    def _content(self, told: Told, *, gaps: bool) -> bool:
        """Take over what happened last; with ``gaps`` only what nobody has said. Whether anything was."""
        taken = False
        for name in FIELDS:
            value = getattr(told, name)
            if value is None or value == ():
                continue
            before = self.said_at.get(name)
            # Told again at the same instant it is the same; only a change says something new then.
            newer = before is None or (not gaps and (told.at, told.what == "updated") > (before, False))
            if not newer:
                continue
            self.said[name], self.said_at[name] = value, told.at
            taken = True
            if name == "lines":
                self.lines = value
            elif name == "total":
                self.currency = told.currency
        if taken and (self.told_at is None or told.at > self.told_at):
            self.told_at = told.at
        self.changed = self.changed or taken
        return taken

    @property
    def without_lines(self) -> bool:
        """Whether nobody told its lines before: it is new, or only what came back of it was heard of."""
        return self.row is None or not self.row["has_lines"]

    @property
    def owner(self) -> Told | None:
        """Whose identifier and channel a new order has."""
        return self.placer or self.teller

    @property
    def quote(self) -> str:
        """When each part was said, as JSON; nothing where all was said at once."""
        if all(at == self.told_at for at in self.said_at.values()):
            return "{}"
        return msgspec.json.encode({"said_at": self.said_at}).decode()

    @property
    def store_id(self) -> str | None:
        """Where it was bought."""
        return self.said.get("store_id")

    @property
    def coupons(self) -> tuple[str, ...]:
        """The coupons named."""
        return tuple(self.said.get("coupons", ()))

    @property
    def status(self) -> str:
        """Where the order stands."""
        if self.cancelled:
            return "cancelled"
        if self.row is not None and self.row["status"] == "returned":
            return "returned"
        return "completed" if self.paid else "open"

    @property
    def payment_status(self) -> str:
        """Whether it is paid, refunds aside."""
        if self.cancelled and not self.paid:
            return "voided"
        return "paid" if self.paid else "unpaid"

    def amounts(self) -> tuple[int, int, int, int, int]:
        """Subtotal, discount, shipping, tax, total: as told, the rest from the lines."""
        lines: Sequence[Line] = self.lines or ()
        gross = sum([line.quantity * line.unit for line in lines])
        net = sum([line.total for line in lines])
        shipping, tax = self.said.get("shipping", 0), self.said.get("tax", 0)
        total = self._sum("total", net + shipping)
        subtotal = self._sum("subtotal", gross if lines else total - shipping)
        return subtotal, self._sum("discount", gross - net), shipping, tax, total

    def _sum(self, name: str, reckoned: int) -> int:
        """A sum as it was told, unless the lines are newer: then it is theirs."""
        at = self.said_at.get(name)
        stale = at is None or (self.lines is not None and at < self.said_at["lines"])
        return reckoned if stale else int(self.said[name])

    @property
    def tax_included(self) -> bool:
        """Whether the prices hold the tax: they do unless the sums say that it came on top."""
        subtotal, discount, shipping, tax, total = self.amounts()
        return not (tax and subtotal - discount + shipping + tax == total)


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the order in the database has of each part; what is nothing was never said."""
    said = {
        "total": row["total_minor"],
        "subtotal": row["subtotal_minor"],
        "discount": row["discount_minor"],
        "shipping": row["shipping_minor"],
        "tax": row["tax_minor"],
        "store_id": row["store_id"],
        "coupons": tuple(row["coupons"]),
        "lines": row["has_lines"],
    }
    return {name: value for name, value in said.items() if value}


def _said_at(row: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, datetime]:
    times = msgspec.json.decode(row["quote"]).get("said_at")
    if times is not None:
        return msgspec.convert(times, dict[str, datetime])
    return {} if row["source_updated_at"] is None else dict.fromkeys(said, row["source_updated_at"])


def fold(told: Sequence[Told], known: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[Arrival]:
    """The orders these events tell of, by source and id, each after all of them."""
    arrivals: dict[tuple[str, str], Arrival] = {}
    for one in told:
        key = (one.source, one.source_order_id)
        arrival = arrivals.get(key)
        if arrival is None:
            arrival = arrivals[key] = Arrival(*key, known.get(key))
        arrival.tell(one)
    return [arrivals[key] for key in sorted(arrivals)]
