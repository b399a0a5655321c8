"""Words the screens of one voice share: channels, purposes, what the brand has against a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from babel import Locale

from unisono.console.contexts import Badge, Choice, FindingRow, Problem, Tone, VoiceField
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.views.details import detail_told
from unisono.console.views.problems_voice import VOICE_TEXTS
from unisono.console.views.saying import CHANNELS as SENT_BY
from unisono.console.words import Words
from unisono.engagement.brand.model import Finding, Severity, Where
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.marking import N_
from unisono.kit.reasons import in_words

SHARED: dict[str, str] = {"text": N_("Texts and chats"), "push": N_("Push, web and app")}
"""Contents several channels share; English msgids."""

CHANNELS: dict[str, str] = {
    "email": SENT_BY["email"],
    "text": SHARED["text"],
    "push": SHARED["push"],
    **{channel: name for channel, name in SENT_BY.items() if channel != "any"},
}
"""Content of a template -> its name, those shared by several channels first; English msgids."""

PURPOSES: dict[str, str] = {
    "marketing": N_("Marketing"),
    "transactional": N_("Transactional"),
    "service": N_("Service"),
}

SEVERITIES: dict[Severity, tuple[str, Tone]] = {
    "block": (N_("blocks"), "warning"),
    "warn": (N_("warns"), "neutral"),
    "off": (N_("is off"), "off"),
}

PLACES: dict[Where, str] = {"subject": N_("in the subject"), "text": N_("in the text"), "html": N_("in the design")}


def channel_word(channel: str, words: Words) -> str:
    """The name of a channel messages leave by."""
    return words.gettext(CHANNELS.get(channel, channel))


def purpose_choices(chosen: str, words: Words) -> list[Choice]:
    """Every purpose to choose from."""
    return choices_of(PURPOSES.items(), chosen, words)


def choices_of(texts: Iterable[tuple[str, str]], chosen: str, words: Words) -> list[Choice]:
    """Options of a select: values with English msgids."""
    return [Choice(value=value, label=words.gettext(text), selected=value == chosen) for value, text in texts]


def plain_choices(values: Sequence[str], chosen: str) -> list[Choice]:
    """Options that are called by what they are."""
    return [Choice(value=value, label=value, selected=value == chosen) for value in values]


def language_field(name: str, value: str, words: Words) -> VoiceField:
    """A language to type: ``it``, ``en``, ``de-AT``."""
    return VoiceField(
        name=name,
        label=words.gettext("Language"),
        value=value,
        hint=words.gettext(LANGUAGE_HINT),
        choices=languages(words),
    )


LANGUAGE_HINT = N_("Two letters: it, en, de; a country with it if need be: de-AT.")
_OFTEN = ("it", "en", "de", "fr", "es", "pt", "nl", "pl", "ro", "sl", "hr", "sq", "uk", "ru", "zh", "ar")


def languages(words: Words) -> list[Choice]:
    """Languages to choose from, named in the reader's; any other may be typed."""
    known = Locale.parse(words.language).languages
    return [Choice(value=one, label=str(known[one])) for one in _OFTEN]


def language_typed(text: str, field: str) -> str:
    """A language as it is typed: ``IT``, ``de_at`` and ``de-AT``. Raises BadRequest."""
    found = _LANGUAGE.fullmatch(text.strip().replace("_", "-").lower())
    if found is None:
        raise BadRequest("That is no language.", code="language_unreadable", field=field)
    return found[1] + (f"-{found[2].upper()}" if found[2] else "")


_LANGUAGE = re.compile("([a-z]{2,3})(?:-([a-z]{2}))?")


def finding_rows(findings: Iterable[Finding], words: Words) -> list[FindingRow]:
    """What the brand has against a text, the gravest first as it comes."""
    rows = []
    for one in findings:
        text, tone = SEVERITIES[one.severity]
        rows.append(
            FindingRow(
                badge=Badge(text=words.gettext(text), tone=tone),
                text=in_words(one.reason, words.language, words.zone.key),
                where=words.gettext(PLACES[one.where]),
                excerpt=one.excerpt,
            )
        )
    return rows


def problem_told(words: Words, error: UnisonoError) -> Problem:
    """An error of templates, the brand or a channel: with its own words where they alone say what is wrong."""
    if error.code == "version_conflict":
        what, _, do, _ = VOICE_TEXTS["brand_conflict"]
        return Problem(what=words.gettext(what), do=words.gettext(do))
    problem = problem_with_reasons(words, error)
    if problem.why or error.code not in VOICE_TEXTS:
        return problem
    return msgspec.structs.replace(
        problem, why=detail_told(error.detail, words), do=problem.do or detail_told(error.hint or "", words)
    )
