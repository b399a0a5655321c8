"""Channels in the console, on the real database: accounts, their secrets, reach, sending paused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

import unisono
from tests.support.console import Site, identify, text_of
from unisono.console.views import channels as views
from unisono.console.views.details import DETAILS
from unisono.console.words import Words
from unisono.customers.consent import service as consent
from unisono.customers.consent.model import NewEntry
from unisono.engagement.channels.model import Account
from unisono.engagement.channels.registry import ADAPTERS
from unisono.kit.database import transaction

SMTP: dict[str, Any] = {
    "name": "Newsletter",
    "code": "news",
    "set.host": "mail.alpestre.example",
    "set.sender": "news@alpestre.example",
    "set.port": "587",
    "set.security": "starttls",
    "set.user": "news",
    "set.events": "none",
    "secret.password": "tazza-segreta",
    "per_second": "20",
    "rank": "10",
}


def read(html: str) -> str:
    return unescape(text_of(html))


async def connect(site: Site, **more: str) -> None:
    """An owner connects a mail server."""
    await site.sign_in_as("owner")
    made = await site.post("/console/channel-new?kind=smtp", {**SMTP, **more})
    assert made.status_code == 303, read(made.text)
    assert made.headers["location"] == "/console/channels/news"


async def test_an_account_is_connected_and_its_secret_is_never_shown_again(site: Site) -> None:
    """The form is what the kind asks; a secret goes in and comes out nowhere, and stays when nothing is typed."""
    await site.sign_in_as("owner")
    assert "No way out yet" in read((await site.get("/console/channels")).text)
    blank = (await site.get("/console/channel-new?kind=smtp")).text
    assert 'name="set.host"' in blank
    assert 'type="password"' in blank
    await connect(site, **{"warm.begins": "2026-12-01", "cost": "0,01"})
    page = (await site.get("/console/channels/news")).text
    assert "tazza-segreta" not in page
    assert "It is set; leave this empty to keep it." in page
    changed = {**SMTP, "secret.password": "", "name": "News", "set.port": "465", "set.security": "tls"}
    assert (await site.post("/console/channels/news", changed)).status_code == 303
    row = await site.pool.fetchrow("select name, secrets, settings::text as settings from channel_account")
    assert row["name"] == "News"
    assert row["secrets"] is not None
    assert b"tazza" not in row["secrets"]
    assert '"port": 465' in row["settings"]
    assert "tazza-segreta" not in str(await site.audit("channel.create"))
    assert "tazza-segreta" not in str(await site.pool.fetch("select * from idempotency"))
    listed = read((await site.get("/console/channels")).text)
    assert "News" in listed
    assert "Nothing leaves by: SMS" in listed


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"code": "No!"}, "A code is 1 to 63"),
        ({"set.host": ""}, "host"),
        ({"set.port": "many"}, "cannot be read"),
        ({"per_second": "fast"}, "is no number"),
        ({"warm.begins": "soon"}, "is no day"),
        ({"set.security": "none"}, "Without TLS mail goes to"),
    ],
    ids=["code", "missing", "port", "rate", "day", "plain"],
)
async def test_an_account_that_cannot_work_is_refused_and_what_was_typed_stays(
    site: Site, fields: dict[str, str], said: str
) -> None:
    await site.sign_in_as("owner")
    answer = await site.post("/console/channel-new?kind=smtp", {**SMTP, **fields})
    assert answer.status_code == 400
    assert said in read(answer.text)
    assert 'value="Newsletter"' in answer.text
    assert f'name="per_second" type="text" value="{(SMTP | fields)["per_second"]}"' in answer.text
    assert "tazza-segreta" not in answer.text
    assert await site.pool.fetchval("select count(*) from channel_account") == 0
    assert (await site.get("/console/channel-new?kind=pigeon")).status_code == 400


async def test_an_account_is_paused_and_the_pause_taken_back(site: Site) -> None:
    await connect(site)
    await site.post("/console/channels/news/status", {"status": "paused"})
    landed = await site.get("/console/channels/news")
    assert "/console/channels/news/status?status=active" in landed.text
    assert await site.pool.fetchval("select status from channel_account") == "paused"
    await site.post("/console/channels/news/status?status=active")
    assert await site.pool.fetchval("select status from channel_account") == "active"
    await site.post("/console/channels/news/status", {"status": "gone"})
    assert await site.pool.fetchval("select status from channel_account") == "active"
    assert (await site.get("/console/channels/none")).status_code == 404


async def test_trying_a_connection_tells_what_came_of_it_and_sends_nothing(site: Site) -> None:
    """A server that is not there is told in words; the try is audited."""
    await connect(site, **{"set.host": "mail.invalid"})
    answer = await site.post("/console/channels/news/test")
    assert answer.status_code == 200
    assert "It does not answer as it should" in read(answer.text)
    assert "Nobody answers there: check server, port and encryption." in read(answer.text)
    assert len(await site.audit("channel.test")) == 1


async def test_reach_is_counted_by_consent_and_a_channel_thought_away(site: Site) -> None:
    """Somebody who agreed to e-mail alone is lost with it; nobody is reached without a consent."""
    await site.send(
        identify("ada", email="ada@example.it", phone="+393331112223"), identify("bob", email="bob@example.it")
    )
    await site.work()
    await site.sign_in_as("owner")
    assert "Marketing reaches nobody yet" in read((await site.get("/console/channel-reach")).text)
    await grant(site)
    page = read((await site.get("/console/channel-reach?without=email")).text)
    assert "As if there were no E-mail" in page
    assert "Lost 1" in page


async def grant(site: Site) -> None:
    """Ada agrees to e-mails."""
    node, now = await site.pool.fetchval("select id from node where value = 'ada@example.it'"), datetime.now(UTC)
    entry = NewEntry(
        node_id=node, purpose="marketing", channel="email", action="confirmed", key="k", source="test",
        actor="test", at=now,
    )  # fmt: skip
    async with transaction(site.pool) as conn:
        await consent.record(conn, [entry], now=now)


async def test_all_sending_is_paused_told_on_every_screen_of_the_voice_and_resumed_by_an_owner(site: Site) -> None:
    """The banner says why and since when; only who may connect providers resumes."""
    await site.sign_in_as("owner")
    no_reason = await site.post("/console/sending", {"deed": "pause"})
    assert no_reason.status_code == 303
    assert await site.pool.fetchval("select paused_at from sending") is None
    await site.post("/console/sending", {"deed": "pause", "reason": "A wrong list"})
    for path in ("/console/templates", "/console/brand", "/console/channels", "/console/channel-reach"):
        assert "Sending is paused: nothing leaves A wrong list" in read((await site.get(path)).text)
    assert "Sending is paused" not in read((await site.get("/console/people")).text)
    await site.sign_in_as("marketer")
    page = read((await site.get("/console/channels")).text)
    assert "An owner of this installation can resume it." in page
    assert (await site.post("/console/sending", {"deed": "resume"})).status_code == 403
    await site.sign_in_as("owner")
    await site.post("/console/sending", {"deed": "resume"})
    assert "Sending is paused" not in read((await site.get("/console/channels")).text)
    assert len(await site.audit("sending.paused")) == 1
    assert len(await site.audit("sending.resumed")) == 1


async def test_a_marketer_sees_how_channels_fare_but_no_account(site: Site) -> None:
    await connect(site)
    await site.sign_in_as("marketer")
    page = await site.get("/console/channels")
    assert "Newsletter" in page.text
    assert 'href="/console/channels/news"' not in page.text
    assert (await site.get("/console/channels/news")).status_code == 403


def test_the_next_account_is_used_while_the_first_rests_after_failures() -> None:
    """A circuit that is open is no way out: the card says which account messages leave by now."""
    words, now = Words("en", ZoneInfo("UTC")), datetime.now(UTC)
    first = Account(id=1, code="a", kind="smtp", channel="email", name="A", failures=5)
    second = msgspec.structs.replace(first, id=2, code="b", name="B", failures=0)
    for until, used in ((None, ["A"]), (now + timedelta(minutes=1), ["B"]), (now - timedelta(minutes=1), ["A"])):
        resting = msgspec.structs.replace(first, closed_until=until)
        [card] = views.cards([resting, second], now, words, may_open=True)
        assert [row.name for row in card.accounts if row.used] == used


def test_every_kind_of_account_can_be_called_in_italian_and_its_settings_have_a_label() -> None:
    """An adapter that is added needs its words here, or a form would show the names of its fields."""
    assert {adapter.title for adapter in ADAPTERS.values()} == set(views.TITLES)
    asked = {field.encode_name for adapter in ADAPTERS.values() for field in views.fields_of(adapter)}
    secrets = {name for adapter in ADAPTERS.values() for name in adapter.secret_names}
    assert (asked | secrets) - set(views.LABELS) == set()


def test_what_the_everyday_accounts_refuse_can_be_said_in_another_language() -> None:
    """Every sentence of a refused account or mail server is among those that are translated."""
    for room in ("accounts", "adapters/smtp"):
        source = (Path(unisono.__file__).parent / f"engagement/channels/{room}.py").read_text()
        said = re.findall(r'problem = (f?)"([^"]+)"', source)
        assert len(said) >= 6
        for filled, text in said:
            if "serves" in text:
                continue  # no form offers a channel a kind does not serve
            spoken = re.sub(r"\{[^}]*\}", "7", text) if filled else text
            assert any(re.fullmatch(re.sub(r"\\\{\w+\\\}", ".+", re.escape(known)), spoken) for known in DETAILS), text
