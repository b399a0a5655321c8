"""The snippet's outbox in a real Chromium: bad networks, busy servers, leaving, several tabs, bounds."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext
from snippet_site import SLOW_BATCHES, STORED, Answer, Open, Site

pytestmark = pytest.mark.browser

NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', {get: () => undefined})"


async def test_offline_events_survive_a_reload_and_arrive_once(
    site: Site, visit: Open, context: BrowserContext
) -> None:
    """Events of a visitor without network wait in the outbox and leave when the network is back, each once."""
    page = await visit()
    await context.set_offline(True)
    await page.evaluate("for (let n = 0; n < 5; n++) unisono.track('Offline', {n})")
    await page.wait_for_timeout(600)
    assert not site.posts
    await context.set_offline(False)
    await site.until(lambda: len(site.named("Offline")) == 5)
    assert [event["properties"]["n"] for event in site.named("Offline")] == [0, 1, 2, 3, 4]
    assert set(site.counts().values()) == {1}
    site.default = Answer(503, {"Retry-After": "1"})
    await page.evaluate("unisono.track('Kept'), unisono.flush()")
    await page.reload()
    site.default = Answer()
    await site.until(lambda: site.named("Kept"))


async def test_busy_server_is_retried_when_it_said(site: Site, visit: Open) -> None:
    """503 with Retry-After: the same message comes again after that time, with a new sentAt, then never more."""
    page = await visit()
    site.answers.extend([Answer(503, {"Retry-After": "2"}), Answer(429, {"Retry-After": "1"})])
    await page.evaluate("unisono.track('Insist')")
    await site.until(lambda: len(site.posts) == 3, 12)
    first, second, third = site.posts
    assert [post.status for post in site.posts] == [503, 429, 200]
    assert second.at - first.at >= 1.9
    assert third.at - second.at >= 0.9
    assert len({post.body["batch"][0]["messageId"] for post in site.posts}) == 1
    assert len({post.body["sentAt"] for post in site.posts}) == 3
    await page.wait_for_timeout(1200)
    assert len(site.posts) == 3


async def test_told_to_wait_it_waits_across_pages_and_the_online_event(
    site: Site, visit: Open, context: BrowserContext
) -> None:
    """Neither a reload, nor leaving, nor the network coming back shortens a Retry-After."""
    site.answers.append(Answer(429, {"Retry-After": "30"}))
    page = await visit()
    await page.evaluate("unisono.track('First'), unisono.flush()")
    await site.until(lambda: len(site.posts) == 1)
    await page.wait_for_function("localStorage.unisono_wait")
    await page.reload()
    await page.wait_for_function("window.unisono.version")
    await page.evaluate("unisono.track('Second')")
    await context.set_offline(True)
    await context.set_offline(False)
    await page.goto(site.page("/next"))
    await page.wait_for_timeout(1500)
    assert len(site.posts) == 1


async def test_unreachable_server_is_tried_again_with_back_off(site: Site, visit: Open) -> None:
    """Errors without Retry-After are retried after one second or more, each time possibly later."""
    page = await visit()
    site.answers.extend([Answer(500), Answer(500)])
    await page.evaluate("unisono.track('Insist')")
    await site.until(lambda: site.named("Insist"), 12)
    first, second, third = site.posts
    assert 0.9 <= second.at - first.at <= 3
    assert 0.9 <= third.at - second.at <= 5


@pytest.mark.parametrize("status", [400, 401, 413])
async def test_final_refusals_are_dropped_and_counted(site: Site, visit: Open, status: int) -> None:
    """400, 401 and 413 are not retried; the next event tells how many were lost."""
    page = await visit()
    site.answers.append(Answer(status))
    await page.evaluate("unisono.track('Bad'), unisono.track('Bad')")
    await site.until(lambda: len(site.posts) == 1)
    await page.evaluate("unisono.flush()")
    await page.evaluate("unisono.track('Good')")
    await site.until(lambda: site.named("Good"))
    assert site.named("Good")[0]["context"]["dropped"] == 2
    assert not site.named("Bad")


async def test_events_of_the_last_moment_leave_by_beacon_and_once_more(
    site: Site, visit: Open, context: BrowserContext
) -> None:
    """What is queued when the page goes is beaconed, then confirmed by the next page with the same messageId."""
    await context.add_init_script(SLOW_BATCHES)
    page = await visit()
    await page.evaluate("unisono.track('Going')")
    await page.goto("about:blank")
    await site.until(lambda: site.named("Going"))
    beacon = site.posts[0]
    assert (beacon.path, beacon.query) == ("/beacon/v1/batch", {"writeKey": ["WK"]})
    assert beacon.content_type.startswith("text/plain")
    await page.goto(site.page("/next"))
    await page.evaluate("unisono.flush()")
    assert [post.path for post in site.posts] == ["/beacon/v1/batch", "/v1/batch"]
    assert site.posts[1].body["batch"] == beacon.body["batch"]
    assert await page.evaluate(STORED) == '[["unisono_anonymous_id"],""]'
    await page.reload()
    await page.evaluate("unisono.flush()")
    assert len(site.posts) == 2


async def test_a_hidden_tab_beacons_and_does_not_repeat_itself(
    site: Site, visit: Open, context: BrowserContext
) -> None:
    """A tab put away, which a phone may never bring back, beacons what waits; the same page does not resend it."""
    await context.add_init_script(SLOW_BATCHES)
    page = await visit()
    await page.evaluate("""() => {
        unisono.track('Hidden');
        Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'});
        document.dispatchEvent(new Event('visibilitychange'));
    }""")
    await site.until(lambda: site.named("Hidden"))
    await page.evaluate("unisono.flush()")
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await page.wait_for_timeout(300)
    assert [post.path for post in site.posts] == ["/beacon/v1/batch"]


async def test_closing_the_tab_beacons(site: Site, visit: Open) -> None:
    """A tab closed right after a call still delivers it."""
    page = await visit()
    await page.evaluate("unisono.track('Closing')")
    await page.close()
    await site.until(lambda: site.named("Closing"))


async def test_beacons_are_at_most_60_kb(site: Site, visit: Open, context: BrowserContext) -> None:
    """A large outbox goes in chunks below the browser's allowance; what does not fit waits for the next page."""
    await context.add_init_script(SLOW_BATCHES)
    page = await visit()
    await page.evaluate("for (let n = 0; n < 30; n++) unisono.track('Large', {n, text: 'à'.repeat(2000)})")
    await page.goto("about:blank")
    await page.goto(site.page("/next"))
    await page.evaluate("unisono.flush()")
    assert {event["properties"]["n"] for event in site.named("Large")} == set(range(30))
    beacons = [post for post in site.posts if post.path == "/beacon/v1/batch"]
    assert beacons
    assert 40 * 1024 < max(post.size for post in beacons) <= 60 * 1024


