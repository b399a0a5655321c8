"""What can be wrong with prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unisono.kit.errors import BadRequest, Conflict, NotFound
from unisono.kit.reasons import Reason

MAX_PROBLEMS = 100
"""Problems told in one answer: whoever has more has one in all of them."""


class PriceListUnknown(NotFound):
    """There is no such price list."""

    code = "price_list_unknown"
    title = "No such price list"


class PriceListTaken(Conflict):
    """The code belongs to another price list."""

    code = "price_list_taken"
    title = "The code is taken"


class PriceListDisabled(Conflict):
    """The price list was switched off; it takes no more prices."""

    code = "price_list_disabled"
    title = "The price list is switched off"


class PricesNotValid(BadRequest):
    """Some prices cannot be set, so none is; ``problems`` says which and why, by their place in the request."""

    code = "prices_not_valid"
    title = "The prices are not valid"

    def __init__(self, problems: Sequence[tuple[int, str, Reason]]) -> None:
        codes = {reason.code for _, _, reason in problems}
        told: list[dict[str, Any]] = [
            {"place": place, "sku": sku[:100], "code": reason.code, "text": reason.text, "values": reason.values}
            for place, sku, reason in problems[:MAX_PROBLEMS]
        ]
        place, sku, reason = problems[0]
        super().__init__(
            f"{len(problems)} cannot be used; the first is number {place + 1}, sku {sku[:100]!r}: "
            f"{reason.text.format(**reason.values)}",
            code=codes.pop() if len(codes) == 1 else None,
            problems=told,
        )
