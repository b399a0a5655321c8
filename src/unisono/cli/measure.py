"""``unisono bench``: measure this machine."""

from __future__ import annotations

import argparse

from unisono.bench.model import QUICK, Load
from unisono.bench.run import run_bench
from unisono.kit.settings import Settings


def bench(options: argparse.Namespace, settings: Settings) -> int:
    """Measure the rows named, print one table; 1 when a wanted figure is missed.

    The settings' data folder and database are not touched: the bench has its own.
    """
    return run_bench(options.rows, QUICK if options.quick else Load())
