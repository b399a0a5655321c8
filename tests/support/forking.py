"""Worker processes that are there at once: forked from a process that has imported what they need already.

A fresh interpreter takes over a second of a core to import the engine, a fork milliseconds; to the test it is the same
process of its own: with its own connections, killed by kill -9, dead at its crash point.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os
import runpy
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import reduction
from pathlib import Path
from typing import IO, Any

from unisono.kit import crash

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.support.preloaded"])

ENDED_WITHIN = 30.0
"""Seconds a process that was told to end has for it."""


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


def _run(module: str, arguments: Sequence[str], env: dict[str, str], output: str | None, ends: tuple[Any, ...]) -> None:
    """In the new process: what the interpreter would do with ``-m module arguments``."""
    os.environ.clear()
    os.environ.update(env)
    crash._LABEL, crash._AFTER = env.get("UNISONO_CRASH_POINT"), int(env.get("UNISONO_CRASH_AFTER", "0"))
    if output is not None:
        said = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
    if ends:
        for number, end in enumerate(ends):
            os.dup2(end.detach(), number)
        sys.stdin = os.fdopen(0, closefd=False)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__")


class _Ends:
    """Ends of pipes on their way into the new process."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self._numbers = numbers

    def __reduce__(self) -> tuple[Any, ...]:
        # Only while a process is being started can the numbers be handed over.
        return tuple, (tuple(reduction.DupFd(number) for number in self._numbers),)


class Program:
    """``python -m module arguments``, there at once; what it says is written into ``output`` if that is given.

    With ``talking`` lines are exchanged instead: it hears what is written to ``stdin``, and is heard at ``stdout``.
    """

    stdin: IO[str]
    stdout: IO[str]

    def __init__(
        self,
        module: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        output: Path | None = None,
        talking: bool = False,
    ) -> None:
        told = (module, arguments, {**(env or os.environ)}, str(output) if output else None)
        with ExitStack() as theirs:
            ends: tuple[int, ...] = ()
            if talking:
                heard, said = os.pipe(), os.pipe()
                ends = (heard[0], said[1])
                self.stdin, self.stdout = os.fdopen(heard[1], "w"), os.fdopen(said[0])
                for end in ends:
                    theirs.callback(os.close, end)
            self._process = _context.Process(target=_run, args=(*told, _Ends(ends)))
            self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """What it ended with; None while it lives."""
        return self._process.exitcode

    def wait(self, timeout: float = ENDED_WITHIN) -> int:
        """Wait until it ended, blocking; what it ended with. Raises TimeoutError."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"the process {self.pid} did not end within {timeout} seconds")
        return self._process.exitcode

    def end(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """kill -9; returns when it is dead."""
        self._process.kill()
        self._process.join()

    def communicate(self, text: str = "", within: float = 120) -> str:
        """Say this and no more, hear all it has to say, and wait until it ended; it is killed if that takes longer."""
        watchdog = threading.Timer(within, self._process.kill)
        watchdog.start()
        try:
            if not self.stdin.closed:
                self.stdin.write(text)
                self.stdin.close()
            with self.stdout:
                heard = self.stdout.read()
            self.wait()
        finally:
            watchdog.cancel()
        return heard


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
