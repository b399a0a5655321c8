"""The contact policy as a form, and back: a row that is ticked goes, the last row of each kind is for a new one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from babel.dates import get_day_names

from unisono.console.contexts import Choice, Problem
from unisono.console.contexts.sends import PolicyField, PolicyForm
from unisono.console.views.codes import code_of
from unisono.console.views.commerce import whole_typed
from unisono.console.views.saying import CHANNELS, PURPOSES, channel_names, choices
from unisono.console.words import Words
from unisono.engagement.channels.model import CHANNELS as ALL
from unisono.engagement.policy.checking import BadPolicy
from unisono.engagement.policy.model import Budget, Cap, Policy, Quiet
from unisono.engagement.policy.words import label_of
from unisono.kit.errors import BadRequest
from unisono.kit.reasons import DAYS

DAY = 86_400
HOUR = 3600
MINUTE = 60
UNITS = {"days": DAY, "hours": HOUR, "minutes": MINUTE}
"""Seconds of each unit a length of time is typed in, the longest first."""

BINDABLE = ("marketing", "service")
COUNTABLE = ("marketing", "service", "transactional", "staff")
SPARE_PLACES = 2
MOST_ROWS = 101
"""Rows of a kind that are read: as many as a policy may have, and the new one."""

NO_REST = {"help-settled": "", "help-settled_unit": "hours"}
"""As it is typed that promotion is not mute any more once a complaint is closed."""

USUAL = Budget(name="new", limit=0, seconds=DAY)
"""What a new budget counts and binds unless somebody says otherwise."""

_CLOCK = re.compile(r"(\d{1,2})(?:[:.h](\d\d))?")


class Typed(NamedTuple):
    """A form as it came: fields with one value, and those that come more than once."""

    one: Mapping[str, str]
    many: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        """One field."""
        return self.one.get(name, "").strip()

    def list(self, name: str) -> tuple[str, ...]:
        """Every value of a field, each once."""
        return tuple(dict.fromkeys(self.many.get(name, ())))

    def number(self, name: str, *, least: int = 0, most: int = 10_000, otherwise: int | None = None) -> int:
        """A whole number. Raises BadRequest."""
        found = whole_typed(self.text(name), field=name, least=least, most=most)
        if found is None and otherwise is None:
            raise BadRequest("A number is missing.", code="number_missing", field=name)
        return found if found is not None else otherwise or 0

    def span(self, name: str) -> int:
        """Seconds of a number and its unit. Raises BadRequest."""
        unit = UNITS.get(self.text(f"{name}_unit"), DAY)
        return self.number(name, least=1, most=366 * DAY // unit) * unit

    def clock(self, name: str) -> str:
        """A time of day: 9, 9:00 and 09.00 are one. Raises BadRequest."""
        found = _CLOCK.fullmatch(self.text(name))
        if found is None or int(found[1]) * 60 + int(found[2] or 0) > 24 * 60 or int(found[2] or 0) > 59:
            raise BadRequest("That is no time of day.", code="clock_unreadable", field=name)
        return f"{int(found[1]):02}:{found[2] or '00'}"

    def some(self, name: str, missing: str) -> tuple[str, ...]:
        """Values of a field of which one at least is needed. Raises BadRequest with the code ``missing``."""
        found = self.list(name)
        if not found:
            raise BadRequest("Choose at least one.", code=missing, field=name)
        return found

    def rows(self, kind: str, known: int, key: str) -> Iterator[tuple[int, str]]:
        """Rows that stay, with their place: those there were (``known``) unless they are ticked, and new ones in
        which ``key`` or a number is typed. Raises BadRequest for a new one with its number alone."""
        for place in range(MOST_ROWS):
            row = f"{kind}-{place}"
            if place < known:
                if not self.on(f"{row}-remove") and f"{row}-{key}" in self.one:
                    yield place, row
            elif any(self.text(f"{row}-{part}") for part in (key, "limit", "most", "until")):
                yield place, row

    def names(self, field: str, known: Budget | Cap | None, words: Words) -> dict[str, str]:
        """What a budget or a cap is called, and its code: made of it once, and kept. Raises BadRequest."""
        typed = self.text(field)
        code = known.name if known else code_of(typed)
        if not typed or not code:
            raise BadRequest("It needs a name.", code="name_missing", field=field)
        if known is not None and typed == called(known, words):
            return {"name": code, "label": known.label}
        return {"name": code, "label": typed}

    def on(self, name: str) -> bool:
        """A check box."""
        return self.text(name) == "yes"


def _split(seconds: int) -> tuple[str, str]:
    """A length of time as a number and its unit; what is no whole minute is rounded up."""
    name, unit = next(((name, unit) for name, unit in UNITS.items() if seconds % unit == 0), ("minutes", MINUTE))
    return str(-(-seconds // unit)), name


def _channels(chosen: Sequence[str] | None, words: Words) -> list[Choice]:
    return choices(CHANNELS, chosen or (), words, ALL)


def _span_values(name: str, seconds: int) -> dict[str, str]:
    number, unit = _split(seconds)
    return {name: number, f"{name}_unit": unit}


def called(one: Budget | Cap, words: Words) -> str:
    """What people call a budget or a cap; that of the package in the reader's language."""
    return words.gettext(label_of(one))


