"""Coherence: what channels showed against the truth, and how fast changes reach them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from unisono.console.contexts.shared import Badge, Chip, Paging, PersonLink, Problem, Struct, Tile


class IncidentRow(Struct, frozen=True, kw_only=True):
    """A channel that showed something else than the truth; ``shown`` and ``truth`` are written for the reader."""

    incident_id: int
    kind: str
    what: str
    what_href: str
    where: str
    line: str
    shown: str
    truth: str
    first_at: datetime
    last_at: datetime
    occurrences: int
    people: int
    badge: Badge
    some: Sequence[PersonLink] = ()
    event_href: str | None = None
    correct_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    can_close: bool = False


class ComparedRow(Struct, frozen=True, kw_only=True):
    """What was compared in a place."""

    where: str
    compared: int
    differing: int
    unknown: int
    share: float
    """Percent of what was compared that differed."""


class PropagationRow(Struct, frozen=True, kw_only=True):
    """How long changes took to reach a subscriber, in milliseconds; ``most`` is the scale's end."""

    label: str
    seen: int
    p50: int
    p95: int
    p99: int
    most: int


class Coherence(Struct, frozen=True, kw_only=True):
    """``/console/coherence``."""

    TEMPLATE: ClassVar[str] = "coherence.html"

    rows: Sequence[IncidentRow]
    paging: Paging
    tiles: Sequence[Tile] = ()
    chips: Sequence[Chip] = ()
    kinds: Sequence[Chip] = ()
    filter_sentence: str = ""
    any_compared: bool = True
    compared: Sequence[ComparedRow] = ()
    more_places: int = 0
    """Places beside those shown."""
    days: int = 30
    propagation: Sequence[PropagationRow] = ()
    target: int = 250
    """Milliseconds a change should need at most."""
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None
