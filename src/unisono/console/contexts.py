"""What every console screen needs to be drawn: the contract between routes and templates.

A route fills one view (a frozen struct below) and hands it to ``rendering.render_screen``; the template named by
the view's ``TEMPLATE`` reads it as ``view`` beside ``page`` (the `Shell`). Templates never query, routes never
format: times are aware UTC datetimes, money is minor units, numbers are numbers, and the filters of
`unisono.console.rendering` write them in the reader's language and zone.

Texts in these structs are either data (names, values) or already translated sentences, as each field says.
``*_href`` fields are links built with `unisono.console.links`; ``None`` means "do not offer it".
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import ClassVar, Literal

import msgspec

from unisono.console.staff import Note, StaffLine

Tone = Literal["neutral", "good", "warning", "off"]
"""How a badge speaks: plain, granted or healthy, needs a human, refused or disabled (struck through)."""

Knowledge = Literal["known", "zero", "stale", "never_computed"]
"""Why a figure looks as it does: "zero", "stale" and "never computed" are different texts on the screen."""

Theme = Literal["auto", "light", "dark"]
Density = Literal["comfortable", "compact"]


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all contexts: frozen, named arguments only."""


# --- pieces shared by screens -------------------------------------------------------------------------------------


class Amount(Struct, frozen=True):
    """Money: integer minor units and an ISO 4217 code (EUR 12.34 is ``minor=1234, currency="EUR"``)."""

    minor: int
    currency: str


class Badge(Struct, frozen=True):
    """A short pill. ``meaning`` is the full translated sentence for hover and screen readers ("SMS: refused")."""

    text: str
    tone: Tone = "neutral"
    meaning: str = ""
    href: str | None = None


class Chip(Struct, frozen=True):
    """One filter as a link: following it switches the filter; ``count`` is how many rows it would show."""

    label: str
    href: str
    selected: bool = False
    count: int | None = None


class Tile(Struct, frozen=True):
    """One figure of a strip. ``value`` as it comes: Amount, int, datetime (shown as a day) or text; None with
    ``knowledge="never_computed"``. ``note`` is a translated line under it."""

    label: str
    value: Amount | int | datetime | str | None
    note: str = ""
    knowledge: Knowledge = "known"
    as_of: datetime | None = None
    href: str | None = None
    tone: Tone = "neutral"


class Paging(Struct, frozen=True):
    """The foot of a keyset-paged table. ``total`` is None when counting would cost more than it tells."""

    shown: int
    total: int | None = None
    total_is_estimate: bool = False
    previous_href: str | None = None
    next_href: str | None = None


class Choice(Struct, frozen=True):
    """An option of a select or a group of radio buttons. ``hint`` explains it (translated)."""

    value: str
    label: str
    selected: bool = False
    hint: str = ""


class Problem(Struct, frozen=True):
    """What went wrong with a form or a page: what, why, what to do (translated), and an id to quote to support.
    ``field`` names the form field at fault."""

    what: str
    why: str = ""
    do: str = ""
    id: str = ""
    field: str | None = None


class Toast(Struct, frozen=True):
    """The outcome of the last action (translated). ``undo_href`` is a POST address."""

    text: str
    tone: Tone = "good"
    undo_href: str | None = None


class PersonLink(Struct, frozen=True):
    """A person as named in a row of another screen."""

    person_id: int
    name: str


class Score(Struct, frozen=True):
    """What the staff draws: notes between two instants. ``by_stretch`` makes each month or week a link that adds
    ``from`` and ``to`` (ISO dates) to the present address; other parameters to keep go in ``keep_query``."""

    notes: Sequence[Note]
    start: datetime
    end: datetime
    by_stretch: bool = True
    keep_query: str = ""


# --- the shell ----------------------------------------------------------------------------------------------------


class Viewer(Struct, frozen=True):
    """Who is signed in."""

    account_id: int
    name: str
    email: str
    role: str
    role_label: str


class Shell(Struct, frozen=True):
    """What surrounds every screen, as ``page``. ``section`` is the navigation entry to mark, one of the names in
    `unisono.console.links.NAVIGATION`; ``sections`` are those the viewer's role may open (None: all). ``locale`` is
    a Babel code ("it", "en"), ``zone`` an IANA name. ``here`` is the present path with its query, for coming back."""

    title: str
    locale: str
    zone: str
    now: datetime
    csrf_token: str
    here: str
    section: str = ""
    viewer: Viewer | None = None
    sections: frozenset[str] | None = None
    theme: Theme = "auto"
    density: Density = "comfortable"
    toast: Toast | None = None
    company: str = ""
    failed_events: int = 0
    """Failed events waiting for someone, shown beside "Live events"; 0 shows nothing."""


