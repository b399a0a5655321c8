"""The builder of segments as people use it: a real Chromium, the real server, and nothing but the keyboard."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.consent import granted
from tests.support.console import identify, track
from tests.support.serving import serving
from tests.support.shop import basic
from unisono.access import invitations, sessions
from unisono.access.keys import create_source
from unisono.customers.consent import service as consent
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool, transaction
from unisono.kit.settings import Settings
from unisono.worker import all_readers

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
MOST_TABS = 120

ASKED = {
    "is": "all",
    "of": [
        {"is": "event", "names": ["purchases"], "where": [{"path": "channel", "op": "is", "value": "store"}],
         "within": {"seconds": 7_776_000}},
        {"is": "event", "names": ["purchases"], "op": "at_most", "amount": 0, "within": {"seconds": 7_776_000},
         "where": [{"path": "channel", "op": "one_of", "value": ["web", "app"]}]},
        {"is": "consent", "purpose": "marketing", "channel": "sms"},
    ],
}  # fmt: skip
"""Bought in store, not online, 90 days, SMS consent."""


async def _send(url: str, key: str, *events: dict[str, object]) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/v1/batch", json={"batch": list(events)}, headers=basic(key))
        assert answer.status_code == 200, answer.text


@pytest.fixture
async def url(dsn: str, pool: Pool) -> AsyncIterator[str]:
    """Mario bought in a store and allows SMS; Anna did not allow it, Bice bought on the web as well, Carlo long ago."""
    with serving(dsn) as (web,):
        async with transaction(pool) as conn:
            shop = await create_source(conn, name="Web shop", kind="server", actor="test")
            till = await create_source(conn, name="Till", kind="till", actor="test", store_id="MI-01", till_id="1")
        people = {name: f"+39333000000{n}" for n, name in enumerate(("mario", "anna", "bice", "carlo"))}
        await _send(web.url, shop.key, *(identify(name, name=name.title(), phone=phone)
                                         for name, phone in people.items()))  # fmt: skip
        for name, days in (("mario", 5), ("anna", 5), ("bice", 5), ("carlo", 91)):
            bought = track(name, "Receipt Issued", ago=timedelta(days=days), receipt_id=f"r-{name}", total=40)
            await _send(web.url, till.key, {**bought, "channel": "store"})
        online = track("bice", "Order Completed", ago=timedelta(days=2), order_id="o1", total=9)
        await _send(web.url, shop.key, {**online, "channel": "web"})
        await Worker(pool, all_readers(Settings())).drain()
        async with transaction(pool) as conn:
            nodes = [
                await conn.fetchval("select id from node where namespace = 'phone' and value = $1", people[name])
                for name in ("mario", "bice", "carlo")
            ]
            now = datetime.now(UTC)
            await consent.record(conn, [granted(node, channel="sms", at=now) for node in nodes], now=now)
        yield web.url


@pytest.fixture
async def page(url: str, pool: Pool) -> AsyncIterator[Page]:
    """Somebody from marketing is signed in."""
    now = datetime.now(UTC)
    async with transaction(pool) as conn:
        link = await invitations.invite(
            conn, email="ada@alpestre.example", name="Ada", role="marketer", store_ids=(), actor="test", now=now
        )
        account = (await invitations.read_invitation(conn, link.token, now=now)).account_id
        assert account is not None
        token = await sessions.open_session(conn, account, now=now)
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(
            executable_path=os.environ.get("UNISONO_CHROMIUM", "/usr/bin/chromium"), args=FLAGS
        )
        context = await browser.new_context(viewport={"width": 1280, "height": 1000}, locale="en-GB")
        await context.add_cookies([{"name": sessions.COOKIE, "value": token, "url": url}])
        yield await context.new_page()
        await browser.close()


async def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the cursor is on the element of a selector, as somebody without a mouse does."""
    for _ in range(MOST_TABS):
        if await page.evaluate("wanted => document.activeElement?.matches(wanted) ?? false", wanted):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {wanted}")


async def on(page: Page, wanted: str) -> None:
    """The cursor comes to an element by itself."""
    await page.wait_for_function("wanted => document.activeElement?.matches(wanted) ?? false", arg=wanted)


