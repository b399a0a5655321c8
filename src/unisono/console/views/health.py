"""How the installation is doing, in a sentence and in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from babel.numbers import format_decimal
from babel.units import format_unit

from unisono import __version__
from unisono.console import contexts
from unisono.console.views.identity import person_link
from unisono.console.words import Words
from unisono.customers.timeline.parking import QUEUED, DeadLetter, ParkedEvent
from unisono.customers.timeline.readers import ReaderStatus
from unisono.kit.marking import N_

BEHIND = 60.0
"""Seconds a reader may be behind before somebody should look."""

STOPPED = timedelta(minutes=5)
"""A reader with events to read that has not moved for so long stands still."""

READERS: dict[str, str] = {
    "audiences": N_("Advertising audiences"),
    "carts": N_("Carts"),
    "coherence": N_("Coherence"),
    "consent": N_("Consent"),
    "contacts": N_("Contact policy"),
    "notices": N_("Notices about purchases"),
    "orders": N_("Orders"),
    "points": N_("Points"),
    "segments": N_("Segments"),
    "profiles": N_("Computed traits and lists"),
    "summaries": N_("Lists of people"),
    "computed": N_("Computed traits"),
}
"""Readers Unisono comes with; English msgids."""

ReaderState = Literal["running", "behind", "stopped", "parked"]


def reader_state(reader: ReaderStatus, now: datetime) -> ReaderState:
    """Whether a reader keeps up."""
    if reader.behind and reader.behind_seconds > BEHIND:
        return "stopped" if now - reader.updated_at > STOPPED else "behind"
    return "parked" if reader.parked else "running"


def reader_row(reader: ReaderStatus, words: Words, *, now: datetime) -> contexts.ReaderRow:
    """A reader of the timeline."""
    return contexts.ReaderRow(
        name=reader.reader,
        label=words.gettext(READERS.get(reader.reader, reader.reader)),
        state=reader_state(reader, now),
        lag_events=reader.behind,
        lag_seconds=reader.behind_seconds if reader.behind else None,
        moved_at=reader.updated_at,
    )


def dead_letter_row(letter: DeadLetter, *, replay: bool) -> contexts.DeadLetterRow:
    """An event a reader gave up on."""
    return contexts.DeadLetterRow(
        letter_id=letter.id,
        reader=letter.reader,
        at=letter.died_at,
        attempts=letter.attempts,
        error=letter.error,
        event_name=letter.name or "",
        can_replay=replay,
    )


def parked_rows(
    events: Sequence[ParkedEvent], names: Mapping[int, str | None], words: Words
) -> list[contexts.ParkedRow]:
    """One row a person and reader: the first event is the one that failed, the others queue behind it."""
    waiting = Counter((event.reader, event.person_id) for event in events)
    first: dict[tuple[str, int], ParkedEvent] = {}
    for event in events:
        key = (event.reader, event.person_id)
        if key not in first or first[key].error == QUEUED:
            first[key] = event
    return [
        contexts.ParkedRow(
            person=person_link(person, names, words),
            reader=reader,
            since=event.first_at,
            waiting=waiting[reader, person],
            error=event.error,
            next_attempt_at=event.next_try_at,
        )
        for (reader, person), event in first.items()
    ]


def verdict(
    readers: Sequence[ReaderStatus], *, failed: int, now: datetime, words: Words
) -> tuple[Literal["well", "strained", "ill"], str]:
    """The sentence on top."""
    _ = words.gettext
    states = {reader_state(reader, now) for reader in readers}
    dead = sum(reader.dead for reader in readers)
    if "stopped" in states:
        return "ill", _("A reader stands still: what people see of customers is not of now.")
    if dead:
        return "ill", words.ngettext(
            "%(num)s event was given up and waits for you.", "%(num)s events were given up and wait for you.", dead
        )
    if not readers:
        return "strained", _("Events are accepted, but no worker reads them yet.")
    if "behind" in states:
        return "strained", _("A reader is behind and is catching up.")
    if "parked" in states:
        return "strained", _("Some people's events wait for another try; everybody else goes on.")
    if failed:
        return "strained", words.ngettext(
            "All readers keep up. %(num)s failed event waits for you.",
            "All readers keep up. %(num)s failed events wait for you.",
            failed,
        )
    return "well", _("All readers keep up and nothing has failed.")


def history(
    accepted: Mapping[datetime, int], failed: Mapping[datetime, int], *, now: datetime
) -> list[contexts.Bucket]:
    """The last 24 hours, one bucket an hour, empty ones included."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in range(23, -1, -1)]
    return [contexts.Bucket(at=hour, accepted=accepted.get(hour, 0), failed=failed.get(hour, 0)) for hour in hours]


def tiles(
    buckets: Sequence[contexts.Bucket],
    readers: Sequence[ReaderStatus],
    *,
    failed: int,
    more: bool,
    words: Words,
) -> list[contexts.Tile]:
    """Accepted (``more`` than were counted), failed, read, behind, given up."""
    _ = words.gettext

    def tile(label: str, value: int, note: str = "", *, bad: bool = False) -> contexts.Tile:
        return contexts.Tile(
            label=label,
            value=value,
            note=note,
            knowledge="known" if value else "zero",
            tone="warning" if bad and value else "neutral",
        )

    day = _("last 24 hours")
    count = sum(bucket.accepted for bucket in buckets)
    accepted = tile(_("Accepted"), count, day)
    if more:
        locale = "en_GB" if words.language == "en" else words.language
        accepted = contexts.Tile(label=_("Accepted"), value=f"{format_decimal(count, locale=locale)}+", note=day)
    return [
        accepted,
        tile(_("Failed, open"), failed, bad=True),
        tile(_("Read"), sum(reader.processed for reader in readers), _("since the beginning")),
        tile(_("Behind"), max((reader.behind for reader in readers), default=0), bad=False),
        tile(_("Given up"), sum(reader.dead for reader in readers), bad=True),
    ]


def facts(version: str, size: int, events: int, words: Words) -> list[tuple[str, str]]:
    """What this installation is made of."""
    _ = words.gettext
    locale = "en_GB" if words.language == "en" else words.language
    return [
        (_("Unisono"), __version__),
        (_("Database"), f"PostgreSQL {version}"),
        (_("Size on disk"), format_unit(round(size / 1_000_000, 1), "digital-megabyte", "short", locale=locale)),
        (_("Events"), _("about %(number)s") % {"number": format_decimal(events, locale=locale)}),
    ]
