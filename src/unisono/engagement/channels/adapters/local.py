"""Channels that end in our own tables: no provider, no network, no doubt about what was sent."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import msgspec

from unisono.engagement.channels.model import Adapter, Outgoing, Sender, Sent
from unisono.kit.database import Connection


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


class LocalAdapter(Adapter):
    """An adapter that writes in the transaction of the outcome: what is accepted is there, exactly once."""

    Settings: ClassVar[type[msgspec.Struct]] = NoSettings
    local: ClassVar[bool] = True

    def validate_address(self, text: str) -> str:
        """Whoever is known can be reached: the text names the person's identifier and is taken as it is."""
        return text.strip()


class LocalSender(Sender):
    """Writes on the connection it is given."""

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """Write the message. Raises ValueError without a connection: the caller forgot the transaction."""
        if conn is None:
            raise ValueError("a local channel writes in the transaction of the outcome")
        return await self.write(conn, message)

    @abstractmethod
    async def write(self, conn: Connection, message: Outgoing) -> Sent:
        """Write the message on a connection, inside its transaction."""