async def choose(page: Page, field: str, value: str) -> None:
    """Choose from a list by the arrow keys."""
    await tab_to(page, f'[name="{field}"]')
    for _ in range(60):
        now = await page.evaluate("() => [document.activeElement.name, document.activeElement.value]")
        if now == [field, value]:
            return
        await page.keyboard.press("ArrowDown")
        await asyncio.sleep(0.03)
    raise AssertionError(f"{field} has no {value}")


async def write(page: Page, field: str, text: str) -> None:
    """Fill a field in."""
    await tab_to(page, f'[name="{field}"]')
    await page.keyboard.press("Control+a")
    await page.keyboard.type(text)


async def press(page: Page, do: str) -> None:
    """Press a button of the form, once what was changed before has been answered: nobody is as quick as this."""
    await tab_to(page, f'button[value="{do}"]')
    await asyncio.sleep(0.3)
    await page.wait_for_function("() => !document.querySelector('.htmx-request')")
    await tab_to(page, f'button[value="{do}"]')
    await page.keyboard.press("Enter")


def unexpected(complaints: list[str]) -> list[str]:
    """Without the answers that were given up because a newer question came, and without that the cursor was put by us
    where the browser would have put it."""
    fine = ("error: htmx:sendAbort", "error: htmx:afterRequest", "info: Autofocus processing was blocked")
    return [one for one in complaints if not one.startswith(fine)]


async def test_bought_in_store_not_online_90_days_with_sms_consent_is_built_by_keyboard_only(
    page: Page, url: str, pool: Pool
) -> None:
    """From the list to a live segment without a mouse; the number of people stands beside it all the while."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    await page.goto(f"{url}/console/people")
    await page.locator("html.js").wait_for()
    await page.keyboard.press("g")
    await page.keyboard.press("g")
    await page.wait_for_url("**/console/segments")
    await tab_to(page, '.button-main[href$="/segment-builder"]')
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console/segment-builder")
    await expect(page.locator("#live .size")).to_contain_text("3 of 4 people")

    await press(page, "add:r.0")
    await on(page, '[name="r.0.0.path"]')
    await page.keyboard.type("channel")
    await write(page, "r.0.0.value", "store")

    await press(page, "add:r")
    await on(page, '[name="r.1.event"]')
    await choose(page, "r.1.op", "at_most")
    await write(page, "r.1.amount", "0")
    await press(page, "add:r.1")
    await on(page, '[name="r.1.0.path"]')
    await page.keyboard.type("channel")
    await choose(page, "r.1.0.op", "one_of")
    await write(page, "r.1.0.value", "web, app")
    await page.keyboard.press("Tab")
    await expect(page.locator("#live .size")).to_contain_text("2 of 4 people")

    await choose(page, "r.add", "consent")
    await press(page, "add:r")
    await on(page, '[name="r.2.purpose"]')
    await choose(page, "r.2.channel", "sms")
    await page.keyboard.press("Tab")
    await expect(page.locator("#live .size")).to_contain_text("1 of 4 people")
    assert await page.locator("#live .sieve li").count() == 3

    await write(page, "name", "Store, not online")
    await write(page, "who", "mario")
    await press(page, "match")
    await expect(page.locator("#live .verdict")).to_contain_text("is in Mario")
    await press(page, "publish")
    await page.wait_for_url("**/console/segments/store-not-online")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Store, not online")
    kept = await pool.fetchrow("select definition, status from segment where code = 'store-not-online'")
    assert kept is not None
    assert kept["status"] == "live"
    assert msgspec.json.decode(kept["definition"]) == ASKED
    assert unexpected(complaints) == []


async def test_what_is_typed_while_the_server_is_slow_is_kept(page: Page, url: str) -> None:
    """An operator is changed, the answer is late, and what was typed meanwhile stands in its field."""

    async def late(route: object) -> None:
        await asyncio.sleep(0.6)
        await route.continue_()  # type: ignore[attr-defined]

    await page.goto(f"{url}/console/segment-builder?template=best")
    await page.locator("html.js").wait_for()
    await page.route("**/console/segment-builder", late)
    await tab_to(page, '[name="r.0.measure"]')
    await page.keyboard.press("ArrowUp")
    await write(page, "r.0.amount", "750")
    await write(page, "name", "The best")
    await page.locator('[name="r.0.path"]').wait_for(state="visible", timeout=10_000)
    await asyncio.sleep(2)
    assert await page.locator('[name="r.0.amount"]').input_value() == "750"
    assert await page.locator('[name="name"]').input_value() == "The best"
