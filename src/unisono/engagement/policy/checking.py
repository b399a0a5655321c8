"""Whether a policy makes sense, before it counts for everybody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.policy.model import Budget, Cap, Policy, Quiet
from unisono.kit.errors import BadRequest
from unisono.kit.localtime import Hours, resume_after_quiet

MOST_RULES = 100
"""Budgets, caps or quiet hours a policy may have of each."""

_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


class BadPolicy(BadRequest):
    """A contact policy contradicts itself or names what there is not."""

    code = "bad_policy"
    title = "The contact policy is not valid"


def check(policy: Policy) -> None:
    """Every mistake at once. Raises BadPolicy."""
    problems = [*_counts(policy), *_channels(policy), *_limits(policy), *_hours(policy)]
    if problems:
        raise BadPolicy(" ".join(problems))


def _counts(policy: Policy) -> Iterable[str]:
    for name, rules in (("budgets", policy.budgets), ("caps", policy.caps), ("quiet", policy.quiet)):
        if len(rules) > MOST_RULES:
            yield f"{name}: at most {MOST_RULES}."


def _channels(policy: Policy) -> Iterable[str]:
    places: list[tuple[str, Iterable[str]]] = [
        ("weights", policy.weights),
        ("fallback", policy.fallback),
        ("consent_also", policy.consent_also),
        ("sharing", policy.sharing),
        *((f"caps.{cap.name}", cap.channels or ()) for cap in policy.caps),
        *((f"quiet {quiet.from_}-{quiet.until}", quiet.channels) for quiet in policy.quiet),
    ]
    for place, channels in places:
        unknown = sorted(channel[:40] for channel in channels if channel not in CHANNELS)
        if unknown:
            yield f"{place}: there is no channel {', '.join(unknown)}; there are {', '.join(CHANNELS)}."


def _limits(policy: Policy) -> Iterable[str]:
    names = [rule.name for rule in policy.budgets] + [rule.name for rule in policy.caps]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield f"Two budgets or caps are called {', '.join(twice)}."
    for cap in policy.caps:
        if "transactional" in cap.purposes or not cap.purposes:
            yield f"caps.{cap.name}: a cap is for marketing or service; what was ordered is never capped."
    limits: list[Budget | Cap] = [*policy.budgets, *policy.caps]
    for limit in limits:
        if not limit.label.isprintable() or limit.label != limit.label.strip():
            yield f"{limit.name}: a label is one line of text."
    for budget in policy.budgets:
        if not budget.counts:
            yield f"budgets.{budget.name}: a budget counts something: marketing, service, transactional or staff."
        if "transactional" in budget.binds or not budget.binds:
            yield f"budgets.{budget.name}: a budget binds marketing or service; what was ordered is never bound."


def _hours(policy: Policy) -> Iterable[str]:
    if any(quiet.from_ == "24:00" for quiet in policy.quiet):
        yield "quiet: hours begin at 00:00 of a day, not at 24:00 of the one before."
        return
    for channel in sorted({channel for quiet in policy.quiet for channel in quiet.channels}):
        hours = [hours_of(quiet) for quiet in policy.quiet if channel in quiet.channels]
        if resume_after_quiet(_MONDAY, ZoneInfo("UTC"), hours, _never) is None:
            yield f"quiet: on {channel} the quiet hours never end."


def _never(day: date) -> bool:
    return False


def hours_of(quiet: Quiet) -> Hours:
    """Quiet hours as the clock understands them."""
    weekdays = frozenset(quiet.weekdays) if quiet.weekdays is not None else None
    return Hours(quiet.from_, quiet.until, weekdays, quiet.holidays)
