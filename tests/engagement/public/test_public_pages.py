"""The public pages as mail programs, scanners and people call them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.consent import Somebody, granted, people
from tests.support.console import console_site
from tests.support.secret import TEST_SECRET
from unisono.customers.consent import confirming, service, texts
from unisono.customers.consent.model import NewEntry
from unisono.engagement.channels.reading import safe_target
from unisono.engagement.public.preferring import read_answers
from unisono.kit import tokens
from unisono.kit.clock import system_clock
from unisono.kit.database import Pool, transaction

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


class Visit:
    """Maria, a message she got, and a browser without cookies."""

    def __init__(self, pool: Pool, client: httpx.AsyncClient, maria: Somebody, message: int) -> None:
        self.pool, self.client, self.maria, self.message = pool, client, maria, message

    def path(self, kind: str, *numbers: int) -> str:
        """A link of ours."""
        return tokens.link(TEST_SECRET, "", kind, *numbers)

    @property
    def unsubscribe(self) -> str:
        """The message's own link."""
        return self.path(tokens.UNSUBSCRIBE, self.message)

    @property
    def preferences(self) -> str:
        """Her preference centre, by the message."""
        return self.path(tokens.PREFERENCES, self.maria.email, self.message)

    async def status(self, node: int, purpose: str = "marketing", channel: str = "email") -> str | None:
        """What holds under an identifier."""
        async with transaction(self.pool) as conn:
            states = (await service.states_of(conn, [node])).get(node, ())
        return next((one.status for one in states if (one.purpose, one.channel) == (purpose, channel)), None)

    async def facts(self) -> tuple[int, ...]:
        """How much there is of everything a visit could change."""
        async with transaction(self.pool) as conn:
            return tuple(
                [
                    await conn.fetchval(f"select count(*) from {table}")
                    for table in ("consent_entry", "consent_state", "suppression", "opt_in_request", "event")
                ]
            )

    async def save(self, wanted: set[str], **more: Any) -> httpx.Response:
        """Open the preference centre, tick these boxes and no others, save."""
        html = (await self.client.get(self.preferences, **more)).text
        shown = re.findall(r'name="shown" value="([^"]*)"', html)
        return await self.client.post(
            self.preferences, data={"do": "save", "shown": shown, "yes": sorted(wanted)}, **more
        )


async def make_message(conn: Any, node: int, channel: str = "email") -> int:
    """A message that left."""
    account = await conn.fetchval(
        """insert into channel_account (code, kind, channel, name, created_by) values ($1, 'test', $1, $1, 'test')
           on conflict (code) do update set name = $1 returning id""",
        channel,
    )
    now = system_clock()
    return int(
        await conn.fetchval(
            """insert into message (key, node_id, origin, purpose, channels, due_at, try_at, state, channel,
                   address_node, account_id, created_by, handed_over_at)
               values (gen_random_uuid()::text, $1, 'api', 'marketing', array[$2], $3, $3, 'accepted', $2, $1, $4,
                       'test', $3) returning id""",
            node,
            channel,
            now,
            account,
        )
    )


@pytest.fixture
async def visit(pool: Pool, dsn: str) -> AsyncIterator[Visit]:
    """Maria agreed to e-mails and got one."""
    now = system_clock()
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        await service.record(conn, [granted(maria.email, at=now - timedelta(days=1))], now=now)
        message = await make_message(conn, maria.email)
        for channel in ("sms", "mail"):
            await conn.execute(
                """insert into channel_account (code, kind, channel, name, created_by)
                   values ($1, 'test', $1, $1, 'test')""",
                channel,
            )
    async with console_site(dsn) as site:
        yield Visit(pool, site.browser(), maria, message)


async def test_scanners_may_open_every_link_and_change_nothing(visit: Visit) -> None:
    """GET, HEAD, OPTIONS and fetching ahead of every kind of link, in both languages, twice: the same entries, states
    and events as before."""
    async with transaction(visit.pool) as conn:
        await conn.execute(
            "insert into message_content (message_id, rendered) values ($1, $2)",
            visit.message,
            '{"links": ["https://shop.example/a"]}',
        )
        now = system_clock()
        asked = await confirming.request_opt_in(conn, granted(visit.maria.phone, channel="sms", at=now), now=now)
    assert asked is not None
    before = await visit.facts()
    paths = [
        visit.unsubscribe,
        visit.preferences,
        visit.path(tokens.CONFIRM, asked.entry_id),
        visit.path(tokens.LINK, visit.message, 0),
        visit.path(tokens.OPEN, visit.message),
    ]
    for _ in range(2):
        for path in paths:
            for language in ("", "?lang=it"):
                answer = await visit.client.get(path + language)
                assert answer.status_code in (200, 302), path
                await visit.client.head(path + language)
                await visit.client.options(path + language)
                await visit.client.get(path + language, headers={"sec-purpose": "prefetch", "purpose": "prefetch"})
    assert await visit.facts() == before
    assert await visit.status(visit.maria.email) == "granted"


