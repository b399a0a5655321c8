"""The console in a real Chromium: accessible, silent under its policy, usable by keyboard and by thumb."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import samples
from gallery import FLAGS, FRAGMENTS, HOST, opened, render_all
from playwright.sync_api import Browser, sync_playwright

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENS = [name for name, _, _ in samples.screens() if name not in FRAGMENTS]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=os.environ.get("UNISONO_CHROMIUM", "/usr/bin/chromium"), args=FLAGS
        )
        yield running
        running.close()


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_screen_is_clean_for_axe_and_for_the_policy(browser: Browser, theme: str) -> None:
    """No violation of WCAG 2.2 A and AA on any screen, and the browser has nothing to complain about."""
    axe = AXE.read_text(encoding="utf-8")
    with opened(browser, render_all("en"), theme=theme) as (page, complaints):
        found = {}
        for name in SCREENS:
            page.goto(f"{HOST}/{name}")
            page.locator("html.js").wait_for()
            page.evaluate(axe)
            result = page.evaluate(f"axe.run({{runOnly: {json.dumps(RULES)}, resultTypes: ['violations']}})")
            for violation in result["violations"]:
                found[name, violation["id"]] = [node["html"][:160] for node in violation["nodes"]][:3]
        assert found == {}
        assert [text for text in complaints if "EventSource" not in text] == []


@pytest.mark.parametrize("width", [390, 820])
def test_no_screen_scrolls_sideways_and_targets_are_large_on_touch(browser: Browser, width: int) -> None:
    """On phone and tablet the page keeps its width, and buttons, chips and entries are 44 px high."""
    with opened(browser, render_all("it"), theme="light", width=width) as (page, _):
        for name in SCREENS:
            page.goto(f"{HOST}/{name}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        page.goto(f"{HOST}/person#nav")
        heights = page.evaluate(
            "[...document.querySelectorAll('.button, .chip, .nav-entry, .input')]"
            ".filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect().height)"
        )
        assert heights
        assert min(heights) >= 44


def test_the_palette_opens_by_keyboard_and_follows_the_arrows(browser: Browser) -> None:
    """Ctrl-K, an arrow, Enter: there."""
    with opened(browser, render_all("en"), theme="light") as (page, _):
        page.goto(f"{HOST}/live")
        page.locator("html.js").wait_for()
        page.keyboard.press("Control+k")
        page.keyboard.type("ross")
        page.locator(".palette-results .hit").first.wait_for()
        page.wait_for_timeout(200)
        assert page.locator('.hit[aria-selected="true"]').inner_text().startswith("Mario Rossi")
        page.keyboard.press("ArrowDown")
        assert page.locator("command-palette input").get_attribute("aria-activedescendant") == "hit-1"
        page.keyboard.press("Enter")
        page.wait_for_url(f"{HOST}/console/people/61")


def test_the_search_of_people_answers_while_typing_and_keeps_its_address(browser: Browser) -> None:
    """The list is replaced in place, the address can be copied, the policy is kept."""
    with opened(browser, render_all("en"), theme="light") as (page, complaints):
        page.goto(f"{HOST}/people_none")
        assert page.locator("#people tbody tr").count() == 0
        page.locator("#q").fill("mario")
        page.locator("#people tbody tr").first.wait_for()
        page.wait_for_url(f"{HOST}/console/people?q=mario")
        assert complaints == []


def test_the_builder_tells_the_rule_while_it_is_made_and_adds_boxes_in_place(browser: Browser) -> None:
    """A changed field brings the sentence, a pressed button the box, and the page stays where it is."""
    with opened(browser, render_all("en"), theme="light") as (page, complaints):
        page.goto(f"{HOST}/promotion_builder_amiss")
        page.locator("html.js").wait_for()
        assert page.locator("#sentence .sentence").count() == 0
        page.locator('[name="name"]').fill("Autumn")
        page.locator('[name="name"]').blur()
        page.locator("#sentence .sentence").wait_for()
        assert page.locator('[name="name"]').input_value() == "Autumn"
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None)
        page.locator('button[value="add:c"]').focus()
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.locator('[name="c.kind"]').select_option("any")
        assert "do=" not in sent[0], "a field changed beside a focused button does not press it"
        page.locator('button[value="add:c"]').click()
        page.locator('#builder button[value="start"]').wait_for()
        assert page.url == f"{HOST}/promotion_builder_amiss"
        assert complaints == []


def test_a_name_brings_no_new_count_and_a_condition_does(browser: Browser) -> None:
    """What was asked about people stays beside the rule while its name is typed."""
    with opened(browser, render_all("en"), theme="light") as (page, _):
        page.goto(f"{HOST}/segment_builder")
        page.locator("html.js").wait_for()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        page.locator('[name="who"]').fill("Mario")
        page.locator('[name="name"]').fill("Autumn")
        page.locator('[name="name"]').blur()
        page.wait_for_timeout(600)
        assert sent == []
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.locator('[name="r.kind"]').select_option("any")


def test_the_raw_event_opens_under_its_item(browser: Browser) -> None:
    """JSON on demand, without leaving the timeline."""
    with opened(browser, render_all("en"), theme="light") as (page, complaints):
        page.goto(f"{HOST}/person")
        item = page.locator(".item", has_text="Wrote on Messenger")
        item.hover()
        item.get_by_text("JSON").click()
        item.locator(".raw pre").wait_for()
        assert '"type": "track"' in item.locator(".raw").inner_text()
        assert complaints == []


def test_question_mark_lists_the_keys_but_not_while_typing(browser: Browser) -> None:
    """Shortcuts rest in a field."""
    with opened(browser, render_all("en"), theme="light") as (page, _):
        page.goto(f"{HOST}/people")
        page.locator("html.js").wait_for()
        page.keyboard.press("/")
        page.keyboard.type("why?")
        assert page.locator("#q").input_value() == "why?"
        assert not page.locator("key-help dialog").is_visible()
        page.locator("#q").blur()
        page.keyboard.press("?")
        assert page.locator("key-help dialog").is_visible()


def test_the_theme_follows_the_switch_at_once(browser: Browser) -> None:
    """The colours change without a new page."""
    with opened(browser, render_all("en"), theme="light") as (page, _):
        page.goto(f"{HOST}/people")
        page.locator("html.js").wait_for()
        page.locator(".account summary").click()
        page.locator('button[name="theme"][value="dark"]').click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"


def test_without_scripts_the_pages_can_be_read_and_used(browser: Browser) -> None:
    """Navigation, search, raw events and posts are plain links and forms."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(render_all("en")["person"])
    assert page.locator("h1").inner_text() == "Mario Rossi"
    assert page.locator('a[href="/console/search"]').first.get_attribute("href")
    assert page.locator("#timeline .item").count() == 8
    assert page.locator('form[action="/console/people/41/notes"] button').count() == 1
    context.close()
