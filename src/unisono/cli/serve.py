"""``unisono serve``: the database, one web process and one worker, kept running together.

Children end when this process ends, however it ends: the kernel sends them SIGTERM. A child that dies is started
again, with a growing pause if it dies at once.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import structlog

from unisono.cli.database import database, migrated
from unisono.kit.errors import UnisonoError
from unisono.kit.settings import Settings

log = structlog.get_logger("unisono.serve")

PARENT = "UNISONO_SERVE_PARENT"
"""Tells a child whose child it is, so that it can notice that the parent died before it could ask the kernel."""

_PR_SET_PDEATHSIG = 1
_LONGEST_PAUSE = 30.0
_STABLE_AFTER = 30.0
_STOP_WITHIN = 15.0


class Child:
    """One process of ours that is to stay: ``part`` is what the command line would say."""

    def __init__(self, part: str, settings: Settings, dsn: str) -> None:
        self.part = part
        self._environment = os.environ | {
            "UNISONO_DATABASE_URL": dsn,
            "UNISONO_HOST": settings.host,
            "UNISONO_PORT": str(settings.port),
            PARENT: str(os.getpid()),
        }
        self._pause = 0.5
        self._started = 0.0
        self._again_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        self._started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "unisono.cli", *self.part.split()],
            env=self._environment,
            stdin=subprocess.DEVNULL,
        )

    def watch(self) -> None:
        """Start it again if it has ended and its pause is over."""
        now = time.monotonic()
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                if now - self._started > _STABLE_AFTER:
                    self._pause = 0.5
                return
            log.warning("serve.child_ended", part=self.part, code=code, again_in=self._pause)
            self.process = None
            self._again_at = now + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        if now >= self._again_at:
            self.start()

    def stop(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait for its end; kill it if it will not."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def serve(settings: Settings, *, welcome: bool = True, beside: Sequence[str] = ()) -> int:
    """Run everything until SIGTERM or SIGINT; ``beside`` are further commands of ours to keep running."""
    stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with database(settings) as dsn:
        asyncio.run(migrated(dsn))
        if welcome:
            asyncio.run(_welcome(settings, dsn))
        children = [Child(part, settings, dsn) for part in ("web", "worker", *beside)]
        for child in children:
            child.start()
        while not stopping:
            time.sleep(0.25)
            for child in children:
                child.watch()
        deadline = time.monotonic() + _STOP_WITHIN
        for child in children:
            child.stop()
        for child in children:
            child.wait(deadline - time.monotonic())
    return 0


async def _welcome(settings: Settings, dsn: str) -> None:
    from unisono.cli.operate import first_run_link

    address = settings.public_url or f"http://{settings.host}:{settings.port}"
    print(f"Unisono serves at {address}/console/", flush=True)
    link = await first_run_link(settings, dsn)
    if link:
        print(f"First run: make the owner's account with this one-time link (24 hours):\n  {link}", flush=True)


def run_part(part: str, settings: Settings) -> int:
    """Run one web or worker process until SIGTERM or SIGINT."""
    end_with_parent()
    from unisono.web import run_async

    with database(settings) as dsn:
        if PARENT not in os.environ:
            asyncio.run(migrated(dsn))
        if part == "web":
            from unisono.web import serve_web

            run_async(serve_web(settings, dsn))
        else:
            from unisono.worker import run_worker

            run_async(run_worker(settings, dsn))
    return 0


def end_with_parent() -> None:
    """When something of ours started this process: ask the kernel for SIGTERM when the serving process is gone."""
    parent = os.environ.get(PARENT)
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        raise UnisonoError("The serving process has ended.", code="orphan")
