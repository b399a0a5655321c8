"""What rooms say of mistakes, in the reader's language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import unisono
from unisono.console.views.details import DETAILS, detail_told
from unisono.console.words import Words

ROOMS = (
    "engagement/templates/blocks.py",
    "engagement/templates/compiling.py",
    "engagement/templates/markup.py",
    "engagement/templates/sandbox.py",
    "engagement/policy/checking.py",
    "customers/segments/validation.py",
    "customers/consent/registers.py",
    "customers/consent/texts.py",
)
"""Where people's own texts and rules are judged: every mistake they can make is told in their language."""

ERRORS = {"BadTemplate", "RenderFailed", "BadPolicy", "BadConsent", "_refuse"}
ELSEWHERE = ("There is no text ",)
"""Told by the code of the error."""


class Stars(Words):
    """A language in which every known text has a star before it."""

    def gettext(self, text: str) -> str:
        return f"*{text}" if text in DETAILS else text


def spelt(node: ast.expr) -> str | None:
    """A text as it is written, with a 7 for everything that is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    return None


def mistakes() -> Iterator[str]:
    for room in ROOMS:
        for node in ast.walk(ast.parse((Path(unisono.__file__).parent / room).read_text())):
            if isinstance(node, ast.Yield) and node.value is not None and room.endswith("checking.py"):
                text = spelt(node.value)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                text = spelt(node.args[-1] if node.func.id == "_refuse" else node.args[0]) if node.args else None
            else:
                continue
            if text is not None and not text.startswith(ELSEWHERE):
                yield text


def test_every_mistake_of_an_author_can_be_told_in_another_language() -> None:
    """A new message of these rooms without a text in the catalogue is found here."""
    stars = Stars("en", ZoneInfo("UTC"))
    found = set(mistakes())
    assert len(found) > 60
    assert sorted(text for text in found if not detail_told(text, stars).startswith("*")) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("There is no published block 'spring'.", "*There is no published block 'spring'."),
        (
            "The Liquid cannot be read: unexpected tag 'endif' (line 3)",
            "*The Liquid cannot be read: *unexpected tag 'endif' (line 3)",
        ),
        ("1 to 10 years - at `$.of[1].season.years`", "*1 to 10 years ($.of[1].season.years)"),
        ("Nobody wrote this down.", "Nobody wrote this down."),
        ("", ""),
    ],
)
def test_what_stood_in_a_message_stands_in_its_translation(said: str, told: str) -> None:
    """Parts are translated too; a place of a rule follows in brackets; what nobody knows stays as it is."""
    assert detail_told(said, Stars("en", ZoneInfo("UTC"))) == told