async def test_one_click_unsubscribes_without_cookies_and_says_so_once(visit: Visit) -> None:
    """The POST of RFC 8058, from anywhere, twice: one withdrawal of that address and channel, naming the message."""
    for _ in range(2):
        answer = await visit.client.post(
            visit.unsubscribe,
            data=ONE_CLICK,
            headers={"origin": "https://mail.example", "sec-fetch-site": "cross-site"},
        )
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    assert await visit.status(visit.maria.email) == "withdrawn"
    assert await visit.status(visit.maria.phone, channel="sms") is None
    async with transaction(visit.pool) as conn:
        entries = await service.entries_of(conn, visit.maria.nodes)
        said = await conn.fetchval("select properties->>'message_id' from event order by id desc limit 1")
    assert [entry.action for entry in entries] == ["withdrawn", "granted"]
    assert entries[0].source == "one_click"
    assert said == str(visit.message)


PARTS = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
        ("Application/X-WWW-Form-UrlEncoded; charset=UTF-8", b"List-Unsubscribe=One-Click"),
        ("multipart/form-data; boundary=x", PARTS),
        ("Multipart/Form-Data; boundary=x", PARTS),
    ],
    ids=["urlencoded", "urlencoded, otherwise written", "multipart", "multipart, otherwise written"],
)
async def test_one_click_comes_as_either_kind_of_form(visit: Visit, kind: str, body: bytes) -> None:
    """RFC 8058, section 3.2: urlencoded or multipart; the kind's name is written in large letters or small ones."""
    answer = await visit.client.post(visit.unsubscribe, content=body, headers={"content-type": kind})
    assert answer.status_code == 200, answer.text
    assert await visit.status(visit.maria.email) == "withdrawn"


async def test_a_post_that_says_nothing_changes_nothing(visit: Visit) -> None:
    """Neither the header's words nor the button: refused, as JSON and large bodies are."""
    before = await visit.facts()
    for more in ({"data": {"a": "b"}}, {"json": ONE_CLICK}, {"content": b"List-Unsubscribe=One-Click"}):
        assert (await visit.client.post(visit.unsubscribe, **more)).status_code == 400
    big = await visit.client.post(visit.unsubscribe, data={"List-Unsubscribe": "One-Click" * 20_000})
    assert big.status_code == 413
    assert await visit.facts() == before


async def test_whoever_agrees_again_can_unsubscribe_again_by_the_same_link(visit: Visit) -> None:
    """The link is of the message, not of the moment."""
    await visit.client.post(visit.unsubscribe, data=ONE_CLICK)
    assert "Saved" in (await visit.save({"marketing.email"})).text
    assert await visit.status(visit.maria.email) == "granted"
    await visit.client.post(visit.unsubscribe, data=ONE_CLICK)
    assert await visit.status(visit.maria.email) == "withdrawn"


async def test_the_preference_centre_records_only_what_was_changed(visit: Visit) -> None:
    """Ticking what was not, unticking what was; saving as it is records nothing."""
    assert "Nothing was changed" in (await visit.save({"marketing.email"})).text
    before = await visit.facts()
    assert (await visit.save({"marketing.email"})).status_code == 200
    assert await visit.facts() == before
    page = await visit.save({"marketing.email", "marketing.sms", "profiling"})
    assert "Saved" in page.text
    assert await visit.status(visit.maria.phone, channel="sms") == "granted"
    assert await visit.status(visit.maria.user, "profiling", "any") == "granted"
    await visit.save({"marketing.sms"})
    assert await visit.status(visit.maria.email) == "withdrawn"
    assert await visit.status(visit.maria.user, "profiling", "any") == "withdrawn"
    assert await visit.status(visit.maria.phone, channel="sms") == "granted"


async def test_a_page_left_open_does_not_bring_back_what_was_withdrawn_since(visit: Visit) -> None:
    """The page showed a yes; it was withdrawn elsewhere; saving the old page leaves it withdrawn."""
    html = (await visit.client.get(visit.preferences)).text
    shown = re.findall(r'name="shown" value="([^"]*)"', html)
    await visit.client.post(visit.unsubscribe, data=ONE_CLICK)
    await visit.client.post(visit.preferences, data={"do": "save", "shown": shown, "yes": ["marketing.email"]})
    assert await visit.status(visit.maria.email) == "withdrawn"


