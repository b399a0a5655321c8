"""What something costs: a pure function of stored facts, and the tax inside an amount."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from unisono.commerce.pricing.model import Announced, Fact, PriceAnswer, PriceList

EVER = datetime.min.replace(tzinfo=UTC)
"""When what has no beginning began."""


class Tax(NamedTuple):
    """An amount taken apart; ``net + tax == gross``, all minor units."""

    net: int
    tax: int
    gross: int


def split_tax(amount_minor: int, rate_bp: int, *, included: bool) -> Tax:
    """The tax in (or on top of) an amount of either sign, at ``rate_bp`` hundredths of a percent.

    The tax is rounded to the minor unit, half away from zero (Directive 2006/112/EC leaves the method to the member
    states; arithmetical rounding is the rule in Italy, D.P.R. 633/1972 art. 21); the rest is the net amount, so the
    parts add up. Split a line's total, not a unit: 3 x 0.99 at 22 % is 2.43 + 0.54.
    """
    if amount_minor < 0:
        return Tax(*(-part for part in split_tax(-amount_minor, rate_bp, included=included)))
    whole = 10_000 + rate_bp if included else 10_000
    tax = (2 * amount_minor * rate_bp + whole) // (2 * whole)
    return Tax(amount_minor - tax, tax, amount_minor) if included else Tax(amount_minor, tax, amount_minor + tax)


def serves(price_list: PriceList, *, channel: str | None, store_id: str | None, audiences: Collection[str]) -> bool:
    """Whether a list is for this place and these audiences, whatever the time."""
    return (
        price_list.channel in (None, channel)
        and price_list.store_id in (None, store_id)
        and (price_list.audience is None or price_list.audience in audiences)
    )


def fact_at(facts: Iterable[Fact], at: datetime) -> Fact | None:
    """Of one list's facts for one variant the one that counts: the latest begun, then the latest written."""
    return max((fact for fact in facts if fact.holds(at)), key=lambda fact: (fact.starts_at, fact.id), default=None)


def strength(price_list: PriceList) -> tuple[int, bool, bool, bool, datetime, int]:
    """Which of several lists counts: priority; then an audience before a store before a channel; then the later."""
    return (
        price_list.priority,
        price_list.audience is not None,
        price_list.store_id is not None,
        price_list.channel is not None,
        price_list.starts_at or EVER,
        price_list.id,
    )


def price_at(
    facts: Iterable[Fact],
    lists: Iterable[PriceList],
    *,
    channel: str | None,
    store_id: str | None,
    audiences: Collection[str],
    currency: str,
    at: datetime,
    tax_rate_bp: int = 0,
    announced: Iterable[Announced] = (),
) -> PriceAnswer | None:
    """What one variant costs at a place, for somebody of some audiences, at an instant; None without a price.

    ``facts`` and ``announced`` are those of one variant. Of the lists that serve and are open, the strongest counts;
    a list without a price (no fact, or one of None) is no choice. Two callers with the same facts get one answer.
    """
    of_list: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts:
        of_list[fact.price_list_id].append(fact)
    told = list(announced)
    edges: list[datetime | None] = []
    best: tuple[PriceList, Fact, Announced | None] | None = None
    for each in lists:
        over = each.over_at
        if each.currency != currency or (over is not None and over <= at):
            continue
        if not serves(each, channel=channel, store_id=store_id, audiences=audiences):
            continue
        own = of_list.get(each.id, [])
        holding = fact_at(own, at)
        ahead = [one.starts_at for one in own if one.starts_at > at]
        if holding is None and not ahead:
            continue
        shown = announced_at(told, holding, at) if holding else None
        edges += [each.starts_at, over, holding.ends_at if holding else None, shown.over_at if shown else None, *ahead]
        edges += [one.starts_at for one in told if one.price_list_id == each.id and one.live(one.starts_at)]
        if holding is None or holding.amount_minor is None or (each.starts_at or EVER) > at:
            continue
        if best is None or strength(each) > strength(best[0]):
            best = each, holding, shown
    if best is None:
        return None
    chosen, fact, reduced = best
    assert fact.amount_minor is not None
    return PriceAnswer(
        variant_id=fact.variant_id,
        amount_minor=fact.amount_minor,
        currency=chosen.currency,
        tax_included=chosen.tax_included,
        tax_rate_bp=tax_rate_bp,
        price_list=chosen.code,
        reduction=reduced.reduction if reduced else None,
        next_change_at=min((edge for edge in edges if edge is not None and edge > at), default=None),
    )


def announced_at(announced: Iterable[Announced], fact: Fact, at: datetime) -> Announced | None:
    """The reduction to show beside a price: announced in its list, live, and for just this amount.

    Somebody who pays another price, lower or higher, is shown none: its percentage would not be true.
    """
    told = [
        one
        for one in announced
        if one.price_list_id == fact.price_list_id and one.new_minor == fact.amount_minor and one.live(at)
    ]
    return max(told, key=lambda one: (one.starts_at, one.id), default=None)
