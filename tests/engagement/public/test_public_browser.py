"""The public pages in a real Chromium: without JavaScript, by keyboard, on a phone, for screen readers."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.consent import Somebody, granted, people
from tests.support.secret import TEST_SECRET
from tests.support.serving import serving
from unisono.customers.consent import confirming, service, texts
from unisono.kit import tokens
from unisono.kit.clock import system_clock
from unisono.kit.database import Pool, transaction

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all of them."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=os.environ.get("UNISONO_CHROMIUM", "/usr/bin/chromium"), args=FLAGS
        )
        yield running
        await running.close()


class Letter:
    """Maria and the links of a message she got."""

    def __init__(self, url: str, maria: Somebody, message: int, request: int) -> None:
        self.maria = maria
        self.preferences = tokens.link(TEST_SECRET, url, tokens.PREFERENCES, maria.email, message)
        self.unsubscribe = tokens.link(TEST_SECRET, url, tokens.UNSUBSCRIBE, message)
        self.confirm = tokens.link(TEST_SECRET, url, tokens.CONFIRM, request)


@pytest.fixture
async def letter(dsn: str, pool: Pool) -> AsyncIterator[Letter]:
    """The real server, a message that left, a consent to confirm."""
    now = system_clock()
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        await service.record(conn, [granted(maria.email, at=now - timedelta(days=400))], now=now)
        words = {"it": "Scrivetemi di novità e offerte.", "en": "Write to me about news and offers."}
        await texts.publish_text(conn, "sms", words, purpose="marketing", channels=("sms",), actor="o", now=now)
        asked = await confirming.request_opt_in(
            conn,
            granted(maria.phone, channel="sms", at=now, text_id="sms", text_version=1, text_language="en"),
            now=now,
        )
        for channel in ("email", "sms", "call"):
            account = await conn.fetchval(
                """insert into channel_account (code, kind, channel, name, created_by)
                   values ($1, 'test', $1, $1, 'test') returning id""",
                channel,
            )
        message = await conn.fetchval(
            """insert into message (key, node_id, origin, purpose, channels, due_at, try_at, state, channel,
                   address_node, account_id, created_by)
               values ('m', $1, 'api', 'marketing', '{email}', $2, $2, 'accepted', 'email', $1, $3, 'test')
               returning id""",
            maria.email,
            now,
            account,
        )
    assert asked is not None
    with serving(dsn) as (web,):
        yield Letter(web.url, maria, message, asked.entry_id)


async def status(pool: Pool, node: int, channel: str) -> str | None:
    """What holds."""
    async with transaction(pool) as conn:
        states = (await service.states_of(conn, [node])).get(node, ())
    return next((one.status for one in states if one.channel == channel), None)


async def test_preferences_are_changed_by_keyboard_without_scripts(
    browser: Browser, letter: Letter, pool: Pool
) -> None:
    """With JavaScript off, in Italian: untick e-mail, tick SMS, save; the page says so and shows it."""
    context = await browser.new_context(java_script_enabled=False, locale="it-IT")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(letter.preferences)
    await expect(page.get_by_role("heading", name="Le tue preferenze")).to_be_visible()
    email, sms = page.get_by_label("E-mail"), page.get_by_label("SMS")
    await expect(email).to_be_checked()
    await expect(sms).not_to_be_checked()
    await expect(page.get_by_text("In attesa della tua conferma.")).to_be_visible()
    await email.focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Salvato. Vale da subito.")).to_be_visible()
    await expect(email).not_to_be_checked()
    await expect(sms).to_be_checked()
    assert await status(pool, letter.maria.email, "email") == "withdrawn"
    assert await status(pool, letter.maria.phone, "sms") == "granted"
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("heading", name="Your preferences")).to_be_visible()
    assert complaints == []
    await context.close()


async def test_unsubscribing_is_one_click_on_the_page_and_can_be_undone(
    browser: Browser, letter: Letter, pool: Pool
) -> None:
    """The link opens a page; its button unsubscribes; from there the preferences are one click away."""
    context = await browser.new_context(locale="en-GB", viewport={"width": 360, "height": 640})
    page = await context.new_page()
    await page.goto(letter.unsubscribe)
    assert await status(pool, letter.maria.email, "email") == "granted"
    await page.get_by_role("button", name="Unsubscribe").click()
    await expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert await status(pool, letter.maria.email, "email") == "withdrawn"
    await page.get_by_role("link", name="Choose channel by channel, or change your mind").click()
    await page.get_by_label("E-mail").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved. It counts from now on.")).to_be_visible()
    assert await status(pool, letter.maria.email, "email") == "granted"
    await page.get_by_role("button", name="No news and offers at all").click()
    await expect(page.get_by_text("Done: no news and offers reach you any more")).to_be_visible()
    assert await status(pool, letter.maria.email, "email") == "withdrawn"
    await context.close()


async def audit(page: Page, name: str) -> None:
    """Nothing is wrong for axe, and nothing wider than the screen."""
    await page.evaluate(AXE.read_text("utf-8"))
    result = await page.evaluate(f"axe.run({{runOnly: {json.dumps(RULES)}, resultTypes: ['violations']}})")
    assert [f"{name}: {one['id']} {one['nodes'][0]['html']}" for one in result["violations"]] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


async def test_every_page_is_clean_for_axe_in_both_languages_and_themes(browser: Browser, letter: Letter) -> None:
    """Preferences, unsubscribing, confirmation, an unknown link: on a phone, light and dark, it and en."""
    unknown = letter.preferences[:-4] + "abcd"
    for language, theme in (("it", "light"), ("en", "dark")):
        context = await browser.new_context(
            color_scheme=theme,  # type: ignore[arg-type]
            viewport={"width": 360, "height": 740},
            bypass_csp=True,
        )
        page = await context.new_page()
        for path in (letter.preferences, letter.unsubscribe, letter.confirm, unknown):
            answer = await page.goto(f"{path}?lang={language}")
            assert answer is not None
            assert answer.status == (404 if path == unknown else 200)
            await audit(page, f"{path} {language} {theme}")
        await context.close()


async def test_the_confirmation_is_a_button(browser: Browser, letter: Letter, pool: Pool) -> None:
    """Opening the link shows the words; pressing confirms."""
    context = await browser.new_context(java_script_enabled=False, locale="en-GB")
    page = await context.new_page()
    await page.goto(letter.confirm)
    await expect(page.get_by_text("Write to me about news and offers.")).to_be_visible()
    assert await status(pool, letter.maria.phone, "sms") == "requested"
    await page.get_by_role("button", name="I confirm").click()
    await expect(page.get_by_role("heading", name="Confirmed, thank you")).to_be_visible()
    assert await status(pool, letter.maria.phone, "sms") == "granted"
    await context.close()
