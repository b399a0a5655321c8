"""What people agreed to, what is blocked, what the law asks, and the requests of people about their data."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, TypeAlias

from unisono.console.contexts.sends import MessageLine
from unisono.console.contexts.shared import Badge, Chip, Choice, Paging, PersonLink, Problem, Struct


class TextRow(Struct, frozen=True, kw_only=True):
    """A text people agree to, in its newest version."""

    text_id: str
    href: str
    purpose: str
    channels: str
    version: int
    bodies: Sequence[tuple[str, str]]
    """Language and words."""
    created_at: datetime
    created_by: str


class TextVersion(Struct, frozen=True, kw_only=True):
    """A version of a text in all its languages."""

    version: int
    bodies: Sequence[tuple[str, str]]
    created_at: datetime
    created_by: str


class EntryRow(Struct, frozen=True, kw_only=True):
    """One entry of the ledger."""

    at: datetime
    badge: Badge
    what: str
    """Purpose and channel (translated)."""
    source: str
    actor: str
    person: PersonLink | None = None
    address: str = ""
    text: str = ""
    expires_at: datetime | None = None


class Consents(Struct, frozen=True, kw_only=True):
    """``/console/consent``: the texts, or one with its versions, and what was said last."""

    TEMPLATE: ClassVar[str] = "consent.html"

    texts: Sequence[TextRow]
    tabs: Sequence[Chip]
    latest: Sequence[EntryRow] = ()
    opened: str = ""
    versions: Sequence[TextVersion] = ()
    can_write: bool = False
    purposes: Sequence[Choice] = ()
    channels: Sequence[Choice] = ()
    values: Mapping[str, str] = {}
    problem: Problem | None = None


class BlockedRow(Struct, frozen=True, kw_only=True):
    """An address nothing, or no marketing, goes to."""

    address: str
    channel: str
    badge: Badge
    blocks: str
    at: datetime
    source: str
    detail: str = ""
    person: PersonLink | None = None
    lifted_at: datetime | None = None
    lifted_by: str = ""


class Blocked(Struct, frozen=True, kw_only=True):
    """``/console/consent-blocked``."""

    TEMPLATE: ClassVar[str] = "consent_blocked.html"

    rows: Sequence[BlockedRow]
    paging: Paging
    tabs: Sequence[Chip]
    chips: Sequence[Chip] = ()
    filter_sentence: str = ""


class LawRow(Struct, frozen=True, kw_only=True):
    """A default of the law, and whether somebody switched it. ``kind``: flag, number, channels."""

    name: str
    label: str
    hint: str
    kind: str
    value: str
    """Translated, or a number."""
    default: str
    raw: str = ""
    """As its form holds it."""
    reason: str = ""
    at: datetime | None = None
    actor: str = ""
    choices: Sequence[Choice] = ()
    typed_reason: str = ""
    """What stood in its form when that could not be kept."""


class Uploaded(Struct, frozen=True, kw_only=True):
    """What came of an upload to the register."""

    lines: int
    checked: int
    listed: int
    unknown: int
    unreadable: Sequence[int] = ()


class Law(Struct, frozen=True, kw_only=True):
    """``/console/consent-law``: legal defaults, and the opposition register."""

    TEMPLATE: ClassVar[str] = "consent_law.html"

    rows: Sequence[LawRow]
    tabs: Sequence[Chip]
    uploaded: Uploaded | None = None
    part: str = ""
    can_write: bool = False
    problem: Problem | None = None


class RequestRow(Struct, frozen=True, kw_only=True):
    """Somebody wants to see their data, or wants it gone."""

    request_id: int
    kind: str
    badge: Badge
    href: str
    asked_at: datetime
    asked_by: str
    person: PersonLink | None = None
    due_at: datetime | None = None
    done_at: datetime | None = None
    download_href: str | None = None


class PrivacyRequests(Struct, frozen=True, kw_only=True):
    """``/console/privacy-requests``."""

    TEMPLATE: ClassVar[str] = "privacy_requests.html"

    rows: Sequence[RequestRow]
    paging: Paging
    tabs: Sequence[Chip]
    chips: Sequence[Chip] = ()
    any_requests: bool = True
    filter_sentence: str = ""


class PrivacyRequest(Struct, frozen=True, kw_only=True):
    """``/console/privacy-requests/{id}``."""

    TEMPLATE: ClassVar[str] = "privacy_request.html"

    request_id: int
    title: str
    badge: Badge
    facts: Sequence[tuple[str, str]]
    person: PersonLink | None = None
    erasure: bool = False
    must_confirm: bool = False
    """It waits for the second step."""
    confirm_word: str = ""
    """What must be typed for it."""
    confirmation: str = ""
    """Says yes to the person as the page shows him."""
    identifiers: Sequence[str] = ()
    shared: Sequence[tuple[int, str]] = ()
    """Identifiers others use too: node and label; each asks for a decision."""
    standing: Sequence[str] = ()
    """What is still owed to or by the person."""
    counts: Sequence[tuple[str, int, str]] = ()
    """What would happen: where, how many rows, what and why."""
    sentence: str = ""
    done: int = 0
    total: int = 0
    moving: bool = False
    download_href: str | None = None
    receipt: Sequence[tuple[str, int, str]] = ()
    """What was taken out or kept: where, how many, why."""
    can_withdraw: bool = False
    problem: Problem | None = None


class HoldingRow(Struct, frozen=True, kw_only=True):
    """What holds on one purpose and channel."""

    purpose: str
    channel: str
    label: str
    badge: Badge
    why: str = ""
    since: datetime | None = None
    expires_at: datetime | None = None
    can_withdraw: bool = False


class AddressBlock(Struct, frozen=True, kw_only=True):
    """A block of one of a person's addresses."""

    node_id: int
    channel_code: str
    channel: str
    address: str
    badge: Badge
    blocks: str
    at: datetime
    detail: str = ""


class PersonConsents(Struct, frozen=True, kw_only=True):
    """``/console/people/{id}/consents``."""

    TEMPLATE: ClassVar[str] = "person_consents.html"

    person: PersonLink
    holdings: Sequence[HoldingRow]
    others: Sequence[HoldingRow]
    blocks: Sequence[AddressBlock] = ()
    waiting: Sequence[EntryRow] = ()
    history: Sequence[EntryRow] = ()
    addresses: Sequence[Choice] = ()
    texts: Sequence[Choice] = ()
    channels: Sequence[Choice] = ()
    proofs: Sequence[tuple[str, str]] = ()
    can_write: bool = False
    can_unblock: bool = False
    can_request: bool = False
    requests: Sequence[RequestRow] = ()
    part: str = ""
    problem: Problem | None = None


class PersonContact(Struct, frozen=True, kw_only=True):
    """What a person's page shows of consents and messages."""

    badges: Sequence[Badge] = ()
    holdings: Sequence[HoldingRow] = ()
    consents_href: str | None = None
    messages: Sequence[MessageLine] = ()
    coming: Sequence[MessageLine] = ()
    all_href: str | None = None
    write_href: str | None = None
    simulate_href: str | None = None
    mode: Sequence[str] = ()
    """Why promotion is mute; empty: it is not (translated)."""


ConsentScreens: TypeAlias = Consents | Blocked | Law | PrivacyRequests | PrivacyRequest | PersonConsents
"""Every screen of consent and privacy."""
