"""A message of the ledger: as it is planned, as a worker holds it, as people look at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from unisono.engagement.policy.model import LocalTime, MessagePurpose

Origin = Literal["api", "console", "broadcast", "notice", "system", "journey"]
State = Literal["planned", "claimed", "handed_over", "accepted", "refused", "unknown", "skipped", "cancelled"]

Verdict = Literal["arrived", "lost", "again"]
"""What somebody says became of a message nobody knew of, or that it is to go once more."""

STATES: tuple[State, ...] = (
    "planned",
    "claimed",
    "handed_over",
    "accepted",
    "refused",
    "unknown",
    "skipped",
    "cancelled",
)


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be. ``key`` is derived from the fact it tells of: the same fact is one message (RULES R1)."""

    key: str
    node_id: int
    """Any identifier of the person."""
    origin: Origin
    purpose: MessagePurpose
    channels: tuple[str, ...]
    """In order of preference; what is refused for good on one goes on to the next. ``any``: the policy's order."""
    due_at: datetime
    created_by: str
    broadcast_id: int | None = None
    template: str | None = None
    """Code of a published template; without one ``content`` says it all."""
    template_version: int | None = None
    """None: the version published when it is rendered."""
    content: Mapping[str, Any] | None = None
    """Channel to language to parts, as a template's content."""
    data: Mapping[str, Any] = {}
    """``data.*`` in the template."""
    language: str | None = None
    """None: the person's."""
    priority: int = 50
    profiled: bool = False
    category: str | None = None
    local_time: LocalTime | None = None
    not_after: datetime | None = None
    """Past it the message is skipped, never sent late."""


class Planned(msgspec.Struct, frozen=True):
    """What became of a `NewMessage`; ``new`` is False when the key was planned before."""

    id: int
    key: str
    new: bool


class Attempt(msgspec.Struct, frozen=True):
    """One time a message was given to a provider, and what came of it."""

    account_id: int
    channel: str
    at: datetime
    outcome: str
    code: str | None
    detail: str | None
    provider_id: str | None


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message in a list: the outbox."""

    id: int
    key: str
    node_id: int
    person_id: int | None
    """None when the person was erased since."""
    broadcast_id: int | None
    origin: str
    purpose: str
    template: str | None
    channels: tuple[str, ...]
    priority: int
    due_at: datetime
    try_at: datetime
    not_after: datetime | None
    state: State
    reason: str | None
    channel: str | None
    address_node: int | None
    account_id: int | None
    attempts: int
    created_at: datetime
    created_by: str
    handed_over_at: datetime | None
    settled_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    failed_at: datetime | None
    cost_minor: int | None
    currency: str | None


class MessageStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A message with everything: the decision and its facts, every attempt, what was said."""

    message: MessageRow
    decision: dict[str, Any] | None
    """As `policy.Decision`, with a last part ``sending`` for what was found after it."""
    attempts: list[Attempt]
    content: dict[str, Any] | None
    """As it left; None before it was handed over."""


class Counts(msgspec.Struct, frozen=True):
    """Messages by state, and of those that will not be sent by reason; counted now (RULES R5)."""

    states: dict[str, int]
    reasons: dict[str, int]
    delivered: int
    opened: int
    clicked: int
    failed: int
    cost_minor: int

    @property
    def waiting(self) -> int:
        """Not settled yet: when there are none it is finished."""
        return sum(self.states.get(state, 0) for state in ("planned", "claimed", "handed_over"))


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What of the outbox is wanted; None means all."""

    state: str | None = None
    channel: str | None = None
    purpose: str | None = None
    broadcast_id: int | None = None
    reason: str | None = None
    origin: str | None = None
    nodes: tuple[int, ...] | None = None
    """The identifiers of one person."""


class Page(msgspec.Struct, frozen=True):
    """Some messages, newest first, and the id to go on before (None at the end)."""

    messages: list[MessageRow]
    next: int | None


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the hands of a worker, decided and booked, until its lease ends."""

    id: int
    key: str
    node_id: int
    person_id: int
    broadcast_id: int | None
    origin: str
    purpose: MessagePurpose
    profiled: bool
    category: str | None
    template: str | None
    template_version: int | None
    content: bytes | str | None
    data: bytes | str
    language: str | None
    priority: int
    not_after: datetime | None
    channel: str
    address_node: int
    account_code: str
    account_id: int
    epoch: int
    lease_until: datetime
    attempts: int
    first_try_at: datetime | None
    again: bool
    """The one second try of what is unknown: the same account and key, whatever else there is."""
    others: bool = False
    """There are channels it may go by if this one refuses it for good."""
    campaign: str | None = None
