"""The console as people use it: a real Chromium on the real application under the real server."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.support.console import PASSWORD, identify, track
from tests.support.serving import serving
from tests.support.shop import basic
from unisono.access import invitations
from unisono.access.keys import create_source
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool, transaction
from unisono.kit.settings import Settings
from unisono.worker import all_readers

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
OWNER = "ada@alpestre.example"


@pytest.fixture
async def url(dsn: str, pool: Pool) -> AsyncIterator[str]:
    """The application with a customer, a visitor joined with him, a failed event and a refused join."""
    with serving(dsn) as (web,):
        async with transaction(pool) as conn:
            key = await create_source(conn, name="Web shop", kind="server", actor="test")
        visits = [track("mario", "Product Viewed", name=f"Jacket {n}") for n in range(4)]
        batch = [
            {"type": "track", "anonymousId": "visitor-12345678", "event": "Product Viewed"},
            {**identify("mario", name="Mario Rossi", phone="+393331234567"), "anonymousId": "visitor-12345678"},
            *visits,
            track("mario", "Order Completed", order_id="7", revenue=84, currency="EUR"),
            *[{**identify(user), "anonymousId": "tablet-1"} for user in ("anna", "bice")],
            {"type": "nonsense"},
        ]
        async with httpx.AsyncClient() as client:
            for event in batch:
                answer = await client.post(f"{web.url}/v1/batch", json={"batch": [event]}, headers=basic(key.key))
                assert answer.status_code == 200
        await Worker(pool, all_readers(Settings())).drain()
        yield web.url


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """One Chromium."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=os.environ.get("UNISONO_CHROMIUM", "/usr/bin/chromium"), args=FLAGS
        )
        yield running
        await running.close()


