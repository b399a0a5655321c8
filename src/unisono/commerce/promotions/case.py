"""A basket prepared to be asked: lines in an order of their own, what matches a description, the local time."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from unisono.commerce.promotions.language import Lines
from unisono.commerce.promotions.model import Basket, BasketLine, UseState


def _place(line: BasketLine) -> tuple[str, int, int, int, str, tuple[str, ...], str]:
    # What a line is comes before what it is called: two baskets with the same goods are asked in the same order.
    return (line.sku, line.unit_minor, line.tax_rate_bp, line.quantity, line.brand or "", line.tags, line.line_id)


class Case:
    """A basket and what is left of limited promotions."""

    def __init__(self, basket: Basket, state: UseState) -> None:
        self.basket = basket
        self.state = state
        self.person = basket.person
        self.order = sorted(range(len(basket.lines)), key=lambda at: _place(basket.lines[at]))
        """For each of this case's lines, its place in the basket."""
        self.lines = tuple([basket.lines[at] for at in self.order])
        self.gross = [line.unit_minor * line.quantity for line in self.lines]
        self._everything = tuple(range(len(self.lines)))
        self._matching: dict[int, tuple[int, ...]] = {}

    @cached_property
    def local(self) -> datetime:
        """The instant of the basket on the clocks of its time zone."""
        return self.basket.at.astimezone(ZoneInfo(self.basket.timezone))

    def matching(self, wanted: Lines | None) -> tuple[int, ...]:
        """The places of the lines that fit, in this case's own order."""
        if wanted is None:
            return self._everything
        # Descriptions live as long as their promotions, which outlive the case: their identity is a safe key.
        found = self._matching.get(id(wanted))
        if found is None:
            found = tuple(at for at, line in enumerate(self.lines) if fits(line, wanted))
            self._matching[id(wanted)] = found
        return found

    def units(self, wanted: Lines | None) -> int:
        """How many units fit."""
        return sum(self.lines[at].quantity for at in self.matching(wanted))

    def amount(self, wanted: Lines | None) -> int:
        """What the lines that fit come to before promotions, in minor units."""
        return sum(self.gross[at] for at in self.matching(wanted))


def fits(line: BasketLine, wanted: Lines) -> bool:
    """Whether a line is one of those described."""
    if wanted.skus and line.sku not in wanted.skus:
        return False
    if wanted.products and line.product_code not in wanted.products:
        return False
    if wanted.categories and wanted.categories.isdisjoint(line.category_codes):
        return False
    if wanted.brands and line.brand not in wanted.brands:
        return False
    if wanted.tags and wanted.tags.isdisjoint(line.tags):
        return False
    if wanted.reduced is not None and wanted.reduced is not is_reduced(line):
        return False
    if wanted.unit_at_least_minor is not None and line.unit_minor < wanted.unit_at_least_minor:
        return False
    if wanted.unit_at_most_minor is not None and line.unit_minor > wanted.unit_at_most_minor:
        return False
    return wanted.but_not is None or not fits(line, wanted.but_not)


def is_reduced(line: BasketLine) -> bool:
    """Whether the price is a reduced one already, beside its prior price."""
    return line.prior_minor is not None and line.unit_minor < line.prior_minor
