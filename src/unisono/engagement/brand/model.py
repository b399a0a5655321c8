"""What a brand is and what is found in a text that is said in its name."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from unisono.kit.reasons import Reason

Severity = Literal["block", "warn", "off"]
"""``block``: the message does not leave; ``warn``: people are told; ``off``: the rule is not asked."""

Rule = Literal[
    "forbidden_word", "unproven_claim", "exclamation", "capitals", "footer", "footer_company", "footer_vat",
    "footer_address", "unsubscribe", "colour", "font", "unwanted_tone", "missing_tone",
]  # fmt: skip
Where = Literal["subject", "text", "html"]
FooterField = Literal["company", "vat", "address"]

Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Colour = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-fA-F]{6}$")]
Short = Annotated[str, msgspec.Meta(max_length=200)]
Long = Annotated[str, msgspec.Meta(max_length=2000)]
Word = Annotated[str, msgspec.Meta(min_length=2, max_length=80)]

RULES: Final[dict[Rule, Severity]] = {
    "forbidden_word": "block",
    "unproven_claim": "warn",
    "exclamation": "warn",
    "capitals": "warn",
    "footer": "block",
    "footer_company": "block",
    "footer_vat": "block",
    "footer_address": "warn",
    "unsubscribe": "block",
    "colour": "warn",
    "font": "warn",
    "unwanted_tone": "warn",
    "missing_tone": "off",
}
"""How much each rule weighs unless the brand says otherwise."""


class ForbiddenWord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A word or a phrase that is not said; its inflections are found by their stem unless ``exact``."""

    word: Word
    language: Language | None = None
    """None: in every language."""
    severity: Severity | None = None
    """None: as the rule."""
    instead: Short = ""
    """What to say in its place."""
    exact: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement that must be proven before it is made, as "the cheapest"."""

    text: Word
    language: Language | None = None
    severity: Severity | None = None


class Tone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words the brand likes to hear, and words it would rather not."""

    wanted: Annotated[tuple[Word, ...], msgspec.Meta(max_length=200)] = ()
    unwanted: Annotated[tuple[Word, ...], msgspec.Meta(max_length=200)] = ()


class Kit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A brand: how it looks, how it speaks, what the law wants it to say of itself."""

    name: Short = ""
    company: Short = ""
    """The legal name."""
    vat: Annotated[str, msgspec.Meta(max_length=40)] = ""
    address: Short = ""
    contact: Short = ""
    """Where people can write to or call."""
    site_url: Annotated[str, msgspec.Meta(max_length=500)] = ""
    logo_url: Annotated[str, msgspec.Meta(max_length=500)] = ""
    colours: dict[Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,30}$")], Colour] = {}
    """Name to ``#rrggbb``; ``ink``, ``paper``, ``accent`` and ``muted`` are used by the blocks."""
    fonts: Annotated[tuple[Short, ...], msgspec.Meta(max_length=20)] = ()
    tone: dict[Language, Tone] = {}
    words: Annotated[tuple[ForbiddenWord, ...], msgspec.Meta(max_length=500)] = ()
    claims: Annotated[tuple[Claim, ...], msgspec.Meta(max_length=200)] = ()
    footer: dict[Language, Long] = {}
    """The legal footer, plain text, by language."""
    footer_fields: tuple[FooterField, ...] = ()
    """What of the company must be readable in every marketing e-mail."""
    sender_names: dict[str, Short] = {}
    """Channel to the name a message comes from; ``*`` for the others."""
    most_exclamations: Annotated[int, msgspec.Meta(ge=0, le=50)] = 1
    most_capitals: Annotated[int, msgspec.Meta(ge=0, le=100)] = 30
    """Per cent of the letters of a subject, and of the words of a text, that may be capitals."""
    severities: dict[Rule, Severity] = {}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be said, and where."""

    channel: str
    language: str = "en"
    purpose: str = "marketing"
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    evidence: bool = False
    """Somebody has the proof of its claims: an announced reduction, a promotion, a study."""
    unsubscribe_url: str | None = None
    """The link that must be in it; None: not looked for."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing against the brand: which rule, how grave, where, the words in question, and why."""

    rule: Rule
    severity: Severity
    where: Where
    excerpt: str
    reason: Reason


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """A brand as it is kept."""

    code: str
    version: int
    kit: Kit
    changed_at: datetime | None = None
    changed_by: str = ""


class BrandVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A brand as it was."""

    code: str
    version: int
    kit: Kit
    at: datetime
    actor: str
