"""What the vocabulary is made of: the record of one event, and the verdict on one payload."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

import msgspec

Id: TypeAlias = str | int
"""An identifier of another system: many send numbers."""
Text: TypeAlias = str | int | float | bool
"""A text, or what a careless client sends in its place."""
Amount: TypeAlias = Decimal
"""Money in major units, as the wire carries it; a number or a text with a number."""
Whole: TypeAlias = int
Number: TypeAlias = float
Flag: TypeAlias = bool
Instant: TypeAlias = datetime
"""ISO 8601, or seconds since 1970."""


class Family(StrEnum):
    """What an event is about; also the chapters of the reference."""

    PAGES = "pages"
    COMMERCE = "commerce"
    STORE = "store"
    TOUCHPOINT = "offline touchpoint"
    LOYALTY = "loyalty"
    APPOINTMENT = "appointment"
    CONVERSATION = "conversation"
    SURVEY = "survey"
    CONSENT = "consent"
    EMAIL = "e-mail"
    PUSH = "push"
    MESSAGE = "message"
    CAMPAIGN = "campaign"
    MOBILE = "mobile"
    LIFECYCLE = "lifecycle"
    B2B = "b2b"
    IDENTITY = "identity"
    MEDIA = "media"


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The properties of an event. Every one may be missing: an incomplete event is still an event."""


class EventSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the vocabulary."""

    name: str
    """The canonical name, English title case: noun and past participle."""
    family: Family
    schema: type[Facts]
    description: str
    """One English sentence: when it is sent."""
    label_it: str
    """The name shown to Italian staff."""
    says_en: str
    """The line on the timeline; see ``summaries`` for its small grammar."""
    says_it: str
    channel: str = ""
    """Where it happens when nothing else tells; empty when it can happen anywhere."""
    fixed: bool = False
    """It happens in ``channel`` whichever library reported it: an e-mail is not opened "in the app"."""
    aliases: tuple[str, ...] = ()
    """Other names that mean the same, in any case and spacing."""
    is_purchase: bool = False
    """Money came in: the event counts for revenue, recency and lifetime value."""
    value: tuple[str, ...] = ()
    """Paths of its amount of money, best first."""
    currency: str = "currency"
    """Path of the currency of that amount."""
    needs: tuple[tuple[str, ...], ...] = ()
    """What it should carry: of each inner tuple at least one. A lack is a warning, never a refusal."""


class Issue(msgspec.Struct, frozen=True):
    """One thing to mend in a payload."""

    path: str
    """Where, as in ``products[0].price``; empty for the whole."""
    message: str


class Verdict(msgspec.Struct, frozen=True):
    """What the vocabulary thinks of a payload. It warns; it never refuses."""

    canonical: str
    """The canonical name, or the name as given when it is not in the vocabulary."""
    issues: tuple[Issue, ...]

    @property
    def ok(self) -> bool:
        """Nothing to mend."""
        return not self.issues