async def test_a_yes_there_lifts_the_no_of_every_address_and_proves_only_its_own(visit: Visit) -> None:
    """A second address said no: the new yes lifts it. A third was never proven: it is left alone."""
    async with transaction(visit.pool) as conn:
        second = await visit.maria.another(conn, "email", "second@example.it")
        third = await visit.maria.another(conn, "email", "third@example.it")
        await service.withdraw(conn, [second], channel="email", source="test", actor="t", now=system_clock())
    page = (await visit.client.get(visit.preferences)).text
    assert re.search(r'id="marketing.email"[^>]*value="marketing.email" aria', page), "not ticked"
    await visit.save({"marketing.email"})
    assert await visit.status(visit.maria.email) == "granted"
    assert await visit.status(second) == "granted"
    assert await visit.status(third) is None


async def test_an_address_the_link_did_not_reach_is_asked_to_confirm(visit: Visit) -> None:
    """By a link that came by SMS somebody says yes to e-mail: the owner of that address must confirm it."""
    async with transaction(visit.pool) as conn:
        bruno = (await people(conn, 1))[0]
        message = await make_message(conn, bruno.phone, "sms")
    visit.maria, visit.message = bruno, message
    link = visit.path(tokens.PREFERENCES, bruno.phone, message)
    shown = ["marketing.email:no:", "marketing.sms:no:"]
    await visit.client.post(link, data={"do": "save", "shown": shown, "yes": ["marketing.email", "marketing.sms"]})
    assert await visit.status(bruno.email) == "requested"
    assert await visit.status(bruno.phone, channel="sms") == "granted"


async def test_no_marketing_at_all_is_one_button(visit: Visit) -> None:
    """Every channel of every identifier; each can be agreed to again afterwards."""
    answer = await visit.client.post(visit.preferences, data={"do": "none"})
    assert "no news and offers reach you" in answer.text
    for node, channel in ((visit.maria.email, "email"), (visit.maria.phone, "sms"), (visit.maria.user, "mail")):
        assert await visit.status(node, channel=channel) == "withdrawn"
    await visit.save({"marketing.sms"})
    assert await visit.status(visit.maria.phone, channel="sms") == "granted"


async def test_a_confirmation_needs_the_button_and_counts_once(visit: Visit) -> None:
    """Shown, confirmed, confirmed again, shown again: one entry, with the words and how it was said."""
    now = system_clock()
    async with transaction(visit.pool) as conn:
        bruno = (await people(conn, 1))[0]
        await texts.publish_text(
            conn, "news", {"it": "Sì, scrivetemi."}, purpose="marketing", channels=("email",), actor="o", now=now
        )
        words = {"text_id": "news", "text_version": 1, "text_language": "it"}
        asked = await confirming.request_opt_in(conn, granted(bruno.email, at=now, **words), now=now)
    assert asked is not None
    path = visit.path(tokens.CONFIRM, asked.entry_id)
    shown = await visit.client.get(path, headers={"accept-language": "it"})
    assert "Sì, scrivetemi." in shown.text
    assert "Confermo" in shown.text
    assert await visit.status(bruno.email) == "requested"
    for _ in range(2):
        done = await visit.client.post(path, headers={"user-agent": "Firefox"})
        assert "Confirmed" in done.text
    assert "Confirmed" in (await visit.client.get(path)).text
    async with transaction(visit.pool) as conn:
        entries = await service.entries_of(conn, [bruno.email])
    assert [entry.action for entry in entries] == ["confirmed", "requested"]
    assert entries[0].text_id == "news"
    assert entries[0].proof["user_agent"] == "Firefox"


async def test_a_confirmation_that_comes_too_late_says_so(visit: Visit) -> None:
    """Past its time nothing is recorded, by looking or by pressing."""
    long_ago = system_clock() - timedelta(days=31)
    async with transaction(visit.pool) as conn:
        bruno = (await people(conn, 1))[0]
        asked = await confirming.request_opt_in(conn, granted(bruno.email, at=long_ago), now=long_ago)
    assert asked is not None
    path = visit.path(tokens.CONFIRM, asked.entry_id)
    for answer in (await visit.client.get(path), await visit.client.post(path)):
        assert answer.status_code == 409
        assert "too late" in answer.text
    assert await visit.status(bruno.email) == "requested"


async def test_links_we_did_not_make_are_a_page_that_says_so(visit: Visit) -> None:
    """Whoever makes up a link gets no hint, no error of ours, and a page with all its headers."""
    before = await visit.facts()
    for prefix in ("/p/", "/u/", "/l/"):
        for token in ("undefined", "null", "0", "%00", "A" * 190, "A" * 2000, "..%2f", "%F0%9F%92%A9", "%ED%A0%80"):
            path = prefix + token
            for answer in (await visit.client.get(path), await visit.client.post(path, data=ONE_CLICK)):
                assert answer.status_code in (400, 404, 405), path
                if answer.status_code == 404 and "text/html" in answer.headers["content-type"]:
                    assert "This link does not work" in answer.text
                    assert answer.headers["cache-control"] == "no-store"
    assert await visit.facts() == before


