"""A Chromium, and the shop pages of the snippet's tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from snippet_site import Open, Site

CHROMIUM = os.environ.get("UNISONO_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        await running.close()


@pytest.fixture(scope="module")
def running_site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def site(running_site: Site) -> Site:
    running_site.clear()
    return running_site


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    fresh = await browser.new_context(locale="it-IT", timezone_id="Europe/Rome")
    yield fresh
    await fresh.close()


@pytest.fixture
async def visit(context: BrowserContext, site: Site) -> AsyncIterator[Open]:
    """Open a page with the snippet loaded; at the end, no page may have seen an exception or console noise."""
    noise: list[str] = []

    async def visit(path: str = "/shop", *, address: str = "", **options: Any) -> Page:
        page = await context.new_page()
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("console", lambda message: noise.append(message.text) if "unisono" in message.text else None)
        await page.goto(site.page(path, **options) + address)
        await page.wait_for_function("window.unisono && window.unisono.version")
        return page

    yield visit
    assert noise == []
