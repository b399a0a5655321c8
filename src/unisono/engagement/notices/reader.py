"""Follows the log: what happened to a person is told to him, by the templates somebody published for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import structlog

from unisono.customers.consent.texts import texts_named
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.linking import CONFIRMS
from unisono.engagement.delivery.model import NewMessage
from unisono.engagement.messages import service as messages
from unisono.engagement.messages.model import ANY
from unisono.engagement.notices import rules
from unisono.engagement.policy import service as policies
from unisono.engagement.templates import service as templates
from unisono.engagement.templates.errors import ContentMissing, TemplateNotFound
from unisono.engagement.templates.model import Notice
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.sql import load

log = structlog.get_logger("unisono.notices")

_sql = load("unisono.engagement.notices")

AUTHOR = "notice"


class NoticeReader(LogReader):
    """Plans the messages that answer events: transactional and service ones alone. The same event is one message."""

    name: ClassVar[str] = "notices"
    linger: ClassVar[float] = 0.3

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """A statement for a batch nobody is told of; a few more for one that somebody is."""
        now = self._clock()
        recent = [event for event in events if rules.fresh(event, now)]
        if not recent:
            return
        wanted = [*await self._notices(conn, recent, now), *await self._confirmations(conn, recent, now)]
        if wanted:
            await delivery.plan(conn, wanted, now=now)

    async def _notices(self, conn: Connection, events: Sequence[Event], now: datetime) -> list[NewMessage]:
        by_event: dict[str, list[Notice]] = {}
        for notice in await templates.noticing(conn):
            by_event.setdefault(notice.event, []).append(notice)
        named = [event for event in events if event.name in by_event]
        if not named:
            return []
        sources = sorted({event.source_id for event in named if event.source_id is not None})
        trusted = {row["id"] for row in await _sql.trusted_sources(conn, ids=sources)} if sources else set()
        answered = [event for event in named if rules.answered(event, trusted, now)]
        used = {notice.code: notice for event in answered for notice in by_event[event.name]}
        channels = await _channels(conn, [(one.code, one.version) for one in used.values()])
        return [
            _message(event, notice, channels[notice.code])
            for event in answered
            for notice in by_event[event.name]
            if notice.code in channels
        ]

    async def _confirmations(self, conn: Connection, events: Sequence[Event], now: datetime) -> list[NewMessage]:
        asked = [event for event in events if rules.asks_to_confirm(event, now)]
        if not asked:
            return []
        version = await _asking(conn)
        spoken = (await _channels(conn, [(rules.CONFIRM, version)])).get(rules.CONFIRM, ())
        names = {name for event in asked if (name := rules.text_named(event.properties))}
        texts = await texts_named(conn, names) if names else {}
        found = []
        for event in asked:
            text = texts.get(rules.text_named(event.properties) or ("", 0, ""))
            if event.properties["channel"] in spoken:
                found.append(_confirmation(event, version, text.body if text else None))
            else:
                log.warning("notices.no_words", template=rules.CONFIRM, channel=event.properties["channel"])
        return found


async def _asking(conn: Connection) -> int:
    """The version that asks for a confirmation: ours where the shop's own is out of use, since somebody has to ask."""
    try:
        return await messages.published(conn, rules.CONFIRM)
    except TemplateNotFound:
        return 0


async def _channels(conn: Connection, wanted: Iterable[tuple[str, int]]) -> Mapping[str, tuple[str, ...]]:
    """By which channels these templates may go, in the policy's order; those that say nothing are left out."""
    policy = None
    found = {}
    for code, version in wanted:
        policy = policy or (await policies.current(conn)).policy
        said = await templates.version(conn, code, version)
        try:
            found[code] = messages.speaking(said.content, (ANY,), policy)
        except ContentMissing:
            log.warning("notices.no_words", template=code)
    return found


def _message(event: Event, notice: Notice, channels: tuple[str, ...]) -> NewMessage:
    return NewMessage(
        key=f"notice:{notice.code}:{event.message_id}",
        node_id=event.node_id,
        origin="notice",
        purpose=notice.purpose,
        channels=channels,
        due_at=event.occurred_at,
        not_after=event.occurred_at + rules.USEFUL,
        created_by=AUTHOR,
        template=notice.code,
        template_version=notice.version,
        data=rules.data_of(event),
    )


def _confirmation(event: Event, version: int, text: str | None) -> NewMessage:
    data: dict[str, Any] = {CONFIRMS: event.properties["entry"]}
    if text:
        data["text"] = text
    return NewMessage(
        key=f"notice:{rules.CONFIRM}:{event.properties['entry']}",
        # The address itself: nobody else may confirm it.
        node_id=event.node_id,
        origin="notice",
        purpose="transactional",
        channels=(event.properties["channel"],),
        due_at=event.occurred_at,
        not_after=event.occurred_at + rules.USEFUL,
        created_by=AUTHOR,
        template=rules.CONFIRM,
        template_version=version,
        data=data,
    )
