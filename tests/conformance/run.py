#!/usr/bin/env python3
"""Run the field's official JavaScript clients against a real server and say which of them work.

The Node clients run as they are; the browser libraries run in a real Chromium on a page of another origin, so that
preflights are real. Prints a line for each client; ends with 1 when one failed. Needs Node.js 20 and Chromium.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Browser, async_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.database import start_once, template_database  # noqa: E402 - the path comes first
from tests.support.shop import Shop, fresh, open_shop  # noqa: E402

DIST = HERE / "dist"
WITHIN = 20.0
"""Seconds in which the events must have arrived."""

PAGE = '<!doctype html><meta charset="utf-8"><title>shop</title><script type="module" src="{}.js"></script>'

NODE = {"track": 2, "page": 1, "identify": 1, "screen": 1, "group": 1, "alias": 1}
BROWSER = {"track": 2, "page": 1, "identify": 1, "group": 1, "alias": 1}

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class ClientFailed(Exception):
    """A client did not do what it should; the message says what."""


def prepare() -> None:
    """Install what the lock file pins and bundle the browser clients. Exits when Node.js is missing."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        sys.exit("conformance: Node.js 20 or newer is needed.")
    stamp = HERE / "node_modules" / ".package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    esbuild = HERE / "node_modules" / ".bin" / "esbuild"
    entries = [f"clients/{name}.mjs" for name in ("browser_segment", "browser_rudder")]
    subprocess.run(
        [esbuild, *entries, "--bundle", "--format=esm", f"--outdir={DIST}", "--log-level=error"], cwd=HERE, check=True
    )
    for name in ("browser_segment", "browser_rudder"):
        (DIST / f"{name}.html").write_text(PAGE.format(name), "utf-8")


class Quiet(SimpleHTTPRequestHandler):
    """Serves the bundles without a word."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def another_origin() -> Iterator[str]:
    """The pages of a shop on an origin of their own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(DIST)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()


class Visit:
    """One run of a client: who it is, and what must have come of it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.anonymous, self.user, self.email = fresh("anon"), fresh("u"), f"{fresh('e')}@example.it"

    async def check(self, expected: dict[str, int]) -> None:
        """Wait for the events; raises ClientFailed when they are not each there once, of one person."""
        for _ in range(int(WITHIN * 10)):
            if await self._arrived() == expected:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.3)  # whatever comes twice would come now
        found = await self._arrived()
        if found != expected:
            raise ClientFailed(f"arrived {found}, expected {expected}")
        people = {
            await self.shop.person("user_id", self.user),
            await self.shop.person("anonymous_id", self.anonymous),
            await self.shop.person("email", self.email),
        }
        if len(people) != 1:
            raise ClientFailed(f"the visit became {len(people)} people")

    async def _arrived(self) -> dict[str, int]:
        rows = await self.shop.conn.fetch(
            """select type, count(*) from event join node on node.id = node_id
               where value in ($1, $2) and type <> 'identity' group by type""",
            self.anonymous,
            self.user,
        )
        return {row["type"]: row["count"] for row in rows}


async def run_node(shop: Shop, client: str) -> None:
    """Run a Node client."""
    visit = Visit(shop)
    process = await asyncio.create_subprocess_exec(
        "node",
        f"clients/{client}.mjs",
        cwd=HERE,
        env={
            **os.environ,
            "KEY": shop.keys.secret,
            "HOST": shop.url,
            "ANONYMOUS": visit.anonymous,
            "USER": visit.user,
            "EMAIL": visit.email,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    if process.returncode:
        raise ClientFailed(f"ended with {process.returncode}: {output.decode()[-500:]}")
    await visit.check(NODE)


async def run_browser(shop: Shop, browser: Browser, origin: str, client: str, **more: str) -> None:
    """Run a browser library on a page of another origin."""
    visit = Visit(shop)
    query = {"key": shop.keys.write, "host": shop.url, "anonymous": visit.anonymous, "user": visit.user}
    page = await browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        await page.goto(f"{origin}/{client}.html?{urlencode(query | {'email': visit.email} | more)}")
        await visit.check(BROWSER)
    except ClientFailed as error:
        raise ClientFailed(f"{error}; the page said {said[:3]}") from None
    finally:
        await page.close()


async def run_all() -> bool:
    """Run every client; prints a line for each. Whether all of them work."""
    dsn = await asyncio.to_thread(start_once)
    await template_database(dsn)
    async with open_shop(dsn) as shop, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("UNISONO_CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM_ARGUMENTS
        )
        with another_origin() as origin:
            runs: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
                "@segment/analytics-node": partial(run_node, shop, "node_segment"),
                "@rudderstack/rudder-sdk-node": partial(run_node, shop, "node_rudder"),
                "@segment/analytics-next": partial(run_browser, shop, browser, origin, "browser_segment"),
                "@segment/analytics-next, batching": partial(
                    run_browser, shop, browser, origin, "browser_segment", batching="1"
                ),
                "@rudderstack/analytics-js": partial(run_browser, shop, browser, origin, "browser_rudder"),
                "@rudderstack/analytics-js, beacon": partial(
                    run_browser, shop, browser, origin, "browser_rudder", beacon="1"
                ),
            }
            failed = 0
            for name, run in runs.items():
                try:
                    await run()
                    outcome = "ok"
                except (ClientFailed, TimeoutError) as error:
                    failed += 1
                    outcome = f"FAILED: {error or 'took too long'}"
                print(f"{name:<36} -> {outcome}", flush=True)
            unreadable = await shop.failures()
            for row in unreadable:
                print(f"not accepted: {row['code']}: {row['detail']}")
        await browser.close()
    return not failed and not unreadable


def main() -> None:
    """Prepare, run, and end with 1 when a client failed."""
    prepare()
    sys.exit(0 if asyncio.run(run_all()) else 1)


if __name__ == "__main__":
    main()
