"""What each kind of condition asks for: tables that the builder of segments is drawn and read by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from unisono.console.views.saying import CHANNELS as SENT_BY
from unisono.kit.marking import N_

CONDITIONS: dict[str, str] = {
    "event": N_("Something happened, or did not"),
    "trait": N_("Something known of the person"),
    "consent": N_("Consent"),
    "sequence": N_("One thing, then another"),
    "segment": N_("Another segment"),
    "near": N_("Near a place"),
    "calendar": N_("Time of the year"),
}
"""Kinds of conditions, in the order they are offered; English msgids."""

PATTERNS: dict[str, str] = {"first": N_("First"), "then": N_("Then")}
"""The two halves of a sequence."""

WHERE = "where"
WHERE_TITLE = N_("with this detail")

PRESET_GROUPS: dict[str, str] = {
    "orders": N_("Orders"),
    "products": N_("Products"),
    "stores": N_("Stores"),
    "loyalty": N_("Loyalty"),
    "reviews": N_("Reviews"),
    "conversations": N_("Conversations"),
    "company": N_("Company"),
    "scores": N_("Scores"),
}

PLAIN_OPS: dict[str, str] = {
    "is": N_("is"),
    "is_not": N_("is not"),
    "one_of": N_("is one of"),
    "none_of": N_("is none of"),
    "contains": N_("contains"),
    "starts_with": N_("starts with"),
    "at_least": N_("is at least"),
    "at_most": N_("is at most"),
    "more_than": N_("is more than"),
    "less_than": N_("is less than"),
    "known": N_("is known"),
    "unknown": N_("is not known"),
    "before": N_("is before the day"),
    "after": N_("is not before the day"),
}
"""Operators of a value; English msgids."""

TRAIT_OPS: dict[str, str] = {
    **PLAIN_OPS,
    "within_last": N_("lies in the last"),
    "not_within_last": N_("lies back at least"),
    "within_next": N_("comes within"),
    "anniversary_within": N_("has its anniversary within days"),
}

COUNT_OPS: dict[str, str] = {
    "at_least": N_("at least"),
    "at_most": N_("at most"),
    "exactly": N_("exactly"),
    "more_than": N_("more than"),
    "less_than": N_("less than"),
}

MEASURES: dict[str, str] = {
    "count": N_("how often"),
    "days": N_("on how many days"),
    "sum": N_("the sum of"),
    "distinct": N_("how many different"),
}

WINDOWS: dict[str, str] = {
    "ever": N_("at any time"),
    "last": N_("in the last"),
    "between": N_("between two days"),
    "season": N_("around a season"),
}

UNITS: dict[str, tuple[int, str]] = {
    "days": (86_400, N_("days")),
    "hours": (3600, N_("hours")),
    "minutes": (60, N_("minutes")),
    "seconds": (1, N_("seconds")),
}
"""Units of a span: seconds and name, the longest first."""

PURPOSES: dict[str, str] = {
    "marketing": N_("marketing"),
    "profiling": N_("profiling"),
    "contract": N_("contract"),
    "third_party": N_("third parties"),
    "tracking": N_("tracking"),
    "statistics": N_("statistics"),
}

CONSENTS: dict[str, str] = {
    "granted": N_("given"),
    "not_granted": N_("not given"),
    "withdrawn": N_("refused or withdrawn"),
}

REACHED: dict[str, str] = {
    **{channel: name for channel, name in SENT_BY.items() if channel not in ("webhook", "other")},
    "any": N_("no channel of its own"),
}
"""Channels a message goes by, and consent is bound to; English msgids."""

SEASONS: dict[str, str] = {
    "christmas": N_("Christmas"),
    "black_friday": N_("Black Friday"),
    "year_end": N_("the last days of the year"),
    "valentine": N_("Valentine's Day"),
    "carnival": N_("Carnival"),
    "womens_day": N_("Women's Day"),
    "easter": N_("Easter"),
    "mothers_day": N_("Mother's Day"),
    "summer": N_("summer"),
    "mid_august": N_("the middle of August"),
    "back_to_school": N_("back to school"),
    "halloween": N_("Halloween"),
    "public_holidays": N_("a public holiday"),
}

MEMBER: dict[str, str] = {"yes": N_("is in it"), "no": N_("is not in it")}
FOLLOWED: dict[str, str] = {"no": N_("did not follow"), "yes": N_("followed")}

NUMERIC = frozenset({"at_least", "at_most", "more_than", "less_than"})
LISTS = frozenset({"one_of", "none_of"})
NO_VALUE = frozenset({"known", "unknown"})
DAYS = frozenset({"before", "after"})
SPANS = frozenset({"within_last", "not_within_last", "within_next"})

Kind = Literal["text", "number", "day", "month_day", "select"]
Known = Literal["", "traits", "trait", "events", "fields", "values"]


class Part(NamedTuple):
    """A field: its name in the form, its label (English msgid), how it is typed, and what is offered."""

    key: str
    label: str
    kind: Kind = "text"
    options: Mapping[str, str] = {}
    known: Known = ""
    reshapes: bool = False
    hint: str = ""


_UNIT = {unit: name for unit, (_, name) in UNITS.items()}
_VALUES = N_("any of these: a, b")
_EVENT = (
    Part("event", N_("What"), known="events"),
    Part("also", N_("or any of these: a, b")),
)


def _value(op: str, known: Known) -> tuple[Part, ...]:
    if op in NO_VALUE:
        return ()
    if op in SPANS:
        return Part("value", N_("how long"), "number"), Part("unit", N_("unit"), "select", _UNIT)
    if op == "anniversary_within":
        return (Part("value", N_("days, today included"), "number"),)
    if op in NUMERIC:
        return (Part("value", N_("number"), "number"),)
    if op in DAYS:
        return (Part("value", N_("day"), "day"),)
    return (Part("value", _VALUES if op in LISTS else N_("value"), known=known),)


def _window(when: str) -> tuple[Part, ...]:
    if when == "last":
        return Part("span", N_("how long"), "number"), Part("unit", N_("unit"), "select", _UNIT)
    if when == "between":
        return Part("from", N_("from"), "day"), Part("until", N_("until before"), "day")
    if when == "season":
        return Part("season", N_("season"), "select", SEASONS), Part("years", N_("of so many years"), "number")
    return ()


def parts_of(kind: str, typed: Mapping[str, str]) -> tuple[Part, ...]:
    """The fields of a box as it stands: an operator decides which values it takes."""
    match kind:
        case "trait":
            op = typed.get("op", "is")
            return (
                Part("trait", N_("What is known"), known="traits"),
                Part("op", N_("comparison"), "select", TRAIT_OPS, reshapes=True),
                *_value(op, "trait"),
            )
        case "where":
            return (
                Part("path", N_("Detail"), known="fields"),
                Part("op", N_("comparison"), "select", PLAIN_OPS, reshapes=True),
                *_value(typed.get("op", "is"), "values"),
            )
        case "consent":
            return (
                Part("purpose", N_("For"), "select", PURPOSES),
                Part("channel", N_("Channel"), "select", REACHED_BY_CONSENT),
                Part("status", N_("Consent"), "select", CONSENTS),
            )
        case "event":
            never = N_("0: did not happen") if typed.get("op") == "at_most" else ""
            measured = typed.get("measure", "count") in ("sum", "distinct")
            return (
                *_EVENT,
                Part("measure", N_("counted by"), "select", MEASURES, reshapes=True),
                *((Part("path", N_("of which detail"), known="fields"),) if measured else ()),
                Part("op", N_("comparison"), "select", COUNT_OPS, reshapes=True),
                Part("amount", N_("number"), "number", hint=never),
                Part("when", N_("When"), "select", WINDOWS, reshapes=True),
                *_window(typed.get("when", "ever")),
            )
    return _rarer(kind, typed)


def _rarer(kind: str, typed: Mapping[str, str]) -> tuple[Part, ...]:
    match kind:
        case "first" | "then":
            return _EVENT
        case "sequence":
            return (
                Part("followed", N_("The second"), "select", FOLLOWED),
                Part("span", N_("within"), "number"),
                Part("unit", N_("unit"), "select", _UNIT),
                Part("window", N_("and the first is at most so old"), "number"),
                Part("window_unit", N_("unit"), "select", _UNIT),
            )
        case "segment":
            return Part("segment", N_("Segment"), "select"), Part("member", N_("The person"), "select", MEMBER)
        case "near":
            point = Part("latitude", N_("Latitude"), "number"), Part("longitude", N_("Longitude"), "number")
            return (
                Part("store", N_("Store"), "select", reshapes=True),
                *(() if typed.get("store") else (*point, Part("label", N_("What the place is called")))),
                Part("km", N_("Kilometres at most"), "number"),
            )
        case "calendar":
            days = Part("from", N_("from (12-01)"), "month_day"), Part("until", N_("to, this day too"), "month_day")
            return (
                Part("season", N_("Season"), "select", {"": N_("days of each year"), **SEASONS}, reshapes=True),
                *(() if typed.get("season") else days),
            )
    return ()


REACHED_BY_CONSENT: dict[str, str] = {
    name: text for name, text in REACHED.items() if name not in ("onsite", "chat", "clerk", "till", "ads")
}
"""Channels consent is bound to."""

AT_FIRST: dict[str, dict[str, str]] = {
    "trait": {"op": "is"},
    "where": {"op": "is"},
    "consent": {"purpose": "marketing", "channel": "email", "status": "granted"},
    "event": {"event": "purchases", "measure": "count", "op": "at_least", "amount": "1", "when": "last", "span": "90",
              "unit": "days"},
    "sequence": {"followed": "no", "span": "1", "unit": "hours", "window_unit": "days"},
    "segment": {"member": "yes"},
    "near": {"km": "10"},
    "calendar": {"season": "christmas"},
}  # fmt: skip
"""What stands in a box that was just added."""
