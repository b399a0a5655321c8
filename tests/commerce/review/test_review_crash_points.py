"""Each place where a process may die has a test that kills one there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOUND = re.compile(r'crash_point\("([^"]+)"\)')
FAMILIES = re.compile(r'crash_point\\\("\(\(\?:([a-z|]+)\)')
FOLDER = re.compile(r'crash_point\\\("\(\[')
"""How a test names all labels of some families, which it finds in the source by itself."""


def test_every_crash_point_is_killed_by_a_test() -> None:
    """Named in a test, or of a family a test reads out of the source."""
    labels = {
        label
        for file in (ROOT / "src").rglob("*.py")
        if file.name != "crash.py"
        for label in FOUND.findall(file.read_text("utf-8"))
    }
    told = [file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py") if file != Path(__file__)]
    families = {name for text in told for found in FAMILIES.findall(text) for name in found.split("|")}
    # A test in the folder of a room that reads the labels out of the room's sources.
    families |= {
        file.parent.name
        for file in (ROOT / "tests" / "engagement").rglob("test_*_killed.py")
        if FOLDER.search(file.read_text("utf-8"))
    }
    assert len(labels) > 20
    alive = {
        label
        for label in labels
        if label.partition(".")[0] not in families and not any(f'"{label}"' in text for text in told)
    }
    assert alive == set()
