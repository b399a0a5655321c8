"""The browser snippet in a real Chromium: what it sends, and what consent and the page allow it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext
from snippet_site import STORED, Answer, Open, Site

from unisono import __version__
from unisono.customers.collect import browser as served
from unisono.customers.collect.browser import etag, snippet, strip

pytestmark = pytest.mark.browser

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
NO_STORAGE = (
    "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied', 'SecurityError') }})"
)


def test_snippet_is_small_and_carries_its_version() -> None:
    """What is served fits in 6144 bytes of gzip, names its version and has a stable entity tag."""
    assert len(gzip.compress(snippet(), 6)) < 6144
    assert f'const VERSION = "{__version__}";'.encode() in snippet()
    assert b"__VERSION__" not in snippet()
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag())


def test_source_can_be_stripped_line_by_line() -> None:
    """The source has no block comment and no literal over several lines, so stripping cannot change it."""
    source = (Path(served.__file__).parent / "unisono.js").read_text()
    assert "/*" not in source
    assert "`" not in source
    assert not any(line.endswith("\\") for line in source.splitlines())
    assert strip("// licence\n\n  // why\n  a(); // kept\n") == "// licence\na(); // kept\n"


def test_source_asks_nothing_of_a_strict_policy() -> None:
    """No eval, no markup, no style: nothing a content security policy or Trusted Types would stop."""
    source = snippet().decode()
    for word in ("eval(", "Function(", "innerHTML", ".style", "document.write", "createElement"):
        assert word not in source


async def test_page_track_and_identify_arrive_in_shape(site: Site, visit: Open) -> None:
    """The Segment shape: one text/plain batch without preflight, ids, context and the page's own facts."""
    page = await visit(address="?utm_source=news&utm_campaign=spring#top")
    await page.evaluate("unisono.page('Catalogue', 'Shoes', {sale: true})")
    await page.evaluate("unisono.track('Product Viewed', {sku: 'A1', price: 12.5})")
    await page.evaluate("unisono.identify('u-7', {email: 'anna@example.org'})")
    await page.evaluate("unisono.group('g-1', {name: 'Rossi srl'})")
    await page.evaluate("unisono.alias('u-8')")
    await site.until(lambda: len(site.events()) == 5)
    post = site.posts[0]
    assert (post.path, post.body["writeKey"]) == ("/v1/batch", "WK")
    assert post.content_type.startswith("text/plain")
    assert not [request for request in site.requests if request.startswith("OPTIONS")]
    viewed, track, identify, group, alias = site.events()
    assert viewed["type"] == "page"
    assert (viewed["category"], viewed["name"]) == ("Catalogue", "Shoes")
    assert viewed["properties"]["sale"] is True
    assert viewed["properties"]["path"] == "/shop"
    assert (track["event"], track["properties"]) == ("Product Viewed", {"sku": "A1", "price": 12.5})
    assert (identify["userId"], identify["traits"]) == ("u-7", {"email": "anna@example.org"})
    assert (group["groupId"], group["traits"], group["userId"]) == ("g-1", {"name": "Rossi srl"}, "u-7")
    assert (alias["userId"], alias["previousId"]) == ("u-8", "u-7")
    assert "userId" not in track
    assert {UUID.fullmatch(event["anonymousId"]) is not None for event in site.events()} == {True}
    assert len({event["anonymousId"] for event in site.events()}) == 1
    assert len({event["messageId"] for event in site.events()}) == 5
    assert post.body["sentAt"] >= track["timestamp"]
    facts = track["context"]
    assert facts["page"]["url"] == f"{site.url}/shop?utm_source=news&utm_campaign=spring"
    assert facts["page"]["title"] == "Shop"
    assert facts["campaign"] == {"name": "spring", "source": "news"}
    assert (facts["locale"], facts["timezone"]) == ("it-IT", "Europe/Rome")
    assert facts["library"] == {"name": "unisono.js", "version": __version__}
    assert facts["screen"]["width"] > 0
    assert "Chrome" in facts["userAgent"]
    assert await page.evaluate("unisono.user()") == {"anonymousId": track["anonymousId"], "userId": "u-7"}


