"""The one table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from unisono.bench.model import Measured

WIDE = 150
"""Columns where nobody looks: a file or a pipe."""


class Outcome:
    """What became of a row: its lines, or why there are none."""

    def __init__(self, row: str, measured: list[Measured], problem: str | None = None) -> None:
        self.row = row
        self.measured = measured
        self.problem = problem

    @property
    def ok(self) -> bool:
        """Whether it was measured and reached what is wanted."""
        return self.problem is None and all(one.ok for one in self.measured)


def number(value: float) -> str:
    """A figure with as many digits as mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _wanted(one: Measured) -> str:
    sign = "≥" if one.wanted.kind == "at least" else "<"
    unit = "" if one.limit is not None else f" {one.unit}"
    return f"{sign} {one.wanted.value:g}{unit}"


def print_table(outcomes: list[Outcome], heading: str, console: Console | None = None) -> None:
    """Print it: a line a figure; what could not be measured says why and counts as missed."""
    if console is None:
        console = Console()
        if not console.is_terminal:
            console = Console(width=WIDE)
    table = Table(title=heading, title_justify="left")
    for column in ("row", "measured", "limit in the same run", "ratio", "wanted", "ok?"):
        table.add_column(column, justify="right" if column in ("measured", "ratio") else "left", no_wrap=True)
    table.add_column("seen")
    for outcome in outcomes:
        for one in outcome.measured:
            limit = "" if one.limit is None else f"{number(one.limit)} {one.limit_is}"
            table.add_row(
                one.row,
                f"{number(one.value)} {one.unit}",
                limit,
                f"{one.ratio:.2f}",
                _wanted(one),
                Text("yes", "green") if one.ok else Text("NO", "bold red"),
                one.note,
            )
        if outcome.problem:
            table.add_row(outcome.row, "", "", "", "", Text("NO", "bold red"), f"not measured: {outcome.problem}")
    console.print(table)
