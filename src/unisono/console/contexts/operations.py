"""Live events, sources and keys, identity rules, health."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal

from unisono.console.contexts.people import LinkRow
from unisono.console.contexts.shared import (
    Chip,
    Choice,
    IdentifierBrief,
    Paging,
    PersonLink,
    Problem,
    Struct,
    Tile,
)
from unisono.console.staff import Dot


class LiveEvent(Struct, frozen=True, kw_only=True):
    """An accepted event. ``kind`` is track, page, ...; ``name`` the event's own name."""

    event_id: str
    at: datetime
    kind: str
    name: str
    line: Dot
    channel_label: str
    received_at: datetime | None = None
    node_label: str = ""
    person: PersonLink | None = None
    source: str = ""
    raw_href: str | None = None


class FailedEvent(Struct, frozen=True, kw_only=True):
    """
    An event that could not be accepted. ``reason`` and ``do`` are translated; ``excerpt`` the start of the
    raw body.
    """

    failed_id: int
    received_at: datetime
    code: str
    reason: str
    do: str = ""
    name: str = ""
    source: str = ""
    excerpt: str = ""
    raw_href: str | None = None
    replayed_at: datetime | None = None
    can_replay: bool = False


class LiveEvents(Struct, frozen=True, kw_only=True):
    """
    ``/console/live``. ``stream_href`` is the SSE address: each message ``event: row`` carries the HTML that
    `rendering.render_fragment("fragments/live_row.html", event=...)` draws.
    """

    TEMPLATE: ClassVar[str] = "live_events.html"

    tab: Literal["accepted", "failed"]
    accepted_href: str
    failed_href: str
    accepted: Sequence[LiveEvent] = ()
    failed: Sequence[FailedEvent] = ()
    accepted_count: int | None = None
    failed_count: int = 0
    chips: Sequence[Chip] = ()
    reasons: Sequence[Chip] = ()
    """Failed tab: one chip a reason, with its count."""
    paging: Paging | None = None
    stream_href: str | None = None
    any_events: bool = True
    can_replay_all: bool = False
    filter_sentence: str = ""
    clear_href: str = "?"


class KeyRow(Struct, frozen=True, kw_only=True):
    """A key. ``kind`` is write, till or secret; ``hint`` its visible start and end ("wk_live_...4f2a")."""

    key_id: int
    name: str
    kind: Literal["write", "till", "secret"]
    hint: str
    created_at: datetime
    created_by: str = ""
    store: str = ""
    till: str = ""
    scopes: Sequence[str] = ()
    last_used_at: datetime | None = None
    events_24h: int = 0
    failed_24h: int = 0
    rotated_until: datetime | None = None
    """The old value still works until then."""
    disabled_at: datetime | None = None


class KeyGroup(Struct, frozen=True, kw_only=True):
    """The keys of one kind. ``label`` is translated; ``total`` counts those the filter lets through."""

    kind: Literal["write", "till", "secret"]
    keys: Sequence[KeyRow]
    label: str
    total: int
    folded: bool = False
    query: str = ""
    filtered: bool = False
    """Whether it has a filter field at all."""
    paging: Paging | None = None


class NewKey(Struct, frozen=True, kw_only=True):
    """A key's full value, shown once after it was created or rotated."""

    name: str
    value: str
    kind: str
    old_until: datetime | None = None


class CodeSample(Struct, frozen=True, kw_only=True):
    """
    How one client sends its first event. ``label`` names the client ("Browser", "curl"), ``file`` what to
    edit.
    """

    id: str
    label: str
    language: str
    code: str
    note: str = ""


class Sources(Struct, frozen=True, kw_only=True):
    """``/console/sources``."""

    TEMPLATE: ClassVar[str] = "sources.html"

    groups: Sequence[KeyGroup]
    more_events: bool = False
    """Whether there were more events in the last day than were counted."""
    samples: Sequence[CodeSample] = ()
    new_key: NewKey | None = None
    stores: Sequence[Choice] = ()
    scopes: Sequence[Choice] = ()
    can_manage: bool = False
    problem: Problem | None = None
    draft_name: str = ""
    draft_kind: Literal["write", "till", "secret"] = "write"
    endpoint: str = ""
    """The public address of this installation, shown beside the samples."""


class RuleRow(Struct, frozen=True, kw_only=True):
    """The rule of one namespace. ``limit`` is how many values a person may have (None: any)."""

    namespace: str
    label: str
    level: Literal["person", "device"]
    priority: int
    limit: int | None = None
    joins: bool = True
    identifiers: int = 0
    blocked_values: int = 0
    note: str = ""


class ViolationRow(Struct, frozen=True, kw_only=True):
    """A join that a rule refused. ``rule`` and ``outcome`` are translated."""

    violation_id: int
    at: datetime
    rule: str
    identifier: IdentifierBrief
    outcome: str = ""
    persons: Sequence[PersonLink] = ()


class SharedRow(Struct, frozen=True, kw_only=True):
    """An identifier used by several people, which therefore joins nobody."""

    node_id: int
    identifier: IdentifierBrief
    people: int
    since: datetime
    reason: str = ""
    can_release: bool = False


class Identity(Struct, frozen=True, kw_only=True):
    """``/console/identity``."""

    TEMPLATE: ClassVar[str] = "identity.html"

    rules: Sequence[RuleRow]
    violations: Sequence[ViolationRow] = ()
    shared: Sequence[SharedRow] = ()
    joins: Sequence[LinkRow] = ()
    join_persons: Sequence[PersonLink | None] = ()
    """For each of ``joins`` the present person of its left identifier."""
    tiles: Sequence[Tile] = ()
    violations_paging: Paging | None = None
    joins_paging: Paging | None = None


class ReaderRow(Struct, frozen=True, kw_only=True):
    """
    A reader of the timeline. ``lag_events`` behind the head, ``lag_seconds`` the age of the next event to
    read.
    """

    name: str
    label: str
    state: Literal["running", "behind", "stopped", "parked"]
    lag_events: int
    lag_seconds: float | None = None
    moved_at: datetime | None = None


class DeadLetterRow(Struct, frozen=True, kw_only=True):
    """An item a reader gave up on."""

    letter_id: int
    reader: str
    at: datetime
    attempts: int
    error: str
    event_name: str = ""
    raw_href: str | None = None
    can_replay: bool = False


class ParkedRow(Struct, frozen=True, kw_only=True):
    """A person whose events wait for one reader after a failure; ``waiting`` counts them."""

    person: PersonLink
    reader: str
    since: datetime
    waiting: int
    error: str
    next_attempt_at: datetime | None = None


class Bucket(Struct, frozen=True, kw_only=True):
    """One bar of the accepted / failed history."""

    at: datetime
    accepted: int
    failed: int = 0


class Health(Struct, frozen=True, kw_only=True):
    """
    ``/console/health``. ``state`` is the sentence on top; ``sentence`` is translated ("All readers keep
    up").
    """

    TEMPLATE: ClassVar[str] = "health.html"

    state: Literal["well", "strained", "ill"]
    sentence: str
    tiles: Sequence[Tile] = ()
    history: Sequence[Bucket] = ()
    readers: Sequence[ReaderRow] = ()
    dead_letters: Sequence[DeadLetterRow] = ()
    parked: Sequence[ParkedRow] = ()
    facts: Sequence[tuple[str, str]] = ()
    """Translated label and text: database version, size, version of Unisono, last backup."""
    last_backup: datetime | None = None
    can_replay: bool = False
