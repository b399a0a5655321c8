"""Events as lines of a timeline and as notes on the staff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec

from unisono.console import links
from unisono.console.contexts import DayGroup, Score, TimelineItem
from unisono.console.staff import Note
from unisono.console.views import Row, decisions
from unisono.console.views.labels import channel_label, dot_of, staff_line
from unisono.console.words import Words
from unisono.customers.profiles.upcoming import Upcoming
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.vocabulary import label, line_of, spec_for, summary, value_of
from unisono.kit.marking import N_

RUN = 3
"""So many equal events in a row become one line."""

LATE = timedelta(hours=1)
"""An event that arrived so much later than it happened says when it arrived."""

LOADED = timedelta(days=7)
"""One that arrived even later belongs to a past that was loaded afterwards: its raw data says when."""

TITLED = 60
"""The newest notes of a staff get a title; the others are drawn without."""

SPAN = timedelta(days=365)
"""What a staff looks back on."""

AHEAD = timedelta(days=30)
"""What it looks ahead to, at least."""

EPISODE = timedelta(days=7)
"""Events of so many days before now, on two lines or more, are the present episode."""

UPCOMING: dict[str, str] = {
    "Reservation ends": N_("Reservation ends"),
    "Pick-up": N_("Pick-up"),
    "Appointment": N_("Appointment"),
}
"""What the profile announces; English msgids."""


class Reading(msgspec.Struct, frozen=True):
    """How events are told: in which language and currency, with which rights."""

    words: Words
    currency: str
    raw: bool
    """Whether the reader may open raw data."""
    why: bool = False
    """Whether the reader may see why identifiers are one person."""
    contacts: bool = False
    """Whether the reader may see addresses in full."""
    briefs: Mapping[int, Row] = {}
    """Identifiers that joins and splits speak of: namespace and value by node."""


def _what(properties: Mapping[str, Any]) -> str:
    for name in ("product_name", "name", "title", "sku", "service"):
        value = properties.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()[:80]
    return ""


def item(event: Event, reading: Reading) -> TimelineItem:
    """An event as one line."""
    decided = event.type == "identity"
    told = decisions.title(event, reading.briefs, reading.words, contacts=reading.contacts) if decided else ""
    # What identity writes is described in the vocabulary by its name, like a track call.
    said_as = "track" if decided else event.type
    told = told or summary(
        event.name, event.properties, reading.words.language, type=said_as, currency=reading.currency
    )
    place = event.store_id if event.store_id and event.store_id not in told else ""
    return TimelineItem(
        at=event.occurred_at,
        title=told,
        line=dot_of(event.channel),
        event_id=str(event.id),
        detail=decisions.detail(event, reading.words) if decided else place,
        channel_label=channel_label(event.channel, reading.words),
        received_at=event.received_at if LATE < event.received_at - event.occurred_at < LOADED else None,
        raw_href=links.event_raw(str(event.id)) if reading.raw else None,
        why_href=links.person_why(event.person_id)
        if reading.why and event.name in ("Person Joined", "Person Split")
        else None,
    )


def _run_title(event: Event, count: int, words: Words) -> str:
    if event.name == "Product Viewed":
        return words.ngettext("Viewed %(num)s product", "Viewed %(num)s products", count)
    if event.type == "identity":
        return decisions.run_title(event.name, count, words)
    if event.type == "page":
        return words.ngettext("Viewed %(num)s page", "Viewed %(num)s pages", count)
    spec = spec_for(event.type, event.name)
    name = label(spec, words.language) if spec else event.name
    return words.gettext("%(event)s, %(count)s times") % {"event": name, "count": count}


def _kind(event: Event) -> tuple[str, str, str]:
    # Pages carry their own names: many pages are one run.
    return (event.type, event.name if event.type in ("track", "identity") else "", event.channel)


def _collapsed(events: Sequence[Event], reading: Reading) -> Iterable[TimelineItem]:
    for _, same in groupby(events, _kind):
        run = list(same)
        items = [item(event, reading) for event in run]
        if len(run) < RUN:
            yield from items
        else:
            head = msgspec.structs.replace(items[0], title=_run_title(run[0], len(run), reading.words), members=items)
            yield msgspec.structs.replace(head, raw_href=None, detail="")


def day_groups(events: Sequence[Event], reading: Reading) -> list[DayGroup]:
    """Events, newest first, by local day, runs of equal ones collapsed."""

    def day_of(event: Event) -> date:
        return event.occurred_at.astimezone(reading.words.zone).date()

    return [DayGroup(day=day, items=list(_collapsed(list(group), reading))) for day, group in groupby(events, day_of)]


def coming(items: Sequence[Upcoming], reading: Reading) -> list[TimelineItem]:
    """What is to come, soonest last: "now" stands under it."""
    words = reading.words
    return [
        TimelineItem(
            at=upcoming.at,
            title=words.gettext(UPCOMING.get(upcoming.name, upcoming.name)),
            line=staff_line(upcoming.channel),
            event_id=str(upcoming.id),
            detail=", ".join(filter(None, (_what(upcoming.properties), upcoming.store_id or ""))),
            channel_label=channel_label(upcoming.channel, words),
            future=True,
            raw_href=None,
        )
        for upcoming in reversed(items)
    ]


def _value(event: Event, currency: str) -> int:
    spec = spec_for(event.type, event.name)
    if spec is None or not spec.is_purchase:
        return 0
    amount = value_of(spec, event.properties, currency)
    # A purchase without a readable amount is still drawn as one.
    return max(amount[0], 1) if amount else 1


def _episode(events: Sequence[Event], now: datetime) -> frozenset[int]:
    """The newest event of each line in the last days; a chord needs two lines."""
    newest: dict[str, int] = {}
    for event in events:
        line = line_of(event.channel)
        if line is not None and now - EPISODE <= event.occurred_at <= now:
            newest.setdefault(line, event.id)
    return frozenset(newest.values()) if len(newest) > 1 else frozenset()


def score(
    events: Sequence[Event], upcoming: Sequence[Upcoming], reading: Reading, *, now: datetime, keep_query: str
) -> Score:
    """A person's last year, newest first, and what is to come, as notes."""
    episode = _episode(events, now)
    drawn = [event for event in events if line_of(event.channel) is not None]
    notes = [
        Note(
            at=event.occurred_at,
            line=staff_line(event.channel),
            label=item(event, reading).title if place < TITLED else "",
            value=_value(event, reading.currency),
            episode=event.id in episode,
        )
        for place, event in enumerate(drawn)
    ]
    notes += [
        Note(
            at=item_.at,
            line=staff_line(item_.channel),
            label=reading.words.gettext(UPCOMING.get(item_.name, item_.name)),
            future=True,
        )
        for item_ in upcoming
    ]
    start = (now - SPAN).astimezone(reading.words.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    end = max([now + AHEAD, *(item_.at + timedelta(days=2) for item_ in upcoming if item_.at < now + SPAN)])
    return Score(notes=notes, start=start, end=end, keep_query=keep_query)


def small_score(rows: Iterable[Row], *, now: datetime, words: Words) -> Score:
    """The last year as a picture for a list."""
    notes = []
    for row in rows:
        if line_of(row["channel"]) is None:
            continue
        # Lists do not read amounts: every purchase is drawn in the first size.
        bought = row["purchases"]
        notes.append(
            Note(
                at=row["occurred_at"],
                line=staff_line(row["channel"]),
                value=1 if bought else 0,
                events=row["events"],
                sales=bought,
            )
        )
    start = (now - SPAN).astimezone(words.zone)
    return Score(notes=notes, start=start, end=now + timedelta(days=7), by_stretch=False)
