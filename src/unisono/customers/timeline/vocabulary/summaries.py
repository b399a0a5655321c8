"""The one line an event says on the timeline, in Italian and English.

The grammar of ``says_en`` and ``says_it``: alternatives are parted by ``|`` and the first whose placeholders are all
known is said; ``[...]`` is said only when the placeholders inside are known. The line is plain text: whoever prints
it escapes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from unisono.customers.timeline.vocabulary.facts import read
from unisono.customers.timeline.vocabulary.model import EventSpec
from unisono.customers.timeline.vocabulary.phrases import PHRASES, clip, cut, raw
from unisono.customers.timeline.vocabulary.registry import spec_for

MAX_LINE: Final = 200

Saying = tuple[bool, tuple[str, ...]]
"""A stretch of a template: may it be left out, and its pieces: texts at even places, placeholders at odd ones."""

_STRETCH = re.compile(r"\[([^\]]*)\]")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_IN = frozenset({"in", "inbound", "incoming", "received"})
_OUT = frozenset({"out", "outbound", "outgoing", "sent"})
_BEST: Final = ("what", "subject", "query", "value", "campaign", "page", "quote", "category", "plan", "type")
"""What tells most about an event nobody described, best first."""


def summary(
    name: str | None,
    properties: Mapping[str, Any],
    locale: str = "en",
    *,
    type: str = "track",
    currency: str | None = None,
) -> str:
    """The line of an event on the timeline: ``Bought 2 items, €84.00``.

    ``currency`` is the shop's, meant where the event names none. An event outside the vocabulary says its own name
    and the best known of its properties. Italian for ``it`` and its regions, English for every other locale.
    """
    spec = spec_for(type, name)
    facts = read(properties)
    if currency is not None:
        facts.setdefault("currency", currency)
    if type != "track" and name:
        facts.setdefault("name", name)
    if spec is None:
        return _unknown(name or type, facts, locale)
    spec = _from_the_right_side(spec, facts)
    template = spec.says_it if is_italian(locale) else spec.says_en
    for alternative in _parse(template):
        line = _say(alternative, spec, facts, locale)
        if line is not None:
            return clip(line, MAX_LINE)
    return label(spec, locale)


def label(spec: EventSpec, locale: str = "en") -> str:
    """The name of an event for people: the canonical name, or its Italian."""
    return spec.label_it if is_italian(locale) else spec.name


def is_italian(locale: str) -> bool:
    """``it``, ``it-IT``, ``it_CH``."""
    return locale.replace("-", "_").split("_")[0].lower() == "it"


def _from_the_right_side(spec: EventSpec, facts: Mapping[str, Any]) -> EventSpec:
    """Clients name a message from either side; ``role`` or ``direction`` settles who wrote it."""
    if spec.name not in {"Message Sent", "Message Received"}:
        return spec
    role = str(facts.get("role", "")).lower()
    direction = str(facts.get("direction", "")).lower()
    if role in {"customer", "user", "visitor"} or (not role and direction in _IN):
        return spec_for("track", "Message Received") or spec
    if role or direction in _OUT:
        return spec_for("track", "Message Sent") or spec
    return spec


def _unknown(name: str, facts: Mapping[str, Any], locale: str) -> str:
    for placeholder in _BEST:
        known = _fill(placeholder, None, facts, locale)
        if known:
            return clip(f"{cut(name, 80)}: {known}", MAX_LINE)
    return cut(name, MAX_LINE)


def _say(alternative: tuple[Saying, ...], spec: EventSpec, facts: Mapping[str, Any], locale: str) -> str | None:
    said: list[str] = []
    for optional, pieces in alternative:
        words = _words(pieces, spec, facts, locale)
        if words is not None:
            said.append(words)
        elif not optional:
            return None
    line = "".join(said).strip()
    return line[:1].upper() + line[1:]


def _words(pieces: tuple[str, ...], spec: EventSpec, facts: Mapping[str, Any], locale: str) -> str | None:
    words = list(pieces)
    for index in range(1, len(pieces), 2):
        known = _fill(pieces[index], spec, facts, locale)
        if not known:
            return None
        words[index] = known
    return "".join(words)


def _fill(placeholder: str, spec: EventSpec | None, facts: Mapping[str, Any], locale: str) -> str:
    phrase: Callable[[Mapping[str, Any], str, EventSpec | None], str] | None = PHRASES.get(placeholder)
    return phrase(facts, locale, spec) if phrase else raw(facts.get(placeholder))


@lru_cache(maxsize=1024)
def _parse(template: str) -> tuple[tuple[Saying, ...], ...]:
    return tuple(_alternative(text) for text in template.split("|"))


def _alternative(text: str) -> tuple[Saying, ...]:
    stretches = _STRETCH.split(text)
    return tuple(
        (index % 2 == 1, tuple(_PLACEHOLDER.split(stretch))) for index, stretch in enumerate(stretches) if stretch
    )
