"""Words for channels, identifiers and rules, and how much of an identifier a role sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from unisono.console.contexts import IdentifierBrief
from unisono.console.staff import Dot, StaffLine
from unisono.console.words import Words
from unisono.customers.timeline.vocabulary import line_of
from unisono.kit.marking import N_

CHANNELS: dict[str, str] = {
    "web": N_("Web"),
    "server": N_("Web"),
    "app": N_("App"),
    "store": N_("Store"),
    "print": N_("Print"),
    "messages": N_("Messages"),
    "email": N_("E-mail"),
    "sms": N_("SMS"),
    "push": N_("Push"),
    "mail": N_("Letter"),
    "service": N_("Service"),
    "call": N_("Call"),
    "system": N_("Identity"),
}
"""Channel -> its name; English msgids."""

NAMESPACES: dict[str, str] = {
    "user_id": N_("User id"),
    "loyalty_card": N_("Loyalty card"),
    "email": N_("E-mail"),
    "phone": N_("Phone"),
    "whatsapp": N_("WhatsApp"),
    "messenger": N_("Messenger"),
    "instagram": N_("Instagram"),
    "telegram": N_("Telegram"),
    "idfa": N_("Apple advertising id"),
    "gaid": N_("Google advertising id"),
    "device_id": N_("Device"),
    "anonymous_id": N_("Browser"),
}
"""Namespaces Unisono comes with; those a company adds bring their own label."""

OPAQUE = frozenset({"anonymous_id", "device_id", "idfa", "gaid", "messenger", "instagram", "telegram"})
"""Identifiers nobody reads: their end is enough to tell two apart."""

PERSONAL_TRAITS = frozenset(
    {"email", "phone", "address", "street", "birthday", "vat_number", "tax_code", "whatsapp", "ip"}
)
"""Traits shown only to those who may see contacts."""

RULES: dict[str, str] = {
    "split": N_("Somebody split them"),
    "unique": N_("One person has only one %(namespace)s"),
    "limit": N_("One person would have too many: %(namespace)s"),
    "hint": N_("Two identified people are not joined on a browser's word"),
    "shared": N_("Shared by several people: %(namespace)s"),
}
"""First part of a rule's code (``unique:user_id``) -> its sentence."""


def channel_label(channel: str, words: Words) -> str:
    """A channel's name."""
    return words.gettext(CHANNELS.get(channel, channel))


def staff_line(channel: str) -> StaffLine:
    """The line of the staff a channel is drawn on."""
    return cast("StaffLine", line_of(channel) or "service")


def dot_of(channel: str) -> Dot:
    """The dot of a channel in lists and timelines; what Unisono itself did has one that is on no line."""
    return "identity" if channel == "system" else staff_line(channel)


def namespace_label(namespace: str, words: Words, labels: Mapping[str, str] | None = None) -> str:
    """A namespace's name: ours translated, the company's own as it named it."""
    known = NAMESPACES.get(namespace) or (labels or {}).get(namespace)
    return words.gettext(known) if known else namespace


def masked(namespace: str, value: str) -> str:
    """Enough of a value to recognise it, not enough to use it."""
    if namespace == "email":
        name, at, domain = value.partition("@")
        return f"{name[:1]}…{at}{domain}"
    return f"··· {value[-4:]}" if len(value) > 6 else "···"


def brief(
    namespace: str, value: str, words: Words, *, contacts: bool, labels: Mapping[str, str] | None = None
) -> IdentifierBrief:
    """An identifier in one line; ``contacts`` says whether the reader may see it in full."""
    if namespace in OPAQUE:
        shown = f"…{value[-4:]}" if len(value) > 8 else value
    else:
        shown = value if contacts else masked(namespace, value)
    return IdentifierBrief(namespace=namespace, label=namespace_label(namespace, words, labels), value=shown)


def rule_text(code: str, words: Words, labels: Mapping[str, str] | None = None) -> str:
    """Why a link does not count."""
    kind, _, rest = code.partition(":")
    text = RULES.get(kind)
    if text is None:
        return code
    said = words.gettext(text)
    return said % {"namespace": namespace_label(rest, words, labels)} if "%(namespace)s" in said else said


def reason_text(reason: str, words: Words) -> str:
    """Why a link or a change came about: our own reasons translated, people's as they wrote them."""
    return words.gettext(REASONS.get(reason, reason))


REASONS: dict[str, str] = {
    "same event": N_("in the same event"),
    "identified": N_("identified"),
    "undone": N_("undone"),
    "split at a link": N_("split at a link"),
    "alias": N_("the sender said so (alias)"),
    "identify": N_("identified by the sender"),
}
"""Reasons Unisono writes by itself; English msgids."""
