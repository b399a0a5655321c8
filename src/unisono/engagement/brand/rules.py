"""The law of the brand, pure: what in a text is against it.

Used before a message is handed over (a finding that blocks ends it), while somebody writes one, and on the answers
people give in the shop's name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any, Final

import msgspec

from unisono.engagement.brand.model import RULES, Claim, Finding, ForbiddenWord, Kit, Rule, Said, Severity, Where
from unisono.engagement.brand.words import around, claims_of, compiled, find, in_language, pattern_of, words_in
from unisono.kit.marking import N_
from unisono.kit.reasons import Reason

MOST: Final = 50
"""Findings told of one text."""
MAX_CHECKED: Final = 200_000
"""Characters looked at; what is longer is not a message."""


_TEXTS: Final[dict[Rule, str]] = {
    "forbidden_word": N_("“{word}” is not said by this brand."),
    "unproven_claim": N_("“{word}” is a claim that needs proof."),
    "exclamation": N_("{count} exclamation marks; {most} at most."),
    "capitals": N_("{percent} % capitals; {most} % at most."),
    "footer": N_("The legal footer is missing."),
    "footer_company": N_("The company's name is missing: {word}"),
    "footer_vat": N_("The VAT number is missing: {word}"),
    "footer_address": N_("The company's address is missing: {word}"),
    "unsubscribe": N_("The link to unsubscribe is missing."),
    "colour": N_("{word} is not a colour of the brand."),
    "font": N_("{word} is not a font of the brand."),
    "unwanted_tone": N_("“{word}” is not the tone of the brand."),
    "missing_tone": N_("None of the brand's own words is in it."),
}
INSTEAD = N_("“{word}” is not said by this brand; say “{instead}”.")

_UNSHOWN = re.compile(r"<(?:style|script|head)\b", re.IGNORECASE).match
_SHOWN = re.compile(r"</(?:style|script|head)>", re.IGNORECASE)
_HEX = re.compile(r"(?<!&)#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})(?![0-9a-zA-Z])")
_FONT = re.compile(r"font-family\s*:\s*([^;\"}]{1,200})", re.IGNORECASE)
_STYLED: Final = (' style="', ' bgcolor="', ' color="')
_WORD = re.compile(r"[^\W\d_]{3,}")
_GENERIC: Final = frozenset({
    "serif", "sans-serif", "monospace", "cursive", "fantasy", "system-ui", "inherit", "initial", "arial",
    "helvetica", "ui-sans-serif",
})  # fmt: skip


class _Words:
    """The brand's words of a language, ready to be looked for."""

    def __init__(self, kit: Kit, language: str) -> None:
        base = language.split("-", maxsplit=1)[0]

        def spoken(one: ForbiddenWord | Claim) -> bool:
            return one.language is None or one.language.split("-")[0] == base

        self.forbidden = [one for one in kit.words if spoken(one)]
        self.forbidden_in = compiled(
            pattern_of(one.word, one.language or language, exact=one.exact) for one in self.forbidden
        )
        self.claims = [one for one in kit.claims if spoken(one)]
        self.claims_in = compiled(pattern_of(one.text, one.language or language) for one in self.claims)
        self.common_claims = claims_of(language)
        tone = kit.tone.get(language) or kit.tone.get(base)
        self.unwanted = words_in(tone.unwanted, language) if tone else None
        self.wanted = words_in(tone.wanted, language) if tone else None


@functools.lru_cache(maxsize=128)
def _words(kit: bytes, language: str) -> _Words:
    return _Words(msgspec.msgpack.decode(kit, type=Kit), language)


def check(kit: Kit, said: Said) -> tuple[Finding, ...]:
    """Everything against the brand in what is said, the gravest first, `MOST` at most."""
    found: list[Finding] = []
    texts: list[tuple[Where, str]] = []
    if said.subject:
        texts.append(("subject", said.subject[:MAX_CHECKED]))
    body = said.text if said.text is not None else _text_of(said.html or "")
    if body:
        texts.append(("text", body[:MAX_CHECKED]))
    words = _words(msgspec.msgpack.encode(kit), said.language)
    for where, text in texts:
        found += _said_words(kit, words, said, where, text)
        found += _manner(kit, where, text)
    if words.wanted is not None and texts and not any(words.wanted.search(text) for _, text in texts):
        found += _finding(kit, "missing_tone", "text", "")
    found += _legal(kit, said, body)
    if said.html:
        found += _looks(kit, said.html[: 2 * MAX_CHECKED])
    found.sort(key=lambda one: one.severity != "block")
    return tuple(found[:MOST])


def blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that keep a message from leaving."""
    return tuple(one for one in findings if one.severity == "block")


def _finding(
    kit: Kit, rule: Rule, where: Where, excerpt: str, *, severity: Severity | None = None, **values: Any
) -> Iterator[Finding]:
    weight = severity or kit.severities.get(rule) or RULES[rule]
    if weight != "off":
        text = INSTEAD if values.get("instead") else _TEXTS[rule]
        reason = Reason(f"brand_{rule}", text, {name: value for name, value in values.items() if value is not None})
        yield Finding(rule=rule, severity=weight, where=where, excerpt=excerpt[:200], reason=reason)


def _said_words(kit: Kit, words: _Words, said: Said, where: Where, text: str) -> Iterator[Finding]:
    for one in find(words.forbidden_in, text):
        word = words.forbidden[one.place]
        excerpt = around(text, one.start, one.end)
        yield from _finding(
            kit, "forbidden_word", where, excerpt, severity=word.severity, word=one.said, instead=word.instead or None
        )
    for one in find(words.unwanted, text):
        yield from _finding(kit, "unwanted_tone", where, around(text, one.start, one.end), word=one.said)
    if said.evidence:
        return
    own = find(words.claims_in, text)
    for one in own:
        excerpt = around(text, one.start, one.end)
        yield from _finding(
            kit, "unproven_claim", where, excerpt, severity=words.claims[one.place].severity, word=one.said
        )
    taken = [(one.start, one.end) for one in own]
    for one in find(words.common_claims, text):
        if not any(start < one.end and one.start < end for start, end in taken):
            yield from _finding(kit, "unproven_claim", where, around(text, one.start, one.end), word=one.said.strip())


def _manner(kit: Kit, where: Where, text: str) -> Iterator[Finding]:
    count = text.count("!")
    if count > kit.most_exclamations:
        at = text.index("!")
        yield from _finding(
            kit, "exclamation", where, around(text, at, at + 1), count=count, most=kit.most_exclamations
        )
    own = {word.upper() for word in _WORD.findall(f"{kit.name} {kit.company}")}
    words = [word for word in _WORD.findall(text) if word.upper() not in own]
    # Abbreviations (VAT, GDPR) are no shouting; a word of four letters and more is.
    loud = [word for word in words if len(word) > 3 and word.isupper()]
    percent = round(100 * sum(map(len, loud)) / max(1, sum(map(len, words))))
    if loud and percent > kit.most_capitals and sum(map(len, words)) >= 8:
        yield from _finding(kit, "capitals", where, " ".join(loud[:8]), percent=percent, most=kit.most_capitals)


def _legal(kit: Kit, said: Said, body: str) -> Iterator[Finding]:
    if said.purpose != "marketing" or said.channel not in ("email", "mail"):
        return
    flat = _flat(body)
    footer = in_language(kit.footer, said.language)
    if footer and _flat(footer) not in flat:
        yield from _finding(kit, "footer", "text", footer)
    fields: tuple[tuple[Rule, str, str], ...] = (
        ("footer_company", "company", kit.company),
        ("footer_vat", "vat", kit.vat),
        ("footer_address", "address", kit.address),
    )
    for rule, field, value in fields:
        if field in kit.footer_fields and (not value or _flat(value) not in flat):
            yield from _finding(kit, rule, "text", value, word=value or field)
    if said.channel == "email" and said.unsubscribe_url:
        in_text = said.unsubscribe_url in body
        in_html = said.html is None or said.unsubscribe_url in unescape(said.html)
        if not (in_text and in_html):
            yield from _finding(kit, "unsubscribe", "text" if not in_text else "html", said.unsubscribe_url)


def _looks(kit: Kit, html: str) -> Iterator[Finding]:
    if not kit.colours and not kit.fonts:
        return
    colours, fonts = _style_of(html)
    palette = {value.lower() for value in kit.colours.values()}
    for colour in colours if palette else ():
        if colour not in palette and not _neutral(colour):
            yield from _finding(kit, "colour", "html", colour, word=colour)
    own = {name for font in kit.fonts for name in _families(font)}
    for font in fonts if own else ():
        if font not in own and font not in _GENERIC:
            yield from _finding(kit, "font", "html", font, word=font)


def _style_of(html: str) -> tuple[list[str], list[str]]:
    """The colours and first fonts an HTML names in its attributes, each once."""
    colours: dict[str, None] = {}
    fonts: dict[str, None] = {}
    # Cutting at the quotes is five times as fast as an expression over a whole e-mail, and each style comes often.
    styles = {piece.partition('"')[0] for opening in _STYLED for piece in html.split(opening)[1:]}
    for style in styles:
        for found in _HEX.findall(style):
            digits = "".join(digit * 2 for digit in found) if len(found) == 3 else found
            colours[f"#{digits.lower()}"] = None
        for families in _FONT.findall(style):
            first = _families(unescape(families))
            if first:
                fonts[first[0]] = None
    return sorted(colours), sorted(fonts)


def _families(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip().strip("'\"").lower())]


def _neutral(colour: str) -> bool:
    """Greys, black and white belong to everybody."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return max(red, green, blue) - min(red, green, blue) <= 8


def _flat(text: str) -> str:
    return " ".join(text.split()).casefold()


def _text_of(html: str) -> str:
    """What of an HTML is read: without tags, comments, and what stands between those of styles and the head."""
    html = html[: 2 * MAX_CHECKED]
    # Where the last of each ends: nobody looks for one that does not come, ten thousand times.
    shown = max((found.start() for found in _SHOWN.finditer(html)), default=-1)
    commented, closed = html.rfind("-->"), html.rfind(">")
    parts, at = [], 0
    while 0 <= (start := html.find("<", at)) < closed:
        parts.append(html[at:start])
        if start < shown and _UNSHOWN(html, start) and (end := _SHOWN.search(html, start)):
            at = end.end()
        elif start + 4 <= commented and html.startswith("<!--", start):
            at = html.index("-->", start + 4) + 3
        else:
            at = html.index(">", start) + 1
    return unescape(" ".join([*parts, html[at:]]))
