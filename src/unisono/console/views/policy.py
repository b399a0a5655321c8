"""The contact policy in words, and its quiet hours as a drawn week."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from babel.dates import get_day_names

from unisono.console.contexts import sends
from unisono.console.views.saying import CHANNELS, PURPOSES, channel_name, channel_names, span
from unisono.console.words import Words
from unisono.engagement.policy.model import Budget, Cap, Policy, PolicyVersion, Quiet
from unisono.engagement.policy.reading import differences
from unisono.engagement.policy.words import label_of
from unisono.kit.marking import N_
from unisono.kit.reasons import DAYS

MOST_NAMED = 4
"""Channels a sentence names before it counts them."""

MOST_CHANGES = 12

PARTS: dict[str, str] = {
    "weights": N_("Weight"),
    "budgets": N_("Budget"),
    "caps": N_("Cap"),
    "quiet": N_("Quiet hours"),
    "help": N_("Sell or help"),
    "preferring": N_("Preferred channel"),
    "fallback": N_("Order of channels"),
    "consent_also": N_("Consent asked for here too"),
    "sharing": N_("Channels that share data"),
    "patience_seconds": N_("How long a message may wait"),
    "give_way": N_("Lesser messages give way"),
}
"""Parts of a policy -> their names; English msgids."""

VALUES: dict[str, str] = {
    "label": N_("Name"),
    "limit": N_("Weights"),
    "most": N_("At most"),
    "seconds": N_("In"),
    "counts": N_("What weighs in it"),
    "binds": N_("Binds"),
    "purposes": N_("Purposes"),
    "channels": N_("Channels"),
    "staff": N_("calls and words of ours count too"),
    "from": N_("From"),
    "until": N_("Until"),
    "weekdays": N_("Beginning on"),
    "holidays": N_("and on public holidays"),
    "enabled": N_("promotion is mute while a person has trouble with us"),
    "complaints": N_("complaints count"),
    "late_orders": N_("late orders count"),
    "settled_seconds": N_("Rest after a complaint is closed"),
    "csat_least": N_("Settled well from (1 to 5)"),
    "nps_most": N_("Recommends us not, up to (0 to 10)"),
    "csat_most": N_("Not satisfied, up to (0 to 5)"),
    "score_seconds": N_("A bad score counts for"),
    "late_seconds": N_("A late order counts for"),
    "stated": N_("the channel the person asked for"),
    "learned": N_("the channel they answer on"),
    "answers_least": N_("Answers it takes"),
}
"""Values of a rule -> what they are called in the form; English msgids."""


def _named(names: Iterable[str], known: dict[str, str], words: Words) -> str:
    return ", ".join(words.gettext(known.get(name, name)) for name in names)


def _some(channels: Sequence[str], words: Words) -> str:
    """Channels named, or counted when they are many."""
    if len(channels) <= MOST_NAMED:
        return channel_names(channels, words)
    rest = words.ngettext("%(num)s more", "%(num)s more", len(channels) - MOST_NAMED)
    return f"{channel_names(channels[:MOST_NAMED], words)}, {rest}"


def budget_row(one: Budget, words: Words) -> sends.LimitRow:
    """A budget as a sentence."""
    sentence = words.gettext("%(limit)s weights in any %(span)s") % {
        "limit": one.limit,
        "span": span(one.seconds, words),
    }
    note = words.gettext("counts: %(counts)s; binds: %(binds)s") % {
        "counts": _named(one.counts, PURPOSES, words),
        "binds": _named(one.binds, PURPOSES, words),
    }
    return sends.LimitRow(name=words.gettext(label_of(one)), sentence=sentence, note=note)


def cap_row(one: Cap, words: Words) -> sends.LimitRow:
    """A cap as a sentence."""
    sentence = words.gettext("at most %(most)s in any %(span)s: %(purposes)s") % {
        "most": one.most,
        "span": span(one.seconds, words),
        "purposes": _named(one.purposes, PURPOSES, words),
    }
    where = _some(one.channels, words) if one.channels else words.gettext("every channel together")
    staff = words.gettext("calls and words of ours count too") if one.staff else ""
    return sends.LimitRow(
        name=words.gettext(label_of(one)), sentence=sentence, note="; ".join(part for part in (where, staff) if part)
    )


def _hours(clock: str) -> float:
    hour, minute = clock.split(":")
    return int(hour) + int(minute) / 60


def _bars(rules: Sequence[Quiet], day: int) -> list[sends.QuietBar]:
    """The quiet stretches of one weekday (0 is Monday), what began the evening before included; joined where they
    touch."""
    found: list[tuple[float, float]] = []
    for rule in rules:
        begin, end = _hours(rule.from_), _hours(rule.until)
        over = end <= begin
        if rule.weekdays is None or DAYS[day] in rule.weekdays:
            found.append((begin, 24.0 if over else end))
        if over and end > 0 and (rule.weekdays is None or DAYS[day - 1] in rule.weekdays):
            found.append((0.0, end))
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(found):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return [sends.QuietBar(start=begin, end=end) for begin, end in joined]


def _clock(hours: float) -> str:
    return f"{int(hours):02}:{round(hours % 1 * 60):02}"


def weeks(policy: Policy, words: Words) -> list[sends.QuietWeek]:
    """One drawn week for each group of channels with the same hours."""
    rules_of: dict[str, list[Quiet]] = {}
    for rule in policy.quiet:
        for channel in rule.channels:
            rules_of.setdefault(channel, []).append(rule)
    groups: list[tuple[list[str], list[Quiet]]] = []
    for channel, rules in rules_of.items():
        same = next((group for group in groups if group[1] == rules), None)
        if same is None:
            groups.append(([channel], rules))
        else:
            same[0].append(channel)
    return [_week(channels, rules, words) for channels, rules in groups]


def _week(channels: Sequence[str], rules: Sequence[Quiet], words: Words) -> sends.QuietWeek:
    names = get_day_names("abbreviated", locale=words.language)
    days = []
    for day in range(7):
        bars = _bars(rules, day)
        text = ", ".join(f"{_clock(bar.start)}–{_clock(bar.end)}" for bar in bars) or words.gettext("never quiet")
        days.append(sends.QuietDay(label=str(names[day]), bars=bars, text=text))
    special = [rule for rule in rules if rule.holidays]
    holidays = ""
    if special:
        hours = ", ".join(f"{rule.from_}–{rule.until}" for rule in special)
        holidays = words.gettext("on public holidays: %(hours)s") % {"hours": hours}
    return sends.QuietWeek(channels=channel_names(channels, words), days=days, holidays=holidays)


def helps(policy: Policy, words: Words) -> list[str]:
    """When promotion is mute."""
    _, rules = words.gettext, policy.help
    found = []
    if rules.complaints:
        found.append(_("a complaint is open"))
        if rules.settled_seconds:
            found.append(
                _("a complaint was closed less than %(span)s ago") % {"span": span(rules.settled_seconds, words)}
            )
        found.append(
            _("how it was settled was judged below %(score)s of 5, for %(span)s")
            % {"score": rules.csat_least, "span": span(rules.score_seconds, words)}
        )
    if rules.late_orders:
        found.append(_("an order is late, for %(span)s at most") % {"span": span(rules.late_seconds, words)})
    if rules.nps_most >= 0:
        values = {"score": rules.nps_most, "span": span(rules.score_seconds, words)}
        found.append(_("they would not recommend us: %(score)s or less of 10, for %(span)s") % values)
    if rules.csat_most > 0:
        values = {"score": rules.csat_most, "span": span(rules.score_seconds, words)}
        found.append(_("they were not satisfied: %(score)s or less of 5, for %(span)s") % values)
    return found


def prefers(policy: Policy, words: Words) -> list[str]:
    """Which channel goes first."""
    _, rules, found = words.gettext, policy.preferring, []
    if rules.stated:
        found.append(_("the channel the person asked for"))
    if rules.learned:
        found.append(
            words.ngettext(
                "the channel they answer on (%(num)s answer at least)",
                "the channel they answer on (%(num)s answers at least)",
                rules.answers_least,
            )
        )
    found.append(_("the author's order"))
    return found


def besides(policy: Policy, words: Words) -> list[tuple[str, str]]:
    """What else it says."""
    _ = words.gettext
    yes, no = _("Yes"), _("No")
    return [
        (_("Order of channels when a message names none"), channel_names(policy.fallback, words)),
        (_("How long a message may wait"), span(policy.patience_seconds, words)),
        (_("A lesser message leaves room for a weightier one"), yes if policy.give_way else no),
        (_("Channels that need the consent to third parties"), channel_names(policy.sharing, words) or _("none")),
        (_("Channels that need a consent here too"), channel_names(policy.consent_also, words) or _("none")),
    ]


def _written(value: Any, path: str, words: Words) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return words.gettext("Yes") if value else words.gettext("No")
    if isinstance(value, int) and path.endswith("seconds"):
        return span(value, words)
    if isinstance(value, (list, tuple)) and path.endswith("weekdays"):
        names = get_day_names("abbreviated", locale=words.language)
        return ", ".join(str(names[DAYS.index(day)]) for day in value) or "–"
    if isinstance(value, (list, tuple)):
        return (
            ", ".join(words.gettext(CHANNELS.get(str(one), PURPOSES.get(str(one), str(one)))) for one in value) or "–"
        )
    return str(value)


def _what(path: str, words: Words) -> str:
    part, *rest = path.replace("[", ".").replace("]", "").split(".")
    name = words.gettext(PARTS.get(part, part))
    if part == "weights":
        return f"{name} {channel_name('.'.join(rest), words)}"
    if part == "quiet" and rest:
        rest[0] = str(int(rest[0]) + 1)
    *above, last = rest or [""]
    value = words.gettext(VALUES.get(last, last.replace("_", " ")))
    return f"{name} {', '.join([*above, value])}".strip()


def _limits_told(before: Policy, after: Policy, words: Words) -> tuple[list[sends.PolicyChange], tuple[str, ...]]:
    """Budgets and caps that came or went as whole sentences, and the beginnings of the paths these stand for."""
    told, paths = [], []
    for kind, row in (("budgets", budget_row), ("caps", cap_row)):
        rows = [{one.name: row(one, words) for one in getattr(each, kind)} for each in (before, after)]
        for name in rows[0].keys() ^ rows[1].keys():
            old, new = (some[name].sentence if name in some else "–" for some in rows)
            label = (rows[0].get(name) or rows[1][name]).name
            told.append(sends.PolicyChange(what=f"{words.gettext(PARTS[kind])} {label}", before=old, after=new))
            paths.append(f"{kind}[{name}]")
    return sorted(told, key=lambda change: change.what), tuple(paths)


def _changes(before: Policy, after: Policy, words: Words) -> list[sends.PolicyChange]:
    told, paths = _limits_told(before, after, words)
    for change in differences(before, after):
        if not change.path.startswith(paths):
            told.append(
                sends.PolicyChange(
                    what=_what(change.path, words),
                    before=_written(change.before, change.path, words),
                    after=_written(change.after, change.path, words),
                )
            )
    return told[:MOST_CHANGES]


def version_rows(versions: Sequence[PolicyVersion], words: Words, *, current: int) -> list[sends.PolicyVersionRow]:
    """Versions, newest first, each with what it changed in the one before (the next of the list)."""
    rows = []
    for number, one in enumerate(versions):
        before = versions[number + 1] if number + 1 < len(versions) else None
        rows.append(
            sends.PolicyVersionRow(
                version=one.version,
                at=one.at,
                actor="" if one.actor == "unisono" else one.actor,
                reason=words.gettext(N_("The policy of the package.")) if one.version == 0 else one.reason,
                changes=_changes(before.policy, one.policy, words) if before else [],
                current=one.version == current,
            )
        )
    return rows


def policy_page(
    now: PolicyVersion, versions: Sequence[PolicyVersion], words: Words, *, yaml: str, can_write: bool, more: str | None
) -> sends.PolicyPage:
    """The policy that counts."""
    policy = now.policy
    heaviest = sorted(policy.weights.items(), key=lambda item: (-item[1], list(CHANNELS).index(item[0])))
    return sends.PolicyPage(
        version=now.version,
        budgets=[budget_row(one, words) for one in policy.budgets],
        caps=[cap_row(one, words) for one in policy.caps],
        weights=[(channel_name(channel, words), weight) for channel, weight in heaviest],
        weeks=weeks(policy, words),
        helps=helps(policy, words),
        helping=policy.help.enabled,
        prefers=prefers(policy, words),
        besides=besides(policy, words),
        versions=version_rows(versions, words, current=now.version)[: len(versions) - 1 if more else None],
        more_href=more,
        yaml=yaml,
        can_write=can_write,
    )
