"""A template's content by channel and language, and what becomes of it for one person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from unisono.engagement.brand.model import Finding
from unisono.engagement.channels import model as channels

Purpose = Literal["marketing", "transactional", "service"]
Kind = Literal["message", "block"]
Channel = Literal[channels.Channel, "push", "text"]
"""What a content may be for: a channel, or what several share."""

Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Line = Annotated[str, msgspec.Meta(max_length=2000)]
Source = Annotated[str, msgspec.Meta(max_length=200_000)]

SHARED: Final = {
    "web_push": "push", "app_push": "push", "sms": "text", "whatsapp": "text", "messenger": "text",
    "instagram": "text", "telegram": "text", "chat": "text",
}  # fmt: skip
"""Channels that use another one's content where they have none of their own."""


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece of an e-mail made without writing MJML, in the brand's colours."""

    is_: Literal["heading", "text", "image", "button", "products", "divider", "spacer", "block"] = msgspec.field(
        name="is"
    )
    text: Annotated[str, msgspec.Meta(max_length=20_000)] = ""
    """Of a heading, a text, a button; alternative text of an image. Plain text with Liquid."""
    url: Line = ""
    image_url: Line = ""
    of: Annotated[str, msgspec.Meta(pattern=r"^[a-z_][a-z0-9_.]{0,60}$")] = "products"
    """The list a block of products goes through."""
    code: Line = ""
    """The code of a kept block."""
    show_if: Annotated[str, msgspec.Meta(max_length=300)] = ""
    """A Liquid condition, as ``segments contains "vip"``."""


class Button(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to tap."""

    label: Annotated[str, msgspec.Meta(max_length=200)]
    url: Line = ""
    value: Line = ""
    """What a tap answers, on channels that take answers."""


class ChannelContent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is said on one channel in one language; every text is Liquid."""

    subject: Line = ""
    preheader: Line = ""
    mjml: Source = ""
    blocks: Annotated[tuple[Block, ...], msgspec.Meta(max_length=100)] = ()
    text: Source = ""
    """Of text channels; of an e-mail only where the text made from its HTML shall not be used."""
    title: Line = ""
    body: Source = ""
    url: Line = ""
    image_url: Line = ""
    slot: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]{0,40}$")] = ""
    buttons: Annotated[tuple[Button, ...], msgspec.Meta(max_length=10)] = ()
    data: dict[str, Any] = {}
    """Further fields of the channel (a WhatsApp template's name, a coupon); texts in it are Liquid."""


Content = dict[Annotated[str, msgspec.Meta(max_length=40)], dict[Language, ChannelContent]]
"""Channel to language to what is said. ``push`` serves web_push and app_push, ``text`` serves sms and chats."""


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What one person gets on one channel."""

    language: str
    subject: str | None = None
    preheader: str | None = None
    html: str | None = None
    text: str | None = None
    title: str | None = None
    body: str | None = None
    url: str | None = None
    image_url: str | None = None
    buttons: tuple[Button, ...] = ()
    data: dict[str, Any] = {}
    links: tuple[str, ...] = ()
    """Every address in it, in order, each once; the links of unsubscribing and preferences among them."""


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a content asks for: nothing else is loaded."""

    names: frozenset[str] = frozenset()
    """Variables at the root: ``person``, ``points``, ``cart``, ``order``, ``product``, ``products``, ``store``,
    ``segments``, ``data``, ``links``, ``brand``."""
    skus: frozenset[str] = frozenset()
    """Products it names in so many words: ``product["4711"]``."""
    paths: frozenset[str] = frozenset()
    """Every whole path, as ``person.first_name``: for the composer."""

    def of(self, name: str) -> bool:
        """Whether it names this variable."""
        return name in self.names


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """For whom facts are wanted: ``key`` is the caller's (a message id)."""

    key: int
    node_id: int
    data: dict[str, Any] = {}
    language: str = "en"
    channel: str = "email"
    store_id: str | None = None


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A template as it is kept."""

    code: str
    name: str
    kind: Kind
    purpose: Purpose
    brand: str
    version: int
    """The published one; 0 when none was."""
    notice: str | None = None
    """The event it answers by itself, once published."""
    builtin: bool = False
    """It comes with the product and nobody has changed it yet."""
    draft: Content
    draft_by: str
    draft_at: datetime
    archived_at: datetime | None = None
    changed: bool = False
    """The draft differs from what is published."""


class NewTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template to be, or what a draft becomes."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Kind = "message"
    purpose: Purpose = "marketing"
    brand: Code = "default"
    notice: Annotated[str, msgspec.Meta(min_length=1, max_length=120)] | None = None
    """The event it answers by itself: ``Order Ready for Pickup``; transactional and service messages alone."""
    content: Content = {}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A published message that answers an event."""

    event: str
    code: str
    purpose: Purpose
    version: int


class UsedBy(msgspec.Struct, frozen=True, kw_only=True):
    """Something that names a template."""

    kind: str
    code: str
    name: str


class TemplateVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A published version; it never changes."""

    code: str
    version: int
    purpose: Purpose
    brand: str
    content: Content
    at: datetime
    actor: str
    note: str = ""


class TemplateChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field that differs between two versions; ``lines`` is a unified diff."""

    channel: str
    language: str
    field: str
    lines: tuple[str, ...]


class TemplatePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a person would get, what is missing in it, what the brand has against it."""

    rendered: Rendered
    missing: tuple[str, ...]
    """Paths the content names that are empty for this person."""
    findings: tuple[Finding, ...] = ()
