"""What promotions say about themselves: a stable code, an English msgid, the values that fill it.

Values whose name ends in ``_minor`` are money in the ``currency`` beside them. Instants are ISO 8601.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from unisono.commerce.promotions.language import Lines
from unisono.kit.reasons import Reason

NAMED = 3
"""So many names are told; more are but counted."""


def listed(names: Iterable[str]) -> str:
    """Some names for a sentence."""
    ordered = sorted(names)
    return ", ".join(ordered[:NAMED]) + (f" (+{len(ordered) - NAMED})" if len(ordered) > NAMED else "")


def described(lines: Lines | None) -> str:
    """What a description names, for a sentence; empty when it names nothing."""
    if lines is None:
        return ""
    return listed({*lines.skus, *lines.products, *lines.categories, *lines.brands, *lines.tags})


def amount_missing(missing: int, at_least: int, currency: str, lines: Lines | None) -> Reason:
    """The sum is too small."""
    what = described(lines)
    values = {"missing_minor": missing, "at_least_minor": at_least, "currency": currency}
    if not what:
        return Reason("amount_missing", "{missing_minor} more is missing.", values)
    return Reason("amount_missing", "{missing_minor} more of {what} is missing.", {**values, "what": what})


def amount_above(found: int, at_most: int, currency: str) -> Reason:
    """The sum is too large."""
    values = {"found_minor": found, "at_most_minor": at_most, "currency": currency}
    return Reason("amount_above", "It is for {at_most_minor} at most.", values)


def amount_reached(found: int, currency: str) -> Reason:
    """The sum is what it should be."""
    return Reason("amount_reached", "The goods come to {found_minor}.", {"found_minor": found, "currency": currency})


def units_missing(missing: int, lines: Lines | None) -> Reason:
    """There are too few units."""
    what = described(lines)
    if not what:
        return Reason("units_missing", "{missing} more.", {"missing": missing})
    return Reason("units_missing", "{missing} more of {what}.", {"missing": missing, "what": what})


def units_above(found: int, at_most: int) -> Reason:
    """There are too many units."""
    return Reason("units_above", "It is for {at_most} at most.", {"found": found, "at_most": at_most})


def units_reached(found: int, lines: Lines | None) -> Reason:
    """There are as many units as there should be."""
    what = described(lines)
    if not what:
        return Reason("units_reached", "There are {found}.", {"found": found})
    return Reason("units_reached", "There are {found} of {what}.", {"found": found, "what": what})


def kinds_missing(missing: int, lines: Lines | None) -> Reason:
    """There are too few different goods."""
    what = described(lines)
    if not what:
        return Reason("kinds_missing", "{missing} more different goods.", {"missing": missing})
    return Reason("kinds_missing", "{missing} more different goods of {what}.", {"missing": missing, "what": what})


def not_among(code: str, text: str, wanted: Iterable[str], found: str | None = None) -> Reason:
    """What it is, is none of those wanted."""
    return Reason(code, text, {"wanted": listed(wanted), "found": found or ""})


def person_unknown() -> Reason:
    """We do not know who it is."""
    return Reason("person_unknown", "It is for customers we recognise.")


def begins(at: datetime) -> Reason:
    """It has not begun."""
    return Reason("not_begun", "It begins on {starts_at}.", {"starts_at": at.isoformat()})


def ended(at: datetime) -> Reason:
    """It is over."""
    return Reason("over", "It ended on {ends_at}.", {"ends_at": at.isoformat()})


def status_not_active(status: str) -> Reason:
    """It is a draft, paused or ended by hand."""
    return Reason("not_active", "It is not active: {status}.", {"status": status})


def other_currency(wanted: str, found: str) -> Reason:
    """The basket is in another currency."""
    return Reason("other_currency", "It is for baskets in {wanted}.", {"wanted": wanted, "found": found})


def coupon_needed() -> Reason:
    """No coupon of it was entered."""
    return Reason("coupon_needed", "It needs a coupon.")


def coupon_accepted(coupon: str) -> Reason:
    """A coupon of it was entered."""
    return Reason("coupon_accepted", "The coupon {coupon} was entered.", {"coupon": coupon})


def coupon_unknown(coupon: str) -> Reason:
    """Nobody knows the coupon."""
    return Reason("coupon_unknown", "There is no coupon {coupon}.", {"coupon": coupon})


def coupon_spare(coupon: str) -> Reason:
    """Another coupon of the same promotion counts already."""
    return Reason("coupon_spare", "Another coupon of the same promotion counts already.", {"coupon": coupon})


def used_by_person(times: int, limit: int) -> Reason:
    """The person has used it as often as he may."""
    return Reason("already_used", "Already used: {times} of {limit} times.", {"times": times, "limit": limit})


def used_up() -> Reason:
    """Everybody together has used it as often as they may."""
    return Reason("used_up", "It has been used as often as it may be.")


def budget_used_up(left: int, currency: str) -> Reason:
    """What is left of the budget does not cover it."""
    return Reason("budget_used_up", "Its budget is used up.", {"left_minor": max(left, 0), "currency": currency})


def no_goods(lines: Lines | None) -> Reason:
    """None of its goods is in the basket."""
    what = described(lines)
    if not what:
        return Reason("no_goods", "None of its goods is in the basket.")
    return Reason("no_goods", "None of its goods is in the basket: {what}.", {"what": what})


def nothing_left() -> Reason:
    """It takes nothing off: other promotions have, or the price is below already."""
    return Reason("nothing_left", "It would take nothing off.")


def units_taken() -> Reason:
    """The units it needs count for another promotion."""
    return Reason("units_taken", "The goods it needs count for another promotion already.")


def no_shipping() -> Reason:
    """There is no shipping to pay."""
    return Reason("no_shipping", "There is no shipping to pay.")


def gift_out_of_stock(sku: str) -> Reason:
    """The gift cannot be given at present."""
    return Reason("gift_out_of_stock", "The gift {sku} is out of stock.", {"sku": sku})


def group_better(other: str, saves: int, more: int, currency: str) -> Reason:
    """Another of its group is better for the customer."""
    values = {"other": other, "saves_minor": saves, "more_minor": more, "currency": currency}
    return Reason("group_better", "{other} of the same group is better: it saves {saves_minor}.", values)


def group_first(other: str) -> Reason:
    """Another of its group comes first."""
    return Reason("group_first", "{other} of the same group comes first.", {"other": other})


def not_combinable(other: str) -> Reason:
    """It cannot stand beside one that applies."""
    return Reason("not_combinable", "It cannot be combined with {other}.", {"other": other})


ONE_OF = Reason("one_of", "Any one of what follows would be enough.")
EXCLUDED = Reason("excluded", "It does not apply when what follows is so.")
NOT_EXCLUDED = Reason("not_excluded", "Nothing excludes it.")
FOR_ALL = Reason("for_all", "It has no conditions.")
