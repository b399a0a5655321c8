"""The shape of the code: small files, small functions, every return annotated, no error swallowed."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.support.source import tree_of
from tests.support.tree import ROOT, spelled, tracked

FILE_LINES = 600
FUNCTION_LINES = 80
MEDIAN_FILE_LINES = 150
P90_FUNCTION_LINES = 35
MEDIAN_FUNCTION_LINES = 10

SOURCES = {".py", ".sql", ".js", ".css", ".html"}

LONG_FILES: dict[str, int] = {}
"""Files allowed to be longer, with their length; the list may only shrink."""

LONG_FUNCTIONS: dict[str, int] = {}
"""Functions allowed to be longer, as path:name, with their length; the list may only shrink."""

BOUNDARIES = {
    "src/unisono/customers/collect/committer.py": "a writer must outlive any error: it goes to the requests waiting",
    "src/unisono/customers/timeline/lanes.py": "whatever a reader raises is held against the event, which is parked",
    "src/unisono/customers/timers/firing.py": "whatever a handler raises is kept with its timer, tried again",
}
"""The only modules that may catch everything, and why."""


def written(*suffixes: str) -> list[Path]:
    """Our source files with one of these suffixes."""
    return [path for path in tracked() if path.suffix in suffixes and "docs" not in path.relative_to(ROOT).parts]


def lines_of(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in written(".py"):
        if spelled(path).startswith("src/"):
            for node in ast.walk(tree_of(path)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield path, node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_is_longer_than_one_can_hold_in_mind() -> None:
    """600 lines at most, tests and styles included; what is allowed more may not grow."""
    long = {spelled(path): lines_of(path) for path in written(*SOURCES) if lines_of(path) > FILE_LINES}
    assert {name: count for name, count in long.items() if count > LONG_FILES.get(name, FILE_LINES)} == {}
    assert set(LONG_FILES) <= set(long), "a file became short: take it off the list"


def test_no_function_is_longer_than_a_screen() -> None:
    """80 lines at most; what is allowed more may not grow."""
    long = {f"{spelled(path)}:{node.name}": length(node) for path, node in functions() if length(node) > FUNCTION_LINES}
    assert {name: count for name, count in long.items() if count > LONG_FUNCTIONS.get(name, FUNCTION_LINES)} == {}
    assert set(LONG_FUNCTIONS) <= set(long), "a function became short: take it off the list"


def test_files_and_functions_are_small_as_a_rule() -> None:
    """The bands of the best codebases of the field, for the Python of the product."""
    files = [lines_of(path) for path in written(".py") if spelled(path).startswith("src/") and lines_of(path)]
    sizes = sorted(length(node) for _, node in functions())
    found = {
        "median file": statistics.median(files),
        "median function": statistics.median(sizes),
        "p90 function": sizes[len(sizes) * 9 // 10],
    }
    print(f"{len(files)} files, {len(sizes)} functions: {found}")
    assert found["median file"] <= MEDIAN_FILE_LINES, found
    assert found["median function"] <= MEDIAN_FUNCTION_LINES, found
    assert found["p90 function"] <= P90_FUNCTION_LINES, found


def test_every_function_says_what_it_returns() -> None:
    """All return annotations are there, nested functions included."""
    assert [f"{spelled(path)}:{node.lineno} {node.name}" for path, node in functions() if node.returns is None] == []


def test_only_the_boundaries_catch_everything() -> None:
    """Elsewhere an unexpected error propagates."""
    broad = set()
    for path in written(".py"):
        if spelled(path).startswith("src/"):
            for node in ast.walk(tree_of(path)):
                if _is_broad(node):
                    broad.add(spelled(path))
    assert broad - BOUNDARIES.keys() == set()
    assert BOUNDARIES.keys() <= broad, "a boundary catches everything no more: take it off the list"


def _is_broad(node: ast.AST) -> bool:
    everything = {"Exception", "BaseException"}
    if isinstance(node, ast.ExceptHandler):
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        return any(kind is None or getattr(kind, "id", None) in everything for kind in kinds)
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        return any(getattr(kind, "id", None) in everything for kind in node.args)
    return False


def test_nothing_is_left_for_later_and_no_test_is_switched_off() -> None:
    """No to-do, no stub, no skipped or expected failure."""
    word = re.compile(
        r"\b(TO" + r"DO|FIX" + r"ME|raise NotImplemented" + r"Error)\b|pytest\.(mark\.)?(sk" + r"ip|xf" + r"ail)\b"
    )
    found = [
        f"{spelled(path)}:{number}"
        for path in written(".py", ".js", ".html", ".css", ".sql")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if word.search(line)
    ]
    assert found == []
