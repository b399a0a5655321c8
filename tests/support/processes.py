"""Processes of their own for tests about processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("server_owner.py")


class Owner:
    """A process running ``server_owner.py``; see there what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """The next thing it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process ended with {self.process.wait()}"
        self.said = json.loads(line)
        return self.said

    def ask(self, statement: str) -> str:
        """Have it run a statement; the answer comes after the commit."""
        assert self.process.stdin is not None
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        return str(self.read()["result"])

    def finish(self) -> None:
        """Let it end normally."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=30) == 0

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


@contextmanager
def owner(
    data_dir: Path,
    *,
    wait: bool = True,
    python: str = sys.executable,
    user: tuple[int, int] | None = None,
    env: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[Owner]:
    """Start such a process, as another user if told so; it is gone at the end, whatever happens."""
    uid, gid = user or (None, None)
    process = subprocess.Popen(
        [python, str(SCRIPT), str(data_dir), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
        user=uid,
        group=gid,
        extra_groups=[] if uid is not None else None,
    )
    this = Owner(process)
    try:
        if wait:
            this.read()
        yield this
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