@pytest.mark.parametrize("locks", [True, False])
async def test_two_tabs_send_each_event_once(site: Site, visit: Open, context: BrowserContext, locks: bool) -> None:
    """Two tabs share one outbox and one visitor; each event leaves once, also where navigator.locks is missing."""
    if not locks:
        await context.add_init_script(NO_LOCKS)
    first = await visit("/one", early="unisono.push(['page'])")
    await site.until(lambda: len(site.events()) == 1)
    second = await visit("/two")
    site.default = Answer(delay=0.25)
    burst = "(tab) => { for (let n = 0; n < 20; n++) setTimeout(() => unisono.track('Tab', {tab, n}), n * 40) }"
    await first.evaluate(burst, 1)
    await second.evaluate(burst, 2)
    await site.until(lambda: len(site.counts()) == 41, 15)
    await first.wait_for_timeout(1500)
    assert set(site.counts().values()) == {1}
    assert len({event["anonymousId"] for event in site.events()}) == 1


async def test_batches_hold_at_most_100_events(site: Site, visit: Open) -> None:
    """A burst of 250 leaves as batches of at most 100 events, in order."""
    page = await visit()
    await page.evaluate("for (let n = 0; n < 250; n++) unisono.track('Burst', {n})")
    await site.until(lambda: len(site.named("Burst")) == 250)
    assert [len(post.body["batch"]) for post in site.posts] == [100, 100, 50]
    assert [event["properties"]["n"] for event in site.named("Burst")] == list(range(250))


async def test_full_outbox_drops_the_oldest_and_counts_them(site: Site, visit: Open, context: BrowserContext) -> None:
    """The outbox keeps the newest 500; received plus `dropped` is what was called."""
    page = await visit()
    await context.set_offline(True)
    await page.evaluate("for (let n = 0; n < 620; n++) unisono.track('Many', {n})")
    await context.set_offline(False)
    await page.evaluate("unisono.flush()")
    await site.until(lambda: len(site.counts()) == 500)
    numbers = [event["properties"]["n"] for event in site.named("Many")]
    assert numbers == list(range(120, 620))
    assert sum(event["context"].get("dropped", 0) for event in site.events()) == 120


async def test_outbox_keeps_at_most_400_kb(site: Site, visit: Open, context: BrowserContext) -> None:
    """Large events fill the outbox by bytes, not by number; an event of 32 KB or more is refused at the door."""
    page = await visit()
    await context.set_offline(True)
    await page.evaluate("for (let n = 0; n < 60; n++) unisono.track('Large', {n, text: 'à'.repeat(5000)})")
    await page.evaluate("unisono.track('Huge', {text: 'à'.repeat(16000)})")
    size = await page.evaluate("Object.entries(localStorage).reduce((sum, [k, v]) => sum + new Blob([v]).size, 0)")
    assert 350_000 < size <= 401_000
    await context.set_offline(False)
    await page.evaluate("unisono.flush()")
    await site.until(lambda: site.named("Large"))
    await page.evaluate("unisono.track('Last')")
    await site.until(lambda: site.named("Last"))
    assert not site.named("Huge")
    dropped = sum(event["context"].get("dropped", 0) for event in site.events())
    assert len(site.named("Large")) + dropped == 61
    assert max(post.size for post in site.posts) <= 450_000
