"""The audit speaks in words: whatever is recorded has a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import unisono
from unisono.console.routes import counter_steps, orders, stock_changes
from unisono.console.views.audit_words import ACTIONS

ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
SOURCES = Path(unisono.__file__).parent
RECORDERS = {"audit.record", "record", "Deed", "audited", "_audited", "_audit", "_change"}
"""What writes entries, with the action among its arguments."""

STEPS = {
    "pickup": counter_steps.PICKED,
    "reservation": counter_steps.KEPT,
    "appointment": counter_steps.MET,
    "order": orders.PARTS,
    "stock": stock_changes.PARTS,
}
"""Actions put together of a word and a step."""


def recorded() -> Iterator[tuple[str, str]]:
    """(action, file) of every constant action some code records."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in RECORDERS:
                continue
            for given in (*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "action")):
                if isinstance(given, ast.Constant) and isinstance(given.value, str) and ACTION.fullmatch(given.value):
                    yield given.value, path.name


def test_every_recorded_action_has_a_sentence() -> None:
    """As it stands in the code."""
    found = set(recorded())
    assert len(found) > 80
    assert not sorted((action, file) for action, file in found if action not in ACTIONS)


def test_every_step_has_a_sentence() -> None:
    """As they are put together: a dash is written as an underscore."""
    steps = {f"{word}.{step.replace('-', '_')}" for word, some in STEPS.items() for step in some}
    assert not sorted(steps - ACTIONS.keys())
