"""``unisono sending``: whether messages leave, and the hand on the tap."""

from __future__ import annotations

import argparse
import asyncio
import getpass

from unisono.cli.database import database, migrated
from unisono.kit.clock import system_clock
from unisono.kit.database import Connection, open_pool, transaction
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
    listing = steps.add_parser("unknown", help="messages of which nobody knows whether they arrived, newest first")
    listing.add_argument("--limit", type=int, default=50, help="how many")
    settling = steps.add_parser("settle", help="say what became of such a message, or send it once more")
    settling.add_argument("message", type=int, help="its number")
    settling.add_argument("verdict", choices=["arrived", "lost", "again"], help="again: the person may get it twice")
    settling.add_argument("--reason", required=True, help="how you know, or why: it stands in the audit")


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
            if options.step == "unknown":
                return await _unknown(conn, options.limit)
            if options.step == "settle":
                return await _settle(conn, options, actor)
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


async def _unknown(conn: Connection, limit: int) -> int:
    from unisono.engagement.delivery import service
    from unisono.engagement.delivery.model import Filters

    found = await service.page(conn, Filters(state="unknown"), limit=max(1, min(limit, 10_000)))
    for row in found.messages:
        left = f"{row.handed_over_at:%Y-%m-%d %H:%M:%S}" if row.handed_over_at else "-"
        print(f"{row.id:>10}  {left}  {row.channel or '-':<10} {row.purpose:<13} {row.key}")
    more = " More: --limit." if found.next else ""
    count = len(found.messages)
    print(f"{count} message{'' if count == 1 else 's'} of which nobody knows whether they arrived.{more}")
    return 0


async def _settle(conn: Connection, options: argparse.Namespace, actor: str) -> int:
    from unisono.engagement.delivery import service

    row = await service.settle_unknown(
        conn, options.message, options.verdict, why=options.reason, actor=actor, now=system_clock()
    )
    print(f"Message {row.id}: {row.state}.")
    return 0