async def test_page_called_with_one_or_no_name(site: Site, visit: Open) -> None:
    """`page(name)`, `page(name, properties)`, `page(properties)` and `page()` are told apart."""
    page = await visit()
    await page.evaluate(
        "unisono.page('Home'), unisono.page('Home', {a: 1}), unisono.page({a: 2}), unisono.page(null, 'Home')"
    )
    await page.evaluate("unisono.page()")
    await site.until(lambda: len(site.events()) == 5)
    seen = [(event.get("category"), event.get("name"), event["properties"].get("a")) for event in site.events()]
    assert seen == [
        (None, "Home", None),
        (None, "Home", 1),
        (None, None, 2),
        (None, "Home", None),
        (None, None, None),
    ]


async def test_calls_before_load_are_replayed_in_order(site: Site, visit: Open) -> None:
    """What the inline queue gathered before the script arrived is sent, in order, once."""
    early = "unisono.push(['page']); unisono.push(['identify', 'u-1', {}]); unisono.push(['track', 'Early', {n: 1}]);"
    await visit(early=early)
    await site.until(lambda: len(site.events()) == 3)
    assert [event["type"] for event in site.events()] == ["page", "identify", "track"]
    assert site.events()[2]["userId"] == "u-1"


async def test_nothing_before_consent_then_everything(site: Site, visit: Open) -> None:
    """Without a choice no byte is stored and no request leaves; with it, the held calls are sent as they happened."""
    page = await visit(consent=None, early="unisono.push(['page', 'Landing'])")
    await page.evaluate("window.basket = {n: 1}; unisono.track('Added', basket); basket.n = 99")
    await page.evaluate("unisono.identify('u-1'), unisono.flush()")
    await page.wait_for_timeout(700)
    assert await page.evaluate(STORED) == '[[],""]'
    assert await page.context.cookies() == []
    assert await page.evaluate("unisono.user()") == {"anonymousId": None, "userId": None}
    assert site.requests == ["GET /shop", "GET /unisono.js"]
    await page.evaluate("unisono.consent({statistics: true, marketing: false}, {text: 'v3'})")
    await site.until(lambda: len(site.events()) == 4)
    notice, landing, added, identify = site.events()
    assert notice["event"] == "Consent Updated"
    assert notice["properties"]["purposes"] == {"statistics": True, "marketing": False}
    assert notice["properties"]["text"] == "v3"
    assert landing["name"] == "Landing"
    assert landing["timestamp"] < notice["timestamp"]
    assert (added["properties"], identify["userId"]) == ({"n": 1}, "u-1")
    assert added["context"]["consent"]["categoryPreferences"] == {"statistics": True, "marketing": False}


async def test_leaving_without_a_choice_leaves_nothing(site: Site, visit: Open) -> None:
    """A visitor who ignores the banner and goes leaves no trace, not even a beacon."""
    page = await visit(consent="required", early="unisono.push(['page'])")
    await page.goto(site.page("/next", consent="required"))
    await page.wait_for_timeout(500)
    assert await page.evaluate(STORED) == '[[],""]'
    assert not site.posts


async def test_refusal_drops_the_calls_and_is_remembered(site: Site, visit: Open) -> None:
    """Refusing drops what was held and what follows, here and on the next page; only the choice is stored."""
    page = await visit(consent="required", early="unisono.push(['page'])")
    await page.evaluate("unisono.consent({statistics: false, marketing: true}), unisono.track('After')")
    await page.reload()
    await page.wait_for_function("window.unisono.version")
    await page.evaluate("unisono.track('Later')")
    await page.wait_for_timeout(500)
    assert await page.evaluate(STORED) == '[["unisono_consent"],""]'
    assert not site.posts


async def test_only_true_is_consent(site: Site, visit: Open) -> None:
    """A value that is not literally true, such as the text "false", gives nothing."""
    page = await visit(consent="required", early="unisono.push(['page'])")
    await page.evaluate("unisono.consent({statistics: 'false'}), unisono.consent({statistics: 1})")
    await page.wait_for_timeout(500)
    assert not site.posts


async def test_withdrawal_clears_ids_and_queue_and_tells_the_server(site: Site, visit: Open) -> None:
    """Withdrawing deletes ids and unsent events; the notice of it alone leaves, under the id it concerns."""
    page = await visit(consent="required")
    await page.evaluate("unisono.consent({statistics: true, marketing: true}), unisono.identify('u-1')")
    await site.until(lambda: len(site.events()) == 2)
    anonymous = site.events()[0]["anonymousId"]
    await page.evaluate("unisono.track('Unsent'), unisono.consent({statistics: false, marketing: false})")
    assert await page.evaluate("unisono.user()") == {"anonymousId": None, "userId": None}
    await page.evaluate("unisono.track('Never')")
    await site.until(lambda: len(site.events()) == 3)
    notice = site.events()[2]
    assert notice["properties"]["purposes"] == {"statistics": False, "marketing": False}
    assert (notice["anonymousId"], notice["userId"]) == (anonymous, "u-1")
    await page.evaluate("unisono.flush()")
    assert await page.evaluate(STORED) == '[["unisono_consent"],""]'
    await page.wait_for_timeout(400)
    assert len(site.events()) == 3


