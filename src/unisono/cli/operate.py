"""Commands that act on the database once and end."""

from __future__ import annotations

import argparse
import asyncio

import msgspec

from unisono.access import invitations
from unisono.access.keys import create_source
from unisono.cli.database import database, migrated
from unisono.customers.identity import service as identity
from unisono.customers.identity.graph import rebuild
from unisono.kit.clock import system_clock
from unisono.kit.database import open_pool, transaction
from unisono.kit.settings import Settings


def operate(options: argparse.Namespace, settings: Settings) -> int:
    """Run one of the short commands."""
    with database(settings) as dsn:
        return asyncio.run(_operate(options, settings, dsn))


async def _operate(options: argparse.Namespace, settings: Settings, dsn: str) -> int:
    ran = await migrated(dsn)
    match options.command:
        case "migrate":
            print("\n".join(f"ran {name}" for name in ran) or "The database is up to date.")
        case "first-run":
            print(await first_run_link(settings, dsn) or "There is an account already: the owner invites the others.")
        case "source":
            await _make_source(options, dsn)
        case "identity":
            return await _identity(options, settings, dsn)
        case "computed":
            await _rebuild_computed(dsn)
    return 0


async def first_run_link(settings: Settings, dsn: str) -> str | None:
    """A one-time link that makes the owner's account; None when there are accounts already."""
    pool = await open_pool(dsn, 1)
    try:
        link = await invitations.first_run_link(pool, now=system_clock())
    finally:
        await pool.close()
    if link is None:
        return None
    address = settings.public_url or f"http://{settings.host}:{settings.port}"
    return f"{address}{link.path}"


async def _make_source(options: argparse.Namespace, dsn: str) -> None:
    pool = await open_pool(dsn, 1)
    try:
        async with transaction(pool) as conn:
            made = await create_source(
                conn,
                name=options.name,
                kind=options.kind,
                actor="command line",
                store_id=options.store,
                till_id=options.till,
                scopes=frozenset(options.scope),
            )
    finally:
        await pool.close()
    print(made.key)


async def _identity(options: argparse.Namespace, settings: Settings, dsn: str) -> int:
    if options.step == "scenarios":
        from unisono.cli.scenarios import run_scenarios

        content = await asyncio.to_thread(options.file.read_bytes)
        return await run_scenarios(content, dsn)
    pool = await open_pool(dsn, 1, statement_timeout=600)
    try:
        async with transaction(pool) as conn:
            book = await identity.rulebook(conn, settings.country)
            result = await rebuild(conn, book.namespaces, actor="command line", reason="rebuild")
            await identity.write_changes(conn, result, actor="command line", reason="rebuild")
    finally:
        await pool.close()
    print(f"{len(result.person_of)} identifiers replayed, {len(result.changes)} persons changed.")
    print(msgspec.json.encode(result.changes[:20]).decode() if result.changes else "Nothing differed.")
    return 0


async def _rebuild_computed(dsn: str) -> None:
    from unisono.customers.profiles.computed import rebuild_computed

    pool = await open_pool(dsn, 4, statement_timeout=600)
    try:
        await rebuild_computed(pool, lambda done: print(f"\r{done:,} events", end="", flush=True))
    finally:
        await pool.close()
    print("\nDone.")
