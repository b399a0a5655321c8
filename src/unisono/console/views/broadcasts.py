"""Broadcasts in words: the review before the launch, the funnel after it, why some were not written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unisono.console import links
from unisono.console.contexts import Badge, Tile, Tone
from unisono.console.contexts.sends import BroadcastRow, FunnelStep, Reach, WhyRow
from unisono.console.views.saying import channel_name, channel_names, day, instant, purpose_name, reason_words, span
from unisono.console.words import Words
from unisono.engagement.broadcasts.model import (
    Broadcast,
    BroadcastAudience,
    BroadcastInput,
    BroadcastProgress,
    BroadcastSchedule,
    WhyNot,
)
from unisono.kit.marking import N_
from unisono.kit.money import format_money

PHASES: dict[str, tuple[str, Tone]] = {
    "draft": (N_("draft"), "neutral"),
    "scheduled": (N_("scheduled"), "neutral"),
    "planning": (N_("being planned"), "good"),
    "running": (N_("running"), "good"),
    "paused": (N_("paused"), "warning"),
    "stopped": (N_("stopped"), "off"),
    "finished": (N_("finished"), "neutral"),
}
"""Where a broadcast stands -> its word and tone; English msgids."""

STATUSES = ("draft", "scheduled", "running", "paused", "stopped")

STEPS: dict[str, tuple[tuple[str, str], ...]] = {
    "scheduled": (("unschedule", N_("Take it back")), ("pause", N_("Pause")), ("stop", N_("Stop for good"))),
    "planning": (("pause", N_("Pause")), ("stop", N_("Stop for good"))),
    "running": (("pause", N_("Pause")), ("stop", N_("Stop for good"))),
    "paused": (("resume", N_("Go on")), ("stop", N_("Stop for good"))),
}
"""What can be pressed in a phase; English msgids."""

MOVING = ("scheduled", "planning", "running")


def badge_of(one: Broadcast, words: Words) -> Badge:
    """Where it stands."""
    text, tone = PHASES[one.phase]
    return Badge(text=words.gettext(text), tone=tone)


def when_text(schedule: BroadcastSchedule, words: Words) -> str:
    """When it begins, in words."""
    if schedule.local is not None:
        return words.gettext("%(day)s at %(time)s by each person's own clock") % {
            "day": day(schedule.local.date, words),
            "time": schedule.local.time,
        }
    if schedule.at is not None:
        return instant(schedule.at, words)
    return words.gettext("as soon as it is launched")


def sentence(one: Broadcast, segment: str, template: str, words: Words) -> str:
    """What it does, in one sentence."""
    values = {
        "template": template,
        "segment": segment or words.gettext("nobody yet"),
        "channels": channel_names(one.channels, words),
        "when": when_text(one.schedule, words),
    }
    return words.gettext("“%(template)s” to everybody in “%(segment)s”, by %(channels)s, %(when)s.") % values


def facts(one: Broadcast, words: Words) -> list[tuple[str, str]]:
    """What else is set."""
    _ = words.gettext
    profiled = {True: _("Yes"), False: _("No"), None: _("if the segment asks what people did")}[one.profiled]
    found = [
        (_("What for"), purpose_name(one.purpose, words)),
        (_("Priority"), str(one.priority)),
        (_("Of use for"), span(one.not_after_seconds, words)),
        (_("Chosen by what people did"), profiled),
        (_("Only who is still in the segment then"), _("Yes") if one.require_member else _("No")),
    ]
    if one.category:
        found.append((_("About"), one.category))
    if one.segment_version is not None:
        found.append((_("Version of the segment"), str(one.segment_version)))
    if one.template_version is not None:
        found.append((_("Version of the template"), str(one.template_version)))
    if one.snapshot_at is not None:
        found.append((_("Audience fixed"), instant(one.snapshot_at, words)))
    found.append((_("Made by"), one.created_by))
    return found


def _share(part: int, whole: int) -> float:
    return round(part * 100 / whole, 1) if whole else 0.0


def why_rows(found: Sequence[WhyNot], whole: int, words: Words, code: str = "") -> list[WhyRow]:
    """Why not, most first; each leads to its people."""
    return [
        WhyRow(
            text=reason_words(one.reason, words),
            count=one.people,
            share=_share(one.people, whole),
            href=links.with_query(links.OUTBOX, {"broadcast": code, "state": one.state, "reason": one.reason.code})
            if code
            else None,
        )
        for one in found
    ]


def reach_of(found: BroadcastAudience, words: Words) -> Reach:
    """Whom it would reach."""
    _, whole = words.gettext, found.members

    def step(label: str, count: int) -> FunnelStep:
        return FunnelStep(label=label, count=count, share=_share(count, whole))

    return Reach(
        audience=whole,
        looked_at=found.sample,
        funnel=[
            step(_("In the segment"), whole),
            step(_("Get it at once"), found.now),
            step(_("Get it later"), found.later),
            step(_("Do not get it"), found.never),
        ],
        channels=[
            step(channel_name(channel, words), count)
            for channel, count in sorted(found.channels.items(), key=lambda item: -item[1])
        ],
        why=why_rows(found.why_not, whole, words),
    )


def funnel_of(found: BroadcastProgress, code: str, words: Words) -> list[FunnelStep]:
    """From the audience to who clicked; each step leads to its messages."""
    _ = words.gettext
    steps = [
        (_("Audience"), found.audience, ""),
        (_("Decided"), found.decided, None),
        (_("Sent"), found.sent, "accepted"),
        (_("Delivered"), found.delivered, None),
        (_("Opened"), found.opened, None),
        (_("Clicked"), found.clicked, None),
    ]
    return [
        FunnelStep(
            label=label,
            count=count,
            share=_share(count, found.audience),
            href=None if state is None else links.with_query(links.OUTBOX, {"broadcast": code, "state": state}),
        )
        for label, count, state in steps
    ]


def tiles_of(found: BroadcastProgress, currency: str, words: Words) -> list[Tile]:
    """The figures of the strip."""
    _ = words.gettext
    return [
        Tile(label=_("Waiting"), value=found.waiting, knowledge="known" if found.waiting else "zero"),
        Tile(label=_("Not sent"), value=found.not_sent, knowledge="known" if found.not_sent else "zero"),
        Tile(label=_("Failed after leaving"), value=found.failed, tone="warning" if found.failed else "neutral"),
        Tile(label=_("Cost"), value=format_money(found.cost_minor, currency, words.language)),
    ]


def list_row(
    one: Broadcast, progress: BroadcastProgress, segments: Mapping[str, str], templates: Mapping[str, str], words: Words
) -> BroadcastRow:
    """A broadcast of the list."""
    return BroadcastRow(
        name=one.name,
        href=links.broadcast(one.code),
        badge=badge_of(one, words),
        audience=segments.get(one.segment or "", one.segment or words.gettext("nobody yet")),
        template=templates.get(one.template, one.template),
        when=one.starts_at,
        when_text="" if one.starts_at else when_text(one.schedule, words),
        planned=progress.audience,
        sent=progress.sent,
        clicked=progress.clicked,
    )


# The form -----------------------------------------------------------------------------------------------


def values_of(one: Broadcast) -> dict[str, Any]:
    """A broadcast as the fields of its form."""
    return {
        "name": one.name,
        "code": one.code,
        "segment": one.segment or "",
        "template": one.template,
        "purpose": one.purpose,
        "priority": str(one.priority),
        "category": one.category or "",
        "hours": str(max(1, one.not_after_seconds // 3600)),
        "require_member": "yes" if one.require_member else "",
        "profiled": {True: "yes", False: "no", None: ""}[one.profiled],
        "version": str(one.version),
    }


def input_of(one: Broadcast) -> BroadcastInput:
    """A broadcast as it was written."""
    return BroadcastInput(
        name=one.name,
        segment=one.segment,
        template=one.template,
        channels=one.channels,
        purpose=one.purpose,
        priority=one.priority,
        category=one.category,
        profiled=one.profiled,
        require_member=one.require_member,
        not_after_seconds=one.not_after_seconds,
        schedule=one.schedule,
        data=one.data,
    )


def schedule_values(schedule: BroadcastSchedule, text: str) -> dict[str, str]:
    """A schedule as the fields of its form; ``text`` is its instant for a field."""
    if schedule.local is not None:
        return {"when": "local", "day": schedule.local.date.isoformat(), "time": schedule.local.time}
    return {"when": "at", "at": text} if schedule.at is not None else {"when": "now"}
