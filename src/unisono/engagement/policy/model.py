"""What the contact policy is made of: its rules, what is asked of it, what it is told, what it answers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

from unisono.customers.consent.model import Standing
from unisono.kit.localtime import Zone
from unisono.kit.reasons import Reason

MessagePurpose = Literal["marketing", "transactional", "service"]
ContactPurpose = Literal["marketing", "transactional", "service", "staff"]
Outcome = Literal["send", "hold", "skip"]

STAFF: ContactPurpose = "staff"
"""Purpose under which a call, a letter or a word of one of ours is counted."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Label = Annotated[str, msgspec.Meta(max_length=80)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=366 * 86400)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
ClockTime = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Channels = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=30)]


# The rules ---------------------------------------------------------------------------------------------


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a person may be pressed in a rolling window, over all channels and by whomever."""

    name: Name
    label: Label = ""
    """What people call it in the reasons they read; empty: its name as words."""
    limit: Count
    """Weights that may add up within the window."""
    seconds: Seconds
    """Length of the rolling window."""
    counts: tuple[ContactPurpose, ...] = ("marketing", "service", "staff")
    """What weighs in it."""
    binds: tuple[MessagePurpose, ...] = ("marketing",)
    """Which messages wait when it is used up. Transactional ones never do."""


class Cap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many messages of these purposes a person may get in a rolling window."""

    name: Name
    label: Label = ""
    """What people call it in the reasons they read; empty: its name as words."""
    purposes: tuple[MessagePurpose, ...]
    """Counted and bound by it; a cap never binds transactional messages."""
    most: Count
    seconds: Seconds
    channels: Channels | None = None
    """Only these together; None: all channels together."""
    staff: bool = True
    """Whether calls, letters and words of ours count too."""


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Hours in which nobody is disturbed, by the person's clock."""

    channels: Channels
    from_: ClockTime
    until: ClockTime
    """Not after ``from``: on the next day. 24:00 is the end of the day."""
    weekdays: tuple[Weekday, ...] | None = None
    """Days on which it begins; None: every day."""
    holidays: bool = False
    """Begins on public holidays too, whatever weekday they are."""