# --- people -------------------------------------------------------------------------------------------------------


class IdentifierBrief(Struct, frozen=True):
    """An identifier in one line, already masked for the viewer's role."""

    namespace: str
    label: str
    value: str


class PersonRow(Struct, frozen=True):
    """A person in the list. ``name`` falls back to an identifier (``name_known=False``)."""

    person_id: int
    name: str
    href: str
    name_known: bool = True
    identifiers: Sequence[IdentifierBrief] = ()
    more_identifiers: int = 0
    last_seen: datetime | None = None
    last_line: StaffLine | None = None
    events: int = 0
    lifetime_value: Amount | None = None
    badges: Sequence[Badge] = ()
    score: Score | None = None


class PeopleList(Struct, frozen=True):
    """``/console/people``. No rows and ``any_people=False`` is first use; no rows otherwise is "empty by filter",
    which names ``filter_sentence`` (translated: "phone contains 333, seen in store") and offers ``clear_href``."""

    TEMPLATE: ClassVar[str] = "people_list.html"

    rows: Sequence[PersonRow]
    paging: Paging
    query: str = ""
    chips: Sequence[Chip] = ()
    sorts: Sequence[Chip] = ()
    any_people: bool = True
    filter_sentence: str = ""
    clear_href: str = "?"


class TimelineItem(Struct, frozen=True):
    """One event as a line of the timeline. ``title`` and ``detail`` are translated sentences ("Bought 2 items").

    ``members`` makes it a collapsed run ("Viewed 14 products"): newest first, ``at`` is the newest of them."""

    at: datetime
    title: str
    line: StaffLine
    event_id: str = ""
    detail: str = ""
    channel_label: str = ""
    amount: Amount | None = None
    future: bool = False
    node_label: str = ""
    """The identifier it happened under ("anonymous_id ...4f2a")."""
    received_at: datetime | None = None
    """Only when it reached us much later than it happened."""
    raw_href: str | None = None
    why_href: str | None = None
    why_text: str = ""
    members: Sequence["TimelineItem"] = ()


class DayGroup(Struct, frozen=True):
    """The items of one local day, newest first."""

    day: date
    items: Sequence[TimelineItem]


class Timeline(Struct, frozen=True):
    """The timeline of one person. ``coming`` are future items, soonest last; days newest first. ``stretch`` says the
    narrowed period when a stretch of the staff was chosen; ``clear_href`` drops every filter."""

    days: Sequence[DayGroup]
    coming: Sequence[TimelineItem] = ()
    chips: Sequence[Chip] = ()
    paging: Paging | None = None
    stretch: tuple[date, date] | None = None
    filter_sentence: str = ""
    clear_href: str = "?"


class IdentifierRow(Struct, frozen=True):
    """An identifier on the identity card. ``source`` names the key or connector it came by."""

    node_id: int
    namespace: str
    label: str
    value: str
    source: str = ""
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    joined_at: datetime | None = None
    verified: bool = False
    shared: bool = False
    events: int = 0


class IdentityCard(Struct, frozen=True):
    """``joined_from`` counts the persons this one was joined from; 1 says "never joined"."""

    identifiers: Sequence[IdentifierRow]
    joined_from: int = 1
    why_href: str | None = None
    can_split: bool = False


class TraitRow(Struct, frozen=True):
    """A trait with its source and age. ``value`` is already text."""

    name: str
    value: str
    source: str = ""
    at: datetime | None = None


class ComputedTraitRow(Struct, frozen=True):
    """A computed trait. ``definition`` is a translated sentence."""

    name: str
    value: Amount | int | float | datetime | str | None
    knowledge: Knowledge = "known"
    as_of: datetime | None = None
    definition: str = ""


class HouseholdMember(Struct, frozen=True):
    """Another person who shares something; ``reason`` is translated ("same address")."""

    person_id: int
    name: str
    href: str
    reason: str = ""


