"""Reasons of every room reach people in their own language, with amounts and instants written their way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import samples
from babel.messages.pofile import read_po
from jinja2 import Environment

import unisono
from tests.support.source import tree_of
from unisono.commerce.promotions import wording
from unisono.commerce.promotions.language import Lines
from unisono.console.rendering import build_environment
from unisono.engagement.messages import words as message_words
from unisono.kit.i18n import LOCALE
from unisono.kit.reasons import Reason, in_words

ROOMS = Path(unisono.__file__).parent
SAYERS = {"Reason", "not_among"}
"""Calls whose second argument, or the one named ``text``, is an English msgid."""

PASSING_ON = {
    "commerce/promotions/wording.py": "the body of not_among, whose callers are read themselves",
    "console/views/commerce.py": "a reason an error carried, made where it was raised",
    "kit/reasons.py": "a reason filled in, made elsewhere",
}
"""Where a text is no text of that file's own."""


def said(tree: ast.AST) -> Iterator[ast.expr]:
    """The text of every call that says a reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in SAYERS:
            yield from node.args[1:2] or [one.value for one in node.keywords if one.arg == "text"]


def called(node: ast.Call) -> str:
    """What is called, without where it is from."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else str(getattr(node.func, "id", ""))


def marked(tree: ast.AST) -> Iterator[ast.Constant]:
    """Texts marked for translation and said later: tables of reasons, and texts longer than a line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) == "N_" and isinstance(node.args[0], ast.Constant):
            yield node.args[0]


def unmarked(tree: ast.AST) -> Iterator[ast.Constant]:
    """Plain sentences that are given a name or stand in a table, so that nobody finds them for the translation."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            given = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
            yield from (
                one
                for one in given
                if isinstance(one, ast.Constant) and isinstance(one.value, str) and " " in one.value
            )


def texts_of(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every text a file says as a reason, and its line. One that nobody can find is told as its source."""
    indirect = False
    for text in said(tree):
        if isinstance(text, ast.Constant):
            yield str(text.value), text.lineno
        elif not (isinstance(text, ast.Attribute) and text.attr == "text"):  # another reason's text is found there
            indirect = True
    if indirect:
        found = [*marked(tree)]
        yield from ((str(one.value), one.lineno) for one in found)
        yield from ((f"not marked: {one.value!s}", one.lineno) for one in unmarked(tree))
        if not found:
            yield "not marked: no text at all", 1


def reasons() -> dict[str, str]:
    """Every text a room can say -> where."""
    found = {}
    for path in sorted(ROOMS.rglob("*.py")):
        where = path.relative_to(ROOMS).as_posix()
        if where not in PASSING_ON:
            found.update({text: f"{where}:{line}" for text, line in texts_of(tree_of(path))})
    return found


def italian() -> dict[str, str]:
    """What the Italian catalogue says, even where it says the same as English."""
    with (LOCALE / "it" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file, locale="it") if one.id and one.string}


def say(reason: Reason, locale: str) -> str:
    """A reason as the console's filter writes it."""
    environment: Environment = build_environment(locale)
    return environment.from_string("{{ why | reason }}").render(why=reason, page=samples.shell("", locale=locale))


def test_every_reason_of_every_room_is_in_the_italian_catalogue() -> None:
    """A room that learns a new reason learns it in Italian, too."""
    known, catalogue = reasons(), italian()
    assert {where.split("/")[0] for where in known.values()} >= {"commerce", "customers", "engagement"}
    assert len(known) > 300
    assert {text: where for text, where in known.items() if text not in catalogue} == {}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('Reason("late", "It is late.")', "It is late."),
        ('Reason(code="late", text="It is late.")', "It is late."),
        ('TEXTS = {"late": N_("It is late.")}\nReason(code, TEXTS[code])', "It is late."),
        ('TEXTS = {"late": "It is late."}\nReason(code, TEXTS[code])', "not marked: It is late."),
        ('def late(at):\n    text = "It is late."\n    return Reason("late", text)', "not marked: It is late."),
        ('Reason("late", given())', "not marked: no text at all"),
    ],
    ids=["in its place", "by its name", "from a table", "from an unmarked table", "under a name", "from elsewhere"],
)
def test_a_reason_is_found_however_it_is_said(source: str, text: str) -> None:
    """A text that the translation would miss is told, wherever it stands."""
    assert text in {found for found, _ in texts_of(ast.parse(source))}


def test_a_translation_keeps_the_places_of_its_reason() -> None:
    """What a reason's values fill stands in both languages, or a number would be lost."""
    catalogue = italian()
    lost = {
        text: catalogue[text]
        for text in reasons()
        if text in catalogue and set(re.findall(r"{\w+}", catalogue[text])) != set(re.findall(r"{\w+}", text))
    }
    assert lost == {}


def test_reasons_of_messages_are_said_in_italian() -> None:
    """A refusal is read by who works there, with the day written their way."""
    assert in_words(message_words.label("opted_out"), "it") == "opted out"
    assert in_words(message_words.label("gave_up"), "it") == "Abbandonato dopo molti tentativi"
    reason = Reason("refused", "He refused it on {since_at}.", {"since_at": "2026-11-22T09:30:00+00:00"})
    assert in_words(reason, "it", "Europe/Rome") == "L'ha rifiutato il 22 nov, 10:30."


def test_the_filter_writes_amounts_and_instants_the_reader_s_way() -> None:
    missing = wording.amount_missing(410, 5000, "EUR", Lines(categories=frozenset({"shoes"})))
    assert say(missing, "en") == "€4.10 more of shoes is missing."
    assert say(missing, "it") == "Mancano 4,10\N{NO-BREAK SPACE}€ di shoes."
    ended = Reason("over", "It ended on {ends_at}.", {"ends_at": "2026-11-22T09:30:00+00:00"})
    assert say(ended, "it") == "È finita il 22 nov, 10:30."
    days = Reason("other_weekday", "It is valid on {weekdays}.", {"weekdays": "sun, wed"})
    assert say(days, "it") == "Vale di domenica, mercoledì."
