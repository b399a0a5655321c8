"""Rules of the catalogue, pure: GTINs, names, fallback of attributes, trees without cycles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from unisono.commerce.catalog.model import Status

GTIN_LENGTHS: Final = frozenset({8, 12, 13, 14})
OWN: Final = "own:"
"""Marks a code of the shop's own that would otherwise be read as a GTIN."""

MAX_CATEGORY_DEPTH: Final = 12
MAX_KIT_DEPTH: Final = 3
"""A kit of kits of kits: with at most 1,000 units a component the product of quantities stays below 2**31."""

STATUS_ORDER: Final[dict[Status, int]] = {"active": 0, "draft": 1, "retired": 2}


def check_digit(digits: str) -> int:
    """The check digit that belongs behind ``digits``: weights 3, 1 from the right (GS1 General Specifications, 7.9)."""
    return -sum(int(digit) * (3 - 2 * (place % 2)) for place, digit in enumerate(reversed(digits))) % 10


def gtin(code: str) -> str | None:
    """The GTIN in 14 digits, when ``code`` is one of 8, 12, 13 or 14 digits with the right check digit."""
    if len(code) not in GTIN_LENGTHS or not (code.isascii() and code.isdigit()):
        return None
    return code.zfill(14) if check_digit(code[:-1]) == int(code[-1]) and code.strip("0") else None


def looks_like_gtin(code: str) -> bool:
    """Whether a code has the length and the digits of a GTIN, right or wrong."""
    return len(code) in GTIN_LENGTHS and code.isascii() and code.isdigit()


def stored_barcode(given: str) -> str | None:
    """How a barcode is kept: a GTIN in 14 digits, an own code as it is; None for a GTIN whose check digit is wrong."""
    if given.startswith(OWN):
        return given[len(OWN) :] or None
    return gtin(given) if looks_like_gtin(given) else given


def shown_barcode(stored: str) -> str:
    """A kept barcode as people write it: a GTIN of 13 or 8 digits where that is enough; it can be sent back."""
    if looks_like_gtin(stored):
        if len(stored) == 14 and gtin(stored):
            short = stored.lstrip("0")
            return next((stored[-size:] for size in (8, 13) if len(short) <= size and gtin(stored[-size:])), stored)
        return OWN + stored
    return stored


def scanned_barcodes(code: str) -> list[str]:
    """The forms under which a scanned or typed code may be kept, the most likely first."""
    found = [gtin(code), code, code.removeprefix(OWN)]
    return list(dict.fromkeys(form for form in found if form))


def plain(text: str) -> str:
    """Lower case without accents: "Caffè" is "caffe"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def slug(text: str) -> str:
    """A code made of a name: "Frutta & verdura" is "frutta-verdura"; empty when no letter or digit remains."""
    return re.sub(r"[^a-z0-9]+", "-", plain(text)).strip("-")


def variant_name(product: str, own: str | None, options: Mapping[str, str]) -> str:
    """What a variant is called: its own name, else the product's with its options: "Trail shoe, 42, red"."""
    return own or ", ".join([product, *options.values()])


def effective_status(product: Status, variant: Status) -> Status:
    """The more careful of the two: a variant of a retired product is retired."""
    return max(product, variant, key=lambda status: STATUS_ORDER[status])


class AttributeRow(NamedTuple):
    """An attribute as it is kept; None stands for every variant, channel or language."""

    name: str
    value: Any
    sku: str | None = None
    channel: str | None = None
    language: str | None = None


def languages_of(language: str | None) -> list[str]:
    """The language and what it falls back to: "it-CH" is also read as "it"."""
    if not language:
        return []
    base = language.partition("-")[0]
    return [language] if base == language else [language, base]


def attributes_for(
    rows: Iterable[AttributeRow], *, sku: str | None, channel: str | None, language: str | None
) -> dict[str, Any]:
    """Each attribute's value for this variant, channel and language.

    The most specific row wins: a variant's own before the product's, then one for the channel, then one for the
    language. Rows of other variants, channels and languages do not count.
    """
    spoken = languages_of(language)
    best: dict[str, tuple[tuple[bool, bool, int], Any]] = {}
    for row in rows:
        if row.sku not in (None, sku) or row.channel not in (None, channel):
            continue
        if row.language is not None and row.language not in spoken:
            continue
        closeness = len(spoken) - spoken.index(row.language) if row.language is not None else 0
        rank = (row.sku is not None, row.channel is not None, closeness)
        if row.name not in best or rank > best[row.name][0]:
            best[row.name] = (rank, row.value)
    return {name: best[name][1] for name in sorted(best)}


def text_in(texts: Mapping[str, str], language: str | None, default: str = "") -> str:
    """A text in a language, else in the language it falls back to, else in English, else in any."""
    for spoken in [*languages_of(language), "en"]:
        if spoken in texts:
            return texts[spoken]
    return next((texts[key] for key in sorted(texts)), default)


def category_path(code: str, parents: Mapping[str, str | None]) -> tuple[str, ...] | None:
    """The codes from the root to ``code``; None when the way up comes back to itself or is deeper than twelve."""
    path = [code]
    above = parents.get(code)
    while above is not None:
        if above in path or len(path) >= MAX_CATEGORY_DEPTH:
            return None
        path.append(above)
        above = parents.get(above)
    return tuple(reversed(path))


def kit_depth(sku: str, kits: Mapping[str, Mapping[str, int]], above: Sequence[str] = ()) -> int | None:
    """How many levels of kits are in ``sku`` (0: no kit); None when a kit contains itself or there are over three."""
    if sku in above or len(above) > MAX_KIT_DEPTH:
        return None
    deepest = 0
    for component in kits.get(sku, {}):
        below = kit_depth(component, kits, (*above, sku))
        if below is None:
            return None
        deepest = max(deepest, below + 1)
    return deepest if deepest + len(above) <= MAX_KIT_DEPTH else None
