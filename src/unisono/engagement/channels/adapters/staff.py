"""Call tasks and tasks for the counter: the message becomes something one of ours does, exactly once."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import msgspec

from unisono.engagement.channels.adapters.local import LocalAdapter, LocalSender
from unisono.engagement.channels.model import Account, Capabilities, Outgoing, Sender, Sent
from unisono.engagement.channels.tasks import service
from unisono.engagement.channels.tasks.service import NewTask, TaskKind
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.http import Http


class StaffSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who does it, and by when."""

    role: str | None = None
    """The role whose list it is on; everybody's when missing."""
    due_hours: float = 24.0
    """It is due so many hours after it was made, unless the message ends before."""


class CallTask(LocalAdapter):
    """Somebody of ours calls."""

    kind: ClassVar[str] = "call_task"
    title: ClassVar[str] = "Call by our people"
    channels: ClassVar[tuple[str, ...]] = ("call",)
    Settings: ClassVar[type[msgspec.Struct]] = StaffSettings
    capabilities: ClassVar[Capabilities] = Capabilities(max_text=service.MAX_BODY, receipts=True, idempotent=True)
    task: ClassVar[TaskKind] = "call"

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender that writes."""
        return TaskSender(self.settings(account), self.task)


class ClerkTask(CallTask):
    """A clerk says or does it when the person is in the store."""

    kind: ClassVar[str] = "clerk_task"
    title: ClassVar[str] = "Task in the store"
    channels: ClassVar[tuple[str, ...]] = ("clerk",)
    capabilities: ClassVar[Capabilities] = Capabilities(
        max_text=service.MAX_BODY, receipts=True, needs_consent=False, idempotent=True
    )
    task: ClassVar[TaskKind] = "clerk"


class TaskSender(LocalSender):
    """Makes tasks."""

    def __init__(self, settings: StaffSettings, kind: TaskKind, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._kind = kind
        self._clock = clock

    async def write(self, conn: Connection, message: Outgoing) -> Sent:
        """One task; a message that has made one already is accepted as it is."""
        title = message.title or message.subject or message.words()
        if not title.strip():
            return Sent(outcome="refused", code="empty", detail="A task needs a title.")
        now = self._clock()
        due = now + timedelta(hours=self._settings.due_hours)
        new = NewTask(
            kind=self._kind,
            title=title,
            body=message.body or message.text or "",
            node_id=message.node_id,
            message_id=message.message_id,
            store_id=message.store_id,
            role=self._settings.role,
            due_at=min(due, message.ends_at) if message.ends_at is not None else due,
        )
        made = await service.create(conn, new, now=now)
        return Sent(outcome="accepted", provider_id=None if made is None else str(made))
