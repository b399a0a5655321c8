"""Languages: gettext catalogues read straight from their ``.po`` files.

No compiled ``.mo`` is needed, so a checkout speaks Italian without a build step: reading 700 messages takes some
30 ms, once a process.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES: Final = ("en", "it")
"""Languages of the product. English is what the sources are written in, so it has no catalogue."""


LOCALE: Final = Path(__file__).parents[1] / "locale"
"""Where the catalogues of the product are."""


@functools.cache
def translations(language: str, folder: Path = LOCALE) -> NullTranslations:
    """The catalogue ``<folder>/<language>/LC_MESSAGES/messages.po``; English when there is none.

    Entries marked fuzzy are not used: an uncertain translation is worse than none.
    """
    source = folder / language / "LC_MESSAGES" / "messages.po"
    if language == "en" or not source.is_file():
        return NullTranslations()
    with source.open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return GNUTranslations(compiled)


def accepted(header: str | None, among: Iterable[str] = LANGUAGES) -> str | None:
    """The language of ``among`` a browser's ``Accept-Language`` likes best; None when it likes none of them."""
    known = tuple(among)
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate((header or "").split(",")[:20]):
        tag, _, weight = part.partition(";")
        language = tag.strip().split("-")[0].lower()
        if language not in known:
            continue
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if 0 < quality <= 1:
            wishes.append((-quality, place, language))
    return min(wishes)[2] if wishes else None
