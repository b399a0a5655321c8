"""Words and their inflections by simple stems, and the claims people make without thinking. Pure.

No dictionary: a stem is the word without its commonest ending, and what may follow it is a short list a language. It
finds ``economica`` and ``economiche`` for ``economico``, and leaves ``economia`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from unisono.engagement.brand.model import Word

_STRIPPED: Final[dict[str, re.Pattern[str]]] = {
    "it": re.compile(r"(?<=\w{3})(?:issim[oaie]|amente|mente|h?[aeio])$"),
    "es": re.compile(r"(?<=\w{3})(?:[oae]s?|s)$"),
    "fr": re.compile(r"(?<=\w{3})(?:es|e|s|x)$"),
    "de": re.compile(r"(?<=\w{3})(?:en|er|es|em|e|s)$"),
    "en": re.compile(r"(?<=\w{3})(?:ies|es|s|ed|ing|ly|y|e)$"),
}
_ENDINGS: Final[dict[str, str]] = {
    "it": r"(?:h?[aeio]|issim[oaie]|amente|mente)?",
    "es": r"(?:[oae]s?|s|amente|mente)?",
    "fr": r"(?:es|e|s|x|ment|ement)?",
    "de": r"(?:en|er|es|em|e|s|ste[rsnm]?|ere[rsnm]?)?",
    "en": r"(?:ies|ier|iest|ily|es|s|ed|ing|ly|er|est|ness|y|e)?",
}
_TOKEN = re.compile(r"\w+|[^\w\s]+")

CLAIMS: Final[dict[str, tuple[str, ...]]] = {
    "*": (
        r"(?<![\w,.])[-−–]\s?\d{1,2}(?:[.,]\d)?\s?%",
        r"\b100\s?%",
    ),
    "it": (
        r"\bgratis\b",
        r"\bgratuit[oaei]\b",
        r"\bgratuitamente\b",
        r"\bin omaggio\b",
        r"\bscont[oi] (?:del|fino al|di)\s?\d{1,2}\s?%",
        r"\b\d{1,2}\s?% di sconto\b",
        r"\b(?:il )?prezzo (?:più basso|migliore)\b",
        r"\bmiglior prezzo\b",
        r"\bsoddisfatti o rimborsati\b",
        r"\bgarantit[oaei]\b",
        r"\bn(?:umero|\.)?\s?(?:1|uno) (?:in|al|del)\b",
    ),
    "en": (
        r"(?<!feel )\bfree\b(?! (?:to|of|from)\b)(?!-)",
        r"\b\d{1,2}\s?% (?:off|discount)\b",
        r"\b(?:the )?(?:lowest|best) prices?\b",
        r"\bcheapest\b",
        r"\bmoney[- ]back\b",
        r"\bguaranteed\b",
        r"\b(?:no\.?|number) ?(?:1|one) in\b",
    ),
    "de": (r"\bgratis\b", r"\bkostenlos\w{0,2}\b", r"\b\d{1,2}\s?% rabatt\b", r"\bgarantiert\b"),
    "fr": (r"\bgratuit\w{0,7}\b", r"\b\d{1,2}\s?% de (?:remise|réduction)\b", r"\bgaranti\w{0,2}\b"),
    "es": (r"\bgratis\b", r"\bgratuit[oa]s?\b", r"\b\d{1,2}\s?% de descuento\b", r"\bgarantizad[oa]s?\b"),
}
"""Statements that need a proof, by language; ``*`` in every one."""


class Found(NamedTuple):
    """A word as it was said, which of the listed ones it is, and where in the text."""

    place: int
    said: str
    start: int
    end: int


def stem(word: str, language: str) -> str:
    """The word without its commonest ending, small letters; whole where the language is not known."""
    stripped = _STRIPPED.get(language.split("-", maxsplit=1)[0])
    lowered = word.lower()
    return stripped.sub("", lowered) if stripped is not None else lowered


def pattern_of(words: str, language: str, *, exact: bool = False) -> str:
    """A regular expression that finds a word or phrase with its inflections."""
    base = language.split("-", maxsplit=1)[0]
    ending = "" if exact else _ENDINGS.get(base, "")
    parts = []
    tokens = _TOKEN.findall(words.strip())
    # Apostrophes and dashes are between the words anyway: asked for twice, a row of them takes minutes.
    for token in [one for one in tokens if one.strip("'’-")] or tokens:
        if token[0].isalnum() and not token.isdigit() and len(token) > 2 and ending:
            parts.append(re.escape(stem(token, base)) + ending)
        else:
            parts.append(re.escape(token.lower()))
    return r"[\s'’-]*".join(parts)


def compiled(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """One expression of many, each a group, at the bounds of words; None of none."""
    joined = "|".join(f"({pattern})" for pattern in patterns)
    # The bound comes first: so the many are tried where words begin and nowhere else.
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE) if joined else None


def claims_of(language: str) -> re.Pattern[str]:
    """What is a claim in a language."""
    base = language.split("-", maxsplit=1)[0]
    return re.compile("|".join((*CLAIMS["*"], *CLAIMS.get(base, CLAIMS["en"]))), re.IGNORECASE)


def find(expression: re.Pattern[str] | None, text: str, most: int = 20) -> list[Found]:
    """Each place where a text says one of the words, the first ``most``."""
    if expression is None:
        return []
    found: list[Found] = []
    for one in expression.finditer(text):
        found.append(Found((one.lastindex or 1) - 1, one.group(), one.start(), one.end()))
        if len(found) == most:
            break
    return found


def around(text: str, start: int, end: int, most: int = 30) -> str:
    """The words in question with a little of what is around them."""
    left, right = max(0, start - most), min(len(text), end + most)
    before = "…" if left else ""
    after = "…" if right < len(text) else ""
    return f"{before}{' '.join(text[left:right].split())}{after}"


def in_language(texts: Mapping[str, str], language: str) -> str | None:
    """The text of a language, of its base, of English, of any; None where there is none."""
    for wanted in (language, language.split("-", maxsplit=1)[0], "en"):
        if wanted in texts:
            return texts[wanted]
    return next(iter(texts.values()), None)


def words_in(words: Iterable[Word], language: str) -> re.Pattern[str] | None:
    """One expression for a list of words in a language."""
    return compiled(pattern_of(word, language) for word in words)
