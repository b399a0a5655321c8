"""A message to oneself before it goes to others: as a service message, so that no consent and no cap is spent on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.customers.identity.service import PersonNotFound
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.model import NewMessage
from unisono.engagement.messages import service as messages
from unisono.engagement.messages.errors import BadMessage
from unisono.engagement.policy import service as policies
from unisono.engagement.policy.model import MessagePurpose
from unisono.engagement.templates import service as templates
from unisono.engagement.templates.model import Content
from unisono.engagement.templates.ports import TestSend
from unisono.kit.database import Connection


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """To whom, by which channel, with what, by whom."""

    to: str
    """An identifier written ``namespace:value``."""
    channel: str
    data: Mapping[str, Any]
    actor: str
    key: str
    """The same press of a button is one message."""
    now: datetime


async def try_template(conn: Connection, template: str, version: int, trial: Trial, rulebook: Rulebook) -> int:
    """Plan a test of a version; the message's id. Raises PersonNotFound, ContentMissing, BadMessage."""
    said = await templates.version(conn, template, version)
    base = {"template": template, "template_version": version}
    return await _plan(conn, said.content, _purpose(said.purpose), base, trial, rulebook)


async def try_draft(conn: Connection, asked: TestSend) -> int:
    """Plan a test of a draft, as the room of templates asks for it; the message's id. Raises as `try_template`."""
    trial = Trial(to=asked.to, channel=asked.channel, data=asked.data, actor=asked.actor, key=asked.key, now=asked.now)
    base = {"content": msgspec.to_builtins(asked.content)}
    return await _plan(conn, asked.content, _purpose(asked.purpose), base, trial, await read_rulebook(conn))


def _purpose(own: MessagePurpose) -> MessagePurpose:
    return "service" if own == "marketing" else own


async def _plan(
    conn: Connection,
    content: Content,
    purpose: MessagePurpose,
    base: Mapping[str, Any],
    trial: Trial,
    rulebook: Rulebook,
) -> int:
    namespace, colon, value = trial.to.partition(":")
    if not colon:
        raise BadMessage("An identifier is written namespace:value.", code="bad_identifier")
    person = await messages.known(conn, namespace, value, rulebook)
    channels = messages.speaking(content, (trial.channel,), (await policies.current(conn)).policy)
    wanted = NewMessage(
        key=f"test:{trial.key}",
        node_id=person.node_id,
        origin="console",
        purpose=purpose,
        channels=channels,
        due_at=trial.now,
        created_by=trial.actor,
        data=trial.data,
        **base,
    )
    planned = await delivery.plan(conn, [wanted], now=trial.now)
    if not planned:
        raise PersonNotFound("There is no such person any more.")
    return planned[0].id