def _budget(number: int, one: Budget | None, words: Words) -> PolicyField:
    values = {"name": called(one, words), "limit": str(one.limit)} if one else {}
    return PolicyField(
        name=f"budget-{number}",
        values=values | (_span_values("span", one.seconds) if one else {"span": "7"}),
        purposes=choices(PURPOSES, one.binds if one else USUAL.binds, words, BINDABLE),
        counts=choices(PURPOSES, one.counts if one else USUAL.counts, words, COUNTABLE),
        new=one is None,
    )


def _cap(number: int, one: Cap | None, words: Words) -> PolicyField:
    values = {"name": called(one, words), "most": str(one.most)} if one else {}
    chosen = one.channels if one else None
    return PolicyField(
        name=f"cap-{number}",
        values=values | (_span_values("span", one.seconds) if one else {"span": "7"}),
        purposes=choices(PURPOSES, one.purposes if one else ("marketing",), words, BINDABLE),
        channels=_channels(chosen, words),
        summary=channel_names(chosen, words) if chosen else words.gettext("every channel"),
        flags={"staff": one.staff if one else True},
        new=one is None,
    )


def _quiet(number: int, one: Quiet | None, words: Words) -> PolicyField:
    names = get_day_names("abbreviated", locale=words.language)
    days = (one.weekdays or DAYS) if one else DAYS
    return PolicyField(
        name=f"quiet-{number}",
        values={"from": one.from_, "until": one.until} if one else {},
        channels=_channels(one.channels if one else None, words),
        weekdays=[Choice(value=day, label=str(names[index]), selected=day in days) for index, day in enumerate(DAYS)],
        summary=channel_names(one.channels, words) if one else words.gettext("choose channels"),
        flags={"holidays": one.holidays if one else False},
        new=one is None,
    )


