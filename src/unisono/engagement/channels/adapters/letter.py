"""Letters by post: the message becomes a letter that waits for the printer, exactly once."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from unisono.engagement.channels.adapters.local import LocalAdapter, LocalSender
from unisono.engagement.channels.model import Account, AccountInvalid, Capabilities, Outgoing, Sender, Sent
from unisono.engagement.channels.paper import service
from unisono.engagement.channels.paper.drawing import ADDRESS_LINES, Letter
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.http import Http


class LetterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every letter carries."""

    sender: str
    """The line over the address in the window: company, street, city."""
    foot: str = ""
    """At the foot of the sheet: company, VAT number, how to object."""
    invitation: str = ""
    """Beside the QR, where the message has no words of its own for it (``data.invitation``)."""
    country: str = "IT"
    """Letters within it carry no country."""
    timezone: str = "Europe/Rome"
    """Zone of the date on the letter."""


class LetterAdapter(LocalAdapter):
    """Letters as print-ready PDF."""

    kind: ClassVar[str] = "letter"
    title: ClassVar[str] = "Letters"
    channels: ClassVar[tuple[str, ...]] = ("mail",)
    Settings: ClassVar[type[msgspec.Struct]] = LetterSettings
    capabilities: ClassVar[Capabilities] = Capabilities(subject=True, max_text=6000, idempotent=True)

    def check(self, account: Account, *, private: bool) -> None:
        """The zone exists. Raises AccountInvalid."""
        settings: LetterSettings = self.settings(account)
        try:
            ZoneInfo(settings.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise AccountInvalid(f"timezone: there is no zone {settings.timezone[:60]!r}.") from None

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender that writes."""
        base, found, _ = (account.hook_url or "").rpartition("/hooks/")
        return LetterSender(self.settings(account), f"{base}/q/" if found else None)


class LetterSender(LocalSender):
    """Makes letters."""

    def __init__(self, settings: LetterSettings, short: str | None = None, clock: Clock = system_clock) -> None:
        """``short`` is what short links begin with, when the installation knows its public address."""
        self._settings = settings
        self._short = short
        self._clock = clock

    async def write(self, conn: Connection, message: Outgoing) -> Sent:
        """One letter to the person's own address; without one that would arrive it is refused."""
        text = message.text or message.body or ""
        if not text.strip():
            return Sent(outcome="refused", code="empty", detail="The letter says nothing.")
        address = _given(message) or await service.postal_lines(
            conn, message.node_id, home=self._settings.country, language=message.language
        )
        if not address:
            return Sent(outcome="refused", code="no_address", detail="Street, postcode or city is not known.")
        now = self._clock()
        own = message.data.get("invitation")
        code = service.new_code()
        letter = Letter(
            code=code,
            address=address[:ADDRESS_LINES],
            sender=self._settings.sender,
            date=written(now, message.language, self._settings.timezone),
            subject=message.subject or message.title or "",
            text=text,
            link=f"{self._short}{code}" if message.url and self._short else message.url,
            target=message.url,
            invitation=own if isinstance(own, str) else self._settings.invitation,
            foot=self._settings.foot,
            language=message.language,
        )
        made = await service.keep_letter(
            conn,
            letter,
            node_id=message.node_id,
            message_id=message.message_id,
            ends_at=message.ends_at,
            now=now,
        )
        return Sent(outcome="accepted", provider_id=None if made is None else str(made))


def _given(message: Outgoing) -> tuple[str, ...]:
    """Lines a caller has brought along."""
    lines = message.data.get("address")
    return tuple(str(line) for line in lines if str(line).strip()) if isinstance(lines, list | tuple) else ()


def written(now: datetime, language: str, zone: str) -> str:
    """The day as letters of a language write it."""
    local = now.astimezone(ZoneInfo(zone)).date()
    try:
        return str(format_date(local, "long", locale=Locale.parse(language, sep="-")))
    except (UnknownLocaleError, ValueError):
        return str(format_date(local, "long", locale="en"))
