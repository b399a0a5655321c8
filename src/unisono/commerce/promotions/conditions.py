"""Whether a condition holds, and why: pure functions of a case.

Amounts and units are those of the basket before any promotion, so what applies never depends on what else does.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Sequence
from datetime import date, time, timedelta
from typing import Any, NamedTuple

from unisono.commerce.promotions import language as say
from unisono.commerce.promotions import wording
from unisono.commerce.promotions.case import Case
from unisono.commerce.promotions.model import coupon_code
from unisono.kit.reasons import Reason

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Verdict(NamedTuple):
    """Whether it holds; why, or what is missing; the amount that is missing when an amount is."""

    met: bool
    reasons: tuple[Reason, ...]
    missing_minor: int | None = None


def judge(condition: say.Condition, case: Case) -> Verdict:
    """Whether ``condition`` holds of ``case``."""
    return _JUDGES[type(condition)](condition, case)


def _flat(verdicts: Iterable[Verdict]) -> tuple[Reason, ...]:
    return tuple(reason for verdict in verdicts for reason in verdict.reasons)


def _missing(verdicts: Sequence[Verdict], pick: Callable[[list[int]], int]) -> int | None:
    amounts = [verdict.missing_minor for verdict in verdicts if verdict.missing_minor is not None]
    return pick(amounts) if amounts else None


def _all(condition: say.AllOf, case: Case) -> Verdict:
    verdicts = [judge(part, case) for part in condition.of]
    unmet = [verdict for verdict in verdicts if not verdict.met]
    if unmet:
        return Verdict(False, _flat(unmet), _missing(unmet, max))
    return Verdict(True, _flat(verdicts) or (wording.FOR_ALL,))


def _any(condition: say.AnyOf, case: Case) -> Verdict:
    verdicts = [judge(part, case) for part in condition.of]
    met = [verdict for verdict in verdicts if verdict.met]
    if met:
        return Verdict(True, _flat(met))
    reasons = _flat(verdicts)
    return Verdict(False, (wording.ONE_OF, *reasons) if len(verdicts) > 1 else reasons, _missing(verdicts, min))


def _not(condition: say.NotThis, case: Case) -> Verdict:
    inner = judge(condition.of, case)
    if inner.met:
        return Verdict(False, (wording.EXCLUDED, *inner.reasons))
    return Verdict(True, (wording.NOT_EXCLUDED,))


def _yes(reason: Reason) -> Verdict:
    return Verdict(True, (reason,))


def _no(reason: Reason) -> Verdict:
    return Verdict(False, (reason,))


def _subtotal(condition: say.SubtotalOf, case: Case) -> Verdict:
    found, currency = case.amount(condition.lines), case.basket.currency
    if condition.at_least_minor is not None and found < condition.at_least_minor:
        missing = condition.at_least_minor - found
        reason = wording.amount_missing(missing, condition.at_least_minor, currency, condition.lines)
        return Verdict(False, (reason,), missing)
    if condition.at_most_minor is not None and found > condition.at_most_minor:
        return _no(wording.amount_above(found, condition.at_most_minor, currency))
    return _yes(wording.amount_reached(found, currency))


def _units(condition: say.UnitsOf, case: Case) -> Verdict:
    found = case.units(condition.lines)
    return _count(condition, found, wording.units_missing)


def _distinct(condition: say.DistinctOf, case: Case) -> Verdict:
    found = len({case.lines[at].sku for at in case.matching(condition.lines)})
    return _count(condition, found, wording.kinds_missing)


def _count(
    condition: say.UnitsOf | say.DistinctOf, found: int, too_few: Callable[[int, say.Lines | None], Reason]
) -> Verdict:
    at_least = condition.at_least
    if at_least is None:
        at_least = 0 if condition.at_most is not None else 1
    if found < at_least:
        return _no(too_few(at_least - found, condition.lines))
    if condition.at_most is not None and found > condition.at_most:
        return _no(wording.units_above(found, condition.at_most))
    return _yes(wording.units_reached(found, condition.lines))


def _segment(condition: say.InSegment, case: Case) -> Verdict:
    found = condition.any_of & case.person.segments
    if found:
        return _yes(Reason("in_segment", "The customer is in {segment}.", {"segment": wording.listed(found)}))
    return _no(wording.not_among("not_in_segment", "It is for customers in {wanted}.", condition.any_of))


def _tier(condition: say.InTier, case: Case) -> Verdict:
    tier = case.person.tier
    if tier in condition.any_of:
        return _yes(Reason("tier_fits", "The customer's tier is {tier}.", {"tier": tier}))
    return _no(wording.not_among("tier_missing", "It is for the tier {wanted}.", condition.any_of, tier))


def _audience(condition: say.InAudience, case: Case) -> Verdict:
    found = condition.any_of & case.person.audiences
    if found:
        return _yes(Reason("in_audience", "The customer is in {audience}.", {"audience": wording.listed(found)}))
    return _no(wording.not_among("not_in_audience", "It is for customers in {wanted}.", condition.any_of))


def _trait(condition: say.HasTrait, case: Case) -> Verdict:
    found = case.person.traits.get(condition.name)
    # 1 and True are equal in Python and are not the same answer.
    if any(type(wanted) is type(found) and wanted == found for wanted in condition.any_of):
        return _yes(Reason("trait_fits", "{trait} of the customer fits.", {"trait": condition.name}))
    return _no(Reason("trait_missing", "{trait} of the customer does not fit.", {"trait": condition.name}))


def _first_order(condition: say.IsFirstOrder, case: Case) -> Verdict:
    if not case.person.known:
        return _no(wording.person_unknown())
    if case.person.orders_before:
        return _no(Reason("not_first_order", "It is for a first order.", {"orders": case.person.orders_before}))
    return _yes(Reason("first_order", "It is the customer's first order."))


def _orders_before(condition: say.OrdersBefore, case: Case) -> Verdict:
    if not case.person.known:
        return _no(wording.person_unknown())
    found = case.person.orders_before
    if condition.at_least is not None and found < condition.at_least:
        values = {"missing": condition.at_least - found, "found": found}
        return _no(Reason("orders_missing", "{missing} more orders are missing.", values))
    if condition.at_most is not None and found > condition.at_most:
        values = {"found": found, "at_most": condition.at_most}
        return _no(Reason("orders_above", "It is for customers with {at_most} orders at most.", values))
    return _yes(Reason("orders_fit", "The customer has ordered {found} times.", {"found": found}))


def birthday_in(born: date, year: int) -> date:
    """The birthday in a year; of those born on a leap day 28 February when the year has none."""
    if born.month == 2 and born.day == 29 and not calendar.isleap(year):
        return date(year, 2, 28)
    return date(year, born.month, born.day)


def _birthday(condition: say.NearBirthday, case: Case) -> Verdict:
    born = case.person.birthday
    if born is None:
        return _no(Reason("birthday_unknown", "It is for birthdays, and we do not know the customer's."))
    today = case.local.date()
    first = today - timedelta(days=condition.days_after)
    last = today + timedelta(days=condition.days_before)
    if any(first <= birthday_in(born, year) <= last for year in {first.year, last.year}):
        return _yes(Reason("birthday_near", "It is the time of the customer's birthday."))
    return _no(Reason("birthday_far", "It is for the days around the customer's birthday."))


def _known(condition: say.IsKnown, case: Case) -> Verdict:
    if case.person.known:
        return _yes(Reason("person_known", "We know the customer."))
    return _no(wording.person_unknown())


def _channel(condition: say.OnChannel, case: Case) -> Verdict:
    channel = case.basket.channel
    if channel in condition.any_of:
        return _yes(Reason("channel_fits", "It is valid in this channel: {channel}.", {"channel": channel}))
    return _no(wording.not_among("other_channel", "It is valid in {wanted}.", condition.any_of, channel))


def _store(condition: say.InStore, case: Case) -> Verdict:
    store = case.basket.store_id
    if store in condition.any_of:
        return _yes(Reason("store_fits", "It is valid in this store: {store}.", {"store": store}))
    return _no(wording.not_among("other_store", "It is valid in the stores {wanted}.", condition.any_of, store))


def _dates(condition: say.BetweenDates, case: Case) -> Verdict:
    today = case.local.date()
    if condition.first is not None and today < condition.first:
        return _no(Reason("not_begun", "It begins on {starts_at}.", {"starts_at": condition.first.isoformat()}))
    if condition.last is not None and today > condition.last:
        return _no(Reason("over", "It ended on {ends_at}.", {"ends_at": condition.last.isoformat()}))
    return _yes(Reason("date_fits", "It is valid today."))


def _weekdays(condition: say.OnWeekdays, case: Case) -> Verdict:
    if WEEKDAYS[case.local.weekday()] in condition.any_of:
        return _yes(Reason("date_fits", "It is valid today."))
    wanted = ", ".join(day for day in WEEKDAYS if day in condition.any_of)
    return _no(Reason("other_weekday", "It is valid on {weekdays}.", {"weekdays": wanted}))


def _hours(condition: say.AtHours, case: Case) -> Verdict:
    now = case.local.time().replace(tzinfo=None)
    first, last = time.fromisoformat(condition.first), time.fromisoformat(condition.last)
    inside = first <= now < last if first < last else now >= first or now < last
    values = {"from": condition.first, "to": condition.last}
    if inside:
        return _yes(Reason("hour_fits", "It is valid from {from} to {to}.", values))
    return _no(Reason("other_hour", "It is valid from {from} to {to}.", values))


def _coupon(condition: say.WithCoupon, case: Case) -> Verdict:
    wanted = {coupon_code(code) for code in condition.any_of}
    entered = wanted & {coupon_code(code) for code in case.basket.coupons}
    for code in sorted(entered):
        known = case.state.coupons.get(code)
        if known is not None and known.refused is None:
            return _yes(wording.coupon_accepted(code))
    return _no(wording.coupon_needed())


_JUDGES: dict[type[Any], Callable[[Any, Case], Verdict]] = {
    say.AllOf: _all,
    say.AnyOf: _any,
    say.NotThis: _not,
    say.SubtotalOf: _subtotal,
    say.UnitsOf: _units,
    say.DistinctOf: _distinct,
    say.InSegment: _segment,
    say.InTier: _tier,
    say.InAudience: _audience,
    say.HasTrait: _trait,
    say.IsFirstOrder: _first_order,
    say.OrdersBefore: _orders_before,
    say.NearBirthday: _birthday,
    say.IsKnown: _known,
    say.OnChannel: _channel,
    say.InStore: _store,
    say.BetweenDates: _dates,
    say.OnWeekdays: _weekdays,
    say.AtHours: _hours,
    say.WithCoupon: _coupon,
}
