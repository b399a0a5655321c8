"""Italian is complete, and languages are chosen as a reader expects."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from unisono.console.words import Words
from unisono.kit.i18n import accepted, translations

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import translations as catalogues  # noqa: E402 - a script beside the package, not part of it


def test_italian_has_every_text_and_none_too_many() -> None:
    """A text added to code or templates needs its Italian: run ``python scripts/translations.py update``."""
    assert catalogues.problems("it") == []


def test_no_text_is_marked_within_an_f_string() -> None:
    """There it is found or not found, as the Python is that reads the sources."""
    marking = {"N_", "gettext", "ngettext", "pgettext"}
    found = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file in sorted((ROOT / "src").rglob("*.py"))
        for joined in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(joined, ast.JoinedStr)
        for call in ast.walk(joined)
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", getattr(call.func, "attr", None)) in marking
        and any(
            isinstance(part, ast.Constant) and isinstance(part.value, str)
            for one in call.args
            for part in ast.walk(one)
        )
    ]
    assert found == []


def test_the_catalogue_is_what_an_update_writes() -> None:
    """Updating changes nothing, so a change of the file is a change of a text."""
    path = catalogues.path_of("it")
    before = path.read_text(encoding="utf-8")
    try:
        catalogues.update("it")
        assert path.read_text(encoding="utf-8") == before
    finally:
        path.write_text(before, encoding="utf-8")


def test_the_catalogue_is_read_without_compiling_and_never_uses_fuzzy_texts(tmp_path: Path) -> None:
    folder = tmp_path / "it" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        'msgid "People"\nmsgstr "Persone"\n\n#, fuzzy\nmsgid "Health"\nmsgstr "Salve"\n\n'
        'msgid "%(num)s page"\nmsgid_plural "%(num)s pages"\nmsgstr[0] "%(num)s pagina"\nmsgstr[1] "%(num)s pagine"\n',
        encoding="utf-8",
    )
    found = translations("it", tmp_path)
    assert found.gettext("People") == "Persone"
    assert found.gettext("Health") == "Health"
    assert [found.ngettext("%(num)s page", "%(num)s pages", n) for n in (1, 2)] == ["%(num)s pagina", "%(num)s pagine"]
    assert translations("en", tmp_path).gettext("People") == "People"
    assert translations("de", tmp_path).gettext("People") == "People"


def test_words_speak_both_languages_and_an_empty_text_stays_empty() -> None:
    """gettext keeps the catalogue's header under the empty text; it must never reach a page."""
    from zoneinfo import ZoneInfo

    italian, english = Words("it", ZoneInfo("Europe/Rome")), Words("en", ZoneInfo("Europe/Rome"))
    assert (italian.gettext("People"), english.gettext("People")) == ("Persone", "People")
    assert italian.gettext("") == ""
    assert italian.ngettext("Viewed %(num)s page", "Viewed %(num)s pages", 14) == "Ha visto 14 pagine"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("it-IT,it;q=0.9,en;q=0.8", "it"),
        ("de, en;q=0.5, it;q=0.4", "en"),
        ("en;q=0.2, it;q=0.7", "it"),
        ("IT", "it"),
        ("fr-FR", None),
        ("it;q=0", None),
        ("it;q=nonsense, en", "en"),
        ("", None),
        (None, None),
        (";;;,,,q=;" * 5000, None),
    ],
)
def test_the_browser_s_best_language_of_ours_is_taken(header, language) -> None:
    assert accepted(header) == language
