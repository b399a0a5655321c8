"""The web process: the application under Granian on uvloop, until told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from litestar import Litestar

from unisono.app import create_app
from unisono.kit.settings import Settings


async def serve_web(settings: Settings, dsn: str) -> None:
    """Serve the application at the settings' host and port until SIGTERM or SIGINT."""
    await serve_app(create_app(settings, dsn), settings)


async def serve_app(app: Litestar, settings: Settings) -> None:
    """Serve any application as the real one is served."""
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        # Writers answer in milliseconds; a longer queue in the kernel only hides that we are behind.
        backlog=1024,
        log_level=LogLevels.error,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()


def run_async(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on uvloop where there is one."""
    # What is loaded by now lives as long as the process; and events are short-lived trees without cycles, so the
    # collector need not look after every few hundred of them (measured: 12 % of intake).
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop  # noqa: PLC0415 - not on every platform

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
