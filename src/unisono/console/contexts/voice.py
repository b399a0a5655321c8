"""Templates, the brand and channels: what the company says, how it sounds, and by which way it leaves."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Literal

from unisono.console.contexts.shared import Badge, Chip, Choice, Paging, Problem, Struct, Tile

FieldKind = Literal["line", "long", "code", "select", "secret", "check", "number"]


class VoiceField(Struct, frozen=True, kw_only=True):
    """A field of a form made from data; ``label`` and ``hint`` are translated."""

    name: str
    label: str
    value: str = ""
    kind: FieldKind = "line"
    hint: str = ""
    rows: int = 4
    choices: Sequence[Choice] = ()
    """Of a line: what is offered; anything else may be typed."""
    required: bool = False
    checked: bool = False


class FindingRow(Struct, frozen=True, kw_only=True):
    """Something the brand has against a text, in the reader's words."""

    badge: Badge
    text: str
    where: str
    excerpt: str = ""


class TemplateRow(Struct, frozen=True, kw_only=True):
    """A template in the list."""

    code: str
    name: str
    href: str
    badge: Badge
    kind: str
    purpose: str
    channels: Sequence[str]
    languages: Sequence[str]
    changed_at: datetime | None = None
    changed_by: str = ""
    notice: str = ""


class Templates(Struct, frozen=True, kw_only=True):
    """``/console/templates``."""

    TEMPLATE: ClassVar[str] = "templates.html"

    rows: Sequence[TemplateRow]
    paging: Paging
    chips: Sequence[Chip] = ()
    filter_sentence: str = ""
    can_write: bool = False
    form: Sequence[VoiceField] = ()
    """Of a new one."""
    problem: Problem | None = None


class BlockCard(Struct, frozen=True, kw_only=True):
    """A piece of an e-mail in the editor; ``number`` is its place, from 0."""

    number: int
    kind: str
    title: str
    fields: Sequence[VoiceField]
    first: bool = False
    last: bool = False


class PreviewCard(Struct, frozen=True, kw_only=True):
    """What a person would get. ``frame_href`` answers with the e-mail alone, under a policy of its own."""

    subject: str = ""
    preheader: str = ""
    sender: str = ""
    title: str = ""
    text: str = ""
    url: str = ""
    image_url: str = ""
    buttons: Sequence[tuple[str, str]] = ()
    frame_href: str | None = None
    wide: bool = False
    as_text: bool = False
    views: Sequence[Chip] = ()
    """Phone, desktop, text."""
    who: str = ""
    """The identifier it is made for; empty for nobody in particular."""
    may_name: bool = False
    """The reader may see it as a person."""
    kept: Mapping[str, str] = {}
    """What the form that asks for a person keeps of the address."""
    missing: Sequence[str] = ()
    findings: Sequence[FindingRow] = ()
    blocked: bool = False
    """The brand would keep it from leaving."""
    problem: Problem | None = None
    piece: int | None = None
    """The piece of the e-mail ``problem`` is about."""


class DiffRow(Struct, frozen=True, kw_only=True):
    """A field that differs; each line with its sign: ``+``, ``-`` or a space."""

    where: str
    lines: Sequence[tuple[str, str]]


class TemplateVersionRow(Struct, frozen=True, kw_only=True):
    """What was published."""

    version: int
    at: datetime
    actor: str
    note: str = ""
    diff_href: str
    chosen: bool = False


class NamedRow(Struct, frozen=True, kw_only=True):
    """Something that names this one; ``kind`` is translated."""

    kind: str
    name: str
    href: str | None = None


class Template(Struct, frozen=True, kw_only=True):
    """``/console/templates/{code}``: one channel in one language at a time."""

    TEMPLATE: ClassVar[str] = "template.html"

    code: str
    name: str
    badges: Sequence[Badge]
    can_write: bool = False
    can_send: bool = False
    test_to: str = ""
    """The reader's own address, if somebody here has it."""
    seen: str = ""
    """When the draft was saved last: who saves an older one is told."""
    general: Sequence[VoiceField] = ()
    tabs: Sequence[Chip] = ()
    """The channels it speaks on."""
    languages: Sequence[Chip] = ()
    channel: str = ""
    """Empty while it says nothing on any channel."""
    channel_label: str = ""
    language: str = ""
    more_channels: Sequence[Choice] = ()
    more_languages: Sequence[Choice] = ()
    fields: Sequence[VoiceField] = ()
    blocks: Sequence[BlockCard] | None = None
    """None where there are no blocks, or the e-mail is written as MJML."""
    block_kinds: Sequence[Choice] = ()
    variables: Sequence[tuple[str, str]] = ()
    changed: bool = False
    """The draft is not what is sent."""
    published: bool = False
    publishable: bool = True
    preview: PreviewCard | None = None
    versions: Sequence[TemplateVersionRow] = ()
    diff: Sequence[DiffRow] | None = None
    diff_title: str = ""
    used_by: Sequence[NamedRow] = ()
    edited_at: datetime | None = None
    edited_by: str = ""
    problem: Problem | None = None


