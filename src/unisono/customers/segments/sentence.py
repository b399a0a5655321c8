"""A rule in words: short pieces that are translated one by one and read after each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unisono.customers.segments.model import (
    PURCHASES,
    All,
    AnyOf,
    Calendar,
    Consent,
    Happening,
    InSegment,
    Near,
    NoneOf,
    Pattern,
    Rule,
    Sequel,
    Trait,
    Where,
)
from unisono.customers.segments.rules import described
from unisono.customers.segments.sqlevents import presence
from unisono.customers.segments.wording import worded
from unisono.kit.reasons import Reason, in_words

Pieces = tuple[Reason, ...]

AND = Reason("and", "and")
OR = Reason("or", "or")
NEITHER = Reason("neither", "not")
WHERE = Reason("where", "where")

_UNITS = (
    (86_400, Reason("day", "1 day"), Reason("days", "{number} days")),
    (3600, Reason("hour", "1 hour"), Reason("hours", "{number} hours")),
    (60, Reason("minute", "1 minute"), Reason("minutes", "{number} minutes")),
    (1, Reason("second", "1 second"), Reason("seconds", "{number} seconds")),
)

_SEASONS = {
    "valentine": Reason("valentine", "Valentine's Day"),
    "carnival": Reason("carnival", "Carnival"),
    "womens_day": Reason("womens_day", "Women's Day"),
    "easter": Reason("easter", "Easter"),
    "mothers_day": Reason("mothers_day", "Mother's Day"),
    "summer": Reason("summer", "summer"),
    "mid_august": Reason("mid_august", "the middle of August"),
    "back_to_school": Reason("back_to_school", "back to school"),
    "halloween": Reason("halloween", "Halloween"),
    "black_friday": Reason("black_friday", "Black Friday"),
    "christmas": Reason("christmas", "Christmas"),
    "year_end": Reason("year_end", "the last days of the year"),
    "public_holidays": Reason("public_holidays", "a public holiday"),
}


def span_of(seconds: int) -> Reason:
    """A span in its largest whole unit."""
    for length, one, many in _UNITS:
        if seconds % length == 0:
            number = seconds // length
            return one if number == 1 else Reason(many.code, many.text, {"number": number})
    raise AssertionError("whole seconds")


def season_of(name: str) -> Reason:
    """A season by its name."""
    return _SEASONS.get(name, Reason("season", "{season}", {"season": name}))


def _amount(op: str, amount: float) -> Reason:
    values = {"amount": described(amount)}
    match op:
        case "at_least":
            return Reason("at_least", "at least {amount}", values)
        case "at_most":
            return Reason("at_most", "at most {amount}", values)
        case "more_than":
            return Reason("more_than", "more than {amount}", values)
        case "less_than":
            return Reason("less_than", "less than {amount}", values)
    return Reason("exactly", "exactly {amount}", values)


_COMPARED = {
    "is": Reason("is", "{name} is {value}"),
    "is_not": Reason("is_not", "{name} is not {value}"),
    "one_of": Reason("one_of", "{name} is one of {value}"),
    "none_of": Reason("none_of", "{name} is none of {value}"),
    "contains": Reason("contains", "{name} contains {value}"),
    "starts_with": Reason("starts_with", "{name} starts with {value}"),
    "known": Reason("known", "{name} is known"),
    "unknown": Reason("unknown", "{name} is not known"),
    "at_least": Reason("value_at_least", "{name} is at least {value}"),
    "at_most": Reason("value_at_most", "{name} is at most {value}"),
    "more_than": Reason("value_more_than", "{name} is more than {value}"),
    "less_than": Reason("value_less_than", "{name} is less than {value}"),
    "before": Reason("before", "{name} is before {value_at}"),
    "after": Reason("after", "{name} is not before {value_at}"),
}


def compared(name: str, op: str, value: Any) -> Reason:
    """``city is Milano``."""
    values = {"name": name}
    if value is not None:
        text = ", ".join(described(one) for one in value) if isinstance(value, list) else described(value)
        values["value_at" if op in ("before", "after") else "value"] = text
    return Reason(_COMPARED[op].code, _COMPARED[op].text, values)


def _trait(rule: Trait) -> Pieces:
    values = {"name": rule.trait}
    number = rule.value if isinstance(rule.value, int) else 0
    match rule.op:
        case "within_last":
            return Reason("lies_in_last", "{name} lies in the last", values), span_of(number)
        case "not_within_last":
            return Reason("lies_back", "{name} lies back at least", values), span_of(number)
        case "within_next":
            return Reason("comes_within", "{name} comes within", values), span_of(number)
        case "anniversary_within":
            return (
                Reason("anniversary", "the anniversary of {name} is today or comes within", values),
                Reason("days", "{number} days", {"number": number}),
            )
    return (compared(rule.trait, rule.op, rule.value),)


def _events(names: Sequence[str]) -> str:
    return " / ".join(names)


def _where(where: Sequence[Where]) -> Pieces:
    pieces: list[Reason] = []
    for number, condition in enumerate(where):
        pieces += [AND if number else WHERE, compared(condition.path, condition.op, condition.value)]
    return tuple(pieces)


_ONCE = {
    "exactly": Reason("exactly_once", "exactly once"),
    "at_most": Reason("at_most_once", "at most once"),
    "more_than": Reason("more_than_once", "more than once"),
}


def _what(rule: Happening) -> Pieces:
    values = {"events": _events(rule.names)}
    sign = presence(rule)
    if sign and list(rule.names) == [PURCHASES]:
        return (Reason("bought", "bought something") if sign > 0 else Reason("not_bought", "bought nothing"),)
    if sign:
        happened = Reason("happened", "{events} happened", values)
        return (happened if sign > 0 else Reason("not_happened", "{events} did not happen", values),)
    amount = _amount(rule.op, rule.amount)
    values["path"] = rule.path or ""
    match rule.measure:
        case "count":
            happened = Reason("happened", "{events} happened", values)
            if rule.amount == 1 and rule.op in _ONCE:
                return happened, _ONCE[rule.op]
            return happened, amount, Reason("times", "times")
        case "days":
            return Reason("happened_on", "{events} happened on", values), amount, Reason("different_days", "days")
        case "sum":
            return Reason("sum_is", "the sum of {path} over {events} is", values), amount
    return Reason("distinct_are", "the different {path} of {events} are", values), amount


def _window(rule: Happening) -> Pieces:
    pieces: list[Reason] = []
    if rule.within is not None:
        pieces += [Reason("in_the_last", "in the last"), span_of(rule.within.seconds)]
    if rule.between is not None and rule.between.from_ is not None:
        pieces.append(Reason("from", "from {from_at}", {"from_at": rule.between.from_}))
    if rule.between is not None and rule.between.until is not None:
        pieces.append(Reason("until", "until before {until_at}", {"until_at": rule.between.until}))
    if rule.season is not None:
        pieces += [Reason("around", "around"), season_of(rule.season.name)]
        pieces.append(Reason("years", "of the last {number} years", {"number": rule.season.years}))
    return tuple(pieces)


def _pattern(pattern: Pattern) -> Pieces:
    return Reason("events", "{events}", {"events": _events(pattern.names)}), *_where(pattern.where)


def _sequel(rule: Sequel) -> Pieces:
    followed = (
        Reason("not_followed", "was not followed, within")
        if rule.negated
        else Reason("followed", "was followed, within")
    )
    window: Pieces = ()
    if rule.window is not None:
        window = (Reason("in_the_last", "in the last"), span_of(rule.window))
    return *_pattern(rule.first), *window, followed, span_of(rule.within), Reason("by", "by"), *_pattern(rule.then)


def condition(rule: Rule) -> Pieces:
    """One condition in words; of a group only what joins it."""
    match rule:
        case All():
            return (Reason("all", "all of these"),)
        case AnyOf():
            return (Reason("any", "at least one of these"),)
        case NoneOf():
            return (Reason("none", "none of these"),)
        case Trait():
            return _trait(rule)
        case Happening():
            return *_what(rule), *_where(rule.where), *_window(rule)
        case Sequel():
            return _sequel(rule)
    return _short(rule)


def _short(rule: Consent | InSegment | Near | Calendar) -> Pieces:
    match rule:
        case Consent():
            values = {"purpose": rule.purpose, "channel": rule.channel}
            if rule.status == "granted":
                return (Reason("consents", "consents to {purpose} ({channel})", values),)
            if rule.status == "withdrawn":
                return (Reason("refuses", "refused or withdrew {purpose} ({channel})", values),)
            return (Reason("consents_not", "does not consent to {purpose} ({channel})", values),)
        case InSegment():
            if rule.member:
                return (Reason("in_segment", "is in the segment {segment}", {"segment": rule.segment}),)
            return (Reason("not_in_segment", "is not in the segment {segment}", {"segment": rule.segment}),)
        case Near():
            place = rule.label or rule.store or f"{rule.latitude}, {rule.longitude}"
            return (Reason("near", "is within {km} km of {place}", {"km": described(rule.km), "place": place}),)
    if rule.season is not None:
        return Reason("it_is", "it is"), season_of(rule.season)
    days = {"first": rule.from_ or "", "last": rule.until or ""}
    return (Reason("days_of_year", "it is between {first} and {last} of the year", days),)


def spoken(pieces: Pieces, language: str = "en", timezone: str = "UTC") -> str:
    """Pieces one after the other."""
    return " ".join(in_words(worded(piece, language), language, timezone) for piece in pieces)


def sentence(rule: Rule, language: str = "en", timezone: str = "UTC") -> str:
    """The whole rule as one sentence: ``city is Milano and (bought something in the last 30 days or ...)``."""
    return _sentence(rule, language, timezone, top=True)


def _sentence(rule: Rule, language: str, timezone: str, *, top: bool = False) -> str:
    if not isinstance(rule, (All, AnyOf, NoneOf)):
        return spoken(condition(rule), language, timezone)
    if not rule.of:
        nobody = isinstance(rule, AnyOf)
        return in_words(Reason("nobody", "nobody") if nobody else Reason("everybody", "everybody"), language)
    parts = [_sentence(child, language, timezone) for child in rule.of]
    joiner = in_words(AND if isinstance(rule, All) else OR, language)
    whole = f" {joiner} ".join(parts)
    if isinstance(rule, NoneOf):
        return f"{in_words(NEITHER, language)} ({whole})"
    return whole if top or len(parts) == 1 else f"({whole})"