async def test_notice_of_withdrawal_outlives_a_bad_network(site: Site, visit: Open, context: BrowserContext) -> None:
    """A withdrawal made while the server is away reaches it from a later page, and then nothing remains."""
    page = await visit(consent="required")
    await page.evaluate("unisono.consent({statistics: true})")
    await site.until(lambda: len(site.events()) == 1)
    site.answers.append(Answer(503, {"Retry-After": "1"}))
    await page.evaluate("unisono.consent({statistics: false}), unisono.flush()")
    await page.reload()
    await site.until(lambda: len(site.named("Consent Updated")) == 2)
    await page.evaluate("unisono.flush()")
    assert await page.evaluate(STORED) == '[["unisono_consent"],""]'
    granted, withdrawn = site.named("Consent Updated")
    assert withdrawn["properties"]["purposes"]["statistics"] is False
    assert withdrawn["anonymousId"] == granted["anonymousId"]


async def test_repeating_a_choice_sends_it_once(site: Site, visit: Open) -> None:
    """A banner may state the choice on every page; only a change is an event."""
    page = await visit(consent="required")
    await page.evaluate("unisono.consent({statistics: true}), unisono.consent({statistics: true, marketing: false})")
    await page.evaluate("unisono.consent({marketing: true})")
    await site.until(lambda: len(site.named("Consent Updated")) == 2)
    await page.wait_for_timeout(400)
    last = site.named("Consent Updated")
    assert [event["properties"]["purposes"]["marketing"] for event in last] == [False, True]
    assert len(last) == 2


async def test_a_choice_wins_over_the_attribute(site: Site, visit: Open) -> None:
    """On a page that presumes consent, a withdrawal made with `consent` holds on the next page too."""
    page = await visit(consent="granted")
    await page.evaluate("unisono.consent({statistics: false})")
    await site.until(lambda: len(site.named("Consent Updated")) == 1)
    await page.reload()
    await page.wait_for_function("window.unisono && window.unisono.version")
    await page.evaluate("unisono.track('Never'), unisono.flush()")
    await page.wait_for_timeout(400)
    assert [event["event"] for event in site.events()] == ["Consent Updated"]


async def test_choice_in_one_tab_counts_in_the_other(site: Site, visit: Open) -> None:
    """Consent given in one tab releases what another tab holds, and withdrawal stops both."""
    first = await visit(consent="required")
    second = await visit("/other", consent="required", early="unisono.push(['track', 'Held'])")
    await first.evaluate("unisono.consent({statistics: true})")
    await site.until(lambda: site.named("Held"))
    await first.evaluate("unisono.consent({statistics: false})")
    await second.wait_for_timeout(200)
    await second.evaluate("unisono.track('Never')")
    await second.wait_for_timeout(600)
    assert not site.named("Never")
    assert site.named("Held")[0]["anonymousId"] == site.named("Consent Updated")[0]["anonymousId"]


@pytest.mark.parametrize("marketing", [True, False])
async def test_click_ids_need_marketing_consent(site: Site, visit: Open, marketing: bool) -> None:
    """Click ids travel with marketing consent; without it they are also cut out of the addresses."""
    page = await visit(
        consent="required", address="?gclid=G1&a=1&fbclid=F1&utm_source=ads", early="unisono.push(['page'])"
    )
    await page.evaluate(f"unisono.consent({{statistics: true, marketing: {str(marketing).lower()}}})")
    await site.until(lambda: len(site.events()) == 2)
    viewed = site.events()[1]
    if marketing:
        assert viewed["context"]["clickIds"] == {"gclid": "G1", "fbclid": "F1"}
        assert viewed["context"]["page"]["search"] == "?gclid=G1&a=1&fbclid=F1&utm_source=ads"
    else:
        assert "G1" not in str(viewed)
        assert "F1" not in str(viewed)
        assert viewed["context"]["page"]["search"] == "?a=1&utm_source=ads"
        assert viewed["properties"]["url"] == f"{site.url}/shop?a=1&utm_source=ads"


