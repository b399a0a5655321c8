"""What codes are called where people read them; English msgids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from unisono.kit.marking import N_

CHANNELS: Final[Mapping[str, str]] = {
    "email": N_("E-mail"),
    "sms": N_("SMS"),
    "whatsapp": N_("WhatsApp"),
    "messenger": N_("Messenger"),
    "instagram": N_("Instagram"),
    "telegram": N_("Telegram"),
    "web_push": N_("Web push"),
    "app_push": N_("App push"),
    "onsite": N_("On the site"),
    "chat": N_("Chat"),
    "mail": N_("Letter"),
    "call": N_("Call"),
    "clerk": N_("Word in the store"),
    "till": N_("Coupon at the till"),
    "webhook": N_("Webhook"),
    "ads": N_("Ad audience"),
    "other": N_("Other service"),
    "any": N_("any channel"),
}
"""Channels messages leave by."""

SOURCES: Final[Mapping[str, str]] = {
    "preference_page": N_("preference page"),
    "one_click": N_("one-click unsubscribe"),
    "stop_word": N_("the word STOP"),
    "console": N_("the console"),
    "till": N_("the till"),
    "import": N_("an import"),
    "event": N_("an event"),
    "api": N_("a program"),
    "call": N_("a call"),
    "confirmation": N_("confirmation by e-mail"),
}
"""Where a consent was given or taken back; others are shown as they are."""

OF_VALUES: Final[Mapping[str, Mapping[str, str]]] = {"channel": CHANNELS, "chosen": CHANNELS, "source": SOURCES}
"""Under which names of a reason's values such codes stand."""
