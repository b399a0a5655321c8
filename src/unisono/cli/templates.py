"""``unisono templates``: templates as files in git."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

from unisono.cli.database import database, opened
from unisono.kit.database import transaction
from unisono.kit.errors import BadRequest
from unisono.kit.settings import Settings

ACTOR = "command line"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    templates = commands.add_parser("templates", help="templates as files", description="templates as files")
    steps = templates.add_subparsers(dest="step", required=True, metavar="step")
    applying = steps.add_parser("apply", help="take a folder of templates; what is published stays until --publish")
    applying.add_argument("folder", type=Path)
    applying.add_argument("--publish", action="store_true", help="publish what changed")
    applying.add_argument("--dry-run", action="store_true", help="say what would happen and write nothing")
    exporting = steps.add_parser("export", help="write every template's draft into a folder")
    exporting.add_argument("folder", type=Path)
    exporting.add_argument("--all", action="store_true", help="also those that come with the product")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command: 0 when it is done."""
    folder: Path = options.folder
    if options.step == "apply" and not folder.is_dir():
        raise BadRequest(f"{folder} is no folder.", code="no_folder")
    with database(settings) as dsn:
        if options.step == "apply":
            return asyncio.run(_apply(folder, settings, dsn, publish=options.publish, dry=options.dry_run))
        return asyncio.run(_export(folder, dsn, ours=options.all))


async def _apply(folder: Path, settings: Settings, dsn: str, *, publish: bool, dry: bool) -> int:
    """All of the folder or nothing: one transaction."""
    from unisono.engagement.templates import files, service
    from unisono.engagement.templates.errors import TemplateNotFound

    read = dict(files.read(folder))
    if not read:
        raise BadRequest(f"There is no */{files.FILE} in {folder}.", code="no_templates")
    now = datetime.now(UTC)
    lines = []
    async with opened(dsn, 2) as pool, transaction(pool) as conn:
        # Blocks first: a message is compiled with them.
        for code, new in sorted(read.items(), key=lambda one: (one[1].kind == "message", one[0])):
            try:
                before = await service.get(conn, code)
            except TemplateNotFound:
                before = None
            same = before is not None and not before.builtin and before.draft == new.content
            saved = None if dry else await service.save(conn, code, new, actor=ACTOR, now=now)
            said = "unchanged" if same else "changed" if before is not None else "new"
            if publish and saved is not None:
                after = await service.publish(conn, code, actor=ACTOR, now=now, settings=settings)
                said = f"{said}, version {after.version}" if after.version != saved.version else said
            lines.append(f"{code}: {said}")
    print("\n".join(lines))
    return 0


async def _export(folder: Path, dsn: str, *, ours: bool) -> int:
    from unisono.engagement.templates import files, service

    count, after = 0, None
    async with opened(dsn, 2) as pool, pool.acquire() as conn:
        while found := await service.page(conn, after=after, limit=100):
            after = found[-1].code
            for template in found:
                if ours or not template.builtin:
                    files.write(folder, template)
                    count += 1
    print(f"{count} templates written to {folder}")
    return 0