def form_of(policy: Policy, version: int, words: Words) -> PolicyForm:
    """A policy to be changed; the last row of each kind is an empty one."""
    rules = policy.help
    numbers = {
        "help-csat_least": str(rules.csat_least),
        "help-nps_most": str(rules.nps_most) if rules.nps_most >= 0 else "",
        "help-csat_most": str(rules.csat_most),
        **_span_values("help-score", rules.score_seconds),
        **_span_values("help-late", rules.late_seconds),
        **(_span_values("help-settled", rules.settled_seconds) if rules.settled_seconds else NO_REST),
    }
    flags = {name: getattr(rules, name) for name in ("enabled", "complaints", "late_orders")}
    others = {
        "answers_least": str(policy.preferring.answers_least),
        **_span_values("patience", policy.patience_seconds),
    }
    switches = {
        "stated": policy.preferring.stated,
        "learned": policy.preferring.learned,
        "give_way": policy.give_way,
    }
    return PolicyForm(
        version=version,
        weights=[(one, words.gettext(CHANNELS[one]), str(policy.weights.get(one, 1))) for one in ALL],
        budgets=[_budget(number, one, words) for number, one in enumerate((*policy.budgets, None))],
        caps=[_cap(number, one, words) for number, one in enumerate((*policy.caps, None))],
        quiet=[_quiet(number, one, words) for number, one in enumerate((*policy.quiet, None))],
        help=PolicyField(name="help", values=numbers, flags=flags),
        besides=PolicyField(
            name="besides",
            values=others,
            flags=switches,
            channels=_channels(policy.sharing, words),
            purposes=choices(CHANNELS, policy.consent_also, words, ("onsite", "chat", "clerk", "till")),
        ),
        fallback=_places(policy.fallback, words),
    )


def _places(channels: Sequence[str], words: Words) -> list[list[Choice]]:
    """A channel to choose for each place, with places to spare; empty ones are passed over."""
    shown = [*channels, *[""] * SPARE_PLACES][: len(ALL)]
    return [[Choice(value="", label="–", selected=not one), *choices(CHANNELS, one, words, ALL)] for one in shown]


def _kept(typed: tuple[str, ...], before: Sequence[str] | None) -> tuple[str, ...]:
    """The same names are the same list, in whichever order a form sends them."""
    return tuple(before) if before is not None and set(before) == set(typed) else typed


def _budgets(typed: Typed, before: Policy, words: Words) -> list[dict[str, Any]]:
    known = before.budgets
    return [
        {
            **typed.names(f"{row}-name", known[place] if place < len(known) else None, words),
            "limit": typed.number(f"{row}-limit"),
            "seconds": typed.span(f"{row}-span"),
            "binds": typed.some(f"{row}-purposes", "purpose_missing"),
            "counts": _kept(
                typed.some(f"{row}-counts", "purpose_missing"), known[place].counts if place < len(known) else None
            ),
        }
        for place, row in typed.rows("budget", len(known), "name")
    ]


def _caps(typed: Typed, before: Policy, words: Words) -> list[dict[str, Any]]:
    known = before.caps
    return [
        {
            **typed.names(f"{row}-name", known[place] if place < len(known) else None, words),
            "most": typed.number(f"{row}-most"),
            "seconds": typed.span(f"{row}-span"),
            "purposes": typed.some(f"{row}-purposes", "purpose_missing"),
            "channels": _kept(typed.list(f"{row}-channels"), known[place].channels if place < len(known) else None)
            or None,
            "staff": typed.on(f"{row}-staff"),
        }
        for place, row in typed.rows("cap", len(known), "name")
    ]


def _quiets(typed: Typed, before: Policy) -> list[dict[str, Any]]:
    known, found = before.quiet, []
    for place, row in typed.rows("quiet", len(known), "from"):
        days = typed.list(f"{row}-weekdays")
        if not days and not typed.on(f"{row}-holidays"):
            raise BadRequest("Choose a day.", code="weekday_missing", field=f"{row}-weekdays")
        chosen = typed.some(f"{row}-channels", "channel_missing")
        found.append(
            {
                "channels": _kept(chosen, known[place].channels if place < len(known) else None),
                "from": typed.clock(f"{row}-from"),
                "until": typed.clock(f"{row}-until"),
                "weekdays": None if set(days) == set(DAYS) else days,
                "holidays": typed.on(f"{row}-holidays"),
            }
        )
    return found