@asynccontextmanager
async def opened(browser: Browser, **options: object) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page in a context of its own, and what the browser complained about."""
    context: BrowserContext = await browser.new_context(**{"viewport": {"width": 1440, "height": 1000}, **options})
    page, complaints = await context.new_page(), []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    yield page, complaints
    await context.close()


async def set_up(page: Page, url: str, pool: Pool) -> None:
    """The first run, typed on the keyboard."""
    link = await invitations.first_run_link(pool, now=datetime.now(UTC))
    assert link is not None
    await page.goto(url + link.path)
    for label, text in (
        ("Company", "Alpestre"),
        ("Your name", "Ada Rossi"),
        ("E-mail", OWNER),
        ("Password", PASSWORD),
    ):
        await page.get_by_label(label, exact=True).focus()
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console/people")


async def test_from_the_printed_link_to_signing_out_by_keyboard_in_two_languages_and_in_the_dark(
    browser: Browser, url: str, pool: Pool
) -> None:
    """First run, sign in, people, a person, the palette, Italian, dark, sign out; the browser never complains."""
    async with opened(browser) as (page, complaints):
        await set_up(page, url, pool)
        await page.context.clear_cookies()

        await page.goto(f"{url}/console/people?q=333")
        await page.wait_for_url("**/console/sign-in?next=*")
        await page.get_by_label("E-mail").fill(OWNER)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/console/people?q=333")

        # Searching while typing keeps the address, so the view can be copied and left.
        search = page.get_by_role("searchbox", name="Find people")
        await search.fill("")
        await search.press_sequentially("rossi")
        await page.wait_for_url("**/console/people?q=rossi")
        await page.get_by_role("link", name="Mario Rossi").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Mario Rossi")
        await expect(page.locator(".timeline")).to_contain_text("Viewed 4 products")
        await page.get_by_role("link", name="Only purchases").click()
        await page.wait_for_url("**only=purchases**")
        await expect(page.locator(".timeline")).not_to_contain_text("Viewed")
        await page.go_back()
        await expect(page.locator(".timeline")).to_contain_text("Viewed 4 products")
        await page.get_by_role("link", name="JSON").first.click()
        await expect(page.locator(".raw pre").first).to_contain_text('"message_id"')

        await page.keyboard.press("Control+k")
        await page.keyboard.type("heal")
        await expect(page.locator("#palette-results .hit").first).to_contain_text("Health")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/console/health")
        await page.locator("body").press("g")
        await page.keyboard.press("i")
        await page.wait_for_url("**/console/identity")

        await page.locator("details.account summary").press("Enter")
        await page.get_by_role("button", name="Italiano").press("Enter")
        await expect(page.locator("html")).to_have_attribute("lang", "it")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Identità")
        await page.locator("details.account summary").press("Enter")
        async with page.expect_response("**/console/preferences"):
            await page.get_by_role("button", name="Scuro").press("Enter")
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")

        await page.locator("details.account summary").press("Enter")
        await page.get_by_role("button", name="Esci").press("Enter")
        await page.wait_for_url("**/console/sign-in")
        await page.goto(f"{url}/console/people")
        await page.wait_for_url("**/console/sign-in?next=*")
        assert complaints == []


async def test_new_events_arrive_on_the_live_screen_by_themselves(browser: Browser, url: str, pool: Pool) -> None:
    """An event accepted while the screen is open stands on top within seconds, without reloading."""
    async with opened(browser) as (page, complaints):
        await set_up(page, url, pool)
        await page.goto(f"{url}/console/live")
        await expect(page.locator("live-feed [role=status]")).to_have_text("Live")
        async with transaction(pool) as conn:
            key = await create_source(conn, name="App", kind="server", actor="test")
        await asyncio.sleep(1.5)
        async with httpx.AsyncClient() as client:
            await client.post(
                f"{url}/v1/batch", json={"batch": [track("mario", "Just Now Seen")]}, headers=basic(key.key)
            )
        await expect(page.locator("#live-rows tr").first).to_contain_text("Just Now Seen", timeout=5000)
        assert complaints == []


async def test_pages_read_and_forms_work_without_javascript(browser: Browser, url: str, pool: Pool) -> None:
    async with opened(browser) as (page, _):
        await set_up(page, url, pool)
        state = await page.context.storage_state()
    async with opened(browser, java_script_enabled=False, storage_state=state) as (page, _):
        await page.goto(f"{url}/console/people")
        await page.get_by_role("searchbox", name="Find people").fill("rossi")
        await page.get_by_role("button", name="Find").click()
        await page.get_by_role("link", name="Mario Rossi").click()
        await page.locator("#note textarea").fill("Called about the jacket")
        await page.get_by_role("button", name="Keep the note").click()
        await expect(page.locator(".timeline")).to_contain_text("Called about the jacket")
        await page.goto(f"{url}/console/search?q=health")
        await page.get_by_role("link", name="Health").last.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Health")


async def test_every_real_screen_is_clean_for_axe_in_both_languages_and_themes(
    browser: Browser, url: str, pool: Pool
) -> None:
    """No violation of WCAG 2.2 A and AA, with real data in the page and the real policy around it."""
    axe = AXE.read_text(encoding="utf-8")
    person = await pool.fetchval("select person_id from node where value = 'mario'")
    failed = await pool.fetchval("select id from failed_event limit 1")
    event = await pool.fetchval("select max(id) from event")
    screens = [
        "people", "people?q=zzz", f"people/{person}", f"people/{person}/why", f"events/{event}/raw", "live",
        "live?tab=failed", f"live/failed/{failed}/raw", "identity", "sources", "health", "team", "search?q=mario",
        "audit", f"audit?person={person}", "nowhere",
    ]  # fmt: skip
    found: dict[str, list[str]] = {}
    async with opened(browser, color_scheme="dark") as (page, complaints):
        await set_up(page, url, pool)
        state = await page.context.storage_state()

        async def look(name: str, address: str) -> None:
            await page.goto(address)
            await page.locator("html.js").wait_for()
            await page.evaluate(axe)
            result = await page.evaluate(f"axe.run({{runOnly: {json.dumps(RULES)}, resultTypes: ['violations']}})")
            for violation in result["violations"]:
                found[f"{name} {violation['id']}"] = [node["html"][:160] for node in violation["nodes"]][:3]

        for language in ("en", "it"):
            for theme in ("light", "dark"):
                await pool.execute("update account set locale = $1, theme = $2", language, theme)
                for screen in screens:
                    await look(f"{language} {theme} {screen}", f"{url}/console/{screen}")
        await page.context.clear_cookies()
        for language in ("en", "it"):
            await look(f"{language} sign-in", f"{url}/console/sign-in?lang={language}")
        link = await _reset_link(pool)
        await look("new password", url + link)
        await page.context.add_cookies(state["cookies"])
        await pool.execute("update account set role = 'clerk', store_ids = '{brera}'")
        await look("no permission", f"{url}/console/sources")
    assert found == {}
    # The statuses of the pages about errors are all a browser may complain about.
    assert [text for text in complaints if "404" not in text and "403" not in text] == []


async def _reset_link(pool: Pool) -> str:
    async with transaction(pool) as conn:
        account = await conn.fetchval("select id from account")
        return (await invitations.reset_link(conn, account, actor="test", now=datetime.now(UTC))).path
