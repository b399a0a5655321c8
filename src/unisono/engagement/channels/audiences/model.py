"""What an adapter of an advertiser does: put people into an audience, take them out, many at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import msgspec

from unisono.engagement.channels.adapters.phones import international
from unisono.engagement.channels.audiences.formats import Identity
from unisono.engagement.channels.model import Account, Adapter, AddressInvalid, Capabilities, Outgoing, Sender, Sent
from unisono.kit.database import Connection
from unisono.kit.http import Http

Action = Literal["add", "remove"]

MAX_MEMBERS = 10_000
"""People a request may hold, at Meta and at Google."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch: ``received`` and ``invalid`` as the advertiser counts, where it does."""

    sent: Sent
    received: int | None = None
    invalid: int | None = None


class AudienceAdapter(Adapter):
    """An audience with an advertiser. A message on the channel ``ads`` puts one person in."""

    channels: ClassVar[tuple[str, ...]] = ("ads",)
    capabilities: ClassVar[Capabilities] = Capabilities(idempotent=True)
    columns: ClassVar[tuple[str, ...]]
    """Of its file."""

    def validate_address(self, text: str) -> str:
        """An e-mail address or an international phone number. Raises AddressInvalid."""
        found = text.strip()
        if "@" in found:
            local, _, domain = found.rpartition("@")
            if not local or "." not in domain or len(found) > 320:
                raise AddressInvalid("That is no e-mail address.")
            return found
        return international(found)

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender for single people; many go by `open_audience`."""
        return AudienceSender(await self.open_audience(account, http))

    @abstractmethod
    async def open_audience(self, account: Account, http: Http) -> Audience:
        """The audience, to be changed. Raises AccountInvalid."""

    @abstractmethod
    def row(self, identity: Identity) -> list[str]:
        """A person as a line of its file."""

    @abstractmethod
    def matched(self, identity: Identity) -> Identity:
        """E-mail address and phone number as the advertiser has them: spelled its way and hashed."""


class Audience(ABC):
    """An audience of one account."""

    @abstractmethod
    async def change(self, action: Action, members: Sequence[Identity]) -> Batch:
        """Put these people in or take them out: at most `MAX_MEMBERS`. Done twice it is the same."""


class AudienceSender(Sender):
    """Puts the person a message is for into the audience."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """One person, by e-mail address or phone number."""
        return (await self._audience.change(action_of(message), [identity_of(message)])).sent


def identity_of(message: Outgoing) -> Identity:
    """Whom a message on the channel ``ads`` is about: an e-mail address or a phone number."""
    by_mail = "@" in message.address
    return Identity(email=message.address if by_mail else None, phone=None if by_mail else message.address)


def action_of(message: Outgoing) -> Action:
    """What a message on the channel ``ads`` wants: ``data.action`` may be ``remove``."""
    return "remove" if message.data.get("action") == "remove" else "add"
