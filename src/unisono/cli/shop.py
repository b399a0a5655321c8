"""``unisono demo shop``: the sample front, app and till, on a port of their own, before the running engine."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses

from unisono.cli.database import database
from unisono.commerce.inventory import service as inventory
from unisono.kit.database import connection, open_pool
from unisono.kit.errors import NotFound, Unavailable
from unisono.kit.settings import Settings


def shop(options: argparse.Namespace, settings: Settings) -> int:
    """Serve the sample shop until SIGTERM or SIGINT. Its keys work as long as it is open.

    Raises Unavailable when the engine does not answer, NotFound when there is no store for its till.
    """
    from unisono.web import run_async

    address = f"http://{settings.host}:{settings.port}"
    _see_that_it_answers(address)
    mine = dataclasses.replace(settings, port=options.shop_port or settings.port + 1)
    with database(settings) as dsn:
        store = asyncio.run(_store(dsn, options.store))
        print(f"The sample shop serves at http://{mine.host}:{mine.port}/ in front of {address}", flush=True)
        print(f"Its till stands in store {store}; end with Ctrl-C.", flush=True)
        run_async(_serve(mine, dsn, address, settings.public_url, store))
    return 0


def _see_that_it_answers(address: str) -> None:
    import httpx

    try:
        healthy = httpx.get(f"{address}/health", timeout=5).is_success
    except httpx.HTTPError:
        healthy = False
    if not healthy:
        raise Unavailable(f"Nobody answers at {address}.", hint="Start it in another terminal: unisono demo")


async def _store(dsn: str, wanted: str | None) -> str:
    """The code of the till's store: the one asked for, else the first by name. Raises NotFound."""
    pool = await open_pool(dsn, 1)
    try:
        async with connection(pool) as conn:
            places = await inventory.locations(conn)
    finally:
        await pool.close()
    stores = [place.code for place in places if place.kind == "store" and place.closed_at is None]
    if wanted is None and stores:
        return stores[0]
    if wanted not in stores:
        missing = "There is no store yet." if wanted is None else f"There is no store {wanted!r}."
        raise NotFound(missing, code="place_unknown", hint="Load some first: unisono demo --households 50")
    return str(wanted)


async def _serve(mine: Settings, dsn: str, address: str, public_url: str | None, store: str) -> None:
    from unisono.demo.shop import create_shop, shop_keys
    from unisono.web import serve_app

    pool = await open_pool(dsn, 1)
    try:
        async with shop_keys(pool, store) as keys:
            app = create_shop(address, keys, zone=mine.timezone, public_url=public_url)
            await serve_app(app, mine)
    finally:
        await pool.close()