async def test_a_link_leads_to_no_other_persons_page(visit: Visit) -> None:
    """Any letter of it changed, cut off or added: the page of nobody. Two links have nothing in common."""
    token = visit.preferences.removeprefix("/p/")
    other = visit.path(tokens.PREFERENCES, visit.maria.email + 1, visit.message).removeprefix("/p/")
    assert sum(one == another for one, another in zip(token, other, strict=True)) < len(token) // 2
    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert (await visit.client.get(f"/p/{changed}")).status_code == 404
    for wrong in (token[:-1], f"{token}A", f"{token}=", token.swapcase(), str(visit.maria.email)):
        assert (await visit.client.get(f"/p/{wrong}")).status_code == 404


async def test_a_link_of_an_erased_person_says_nothing(visit: Visit) -> None:
    """The identifiers are gone: the page does not know the link any more."""
    links = [visit.unsubscribe, visit.preferences]
    async with transaction(visit.pool) as conn:
        await conn.execute("delete from node where id = any($1::bigint[])", visit.maria.nodes)
    for link in links:
        assert (await visit.client.get(link)).status_code == 404
        assert (await visit.client.post(link, data=ONE_CLICK | {"do": "none"})).status_code == 404


async def test_pages_are_kept_nowhere_and_load_nothing_from_elsewhere(visit: Visit) -> None:
    """The headers that keep the key in the address from leaking, and no whole address in the page."""
    for path in (visit.unsubscribe, visit.preferences, "/p/unknown"):
        answer = await visit.client.get(path)
        headers = answer.headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-robots-tag"] == "noindex, nofollow"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "<script" not in answer.text
        assert not re.search(r'(src|href)="https?:', answer.text)
        assert not re.search(r"[a-z0-9]{6,}@example\.it", answer.text)


async def test_a_counted_link_leads_where_the_message_led_and_nowhere_else(visit: Visit) -> None:
    """The address comes from the message; with consent to tracking the click is told once, without it never."""
    async with transaction(visit.pool) as conn:
        await conn.execute(
            "insert into message_content (message_id, rendered) values ($1, $2)",
            visit.message,
            '{"links": ["https://shop.example/caffè?a=1&b=2#x", "javascript:alert(1)"]}',
        )
    link = visit.path(tokens.LINK, visit.message, 0)
    answer = await visit.client.get(link + "?url=https://evil.example")
    assert answer.status_code == 302
    assert answer.headers["location"] == "https://shop.example/caff%C3%A8?a=1&b=2#x"
    for place in (1, 2):
        assert (await visit.client.get(visit.path(tokens.LINK, visit.message, place))).status_code == 404
    clicked = "select count(*) from event where name = 'Email Link Clicked'"
    async with transaction(visit.pool) as conn:
        assert await conn.fetchval(clicked) == 0
        entry = NewEntry(
            node_id=visit.maria.user, purpose="tracking", channel="any", action="granted", key="t", source="test",
            actor="t", at=system_clock() - timedelta(hours=1),
        )  # fmt: skip
        await service.record(conn, [entry], now=system_clock())
    for path in (link, visit.path(tokens.OPEN, visit.message)):
        assert (await visit.client.head(path)).status_code == 405
    async with transaction(visit.pool) as conn:
        told = "select count(*) from event where name in ('Email Opened', 'Email Link Clicked')"
        assert await conn.fetchval(told) == 0, "whoever asks for a page's head has not read it"
    for _ in range(3):
        await visit.client.get(link)
        pixel = await visit.client.get(visit.path(tokens.OPEN, visit.message))
        assert pixel.headers["content-type"] == "image/gif"
    async with transaction(visit.pool) as conn:
        assert await conn.fetchval(clicked) == 1
        assert await conn.fetchval("select count(*) from event where name = 'Email Opened'") == 1


def test_a_box_that_is_sent_a_thousand_times_is_one_answer() -> None:
    """However long the form, there is no more to do than there are boxes."""
    answers = read_answers(["marketing.sms:yes:", "profiling:no:"] * 1000, ["profiling"])
    assert [(one.name, one.was, one.wanted) for one in answers] == [
        ("marketing.sms", True, False),
        ("profiling", False, True),
    ]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.example/b", "https://a.example/b"),
        ("HTTP://a.example", "HTTP://a.example"),
        ("https://a.example/\r\nset-cookie: x", "https://a.example/%0D%0Aset-cookie:%20x"),
        ("javascript:alert(1)", None),
        ("//a.example", None),
        ("https:", None),
        ("https://[a.example/b", None),
        ("https://a.example/\ud800", None),
        (None, None),
    ],
    ids=["plain", "capitals", "line break", "script", "no scheme", "no host", "half a bracket", "half a sign", "none"],
)
def test_only_web_addresses_are_led_to(url: object, target: str | None) -> None:
    """And none of them can add a header."""
    assert safe_target(url) == target
