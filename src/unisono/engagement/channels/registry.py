"""Which kinds of accounts there are."""

from __future__ import annotations

from typing import Final

from unisono.engagement.channels.adapters.smtp import SmtpAdapter
from unisono.engagement.channels.adapters.twilio import TwilioSms, TwilioWhatsApp
from unisono.engagement.channels.adapters.whatsapp import WhatsApp
from unisono.engagement.channels.model import AccountInvalid, Adapter

_ADAPTERS: Final[tuple[Adapter, ...]] = (
    SmtpAdapter(),
    TwilioSms(),
    TwilioWhatsApp(),
    WhatsApp(),
)
"""One of each kind; a new adapter is one line here."""

ADAPTERS: Final[dict[str, Adapter]] = {adapter.kind: adapter for adapter in _ADAPTERS}
"""By kind."""


def adapter_of(kind: str) -> Adapter:
    """The adapter of a kind. Raises AccountInvalid."""
    try:
        return ADAPTERS[kind]
    except KeyError:
        raise AccountInvalid(
            f"There is no kind of account {kind[:40]!r}.", hint=f"Kinds: {', '.join(ADAPTERS)}"
        ) from None
