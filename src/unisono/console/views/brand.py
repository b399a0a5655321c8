"""The brand as its screen shows it, and the kit a form makes: looks, words, rules, and how well colours read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from unisono.console.contexts import Badge, Brand, BrandVersionRow, Choice, Swatch, VoiceField, WordRows
from unisono.console.views.commerce import whole_typed
from unisono.console.views.voice import SEVERITIES, choices_of, language_typed
from unisono.console.words import Words
from unisono.engagement.brand.errors import BadBrand
from unisono.engagement.brand.model import RULES, BrandVersion, Kit, Rule
from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.templates.blocks import ACCENT, INK, MUTED, PAPER
from unisono.kit.marking import N_

Form = Mapping[str, str]

USED: Final = {"ink": INK, "paper": PAPER, "accent": ACCENT, "muted": MUTED}
"""Colours the pieces of an e-mail use, and ours where the brand names none."""

EMPTY_ROWS: Final = 2
_MOST_ROWS: Final = 500
LONGEST_WORD: Final = 80
EVERY_OTHER: Final = "*"
"""Stands for channels without a sender of their own."""

_COMPANY: Final = {
    "name": (N_("Name"), ""),
    "company": (N_("Legal name"), ""),
    "vat": (N_("VAT number"), ""),
    "address": (N_("Address"), ""),
    "contact": (N_("Where people reach you"), N_("An address or a number they may answer to.")),
    "site_url": (N_("Site"), ""),
}
_COLOURS: Final = {
    "ink": N_("Ink: what is written"),
    "paper": N_("Paper: what it stands on"),
    "accent": N_("Accent: buttons and links"),
    "muted": N_("Muted: small print"),
}
_FOOTER: Final = {"company": N_("the legal name"), "vat": N_("the VAT number"), "address": N_("the address")}
_RULES: Final[dict[Rule, str]] = {
    "forbidden_word": N_("A word that is not said"),
    "unproven_claim": N_("A claim without proof"),
    "exclamation": N_("Too many exclamation marks"),
    "capitals": N_("Too many capitals"),
    "footer": N_("No legal footer"),
    "footer_company": N_("No legal name in it"),
    "footer_vat": N_("No VAT number in it"),
    "footer_address": N_("No address in it"),
    "unsubscribe": N_("No link to unsubscribe"),
    "colour": N_("Another colour"),
    "font": N_("Another font"),
    "unwanted_tone": N_("Not our tone"),
    "missing_tone": N_("None of our own words"),
}
_PARTS: Final = {
    **{name: text for name, (text, _) in _COMPANY.items()},
    "logo_url": N_("Logo"),
    "colours": N_("Colours"),
    "fonts": N_("Fonts"),
    "tone": N_("Tone"),
    "words": N_("Words that are not said"),
    "claims": N_("Claims"),
    "footer": N_("Legal footer"),
    "footer_fields": N_("Legal footer"),
    "sender_names": N_("Senders"),
    "most_exclamations": N_("Rules"),
    "most_capitals": N_("Rules"),
    "severities": N_("Rules"),
}

_WORD_HEADS: Final = (N_("Word"), N_("Language"), N_("Weighs"), N_("Say instead"), N_("Exactly so"))
_CLAIM_HEADS: Final = (N_("Claim"), N_("Language"), N_("Weighs"))

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def swatches(kit: Kit, words: Words) -> list[Swatch]:
    """Each colour of the brand as it is used: the paper under the ink, the others as ink on the paper or, for the
    accent, as the ground of a button."""
    known = {**USED, **kit.colours}
    made = []
    for name, value in known.items():
        ink, ground = (value, known["paper"])
        if name == "paper":
            ink, ground = known["ink"], value
        elif name == "accent":
            ink, ground = known["paper"], value
        ratio = contrast(ink, ground)
        made.append(
            Swatch(
                name=name, value=value, ink=ink, ground=ground, ratio=int(ratio * 10) / 10, badge=_reads(ratio, words)
            )
        )
    return made


def _reads(ratio: float, words: Words) -> Badge:
    if ratio >= 4.5:
        return Badge(text=words.gettext("reads well"), tone="good")
    if ratio >= 3:
        return Badge(text=words.gettext("for large type alone"))
    return Badge(text=words.gettext("hard to read"), tone="warning")


def company_fields(kit: Kit, words: Words) -> list[VoiceField]:
    """Who it is."""
    return [
        VoiceField(name=name, label=words.gettext(label), hint=words.gettext(hint), value=getattr(kit, name))
        for name, (label, hint) in _COMPANY.items()
    ]


def look_fields(kit: Kit, words: Words) -> list[VoiceField]:
    """Logo, colours, fonts, senders."""
    more = "\n".join(f"{name} {value}" for name, value in kit.colours.items() if name not in USED)
    senders = "\n".join(f"{channel}: {name}" for channel, name in kit.sender_names.items())
    return [
        VoiceField(name="logo_url", label=words.gettext("Logo, its address"), value=kit.logo_url),
        *(
            VoiceField(
                name=f"colour.{name}",
                label=words.gettext(text),
                value=kit.colours.get(name, ""),
                hint=words.gettext("Empty: %(colour)s") % {"colour": USED[name]},
            )
            for name, text in _COLOURS.items()
        ),
        VoiceField(
            name="colours",
            label=words.gettext("More colours, one a line"),
            value=more,
            kind="long",
            rows=3,
            hint=words.gettext("As in: night #10211d"),
        ),
        VoiceField(
            name="fonts",
            label=words.gettext("Fonts, one a line, the best first"),
            value="\n".join(kit.fonts),
            kind="long",
            rows=3,
        ),
        VoiceField(
            name="sender_names",
            label=words.gettext("Names messages come from, one a line"),
            value=senders,
            kind="long",
            rows=3,
            hint=words.gettext("email: Alpestre; * stands for every other channel."),
        ),
    ]


def languages_of(kit: Kit, locales: Iterable[str]) -> list[str]:
    """The languages it speaks, and those of the installation."""
    return sorted({*kit.tone, *kit.footer, *locales})


def tone_fields(kit: Kit, languages: Sequence[str], words: Words) -> list[VoiceField]:
    """Words it likes, and words it would rather not hear, by language."""
    texts = (("wanted", N_("Likes to say, %(language)s")), ("unwanted", N_("Would rather not say, %(language)s")))
    return [
        VoiceField(
            name=f"tone.{language}.{part}",
            label=words.gettext(text) % {"language": language},
            value="\n".join(getattr(kit.tone[language], part)) if language in kit.tone else "",
            kind="long",
            rows=3,
        )
        for language in languages
        for part, text in texts
    ]


def footer_fields(kit: Kit, languages: Sequence[str], words: Words) -> list[VoiceField]:
    """The legal footer in each language."""
    return [
        VoiceField(
            name=f"footer.{language}",
            label=words.gettext("Legal footer, %(language)s") % {"language": language},
            value=kit.footer.get(language, ""),
            kind="long",
            rows=3,
        )
        for language in languages
    ]


def wanted_fields(kit: Kit, words: Words) -> list[VoiceField]:
    """What of the company every marketing e-mail must show."""
    return [
        VoiceField(
            name=f"must.{name}", label=words.gettext(text), kind="check", checked=name in kit.footer_fields
        )
        for name, text in _FOOTER.items()
    ]  # fmt: skip


def _weights(chosen: str | None, words: Words, *, usual: bool = True) -> list[Choice]:
    texts = [(value, text) for value, (text, _) in SEVERITIES.items()]
    choices = choices_of(texts, chosen or "", words)
    return (
        [Choice(value="", label=words.gettext("as the rule"), selected=chosen is None), *choices] if usual else choices
    )


def word_rows(kit: Kit, words: Words) -> WordRows:
    """Words that are not said, with two rows to fill in."""
    heads = [words.gettext(text) for text in _WORD_HEADS]
    rows: list[list[VoiceField]] = []
    for place in range(min(len(kit.words) + EMPTY_ROWS, _MOST_ROWS)):
        one = kit.words[place] if place < len(kit.words) else None
        values = (
            (one.word, one.language or "", one.severity, one.instead, one.exact) if one else ("", "", None, "", False)
        )
        labels = [f"{head} {place + 1}" for head in heads]
        rows.append([
            VoiceField(name=f"w{place}.word", label=labels[0], value=str(values[0])),
            VoiceField(name=f"w{place}.language", label=labels[1], value=str(values[1])),
            VoiceField(name=f"w{place}.severity", label=labels[2], kind="select", choices=_weights(values[2], words)),
            VoiceField(name=f"w{place}.instead", label=labels[3], value=str(values[3])),
            VoiceField(name=f"w{place}.exact", label=labels[4], kind="check", checked=bool(values[4])),
        ])  # fmt: skip
    return WordRows(heads=heads, rows=rows)


def claim_rows(kit: Kit, words: Words) -> WordRows:
    """Statements that need proof, with two rows to fill in."""
    heads = [words.gettext(text) for text in _CLAIM_HEADS]
    rows: list[list[VoiceField]] = []
    for place in range(min(len(kit.claims) + EMPTY_ROWS, _MOST_ROWS)):
        one = kit.claims[place] if place < len(kit.claims) else None
        labels = [f"{head} {place + 1}" for head in heads]
        choices = _weights(one.severity if one else None, words)
        rows.append([
            VoiceField(name=f"c{place}.text", label=labels[0], value=one.text if one else ""),
            VoiceField(name=f"c{place}.language", label=labels[1], value=(one.language or "") if one else ""),
            VoiceField(name=f"c{place}.severity", label=labels[2], kind="select", choices=choices),
        ])  # fmt: skip
    return WordRows(heads=heads, rows=rows)


def rule_fields(kit: Kit, words: Words) -> list[VoiceField]:
    """How much each rule weighs, and the two that count."""
    return [
        *(
            VoiceField(
                name=f"rule.{rule}",
                label=words.gettext(text),
                kind="select",
                choices=_weights(kit.severities.get(rule, RULES[rule]), words, usual=False),
            )
            for rule, text in _RULES.items()
        ),
        VoiceField(
            name="most_exclamations",
            label=words.gettext("Exclamation marks at most"),
            value=str(kit.most_exclamations),
            kind="number",
        ),
        VoiceField(
            name="most_capitals",
            label=words.gettext("Capitals at most, per cent"),
            value=str(kit.most_capitals),
            kind="number",
        ),
    ]


def version_rows(found: Sequence[BrandVersion], words: Words) -> list[BrandVersionRow]:
    """What the brand was, newest first, with what each version changed."""
    rows = []
    for place, one in enumerate(found):
        before = found[place + 1].kit if place + 1 < len(found) else Kit()
        changed = [name for name in Kit.__struct_fields__ if getattr(before, name) != getattr(one.kit, name)]
        names = dict.fromkeys(words.gettext(_PARTS[name]) for name in changed)
        rows.append(
            BrandVersionRow(version=one.version, at=one.at, actor=one.actor, changed=list(names), current=place == 0)
        )
    return rows


# --- what a form says -------------------------------------------------------------------------------------------------


def kit_of(form: Form, before: Kit) -> Kit:
    """The kit a form makes. Raises BadBrand, BadRequest."""
    raw: dict[str, Any] = {name: form.get(name, getattr(before, name)).strip() for name in (*_COMPANY, "logo_url")}
    raw |= {
        "colours": _colours(form),
        "fonts": _lines(form.get("fonts", "")),
        "sender_names": _senders(form.get("sender_names", "")),
        "footer_fields": [name for name in _FOOTER if form.get(f"must.{name}")],
        "words": _rows(form, "w", ("word", "language", "severity", "instead", "exact")),
        "claims": _rows(form, "c", ("text", "language", "severity")),
        "tone": _tone(form),
        "footer": {
            name.partition(".")[2]: value.replace("\r\n", "\n").strip()
            for name, value in form.items()
            if name.startswith("footer.") and value.strip()
        },
        "severities": _severities(form, before),
        "most_exclamations": whole_typed(form.get("most_exclamations", ""), field="most_exclamations", most=50) or 0,
        "most_capitals": whole_typed(form.get("most_capitals", ""), field="most_capitals", most=100) or 0,
    }
    _check_addresses(raw)
    try:
        return msgspec.convert(raw, Kit)
    except msgspec.ValidationError as error:
        raise BadBrand(f"The brand cannot be kept: {error}.") from error


def _check_addresses(raw: Mapping[str, Any]) -> None:
    for name in ("site_url", "logo_url"):
        if raw[name] and not raw[name].startswith(("https://", "http://")):
            raise BadBrand("It begins with https:// or http://.", code="bad_address", field=name)
    for name in raw["footer_fields"]:
        if not raw[name]:
            raise BadBrand("It must stand in every footer.", code="footer_empty", field=name)


# --- a form that cannot be kept ---------------------------------------------------------------------------------------


def _typed(one: VoiceField, form: Form) -> VoiceField:
    value = form.get(one.name, "")
    if one.kind == "check":
        return msgspec.structs.replace(one, checked=bool(value))
    choices = [msgspec.structs.replace(choice, selected=choice.value == value) for choice in one.choices]
    return msgspec.structs.replace(one, value=value.replace("\r\n", "\n"), choices=choices)


def _typed_rows(rows: WordRows, form: Form) -> WordRows:
    return msgspec.structs.replace(rows, rows=[[_typed(one, form) for one in row] for row in rows.rows])


def refilled(view: Brand, form: Form) -> Brand:
    """The form as it was sent: nobody types a brand twice for one wrong letter in it."""
    parts = {
        name: [_typed(one, form) for one in getattr(view, name)]
        for name in ("company", "footer_fields", "looks", "tone", "footers", "rules")
    }
    rows = {name: _typed_rows(getattr(view, name), form) for name in ("words", "claims")}
    return msgspec.structs.replace(view, **parts, **rows)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _colours(form: Form) -> dict[str, str]:
    found = {name: form.get(f"colour.{name}", "").strip() for name in USED}
    for line in _lines(form.get("colours", "")):
        name, _, value = line.partition(" ")
        found[name.strip(": ")] = value.strip()
    for name, value in found.items():
        if value and not _HEX.fullmatch(value):
            raise BadBrand(f"{value[:40]!r} is no colour: write #rrggbb.", code="bad_colour", field=f"colour.{name}")
    return {name: value for name, value in found.items() if value}


def _senders(text: str) -> dict[str, str]:
    """Channel to name; a line that is a name alone is for every channel that has none of its own."""
    found = {}
    for line in _lines(text):
        channel, colon, name = line.partition(":")
        if not colon:
            channel, name = EVERY_OTHER, line
        code = channel.strip().lower().replace("-", "_")
        code = {"e_mail": "email"}.get(code, code)
        if code not in (*CHANNELS, EVERY_OTHER):
            raise BadBrand(f"There is no channel {channel.strip()[:40]!r}.", code="bad_sender", field="sender_names")
        if name.strip():
            found[code] = name.strip()
    return found


def _tone(form: Form) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for name, value in form.items():
        kind, _, rest = name.partition(".")
        language, _, part = rest.partition(".")
        if kind == "tone" and part in ("wanted", "unwanted") and value.strip():
            found.setdefault(language, {})[part] = _lines(value)
    return found


def _rows(form: Form, letter: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for place in range(_MOST_ROWS + EMPTY_ROWS):
        if f"{letter}{place}.{names[0]}" not in form:
            break
        row: dict[str, Any] = {name: form.get(f"{letter}{place}.{name}", "").strip() for name in names}
        if not row[names[0]]:
            continue
        if "exact" in row:
            row["exact"] = bool(row["exact"])
        if not 2 <= len(row[names[0]]) <= LONGEST_WORD:
            raise BadBrand("It has 2 to 80 characters.", code="bad_word", field=f"{letter}{place}.{names[0]}")
        if row["language"]:
            row["language"] = language_typed(row["language"], f"{letter}{place}.language")
        found.append({name: value for name, value in row.items() if value})
    return found


def _severities(form: Form, before: Kit) -> dict[str, str]:
    """What differs from the usual weights, or was said on purpose."""
    found = {rule: form.get(f"rule.{rule}", "") for rule in RULES}
    return {
        rule: value or before.severities[rule]
        for rule, value in found.items()
        if rule in before.severities or (value and value != RULES[rule])
    }
