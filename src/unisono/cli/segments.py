"""``unisono segments``: the segments of an installation, in and out of files."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from unisono.cli.database import database, opened
from unisono.kit.clock import system_clock
from unisono.kit.errors import BadRequest
from unisono.kit.settings import Settings

if TYPE_CHECKING:
    from unisono.kit.database import Connection, Pool

ACTOR = "command line"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    segments = commands.add_parser("segments", help="groups of people", description="groups of people, by rules")
    steps = segments.add_subparsers(dest="step", required=True, metavar="step")
    steps.add_parser("list", help="all segments, a line each")
    show = steps.add_parser("show", help="one segment: its rule in words, its members, what asks about it")
    show.add_argument("code")
    applying = steps.add_parser("apply", help="make and change segments as a YAML file says; others stay")
    applying.add_argument("file", type=Path)
    applying.add_argument("--publish", action="store_true", help="let them live too")
    applying.add_argument("--dry-run", action="store_true", help="say what would happen and write nothing")
    exporting = steps.add_parser("export", help="write segments as YAML; applied again it changes nothing")
    exporting.add_argument("file", type=Path, nargs="?", help="the file (standard output)")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command: 0 done. Raises RuleError and the like for a file that cannot be used."""
    with database(settings) as dsn:
        for line in asyncio.run(_run(options, settings, dsn)):
            print(line)
    return 0


async def _run(options: argparse.Namespace, settings: Settings, dsn: str) -> list[str]:
    # Rooms that know where stores are and what else asks about segments tell it when they are put together.
    import unisono.commerce.app_part
    import unisono.engagement.app_part  # noqa: F401

    async with opened(dsn, 2) as pool:
        if options.step == "apply":
            return await apply(pool, _text(options.file), publish=options.publish, dry_run=options.dry_run)
        async with pool.acquire() as conn:
            if options.step == "list":
                return await listed(conn)
            if options.step == "show":
                return await shown(conn, options.code, settings)
            return _written(options.file, await exported(conn))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{file} cannot be read: {error}") from None


def _written(file: Path | None, text: str) -> list[str]:
    if file is None:
        sys.stdout.write(text)
        return []
    file.write_text(text, "utf-8")
    return [f"{file}: written"]


async def listed(conn: Connection) -> list[str]:
    """A line a segment."""
    from unisono.customers.segments import service

    lines = []
    after: str | None = None
    while page := await service.list_segments(conn, after=after, limit=200):
        after = page[-1].code
        for one in page:
            members = "-" if one.members is None else f"{one.members:,}"
            state = "counting" if one.counting else one.status
            lines.append(f"{one.code:<32} {state:<9} version {one.version:<4} {members:>12} members  {one.name}")
    return lines or ["There are no segments."]


async def shown(conn: Connection, code: str, settings: Settings) -> list[str]:
    """A segment in words and numbers. Raises SegmentUnknown."""
    from unisono.customers.segments import service
    from unisono.customers.segments.model import decode
    from unisono.customers.segments.sentence import sentence

    found = await service.find(conn, code)
    members = await service.count_members(conn, found.id)
    state = "live, its members are being counted" if found.counting else found.status
    lines = [f"{found.name} ({found.code}), version {found.version}, {state}"]
    if found.description:
        lines.append(found.description)
    lines += [sentence(decode(found.rule), settings.locale, settings.timezone), f"{members:,} members"]
    lines += [f"used by {use.kind} {use.code} ({use.name})" for use in await service.used_by(conn, code)]
    lines += [
        f"proved {check.at:%Y-%m-%d %H:%M} UTC: {check.missing} missing, {check.extra} too many"
        for check in await service.checks(conn, found.id, limit=3)
    ]
    return lines


async def exported(conn: Connection) -> str:
    """All segments that are not archived, as YAML."""
    from unisono.customers.segments import service
    from unisono.customers.segments.model import decode
    from unisono.customers.segments.yaml_io import Document, dump_yaml

    documents = []
    after: str | None = None
    while page := await service.list_segments(conn, statuses=("draft", "live"), after=after, limit=200):
        after = page[-1].code
        documents += [
            Document(code=one.code, name=one.name, rule=decode(one.rule), description=one.description) for one in page
        ]
    return dump_yaml(documents)


async def apply(pool: Pool, text: str, *, publish: bool, dry_run: bool) -> list[str]:
    """Make and change the segments of a file, those others ask about first; all of them or none.

    Raises RuleError, SegmentConflict.
    """
    from unisono.customers.segments.files import apply_documents
    from unisono.customers.segments.yaml_io import load_yaml

    documents = load_yaml(text)
    async with pool.acquire() as conn:
        work = conn.transaction()
        await work.start()
        done = False
        try:
            outcomes = await apply_documents(conn, documents, actor=ACTOR, now=system_clock(), publish=publish)
            done = not dry_run
        finally:
            await (work.commit() if done else work.rollback())
    return [f"{one.code}: {'would be ' if dry_run and one.what != 'unchanged' else ''}{one.what}" for one in outcomes]
