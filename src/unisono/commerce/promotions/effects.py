"""What each effect does to a basket. Pure but for the work it is given to work on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from unisono.commerce.promotions import language as say
from unisono.commerce.promotions import wording
from unisono.commerce.promotions.case import Case
from unisono.commerce.promotions.drawing import Deal, Want
from unisono.commerce.promotions.model import GivenGift, Promotion
from unisono.commerce.promotions.work import WHOLE, Pool, Work, per_unit, percent_of
from unisono.kit.allocation import largest_remainder
from unisono.kit.reasons import Reason


class Outcome(NamedTuple):
    """What came of an effect, or of all effects of a promotion."""

    goods: int = 0
    """Taken off goods, minor units."""
    shipping: int = 0
    gifts: tuple[GivenGift, ...] = ()
    points_factor: int = WHOLE
    points_bonus: int = 0
    problems: tuple[Reason, ...] = ()
    """Why it did nothing, or not all it would."""

    @property
    def amount(self) -> int:
        """All the money it saves."""
        return self.goods + self.shipping

    @property
    def extras(self) -> int:
        """What it gives that is no money, counted."""
        return len(self.gifts) + (self.points_factor > WHOLE) + (self.points_bonus > 0)

    @property
    def counts(self) -> bool:
        """Whether it does anything."""
        return self.amount > 0 or self.extras > 0


def apply(promotion: Promotion, case: Case, work: Work) -> Outcome:
    """Let a promotion work; what it does to ``work`` counts only when the outcome does."""
    outcomes = [_APPLY[type(effect)](effect, promotion.code, case, work) for effect in promotion.effects]
    if len(outcomes) == 1:
        return outcomes[0]
    factor = WHOLE
    for outcome in outcomes:
        factor = factor * outcome.points_factor // WHOLE
    return Outcome(
        sum(outcome.goods for outcome in outcomes),
        sum(outcome.shipping for outcome in outcomes),
        tuple(gift for outcome in outcomes for gift in outcome.gifts),
        factor,
        sum(outcome.points_bonus for outcome in outcomes),
        tuple(problem for outcome in outcomes for problem in outcome.problems),
    )


def _failed(*problems: Reason) -> Outcome:
    return Outcome(problems=problems)


def _taken(amount: int) -> Outcome:
    return Outcome(amount) if amount else _failed(wording.nothing_left())


def _percent_off(effect: say.PercentOff, code: str, case: Case, work: Work) -> Outcome:
    pools = work.of(case.matching(effect.lines))
    if not pools:
        return _failed(wording.no_goods(effect.lines))
    cap = effect.cap_minor
    if effect.level == "order":
        amount = percent_of(sum(pool.left for pool in pools), effect.percent_bp)
        return _taken(work.spread(code, pools, amount if cap is None else min(amount, cap)))
    amounts = [per_unit(pool, effect.percent_bp) for pool in pools]
    if cap is not None and sum(amounts) > cap:
        amounts = largest_remainder(cap, amounts)
    return _taken(work.take(code, pools, amounts))


def _amount_off(effect: say.AmountOff, code: str, case: Case, work: Work) -> Outcome:
    pools = work.of(case.matching(effect.lines))
    if not pools:
        return _failed(wording.no_goods(effect.lines))
    if effect.level == "order":
        return _taken(work.spread(code, pools, effect.amount_minor))
    return _taken(work.take(code, pools, [min(pool.left, effect.amount_minor * pool.units) for pool in pools]))


def _open(work: Work, places: Sequence[int]) -> list[Pool]:
    return [pool for pool in work.of(places) if not pool.claimed]


def _fixed_price(effect: say.FixedPrice, code: str, case: Case, work: Work) -> Outcome:
    places = case.matching(effect.lines)
    if not places:
        return _failed(wording.no_goods(effect.lines))
    pools = _open(work, places)
    return _taken(work.take(code, pools, [max(0, pool.left - effect.price_minor * pool.units) for pool in pools]))


class _Part(NamedTuple):
    lines: say.Lines | None
    quantity: int
    cheapest: bool


def _wants(parts: Sequence[_Part], case: Case, pools: Sequence[Pool]) -> list[Want]:
    """What each part of a deal may draw from: cheapest or dearest first, among equals in the case's order."""
    price = [pool.left / pool.units for pool in pools]
    wants = []
    for part in parts:
        places = set(case.matching(part.lines))
        sign = 1 if part.cheapest else -1
        serving = [at for at, pool in enumerate(pools) if pool.at in places]
        wants.append(Want(sorted(serving, key=lambda at: (sign * price[at], at)), part.quantity))
    return wants


