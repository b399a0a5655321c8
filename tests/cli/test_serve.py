"""``unisono serve``: everything starts together, and however it ends everything ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.support.postgres import base_folder
from tests.support.serving import free_port

WITHIN = 60.0
"""Seconds a busy machine may take to start or to end."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder the server's user may enter."""
    with base_folder() as folder:
        yield folder


@contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """It serves: the process, and the processes it started."""
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNISONO_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "unisono.cli", "--data-dir", str(folder / "data"), "serve", "--port", str(port)],
        env=inherited,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    children: list[int] = []
    try:
        assert eventually(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None, "it ended"
        children = children_of(process.pid)
        assert len(children) >= 3, "the database, the web process, the worker"
        yield process, children
    finally:
        for pid in (process.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    """Whether it answers."""
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200
    return False


def stat_of(pid: int) -> list[str] | None:
    """State, parent … of a process; None when there is none, or only its number is left."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields
    return None


def children_of(parent: int) -> list[int]:
    """Processes it started that run."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in numbers if (stat := stat_of(pid)) is not None and stat[1] == str(parent)]


def eventually(truth: object, within: float = WITHIN) -> bool:
    """Wait for something to become true."""
    assert callable(truth)
    end = time.monotonic() + within
    while not truth():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.slow
def test_who_is_killed_leaves_nobody_behind(folder: Path) -> None:
    """kill -9, several times over: while the database goes away under them, web and worker end, too, and the next
    start finds everything in order."""
    for _ in range(4):
        with served(folder) as (process, children):
            process.kill()
            process.wait()
            assert eventually(lambda: not any(map(stat_of, children))), "somebody stays for ever"


@pytest.mark.slow
def test_told_to_end_it_ends_in_order(folder: Path) -> None:
    """SIGTERM: nobody is left, and it says that all is well."""
    with served(folder) as (process, children):
        process.terminate()
        assert process.wait(WITHIN) == 0
        assert eventually(lambda: not any(map(stat_of, children)))
