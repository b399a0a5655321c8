"""``unisono demo counterparts``: stand in for the providers of every channel, and connect the demo to them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket

from unisono.cli.database import database, migrated
from unisono.cli.serve import PARENT, end_with_parent
from unisono.kit.clock import system_clock
from unisono.kit.database import open_pool, transaction
from unisono.kit.settings import Settings


def counterparts(options: argparse.Namespace, settings: Settings) -> int:
    """Listen until SIGINT, or until the process that serves ends; with ``--no-serve`` only connect the accounts."""
    end_with_parent()
    with database(settings) as dsn, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(options, settings, dsn))
    return 0


async def _run(options: argparse.Namespace, settings: Settings, dsn: str) -> None:
    from unisono.demo.counterparts import process
    from unisono.demo.counterparts.connecting import connect, drafts
    from unisono.demo.counterparts.google import Fcm
    from unisono.demo.voice.broadcast import launch_once
    from unisono.engagement.channels.accounts import hook_url
    from unisono.kit.secret import Secret

    base_url = settings.public_url or f"http://{settings.host}:{settings.port}"
    told = ("whatsapp", "messenger", "instagram")
    hooks = {name: str(hook_url(f"demo-{name}", base_url)) for name in told}
    fcm = Fcm()
    if PARENT not in os.environ:
        await migrated(dsn)
    async with process.counterparts(
        smtp_port=_free(process.SMTP_PORT), http_port=_free(process.HTTP_PORT), hook_urls=hooks, fcm=fcm
    ) as (where, _):
        pool = await open_pool(dsn, 1)
        try:
            async with transaction(pool) as conn:
                served = await connect(conn, Secret.of(settings), drafts(where, fcm), now=system_clock())
            if not options.no_serve:
                await launch_once(pool, settings, now=system_clock())
        finally:
            await pool.close()
        print(f"Accounts stand for {', '.join(served)}.")
        if options.no_serve:
            return
        print(f"Mail is taken at 127.0.0.1:{where.smtp}; what was taken: http://127.0.0.1:{where.http}/_/taken")
        if PARENT not in os.environ:
            print("Serve the engine with UNISONO_PROVIDER_PRIVATE_ADDRESSES=true; end with Ctrl-C.", flush=True)
        await asyncio.Event().wait()


def _free(port: int) -> int:
    """The port, or 0 (any) when somebody has it: the accounts are told the ports either way."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
