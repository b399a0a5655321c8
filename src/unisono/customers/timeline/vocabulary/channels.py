"""Where an event happened: one pure rule, and the five lines of the staff that the channels are drawn on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from unisono.customers.timeline.vocabulary.model import EventSpec

LINES: Final = ("web", "app", "store", "messages", "service")
"""The lines of the staff, from the top."""

LINE_OF: Final[Mapping[str, str]] = {
    "web": "web",
    "server": "web",
    "app": "app",
    "store": "store",
    "print": "store",
    "messages": "messages",
    "email": "messages",
    "sms": "messages",
    "push": "messages",
    "mail": "messages",
    "service": "service",
    "call": "service",
}
"""Channel to line. What the system itself did (``system``) is on no line: it is no touchpoint."""

CHANNELS: Final = frozenset({*LINE_OF, "system"})

NAMESPACES: Final = frozenset({"messenger", "whatsapp", "instagram", "telegram"})
"""Identifier namespaces of the messaging platforms."""

_SPOKEN: Final[Mapping[str, str]] = {
    **{channel: channel for channel in CHANNELS if channel not in {"server", "system"}},
    **dict.fromkeys(NAMESPACES, "messages"),
    "browser": "web",
    "website": "web",
    "mobile": "app",
    "pos": "store",
    "till": "store",
    "e-mail": "email",
    "chat": "messages",
    "phone": "call",
}
"""What clients write in ``channel``. ``server`` is left out: it tells who sent the event, not where it happened."""

_SYSTEMS: Final = frozenset({"ios", "ipados", "watchos", "tvos", "android"})
_PHONES: Final = frozenset({"mobile", "phone", "tablet"})
_APP_WORDS: Final = frozenset({"ios", "android", "swift", "kotlin", "native", "flutter", "cordova", "xamarin", "unity"})
_WEB_WORDS: Final = frozenset({"js", "browser", "javascript", "next"})
_WORD = re.compile(r"[a-z0-9]+")


def channel_for(
    context: Mapping[str, Any],
    type: str,
    spec: EventSpec | None,
    source_kind: str,
    *,
    channel: object = None,
    namespace: str | None = None,
) -> str:
    """The channel of an event; the first that answers wins.

    1. ``context.channel`` or the top-level ``channel``, when it is one of ours (or a synonym);
    2. a till key: the store;
    3. an event that happens in one place only (an e-mail is opened in the mailbox);
    4. the system of a phone in ``context.device`` or a mobile library: the app;
    5. a browser library: the web; failing that, a device that calls itself a phone: the app;
    6. the identifier of a messaging platform (``namespace``): messages;
    7. the usual channel of the event, of a page (web), of a screen (app);
    8. the web for a browser key, else ``server``.

    ``source_kind`` is the kind of the key: ``write``, ``till`` or ``secret``.
    """
    said = _spoken(context.get("channel")) or _spoken(channel)
    if said:
        return said
    if source_kind == "till":
        return "store"
    if spec is not None and spec.fixed:
        return spec.channel
    guessed = _from_client(context)
    if guessed:
        return guessed
    if namespace in NAMESPACES:
        return "messages"
    if spec is not None and spec.channel:
        return spec.channel
    usual = {"page": "web", "screen": "app"}.get(type)
    return usual or ("web" if source_kind == "write" else "server")


def line_of(channel: str) -> str | None:
    """The line of the staff a channel is drawn on; ``None`` for what is not drawn."""
    return LINE_OF.get(channel)


def _spoken(word: object) -> str | None:
    return _SPOKEN.get(word.strip().lower()) if isinstance(word, str) else None


def _from_client(context: Mapping[str, Any]) -> str | None:
    device = _text(context.get("device"), "type")
    # Whole words: "axios" is no "ios".
    library = frozenset(_WORD.findall(_text(context.get("library"), "name")))
    if device in _SYSTEMS or library & _APP_WORDS:
        return "app"
    if library & _WEB_WORDS and "node" not in library:
        return "web"
    # A browser on a phone says "mobile" too, so this comes after the browser's library.
    return "app" if device in _PHONES else None


def _text(part: object, key: str) -> str:
    value = part.get(key) if isinstance(part, Mapping) else None
    return value.lower() if isinstance(value, str) else ""
