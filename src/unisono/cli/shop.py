"""``unisono demo shop``: the sample front, app and till, on a port of their own, before the running engine."""

from __future__ import annotations

import argparse
import dataclasses
import logging

from unisono.cli.database import database
from unisono.kit.database import open_pool
from unisono.kit.errors import Unavailable
from unisono.kit.settings import Settings


def shop(options: argparse.Namespace, settings: Settings) -> int:
    """Serve the sample shop until SIGTERM or SIGINT. Its keys work as long as it is open.

    Raises Unavailable when the engine does not answer, NotFound when there is no store for its till.
    """
    from unisono.web import run_async

    # Each call of the engine would be a line.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    address = f"http://{settings.host}:{settings.port}"
    _see_that_it_answers(address)
    mine = dataclasses.replace(settings, port=options.shop_port or settings.port + 1)
    with database(settings) as dsn:
        run_async(_serve(mine, dsn, address, settings.public_url, options.store))
    return 0


def _see_that_it_answers(address: str) -> None:
    import httpx

    try:
        healthy = httpx.get(f"{address}/health", timeout=5).is_success
    except httpx.HTTPError:
        healthy = False
    if not healthy:
        raise Unavailable(f"Nobody answers at {address}.", hint="Start it in another terminal: unisono demo")


async def _serve(mine: Settings, dsn: str, address: str, public_url: str | None, wanted: str | None) -> None:
    from unisono.demo.shop import create_shop, shop_keys, till_store
    from unisono.web import serve_app

    pool = await open_pool(dsn, 1)
    try:
        store = await till_store(pool, wanted)
        print(f"The sample shop serves at http://{mine.host}:{mine.port}/ in front of {address}", flush=True)
        print(f"Its till stands in store {store}; end with Ctrl-C.", flush=True)
        async with shop_keys(pool, store) as keys:
            app = create_shop(address, keys, zone=mine.timezone, public_url=public_url)
            await serve_app(app, mine)
    finally:
        await pool.close()
