#!/usr/bin/env python3
"""Keep the console's Italian complete.

    python scripts/translations.py update    take the texts from code and templates into the catalogue
    python scripts/translations.py check     say what is missing, fuzzy or left over; ends with 1 if anything is

The catalogue is read as it is by the application, so there is nothing to compile. Works without a network.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "src" / "unisono" / "locale"
BOILERPLATE = (
    '"POT-Creation-Date',
    '"PO-Revision-Date',
    '"Generated-By',
    '"Report-Msgid-Bugs-To',
    '"Last-Translator',
    '"Language-Team',
    '"Project-Id-Version',
)
"""Lines of the header that would make every update a change, or say nothing."""

KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None, "Reason": (2,), "not_among": (2,)}


def template() -> Catalog:
    """Every text of the product, in English."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    catalog = Catalog(project="Unisono", charset="utf-8")
    found = extract_from_dir(
        str(ROOT), methods, options, keywords=KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
    )
    for file_name, line, message, comments, context in found:
        # Lines move with every edit: the file is what a translator needs.
        del line
        catalog.add(message, None, [(file_name, None)], auto_comments=comments, context=context)
    return catalog


def path_of(language: str) -> Path:
    """The catalogue of a language."""
    return LOCALE / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    """The catalogue as it stands; an empty one when there is none."""
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language, project="Unisono", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def problems(language: str) -> list[str]:
    """What keeps the catalogue from being complete: missing, fuzzy and left-over texts."""
    wanted, have = template(), read(language)
    found = []
    for message in wanted:
        if not message.id:
            continue
        known = have.get(message.id, message.context)
        texts = [] if known is None else known.string if isinstance(known.string, (list, tuple)) else [known.string]
        if not texts or not all(texts):
            found.append(f"untranslated: {message.id!r}")
        elif known is not None and known.fuzzy:
            found.append(f"fuzzy: {message.id!r}")
        elif known is not None:
            known_id = message.id
            checked = have.get(known_id, message.context)
            assert checked is not None
            found.extend(f"{error}: {known_id!r}" for error in checked.check(have))
    found.extend(
        f"left over: {message.id!r}"
        for message in have
        if message.id and wanted.get(message.id, message.context) is None
    )
    return found


def update(language: str) -> None:
    """Bring the catalogue in line with the texts; new ones are left empty, none is guessed."""
    catalog = read(language)
    catalog.update(template(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.header_comment = "# The console in another language; kept complete by scripts/translations.py."
    out = io.BytesIO()
    write_po(out, catalog, width=120, sort_output=True, omit_header=False, include_lineno=False)
    text = out.getvalue().decode()
    kept = [line for line in text.splitlines() if not line.startswith(BOILERPLATE)]
    path_of(language).parent.mkdir(parents=True, exist_ok=True)
    path_of(language).write_text("\n".join(kept) + "\n", encoding="utf-8")


def main() -> None:
    """Do what is asked."""
    if sys.argv[1:] not in (["update"], ["check"]):
        sys.exit(__doc__)
    if sys.argv[1] == "update":
        update("it")
    found = problems("it")
    print("\n".join(found) or "it: complete")
    if found:
        sys.exit(1)


if __name__ == "__main__":
    main()
