"""``unisono privacy``: a copy of what is kept about somebody, and an erasure, without worker or console."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from unisono.cli.database import database, migrated
from unisono.kit.clock import system_clock
from unisono.kit.database import Pool, open_pool, transaction
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings

if TYPE_CHECKING:
    from unisono.customers.privacy.model import Choice, ErasurePreview

OURS = timedelta(hours=1)
"""How long a worker leaves the copy to this process."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    text = "a copy of what is kept about somebody; forget somebody"
    privacy = commands.add_parser("privacy", help=text, description=text)
    steps = privacy.add_subparsers(dest="step", required=True, metavar="step")
    exporting = steps.add_parser("export", help="write a zip of everything that is kept about a person")
    exporting.add_argument("who", help="an identifier, as email:maria@example.it")
    exporting.add_argument("--out", type=Path, required=True, help="the zip to write; it must not exist yet")
    exporting.add_argument("--language", choices=("en", "it"), default="en", help="of the page in it")
    exporting.add_argument("--reason", default="", help="what colleagues will read")
    erasing = steps.add_parser("erase", help="forget a person; without --confirm it only says what it would do")
    erasing.add_argument("who", help="an identifier, as email:maria@example.it")
    erasing.add_argument("--confirm", metavar="CODE", help="the code the same command said without it")
    erasing.add_argument(
        "--shared", action="append", default=[], metavar="ID=keep|erase", help="of an identifier others use too"
    )
    erasing.add_argument("--despite-standing", action="store_true", help="give up what is still to be settled")
    erasing.add_argument("--reason", default="", help="what colleagues will read")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command: 0 done, 1 an erasure waits to be confirmed. Raises UnisonoError."""
    if options.step == "export" and options.out.exists():
        raise BadRequest(f"{options.out} is there already.", code="file_exists")
    with database(settings) as dsn:
        return asyncio.run(_run(options, settings, dsn))


async def _run(options: argparse.Namespace, settings: Settings, dsn: str) -> int:
    await migrated(dsn)
    pool = await open_pool(dsn, 4)
    try:
        step = _export if options.step == "export" else _erase
        return await step(options, settings, pool)
    finally:
        await pool.close()


def _actor() -> str:
    return f"command line ({getpass.getuser()})"


async def _export(options: argparse.Namespace, settings: Settings, pool: Pool) -> int:
    from unisono.customers.identity import service as identity
    from unisono.customers.privacy import service
    from unisono.customers.privacy.copying import Copier, pieces
    from unisono.customers.privacy.errors import ArchiveNotFound
    from unisono.personal import PARTS

    secret, now = Secret.of(settings), system_clock()
    async with transaction(pool) as conn:
        person = await identity.find(conn, options.who, settings.country)
        asked = await service.ask(
            conn,
            "access",
            person,
            reason=options.reason,
            actor=_actor(),
            now=now,
            language=options.language,
            work_at=now + OURS,
        )
    await Copier(pool, PARTS, secret).work(asked.id, now=now)
    async with transaction(pool) as conn:
        done = await service.request(conn, asked.id)
    if done.state != "done":
        raise UnisonoError(f"Request {asked.id} is {done.state}.", hint="A worker has it; look again in a moment.")
    with os.fdopen(os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            async for piece in pieces(pool, secret, asked.id, int(done.receipt["pieces"])):
                file.write(piece)
        except ArchiveNotFound:
            # Erased meanwhile: half of what was known of him is not kept in a file either.
            options.out.unlink()
            raise
    print(f"{options.out}: {sum(done.receipt['rows'].values())} rows, {done.receipt['bytes']} bytes.")
    return 0


async def _erase(options: argparse.Namespace, settings: Settings, pool: Pool) -> int:
    from unisono.customers.identity import service as identity
    from unisono.customers.privacy import service
    from unisono.customers.privacy.erasing import Eraser
    from unisono.personal import PARTS

    secret, now = Secret.of(settings), system_clock()
    async with transaction(pool) as conn:
        person = await identity.find(conn, options.who, settings.country)
        waiting = await service.requests(conn, state="open", kind="erasure", persons=[person], limit=1)
        asked = waiting or [await service.ask(conn, "erasure", person, reason=options.reason, actor=_actor(), now=now)]
        number = asked[0].id
        preview = await service.preview(conn, number, PARTS, secret)
    if options.confirm is None:
        _show(preview)
        return 1
    async with transaction(pool) as conn:
        await service.confirm(
            conn,
            number,
            PARTS,
            secret,
            confirmation=options.confirm,
            shared=_choices(options.shared),
            despite_standing=options.despite_standing,
            actor=_actor(),
            now=now,
        )
    await Eraser(pool, PARTS, secret).work(number, now=now)
    async with transaction(pool) as conn:
        done = await service.request(conn, number)
    rows = done.receipt.get("rows", {})
    print(f"Request {number} is {done.state}: {sum(rows.values())} rows of {len(rows)} tables.")
    for one in done.receipt.get("kept", []):
        print(f"  {one['table']}: {one['rows']} rows stay without the person. {one['why']}")
    return 0


def _choices(texts: list[str]) -> dict[int, Choice]:
    """``12=keep`` as number and choice. Raises BadRequest."""
    found: dict[int, Choice] = {}
    for text in texts:
        number, _, choice = text.partition("=")
        if not number.isdecimal() or choice not in ("keep", "erase"):
            raise BadRequest(f"{text!r} is not ID=keep or ID=erase.", code="bad_choice")
        found[int(number)] = "keep" if choice == "keep" else "erase"
    return found


def _show(preview: ErasurePreview) -> None:
    print(f"{preview.name or 'Somebody'}, person {preview.person_id}:")
    for one in preview.identifiers:
        print(f"  {one.namespace}:{one.value}")
    for one in preview.shared:
        print(f"  {one.namespace}:{one.value} is used by others too: --shared {one.node_id}=keep or =erase")
    for what in preview.standing:
        print(f"  still to be settled: {what} (--despite-standing gives it up)")
    for count in preview.counts:
        print(f"  {count.table}: {count.rows} rows, {count.deed}")
    print(f"Nothing is done yet. To forget this person for good: --confirm {preview.confirmation}", file=sys.stderr)
