"""``unisono sending``: whether messages leave, and the hand on the tap."""

from __future__ import annotations

import argparse
import asyncio
import getpass

from unisono.cli.database import database, migrated
from unisono.kit.clock import system_clock
from unisono.kit.database import open_pool, transaction
from unisono.kit.settings import Settings


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    text = "whether messages leave; pause and resume all sending"
    sending = commands.add_parser("sending", help=text, description=text)
    steps = sending.add_subparsers(dest="step", required=True, metavar="step")
    steps.add_parser("status", help="say whether messages leave; exit code 1 while they do not")
    pausing = steps.add_parser("pause", help="stop everything: nothing is handed over any more")
    pausing.add_argument("--reason", default="paused by hand", help="what colleagues will read")
    steps.add_parser("resume", help="let messages leave; of two copies of an installation only one may")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command: 0 while messages leave, 1 while they do not."""
    with database(settings) as dsn:
        return asyncio.run(_run(options, settings, dsn))


async def _run(options: argparse.Namespace, settings: Settings, dsn: str) -> int:
    from unisono.engagement.delivery import sending

    await migrated(dsn)
    pool = await open_pool(dsn, 1)
    actor = f"command line ({getpass.getuser()})"
    try:
        async with transaction(pool) as conn:
            if options.step == "pause":
                await sending.pause(conn, reason=options.reason, actor=actor, now=system_clock())
            elif options.step == "resume":
                await sending.resume(conn, settings, actor=actor, now=system_clock())
            found = await sending.state(conn)
    finally:
        await pool.close()
    if found.paused_at is None:
        print("Messages leave.")
        return 0
    print(f"Nothing leaves since {found.paused_at:%Y-%m-%d %H:%M} UTC ({found.changed_by}): {found.reason}")
    if options.step == "status":
        print("  unisono sending resume  lets messages leave again.")
    return 0 if options.step == "pause" else 1
