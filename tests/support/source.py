"""The sources as trees, for the tests that read them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def tree_of(path: Path) -> ast.Module:
    """A Python file as its syntax tree.

    Until CPython 3.11.8 a tree being built while another thread prints a traceback (which builds trees too) may end
    in a SystemError about the recursion depth (python/cpython#106905); a thread logging an error is no reason for a
    test to fail, so it is built again.
    """
    text = path.read_text("utf-8")
    for _ in range(5):
        try:
            return ast.parse(text)
        except SystemError:
            continue
    return ast.parse(text)