class Swatch(Struct, frozen=True, kw_only=True):
    """A colour of the brand as it is used: ``ink`` written on ``ground``, and how well that reads."""

    name: str
    value: str
    ink: str
    ground: str
    ratio: float
    badge: Badge


class BrandVersionRow(Struct, frozen=True, kw_only=True):
    """The brand as it was; ``changed`` are translated names of what was different before."""

    version: int
    at: datetime
    actor: str
    changed: Sequence[str] = ()
    current: bool = False


class WordRows(Struct, frozen=True, kw_only=True):
    """A table to fill in: its heads, and a row of fields each; empty rows at the end are there to be filled."""

    heads: Sequence[str]
    rows: Sequence[Sequence[VoiceField]]


class Brand(Struct, frozen=True, kw_only=True):
    """``/console/brand``."""

    TEMPLATE: ClassVar[str] = "brand.html"

    code: str
    version: int
    name: str = ""
    brands: Sequence[Chip] = ()
    can_write: bool = False
    company: Sequence[VoiceField] = ()
    footer_fields: Sequence[VoiceField] = ()
    swatches: Sequence[Swatch] = ()
    looks: Sequence[VoiceField] = ()
    words: WordRows
    claims: WordRows
    tone: Sequence[VoiceField] = ()
    footers: Sequence[VoiceField] = ()
    rules: Sequence[VoiceField] = ()
    check_fields: Sequence[VoiceField] = ()
    checked: bool = False
    """A text was looked at; ``findings`` is what was found."""
    blocked: bool = False
    findings: Sequence[FindingRow] = ()
    versions: Sequence[BrandVersionRow] = ()
    changed_at: datetime | None = None
    changed_by: str = ""
    problem: Problem | None = None


class AccountRowView(Struct, frozen=True, kw_only=True):
    """An account with a provider in the list."""

    code: str
    name: str
    href: str | None
    kind: str
    badge: Badge
    used: bool = False
    """Messages of the channel leave by it."""
    rate: float = 0
    warm_up: str = ""
    cost: str = ""
    last_error: str = ""
    closed_until: datetime | None = None


class ChannelCard(Struct, frozen=True, kw_only=True):
    """A channel with its accounts."""

    channel: str
    label: str
    accounts: Sequence[AccountRowView]


class Channels(Struct, frozen=True, kw_only=True):
    """``/console/channels``."""

    TEMPLATE: ClassVar[str] = "channels.html"

    cards: Sequence[ChannelCard]
    silent: Sequence[str] = ()
    """Channels nothing leaves by (translated)."""
    tabs: Sequence[Chip] = ()
    can_manage: bool = False
    kinds: Sequence[Choice] = ()
    paused: bool = False
    problem: Problem | None = None


class ChannelAccount(Struct, frozen=True, kw_only=True):
    """``/console/channels/{code}``, and the form of a new one."""

    TEMPLATE: ClassVar[str] = "channel.html"

    code: str
    name: str
    kind: str
    kind_label: str
    is_new: bool = False
    badges: Sequence[Badge] = ()
    status: str = "active"
    general: Sequence[VoiceField] = ()
    settings: Sequence[VoiceField] = ()
    more_settings: Sequence[VoiceField] = ()
    secrets: Sequence[VoiceField] = ()
    pace: Sequence[VoiceField] = ()
    hook_url: str | None = None
    wants_hook: bool = False
    """Its provider tells us things, if it knows where."""
    told: Sequence[tuple[str, int, datetime]] = ()
    last_error: str = ""
    failures: int = 0
    closed_until: datetime | None = None
    sealed: bool = False
    tried: Problem | None = None
    tried_well: bool = False
    problem: Problem | None = None


class ChannelReachRow(Struct, frozen=True, kw_only=True):
    """How many people a channel reaches, and how many it alone."""

    channel: str
    label: str
    href: str
    people: int
    share: float
    """Of all people who can be reached at all, 0 to 1."""
    only: int
    badge: Badge | None = None
    chosen: bool = False


class ChannelReach(Struct, frozen=True, kw_only=True):
    """``/console/channel-reach``: whom marketing reaches, and what is lost when a channel goes."""

    TEMPLATE: ClassVar[str] = "channel_reach.html"

    rows: Sequence[ChannelReachRow]
    tiles: Sequence[Tile] = ()
    tabs: Sequence[Chip] = ()
    people: int = 0
    looked_at: int = 0
    """Fewer than ``people`` when the numbers are estimated from some."""
    without: str = ""
    """The channel that is thought away (translated)."""
    clear_href: str = ""
