"""What codes are called where people read them; English msgids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from unisono.kit.personal import N_

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

OF_VALUES: Final[Mapping[str, Mapping[str, str]]] = {"channel": CHANNELS, "chosen": CHANNELS}
"""Under which names of a reason's values such codes stand."""
