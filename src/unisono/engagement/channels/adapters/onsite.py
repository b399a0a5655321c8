"""Slots of the site, the in-app inbox and the chat: the message is put into our own table, exactly once."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import msgspec

from unisono.engagement.channels.adapters.local import LocalAdapter, LocalSender
from unisono.engagement.channels.model import Account, Capabilities, Outgoing, Sender, Sent
from unisono.engagement.channels.onsite import service
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.http import Http

_SLOT: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


class OnsiteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Nothing to connect to."""

    slot: str = service.INBOX
    """Where messages go that name no slot (``data.slot``)."""


class Onsite(LocalAdapter):
    """Banners in slots and messages in the inbox."""

    kind: ClassVar[str] = "onsite"
    title: ClassVar[str] = "Site and app"
    channels: ClassVar[tuple[str, ...]] = ("onsite",)
    Settings: ClassVar[type[msgspec.Struct]] = OnsiteSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        media=True, buttons=4, receipts=True, needs_consent=False, idempotent=True
    )

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender that writes."""
        return OnsiteSender(self.settings(account).slot)


class Chat(LocalAdapter):
    """Messages of ours in the chat of the site and the app."""

    kind: ClassVar[str] = "chat"
    title: ClassVar[str] = "Chat"
    channels: ClassVar[tuple[str, ...]] = ("chat",)
    capabilities: ClassVar[Capabilities] = Capabilities(
        media=True, buttons=4, receipts=True, inbound=True, needs_consent=False, idempotent=True
    )

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender that writes."""
        return OnsiteSender(service.CHAT, fixed=True)


class OnsiteSender(LocalSender):
    """Puts messages where the person will find them."""

    def __init__(self, slot: str, *, fixed: bool = False, clock: Clock = system_clock) -> None:
        self._slot = slot
        self._fixed = fixed
        self._clock = clock

    async def write(self, conn: Connection, message: Outgoing) -> Sent:
        """One row; a message that is there already is accepted as it is."""
        asked = message.data.get("slot")
        slot = asked if isinstance(asked, str) and not self._fixed else self._slot
        if not _SLOT.fullmatch(slot):
            return Sent(outcome="refused", code="slot", detail="A slot's name has small letters, digits, ., - and _.")
        content = content_of(message)
        if not (content.title or content.body or content.image_url):
            return Sent(outcome="refused", code="empty", detail="There is nothing to show.")
        item = service.NewItem(
            node_id=message.node_id,
            slot=slot,
            content=content,
            starts_at=self._clock(),
            ends_at=message.ends_at,
            message_id=message.message_id,
        )
        found = await service.put(conn, item)
        return Sent(outcome="accepted", provider_id=None if found is None else str(found))


def content_of(message: Outgoing) -> service.Content:
    """A message as a front shows it."""
    buttons: tuple[dict[str, Any], ...] = tuple(
        {"text": button.text} | ({"url": button.url} if button.url else {"payload": button.payload or button.text})
        for button in message.buttons
    )
    own = message.data.get("front")
    return service.Content(
        title=message.title or message.subject,
        body=message.body or message.text,
        image_url=message.image_url,
        url=message.url,
        buttons=buttons,
        language=message.language,
        campaign=message.campaign,
        data=own if isinstance(own, dict) else {},
    )
