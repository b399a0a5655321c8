"""A change as it is written and as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Kind = Literal[
    "product", "price", "offer", "stock", "slot", "coupon", "budget", "cart", "order", "reservation", "points"
]


class NewChange(msgspec.Struct, frozen=True):
    """A thing that changed: ``subject`` is ``<kind>:<key>``, ``sequence`` its version after the change."""

    kind: Kind
    subject: str
    sequence: int
    data: Mapping[str, Any]
    node_id: int | None = None