def _shortage(parts: Sequence[_Part], case: Case) -> Outcome:
    """Why a deal is not possible even once: units that are not there, or that count for another deal."""
    supply = [line.quantity for line in case.lines]
    wants = [Want(case.matching(part.lines), part.quantity) for part in parts]
    short = [
        wording.units_missing(want.quantity - found, part.lines)
        for part, want in zip(parts, wants, strict=True)
        if (found := sum(supply[at] for at in want.pools)) < want.quantity
    ]
    together = sum(want.quantity for want in wants) - sum(supply[at] for at in {at for w in wants for at in w.pools})
    if len({id(part.lines) for part in parts}) == 1 and together > 0:
        short = [wording.units_missing(together, parts[0].lines)]
    elif not short and not Deal(supply, wants).times:
        short = [wording.units_missing(max(together, 1), None)]
    return _failed(*short) if short else _failed(wording.units_taken())


def _deal(parts: Sequence[_Part], case: Case, work: Work, limit: int | None) -> tuple[list[Pool], Deal, int]:
    """The open pools it may draw from, and how often it is possible."""
    places = sorted({at for part in parts for at in case.matching(part.lines)})
    pools = _open(work, places)
    deal = Deal([pool.units for pool in pools], _wants(parts, case, pools))
    return pools, deal, deal.times if limit is None else min(deal.times, limit)


def _buy_get(effect: say.BuyGet, code: str, case: Case, work: Work) -> Outcome:
    get_lines = effect.buy if effect.get is None else effect.get
    parts = [_Part(get_lines, effect.get_quantity, True), _Part(effect.buy, effect.buy_quantity, False)]
    pools, deal, often = _deal(parts, case, work, effect.max_times)
    if not often:
        return _shortage(parts, case)
    got, bought = deal.draw(often)
    cheaper = [work.claim(pools[at], units) for at, units in got]
    for at, units in bought:
        work.claim(pools[at], units)
    return _taken(work.take(code, cheaper, [per_unit(pool, effect.percent_bp) for pool in cheaper]))


def _value(pools: Sequence[Pool], deal: Deal, often: int) -> float:
    return sum(pools[at].left * units / pools[at].units for part in deal.draw(often) for at, units in part)


def _bundle(effect: say.Bundle, code: str, case: Case, work: Work) -> Outcome:
    parts = [_Part(item.lines, item.quantity, False) for item in effect.items]
    pools, deal, often = _deal(parts, case, work, effect.max_times)
    if not often:
        return _shortage(parts, case)
    # The dearest units come first, so each further bundle saves less; the search ends before one that would cost.
    least, most = 1, often
    while least < most:
        middle = (least + most) // 2
        if _value(pools, deal, middle + 1) - _value(pools, deal, middle) > effect.price_minor:
            least = middle + 1
        else:
            most = middle
    claimed = [work.claim(pools[at], units) for part in deal.draw(least) for at, units in part]
    saving = sum(pool.left for pool in claimed) - least * effect.price_minor
    return _taken(work.spread(code, claimed, max(0, saving)))


def _gift(effect: say.Gift, code: str, case: Case, work: Work) -> Outcome:
    if effect.sku in case.state.out_of_stock:
        return _failed(wording.gift_out_of_stock(effect.sku))
    return Outcome(gifts=(GivenGift(effect.sku, effect.quantity),))


def _shipping_off(effect: say.ShippingOff, code: str, case: Case, work: Work) -> Outcome:
    saved = work.shipping if effect.amount_minor is None else min(work.shipping, effect.amount_minor)
    if not saved:
        return _failed(wording.no_shipping())
    work.shipping -= saved
    return Outcome(shipping=saved)


def _points(effect: say.MorePoints, code: str, case: Case, work: Work) -> Outcome:
    return Outcome(points_factor=effect.factor_bp, points_bonus=effect.bonus)


_APPLY: dict[type[Any], Callable[[Any, str, Case, Work], Outcome]] = {
    say.PercentOff: _percent_off,
    say.AmountOff: _amount_off,
    say.FixedPrice: _fixed_price,
    say.BuyGet: _buy_get,
    say.Bundle: _bundle,
    say.Gift: _gift,
    say.ShippingOff: _shipping_off,
    say.MorePoints: _points,
}

ORDER = (
    say.FixedPrice,
    say.Bundle,
    say.BuyGet,
    say.PercentOff,
    say.AmountOff,
    say.ShippingOff,
    say.Gift,
    say.MorePoints,
)
"""At one level and priority: prices first, then deals on units, percentages, amounts. Percentages before amounts
because what a name or the order of entry decides would be chance."""


def place_of(promotion: Promotion) -> tuple[bool, int, int, str]:
    """When a promotion works among others: by level, priority, kind of effect, code."""
    first = min(ORDER.index(type(effect)) for effect in promotion.effects)
    return (promotion.level == "order", -promotion.priority, first, promotion.code)
