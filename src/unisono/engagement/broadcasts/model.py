"""A broadcast: one message to a segment. As it is written, as it stands, whom it would reach, how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from unisono.engagement.messages.model import Category, Channels, Priority
from unisono.engagement.policy.model import LocalTime
from unisono.engagement.templates.model import Code
from unisono.kit.reasons import Reason

BroadcastStatus = Literal["draft", "scheduled", "planning", "running", "paused", "stopped"]
Phase = Literal["draft", "scheduled", "planning", "running", "paused", "stopped", "finished"]
BroadcastPurpose = Literal["marketing", "service"]
BroadcastCode = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]

SIX_HOURS: Final = 21_600


class BroadcastSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When it begins; with neither, when it is launched."""

    at: datetime | None = None
    """One instant for everybody."""
    local: LocalTime | None = None
    """Each by his own clock: ``{"date": "2026-12-24", "time": "18:30"}``. The audience is fixed when it is that time in
    the first zone of the world."""


class BroadcastInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A broadcast as somebody writes it."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    segment: BroadcastCode | None = None
    """Needed when it is launched."""
    template: Code
    channels: Channels = ("any",)
    """In order of preference; ``any``: the policy's order, as far as the template speaks there."""
    purpose: BroadcastPurpose = "marketing"
    priority: Priority = 50
    category: Category | None = None
    """What it is about; a soft opt-in covers its own categories alone."""
    profiled: bool | None = None
    """Whether the audience was worked out from what people did, which needs the consent to profiling. None: it was if
    the segment's rule asks about events."""
    require_member: bool = False
    """Who left the segment before his message is decided gets none."""
    not_after_seconds: Annotated[int, msgspec.Meta(ge=60, le=30 * 86_400)] = SIX_HOURS
    """So long after it was due it is of use; past that it is skipped."""
    schedule: BroadcastSchedule = BroadcastSchedule()
    data: dict[str, Any] = {}
    """``data.*`` in the template, the same for everybody."""


class Broadcast(msgspec.Struct, frozen=True, kw_only=True):
    """A broadcast as it stands."""

    id: int
    code: str
    name: str
    status: BroadcastStatus
    """What people decided."""
    phase: Phase
    """The same, or ``finished`` when there is nobody left to decide about."""
    segment: str | None
    segment_version: int | None
    """Frozen when it was launched."""
    template: str
    template_version: int | None
    """Frozen when it was launched; 0 is one that comes with the product."""
    channels: tuple[str, ...]
    purpose: BroadcastPurpose
    priority: int
    category: str | None
    profiled: bool | None
    require_member: bool
    not_after_seconds: int
    schedule: BroadcastSchedule
    data: dict[str, Any]
    starts_at: datetime | None
    snapshot_at: datetime | None
    """When its audience was fixed."""
    created_at: datetime
    created_by: str
    changed_at: datetime
    version: int
    """Counts changes: whoever changes it says which one he has read."""


class WhyNot(msgspec.Struct, frozen=True, kw_only=True):
    """How many were not, or not yet, sent their message for a reason."""

    state: str
    reason: Reason
    """In general words; the message of each person has the values."""
    people: int


class BroadcastProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is: counted now, from its messages."""

    audience: int
    """Who was in the segment when it was fixed: planned, and those to be."""
    planned: int
    """Who has a message."""
    decided: int
    """Of whom the policy was asked."""
    sent: int
    """Taken by a provider."""
    delivered: int
    """Told so by a provider that tells."""
    opened: int
    clicked: int
    failed: int
    waiting: int
    """Not settled yet, the audience without a message included."""
    not_sent: int
    """Skipped, refused, unknown, cancelled."""
    states: dict[str, int]
    why_not: list[WhyNot]
    """Most first; those that wait (``planned``) among them."""
    cost_minor: int
    finished: bool
    counted_at: datetime


class BroadcastRow(msgspec.Struct, frozen=True, kw_only=True):
    """A broadcast and how far it is."""

    broadcast: Broadcast
    progress: BroadcastProgress


class BroadcastPage(msgspec.Struct, frozen=True):
    """Some broadcasts, newest first; ``next`` is the ``before`` of the following page."""

    broadcasts: list[BroadcastRow]
    next: int | None


class BroadcastAudience(msgspec.Struct, frozen=True, kw_only=True):
    """Whom it would reach: the policy asked of everybody, or of a sample, without sending."""

    segment: str
    members: int
    sample: int
    """Of so many persons the policy was asked; the figures below are scaled to all members."""
    exact: bool
    """The sample was everybody."""
    at: datetime
    """The instant it was asked for."""
    now: int
    """Who would get it at that instant."""
    later: int
    """Whose message would wait and go later."""
    never: int
    """Who would get none."""
    channels: dict[str, int]
    """Of the first two, by the channel it would go by."""
    why_not: list[WhyNot]
    """Why it would wait (``planned``) or not go (``skipped``), most first."""
