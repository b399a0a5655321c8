"""The snippet against the engine itself: from a page of another origin to one timeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext
from snippet_site import Site

from tests.support.shop import Shop, open_shop

pytestmark = pytest.mark.browser


@pytest.fixture
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    assert template_dsn
    async with open_shop(server_dsn) as running:
        yield running


async def _names(shop: Shop, wanted: int) -> list[str]:
    """The names on the timeline, once there are as many as wanted."""
    names: list[str] = []
    for _ in range(100):
        rows = await shop.conn.fetch("select name from event where type <> 'identity' order by occurred_at, id")
        names = [row["name"] for row in rows]
        if len(names) >= wanted:
            break
        await asyncio.sleep(0.1)
    return names


async def test_a_visitor_becomes_known_on_the_timeline(shop: Shop, context: BrowserContext) -> None:
    """Page, event and identify of a real page end on one person, in order, each once; leaving loses nothing."""
    site = Site(collector_url=shop.url)
    try:
        page = await context.new_page()
        await page.goto(site.page(write_key=shop.keys.write))
        await page.wait_for_function("window.unisono && window.unisono.version")
        await page.evaluate("unisono.page('Shop'); unisono.track('Product Viewed', {product_id: 'p1', price: 19})")
        assert await _names(shop, 2) == ["Page Viewed", "Product Viewed"]
        await page.evaluate("unisono.identify('u1', {email: 'mario@example.it'}); unisono.track('Product Added', {})")
        await page.goto("about:blank")
        assert await _names(shop, 4) == ["Page Viewed", "Product Viewed", "Traits Updated", "Product Added"]
        await asyncio.sleep(1)
        assert len(await _names(shop, 4)) == 4
        person = await shop.person("user_id", "u1")
        nodes = await shop.conn.fetch("select namespace from node where person_id = $1 order by 1", person)
        assert [row["namespace"] for row in nodes] == ["anonymous_id", "email", "user_id"]
        assert await shop.conn.fetchval("select count(*) from failed_event") == 0
    finally:
        site.close()


async def test_without_consent_nothing_reaches_the_engine(shop: Shop, context: BrowserContext) -> None:
    """Before the visitor agrees, the engine hears of nobody."""
    site = Site(collector_url=shop.url)
    try:
        page = await context.new_page()
        await page.goto(site.page("/ask", consent="required", write_key=shop.keys.write))
        await page.wait_for_function("window.unisono && window.unisono.version")
        await page.evaluate("unisono.page(); unisono.track('Product Viewed', {})")
        await asyncio.sleep(1.5)
        assert await shop.conn.fetchval("select count(*) from event") == 0
        assert await shop.conn.fetchval("select count(*) from node") == 0
        await page.evaluate("unisono.consent({statistics: true})")
        assert sorted(await _names(shop, 3)) == ["Consent Updated", "Page Viewed", "Product Viewed"]
    finally:
        site.close()
