"""What the codes inside reasons are called: a reason keeps the codes, people read names."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unisono.console.marking import N_
from unisono.kit.i18n import translations
from unisono.kit.reasons import Reason, in_words

CHANNELS: dict[str, str] = {
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
"""Channels messages leave by; English msgids."""

SOURCES: dict[str, str] = {
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
"""Where something was said; English msgids. Others are shown as they are."""

NAMES: Mapping[str, Mapping[str, str]] = {"channel": CHANNELS, "chosen": CHANNELS, "source": SOURCES}
"""A value of a reason -> what its codes are called."""

LIMITED = frozenset({"budget_used", "budget_too_small", "cap_reached", "cap_zero", "gives_way"})
"""Reasons that name a budget or a cap of the policy."""


def limit_name(name: str) -> str:
    """A budget or a cap as people read its name."""
    return name.replace("_", " ")


def spoken(reason: Reason, language: str, zone: str) -> str:
    """A reason as people of a language read it: its amounts and instants written their way, its codes by name."""
    say = translations(language).gettext
    named = {
        name: say(known[code])
        for name, known in NAMES.items()
        if isinstance(code := reason.values.get(name), str) and code in known
    }
    if reason.code in LIMITED and isinstance(name := reason.values.get("name"), str):
        named["name"] = f"“{limit_name(name)}”"
    return in_words(msgspec.structs.replace(reason, values={**reason.values, **named}), language, zone)
