"""The words of what is sent: channels, purposes, states, lengths of time; and a decision as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from babel.dates import format_date, format_datetime

from unisono.console.contexts import Badge, Choice, Tone
from unisono.console.contexts.sends import DecisionCard, VerdictRow
from unisono.console.words import Words
from unisono.engagement.policy.model import Decision, Trouble, Verdict
from unisono.engagement.policy.words import muted
from unisono.kit import names
from unisono.kit.marking import N_
from unisono.kit.reasons import Reason, in_words

CHANNELS = names.CHANNELS

LINES: dict[str, str] = {
    "web_push": "web",
    "onsite": "web",
    "ads": "web",
    "app_push": "app",
    "mail": "store",
    "clerk": "store",
    "till": "store",
    "call": "service",
    "chat": "service",
}
"""Line of the staff a channel is drawn on; the rest are messages."""

PURPOSES: dict[str, str] = {
    "marketing": N_("Marketing"),
    "transactional": N_("About a purchase"),
    "service": N_("Service"),
    "staff": N_("Said by staff"),
}
"""Purposes of messages; English msgids."""

ORIGINS: dict[str, str] = {
    "api": N_("Programs"),
    "console": N_("The console"),
    "broadcast": N_("Broadcasts"),
    "notice": N_("Notices"),
    "system": N_("Unisono"),
    "journey": N_("Journeys"),
}
"""Where a message comes from; English msgids."""

OUTCOMES: dict[str, tuple[str, Tone]] = {
    "send": (N_("goes"), "good"),
    "hold": (N_("waits"), "warning"),
    "skip": (N_("does not go"), "off"),
}
"""What the policy answers of a channel; English msgids."""

DAY = 86_400
HOUR = 3600

DECIDED: dict[str, tuple[str, Tone]] = {
    "send": (N_("It goes"), "good"),
    "hold": (N_("It waits"), "warning"),
    "skip": (N_("It is not sent"), "neutral"),
}


def channel_name(channel: str, words: Words) -> str:
    """A channel's name."""
    return words.gettext(CHANNELS.get(channel, channel))


def channel_names(channels: Iterable[str], words: Words) -> str:
    """Channels in one line."""
    return ", ".join(channel_name(one, words) for one in channels)


def purpose_name(purpose: str, words: Words) -> str:
    """A message's purpose."""
    return words.gettext(PURPOSES.get(purpose, purpose))


def choices(
    known: Mapping[str, str], chosen: str | Iterable[str], words: Words, only: Iterable[str] | None = None
) -> list[Choice]:
    """What can be chosen, in the order of ``known`` (or of ``only``)."""
    marked = {chosen} if isinstance(chosen, str) else set(chosen)
    names = known if only is None else only
    return [Choice(value=name, label=words.gettext(known.get(name, name)), selected=name in marked) for name in names]


def span(seconds: int, words: Words) -> str:
    """A length of time in whole days, hours or minutes: "7 days"."""
    if seconds >= DAY and seconds % DAY == 0:
        return words.ngettext("%(num)s day", "%(num)s days", seconds // DAY)
    if seconds >= HOUR and seconds % HOUR == 0:
        return words.ngettext("%(num)s hour", "%(num)s hours", seconds // HOUR)
    if seconds % 60 == 0:
        return words.ngettext("%(num)s minute", "%(num)s minutes", seconds // 60)
    return words.ngettext("%(num)s second", "%(num)s seconds", seconds)


def _locale(words: Words) -> str:
    return "en_GB" if words.language == "en" else words.language


def instant(at: datetime, words: Words) -> str:
    """An instant written out, in the reader's zone."""
    return str(format_datetime(at, "EEE d MMM, HH:mm", tzinfo=words.zone, locale=_locale(words)))


def day(on: date, words: Words) -> str:
    """A day written out."""
    return str(format_date(on, "EEE d MMM", locale=_locale(words)))


def reason_words(reason: Reason, words: Words) -> str:
    """A reason in the reader's words."""
    return in_words(reason, words.language, words.zone.key)


def decision_of(kept: Mapping[str, Any] | None) -> Decision | None:
    """A stored decision; None when there was none, or only what delivery found."""
    if not kept or "outcome" not in kept:
        return None
    try:
        return msgspec.convert(dict(kept), Decision)
    except msgspec.ValidationError:
        # An older version's decision may lack what this one shows; the ledger keeps it all the same.
        return None


def decision_card(decision: Decision, words: Words) -> DecisionCard:
    """A decision with what it was made from."""
    text, tone = DECIDED[decision.outcome]
    said = words.gettext(text)
    if decision.outcome == "send" and decision.channel:
        said = words.gettext("It goes by %(channel)s") % {"channel": channel_name(decision.channel, words)}
    first = decision.reasons[:1]
    return DecisionCard(
        badge=Badge(text=said, tone=tone),
        reasons=first,
        verdicts=[_verdict(one, words) for one in decision.channels],
        facts=_facts(decision, words),
        at=decision.at,
        hold_until=decision.hold_until,
        policy_version=decision.policy_version,
    )


def _verdict(one: Verdict, words: Words) -> VerdictRow:
    text, tone = OUTCOMES[one.outcome]
    return VerdictRow(
        channel=channel_name(one.channel, words),
        badge=Badge(text=words.gettext(text), tone=tone if one.outcome != "skip" else "neutral"),
        reasons=one.reasons,
        until=one.until,
        weight=one.weight,
    )


def _facts(decision: Decision, words: Words) -> list[tuple[str, str]]:
    """What was used, in words."""
    _, used = words.gettext, msgspec.to_builtins(decision.facts)
    found: list[tuple[str, str]] = []
    zone = used.get("zone")
    if used.get("local_time"):
        name = zone.get("name", "") if isinstance(zone, dict) else ""
        local = datetime.fromisoformat(used["local_time"])
        told = format_datetime(local, "EEE d MMM, HH:mm", locale=_locale(words))
        found.append((_("The person's clock"), f"{told} {name}"))
    for limit in used.get("limits") or ():
        label = _("Budget %(name)s") if limit["kind"] == "budget" else _("Cap %(name)s")
        text = _("%(used)s of %(limit)s in %(span)s") % {
            "used": limit["used"],
            "limit": limit["limit"],
            "span": span(limit["seconds"], words),
        }
        found.append((label % {"name": words.gettext(limit.get("label") or limit["name"])}, text))
    found += _preferred(used.get("preferred") or {}, words)
    found += [(_("Trouble with us"), _trouble(one, words)) for one in used.get("troubles") or ()]
    planned = used.get("planned") or ()
    if planned:
        found.append((_("Other messages planned"), str(len(planned))))
    if used.get("public_holiday"):
        found.append((_("Public holiday"), _("Yes")))
    return found


def _preferred(said: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    found = []
    if said.get("stated"):
        found.append((words.gettext("Channel they asked for"), channel_name(said["stated"], words)))
    if said.get("learned"):
        found.append((words.gettext("Channel they answer on"), channel_name(said["learned"], words)))
    return found


def _trouble(one: Any, words: Words) -> str:
    try:
        return reason_words(muted(msgspec.convert(one, Trouble)), words)
    except msgspec.ValidationError:
        return str(one.get("kind", "")) if isinstance(one, dict) else ""
