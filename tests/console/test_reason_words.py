"""Reasons of the commerce rooms reach people in their own language, with amounts and instants written their way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import samples
from jinja2 import Environment

import unisono.commerce
from tests.support.source import tree_of
from unisono.commerce.promotions import wording
from unisono.commerce.promotions.language import Lines
from unisono.console.rendering import build_environment
from unisono.kit.i18n import translations
from unisono.kit.reasons import Reason

ROOMS = Path(unisono.commerce.__file__).parent
SAYERS = {"Reason", "not_among"}
"""Calls whose second argument is an English msgid."""


def texts_of(tree: ast.AST) -> Iterator[ast.expr]:
    """The second argument of every call that says a reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SAYERS and len(node.args) > 1:
                yield node.args[1]


def reasons() -> dict[str, str]:
    """Every text a room can say -> where; what is no plain text is told as its source."""
    found = {}
    for path in sorted(ROOMS.rglob("*.py")):
        for text in texts_of(tree_of(path)):
            where = f"{path.relative_to(ROOMS)}:{text.lineno}"
            if isinstance(text, ast.Constant):
                found[str(text.value)] = where
            elif not re.search(r"def (not_among|told|_told)\b", path.read_text("utf-8")):
                found[f"not a plain text: {ast.unparse(text)}"] = where
    return found


def say(reason: Reason, locale: str) -> str:
    """A reason as the console's filter writes it."""
    environment: Environment = build_environment(locale)
    return environment.from_string("{{ why | reason }}").render(why=reason, page=samples.shell("", locale=locale))


def test_every_reason_of_every_room_is_in_the_italian_catalogue() -> None:
    """A room that learns a new reason learns it in Italian, too."""
    known = reasons()
    assert len(known) > 100
    italian = translations("it")
    assert {text: where for text, where in known.items() if italian.gettext(text) == text} == {}


def test_a_translation_keeps_the_places_of_its_reason() -> None:
    """What a reason's values fill stands in both languages, or a number would be lost."""
    italian = translations("it")
    lost = {
        text: italian.gettext(text)
        for text in reasons()
        if set(re.findall(r"{\w+}", italian.gettext(text))) - set(re.findall(r"{\w+}", text))
    }
    assert lost == {}


def test_the_filter_writes_amounts_and_instants_the_reader_s_way() -> None:
    missing = wording.amount_missing(410, 5000, "EUR", Lines(categories=frozenset({"shoes"})))
    assert say(missing, "en") == "€4.10 more of shoes is missing."
    assert say(missing, "it") == "Mancano 4,10\N{NO-BREAK SPACE}€ di shoes."
    ended = Reason("over", "It ended on {ends_at}.", {"ends_at": "2026-11-22T09:30:00+00:00"})
    assert say(ended, "it") == "È finita il 22 nov, 10:30."
    days = Reason("other_weekday", "It is valid on {weekdays}.", {"weekdays": "sun, wed"})
    assert say(days, "it") == "Vale di domenica, mercoledì."
