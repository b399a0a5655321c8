"""The contact policy as a form, and back: rows with a name count, a row whose name is emptied is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from babel.dates import get_day_names

from unisono.console.contexts import Choice, Problem
from unisono.console.contexts.sends import PolicyField, PolicyForm
from unisono.console.views.commerce import whole_typed
from unisono.console.views.saying import CHANNELS, PURPOSES, channel_names, choices
from unisono.console.words import Words
from unisono.engagement.channels.model import CHANNELS as ALL
from unisono.engagement.policy.checking import BadPolicy
from unisono.engagement.policy.model import Budget, Cap, Policy, Quiet
from unisono.kit.errors import BadRequest
from unisono.kit.reasons import DAYS

DAY = 86_400
HOUR = 3600
BINDABLE = ("marketing", "service")
MOST_ROWS = 30


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
        """Seconds of a number and its unit."""
        return self.number(name, least=1, most=366 * 24) * (HOUR if self.text(f"{name}_unit") == "hours" else DAY)

    def on(self, name: str) -> bool:
        """A check box."""
        return self.text(name) == "yes"


def _split(seconds: int) -> tuple[str, str]:
    """A length of time as a number and its unit; what is no whole hour is rounded up."""
    if seconds % DAY == 0:
        return str(seconds // DAY), "days"
    return str(-(-seconds // HOUR)), "hours"


def _channels(chosen: Sequence[str] | None, words: Words) -> list[Choice]:
    return choices(CHANNELS, chosen or (), words, ALL)


def _span_values(name: str, seconds: int) -> dict[str, str]:
    number, unit = _split(seconds)
    return {name: number, f"{name}_unit": unit}


def _budget(number: int, one: Budget | None, words: Words) -> PolicyField:
    values = {"name": one.name, "limit": str(one.limit)} if one else {}
    return PolicyField(
        name=f"budget-{number}",
        values=values | (_span_values("span", one.seconds) if one else {"span": "7"}),
        purposes=choices(PURPOSES, one.binds if one else ("marketing",), words, BINDABLE),
        new=one is None,
    )


def _cap(number: int, one: Cap | None, words: Words) -> PolicyField:
    values = {"name": one.name, "most": str(one.most)} if one else {}
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
        "help-settled": str(rules.settled_seconds // HOUR),
    }
    flags = {name: getattr(rules, name) for name in ("enabled", "complaints", "late_orders")}
    others = {
        "fallback": ", ".join(policy.fallback),
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
    )


def _budgets(typed: Typed, before: Policy) -> list[dict[str, Any]]:
    kept = {one.name: one for one in before.budgets}
    found = []
    for number in range(MOST_ROWS):
        row = f"budget-{number}"
        name = typed.text(f"{row}-name")
        if name:
            counted = kept[name].counts if name in kept else Budget(name=name, limit=0, seconds=1).counts
            found.append(
                {
                    "name": name,
                    "limit": typed.number(f"{row}-limit"),
                    "seconds": typed.span(f"{row}-span"),
                    "binds": typed.list(f"{row}-purposes"),
                    "counts": counted,
                }
            )
    return found


def _kept(typed: tuple[str, ...], before: Sequence[str] | None) -> tuple[str, ...]:
    """The same names are the same list, in whichever order a form sends them."""
    return tuple(before) if before is not None and set(before) == set(typed) else typed


def _caps(typed: Typed, before: Policy) -> list[dict[str, Any]]:
    kept = {one.name: one.channels for one in before.caps}
    found = []
    for number in range(MOST_ROWS):
        row = f"cap-{number}"
        name = typed.text(f"{row}-name")
        if name:
            found.append(
                {
                    "name": name,
                    "most": typed.number(f"{row}-most"),
                    "seconds": typed.span(f"{row}-span"),
                    "purposes": typed.list(f"{row}-purposes"),
                    "channels": _kept(typed.list(f"{row}-channels"), kept.get(name)) or None,
                    "staff": typed.on(f"{row}-staff"),
                }
            )
    return found


def _quiets(typed: Typed, before: Policy) -> list[dict[str, Any]]:
    found = []
    for number in range(MOST_ROWS):
        row = f"quiet-{number}"
        begin = typed.text(f"{row}-from")
        if begin:
            days = typed.list(f"{row}-weekdays")
            found.append(
                {
                    "channels": _kept(
                        typed.list(f"{row}-channels"),
                        before.quiet[number].channels if number < len(before.quiet) else None,
                    ),
                    "from": begin,
                    "until": typed.text(f"{row}-until"),
                    "weekdays": None if set(days) == set(DAYS) else days,
                    "holidays": typed.on(f"{row}-holidays"),
                }
            )
    return found


def policy_of(typed: Typed, before: Policy) -> Policy:
    """The policy a form says; what it does not show stays as it was. Raises BadRequest, BadPolicy."""
    named = [one.strip() for one in typed.text("fallback").replace(";", ",").split(",") if one.strip()]
    plain: dict[str, Any] = msgspec.to_builtins(before) | {
        "weights": {one: typed.number(f"weight-{one}", otherwise=before.weights.get(one, 1)) for one in ALL},
        "budgets": _budgets(typed, before),
        "caps": _caps(typed, before),
        "quiet": _quiets(typed, before),
        "help": {
            **{name: typed.on(f"help-{name}") for name in ("enabled", "complaints", "late_orders")},
            "settled_seconds": typed.number("help-settled", most=366 * 24) * HOUR,
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
        "fallback": named,
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
        reason=typed.text("reason"),
        problem=problem,
    )
