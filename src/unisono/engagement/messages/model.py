"""A message as somebody asks for it, and as people look at it: what it says, why it went or did not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from unisono.engagement.brand.model import Finding
from unisono.engagement.delivery.model import Attempt, MessageRow
from unisono.engagement.policy.model import Decision, LocalTime, MessagePurpose, Verdict
from unisono.engagement.templates.model import Code, Content, Rendered
from unisono.kit.reasons import Reason
from unisono.kit.web import MAX_ID

Channels = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=17)]
Priority = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Category = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
TemplateNumber = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
ANY: Final = "any"


class NewMessageRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom, what, by which channel, when."""

    to: Annotated[dict[str, Annotated[str, msgspec.Meta(max_length=400)]], msgspec.Meta(max_length=1)] | None = None
    """An identifier of the person: ``{"email": "mario@example.it"}``. An address is the one it goes to."""
    person_id: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)] | None = None
    """Instead of ``to``."""
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """Names the fact it tells of (``invoice-2071``): asked for again it is the message there is."""
    template: Code | None = None
    template_version: TemplateNumber | None = None
    """None: what is published when it is written."""
    content: Content | None = None
    """Instead of a template: channel to language to what is said."""
    channels: Channels = (ANY,)
    """In order of preference; ``any``: the policy's order, as far as there is something to say."""
    purpose: MessagePurpose | None = None
    """None: the template's. A content needs one."""
    data: dict[str, Any] = {}
    """``data.*`` in the template."""
    at: datetime | None = None
    """Not before this instant; None: now."""
    local_time: LocalTime | None = None
    """Not before this time by the person's own clock."""
    not_after: datetime | None = None
    """Past it the message is skipped; None: the policy's patience."""
    priority: Priority = 50
    profiled: bool = False
    """Chosen by what the person did: needs the consent to profiling too."""
    category: Category | None = None
    """What it is about; a soft opt-in covers its own categories alone."""
    language: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] | None = None
    """None: the person's."""


class MessageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it; of a dry run what would."""

    id: int | None
    """None of a dry run."""
    key: str | None
    new: bool
    """False when the key had made a message before."""
    person_id: int
    channels: tuple[str, ...]
    """Those it may go by, in order."""
    decision: Decision | None = None
    """Of a dry run: what the policy would say now."""
    rendered: Rendered | None = None
    """Of a dry run: what the person would get, on the channel it would go by."""
    findings: tuple[Finding, ...] = ()
    """Of a dry run: what the brand has against it; one that blocks keeps it from leaving."""


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the outbox."""

    message: MessageRow
    broadcast: str | None
    """The code of its broadcast."""
    broadcast_name: str | None
    why: Reason | None
    """In general words why it waits or was not sent; the message itself has the values."""


class OutboxPage(msgspec.Struct, frozen=True):
    """Some messages, newest first; ``next`` is the ``before`` of the following page."""

    rows: list[OutboxRow]
    next: int | None


class StateAt(msgspec.Struct, frozen=True):
    """Something that happened to a message."""

    state: str
    """planned, handed_over, accepted, refused, unknown, skipped, cancelled, delivered, opened, clicked, failed."""
    at: datetime


class MessageDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A message with everything that is known of it."""

    message: MessageRow
    broadcast: str | None
    broadcast_name: str | None
    reasons: tuple[Reason, ...]
    """Why it went, waits, or was not sent: first what decided."""
    decision: Decision | None
    """The policy's answer with the facts it used; None before it was asked."""
    sending: Reason | None
    """What was found after the policy had said yes."""
    attempts: list[Attempt]
    content: dict[str, Any] | None
    """What was said, as it left; None before, and for who may not see contacts."""
    states: list[StateAt]
    """What happened to it, oldest first."""
    can_cancel: bool


class MessageWhy(msgspec.Struct, frozen=True, kw_only=True):
    """Why a message went, waits, or was not sent, in words."""

    message_id: int
    state: str
    reasons: tuple[Reason, ...]
    channels: tuple[Verdict, ...]
    """What was said of each channel."""
    facts: dict[str, Any]
    """What was used to decide."""
