"""A whole engine that speaks: web and worker in processes of their own, providers' counterparts in this one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.forking import Program
from tests.support.secret import TEST_KEY, TEST_SECRET
from tests.support.serving import Web, serving
from unisono.demo.counterparts.connecting import connect, drafts
from unisono.demo.counterparts.google import Fcm
from unisono.demo.counterparts.http import Server
from unisono.demo.counterparts.process import counterparts
from unisono.kit.clock import system_clock
from unisono.kit.database import Pool, transaction


@asynccontextmanager
async def voiced(
    dsn: str, pool: Pool, folder: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Web, Server]]:
    """The engine on ``dsn``, its accounts connected to counterparts; all of it is gone at the end."""
    fcm = Fcm()
    told = {"UNISONO_PROVIDER_PRIVATE_ADDRESSES": "true", "UNISONO_TEST_PAYMENTS": "true", **(env or {})}
    told["UNISONO_DATA_DIR"] = str(folder)
    async with counterparts(fcm=fcm) as (where, server):
        async with transaction(pool) as conn:
            await connect(conn, TEST_SECRET, drafts(where, fcm), now=system_clock())
        with serving(dsn, env=told) as [web]:
            worker = _worker(dsn, told)
            try:
                yield web, server
            finally:
                worker.end()
                await asyncio.to_thread(worker.wait)


def _worker(dsn: str, env: Mapping[str, str]) -> Program:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("UNISONO_")}
    told = {**plain, "UNISONO_DATABASE_URL": dsn, "UNISONO_SECRET_KEY": TEST_KEY, **env}
    return Program("unisono.cli", "worker", env=told)
