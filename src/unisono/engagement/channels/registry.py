"""Which kinds of accounts there are."""

from __future__ import annotations

from typing import Final

from unisono.engagement.channels.adapters.apprise_url import AppriseUrl
from unisono.engagement.channels.adapters.fcm import Fcm
from unisono.engagement.channels.adapters.google_audience import GoogleAudience
from unisono.engagement.channels.adapters.instagram import Instagram
from unisono.engagement.channels.adapters.letter import LetterAdapter
from unisono.engagement.channels.adapters.messenger import Messenger
from unisono.engagement.channels.adapters.meta_audience import MetaAudience
from unisono.engagement.channels.adapters.onsite import Chat, Onsite
from unisono.engagement.channels.adapters.smtp import SmtpAdapter
from unisono.engagement.channels.adapters.staff import CallTask, ClerkTask
from unisono.engagement.channels.adapters.telegram import Telegram
from unisono.engagement.channels.adapters.till_coupon import TillCoupon
from unisono.engagement.channels.adapters.twilio import TwilioSms, TwilioWhatsApp
from unisono.engagement.channels.adapters.web_push import WebPush
from unisono.engagement.channels.adapters.webhook import Webhook
from unisono.engagement.channels.adapters.whatsapp import WhatsApp
from unisono.engagement.channels.model import AccountInvalid, Adapter

_ADAPTERS: Final[tuple[Adapter, ...]] = (
    SmtpAdapter(),
    TwilioSms(),
    TwilioWhatsApp(),
    WhatsApp(),
    Messenger(),
    Instagram(),
    Telegram(),
    WebPush(),
    Fcm(),
    Onsite(),
    Chat(),
    LetterAdapter(),
    CallTask(),
    ClerkTask(),
    TillCoupon(),
    Webhook(),
    MetaAudience(),
    GoogleAudience(),
    AppriseUrl(),
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
