"""``unisono demo``: a real retailer's year and shop through the same doors as everybody's, then the console."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from unisono.cli.database import database, migrated
from unisono.kit.database import open_pool
from unisono.kit.settings import Settings


def demo(options: argparse.Namespace, settings: Settings) -> int:
    """Load, check or play a scene; then serve unless told not to."""
    if options.what == "shop":
        from unisono.cli.shop import shop

        return shop(options, settings)
    if options.what == "counterparts":
        from unisono.cli.counterparts import counterparts

        return counterparts(options, settings)
    if options.check:
        return _check(settings)
    if options.scene:
        return _scene(options.scene, settings)
    from unisono.demo import SERVED_WITH

    # The processes that serve read their settings from the environment.
    for name, value in SERVED_WITH.items():
        os.environ.setdefault(name, value)
    with database(settings) as dsn:
        from unisono.cli.serve import end_with_parent, serve

        asyncio.run(migrated(dsn))
        if options.no_serve:
            end_with_parent()
            asyncio.run(_load(options, settings, dsn))
            return 0
        code = _load_apart(options, dsn)
        if code:
            return code
        # The providers' counterparts live and end with the engine; they connect the accounts when they listen.
        return serve(settings, beside=("demo counterparts",))


def _load_apart(options: argparse.Namespace, dsn: str) -> int:
    """Load in a process of its own: what it read of the data is not kept in memory while this one serves."""
    from unisono.cli.serve import PARENT

    command = [sys.executable, "-m", "unisono.cli", "demo", "--no-serve"]
    if options.households is not None:
        command += ["--households", str(options.households)]
    told = {"UNISONO_DATABASE_URL": dsn, PARENT: str(os.getpid())}
    return subprocess.run(command, env=os.environ | told, check=False).returncode  # noqa: S603 - our own program


def _check(settings: Settings) -> int:
    from unisono.demo.check import run_check

    with database(settings) as dsn:
        asyncio.run(migrated(dsn))
        return asyncio.run(run_check(settings, dsn))


def _scene(name: str, settings: Settings) -> int:
    from unisono.demo.scenes import run_scene, scene_keys

    address = f"http://{settings.host}:{settings.port}"

    async def play(dsn: str) -> int:
        pool = await open_pool(dsn, 2)
        try:
            async with scene_keys(pool) as keys:
                result = await run_scene(name, address, keys, sys.stdout)
        finally:
            await pool.close()
        return result.exit_code

    with database(settings) as dsn:
        return asyncio.run(play(dsn))


async def _load(options: argparse.Namespace, settings: Settings, dsn: str) -> None:
    from unisono.cli.serve import PARENT
    from unisono.demo.live.loading import load_live
    from unisono.demo.loading import Progress as Loaded
    from unisono.demo.retailer import load_year
    from unisono.demo.voice.loading import load_voice

    households = options.households
    console = Console()
    pool = await open_pool(dsn, 4)
    with Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task("A retailer's year", total=None)

        def tell(now: Loaded) -> None:
            bar.update(task, description=now.phase, completed=now.done, total=now.total)

        try:
            report = await load_year(pool, settings, limit_households=households, progress=tell)
            part: dict[str, Any] = {"limit_households": households, "shift_days": report.shift_days, "progress": tell}
            live = await load_live(pool, **part)
            voice = await load_voice(pool, settings, **part)
        finally:
            await pool.close()
    events = sum(report.events.values())
    console.print(
        f"{report.people:,} people, {report.stores:,} stores, {events:,} events on the timeline "
        f"({report.written:,} written now in {report.seconds:.0f} s)."
    )
    console.print(
        f"{live.products:,} products, {live.places:,} places, {live.prices:,} prices, {live.stocks:,} stocks, "
        f"{live.promotions} promotions ({live.active} live) in {live.seconds:.0f} s."
    )
    console.print(
        f"{voice.entries:,} consents said ({voice.granted:,} agree to e-mail, {voice.withdrawn:,} withdrew), "
        f"{voice.templates} templates, {voice.segments} live segments in {voice.seconds:.0f} s."
    )
    if live.waiting:
        how = "the worker makes" if PARENT in os.environ else "unisono serve makes"
        console.print(f"{live.waiting:,} receipts wait to become orders: {how} them so, some thousand a second.")