class Help(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sell or help: when promotion is mute because the person has trouble with us (RULES G24)."""

    enabled: bool = True
    complaints: bool = True
    late_orders: bool = True
    settled_seconds: Annotated[int, msgspec.Meta(ge=0, le=366 * 86400)] = 48 * 3600
    """So long after a complaint was closed promotion stays mute."""
    csat_least: Annotated[int, msgspec.Meta(ge=1, le=5)] = 4
    """A closed complaint judged below this keeps promotion mute."""
    nps_most: Annotated[int, msgspec.Meta(ge=-1, le=10)] = 6
    """The newest NPS answer so low or lower mutes; -1 never."""
    csat_most: Annotated[int, msgspec.Meta(ge=0, le=5)] = 2
    """The newest CSAT answer so low or lower mutes; 0 never."""
    score_seconds: Seconds = 30 * 86400
    """How long a bad score, and a complaint badly settled, count."""
    late_seconds: Seconds = 30 * 86400
    """How long an order counts as late after the news of its delay, when nobody says that it arrived."""


class Preferring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the channel a person prefers goes before the author's order."""

    stated: bool = True
    learned: bool = True
    answers_least: Annotated[int, msgspec.Meta(ge=1, le=100)] = 2
    """A channel with fewer answers is not taken for preferred."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contact policy of the company, whole."""

    weights: dict[str, Count]
    """What a contact by a channel weighs; a channel that is not named weighs 1."""
    budgets: tuple[Budget, ...] = ()
    caps: tuple[Cap, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    help: Help = Help()
    preferring: Preferring = Preferring()
    fallback: Channels = ("email",)
    """Order in which channels are tried for a message that names none (``any``)."""
    consent_also: tuple[str, ...] = ()
    """Channels that need marketing consent here though the person comes to us: onsite, chat, till, clerk."""
    sharing: tuple[str, ...] = ("ads",)
    """Channels that hand the person's data to others: they need the consent to third parties."""
    patience_seconds: Seconds = 72 * 3600
    """A message without an end of its own is skipped when it would wait longer than this after it was due."""
    give_way: bool = True
    """Whether a lesser message leaves the rest of a budget to a weightier one that is planned within its window."""


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The policy as it was made by somebody at some time; version 0 is the one of the package."""

    version: int
    policy: Policy
    at: datetime | None
    actor: str
    reason: str


# What is asked -----------------------------------------------------------------------------------------


class LocalTime(msgspec.Struct, frozen=True):
    """A day and a time of the clock on the person's wall: ``{"date": "2026-12-24", "time": "18:30"}``."""

    date: date
    time: ClockTime
    within_seconds: Annotated[int, msgspec.Meta(ge=60, le=30 * 86400)] | None = None
    """So long after it, by the same clock, the message is of use; None: as its ``not_after`` says."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A message somebody wants sent."""

    message_id: int
    """0 for one that is only thought of."""
    node_id: int
    """Any identifier of the person."""
    purpose: MessagePurpose
    channels: tuple[str, ...]
    """In the author's order; ``any`` means the policy's ``fallback``."""
    due_at: datetime
    priority: int = 50
    profiled: bool = False
    """Whom it goes to, or what it says, was worked out from what the person did."""
    category: str | None = None
    """What it is about; a soft opt-in covers its own categories alone."""
    language: str | None = None
    not_after: datetime | None = None
    local_time: LocalTime | None = None
    """Due by the person's own clock: not before this."""
    excluded: dict[str, str] = {}
    """Channels that cannot carry it any more, and why: a provider refused it for good."""


# What the decision is made from ------------------------------------------------------------------------


class Address(msgspec.Struct, frozen=True):
    """Where a person can be reached by a channel: an identifier."""

    channel: str
    node_id: int
    rank: int = 0
    """The lowest of a channel is tried first; of equal ones the older identifier."""


class Contact(msgspec.Struct, frozen=True):
    """One time we came to the person."""

    at: datetime
    channel: str
    purpose: str
    weight: int
    origin: str = "message"


class PlannedMessage(msgspec.Struct, frozen=True):
    """Another message of the person, not decided yet."""

    message_id: int
    at: datetime
    """When it will be tried."""
    priority: int
    purpose: str
    channels: tuple[str, ...]


class Preference(msgspec.Struct, frozen=True):
    """Which channel a person likes: what he said, and what his answers say."""

    stated: str | None = None
    learned: str | None = None
    answers: dict[str, int] = {}
    """Answers by channel, within the last 180 days."""
    contacts: dict[str, int] = {}
    """Contacts by channel, within the same time."""


class Trouble(msgspec.Struct, frozen=True):
    """One thing that mutes promotion, while ``until`` has not passed; None: until it is settled."""

    kind: Literal["complaint", "settled", "badly_settled", "late_order", "nps", "csat"]
    since: datetime
    until: datetime | None = None
    reference: str | None = None
    score: float | None = None


class ContactFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a person when a message is decided; nothing depends on the order of what is listed."""

    person_id: int
    nodes: tuple[int, ...] = ()
    addresses: tuple[Address, ...] = ()
    accounts: dict[str, str] = {}
    """Channel to the account that would carry it."""
    standing: Standing = Standing()
    """Consents, suppressions and register checks of all identifiers of the person."""
    contacts: tuple[Contact, ...] = ()
    planned: tuple[PlannedMessage, ...] = ()
    zone: Zone
    country: str = "IT"
    """Whose public holidays count."""
    preference: Preference = Preference()
    troubles: tuple[Trouble, ...] = ()
    language: str | None = None


# What is answered --------------------------------------------------------------------------------------


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy says of one channel."""

    channel: str
    outcome: Outcome
    address_node: int | None = None
    account_code: str | None = None
    until: datetime | None = None
    """Of ``hold``: the first instant at which it may be sent, as far as is known now."""
    weight: int = 0
    reasons: tuple[Reason, ...] = ()
    """Why not, or not yet; of ``send`` on which legal basis."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The policy's answer about one message, to be kept with it."""

    message_id: int
    person_id: int
    outcome: Outcome
    at: datetime
    channel: str | None = None
    address_node: int | None = None
    account_code: str | None = None
    hold_until: datetime | None = None
    weight: int = 0
    reasons: tuple[Reason, ...] = ()
    """Why: first what decided, then why each other channel asked for was not taken."""
    channels: tuple[Verdict, ...] = ()
    """Every channel that was looked at, in the order of preference."""
    facts: dict[str, Any] = {}
    """What was used: numbers, zone, preference, troubles. No address in clear."""
    policy_version: int = 0

    @property
    def code(self) -> str:
        """The code of what decided: for ``message.reason``."""
        return self.reasons[0].code if self.reasons else self.outcome
