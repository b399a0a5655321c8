"""Words by which people end and resume messages, in answer to one: the whole message is the word, politeness aside.

The English ones are those carriers act on themselves (CTIA Messaging Principles 2023, section 5.1.2); the Italian
ones are those of everyday use. "Cancel" inside a sentence is a sentence, not a wish to hear nothing more.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

STOP: Final = {
    "en": frozenset(
        {"stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out"}
    ),
    "it": frozenset(
        {
            "stop",
            "basta",
            "ferma",
            "cancellami",
            "cancellatemi",
            "disiscrivi",
            "disiscrivimi",
            "disiscrizione",
            "annulla iscrizione",
            "rimuovimi",
            "rimuovetemi",
            "non scrivetemi piu",
            "basta messaggi",
            "no pubblicita",
            "revoca",
            "revoco",
        }
    ),
}

START: Final = {
    "en": frozenset({"start", "unstop", "subscribe", "resume"}),
    "it": frozenset({"start", "attiva", "riattiva", "iscrivimi", "riprendi"}),
}

_POLITE = frozenset({"grazie", "please", "thanks", "thank", "you", "per", "favore", "cortesia", "prego", "pls"})
_LONGEST = 60
_WORDS = re.compile(r"[a-z0-9]+")


def _plain(text: str) -> str:
    if len(text) > _LONGEST:
        return ""
    folded = unicodedata.normalize("NFKD", text.casefold())
    words = _WORDS.findall("".join(letter for letter in folded if not unicodedata.combining(letter)))
    while words and words[-1] in _POLITE:
        words.pop()
    return " ".join(words)


def _means(text: str, words: dict[str, frozenset[str]], language: str | None) -> bool:
    said = _plain(text)
    # English is understood everywhere: carriers tell people to answer STOP.
    known = words["en"] | (words.get(language[:2], frozenset()) if language else frozenset().union(*words.values()))
    return said in known


def is_stop(text: str, language: str | None = None) -> bool:
    """Whether a message asks for no more messages; ``language`` None: in any language we know."""
    return _means(text, STOP, language)


def is_start(text: str, language: str | None = None) -> bool:
    """Whether a message asks for messages again."""
    return _means(text, START, language)
