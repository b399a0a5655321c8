"""The application in processes of its own, with real sockets: start it, wait for it, kill -9 it."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.forking import Program
from tests.support.secret import TEST_KEY

ROOT = Path(__file__).parents[2]
READY_WITHIN = 60.0
"""Seconds; it takes about two on an idle machine."""


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Web:
    """One web process on ``dsn``."""

    def __init__(
        self, dsn: str, env: Mapping[str, str] | None = None, port: int | None = None, output: Path | None = None
    ) -> None:
        self.dsn = dsn
        self.output = output
        """Where what it says goes; with ours when missing."""
        self.env = dict(env or {})
        self.port = port or free_port()
        self.process: Program | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Web:
        """Start it; returns at once."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("UNISONO_")}
        told = {
            "UNISONO_DATABASE_URL": self.dsn,
            "UNISONO_SECRET_KEY": TEST_KEY,
            "UNISONO_HOST": "127.0.0.1",
            "UNISONO_PORT": str(self.port),
        }
        self.process = Program("tests.support.web_process", env={**environment, **told, **self.env}, output=self.output)
        return self

    def wait_until_ready(self) -> Web:
        """Return when it answers; fails when it ends or takes too long."""
        assert self.process is not None
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the web process ended with {self.process.poll()}"
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return self
            time.sleep(0.05)
        raise AssertionError("the web process does not answer")

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        if self.process is not None:
            self.process.kill()

    def wait_for_end(self, timeout: float = 30) -> None:
        """Wait until it died by itself, at a crash point."""
        assert self.process is not None
        self.process.wait(timeout)

    def restart(self, env: Mapping[str, str] | None = None) -> Web:
        """Kill it, then start it anew on the same port; ``env`` replaces the environment."""
        self.kill()
        if env is not None:
            self.env = dict(env)
        return self.start().wait_until_ready()


@contextmanager
def serving(
    dsn: str, *, processes: int = 1, env: Mapping[str, str] | None = None, output: Path | None = None
) -> Iterator[list[Web]]:
    """Some web processes on one database, ready; all are dead at the end, whatever happens."""
    webs = [Web(dsn, env, output=output) for _ in range(processes)]
    try:
        for web in webs:
            web.start()
        for web in webs:
            web.wait_until_ready()
        yield webs
    finally:
        for web in webs:
            web.kill()
