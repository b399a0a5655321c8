"""What templates ask of rooms above them, given by the application when it is put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec

from unisono.engagement.templates.model import ChannelContent, Purpose, UsedBy
from unisono.kit.database import Connection


class TestSend(msgspec.Struct, frozen=True, kw_only=True):
    """A draft to be sent to one person who asked for it."""

    to: str
    """An identifier written ``namespace:value``."""
    channel: str
    content: dict[str, dict[str, ChannelContent]]
    purpose: Purpose
    data: dict[str, Any]
    actor: str
    key: str
    now: datetime


Users = Callable[[Connection, str], Awaitable[list[UsedBy]]]
Sender = Callable[[Connection, TestSend], Awaitable[int]]

_users: list[Users] = []
_senders: list[Sender] = []


def give(*, used_by: Users | None = None, test_send: Sender | None = None) -> None:
    """Say who may name a template (broadcasts, journeys), and who sends a test; the last sender counts."""
    if used_by is not None and used_by not in _users:
        _users.append(used_by)
    if test_send is not None:
        _senders[:] = [test_send]


async def users_of(conn: Connection, code: str) -> list[UsedBy]:
    """All who name the template."""
    return [one for ask in _users for one in await ask(conn, code)]


def sender() -> Sender | None:
    """Who sends a test; None while nobody does."""
    return _senders[0] if _senders else None
