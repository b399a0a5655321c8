"""What a consent is: for which purpose, on which channel, of which address, and what came of asking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from unisono.kit.reasons import Reason

Purpose: TypeAlias = Literal["contract", "marketing", "profiling", "third_party", "tracking", "statistics"]
Action: TypeAlias = Literal["requested", "granted", "confirmed", "refused", "withdrawn", "expired"]
Basis: TypeAlias = Literal["consent", "soft_opt_in", "contract", "legitimate_interest", "legal_obligation"]
Status: TypeAlias = Literal["requested", "granted", "refused", "withdrawn", "expired"]
MessagePurpose: TypeAlias = Literal["marketing", "transactional", "service"]
SuppressionReason: TypeAlias = Literal["hard_bounce", "complaint", "opt_out", "register", "gone", "manual"]
Blocked: TypeAlias = Literal["all", "marketing"]

PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)

ANY: Final = "any"
"""The channel of a consent that is about no channel: profiling, third parties, tracking, statistics."""

CHANNELS: Final = (
    "email",
    "sms",
    "whatsapp",
    "messenger",
    "instagram",
    "telegram",
    "web_push",
    "app_push",
    "call",
    "mail",
)
"""Channels on which we go to somebody: marketing there needs a consent. To the site, the chat and the till he comes."""

ADDRESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("email",),
    "phone": ("sms", "call", "whatsapp"),
    "whatsapp": ("whatsapp",),
    "messenger": ("messenger",),
    "instagram": ("instagram",),
    "telegram": ("telegram",),
}
"""Which channels an identifier of a namespace is an address of."""

PERSON_CHANNELS: Final = ("web_push", "app_push", "mail")
"""Channels without an identifier of their own: the consent is on the person's strongest identifier, or the device's."""

MAX_TEXT: Final = 400
"""Characters of a key, source, actor, category or reference."""

OBJECTIONS: Final = frozenset({"refused", "withdrawn"})


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to be."""

    node_id: int
    """The address, or for a purpose that is about no channel the identifier it was said under."""
    purpose: Purpose
    channel: str
    action: Action
    key: str
    """Derived from the fact, so that the same fact is one entry."""
    source: str
    """Where it was said: preference_page, one_click, stop_word, console, till, import, event …"""
    actor: str
    at: datetime
    basis: Basis = "consent"
    text_id: str | None = None
    text_version: int | None = None
    text_language: str | None = None
    proof: Mapping[str, Any] = {}
    order_ref: str | None = None
    category: str | None = None
    expires_at: datetime | None = None
    told: bool = True
    """Whether the timeline is to hear of it; False for what came from the timeline."""
    via: str = "system"
    """The channel of the timeline's event."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the ledger: never changed, never taken out but by an erasure."""

    id: int
    key: str
    node_id: int
    purpose: Purpose
    channel: str
    action: Action
    basis: Basis
    source: str
    actor: str
    at: datetime
    recorded_at: datetime
    text_id: str | None = None
    text_version: int | None = None
    text_language: str | None = None
    proof: dict[str, Any] = {}
    order_ref: str | None = None
    category: str | None = None
    expires_at: datetime | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for an identifier, a purpose and a channel: the fold of its entries."""

    node_id: int
    purpose: Purpose
    channel: str
    status: Status
    basis: Basis
    since: datetime
    entry_id: int
    expires_at: datetime | None = None
    """The instant it is dead, whether or not anybody noticed."""
    categories: tuple[str, ...] = ()
    """Of a soft opt-in: the kinds of things he bought, which may be told about."""

    def holds(self, at: datetime) -> bool:
        """Whether it allows something at an instant."""
        return self.status == "granted" and (self.expires_at is None or at < self.expires_at)


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """An address nothing, or no marketing, goes to."""

    node_id: int
    channel: str
    reason: SuppressionReason
    purposes: Blocked
    at: datetime
    source: str
    detail: str | None = None
    lifted_at: datetime | None = None
    lifted_by: str | None = None


class RegisterCheck(msgspec.Struct, frozen=True, kw_only=True):
    """When a number or an address was last held against the opposition register, and what it said."""

    node_id: int
    channel: str
    checked_at: datetime
    listed: bool
    source: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of some identifiers, usually those of one person."""

    states: tuple[State, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    """Only those in force."""
    registers: tuple[RegisterCheck, ...] = ()


class Allowed(msgspec.Struct, frozen=True, tag="allowed"):
    """It may be done, and on what ground; ``entry_id`` is the ledger's proof, None where none is needed."""

    basis: str
    entry_id: int | None = None


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """It may not be done, and why."""

    reason: Reason


class OptIn(msgspec.Struct, frozen=True, kw_only=True):
    """A consent asked for that the owner of the address has yet to confirm; its id is the entry's."""

    entry_id: int
    node_id: int
    purpose: Purpose
    channel: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """The exact words people agree to, in one version and language."""

    id: str
    version: int
    language: str
    purpose: Purpose
    channels: tuple[str, ...]
    body: str
    created_at: datetime
    created_by: str


DAYS_A_MONTH = 365 / 12
"""The law's months as days."""


class Legal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the law asks by default (Italy); each can be switched with a recorded reason."""

    marketing_double_opt_in: bool = True
    """A consent to e-mail marketing counts once the owner of the address has confirmed it (Garante, 4 July 2013)."""
    double_opt_in_channels: frozenset[str] = frozenset({"email"})
    confirm_within_days: int = 30
    """Days a request for confirmation can be answered."""
    separate_profiling: bool = True
    """Marketing that uses a profile needs the consent to profiling beside the one to marketing."""
    soft_opt_in_channels: frozenset[str] = frozenset({"email"})
    """Own similar products to customers without consent: e-mail alone (Codice privacy, art. 130(4))."""
    consent_channels: frozenset[str] = frozenset(CHANNELS)
    """Channels on which marketing needs a consent."""
    register_channels: frozenset[str] = frozenset({"call", "mail"})
    """Channels whose addresses are held against the opposition register first (DPR 26/2022)."""
    register_max_age_days: int = 15
    """Days a look into the register is good for."""
    tracking_needs_consent: bool = True
    """Knowing that somebody opened a message needs his consent to tracking."""
    purchases_profiling_months: int = 12
    """Months rules of segments see what a purchase holds; this and the next: Garante, 24 February 2005."""
    purchases_marketing_months: int = 24
    """Months they see that there was one."""

    @property
    def purchases_profiling_days(self) -> int:
        """The first clock in days: 12 months are 365."""
        return round(self.purchases_profiling_months * DAYS_A_MONTH)

    @property
    def purchases_marketing_days(self) -> int:
        """The second: 24 months are 730."""
        return round(self.purchases_marketing_months * DAYS_A_MONTH)

    @property
    def register_max_age(self) -> timedelta:
        """How long a look into the register is good for."""
        return timedelta(days=self.register_max_age_days)


class LegalOverride(msgspec.Struct, frozen=True, kw_only=True):
    """A legal default somebody switched."""

    name: str
    value: Any
    reason: str
    at: datetime
    actor: str
