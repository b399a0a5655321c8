"""Segments: the list, one with its numbers and its past, the builder, why somebody is in, who is in."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import ClassVar, Literal

from unisono.console.contexts.products import UsedBy
from unisono.console.contexts.promotions import Became
from unisono.console.contexts.shared import Badge, Chip, Choice, Paging, PersonLink, Problem, Struct


class DayPoint(Struct, frozen=True, kw_only=True):
    """A day of a line: how many there were at its end."""

    day: date
    value: int


class SegmentRow(Struct, frozen=True, kw_only=True):
    """A segment in the list. ``change`` over a week; None when it is not that old."""

    code: str
    name: str
    href: str
    sentence: str
    badge: Badge
    members: int | None = None
    change: int | None = None
    trend: Sequence[DayPoint] = ()
    uses: int = 0
    used_by: str = ""
    """The first of what asks about it, in words."""


class ReadyTemplate(Struct, frozen=True, kw_only=True):
    """A ready segment to start from, with how many it would hold now; None when that could not be counted."""

    name: str
    sentence: str
    href: str
    members: int | None = None


class Segments(Struct, frozen=True, kw_only=True):
    """``/console/segments``."""

    TEMPLATE: ClassVar[str] = "segments.html"

    rows: Sequence[SegmentRow]
    paging: Paging
    chips: Sequence[Chip] = ()
    templates: Sequence[ReadyTemplate] = ()
    counted: bool = True
    """The templates are; else the page asks for their sizes once it is there."""
    any_segments: bool = True
    filter_sentence: str = ""
    can_write: bool = False


class FunnelRow(Struct, frozen=True, kw_only=True):
    """A part of a rule: whom it alone would let in, who is left after it and all before it."""

    sentence: str
    alone: int
    left: int
    part: float
    """``left`` of everybody, from 0 to 1."""


class ReachRow(Struct, frozen=True, kw_only=True):
    """Whom marketing may reach on a channel."""

    channel: str
    people: int
    part: float
    exact: bool = True


class SampleRow(Struct, frozen=True, kw_only=True):
    """Somebody who is in, and what of him says so."""

    person: PersonLink
    why: str
    why_href: str = ""


class SegmentNumbers(Struct, frozen=True, kw_only=True):
    """A rule counted over everybody at one instant. ``warnings`` are sentences."""

    members: int
    people: int
    at: datetime
    part: float = 0.0
    funnel: Sequence[FunnelRow] = ()
    reach: Sequence[ReachRow] = ()
    samples: Sequence[SampleRow] = ()
    warnings: Sequence[str] = ()
    asked_people: bool = False
    """Whether reach and samples were asked for."""


class SegmentVersionRow(Struct, frozen=True, kw_only=True):
    """A version: what it changed against the one before it."""

    version: int
    at: datetime
    actor: str
    sentence: str
    note: str = ""
    changes: Sequence[Became] = ()


class DayRow(Struct, frozen=True, kw_only=True):
    """A day on which something moved."""

    day: date
    members: int
    entered: int
    departed: int


class CheckRow(Struct, frozen=True, kw_only=True):
    """A nightly proof."""

    at: datetime
    members: int
    missing: int
    extra: int


class SegmentPage(Struct, frozen=True, kw_only=True):
    """``/console/segments/{code}``. ``numbers`` None: the rule cannot be counted now (``problem`` says why)."""

    TEMPLATE: ClassVar[str] = "segment.html"

    code: str
    name: str
    sentence: str
    badge: Badge
    status: Literal["draft", "live", "archived"]
    version: int
    changed_at: datetime
    members: int | None = None
    counting: bool = False
    change: int | None = None
    description: str = ""
    numbers: SegmentNumbers | None = None
    trend: Sequence[DayPoint] = ()
    days: Sequence[DayRow] = ()
    versions: Sequence[SegmentVersionRow] = ()
    checks: Sequence[CheckRow] = ()
    used_by: Sequence[UsedBy] = ()
    yaml: str = ""
    json: str = ""
    can_write: bool = False
    can_see_people: bool = False
    problem: Problem | None = None


class MemberRow(Struct, frozen=True, kw_only=True):
    """Somebody in a segment."""

    person: PersonLink
    name_known: bool
    since: datetime
    why_href: str


class SegmentMembers(Struct, frozen=True, kw_only=True):
    """``/console/segments/{code}/members``."""

    TEMPLATE: ClassVar[str] = "segment_members.html"

    code: str
    name: str
    rows: Sequence[MemberRow]
    paging: Paging
    status: str = "live"


class WhyStep(Struct, frozen=True, kw_only=True):
    """A part of a rule for one person; all texts in the reader's words."""

    sentence: str
    holds: bool
    seen: str = ""
    until: datetime | None = None
    group: bool = False
    inner: Sequence["WhyStep"] = ()