class PersonPage(Struct, frozen=True):
    """``/console/people/{person_id}``. ``facts`` are translated fragments joined by a middle dot under the name
    ("Customer since March 2019", "home store Milano Brera"). ``advice`` is the "for whoever serves them now" text,
    one or more translated sentences, empty when there is nothing to say. ``moved_from`` is set when an older person
    id was asked for and now belongs to this one."""

    TEMPLATE: ClassVar[str] = "person.html"

    person_id: int
    name: str
    timeline: Timeline
    identity: IdentityCard
    name_known: bool = True
    facts: Sequence[str] = ()
    badges: Sequence[Badge] = ()
    tiles: Sequence[Tile] = ()
    score: Score | None = None
    traits: Sequence[TraitRow] = ()
    computed: Sequence[ComputedTraitRow] = ()
    household: Sequence[HouseholdMember] = ()
    household_name: str = ""
    advice: str = ""
    moved_from: int | None = None
    can_write_note: bool = False
    note_problem: Problem | None = None
    can_see_raw: bool = False


class LinkRow(Struct, frozen=True):
    """One link between two identifiers, with its reason (translated) and source."""

    link_id: int
    at: datetime
    left: IdentifierBrief
    right: IdentifierBrief
    reason: str
    source: str = ""
    refused: bool = False
    """The link was recorded but a rule kept it from joining; ``reason`` says which."""
    undone_at: datetime | None = None
    undone_by: str = ""
    can_undo: bool = False


class PersonLinks(Struct, frozen=True):
    """``/console/people/{person_id}/why``: every link that makes this person one, and the splits on offer."""

    TEMPLATE: ClassVar[str] = "person_links.html"

    person_id: int
    name: str
    identifiers: Sequence[IdentifierRow]
    links: Sequence[LinkRow]


class RawEvent(Struct, frozen=True):
    """The raw JSON of an event: a fragment for htmx, a page without JavaScript. ``json`` is pretty-printed text."""

    TEMPLATE: ClassVar[str] = "raw_event.html"

    event_id: str
    json: str
    back_href: str = ""
    person: PersonLink | None = None


# --- live events --------------------------------------------------------------------------------------------------


class LiveEvent(Struct, frozen=True):
    """An accepted event. ``kind`` is track, page, ...; ``name`` the event's own name."""

    event_id: str
    at: datetime
    kind: str
    name: str
    line: StaffLine
    channel_label: str
    received_at: datetime | None = None
    node_label: str = ""
    person: PersonLink | None = None
    source: str = ""
    raw_href: str | None = None


class FailedEvent(Struct, frozen=True):
    """An event that could not be accepted. ``reason`` and ``do`` are translated; ``excerpt`` the start of the raw body."""

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


class LiveEvents(Struct, frozen=True):
    """``/console/live``. ``stream_href`` is the SSE address: each message ``event: row`` carries the HTML that
    `rendering.render_fragment("fragments/live_row.html", event=...)` draws."""

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


# --- sources and keys ---------------------------------------------------------------------------------------------


class KeyRow(Struct, frozen=True):
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


class NewKey(Struct, frozen=True):
    """A key's full value, shown once after it was created or rotated."""

    name: str
    value: str
    kind: str
    old_until: datetime | None = None


class CodeSample(Struct, frozen=True):
    """How one client sends its first event. ``label`` names the client ("Browser", "curl"), ``file`` what to edit."""

    id: str
    label: str
    language: str
    code: str
    note: str = ""


class Sources(Struct, frozen=True):
    """``/console/sources``."""

    TEMPLATE: ClassVar[str] = "sources.html"

    keys: Sequence[KeyRow]
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


# --- identity -----------------------------------------------------------------------------------------------------


class RuleRow(Struct, frozen=True):
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


class ViolationRow(Struct, frozen=True):
    """A join that a rule refused. ``rule`` and ``outcome`` are translated."""

    violation_id: int
    at: datetime
    rule: str
    identifier: IdentifierBrief
    outcome: str = ""
    persons: Sequence[PersonLink] = ()


class SharedRow(Struct, frozen=True):
    """An identifier used by several people, which therefore joins nobody."""

    node_id: int
    identifier: IdentifierBrief
    people: int
    since: datetime
    reason: str = ""
    can_release: bool = False


class Identity(Struct, frozen=True):
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


# --- health -------------------------------------------------------------------------------------------------------


class ReaderRow(Struct, frozen=True):
    """A reader of the timeline. ``lag_events`` behind the head, ``lag_seconds`` the age of the next event to read."""

    name: str
    label: str
    state: Literal["running", "behind", "stopped", "parked"]
    lag_events: int
    lag_seconds: float | None = None
    moved_at: datetime | None = None