async def test_global_privacy_control_refuses_marketing(site: Site, visit: Open, context: BrowserContext) -> None:
    """With Global Privacy Control marketing stays refused, whatever the banner says."""
    await context.add_init_script(GPC)
    page = await visit(consent="required", address="?gclid=G1")
    await page.evaluate("unisono.consent({statistics: true, marketing: true}), unisono.page()")
    await site.until(lambda: len(site.events()) == 2)
    notice, viewed = site.events()
    assert notice["properties"]["purposes"] == {"statistics": True, "marketing": False}
    assert notice["properties"]["globalPrivacyControl"] is True
    assert "clickIds" not in viewed["context"]
    assert "G1" not in str(viewed)


async def test_reset_starts_a_new_visitor(site: Site, visit: Open) -> None:
    """After reset the anonymousId is another and the userId is gone."""
    page = await visit()
    await page.evaluate("unisono.identify('u-1'), unisono.reset(), unisono.track('After')")
    await site.until(lambda: len(site.events()) == 2)
    before, after = site.events()
    assert before["anonymousId"] != after["anonymousId"]
    assert "userId" not in after


async def test_visitor_is_the_same_after_a_reload(site: Site, visit: Open) -> None:
    """anonymousId and userId live in this browser until reset."""
    page = await visit(early="unisono.push(['page'])")
    await page.evaluate("unisono.identify('u-1')")
    await site.until(lambda: len(site.events()) == 2)
    await page.reload()
    await site.until(lambda: len(site.events()) == 3)
    assert site.events()[2]["userId"] == "u-1"
    assert len({event["anonymousId"] for event in site.events()}) == 1


async def test_without_local_storage_a_cookie_keeps_the_visitor(
    site: Site, visit: Open, context: BrowserContext
) -> None:
    """Where localStorage is denied, first-party cookies keep ids and choice, and withdrawal removes them."""
    await context.add_init_script(NO_STORAGE)
    page = await visit(consent="required", early="unisono.push(['page'])")
    await page.evaluate("unisono.consent({statistics: true}), unisono.identify('ü 1')")
    await site.until(lambda: len(site.events()) == 3)
    await page.reload()
    await site.until(lambda: len(site.events()) == 4)
    assert len({event["anonymousId"] for event in site.events()}) == 1
    assert site.events()[3]["userId"] == "ü 1"
    await page.evaluate("unisono.consent({statistics: false})")
    await site.until(lambda: len(site.events()) == 5)
    assert [cookie["name"] for cookie in await context.cookies()] == ["unisono_consent"]


async def test_with_all_storage_blocked_it_works_from_memory(site: Site, visit: Open) -> None:
    """In a sandboxed page, where storage, cookies and locks all throw, events still arrive, also by beacon."""
    page = await visit(headers={"Content-Security-Policy": "sandbox allow-scripts"})
    await page.evaluate("unisono.page(), unisono.identify('u-1'), unisono.track('Blocked')")
    await site.until(lambda: len(site.events()) == 3)
    assert len({event["anonymousId"] for event in site.events()}) == 1
    assert site.events()[2]["userId"] == "u-1"
    await page.evaluate("unisono.track('Closing')")
    await page.close()
    await site.until(lambda: site.named("Closing"))


async def test_strict_content_security_policy(site: Site, visit: Open) -> None:
    """Under `default-src 'self'` with Trusted Types enforced the snippet works and nothing is reported."""
    policy = "default-src 'self'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
    page = await visit(
        inline=False,
        headers={"Content-Security-Policy": policy},
        early="unisono.push(['page']);"
        "window.broken = []; addEventListener('securitypolicyviolation', (e) => broken.push(e.violatedDirective));",
    )
    await page.evaluate("unisono.track('Strict')")
    await site.until(lambda: len(site.events()) == 2)
    await page.evaluate("unisono.track('Going')")
    assert await page.evaluate("broken") == []
    await page.close()
    await site.until(lambda: site.named("Going"))


