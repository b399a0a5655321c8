"""Incidents, what was compared and how fast changes travel, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unisono.commerce.changes.service import Propagation
from unisono.commerce.coherence.model import Count, Incident, IncidentKind
from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views.labels import staff_line
from unisono.console.views.prices import place
from unisono.console.words import Words
from unisono.kit.marking import N_
from unisono.kit.money import format_money

KINDS: dict[IncidentKind, str] = {
    "price": N_("Price"),
    "offer": N_("Offer"),
    "availability": N_("Availability"),
}
"""What an incident is about; English msgids."""

TARGET_MS = 250
"""A change should be everywhere within this."""


def _said(kind: IncidentKind, told: Mapping[str, Any], words: Words) -> str:
    """What was shown or true, by the kind of incident."""
    if kind == "price":
        minor = told.get("amount_minor")
        if minor is None:
            return words.gettext("no price")
        return format_money(minor, str(told.get("currency") or "EUR"), words.language)
    if kind == "availability":
        units = told.get("available")
        if isinstance(units, bool):
            return words.gettext("there is some") if units else words.gettext("none left")
        return words.ngettext("%(num)s unit", "%(num)s units", units) if isinstance(units, int) else "–"
    if "live" in told:
        return words.gettext("live") if told["live"] else words.gettext("not live")
    return words.gettext("offered")


def incident_row(
    one: Incident, people: Sequence[c.PersonLink], words: Words, *, can_close: bool, raw: str | None
) -> c.IncidentRow:
    """One incident."""
    if one.closed_at is not None:
        badge = c.Badge(text=words.gettext("closed"))
    elif one.correct_at is not None:
        badge = c.Badge(text=words.gettext("shown rightly since"), tone="good")
    else:
        badge = c.Badge(text=words.gettext("still open"), tone="warning")
    offer = one.kind == "offer"
    return c.IncidentRow(
        incident_id=one.id,
        kind=words.gettext(KINDS[one.kind]),
        what=one.sku,
        what_href=links.promotion(one.sku) if offer else links.price_of(one.sku),
        where=place(one.channel, one.store_id, words),
        line=staff_line(one.channel),
        shown=_said(one.kind, one.shown, words),
        truth=_said(one.kind, one.truth, words),
        first_at=one.first_at,
        last_at=one.last_at,
        occurrences=one.occurrences,
        people=one.people,
        badge=badge,
        some=people,
        event_href=raw,
        correct_at=one.correct_at,
        closed_at=one.closed_at,
        closed_by=one.closed_by or "",
        can_close=can_close and one.closed_at is None,
    )


def compared_rows(counts: Iterable[Count], words: Words) -> list[c.ComparedRow]:
    """Counts of all days together, by place, the worst first."""
    sums: dict[tuple[str, str | None], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in counts:
        kept = sums[one.channel, one.store_id]
        kept[0] += one.compared
        kept[1] += one.differing
        kept[2] += one.unknown
    rows = [
        c.ComparedRow(
            where=place(channel, store, words),
            compared=compared,
            differing=differing,
            unknown=unknown,
            share=differing * 100 / compared if compared else 0.0,
        )
        for (channel, store), (compared, differing, unknown) in sums.items()
    ]
    return sorted(rows, key=lambda row: (-row.share, -row.compared, -row.unknown, row.where))


def propagation_rows(found: Sequence[Propagation], words: Words) -> list[c.PropagationRow]:
    """By subscriber, all together first."""
    whole = [one for one in found if one.kind is None]
    most = max((one.p99_ms for one in whole), default=0)
    return [
        c.PropagationRow(
            label=one.channel or words.gettext("All subscribers"),
            seen=one.seen,
            p50=one.p50_ms,
            p95=one.p95_ms,
            p99=one.p99_ms,
            most=max(most, TARGET_MS),
        )
        for one in whole[:40]
    ]
