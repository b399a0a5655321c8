"""The list of people, the page of one person, and why they are one person."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import ClassVar

from unisono.console.contexts.consents import PersonContact
from unisono.console.contexts.orders import PersonShop
from unisono.console.contexts.segments import PersonVoice
from unisono.console.contexts.shared import (
    Amount,
    Badge,
    Chip,
    IdentifierBrief,
    Knowledge,
    Paging,
    PersonLink,
    Problem,
    Score,
    Struct,
    Tile,
)
from unisono.console.staff import Dot


class PersonRow(Struct, frozen=True, kw_only=True):
    """A person in the list. ``name`` falls back to an identifier (``name_known=False``)."""

    person_id: int
    name: str
    href: str
    name_known: bool = True
    identifiers: Sequence[IdentifierBrief] = ()
    more_identifiers: int = 0
    last_seen: datetime | None = None
    last_line: Dot | None = None
    events: int = 0
    lifetime_value: Amount | None = None
    badges: Sequence[Badge] = ()
    score: Score | None = None


class PeopleList(Struct, frozen=True, kw_only=True):
    """
    ``/console/people``. No rows and ``any_people=False`` is first use; no rows otherwise is "empty by
    filter", which names ``filter_sentence`` (translated: "phone contains 333, seen in store") and offers
    ``clear_href``.
    """

    TEMPLATE: ClassVar[str] = "people_list.html"

    rows: Sequence[PersonRow]
    paging: Paging
    query: str = ""
    chips: Sequence[Chip] = ()
    sorts: Sequence[Chip] = ()
    any_people: bool = True
    filter_sentence: str = ""
    clear_href: str = "?"


class TimelineItem(Struct, frozen=True, kw_only=True):
    """
    One event as a line of the timeline. ``title`` and ``detail`` are translated sentences ("Bought 2
    items").

    ``members`` makes it a collapsed run ("Viewed 14 products"): newest first, ``at`` is the newest of them.
    """

    at: datetime
    title: str
    line: Dot
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


class DayGroup(Struct, frozen=True, kw_only=True):
    """The items of one local day, newest first."""

    day: date
    items: Sequence[TimelineItem]


class Timeline(Struct, frozen=True, kw_only=True):
    """
    The timeline of one person. ``coming`` are future items, soonest last; days newest first. ``stretch``
    says the narrowed period when a stretch of the staff was chosen; ``clear_href`` drops every filter.
    """

    days: Sequence[DayGroup]
    coming: Sequence[TimelineItem] = ()
    chips: Sequence[Chip] = ()
    paging: Paging | None = None
    stretch: tuple[date, date] | None = None
    filter_sentence: str = ""
    clear_href: str = "?"


class IdentifierRow(Struct, frozen=True, kw_only=True):
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


class IdentityCard(Struct, frozen=True, kw_only=True):
    """``joined_from`` counts the persons this one was joined from; 1 says "never joined"."""

    identifiers: Sequence[IdentifierRow]
    joined_from: int = 1
    why_href: str | None = None
    can_split: bool = False


class TraitRow(Struct, frozen=True, kw_only=True):
    """A trait with its source and age. ``value`` is already text."""

    name: str
    value: str
    source: str = ""
    at: datetime | None = None


class ComputedTraitRow(Struct, frozen=True, kw_only=True):
    """A computed trait. ``definition`` is a translated sentence."""

    name: str
    value: Amount | int | float | datetime | str | None
    knowledge: Knowledge = "known"
    as_of: datetime | None = None
    definition: str = ""


class HouseholdMember(Struct, frozen=True, kw_only=True):
    """Another person who shares something; ``reason`` is translated ("same address")."""

    person_id: int
    name: str
    href: str
    reason: str = ""


class PersonPage(Struct, frozen=True, kw_only=True):
    """
    ``/console/people/{person_id}``. ``facts`` are translated fragments joined by a middle dot under the
    name ("Customer since March 2019", "home store Milano Brera"). ``advice`` is the "for whoever serves
    them now" text, one or more translated sentences, empty when there is nothing to say. ``moved_from`` is
    set when an older person id was asked for and now belongs to this one.
    """

    TEMPLATE: ClassVar[str] = "person.html"

    person_id: int
    name: str
    timeline: Timeline
    identity: IdentityCard
    name_known: bool = True
    facts: Sequence[str] = ()
    badges: Sequence[Badge] = ()
    tiles: Sequence[Tile] = ()
    contact: PersonContact | None = None
    """Consents and messages; None when the reader may not see these."""
    shop: PersonShop | None = None
    """Cart, orders and what waits for them; None when the reader may not see these."""
    voice: PersonVoice | None = None
    """Segments and what else One voice knows; None when the reader may not see it."""
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
    together_href: str | None = None
    """Where to join this person with another, or to group a household."""
    audit_href: str | None = None
    """Who has looked at this person."""


class LinkRow(Struct, frozen=True, kw_only=True):
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
    split_href: str | None = None
    """POST ``link``: takes this link back; for links that no join or split of the list stands for."""


class PersonLinks(Struct, frozen=True, kw_only=True):
    """``/console/people/{person_id}/why``: every link that makes this person one, and the splits on offer."""

    TEMPLATE: ClassVar[str] = "person_links.html"

    person_id: int
    name: str
    identifiers: Sequence[IdentifierRow]
    links: Sequence[LinkRow]


class RawEvent(Struct, frozen=True, kw_only=True):
    """
    The raw JSON of an event: a fragment for htmx, a page without JavaScript. ``json`` is pretty-printed
    text.
    """

    TEMPLATE: ClassVar[str] = "raw_event.html"

    event_id: str
    json: str
    back_href: str = ""
    person: PersonLink | None = None
