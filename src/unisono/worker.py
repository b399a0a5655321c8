"""The worker process: every reader of the log there is, every timer, and the webhooks."""

from __future__ import annotations

import asyncio
import os
import signal

from unisono import personal
from unisono.commerce import app_part as commerce
from unisono.customers import app_part as customers
from unisono.customers.profiles.computed import ComputedTraitsReader
from unisono.customers.profiles.declaring import read_declaration
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timeline.worker import Worker
from unisono.customers.timers.model import TimerHandler
from unisono.customers.timers.worker import TimerWorker
from unisono.engagement import app_part as engagement
from unisono.kit.database import Pool, open_pool
from unisono.kit.settings import Settings


def all_readers(settings: Settings) -> list[LogReader]:
    """The readers of this installation. Raises DeclarationError when the computed traits cannot be used."""
    declaration = read_declaration(settings.computed_traits, settings.currency)
    return [
        ComputedTraitsReader(declaration),
        *customers.readers(settings),
        *commerce.readers(settings),
        *engagement.readers(settings),
    ]


def all_timer_handlers(settings: Settings) -> list[TimerHandler]:
    """What this installation does at an instant."""
    return [
        *customers.timer_handlers(settings),
        *commerce.timer_handlers(settings),
        *engagement.timer_handlers(settings),
        *personal.timer_handlers(settings),
    ]


async def _work(pool: Pool, settings: Settings, readers: list[LogReader]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Worker(pool, readers, settings.readers).run(), name="readers")
        tasks.create_task(TimerWorker(pool, all_timer_handlers(settings)).run(), name="timers")
        tasks.create_task(commerce.sweeper(pool).run(), name="holds")
        tasks.create_task(commerce.low_watch(pool).run(), name="low-stock")
        tasks.create_task(commerce.deliverer(pool, settings).run(), name="webhooks")
        for name, run in engagement.workers(pool, settings).items():
            tasks.create_task(run(), name=name)


async def run_worker(settings: Settings, dsn: str) -> None:
    """Work readers and timers until cancelled, or told to end by SIGTERM or SIGINT. The database must be migrated."""
    # Whoever waits at a till comes before what follows the log: on two busy cores they would share alike.
    os.nice(5)
    readers = all_readers(settings)
    pool = await open_pool(dsn, settings.pool_size)
    try:
        work = asyncio.ensure_future(_work(pool, settings, readers))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel, "told to end")
        try:
            await work
        except asyncio.CancelledError as ended:
            if "told to end" not in ended.args:
                raise
    finally:
        await pool.close()
