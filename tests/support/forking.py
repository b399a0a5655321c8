"""Worker processes that are there at once: forked from a process that has imported what they need already.

A fresh interpreter takes over a second of a core to import the engine, a fork milliseconds; to the test it is the same
process of its own: with its own connections, killed by kill -9, dead at its crash point.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from unisono.kit import crash

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["tests.support.dispatching_process", "tests.support.policy_process", "tests.support.segmenting_process"]
)


def _work(module: str, arguments: tuple[Any, ...], label: str | None, after: int) -> None:
    """In the new process. The label is what UNISONO_CRASH_POINT is for a process started anew."""
    crash._LABEL, crash._AFTER = label, after
    asyncio.run(importlib.import_module(module).main(*arguments))


class Fork:
    """A process that runs the ``main`` of a module of ``tests.support``."""

    def __init__(self, module: str, arguments: tuple[Any, ...], label: str | None = None, after: int = 0) -> None:
        self._process = _context.Process(target=_work, args=(f"tests.support.{module}", arguments, label, after))
        self._process.start()

    def poll(self) -> int | None:
        """What it ended with; None while it lives."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it ended, blocking; what it ended with."""
        self._process.join(timeout)
        return self._process.exitcode

    def end(self) -> None:
        """SIGTERM."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """kill -9; returns when it is dead."""
        self._process.kill()
        self._process.join()


@contextmanager
def forks(
    module: str, *arguments: Any, count: int = 1, label: str | None = None, after: int = 0
) -> Iterator[list[Fork]]:
    """So many of them, dead at the end; ``label`` is the crash point each dies at, passed ``after`` times before."""
    started = [Fork(module, arguments, label, after) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