def policy_of(typed: Typed, before: Policy, words: Words) -> Policy:
    """The policy a form says; what it does not show stays as it was. Raises BadRequest, BadPolicy."""
    places = dict.fromkeys(typed.text(f"fallback-{place}") for place in range(len(ALL)))
    if not any(places):
        raise BadRequest("A message that names no channel needs one.", code="channel_missing", field="fallback-0")
    plain: dict[str, Any] = msgspec.to_builtins(before) | {
        "weights": {one: typed.number(f"weight-{one}", otherwise=before.weights.get(one, 1)) for one in ALL},
        "budgets": _budgets(typed, before, words),
        "caps": _caps(typed, before, words),
        "quiet": _quiets(typed, before),
        "help": {
            **{name: typed.on(f"help-{name}") for name in ("enabled", "complaints", "late_orders")},
            "settled_seconds": typed.span("help-settled") if typed.text("help-settled") else 0,
            "csat_least": typed.number("help-csat_least", least=1, most=5),
            "nps_most": typed.number("help-nps_most", most=10, otherwise=-1) if typed.text("help-nps_most") else -1,
            "csat_most": typed.number("help-csat_most", most=5),
            "score_seconds": typed.span("help-score"),
            "late_seconds": typed.span("help-late"),
        },
        "preferring": {
            "stated": typed.on("stated"),
            "learned": typed.on("learned"),
            "answers_least": typed.number("answers_least", least=1, most=100),
        },
        "fallback": [one for one in places if one],
        "sharing": _kept(typed.list("sharing"), before.sharing),
        "consent_also": _kept(typed.list("consent_also"), before.consent_also),
        "patience_seconds": typed.span("patience"),
        "give_way": typed.on("give_way"),
    }
    try:
        return msgspec.convert(plain, Policy)
    except msgspec.ValidationError as error:
        raise BadPolicy(str(error)) from None


ROW_FIELDS = ("name", "limit", "most", "span", "span_unit", "from", "until")


def _chosen(choices_: Sequence[Choice], typed: Typed, name: str) -> list[Choice]:
    marked = typed.list(name)
    return [msgspec.structs.replace(one, selected=one.value in marked) for one in choices_]


def _refill(row: PolicyField, typed: Typed) -> PolicyField:
    return msgspec.structs.replace(
        row,
        values={one: typed.text(f"{row.name}-{one}") for one in ROW_FIELDS},
        channels=_chosen(row.channels, typed, f"{row.name}-channels"),
        purposes=_chosen(row.purposes, typed, f"{row.name}-purposes"),
        counts=_chosen(row.counts, typed, f"{row.name}-counts"),
        removed=typed.on(f"{row.name}-remove"),
        weekdays=_chosen(row.weekdays, typed, f"{row.name}-weekdays"),
        flags={one: typed.on(f"{row.name}-{one}") for one in row.flags},
    )


def refilled(form: PolicyForm, typed: Typed, problem: Problem) -> PolicyForm:
    """The form as it was sent, with what is wrong with it."""
    helping, besides = form.help, form.besides
    return msgspec.structs.replace(
        form,
        weights=[(one, label, typed.text(f"weight-{one}")) for one, label, _ in form.weights],
        budgets=[_refill(row, typed) for row in form.budgets],
        caps=[_refill(row, typed) for row in form.caps],
        quiet=[_refill(row, typed) for row in form.quiet],
        help=msgspec.structs.replace(
            helping,
            values={one: typed.text(one) for one in helping.values},
            flags={one: typed.on(f"help-{one}") for one in helping.flags},
        ),
        besides=msgspec.structs.replace(
            besides,
            values={one: typed.text(one) for one in besides.values},
            flags={one: typed.on(one) for one in besides.flags},
            channels=_chosen(besides.channels, typed, "sharing"),
            purposes=_chosen(besides.purposes, typed, "consent_also"),
        ),
        fallback=[
            [msgspec.structs.replace(one, selected=one.value == typed.text(f"fallback-{place}")) for one in known]
            for place, known in enumerate(form.fallback)
        ],
        reason=typed.text("reason"),
        problem=problem,
    )
