"""What can be wrong with prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from unisono.commerce.pricing.model import Evidence
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
        self.found = list(problems)
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


class DiscountNotHonest(Conflict):
    """A reduction is none: its price is not below the prior price, or there is no prior price.

    ``refused`` carries the evidence for each: the window, the lowest price, where and when it was asked. Source:
    Directive 98/6/EC art. 6a, in Italy Codice del Consumo art. 17-bis.
    """

    code = "discount_not_honest"
    title = "The reduction is not true"

    def __init__(self, refused: Sequence[Evidence]) -> None:
        first = refused[0]
        days = f"from {first.window.first_day} to {first.window.last_day}"
        told = (
            f"in the time that counts ({days}) it had no price"
            if first.prior_minor is None
            else f"its prior price ({days}) is {first.prior_minor} {first.currency} minor units, "
            f"not above {first.new_minor}"
        )
        super().__init__(
            f"{len(refused)} cannot be announced; the first is sku {first.sku!r}: {told}.",
            hint="Set a price without announcing it as a reduction, or announce a lower one.",
            refused=msgspec.to_builtins(list(refused[:MAX_PROBLEMS])),
        )


class WithoutEffect(Conflict):
    """The announced price would not be what customers pay: a stronger list, or the list's period, says otherwise."""

    code = "announcement_without_effect"
    title = "Nobody would pay the announced price"


class AnnouncementUnknown(NotFound):
    """There is no such announcement."""

    code = "announcement_unknown"
    title = "No such announcement"


class AnnouncementOver(Conflict):
    """The reduction has ended; there is nothing to withdraw."""

    code = "announcement_over"
    title = "The reduction has ended"