class WhyAnswer(Struct, frozen=True, kw_only=True):
    """Whether a rule holds for a person, and why."""

    person: PersonLink
    member: bool
    at: datetime
    step: WhyStep
    since: datetime | None = None
    until: datetime | None = None


class SegmentWhy(Struct, frozen=True, kw_only=True):
    """``/console/segment-why``: why somebody is in a segment, or is not. Without ``answer`` a person is looked for."""

    TEMPLATE: ClassVar[str] = "segment_why.html"

    code: str
    name: str
    segments: Sequence[Choice] = ()
    query: str = ""
    found: Sequence[PersonLink] = ()
    searched: bool = False
    answer: WhyAnswer | None = None


RuleFieldKind = Literal["text", "number", "day", "month_day", "select"]


class RuleField(Struct, frozen=True, kw_only=True):
    """A field of the builder. ``known`` are values from real data: (what is typed, how often it is there). Changing
    a ``reshapes`` field brings other fields."""

    name: str
    label: str
    kind: RuleFieldKind = "text"
    value: str = ""
    choices: Sequence[Choice] = ()
    known: Sequence[tuple[str, str]] = ()
    fault: str = ""
    hint: str = ""
    reshapes: bool = False
    focus: bool = False


class RuleBox(Struct, frozen=True, kw_only=True):
    """A box of the builder: a group with boxes inside, a condition, a detail of one."""

    path: str
    kind: str
    title: str
    group: bool = False
    """One may choose all, any or none."""
    fields: Sequence[RuleField] = ()
    inner: Sequence["RuleBox"] = ()
    addable: Sequence[tuple[str, Sequence[Choice]]] = ()
    """What may be added inside: (name of the group, choices)."""
    add_label: str = ""
    fault: str = ""
    removable: bool = True
    first: bool = False
    last: bool = False
    focus: str = ""
    """Which of its own controls the cursor goes to: kind, add, up, down."""


class SegmentBuilder(Struct, frozen=True, kw_only=True):
    """``/console/segment-builder``: a rule as nested boxes, or as YAML where boxes cannot say it."""

    TEMPLATE: ClassVar[str] = "segment_builder.html"

    is_new: bool
    code: str
    version: int
    status: str
    name: str
    description: str
    note: str
    mode: Literal["boxes", "yaml"]
    root: RuleBox | None
    yaml: str
    sentence: str = ""
    numbers: SegmentNumbers | None = None
    unfinished: bool = False
    """Something is missing before it can be counted."""
    who: str = ""
    found: Sequence[PersonLink] = ()
    answer: WhyAnswer | None = None
    asked_who: bool = False
    back_href: str = ""
    can_see_people: bool = False
    faults: Sequence[tuple[str, str]] = ()
    """Faults of the general fields by name."""
    asked_to_keep: bool = False
    """It was to be saved, or written otherwise: what is wrong stands on top, not beside the number."""
    problem: Problem | None = None


class MembershipRow(Struct, frozen=True, kw_only=True):
    """A segment a person is in."""

    name: str
    href: str
    since: datetime
    why_href: str


class PersonVoice(Struct, frozen=True, kw_only=True):
    """What One voice knows of a person, beside the shop: the segments he is in, and others to ask about."""

    person_id: int
    segments: Sequence[MembershipRow] = ()
    others: Sequence[Choice] = ()
    sees_segments: bool = False