async def test_misuse_never_throws_into_the_page(site: Site, visit: Open) -> None:
    """Wrong types, cycles and poison ids neither throw nor log, and become no id."""
    page = await visit()
    await page.evaluate("""() => {
        const cycle = {}; cycle.self = cycle;
        unisono.track('Cycle', cycle); unisono.track('Big', {n: 10n}); unisono.track(); unisono.track({});
        unisono.track('Bad', {get x() { throw new Error('page') }});
        unisono.consent(null); unisono.group(); unisono.alias(); unisono.push(null); unisono.push(['constructor']);
        unisono.push(['nothing']); unisono.push('page');
        for (const id of ['undefined', 'null', '[object Object]', '', NaN, null, undefined, {}, [], true])
            unisono.identify(id);
        unisono.identify({plan: 'gold'});
        unisono.track('Odd', {nul: 'a\\u0000b', lone: '\\ud800', nan: NaN, big: 1e400, when: new Date(0)});
    }""")
    await site.until(lambda: site.named("Odd"))
    identifies = [event for event in site.events() if event["type"] == "identify"]
    assert len(identifies) == 11
    assert not [event for event in identifies if "userId" in event]
    assert identifies[-1]["traits"] == {"plan": "gold"}
    odd = site.named("Odd")[0]["properties"]
    assert (odd["nan"], odd["big"], odd["when"]) == (None, None, "1970-01-01T00:00:00.000Z")
    assert sum(event["context"].get("dropped", 0) for event in site.events()) == 3
    assert [event["event"] for event in site.events() if event["type"] == "track"] == ["Odd"]


async def test_poison_in_storage_is_replaced(site: Site, visit: Open, context: BrowserContext) -> None:
    """An anonymousId spoilt by another script is made anew; a spoilt choice is no choice."""
    await context.add_init_script(
        "localStorage.unisono_anonymous_id = 'undefined {}'; localStorage.unisono_consent = '[tru'"
    )
    page = await visit(consent="required", early="unisono.push(['page'])")
    await page.wait_for_timeout(500)
    assert not site.posts
    await page.evaluate("unisono.consent({statistics: true})")
    await site.until(lambda: len(site.events()) == 2)
    assert UUID.fullmatch(site.events()[1]["anonymousId"])


async def test_a_page_rendered_ahead_counts_when_it_is_seen(site: Site, visit: Open, context: BrowserContext) -> None:
    """A prerendered page sends nothing until the visitor really opens it."""
    await context.add_init_script(
        "window.ahead = true; Object.defineProperty(Document.prototype, 'prerendering', {get: () => window.ahead})"
    )
    page = await visit(early="unisono.push(['page'])")
    await page.wait_for_timeout(500)
    assert not site.posts
    await page.evaluate("window.ahead = false; document.dispatchEvent(new Event('prerenderingchange'))")
    await site.until(lambda: len(site.events()) == 1)


async def test_no_write_key_and_double_tags_do_no_harm(site: Site, visit: Open) -> None:
    """Without a write key nothing is stored or sent; a second tag on the page changes nothing."""
    page = await visit(write_key="", early="unisono.push(['page'])")
    await page.evaluate("unisono.consent({statistics: true}), unisono.track('Never')")
    await page.wait_for_timeout(400)
    assert await page.evaluate(STORED) == '[[],""]'
    assert not site.posts
    page = await visit("/again", early="unisono.push(['page'])")
    await page.add_script_tag(url=f"{site.url}/unisono.js")
    await page.evaluate("unisono.track('Once')")
    await site.until(lambda: len(site.events()) == 2)


async def test_script_from_another_host_posts_there_without_preflight(
    site: Site, visit: Open, context: BrowserContext
) -> None:
    """The page may be anywhere: events go to the host the script came from, as simple requests."""
    pages = Site(collector_url=site.url.replace("127.0.0.1", "localhost"))
    try:
        page = await context.new_page()
        site.answers.append(Answer(503, {"Retry-After": "1"}))
        await page.goto(pages.page(early="unisono.push(['page'])"))
        await site.until(lambda: len(site.events()) == 1)
        assert [post.status for post in site.posts] == [503, 200]
        assert site.posts[1].at - site.posts[0].at >= 0.9
        assert not [request for request in site.requests if request.startswith("OPTIONS")]
        assert not pages.posts
    finally:
        pages.close()


async def test_debug_speaks(site: Site, context: BrowserContext) -> None:
    """With debug on, the console shows what is queued and why something is not."""
    page = await context.new_page()
    words: list[str] = []
    page.on("console", lambda message: words.append(message.text))
    await page.goto(
        site.page(early="unisono.push(['debug']); unisono.push(['track', 'Seen']); unisono.push(['track'])")
    )
    await site.until(lambda: site.named("Seen"))
    assert [word for word in words if word.startswith("unisono: queued")]
    assert "unisono: track needs an event name" in words
