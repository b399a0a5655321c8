"""Runs rows and judges them."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from typing import Final

from unisono import __version__
from unisono.bench.model import Load, Row
from unisono.bench.rows import (
    absence,
    broadcast,
    cart,
    demo_load,
    feed,
    idle,
    intake_batch,
    intake_import,
    intake_single,
    oversell,
    profile_call,
    propagation,
    read_your_writes,
    replay,
    search_phone,
    segments,
)
from unisono.bench.scratch import Scratch, scratch
from unisono.bench.table import Outcome, print_table
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.web import run_async

ROWS: Final[dict[str, Row]] = {
    module.ROW.name: module.ROW
    for module in (
        intake_import,
        intake_batch,
        intake_single,
        read_your_writes,
        profile_call,
        feed,
        search_phone,
        replay,
        idle,
        oversell,
        cart,
        propagation,
        absence,
        segments,
        broadcast,
        demo_load,
    )
}
"""Every row, in the order of the table."""


async def measure(rows: Sequence[Row], load: Load, bench: Scratch) -> list[Outcome]:
    """Measure these rows one after the other; one that cannot be measured says why and the others go on."""
    outcomes = []
    for row in rows:
        print(f"{row.name} ...", file=sys.stderr, flush=True)
        try:
            outcomes.append(Outcome(row.name, await row.measure(bench, load)))
        except (UnisonoError, OSError) as error:
            outcomes.append(Outcome(row.name, [], str(error)))
    return outcomes


def heading(before: float) -> str:
    """What the figures were taken on."""
    return (
        f"Unisono {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores,"
        f" load average {before:.2f} before and {os.getloadavg()[0]:.2f} after"
    )


def run_bench(names: Sequence[str], load: Load) -> int:
    """Measure the rows named (none: all), print the table; 0 when all that is wanted is reached, else 1.

    Raises BadRequest for a row there is not.
    """
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise BadRequest(f"There is no row {', '.join(unknown)}.", hint=f"Rows: {', '.join(ROWS)}")
    rows = [ROWS[name] for name in names] or list(ROWS.values())
    outcomes: list[Outcome] = []
    before = os.getloadavg()[0]

    async def main() -> None:
        with scratch() as bench:
            outcomes.extend(await measure(rows, load, bench))

    run_async(main())
    print_table(outcomes, heading(before))
    return 0 if all(outcome.ok for outcome in outcomes) else 1
