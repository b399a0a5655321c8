"""What can go wrong with stock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unisono.kit.errors import BadRequest, Conflict, NotFound


class LocationUnknown(NotFound):
    """There is no such place, or it is closed for good."""

    code = "location_unknown"


class BadLocation(BadRequest):
    """A place cannot be kept as it is given."""

    code = "bad_location"


class BadStock(BadRequest):
    """A movement or need cannot be: no units, too many, a kit where its parts are meant."""

    code = "bad_stock"


class NotEnough(Conflict):
    """Too few units can be promised. ``lines`` tells of each: sku, asked, available, location."""

    code = "not_enough_stock"

    def __init__(self, lines: Sequence[dict[str, Any]]) -> None:
        first = lines[0]
        super().__init__(
            f"{first['asked']} of {first['sku']} are wanted from {first['location']}: {first['available']} can be had.",
            lines=list(lines),
        )
        self.lines = tuple(lines)


class RiskUnknown(NotFound):
    """There is no such promise at risk, or it is settled."""

    code = "risk_unknown"
