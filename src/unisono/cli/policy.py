"""``unisono policy``: the contact policy as a file."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from unisono.cli.database import database, opened
from unisono.kit.clock import system_clock
from unisono.kit.database import connection, transaction
from unisono.kit.errors import BadRequest
from unisono.kit.settings import Settings

if TYPE_CHECKING:
    from unisono.engagement.policy.model import Policy


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    policy = commands.add_parser("policy", help="the contact policy as a file", description="the contact policy")
    steps = policy.add_subparsers(dest="step", required=True, metavar="step")
    showing = steps.add_parser("show", help="print the policy as YAML")
    showing.add_argument("--version", type=int, help="an older version; 0 is the package's own")
    applying = steps.add_parser("apply", help="make the policy of a file count")
    applying.add_argument("file", type=Path)
    applying.add_argument("--reason", default="applied from a file", help="why, for whoever asks later")
    applying.add_argument("--dry-run", action="store_true", help="say what would change and change nothing")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command. Raises UnisonoError for a file that is no policy."""
    from unisono.engagement.policy.reading import read_policy

    policy = None
    if options.step == "apply":
        try:
            policy = read_policy(options.file.read_bytes())
        except OSError as error:
            raise BadRequest(f"{options.file} cannot be read: {error.strerror}.", code="file_unreadable") from None
    with database(settings) as dsn:
        print(asyncio.run(_show(options, dsn) if policy is None else _apply(options, policy, dsn)))
    return 0


async def _show(options: argparse.Namespace, dsn: str) -> str:
    from unisono.engagement.policy import service
    from unisono.engagement.policy.reading import write_policy

    async with opened(dsn, 1) as pool, connection(pool) as conn:
        number = options.version
        found = await (service.current(conn) if number is None else service.version(conn, number))
    when = f", {found.at:%Y-%m-%d %H:%M} UTC" if found.at else ""
    return f"# version {found.version}, {found.actor}{when}: {found.reason}\n{write_policy(found.policy)}".rstrip()


async def _apply(options: argparse.Namespace, policy: Policy, dsn: str) -> str:
    from unisono.engagement.policy import service
    from unisono.engagement.policy.reading import differences

    async with opened(dsn, 1) as pool, transaction(pool) as conn:
        before = await service.current(conn)
        changes = differences(before.policy, policy)
        if not options.dry_run:
            saved = await service.save(conn, policy, actor="command line", reason=options.reason, now=system_clock())
    lines = [f"{change.path}: {change.before!r} -> {change.after!r}" for change in changes]
    if options.dry_run:
        return "\n".join([*lines, f"{len(lines)} values would change."])
    return "\n".join([*lines, f"Version {saved.version} counts; {len(lines)} values changed."])
