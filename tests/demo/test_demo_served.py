"""``unisono demo`` as one starts it: loaded, served, its counterparts beside it, and all of it gone afterwards."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.secret import TEST_KEY, TEST_SECRET
from tests.support.serving import ROOT, free_port
from unisono.demo.dataset import PACKAGE
from unisono.demo.voice.broadcast import CODE
from unisono.engagement.broadcasts import keeping
from unisono.engagement.channels import accounts
from unisono.kit.database import Pool, connection

WITHIN = 240.0
"""Seconds; on an idle machine it takes about twenty."""
HOUSEHOLDS = [3] if importlib.util.find_spec(PACKAGE) else []
"""The command loads the real data: where the extra ``demo`` is installed."""


def started(dsn: str, folder: Path, port: int, households: int) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("UNISONO_")}
    told = {"UNISONO_DATABASE_URL": dsn, "UNISONO_SECRET_KEY": TEST_KEY, "UNISONO_DATA_DIR": str(folder)}
    options = ["--port", str(port), "--households", str(households)]
    return subprocess.Popen([sys.executable, "-m", "unisono.cli", "demo", *options], cwd=ROOT, env=plain | told)


async def healthy(url: str) -> bool:
    """Whether somebody answers."""
    async with httpx.AsyncClient(timeout=2) as client:
        try:
            return (await client.get(url)).status_code == 200
        except httpx.TransportError:
            return False


@pytest.mark.slow
@pytest.mark.parametrize("households", HOUSEHOLDS)
async def test_the_demo_serves_speaks_and_ends_with_its_counterparts(
    dsn: str, pool: Pool, tmp_path: Path, households: int
) -> None:
    """Engine and mailboxes answer, the broadcast was launched; ended, nobody answers at either any more."""
    port = free_port()
    demo = started(dsn, tmp_path, port, households)
    try:
        ends = time.monotonic() + WITHIN
        launched = False
        while time.monotonic() < ends and not launched:
            assert demo.poll() is None
            await asyncio.sleep(0.3)
            if await healthy(f"http://127.0.0.1:{port}/health"):
                async with connection(pool) as conn:
                    launched = (await keeping.get(conn, CODE)).status in ("scheduled", "planning", "running")
        assert launched
        async with connection(pool) as conn:
            [text] = await accounts.accounts(conn, TEST_SECRET, channels=["sms"])
        book = text.settings["base_url"].removesuffix("/twilio") + "/_/counts"
        assert await healthy(book)
    finally:
        demo.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(demo.wait, 60) == 0
    assert not await healthy(book)
    assert not await healthy(f"http://127.0.0.1:{port}/health")