class DeadLetterRow(Struct, frozen=True):
    """An item a reader gave up on."""

    letter_id: int
    reader: str
    at: datetime
    attempts: int
    error: str
    event_name: str = ""
    raw_href: str | None = None
    can_replay: bool = False


class ParkedRow(Struct, frozen=True):
    """A person whose events wait for one reader after a failure; ``waiting`` counts them."""

    person: PersonLink
    reader: str
    since: datetime
    waiting: int
    error: str
    next_attempt_at: datetime | None = None


class Bucket(Struct, frozen=True):
    """One bar of the accepted / failed history."""

    at: datetime
    accepted: int
    failed: int = 0


class Health(Struct, frozen=True):
    """``/console/health``. ``state`` is the sentence on top; ``sentence`` is translated ("All readers keep up")."""

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


# --- accounts -----------------------------------------------------------------------------------------------------


class SignIn(Struct, frozen=True):
    """``/console/sign-in``. ``next_path`` is where to go afterwards."""

    TEMPLATE: ClassVar[str] = "sign_in.html"

    email: str = ""
    next_path: str = ""
    problem: Problem | None = None
    locked_until: datetime | None = None


class FirstRun(Struct, frozen=True):
    """``/console/first-run``: the owner's account of a new installation. ``needs_token`` asks for the one-time token
    that the server printed."""

    TEMPLATE: ClassVar[str] = "first_run.html"

    needs_token: bool = True
    token: str = ""
    name: str = ""
    email: str = ""
    company: str = ""
    problem: Problem | None = None
    password_min_length: int = 12


class AccountRow(Struct, frozen=True):
    """An account of the team."""

    account_id: int
    name: str
    email: str
    role: str
    role_label: str
    store: str = ""
    last_seen: datetime | None = None
    created_at: datetime | None = None
    disabled_at: datetime | None = None
    is_viewer: bool = False


class RoleRow(Struct, frozen=True):
    """A role and what it may do (translated sentences)."""

    role: str
    label: str
    summary: str
    can: Sequence[str] = ()
    cannot: Sequence[str] = ()
    accounts: int = 0


class Invitation(Struct, frozen=True):
    """A link made for a new colleague, shown once."""

    email: str
    href: str
    until: datetime | None = None


class Team(Struct, frozen=True):
    """``/console/team``."""

    TEMPLATE: ClassVar[str] = "team.html"

    accounts: Sequence[AccountRow]
    roles: Sequence[RoleRow]
    stores: Sequence[Choice] = ()
    role_choices: Sequence[Choice] = ()
    can_manage: bool = False
    problem: Problem | None = None
    invitation: Invitation | None = None
    draft_name: str = ""
    draft_email: str = ""


# --- search, palette, errors --------------------------------------------------------------------------------------


class Hit(Struct, frozen=True):
    """One thing found. ``hint`` is a translated second line ("loyalty card ...4417")."""

    label: str
    href: str
    hint: str = ""
    kind: str = ""


class HitGroup(Struct, frozen=True):
    """Hits of one kind under a translated title ("People", "Screens")."""

    title: str
    hits: Sequence[Hit]


class Palette(Struct, frozen=True):
    """``/console/palette?q=``: the fragment inside the command palette."""

    TEMPLATE: ClassVar[str] = "palette.html"

    query: str
    groups: Sequence[HitGroup]


class Search(Struct, frozen=True):
    """``/console/search?q=``: the same as a page, for those without JavaScript."""

    TEMPLATE: ClassVar[str] = "search.html"

    query: str
    groups: Sequence[HitGroup]


class ErrorPage(Struct, frozen=True):
    """Any error as a page: status and a `Problem`."""

    TEMPLATE: ClassVar[str] = "error.html"

    status: int
    problem: Problem
    retry_href: str | None = None
    home_href: str | None = None


class NoPermission(Struct, frozen=True):
    """A screen the viewer's role may not open. ``what`` is the screen, ``roles`` those that may, ``ask`` an owner's
    name or address."""

    TEMPLATE: ClassVar[str] = "no_permission.html"

    what: str
    roles: Sequence[str] = ()
    ask: str = ""


Screen = (
    PeopleList
    | PersonPage
    | PersonLinks
    | RawEvent
    | LiveEvents
    | Sources
    | Identity
    | Health
    | SignIn
    | FirstRun
    | Team
    | Palette
    | Search
    | ErrorPage
    | NoPermission
)
"""Everything `rendering.render_screen` can draw."""
