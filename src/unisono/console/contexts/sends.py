"""What is sent: the outbox, one message, broadcasts, the contact policy, tasks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, TypeAlias

from unisono.console.contexts.shared import Badge, Chip, Choice, Paging, PersonLink, Problem, Struct, Tile
from unisono.kit.reasons import Reason


class VerdictRow(Struct, frozen=True, kw_only=True):
    """What the policy says of one channel."""

    channel: str
    badge: Badge
    reasons: Sequence[Reason] = ()
    until: datetime | None = None
    weight: int = 0


class DecisionCard(Struct, frozen=True, kw_only=True):
    """A decision with what it was made from. ``facts`` are translated label and value."""

    badge: Badge
    reasons: Sequence[Reason]
    verdicts: Sequence[VerdictRow] = ()
    facts: Sequence[tuple[str, str]] = ()
    at: datetime | None = None
    hold_until: datetime | None = None
    policy_version: int | None = None


class MessageLine(Struct, frozen=True, kw_only=True):
    """A message in a list. ``what`` names its template, subject or text."""

    message_id: int
    what: str
    href: str
    badge: Badge
    channel: str
    purpose: str
    at: datetime
    """When it left, was settled, or will be tried."""
    when_word: str = ""
    """Translated: what ``at`` is ("sent", "will be tried")."""
    person: PersonLink | None = None
    reason: Reason | None = None
    came: str = ""
    """What came of it: delivered, opened, clicked (translated)."""
    from_: str = ""
    from_href: str | None = None


class Outbox(Struct, frozen=True, kw_only=True):
    """``/console/outbox``."""

    TEMPLATE: ClassVar[str] = "outbox.html"

    rows: Sequence[MessageLine]
    paging: Paging
    states: Sequence[Chip] = ()
    channels: Sequence[Choice] = ()
    purposes: Sequence[Choice] = ()
    origins: Sequence[Choice] = ()
    kept: Mapping[str, str] = {}
    """Hidden filters the form keeps."""
    any_messages: bool = True
    filter_sentence: str = ""


class Moment(Struct, frozen=True, kw_only=True):
    """One step in the life of a message."""

    at: datetime
    text: str
    detail: str = ""
    future: bool = False


class AttemptRow(Struct, frozen=True, kw_only=True):
    """One time it was given to a provider."""

    at: datetime
    account: str
    channel: str
    badge: Badge
    detail: str = ""
    provider_id: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """``/console/outbox/{id}``."""

    TEMPLATE: ClassVar[str] = "message.html"

    message_id: int
    title: str
    badge: Badge
    facts: Sequence[tuple[str, str]]
    moments: Sequence[Moment]
    person: PersonLink | None = None
    reason: Reason | None = None
    sending: Reason | None = None
    """What delivery found after the decision."""
    decision: DecisionCard | None = None
    attempts: Sequence[AttemptRow] = ()
    parts: Sequence[tuple[str, str]] = ()
    """Subject, text and so on, as they left."""
    said_href: str | None = None
    """Where the HTML is, for a frame that can do nothing."""
    expired: bool = False
    """It has left, and what was said is not kept."""
    broadcast: str = ""
    broadcast_href: str | None = None
    can_cancel: bool = False
    can_settle: bool = False
    """Nobody knows whether it arrived: somebody may say so."""


class BroadcastRow(Struct, frozen=True, kw_only=True):
    """A broadcast in the list."""

    name: str
    href: str
    badge: Badge
    audience: str
    template: str
    when: datetime | None = None
    when_text: str = ""
    planned: int = 0
    sent: int = 0
    clicked: int = 0


class Broadcasts(Struct, frozen=True, kw_only=True):
    """``/console/broadcasts``."""

    TEMPLATE: ClassVar[str] = "broadcasts.html"

    rows: Sequence[BroadcastRow]
    paging: Paging
    chips: Sequence[Chip] = ()
    any_broadcasts: bool = True
    filter_sentence: str = ""
    can_send: bool = False


class FunnelStep(Struct, frozen=True, kw_only=True):
    """One bar of a funnel; ``share`` of the first, in percent."""

    label: str
    count: int
    share: float
    href: str | None = None


class WhyRow(Struct, frozen=True, kw_only=True):
    """Why some are not written to; leads to them."""

    text: str
    count: int
    share: float
    href: str | None = None


class Reach(Struct, frozen=True, kw_only=True):
    """Whom a broadcast would reach, decided for everybody or for a sample."""

    audience: int
    looked_at: int
    funnel: Sequence[FunnelStep]
    channels: Sequence[FunnelStep] = ()
    why: Sequence[WhyRow] = ()


class BroadcastPage(Struct, frozen=True, kw_only=True):
    """``/console/broadcasts/{code}``: before the launch a review, then what comes of it."""

    TEMPLATE: ClassVar[str] = "broadcast.html"

    code: str
    name: str
    badge: Badge
    sentence: str
    facts: Sequence[tuple[str, str]] = ()
    reach: Reach | None = None
    funnel: Sequence[FunnelStep] = ()
    tiles: Sequence[Tile] = ()
    why: Sequence[WhyRow] = ()
    done: int = 0
    total: int = 0
    moving: bool = False
    """Its figures still change: the page looks again by itself."""
    steps: Sequence[tuple[str, str]] = ()
    """What can be done now: step and word."""
    can_edit: bool = False
    can_schedule: bool = False
    can_test: bool = False
    version: int = 1
    starts_at: datetime | None = None
    by_own_clock: bool = False
    """It begins where the clocks are first."""
    values: Mapping[str, str] = {}
    problem: Problem | None = None
    edit_href: str = ""
    rows: Sequence[MessageLine] = ()


class BroadcastForm(Struct, frozen=True, kw_only=True):
    """``/console/broadcast-form``."""

    TEMPLATE: ClassVar[str] = "broadcast_form.html"

    values: Mapping[str, str]
    segments: Sequence[Choice] = ()
    templates: Sequence[Choice] = ()
    channels: Sequence[Choice] = ()
    purposes: Sequence[Choice] = ()
    reach: Reach | None = None
    code: str = ""
    """Of one that is changed; empty for a new one."""
    problem: Problem | None = None


class LimitRow(Struct, frozen=True, kw_only=True):
    """A budget or a cap in one sentence (translated)."""

    name: str
    sentence: str
    note: str = ""


class QuietBar(Struct, frozen=True, kw_only=True):
    """A stretch of a drawn day, in hours from 0 to 24."""

    start: float
    end: float


class QuietDay(Struct, frozen=True, kw_only=True):
    """A day of the drawn week; ``text`` says the same in words."""

    label: str
    bars: Sequence[QuietBar]
    text: str


class QuietWeek(Struct, frozen=True, kw_only=True):
    """The week of channels that share their hours."""

    channels: str
    days: Sequence[QuietDay]
    holidays: str = ""


class PolicyChange(Struct, frozen=True, kw_only=True):
    """One value that differs."""

    what: str
    before: str
    after: str


class PolicyVersionRow(Struct, frozen=True, kw_only=True):
    """The policy as somebody made it."""

    version: int
    at: datetime | None
    actor: str
    reason: str
    changes: Sequence[PolicyChange] = ()
    current: bool = False


class PolicyPage(Struct, frozen=True, kw_only=True):
    """``/console/policy``."""

    TEMPLATE: ClassVar[str] = "policy.html"

    version: int
    budgets: Sequence[LimitRow]
    caps: Sequence[LimitRow]
    weights: Sequence[tuple[str, int]]
    weeks: Sequence[QuietWeek]
    helps: Sequence[str]
    helping: bool
    prefers: Sequence[str]
    besides: Sequence[tuple[str, str]]
    versions: Sequence[PolicyVersionRow]
    more_href: str | None = None
    yaml: str = ""
    can_write: bool = False
    problem: Problem | None = None


class PolicyField(Struct, frozen=True, kw_only=True):
    """A row of the form: a name for its fields (``budget-0``), their values, its choices."""

    name: str
    values: Mapping[str, str]
    channels: Sequence[Choice] = ()
    purposes: Sequence[Choice] = ()
    counts: Sequence[Choice] = ()
    """Of a budget: what weighs in it."""
    weekdays: Sequence[Choice] = ()
    summary: str = ""
    flags: Mapping[str, bool] = {}
    new: bool = False
    removed: bool = False
    """Ticked to go."""


class PolicyForm(Struct, frozen=True, kw_only=True):
    """``/console/policy-form``."""

    TEMPLATE: ClassVar[str] = "policy_form.html"

    version: int
    weights: Sequence[tuple[str, str, str]]
    """Channel, its name, its weight."""
    budgets: Sequence[PolicyField]
    caps: Sequence[PolicyField]
    quiet: Sequence[PolicyField]
    help: PolicyField
    besides: PolicyField
    fallback: Sequence[Sequence[Choice]] = ()
    """Channels to choose from for the first place, the second, …"""
    reason: str = ""
    problem: Problem | None = None


class PolicySimulator(Struct, frozen=True, kw_only=True):
    """``/console/policy-simulator``: what would become of a message to a person."""

    TEMPLATE: ClassVar[str] = "policy_simulator.html"

    values: Mapping[str, str]
    purposes: Sequence[Choice]
    channels: Sequence[Choice]
    decision: DecisionCard | None = None
    person: PersonLink | None = None
    problem: Problem | None = None


class TaskRow(Struct, frozen=True, kw_only=True):
    """Something one of us is to do."""

    task_id: int
    title: str
    kind: str
    badge: Badge
    body: str = ""
    person: PersonLink | None = None
    phone: str = ""
    store: str = ""
    due_at: datetime | None = None
    late: bool = False
    message_href: str | None = None
    outcomes: Sequence[Choice] = ()
    """Empty: it is settled, or not ours."""
    is_call: bool = False
    outcome: str = ""
    settled_at: datetime | None = None
    settled_by: str = ""


class Tasks(Struct, frozen=True, kw_only=True):
    """``/console/tasks``."""

    TEMPLATE: ClassVar[str] = "tasks.html"

    rows: Sequence[TaskRow]
    paging: Paging
    states: Sequence[Chip] = ()
    kinds: Sequence[Chip] = ()
    any_tasks: bool = True
    filter_sentence: str = ""
    new_kinds: Sequence[Choice] = ()
    stores: Sequence[Choice] = ()
    every_store: bool = False
    """A task may be nowhere in particular."""
    values: Mapping[str, str] = {}
    part: str = ""
    """Which form ``problem`` belongs to: ``new``, or the task's number."""
    problem: Problem | None = None


class Compose(Struct, frozen=True, kw_only=True):
    """``/console/people/{id}/write``: the decision is shown before anything is sent."""

    TEMPLATE: ClassVar[str] = "compose.html"

    person: PersonLink
    values: Mapping[str, str]
    channels: Sequence[Choice]
    purposes: Sequence[Choice]
    templates: Sequence[Choice] = ()
    decision: DecisionCard | None = None
    said: Sequence[tuple[str, str]] = ()
    """What the person would read."""
    findings: Sequence[tuple[str, Reason]] = ()
    """What the brand says of the words: ``block`` or ``warn``, and why."""
    may_send: bool = False
    problem: Problem | None = None


Sends: TypeAlias = (
    Outbox
    | Message
    | Broadcasts
    | BroadcastPage
    | BroadcastForm
    | PolicyPage
    | PolicyForm
    | PolicySimulator
    | Tasks
    | Compose
)
"""Every screen of what is sent."""
