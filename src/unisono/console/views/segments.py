"""Segments in lists and on their page, versions told apart, why somebody is in or is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views.people import display_name
from unisono.console.views.segment_parts import REACHED
from unisono.console.words import Words
from unisono.customers.segments.counting import Numbers, ReachOf
from unisono.customers.segments.explaining import Step
from unisono.customers.segments.model import Rule, RuleError, children, decode
from unisono.customers.segments.ports import Use
from unisono.customers.segments.sentence import sentence, spoken
from unisono.customers.segments.service import Segment, SegmentVersion, Status
from unisono.customers.segments.yaml_io import dump_rule
from unisono.kit.marking import N_

STATUSES: dict[Status, tuple[str, c.Tone]] = {
    "live": (N_("active"), "good"),
    "draft": (N_("draft"), "neutral"),
    "archived": (N_("archived"), "off"),
}
"""Status -> its word and tone; English msgids."""

USES: dict[str, str] = {
    "segment": N_("segment"),
    "promotion": N_("promotion"),
    "price_list": N_("price list"),
    "broadcast": N_("broadcast"),
    "template": N_("template"),
}
"""Kinds of what asks about a segment; English msgids."""

WEEK = timedelta(days=7)
UNREADABLE = N_("A later version of Unisono wrote this rule; this one cannot read it.")


def badge_of(status: Status, counting: bool, words: Words) -> c.Badge:
    """Where a segment stands."""
    if counting:
        return c.Badge(
            text=words.gettext("live, being counted"),
            tone="warning",
            meaning=words.gettext("Its members of before are kept until the new ones are known."),
        )
    text, tone = STATUSES[status]
    return c.Badge(text=words.gettext(text), tone=tone)


def read_rule(plain: Mapping[str, Any]) -> Rule | None:
    """A stored rule; None when a later version wrote it."""
    try:
        return decode(dict(plain))
    except RuleError:
        return None


def told_rule(rule: Rule | None, words: Words) -> str:
    """A rule as a sentence that begins with a capital."""
    if rule is None:
        return words.gettext(UNREADABLE)
    text = sentence(rule, words.language, words.zone.key)
    return text[:1].upper() + text[1:] + "."


def points_of(days: Sequence[tuple[date, int]], today: date, since: date) -> list[c.DayPoint]:
    """A line from a day until today: on days nobody wrote down it is as it was the day before."""
    if not days:
        return []
    inside = [(day, value) for day, value in days if day > since]
    before = [value for day, value in days if day <= since]
    first = [(since, before[-1])] if before else []
    line = [*first, *inside]
    if line and line[-1][0] < today:
        line.append((today, line[-1][1]))
    return [c.DayPoint(day=day, value=value) for day, value in line]


def change_of(days: Sequence[tuple[date, int]], today: date) -> int | None:
    """By how much it grew in a week; None when it is younger."""
    before = [value for day, value in days if day <= today - WEEK]
    return days[-1][1] - before[-1] if before else None


def use_of(use: Use, words: Words) -> c.UsedBy:
    """What asks about a segment, with a link where there is a screen for it."""
    pages = {"segment": links.segment, "promotion": links.promotion, "price_list": links.price_list}
    page = pages.get(use.kind)
    what = words.gettext(USES.get(use.kind, use.kind))
    return c.UsedBy(label=use.name or use.code, what=what, href=page(use.code) if page else None)


def segment_row(
    one: Segment, days: Sequence[tuple[date, int]], uses: Sequence[Use], today: date, words: Words
) -> c.SegmentRow:
    """A segment in the list."""
    live = one.status == "live"
    return c.SegmentRow(
        code=one.code,
        name=one.name,
        href=links.segment(one.code),
        sentence=told_rule(read_rule(one.rule), words),
        badge=badge_of(one.status, one.counting, words),
        members=one.members if live else None,
        change=change_of(days, today) if live else None,
        trend=points_of(days, today, today - timedelta(days=30)) if live else (),
        uses=len(uses),
        used_by=", ".join(use.name or use.code for use in uses[:2]),
    )


def funnel_rows(rule: Rule, numbers: Numbers, words: Words) -> list[c.FunnelRow]:
    """Each part under the topmost group: whom it lets in, who is left."""
    parts = children(rule) or (rule,)
    return [
        c.FunnelRow(
            sentence=told_rule(child, words),
            alone=part.alone,
            left=part.together,
            part=part.together / numbers.people if numbers.people else 0.0,
        )
        for child, part in zip(parts, numbers.parts, strict=False)
    ]


def reach_rows(found: Iterable[ReachOf], members: int, words: Words) -> list[c.ReachRow]:
    """Whom marketing may reach, by channel."""
    return [
        c.ReachRow(
            channel=words.gettext(REACHED.get(one.channel, one.channel)),
            people=one.people,
            part=min(1.0, one.people / members) if members else 0.0,
            exact=one.exact,
        )
        for one in found
    ]


def why_step(step: Step, words: Words) -> c.WhyStep:
    """A step of an explanation in the reader's words."""
    text = spoken(step.sentence, words.language, words.zone.key)
    return c.WhyStep(
        sentence=text[:1].upper() + text[1:],
        holds=step.holds,
        seen=spoken(step.seen, words.language, words.zone.key),
        until=step.until,
        group=bool(step.of),
        inner=[why_step(one, words) for one in step.of],
    )


def short_why(step: Step, words: Words, most: int = 2) -> str:
    """What was seen of somebody who is in, in one line: of the first conditions that hold."""
    said: list[str] = []

    def walk(one: Step) -> None:
        nothing = any(piece.code == "counted" and piece.values.get("total") == "0" for piece in one.seen)
        if not one.of and one.holds and one.seen and not nothing:
            said.append(spoken(one.seen, words.language, words.zone.key))
        for inner in one.of:
            walk(inner)

    walk(step)
    return " ".join(said[:most])


def person_link(person_id: int, name: str | None, words: Words) -> c.PersonLink:
    """Somebody in a list of a segment."""
    return c.PersonLink(person_id=person_id, name=display_name(name, (), words, contacts=False))


def version_rows(versions: Sequence[SegmentVersion], words: Words) -> list[c.SegmentVersionRow]:
    """Versions, newest first, each with what it changed."""
    rows = []
    for number, one in enumerate(versions):
        older = versions[number + 1] if number + 1 < len(versions) else None
        rows.append(
            c.SegmentVersionRow(
                version=one.version,
                at=one.at,
                actor=one.actor,
                sentence=told_rule(read_rule(one.rule), words),
                note=one.note,
                changes=_changes(older, one, words) if older else [],
            )
        )
    return rows


def _changes(before: SegmentVersion, after: SegmentVersion, words: Words) -> list[c.Became]:
    changes = []
    if before.name != after.name:
        changes.append(c.Became(what=words.gettext("Name"), before=before.name, after=after.name))
    if before.rule != after.rule:
        told = [told_rule(read_rule(one.rule), words) for one in (before, after)]
        if told[0] == told[1]:
            told = [msgspec.json.encode(one.rule).decode() for one in (before, after)]
        changes.append(c.Became(what=words.gettext("Rule"), before=told[0], after=told[1]))
    return changes


def yaml_of(plain: Mapping[str, Any]) -> str:
    """A rule as YAML; of one this version cannot read its JSON, which is YAML too."""
    rule = read_rule(plain)
    return json_of(plain) if rule is None else dump_rule(rule)


def json_of(plain: Mapping[str, Any]) -> str:
    """A rule as the API takes it."""
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
